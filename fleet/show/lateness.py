"""The figure of how late results are, with a band over replications."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from fleet.results.interval import t95
from fleet.results.record import Record
from fleet.show.style import COLOURS, LINES, Table, axes_of

Numbers = NDArray[Any]


def column(table: pa.Table, name: str) -> Numbers:
    """Return a column of a table."""
    values: Numbers = table[name].to_numpy()
    return values


def latency_cdf(record: Record) -> tuple[Figure, Table]:
    """Return the share of the frames due that are results within a latency, by arm.

    Frames that are lost or skipped never are, so the curve of an arm may end below one. The band is
    the 95 % interval over replications. Steps too low to be seen are joined.
    """
    figure, axes = axes_of()
    end_ms = _highest(record, "max")
    table: Table = [("arm", "latency_ms", "share_of_due", "low", "high", "share_of_results")]
    for i, arm in enumerate(record.arms):
        classes = record.tables.of("histograms", arm)
        upper = np.unique(column(classes, "latency_ns_upper"))
        if not len(upper):
            continue
        # No result is later than the longest, which may lie inside the last class.
        ms = np.minimum(upper * 1e-6, _highest(record, "max", arm))
        shares = np.array(list(_shares_within(record, arm, upper)))
        kept = _seen(shares.mean(axis=0))
        ms, shares = ms[kept], shares[:, kept]
        share = shares.mean(axis=0)
        low, high = share, share
        if len(shares) > 1:
            t = t95(len(shares) - 1, looked=record.looked)
            half = t * shares.std(axis=0, ddof=1) / np.sqrt(len(shares))
            low, high = share - half, share + half
            axes.fill_between(
                ms, low, high, step="post", color=COLOURS[i % 9], alpha=0.25, linewidth=0
            )
        axes.step(
            [ms[0], *ms, end_ms],
            [0.0, *share, share[-1]],
            where="post",
            label=arm,
            color=COLOURS[i % 9],
            linestyle=LINES[i % 4],
        )
        table += [
            (arm, f"{row[0]:.6g}", *(f"{x:.8g}" for x in row[1:]))
            for row in zip(ms, share, low, high, share / share[-1], strict=True)
        ]
    axes.set_xscale("log")
    _show_bulk(axes, record)
    _plain_log_ticks(axes)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("latency from capture to consumer (ms)")
    axes.set_ylabel("share of frames due")
    if axes.lines:
        figure.legend(loc="outside lower center", ncols=3)
    return figure, table


def latency_ccdf(record: Record) -> tuple[Figure, Table]:
    """Return the share of results that are later than a latency, both over their logarithms.

    The band is the 95 % interval over replications, cut at the least share that can be told.
    """
    figure, axes = axes_of()
    table: Table = [("arm", "latency_ms", "share_later", "low", "high")]
    least = 1.0
    for i, arm in enumerate(record.arms):
        upper = np.unique(column(record.tables.of("histograms", arm), "latency_ns_upper"))
        if not len(upper):
            continue
        ms = np.minimum(upper * 1e-6, _highest(record, "max", arm))
        within = np.array(list(_shares_within(record, arm, upper)))
        later = 1.0 - within / np.maximum(within[:, -1:], 1e-300)
        kept = _told(later.mean(axis=0))
        ms, later = ms[kept], later[:, kept]
        mean = np.where(later.mean(axis=0) > 1e-12, later.mean(axis=0), np.nan)
        low, high = mean, mean
        if len(later) > 1:
            t = t95(len(later) - 1, looked=record.looked)
            half = t * later.std(axis=0, ddof=1) / np.sqrt(len(later))
            low, high = np.maximum(mean - half, 1e-9), mean + half
            axes.fill_between(
                ms, low, high, step="post", color=COLOURS[i % 9], alpha=0.25, linewidth=0
            )
        axes.step(
            [ms[0], *ms], [1.0, *mean], where="post", label=arm, color=COLOURS[i % 9],
            linestyle=LINES[i % 4],
        )  # fmt: skip
        least = min(least, float(np.nanmin(mean, initial=1.0)))
        table += [
            (arm, *(f"{x:.6g}" for x in row))
            for row in zip(ms, mean, low, high, strict=True)
            if not np.isnan(row[1])
        ]
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(max(10 ** np.floor(np.log10(least)), 1e-7), 1.3)
    _plain_log_ticks(axes)
    axes.yaxis.set_major_formatter(FuncFormatter(_power))
    axes.set_xlabel("latency from capture to consumer (ms)")
    axes.set_ylabel("share of later results")
    if axes.lines:
        figure.legend(loc="outside lower center", ncols=3)
    return figure, table


_SEEN = 0.0005
"""A step of a share that is lower is not seen: a tenth of a point on paper."""


def _seen(shares: Numbers) -> list[int]:
    """Return the last places of the steps by which a rising curve can be seen to rise."""
    kept, last = [0], len(shares) - 1
    for k in range(1, last + 1):
        if k == last or shares[k + 1] - shares[kept[-1]] > _SEEN:
            kept.append(k)
    return kept


def _told(shares: Numbers) -> list[int]:
    """Return the steps of a falling curve that lower it by half a per cent of itself or more."""
    kept = [0]
    for k in range(1, len(shares)):
        if shares[k] < shares[kept[-1]] * 0.995:
            kept.append(k)
    return kept


def _shares_within(record: Record, arm: str, upper: Numbers) -> Iterator[Numbers]:
    """Yield by replication the shares of the frames due that are results within some latencies."""
    for replication, run in enumerate(record.numbers[arm]):
        classes = record.tables.of("histograms", arm, replication)
        of = np.searchsorted(upper, column(classes, "latency_ns_upper"))
        results = np.bincount(of, weights=column(classes, "results"), minlength=len(upper))
        yield np.cumsum(results) / max(run["delivered"]["due_frames"], 1)


def _highest(record: Record, name: str, of: str = "") -> float:
    """Return the highest latency of a name in any replication of an arm, or of all arms; ms."""
    return max(
        run["latency_ms"][name] or 0.0
        for arm, runs in record.numbers.items()
        for run in runs
        if of in ("", arm)
    )


def _show_bulk(axes: Axes, record: Record) -> None:
    """Cut the axis behind the 99.9th percentile of the slowest arm, and say what lies beyond."""
    tail, longest = (_highest(record, name) for name in ("p999", "max"))
    edge_ms = 1.3 * tail
    if longest > edge_ms > 0:
        axes.set_xlim(right=edge_ms)
        axes.set_title(f"up to 1.3 × p99.9; the longest is {longest:,.0f} ms", loc="right")


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _power(x: float, _: int | None = None) -> str:
    """Return a power of ten, such as 10⁻⁴."""
    return f"{x:g}" if x >= 0.01 else f"10{f'{np.log10(x):.0f}'.translate(_RAISED)}"


def _plain_log_ticks(axes: Axes) -> None:
    """Label a logarithmic axis with plain numbers, also between powers of ten if it is short."""
    low, high = axes.get_xlim()
    short = high / low < 100
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if short else (1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
