"""Which arm's equipment each sensor has: the arm's own, by group, or as a user's rule says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from fleet.arrays import Ints
from fleet.errors import InputError
from fleet.plan.roster import Placed, Roster
from fleet.scenario.load import Scenario, did_you_mean
from fleet.scenario.strict_yaml import Keys

Placement = Callable[[Placed], str]
"""Chooses the arm whose equipment a sensor gets."""


def check_arm(arm: str, known: Sequence[str]) -> None:
    """Refuse an arm that there is not.

    Raises:
        InputError: says which there are.
    """
    if arm not in known:
        raise InputError(f"no arm '{arm}'{did_you_mean(arm, known)}; arms: {', '.join(known)}")


def arm_of_each(
    scenario: Scenario, arm: str, roster: Roster, placement: Placement | None = None
) -> tuple[tuple[str, ...], Ints]:
    """Return (names of arms, which of them equips each sensor).

    Args:
        scenario: the scenario.
        arm: the arm to run; one with `place` sends each group to other arms.
        roster: the sensors.
        placement: a rule that takes the place of the arm's own.

    Raises:
        InputError: an arm or a group is not known.
    """
    arms = {name: spec for name, spec in scenario.model.arms.items() if spec.place is None}
    for name, spec in scenario.model.arms.items():
        for group in spec.per:
            _check_group(scenario, group, ("arms", name, "per", group))
    if placement is not None:
        return tuple(arms), _placed_by(placement, roster, list(arms))
    place = scenario.model.arms[arm].place
    if place is None:
        return (arm,), np.zeros(len(roster), dtype=np.int64)
    _check_place(scenario, arm, place, list(arms))
    default = place.get("default")
    missing = set(roster.present()) - set(place)
    if default is None and missing:
        raise scenario.error(
            ("arms", arm, "place"), f"says nothing about {min(missing)}; add it or a 'default'"
        )
    names = tuple(arms)
    of_group = [names.index(place.get(group, default or "")) for group in roster.groups]
    return names, np.array(of_group)[roster.group_of]


def _placed_by(placement: Placement, roster: Roster, arms: list[str]) -> Ints:
    """Return the arm that a rule chooses for each sensor."""
    chosen = np.empty(len(roster), dtype=np.int64)
    for s, sensor in enumerate(roster):
        name = placement(sensor)
        if name not in arms:
            raise InputError(
                f"the placement of sensor '{sensor.name}' gave {name!r}; it must be one of the"
                f" arms {', '.join(arms)}"
            )
        chosen[s] = arms.index(name)
    return chosen


def _check_place(scenario: Scenario, arm: str, place: Mapping[str, str], arms: list[str]) -> None:
    for group, name in place.items():
        keys = ("arms", arm, "place", group)
        if group != "default":
            _check_group(scenario, group, keys)
        if name not in arms:
            raise scenario.error(
                keys, f"no arm '{name}'{did_you_mean(name, arms)}; arms: {', '.join(arms)}"
            )


def _check_group(scenario: Scenario, group: str, keys: Keys) -> None:
    groups = list(scenario.model.sensors)
    if group not in groups:
        hint = did_you_mean(group, groups)
        raise scenario.error(keys, f"no group '{group}'{hint}; groups: {', '.join(groups)}")
