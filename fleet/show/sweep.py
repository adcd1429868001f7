"""A study on one screen: how far it is, and then a table for each metric, points × arms."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.progress import Progress as Bar

from fleet import doors
from fleet.interrupt import check
from fleet.results.metric import Better, Metric
from fleet.results.metrics import known
from fleet.show.progress import LINE_S, bar_or_lines, duration
from fleet.show.rows import BOUND, EMPTY, told
from fleet.show.wide import Titled, heading, in_tables
from fleet.study import tidy
from fleet.study.averages import Average, arms_of, averages, places, varied
from fleet.study.demands import in_words
from fleet.study.sweep import Progress, Swept
from fleet.study.taking import Blank, Taken, can_be_taken, to_take

_LINK = "bandwidth_mbit_s.{}.mean"
_PLAIN_STEPS = 10
_LARGER = 1.1
"""A study that has grown by so much says at once how far it is now."""

FAILED = "failed"

MOST_POINTS = 50
"""So many points are shown; all are in the results."""


@contextlib.contextmanager
def progress() -> Iterator[Callable[[Progress], None]]:
    """Give a function that shows how far a study is: a bar on a terminal, some lines elsewhere."""
    with bar_or_lines() as bar:
        if not isinstance(bar, Bar):
            yield _plain_lines(bar)
            return
        task = bar.add_task("how large is it ...", total=1.0)

        def show(at: Progress) -> None:
            check()
            bar.update(task, description=_how_far(at), completed=at.share)

        yield show


def _plain_lines(write: Callable[[str], None]) -> Callable[[Progress], None]:
    last, runs, when = -1, 0, -LINE_S

    def show(at: Progress) -> None:
        nonlocal last, runs, when
        check()
        step, now = int(at.share * _PLAIN_STEPS), time.monotonic()
        is_larger = at.runs > _LARGER * runs
        # Where one run is asked for after another, each is all that there is to do.
        has_grown = at.runs > runs and now >= when + LINE_S
        if is_larger or has_grown or step > last:
            last, runs, when = step, at.runs, now
            write(_how_far(at))

    return show


def _how_far(at: Progress) -> str:
    left = "" if at.left_s is None else f", {duration(at.left_s)} left"
    more = " or more" if at.looks else ""
    return f"{at.done:,} of {at.runs:,} runs{more}, {at.share:.0%}{left}"


def chosen(table: pa.Table) -> list[str]:
    """Return the metrics that are shown if nothing else is asked: delay, loss, power, traffic."""
    there = [name for name in pc.unique(table["metric"]).to_pylist() if name]
    before, _, after = _LINK.partition("{}")
    links = [name for name in there if name.startswith(before) and name.endswith(after)]
    traffic = _LINK.format("wan") if _LINK.format("wan") in links else (links or [""])[-1]
    return [m for m in ("latency_ms.p99", "lost", "power_w.total", traffic) if m in there]


def tables(table: pa.Table, metrics: Sequence[str], out: Console) -> Iterator[Titled]:
    """Yield tables for each metric: a row for each of the first points, a column an arm.

    A cell is mean ± 95 % interval, Student's t over the replications, no narrower than the steps of
    a percentile; with one there is none.
    """
    keys_of, arms, points = varied(table), arms_of(table), places(table)
    failed = {(r["point"], r["arm"]) for r in _rows(table, pc.is_valid(table["error"]))}
    for name in metrics:
        metric, means = known(name).metric, averages(table, name)
        cells = {
            key: FAILED if key in failed else _cell(means.get(key), metric)
            for key in ((place["point"], arm) for place in points[:MOST_POINTS] for arm in arms)
        }
        title = f"{name} ({metric.unit.printed})"

        def some(
            columns: Sequence[int], title: str = title, cells: dict[Any, str] = cells
        ) -> Titled:
            mine = [arms[k] for k in columns]
            made = _empty(title, keys_of, mine)
            for place in points[:MOST_POINTS]:
                of = [cells[place["point"], arm] for arm in mine]
                made.add_row(*(plain(place[key]) for key in keys_of), *of)
            return made

        yield from in_tables(some, len(arms), out)


def _rows(table: pa.Table, mask: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (
        table.select(["point", "arm", "value"]).filter(mask.fill_null(False)).to_pylist()
    )
    return rows


def _empty(title: str, varied: Sequence[str], arms: Sequence[str]) -> Titled:
    out = Titled(title)
    for name in (*varied, *arms):
        out.add_column(heading(name), justify="right", overflow="fold")
    return out


def plain(cell: object) -> str:
    """Return a value of what varies as it is shown."""
    return f"{cell:g}" if isinstance(cell, float) else doors.terminal(str(cell))


def _cell(one: Average | None, metric: Metric) -> str:
    return EMPTY if one is None else told(metric, one.mean, one.ci95, is_bound=one.is_bound)


def bounds(table: pa.Table, metrics: Sequence[str]) -> Iterator[str]:
    """Yield what a share is of which there is nothing, if there is one in the tables."""
    shown = {place["point"] for place in places(table)[:MOST_POINTS]}
    means = (item for name in metrics for item in averages(table, name).items())
    if any(one.is_bound for (point, _), one in means if point in shown):
        yield BOUND


def how_sure(swept: Swept) -> Iterator[str]:
    """Yield what intervals are over, and whether they are as narrow as was asked."""
    many, enough = swept.study.replications, swept.study.enough
    shared = "which share their random numbers between points and arms"
    if not enough.asked:
        yield (
            f"Mean ± 95 % interval over {many} replications, {shared}."
            if many > 1
            else "One replication: no intervals; use --replications 5 or more."
        )
        return
    counts = [row["replications"] for row in swept.intervals] or [0]
    yield f"Mean ± 95 % interval over {min(counts)} to {max(counts)} replications, {shared}."
    for one in enough.asked:
        mine = [row for row in swept.intervals if row["asked"] == one.text]
        missed = [row for row in mine if not row["reached"]]
        if not missed:
            yield f"✓ {doors.terminal(one.text)}: reached at all points."
            continue
        widest = max(missed, key=lambda row: row["half_width"] or 0.0)
        which = "" if widest["half_width"] is None else (
            f"; the widest is ± {widest['half_width']:.3g} {widest['unit']} of"
            f" {widest['mean']:.4g} in {widest['arm']} at {widest['point']}"
        )  # fmt: skip
        yield (
            f"✗ {doors.terminal(one.text)}: not reached in {len(missed)} of {len(mine)} after"
            f" {enough.most} replications, the most allowed{which} ({tidy.UNTIL})."
        )


def to_be_taken(table: pa.Table, metrics: Sequence[str]) -> Iterator[str]:
    """Yield by which number which arm is to be taken at how many points, of those that keep all.

    A number of which something is demanded chooses none.
    """
    kept = in_words(table)
    for name in metrics:
        if not can_be_taken(table, name):
            continue
        taken = [*to_take(table, name).values()]
        parts = [f"{arm} at {many}{sure}" for arm, many, sure in wins(taken)]
        blank = Counter(one.blank for one in taken)
        parts += [f"{why.words} at {blank[why]}" for why in Blank if blank[why]]
        which = "least" if known(name).metric.better is Better.LESS else "most"
        yield doors.terminal(
            f"To take by the {which} {name} of the arms that keep {kept}, of {len(taken)}"
            f" points: {'; '.join(parts)}."
        )


def wins(taken: Iterable[Taken]) -> list[tuple[str, int, str]]:
    """Return of each arm (its name, at how many points it is taken, how often that is shown)."""
    won = [one for one in taken if one.arm is not None]
    shown = Counter(one.arm for one in won if one.shown)
    return [
        (arm, many, _sure(shown[arm], many))
        for arm, many in Counter(one.arm for one in won).most_common()
        if arm is not None
    ]


def _sure(shown: int, many: int) -> str:
    if shown == many:
        return ""
    return f" (shown at {shown})" if shown else " (shown nowhere)"


def failures(table: pa.Table) -> Iterator[str]:
    """Yield what failed: each error once, with the number of runs that ended by it."""
    errors: dict[str, int] = {}
    for error in table["error"].drop_null().to_pylist():
        errors[error] = errors.get(error, 0) + 1
    for error, count in errors.items():
        yield f"{count} of the runs failed: {doors.terminal(error)}"
