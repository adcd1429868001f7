"""Two results side by side in one screen: what they were made of, and which numbers differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from fleet import doors
from fleet.results.metric import SHARE
from fleet.results.origin import Change
from fleet.results.record import Record
from fleet.show.again import made_of
from fleet.show.rows import EMPTY
from fleet.show.words import said
from fleet.study.between import Between, Compared

MOST = 8
"""So many numbers fit a screen, also where names break."""
_FIRST = (
    "latency_ms.p50", "latency_ms.p99", "lost", "power_w.total", "bytes", "accuracy.recall_of_all",
    "cost_usd_per_sensor_month.total",
)  # fmt: skip


def heads(records: Sequence[Record], changes: Sequence[Change]) -> Iterator[str]:
    """Yield what is compared, and in what it was made otherwise."""
    for letter, record in zip("AB", records, strict=True):
        summary, made = record.summary, record.made
        yield (
            f"{letter}  {record.folder}: {summary['run_id']}, {made.get('date', 'undated')},"
            f" {summary['sensors']:,} sensors, {summary['simulated_s']:g} s, seed"
            f" {summary['seed']}, {_replications(summary['replications'])}, fingerprint"
            f" {summary['fingerprint'][:16]}"
        )
    yield from made_of(changes)


def _replications(many: int) -> str:
    return "1 replication" if many == 1 else f"{many} replications"


def tails(records: Sequence[Record], compared: Compared, shown: int) -> Iterator[str]:
    """Yield what the table does not show, and what its marks mean."""
    for letter, arms in zip("AB", compared.alone, strict=True):
        if arms:
            yield f"Only {letter} has {', '.join(arms)}."
    if compared.same_frames:
        yield f"Every frame is the same in {', '.join(compared.same_frames)}."
    more = len(compared.rows) - shown
    rest = f", of which {more:,} more are not shown (--full)" if more > 0 else ""
    yield (
        f"{compared.same:,} numbers are the same to the last bit, {len(compared.rows):,} differ"
        f"{rest}."
    )
    many = [record.summary["replications"] for record in records]
    if not compared.rows:
        return
    if min(many) == 1:
        yield "No intervals: they take two replications or more in A and in B (--replications 5)."
        return
    how = "replication by replication" if compared.paired else "of independent runs (Welch)"
    yield (
        f"± is a 95 % interval; ✓: the difference {how} is shown with 95 % among all"
        " numbers that are compared (Holm)."
    )


def chosen(compared: Compared, *, full: bool) -> list[Between]:
    """Return the rows to show: what is shown to differ first, then what is asked first."""
    rows = sorted(compared.rows, key=_rank)
    return rows if full else rows[:MOST]


def _rank(row: Between) -> tuple[bool, int, bool, float]:
    first = _FIRST.index(row.name) if row.name in _FIRST else len(_FIRST)
    return row.shown is False, first, row.name.startswith("groups."), -row.share


def table(records: Sequence[Record], rows: Sequence[Between]) -> Table:
    """Return numbers of both, their difference, and whether it is shown."""
    out = Table(
        box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False,
    )  # fmt: skip
    out.add_column("arm", overflow="fold")
    out.add_column("number", overflow="fold")
    for name in ("A", "B", "B − A"):
        out.add_column(name, justify="right", overflow="fold")
    out.add_column("")
    for row in rows:
        cells = [said(record, row.arm, row.name) for record in records]
        mark = {True: "✓", False: "", None: "·"}[row.shown]
        out.add_row(
            doors.terminal(row.arm), doors.terminal(row.name), *cells, Text(_difference(row)), mark
        )
    return out


def _difference(row: Between) -> str:
    if row.was is None or row.now is None:
        return EMPTY
    unit, difference = row.metric.unit, row.now - row.was
    shown = unit.show_difference(difference)
    if row.ci95 is None:
        share = f" ({difference / abs(row.was):+.2%})" if row.was and unit != SHARE else ""
        return f"{shown} {unit.of_differences}{share}"
    half = unit.show_difference((row.ci95[1] - row.ci95[0]) / 2).lstrip("+")
    return f"{shown} ± {half}{' points' if unit == SHARE else ''}"
