"""Rungs of a ladder: what they make of the equipment of an arm."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from fleet.plan.equipment import Duty, Setup
from fleet.plan.limits import check_period
from fleet.plan.rates import lower, period
from fleet.scenario.adaptive import Rung
from fleet.scenario.arms import Equipment
from fleet.scenario.load import Scenario
from fleet.scenario.sensors import Capture
from fleet.scenario.strict_yaml import Keys


def lowered(
    scenario: Scenario, keys: Keys, top: Setup, rung: Rung, group: str
) -> tuple[Equipment, Duty]:
    """Return (the equipment of a group on a rung, what it is asked to do there).

    Encoders are told the frame rate of a rung: its frames are as large as those of an arm that
    captures so.

    Args:
        scenario: the scenario.
        keys: where the rung stands.
        top: what stands there on the arm's own rung.
        rung: what differs.
        group: of the sensors.

    Raises:
        InputError: it cannot be lowered so.
    """
    changes = {f: v for f in ("codec", "bitrate", "publish") if (v := getattr(rung, f)) is not None}
    if rung.when is not None:
        if top.equipment.ask is None:
            raise scenario.error(
                (*keys, "when"),
                "says which frames are passed on to servers, and the arm passes none on; give the"
                " arm 'ask', or remove it",
            )
        changes["ask"] = top.equipment.ask.model_copy(update={"when": rung.when})
    duty = top.duty
    if rung.rate is not None:
        _check_rate(scenario, (*keys, "rate"), top, rung.rate, group)
        changes["rate"] = lower(rung.rate, top.equipment.rate)
        duty = replace(
            duty, rate=lower(duty.rate, rung.rate), fastest=lower(duty.fastest, rung.rate)
        )
    return top.equipment.model_copy(update=changes), duty


def _check_rate(scenario: Scenario, keys: Keys, top: Setup, rate: Fraction, group: str) -> None:
    if isinstance(scenario.model.sensors[group].capture, Capture):
        raise scenario.error(
            keys,
            f"'{group}' captures at the times of a trace, which has no rate; lower something else",
        )
    if rate > top.duty.fastest:
        raise scenario.error(
            keys,
            f"{float(rate):g} fps is above the {float(top.duty.fastest):g} fps of '{group}', which"
            " a rung can only lower; lower it",
        )


def least_period(scenario: Scenario, keys: Keys, rate: Fraction | None) -> tuple[int, int]:
    """Return the least period num/den ns on a rung, 0/1 for none.

    Raises:
        InputError: it is too fine.
    """
    if rate is None:
        return 0, 1
    check_period(scenario, (*keys, "rate"), period(rate))
    return period(rate)
