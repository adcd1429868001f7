"""How controllers decide: the rule of each, and what holds outside of the fleet as they look."""

from __future__ import annotations

from fleet.errors import InputError
from fleet.model.ladder import (
    NOWHERE,
    OUTSIDE,
    Answer,
    Decide,
    Outside,
    Seen,
    awstream,
    back_pressure,
    stepped,
    threshold,
)
from fleet.plan.plan import Plan
from fleet.plan.talking import Controller
from fleet.scenario.policy import Policy
from fleet.units import format_time_ns

_OF_OUTSIDE = set(Outside._fields)


def rules(plan: Plan) -> list[Decide]:
    """Return how the controllers of each arm decide."""
    return [_rule(one) for one in plan.feedback.controllers]


def _rule(one: Controller) -> Decide:
    if one.rule == "threshold":
        return lambda seen: threshold(seen, one.reads[0], one.numbers)
    if one.rule == "back-pressure":
        return lambda seen: back_pressure(seen, one.numbers)
    if one.rule == "awstream":
        return lambda seen: awstream(seen, one.numbers)
    if one.rule in OUTSIDE:
        return lambda seen: stepped(seen, one.reads[0], one.numbers)
    if one.rule == "clock":
        return lambda seen: (seen.rung, ())  # which is never asked: what it says is planned
    return Policy(one.text, one.file, one.function, one.reads)


def asked(decide: Decide, seen: Seen, who: str, now_ns: int) -> Answer:
    """Return what a rule wants, within the ladder; what goes wrong in it says who asked and when.

    Raises:
        InputError: a rule of the user's own goes wrong.
    """
    try:
        rung, memory = decide(seen)
    except InputError as error:
        raise InputError(
            f"{error} (controller of '{who}', look at {format_time_ns(now_ns)})"
        ) from None
    return min(max(rung, 0), seen.rungs - 1), memory


def outside_of(plan: Plan, one: Controller, now_ns: int) -> Outside:
    """Return what of the clock, the grid and the tariff a controller reads now."""
    if not _OF_OUTSIDE & set(one.reads):
        return NOWHERE
    clock_s, weekday = plan.feedback.clock.at(now_ns)
    grid, prices = plan.money.grid, plan.money.prices
    g_per_kwh = grid.g_per_kwh if grid.by_hour is None else grid.by_hour.at(now_ns)
    usd_per_kwh = 0.0
    if prices is not None:
        hours = prices.kwh_by_hour
        usd_per_kwh = prices.kwh if hours is None else hours.at(now_ns)
    return Outside(clock_s, weekday, round(g_per_kwh * 1000), round(usd_per_kwh * 1_000_000))
