"""An arm by the hour of the local clock: what it drew, its CO2-equivalent, and what that cost.

Energy is that of the account as it stood when hours began (`fleet.engine.hours`), times what the
grid and the tariff said in that hour. All hours together are the account of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import fsum
from typing import Any, NamedTuple

from fleet.engine.energy import COMPONENTS, Bits, network_bits
from fleet.engine.hours import Mark
from fleet.plan.hours import Steps
from fleet.plan.plan import MOST_HOURS
from fleet.results.energy import account_of
from fleet.results.metric import part
from fleet.running.run import Outcome

KWH_FJ = 3.6e21


class Span(NamedTuple):
    """An hour of the clock, or the part of it that lies in the run and behind the warm-up.

    Attributes:
        begin_ns, end_ns: from when to when.
        energy_fj: by component.
        bits: what crossed the operator's network.
    """

    begin_ns: int
    end_ns: int
    energy_fj: dict[str, int]
    bits: Bits


def spans_of(outcome: Outcome) -> list[Span]:
    """Return the hours of a run, which are told apart once; one, if nobody noted when they began.

    An hour begins where another price or another intensity does, too.
    """
    if "hours" not in outcome.reckoned:
        outcome.reckoned["hours"] = _spans(outcome)
    spans: list[Span] = outcome.reckoned["hours"]
    return spans


def _spans(outcome: Outcome) -> list[Span]:
    plan, rows = outcome.plan, account_of(outcome)
    bits = network_bits(plan, outcome.tally)
    last = Mark(plan.end_ns, tuple(row.energy_fj for row in rows), bits)
    marks = [mark for mark in outcome.hours.marks if plan.warm_up_ns < mark.at_ns < plan.end_ns]
    before = Mark(plan.warm_up_ns, (0,) * len(rows), Bits(0, 0, 0))
    spans = []
    for mark in (*marks, last):
        drawn = dict.fromkeys(COMPONENTS, 0)
        for row, now, then in zip(rows, mark.energy_fj, before.energy_fj, strict=True):
            drawn[row.component] += now - then
        crossed = Bits(*(now - then for now, then in zip(mark.bits, before.bits, strict=True)))
        spans.append(Span(before.at_ns, mark.at_ns, drawn, crossed))
        before = mark
    return spans


def weighted(spans: Sequence[Span], steps: Steps, energy_fj: Callable[[Span], int]) -> float:
    """Return the sum over hours of some energy in kWh times a number of the hour.

    Args:
        spans: the hours.
        steps: the number, such as g/kWh or US dollars/kWh; of a span that lies over several hours,
            as that of an estimate, the mean over its time.
        energy_fj: how much of which energy was drawn in an hour; fJ.
    """
    return fsum(energy_fj(s) / KWH_FJ * steps.mean(s.begin_ns, s.end_ns) for s in spans)


def carbon_g(outcome: Outcome, energy_fj: Callable[[Span], int]) -> float:
    """Return the CO2-equivalent of some energy while it is measured; g."""
    grid = outcome.plan.money.grid
    return _at(grid.by_hour, grid.g_per_kwh, spans_of(outcome), energy_fj)


def whole_fj(span: Span) -> int:
    """Return the energy of everything; fJ."""
    return sum(span.energy_fj.values())


def paid_fj(span: Span) -> int:
    """Return the energy that the owner of the sensors pays, not that of network and cloud; fJ."""
    return sum(span.energy_fj[component] for component in ("sensor", "uplink", "edge"))


@part("by_hour")
def by_hour(outcome: Outcome) -> dict[str, Any] | None:
    """Return the hours of a run: mean power by component, CO2-equivalent, and cost of electricity.

    None if there are more than `MOST_HOURS`.

    Returns:
        `start_s` from the start of the run, `length_s`, `power_w` by component, `carbon_g` and
        `electricity_usd` of the whole arm, None without a price book; lists by hour.
    """
    spans, money = spans_of(outcome), outcome.plan.money
    if len(spans) > MOST_HOURS:
        return None
    usd = None
    if money.prices is not None:
        usd = [_at(money.prices.kwh_by_hour, money.prices.kwh, [span], paid_fj) for span in spans]
    return {
        "start_s": [span.begin_ns / 1e9 for span in spans],
        "length_s": [(span.end_ns - span.begin_ns) / 1e9 for span in spans],
        "power_w": {
            name: [s.energy_fj[name] / (s.end_ns - s.begin_ns) * 1e-6 for s in spans]
            for name in COMPONENTS
        },
        "carbon_g": [
            _at(money.grid.by_hour, money.grid.g_per_kwh, [span], whole_fj) for span in spans
        ],
        "electricity_usd": usd,
    }


def _at(
    steps: Steps | None, always: float, spans: Sequence[Span], energy_fj: Callable[[Span], int]
) -> float:
    """Return what `weighted` does, with one number for all hours where there are no steps."""
    if steps is None:
        return sum(map(energy_fj, spans)) / KWH_FJ * always
    return weighted(spans, steps, energy_fj)
