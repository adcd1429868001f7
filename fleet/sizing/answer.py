"""What a plan answers of an arm: its smallest plant, how sure it is, what binds, what it costs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from fleet.results.interval import most_of_none
from fleet.results.metrics import known
from fleet.scenario.load import Scenario
from fleet.sizing import binding
from fleet.sizing.binding import Binds, Room
from fleet.sizing.estimate import Estimate
from fleet.sizing.keys import Ladder
from fleet.sizing.plant import Asking, Plants
from fleet.sizing.search import Found, search, search_near
from fleet.sizing.verdict import LOOKS, Values, as_data, frames_of

_MONTHS = 12
FIGURES = {
    "latency_ms_p99": "latency_ms.p99", "lost": "lost", "power_w": "power_w.total",
    "cost_usd_per_sensor_month": "cost_usd_per_sensor_month.total",
    "recall": "accuracy.recall_of_all",
    "carbon_kg_per_sensor_year": "carbon_kg_per_sensor_year",
}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What was found of an arm.

    Attributes:
        arm: the arm.
        cell: what was varied, as overrides of the scenario.
        found: the plant, or that there is none.
        scenario: with the plant.
        figures: means over replications at the load that is (`FIGURES`), watts of a sensor and g
            CO2e of a sensor and month; None where one is not known. Where no frame was lost
            `lost_below` is the share below which, with 95 %, that of those lost lies.
        binds: of each key (its place) what binds it; of no key, under -1, what is busiest.
        room: of its resources.
        sensors: how many it has.
        expected: what theory says of the plant.
        frames: that were simulated.
        tried: how many plants.
        assumptions: how many rows of the catalogue it rests on, by their confidence.
        rows: these rows.
    """

    arm: str
    cell: tuple[str, ...]
    found: Found
    scenario: Scenario
    figures: dict[str, float | None]
    binds: dict[int, Binds]
    room: list[Room]
    sensors: int
    expected: Estimate
    frames: float
    tried: int
    assumptions: dict[str, int]
    rows: list[dict[str, str]]

    @property
    def enough(self) -> bool:
        """Return whether there is a plant that is."""
        return self.found.enough

    @property
    def values(self) -> dict[str, str | None]:
        """Return the values of the keys, None for one on which the arm does not depend."""
        outcome = self.found
        return {
            ladder.key: ladder.texts[i] if matters else None
            for ladder, i, matters in zip(
                outcome.ladders, outcome.index, outcome.matters, strict=True
            )
        }


def answered(plants: Plants, ladders: Sequence[Ladder], *, reserve: bool) -> Asking:
    """Ask for what it takes to find the plant of an arm; return the `Answer`.

    Args:
        plants: of the arm.
        ladders: the keys.
        reserve: whether conditions are others than the load that is.
    """
    outcome: Found = yield from search(plants, ladders)
    overrides = outcome.overrides()
    runs: list[Values] = plants.values.get(overrides, [])
    if outcome.enough:
        runs = yield from _at_load(plants, outcome, reserve)
    plan, expected = plants.plan(overrides), plants.expected(overrides)
    room = binding.rooms(runs, expected) if runs else []
    rows = plan.notes.assumptions
    return Answer(
        plants.arm, plants.base, outcome, plants.changed(overrides), _figures(runs, plan.size),
        _binds(plants, outcome, runs, room), room, plan.size, expected, plants.frames,
        len(plants.tried), dict(Counter(row.confidence for row in rows)),
        [{name: str(value) for name, value in vars(row).items()} for row in rows],
    )  # fmt: skip


class Drawn(NamedTuple):
    """What was found of an arm with a draw of the catalogue.

    Attributes:
        found: the plant, or that there is none.
        figures: as those of an `Answer`; None where there is no plant.
    """

    found: Found
    figures: dict[str, float | None]


def drawn(plants: Plants, near: Answer, *, reserve: bool) -> Asking:
    """Ask for what it takes to find the plant of an arm with a draw; return it as `Drawn`.

    Args:
        plants: of the arm with the draw.
        near: the answer with the catalogue as it stands.
        reserve: see `answered`.
    """
    outcome: Found = yield from search_near(plants, near.found)
    runs: list[Values] = []
    if outcome.enough:
        runs = yield from _at_load(plants, outcome, reserve)
    return Drawn(outcome, _figures(runs, near.sensors))


def _at_load(plants: Plants, outcome: Found, reserve: bool) -> Asking:
    """Ask for what a plant that is enough gives at the load that is; return its replications."""
    overrides = outcome.overrides()
    if not reserve:
        return plants.values[overrides]
    plants.values.pop(overrides, None)
    runs = yield from plants.runs(overrides, range(LOOKS[0]))
    return runs


def _binds(
    plants: Plants, outcome: Found, runs: Sequence[Values], room: Sequence[Room]
) -> dict[int, Binds]:
    """Return what binds each key of a plant that is enough."""
    if not runs or not outcome.enough:
        return {}
    plan, made = plants.plan(outcome.overrides()), {}
    for k, bad in outcome.below.items():
        less = outcome.overrides(less=k)
        worse = plants.values.get(less, []) if bad.runs else []
        hopeless = (plants.conditions(less) or [()])[0]
        made[k] = binding.binds(plan, runs, room, bad, worse, plants.expected((*less, *hopeless)))
    made[-1] = binding.binds(plan, runs, room, None, [], None)
    return made


def _figures(runs: Sequence[Values], sensors: int) -> dict[str, float | None]:
    """Return the figures by which plants are compared."""
    made = {name: _mean(runs, path) for name, path in FIGURES.items()}
    carbon, power = made.pop("carbon_kg_per_sensor_year"), made["power_w"]
    made["carbon_g_per_sensor_month"] = None if carbon is None else 1000.0 * carbon / _MONTHS
    made["power_w_per_sensor"] = None if power is None else power / sensors
    lost = known("lost").metric
    made["lost_below"] = most_of_none(frames_of(lost, runs)) if made["lost"] == 0 else None
    return made


def _mean(runs: Sequence[Values], path: str) -> float | None:
    assert known(path)
    values = [run[path][0] for run in runs if path in run]
    if not values or any(value is None for value in values):
        return None
    return math.fsum(value for value in values if value is not None) / len(values)


def data(one: Answer) -> dict[str, Any]:
    """Return an answer as plain data."""
    outcome = one.found
    binds = {outcome.ladders[k].key if k >= 0 else "busiest": b for k, b in one.binds.items()}
    return {
        "arm": one.arm,
        "given": list(one.cell),
        "enough": one.enough,
        "values": one.values,
        **as_data(outcome.stands),
        "one_less": {
            outcome.ladders[k].key: {
                "value": outcome.ladders[k].texts[outcome.index[k] - 1], **as_data(bad)
            }
            for k, bad in outcome.below.items()
        },
        "not_monotone_at": outcome.odd,
        "figures": one.figures,
        "binds": {key: bind._asdict() for key, bind in binds.items()},
        "slack": [room._asdict() for room in one.room],
        "expected": {
            "latency_ms_p99": one.expected.numbers["latency_ms"]["p99"],
            "power_w": one.expected.numbers["power_w"]["total"],
            "growing": one.expected.growing,
        },
        "plants_tried": one.tried,
        "frames": round(one.frames),
        "assumptions": one.assumptions,
        "catalogue_rows": one.rows,
    }  # fmt: skip
