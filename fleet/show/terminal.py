"""The answer in full: a table with a column for each arm, and what to know of its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from rich.console import Console
from rich.text import Text

from fleet import doors
from fleet.results.interval import ERROR_A_LOOK
from fleet.results.means import FRAMES
from fleet.results.metric import SHARE, Numbers, number
from fleet.results.metrics import unit_of
from fleet.results.record import Record
from fleet.show.differences import differences
from fleet.show.digest import title
from fleet.show.remarks import load_remarks
from fleet.show.rows import EMPTY, Row, sections
from fleet.show.wide import Titled, heading, in_tables
from fleet.sketch import RESOLUTION, STEPS
from fleet.study.facts import grid_said

_TITLE_WIDTH = 30  # where titles of sections break


def comparison_tables(record: Record, out: Console) -> list[Titled]:
    """Return the comparison of all arms of a record, in as many tables as the width asks for.

    An arm stands whole in one of them. Where even one arm is too wide, its cells are folded.
    """
    said = list(sections(record.numbers, looked=record.looked))
    tables = in_tables(lambda columns: _table(record, said, columns), len(record.arms), out)
    tables[0].above = title(record.summary)
    return tables


def _table(record: Record, said: Sequence[tuple[str, list[Row]]], columns: Sequence[int]) -> Titled:
    """Return a table of some arms, without the rows in which none of them has anything."""
    table = Titled()
    table.add_column("", overflow="fold")
    names = list(record.arms)
    base = record.summary["comparison"]["baseline"] if len(names) > 1 else None
    for name in (names[k] for k in columns):
        more = ["(baseline)"] if name == base else []
        table.add_column(heading(name, *more), justify="right", overflow="fold")
    table.add_column("unit", style="dim", overflow="fold")
    for section, rows in said:
        mine = [(label, [cells[k] for k in columns], unit) for label, unit, cells in rows]
        known = [row for row in mine if set(row[1]) != {EMPTY}]
        if known:
            table.add_section()
            table.add_row(Text("\n".join(wrap(section, _TITLE_WIDTH)), style="bold"))
        for label, cells, unit in known:
            table.add_row(f"  {label}", *cells, unit)
    return table


def verdicts(rows: Sequence[Mapping[str, Any]], replications: int = 1) -> Iterator[Text]:
    """Yield a line for each objective and arm: kept or missed, and what was measured."""
    worst = f", worst of {replications}" if replications > 1 else ""
    for row in rows:
        measured, demand = row["measured"], row["objective"].removeprefix(f"{row['arm']}: ")
        if measured is None:
            shown = f"was not measured: {row['why']}"
        else:
            shown = f"is {unit_of(row['metric']).show(measured)}{worst}{_below(row)}"
        mark, style = ("✓", "green") if row["kept"] else ("✗", "red")
        told = doors.terminal(f"{row['arm']}: {demand}")
        yield Text.assemble((f"{mark} ", style), told, (f"  ({doors.terminal(shown)})", "dim"))


def _below(row: Mapping[str, Any]) -> str:
    """Return below what a share of zero lies."""
    most = row["at_most"]
    return "" if most is None else f", below {unit_of(row['metric']).show(most)} with 95 %"


def remarks(record: Record) -> Iterator[str]:
    """Yield what a reader should know before trusting the table."""
    yield from record.summary["remarks"]
    if record.scenario.model.replications == 1:
        yield (
            "One replication: no intervals over replications, so arms are not ranked but in what"
            " they see and how well they do tasks, which is compared over scenes and sites; use"
            " --replications 5 or more."
        )
    else:
        yield from _means(record)
    yield from _none_lost(record)
    yield from differences(record)
    yield f"Percentiles are rounded up to steps of {STEPS}: at most {RESOLUTION:.1%} too high."
    yield from _held_back(record.arms)
    yield from load_remarks(record)
    yield from _eyes(record.arms)
    network = record.summary["network_energy"]
    yield (
        f"Network energy is {network['boundary']}: {network['fixed_kwh_per_gb']:.2g} kWh/GB over"
        f" the fixed network and {network['mobile_kwh_per_gb']:.2g} more over mobile access;"
        " published values differ a thousandfold (--set network_energy=marginal)."
    )
    yield f"Electricity is that of grid {grid_said(record.summary['grid'])}."
    weak = [a for a in record.summary["assumptions"] if a["confidence"] == "estimate"]
    total = len(record.summary["assumptions"])
    yield (
        f"{total} catalogue values were used, {len(weak)} of them estimates without a good source;"
        " summary.json lists them all."
    )


def _means(record: Record) -> Iterator[str]:
    """Yield what the numbers of several replications are, and when arms differ."""
    if record.looked:
        yield (
            "Replications were added until intervals were narrow enough: each interval is that of"
            f" {1 - ERROR_A_LOOK:.2%}, so that with all looks 95 % of them hold."
        )
    yield (
        f"Numbers are means over {record.summary['replications']} replications with their 95 %"
        " intervals (Student's t), percentiles by replication; of those without one, summary.json"
        " says why. What eyes see has intervals over scenes."
    )
    others = len(record.arms) - 1
    if others > 1:
        yield (
            f"Arms differ where that is so, with 95 %, for all {others} that are compared with the"
            " baseline in a metric (Holm); the interval of each difference is of one."
        )


def _none_lost(record: Record) -> Iterator[str]:
    """Yield below what the share of frames lost is where none was."""
    bounds = {
        arm: rows["lost"]["ci95"][1]
        for arm, rows in record.summary["intervals"].items()
        if rows["lost"]["over"] == FRAMES
    }
    if bounds:
        told = ", ".join(f"{arm} (below {SHARE.show(most)})" for arm, most in bounds.items())
        yield (
            f"No frame was lost in {told}: with 95 % the share lost is below 3 over the number of"
            " frames, were these independent; full queues lose them in bursts."
        )


def _held_back(arms: Mapping[str, Numbers]) -> Iterator[str]:
    """Yield which arms chose what their results are of."""
    for name, arm in arms.items():
        held, captured = arm["frames"]["skipped"]["not_published"], arm["frames"]["captured"]
        if held:
            yield (
                f"{name} held back {number(held)} of {number(captured)} frames by its publishing"
                " rule: they are known to the sensor and not due. Latency and energy per result are"
                " of those that it sent; compare energy per captured frame."
            )


def _eyes(arms: Mapping[str, Numbers]) -> Iterator[str]:
    """Yield whose sight stands for each arm's models and why, and where nobody's does."""
    for name, arm in arms.items():
        for stand_in in arm["stand_ins"]:
            yield f"{name} ({', '.join(stand_in['groups'])}): {stand_in['text']}."
        blind = {n: g["unseen"] for n, g in arm["groups"].items() if g["unseen"]}
        if blind and arm["stand_ins"]:
            yield (
                f"No network was measured for {sum(blind.values()):,} sensors of {name}"
                f" ({', '.join(blind)}): they find all that is in view, and what eyes see and how"
                " well tasks are done is of the others only."
            )
