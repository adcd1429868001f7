"""An arm by the hour of the local clock: what it drew, sent, answered and saw, and what that cost.

Energy is that of the account as it stood when hours began (`fleet.engine.hours`), times what the
grid and the tariff said in that hour; bits and frames are what was counted between. All hours
together are the run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import fsum
from typing import Any, NamedTuple

import numpy as np

from fleet.arrays import Ints
from fleet.engine.energy import COMPONENTS, Bits, network_bits
from fleet.engine.hours import FRAMES, Flows, Mark
from fleet.model.sight import SUM_RIGHT, SUM_UNSEEN, SUM_WANTED
from fleet.plan.hours import Steps
from fleet.plan.plan import MOST_HOURS, Plan
from fleet.results.accuracy import recall_of
from fleet.results.energy import account_of, off_grid_of
from fleet.results.metric import part
from fleet.running.run import Outcome

KWH_FJ = 3.6e21
FED = ("sensor", "uplink")
"""Components of which batteries may give the energy."""


class Span(NamedTuple):
    """An hour of the clock, or the part of it that lies in the run and behind the warm-up.

    Attributes:
        begin_ns, end_ns: from when to when.
        energy_fj: by component.
        bits: what crossed the operator's network.
        flows: what crossed links, and what became of frames.
        fed_fj: what of the energy batteries gave, by component.
    """

    begin_ns: int
    end_ns: int
    energy_fj: dict[str, int]
    bits: Bits
    flows: Flows
    fed_fj: dict[str, int]

    @property
    def grid_fj(self) -> dict[str, int]:
        """Return the energy from the grid, by component."""
        return {name: fj - self.fed_fj.get(name, 0) for name, fj in self.energy_fj.items()}


def spans_of(outcome: Outcome) -> list[Span]:
    """Return the hours of a run, which are told apart once; one, if nobody noted when they began.

    An hour begins where another price or another intensity does, too.
    """
    if "hours" not in outcome.reckoned:
        outcome.reckoned["hours"] = _spans(outcome)
    spans: list[Span] = outcome.reckoned["hours"]
    return spans


def _spans(outcome: Outcome) -> list[Span]:
    plan, tally, rows = outcome.plan, outcome.tally, account_of(outcome)
    flows = Flows.of(plan, tally.sensors, tally.links, tally.sights.sum(axis=(1, 2)))
    energy_fj = tuple(row.energy_fj for row in rows)
    fed = off_grid_of(outcome)
    last = Mark(plan.end_ns, energy_fj, network_bits(plan, tally), flows, fed)
    marks = [mark for mark in outcome.hours.marks if plan.warm_up_ns < mark.at_ns < plan.end_ns]
    before = Mark(plan.warm_up_ns, (0,) * len(rows), Bits(0, 0, 0), Flows.none(plan))
    spans = []
    for mark in (*marks, last):
        drawn = dict.fromkeys(COMPONENTS, 0)
        for row, now, then in zip(rows, mark.energy_fj, before.energy_fj, strict=True):
            drawn[row.component] += now - then
        crossed = Bits(*(now - then for now, then in zip(mark.bits, before.bits, strict=True)))
        flows = mark.flows.since(before.flows)
        both = zip(FED, mark.off_grid_fj, before.off_grid_fj, strict=True)
        fed_fj = {name: now - then for name, now, then in both}
        spans.append(Span(before.at_ns, mark.at_ns, drawn, crossed, flows, fed_fj))
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
    """Return the energy of everything from the grid; fJ."""
    return sum(span.grid_fj.values())


def paid_fj(span: Span) -> int:
    """Return the energy that the owner of the sensors pays, not that of network and cloud; fJ."""
    return sum(span.grid_fj[component] for component in ("sensor", "uplink", "edge"))


@part("by_hour")
def by_hour(outcome: Outcome) -> dict[str, Any] | None:
    """Return the hours of a run: power, CO2-equivalent, cost of electricity, bits, frames, recall.

    None if there are more than `MOST_HOURS`.

    Returns:
        `start_s` from the start of the run, `length_s`, `power_w` by component, `carbon_g` and
        `electricity_usd` of the whole arm, None without a price book; `network_bits` that crossed
        the operator's network, `link_bits` that each class of links sent; `frames` captured, and
        those that met their fate; `objects` to be found and found on frames that were answered,
        and to be found on all others; `recall`, None where nothing was to be found. Lists by hour.
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
        "network_bits": {
            kind: [getattr(span.bits, kind) for span in spans] for kind in Bits._fields
        },
        "link_bits": {
            name: [span.flows.link_bits[c] for span in spans]
            for c, name in enumerate(outcome.plan.links.class_names)
        },
        **_seen([np.array(span.flows.groups, dtype=np.int64) for span in spans], outcome.plan),
    }


def _seen(hours: Sequence[Ints], plan: Plan) -> dict[str, Any]:
    """Return what became of frames, and what was seen on them, by hour.

    Args:
        hours: what was noted of each group; shape (groups, FRAMES and SIGHT_COUNTS) each.
        plan: the plan.
    """
    sights = [hour[:, len(FRAMES) :] for hour in hours]
    objects = {"wanted": SUM_WANTED, "right": SUM_RIGHT, "unanswered": SUM_UNSEEN}
    return {
        "frames": {
            name: [int(hour[:, k].sum()) for hour in hours] for k, name in enumerate(FRAMES)
        },
        "objects": {
            name: [int(book[:, column].sum()) for book in sights]
            for name, column in objects.items()
        },
        "recall": [
            recall_of(plan, hour[:, 0], book) for hour, book in zip(hours, sights, strict=True)
        ],
    }


def _at(
    steps: Steps | None, always: float, spans: Sequence[Span], energy_fj: Callable[[Span], int]
) -> float:
    """Return what `weighted` does, with one number for all hours where there are no steps."""
    if steps is None:
        return sum(map(energy_fj, spans)) / KWH_FJ * always
    return weighted(spans, steps, energy_fj)
