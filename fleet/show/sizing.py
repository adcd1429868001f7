"""The answer of `fleet plan` on one screen: a row an answer, then what binds each in words."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.progress import Progress, TimeElapsedColumn

from fleet import doors
from fleet.interrupt import check
from fleet.results.metric import number
from fleet.show.progress import LINE_S, bar_or_lines
from fleet.show.rows import BOUND, EMPTY, chance_percent, figure
from fleet.show.wide import Titled, heading, in_tables
from fleet.sizing.answer import Answer
from fleet.sizing.planning import Planned
from fleet.sizing.ranges import Ranges
from fleet.sizing.refusal import refusal

_FIGURES = (
    ("p99", "ms", "latency_ms_p99", 1.0), ("frames lost", "%", "lost", 100.0),
    ("cost of a sensor and month", "USD", "cost_usd_per_sensor_month", 1.0),
    ("power of a sensor", "W", "power_w_per_sensor", 1.0),
    ("CO2e of a sensor and month", "g", "carbon_g_per_sensor_month", 1.0),
    ("recall in all frames", "%", "recall", 100.0),
)  # fmt: skip
_MUCH = 10.0
"""Times its load that a resource could take on top, from which on no more is told of it."""


@contextlib.contextmanager
def progress() -> Iterator[Callable[[int, int], None]]:
    """Give a function that shows how far a plan is: answers found, runs done.

    How many runs a search takes is not known before it ends, and so no time left is.
    """
    with bar_or_lines(TimeElapsedColumn()) as bar:
        task = bar.add_task("planning", total=None) if isinstance(bar, Progress) else None
        last = time.monotonic()

        def show(answers: int, runs: int) -> None:
            nonlocal last
            check()
            said = f"{runs:,} runs done, {answers} answers found so far"
            if isinstance(bar, Progress):
                if task is not None:
                    bar.update(task, description=said)
            elif time.monotonic() - last >= LINE_S:
                last = time.monotonic()
                bar(said)

        yield show


def tables(planned: Planned, out: Console) -> Iterator[Titled]:
    """Yield tables for each point of what was varied: a column an arm, as many as have room."""
    what = "most" if any(key.most for key in planned.ladders) else "smallest"
    reserve = planned.reserve
    held = f", with {float(reserve.headroom):.0%} headroom" if reserve.headroom else ""
    held += f", without 1 {reserve.survive}" if reserve.survive else ""
    slo = ", ".join(planned.scenario.model.slo)
    for cell in dict.fromkeys(answer.cell for answer in planned.answers):
        at = f" at {', '.join(cell)}" if cell else ""
        title = f"{planned.scenario.model.name}{at}: {what} for {slo}{held}"
        mine = [k for k, answer in enumerate(planned.answers) if answer.cell == cell]
        make = functools.partial(_some, title, planned, mine)
        yield from in_tables(make, len(mine), out)


def _some(title: str, planned: Planned, mine: Sequence[int], columns: Sequence[int]) -> Titled:
    return _table(title, planned, [mine[k] for k in columns])


def _table(title: str, planned: Planned, mine: Sequence[int]) -> Titled:
    out = Titled(title)
    answers = [planned.answers[k] for k in mine]
    out.add_column("", overflow="fold")
    for answer in answers:
        out.add_column(heading(answer.arm), justify="right", overflow="fold")
    out.add_column("unit", style="dim", overflow="fold")
    for k, key in enumerate(planned.ladders):
        unit = "" if " " not in key.texts[0] else key.texts[0].partition(" ")[2]
        cells = [_value(answer, k).removesuffix(f" {unit}") for answer in answers]
        out.add_row(doors.terminal(key.key), *cells, unit)
    out.add_row("P(meets)", *(chance_percent(answer.found.stands.meets) for answer in answers), "%")
    step = "more" if any(key.most for key in planned.ladders) else "less"
    out.add_row(f"P(meets) with one {step}", *map(_less, answers), "%")
    for label, unit, name, scale in _FIGURES:
        cells = [figure(answer.figures, name, scale) for answer in answers]
        if set(cells) != {EMPTY}:
            out.add_row(label, *cells, unit)
    out.add_row("nobody is better in all", *(_mark(planned, k) for k in mine), "")
    return out


def _value(answer: Answer, k: int) -> str:
    if not answer.enough:
        return "none"
    outcome = answer.found
    return outcome.ladders[k].texts[outcome.index[k]] if outcome.matters[k] else "any"


def _chance(share: float) -> str:
    return f"{chance_percent(share)} %"


def _less(answer: Answer) -> str:
    if not answer.enough or not answer.found.below:
        return EMPTY
    return ", ".join(chance_percent(one.meets) for one in answer.found.below.values())


def _mark(planned: Planned, k: int) -> str:
    return "✓" if planned.answers[k].enough and planned.dominated[k] is None else ""


def lines(planned: Planned) -> Iterator[str]:
    """Yield what is to be said of each answer, in words."""
    for k, answer in enumerate(planned.answers):
        name = ", ".join([*answer.cell, answer.arm])
        for line in _of(answer):
            yield doors.terminal(f"{name}: {line}")
        if planned.ranges:
            yield doors.terminal(f"{name}: {_range(planned.ranges[k])}")
        better = planned.dominated.get(k)
        if better is not None and planned.answers[better].cell == answer.cell:
            other = planned.answers[better].arm
            yield doors.terminal(f"{name}: {other} is no worse in any figure that is known.")
    if any(answer.figures["lost_below"] for answer in planned.answers):
        yield BOUND


def held(planned: Planned) -> Iterator[str]:
    """Yield which numbers of the catalogue draws leave as they are."""
    if planned.held:
        names = ", ".join(sorted(planned.held))
        yield doors.terminal(
            f"Not drawn, as an arm cannot be with them at an end of their ranges: {names}."
        )


def _of(answer: Answer) -> Iterator[str]:
    outcome, stands = answer.found, answer.found.stands
    if not outcome.enough:
        yield from _refused(answer)
        return
    runs = f"{stands.runs} replications"
    for k, ladder in enumerate(outcome.ladders):
        value = ladder.texts[outcome.index[k]]
        if not outcome.matters[k]:
            yield f"{ladder.key} changes nothing."
        elif k in outcome.below:
            step = "with one more" if ladder.most else "with one less"
            less, binds = ladder.texts[outcome.index[k] - 1], answer.binds[k]
            beyond = _chance(outcome.below[k].meets)
            yield (
                f"{ladder.key}={value} is enough, P(meets) {_chance(stands.meets)} over {runs};"
                f" {less} is not ({beyond}). {binds.name} binds: {step} {binds.why}."
            )
        else:
            yield (
                f"{ladder.key}={value}, the end of its range, is enough,"
                f" P(meets) {_chance(stands.meets)} over {runs}."
            )
    yield _room(answer)
    if outcome.odd:
        at = ", ".join(outcome.odd)
        yield f"more is not always better: it misses at {at}; a sweep shows more."
    yield _theory(answer)


def _room(answer: Answer) -> str:
    told = [
        f"{room.name} {room.load:.1%} ({room.more:+.0%})"
        for room in answer.room
        if room.more is not None and room.more < _MUCH
    ]
    if not told:
        return "nothing is asked for a tenth of what it can do."
    return f"of what it can do each is asked for (and could take more): {', '.join(told)}."


def _theory(answer: Answer) -> str:
    expected, measured = (
        answer.expected.numbers["latency_ms"]["p99"],
        answer.figures["latency_ms_p99"],
    )
    rows = sum(answer.assumptions.values())
    kinds = ", ".join(f"{many} {kind}" for kind, many in sorted(answer.assumptions.items()))
    apart = ""
    if expected and measured:
        apart = f"theory says {number(expected)} ms for p99 ({expected / measured - 1:+.0%}); "
    return f"{apart}it rests on {rows} values of the catalogue: {kinds}."


def _range(one: Ranges) -> str:
    """Return what an answer is over draws of the catalogue."""
    told = [
        f"{key} {middle} ({low} to {high})"
        for key, each in one.values.items()
        if each is not None
        for low, middle, high in [each]
    ]
    for label, unit, name, _ in _FIGURES:
        if name in one.figures:
            low, middle, high = map(number, one.figures[name])
            told.append(f"{label} {middle} {unit} ({low} to {high})")
    lacks = [
        f"{many} of them {what}"
        for many, what in (
            (one.without, "have no plant in the range"), (one.impossible, "cannot be"),
        )
        if many
    ]  # fmt: skip
    return (
        f"over {one.draws} draws of what the catalogue's sources allow, median (and 90 % of them):"
        f" {'; '.join([*told, *lacks])}."
    )


def _refused(answer: Answer) -> Iterator[str]:
    ends = ", ".join(f"{ladder.key} of {ladder.ends}" for ladder in answer.found.ladders)
    yield f"nothing in {ends} is enough."
    for one in refusal(answer):
        what = f"{one.objective} is missed: {one.why}" if one.objective else one.why
        yield f"{what}" + (f"; it could keep {one.nearest}." if one.nearest else ".")
