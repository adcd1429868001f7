"""What an arm did over time, in bins: how late, how much was lost, what waited, what was carried.

A bin is a second, or in long runs a whole number of them, so that there are at most `MOST` bins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fleet.arrays import Floats, Ints
from fleet.results.record import Record

MOST = 900
_SHARED = ("link_down", "link_rate", "cap_renewed", "servers_down")


@dataclass(frozen=True)
class Bins:
    """Bins of equal length over what was measured.

    Attributes:
        first_s: where the first begins.
        each_s: the length of a bin.
        many: how many there are.
    """

    first_s: float
    each_s: float
    many: int

    @property
    def end_s(self) -> float:
        """Return where the last ends."""
        return self.first_s + self.many * self.each_s

    @property
    def start_s(self) -> Floats:
        """Return where each bin begins."""
        return np.arange(self.many, dtype=np.float64) * self.each_s + self.first_s

    def of(self, start_s: Floats) -> Ints:
        """Return the bins in which some times lie."""
        at = ((start_s - self.first_s) / self.each_s + 1e-9).astype(np.int64)
        return np.clip(at, 0, self.many - 1)


@dataclass(frozen=True)
class Course:
    """An arm over time, in the mean over its replications; a value of each bin.

    Attributes:
        p99_ms: 99th percentile of the latency of the results that came then, NaN without any; of
            several replications each has its own, and this is their mean.
        missing: share of the frames that met their fate then without becoming results.
        waiting: frames in ports of shared links and in pools as the bin began, the most in it.
        mbit_s: by class of links, what all of them sent.
    """

    p99_ms: Floats
    missing: Floats
    waiting: Floats
    mbit_s: dict[str, Floats]


def bins_of(record: Record, most: int = MOST) -> Bins:
    """Return the bins of a record: no shorter than what its tables tell of."""
    series = record.tables.series
    told = series.filter(pc.equal(series["kind"], "link"))["start_s"]
    first = pc.min(told).as_py() or 0.0
    end = record.summary["simulated_s"]
    spans = np.unique(record.tables.latencies["start_s"].to_numpy())
    each = float(np.diff(spans).min()) if len(spans) > 1 else 1.0
    each = max(1.0, each)
    width = each * max(1, ceil((end - first) / each / most))
    return Bins(first, width, max(1, ceil((end - first) / width)))


def course(record: Record, arm: str, bins: Bins) -> Course:
    """Return what an arm did over time."""
    series, many = record.tables.of("series", arm), len(record.numbers[arm])
    kinds = series["kind"].to_numpy()
    at = bins.of(series["start_s"].to_numpy())
    values, names = series["value"].to_numpy().astype(np.float64), series["name"].to_numpy()

    def summed(chosen: Ints) -> Floats:
        return np.bincount(at[chosen], weights=values[chosen], minlength=bins.many) / many

    starts = np.array([str(kind).startswith(("skipped: ", "lost: ")) for kind in kinds])
    starts &= kinds != "skipped: not_published"
    lost, results = summed(np.flatnonzero(starts)), summed(np.flatnonzero(kinds == "results"))
    with np.errstate(invalid="ignore", divide="ignore"):
        missing = np.where(lost + results > 0, lost / (lost + results), np.nan)
    links = np.flatnonzero(kinds == "link")
    carried = {
        name: summed(links[names[links] == name]) / bins.each_s / 1e6
        for name in dict.fromkeys(names[links].tolist())
    }
    waiting = _waiting(series, kinds, bins, many)
    return Course(_p99_ms(record, arm, bins), missing, waiting, carried)


def _waiting(series: pa.Table, kinds: Ints, bins: Bins, many: int) -> Floats:
    """Return the frames that waited anywhere, the most in each bin."""
    here = np.char.startswith(kinds.astype(str), "queue of ")
    start_s, frames = series["start_s"].to_numpy()[here], series["value"].to_numpy()[here]
    moments, of = np.unique(start_s, return_inverse=True)
    most = np.zeros(bins.many)
    if len(moments):
        np.maximum.at(most, bins.of(moments), np.bincount(of, weights=frames) / many)
    return most


def _p99_ms(record: Record, arm: str, bins: Bins) -> Floats:
    by_run = [
        _percentile(record.tables.of("latencies", arm, replication), bins)
        for replication in range(len(record.numbers[arm]))
    ]
    known = np.sum([~np.isnan(run) for run in by_run], axis=0)
    total = np.nansum(by_run, axis=0)
    return np.where(known > 0, total / np.maximum(known, 1), np.nan)


def _percentile(rows: pa.Table, bins: Bins, share: float = 0.99) -> Floats:
    """Return a percentile of the results of each bin; ms, NaN without any."""
    at, upper = bins.of(rows["start_s"].to_numpy()), rows["latency_ns_upper"].to_numpy()
    order = np.lexsort((upper, at))
    at, upper, results = at[order], upper[order], rows["results"].to_numpy()[order]
    total = np.bincount(at, weights=results, minlength=bins.many)
    before = np.cumsum(total) - total
    rank = np.searchsorted(np.cumsum(results), before + np.ceil(share * total))
    percentile_ms = np.full(bins.many, np.nan)
    some = total > 0
    percentile_ms[some] = upper[np.minimum(rank, len(upper) - 1)[some]] * 1e-6
    return percentile_ms


def busiest(courses: Mapping[str, Course]) -> str:
    """Return the class of links that carries most in any arm; of those alike, the last."""
    means: dict[str, float] = {}
    for one in courses.values():
        for name, values in one.mbit_s.items():
            means[name] = max(means.get(name, 0.0), float(values.mean()))
    most = max(means.values(), default=0.0)
    return next(name for name in reversed(means) if means[name] >= 0.999 * most)


class Span(NamedTuple):
    """When something happened: a time or a moment; `tall` if to a link or a pool, or all."""

    low_s: float
    high_s: float
    text: str
    tall: bool


def spans(record: Record) -> list[Span]:
    """Return what happened, each span once whichever arms it met, what is shared first."""
    every = {}
    for event in sorted(record.tables.events.to_pylist(), key=lambda e: e["kind"] not in _SHARED):
        until = event["time_s"] if event["until_s"] is None else event["until_s"]
        every[event["time_s"], until, event["kind"], event["target"]] = _words(event)
    return [
        Span(low, high, text, tall=kind in _SHARED or whom is None)
        for (low, high, kind, whom), text in every.items()
    ]


def _words(event: Mapping[str, Any]) -> str:
    what = event["kind"].replace("_", " ")
    whom = f": {event['target']}" if event["target"] else ""
    change = f", {event['change']}" if event["change"] else ""
    return f"{what}{whom}{change}"
