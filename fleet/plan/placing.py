"""Sensors at sites: which exist, what they are called, and which arm's equipment each has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from fleet.errors import InputError
from fleet.scenario.city import Demand, Site, read_demand, read_sites
from fleet.scenario.load import Scenario, did_you_mean
from fleet.scenario.schema import At, SensorGroup
from fleet.scenario.strict_yaml import Keys

MAX_SENSORS = 10_000_000


@dataclass(frozen=True)
class Placed:
    """A sensor at its site.

    Attributes:
        name: unique; sensors are sorted by it.
        group: its group in the scenario.
        site: where it stands.
    """

    name: str
    group: str
    site: Site


Placement = Callable[[Placed], str]
"""Chooses the arm whose equipment a sensor gets."""


def place_sensors(scenario: Scenario) -> list[Placed]:
    """Return every sensor of a scenario, sorted by name.

    Raises:
        InputError: a group finds no site, there are no or too many sensors, or a name stands twice.
    """
    sites = _city_sites(scenario)
    placed = [
        sensor
        for group, spec in scenario.model.sensors.items()
        for sensor in _group_sensors(scenario, group, spec, sites)
    ]
    placed.sort(key=lambda sensor: sensor.name)
    for before, after in pairwise(placed):
        if before.name == after.name:
            raise scenario.error(
                ("sensors", after.group), f"sensor name '{after.name}' stands twice; rename a group"
            )
    return placed


def _city_sites(scenario: Scenario) -> list[Site]:
    city = scenario.model.city
    if city is None or city.sites is None:
        return []
    return read_sites(scenario.file(city.sites, "city", "sites"))


def city_demand(scenario: Scenario) -> Demand | None:
    """Return the demand table of a scenario, None if it has none."""
    city = scenario.model.city
    if city is None or city.demand is None:
        return None
    return read_demand(scenario.file(city.demand, "city", "demand"))


def _group_sensors(
    scenario: Scenario, group: str, spec: SensorGroup, sites: list[Site]
) -> list[Placed]:
    keys = ("sensors", group)
    if spec.at is None:
        chosen = _made_up_sites(group, spec)
    else:
        if scenario.model.city is None or scenario.model.city.sites is None:
            raise scenario.error((*keys, "at"), "needs 'city: {sites: ...}'; or use 'count'")
        chosen = [site for site in sites if _matches(site, spec.at)]
    if not chosen:
        raise scenario.error((*keys, "at"), _nothing_found(spec, sites))
    if len(chosen) * spec.per_site > MAX_SENSORS:
        raise scenario.error(keys, f"more than {MAX_SENSORS} sensors; use fewer")
    names = [site.id if spec.at is None else f"{site.id}-{group}" for site in chosen]
    return [
        Placed(name if spec.per_site == 1 else f"{name}-{i + 1}", group, site)
        for name, site in zip(names, chosen, strict=True)
        for i in range(spec.per_site)
    ]


def _made_up_sites(group: str, spec: SensorGroup) -> list[Site]:
    count = spec.count or 0
    width = len(str(count - 1))
    return [
        Site(
            f"{group}-{i:0{width}d}", group, "", "", float("nan"), float("nan"),
            f"cell-{i * spec.cells // count}", (i + 0.5) / count,
        )
        for i in range(count)
    ]  # fmt: skip


def _matches(site: Site, at: At) -> bool:
    return (
        site.kind == at.kind and at.size in (None, site.size) and at.subtype in (None, site.subtype)
    )


def _nothing_found(spec: SensorGroup, sites: list[Site]) -> str:
    at = spec.at
    if at is None:
        return "has no sensors; give a count of at least 1"
    kinds = sorted({site.kind for site in sites})
    hint = did_you_mean(at.kind, kinds) if at.kind not in kinds else ""
    wanted = ", ".join(f"{k}: {v}" for k, v in at.model_dump(exclude_none=True).items())
    return f"no site has {{{wanted}}}{hint}; the kinds of sites are {', '.join(kinds) or 'none'}"


def arm_of_each(
    scenario: Scenario, arm: str, placed: list[Placed], placement: Placement | None = None
) -> list[str]:
    """Return for each sensor the name of the arm that equips it.

    Args:
        scenario: the scenario.
        arm: the arm to run; one with `place` sends each group to other arms.
        placed: the sensors.
        placement: a rule that takes the place of the arm's own.

    Raises:
        InputError: an arm or a group is not known.
    """
    arms = {name: spec for name, spec in scenario.model.arms.items() if spec.place is None}
    for name, spec in scenario.model.arms.items():
        for group in spec.per:
            _check_group(scenario, group, ("arms", name, "per", group))
    if placement is not None:
        chosen = [placement(sensor) for sensor in placed]
        for sensor, name in zip(placed, chosen, strict=True):
            if name not in arms:
                raise InputError(
                    f"the placement of sensor '{sensor.name}' gave {name!r}; it must be one of the"
                    f" arms {', '.join(arms)}"
                )
        return chosen
    place = scenario.model.arms[arm].place
    if place is None:
        return [arm] * len(placed)
    _check_place(scenario, arm, place, list(arms))
    default = place.get("default")
    missing = {s.group for s in placed} - set(place)
    if default is None and missing:
        raise scenario.error(
            ("arms", arm, "place"), f"says nothing about {min(missing)}; add it or a 'default'"
        )
    return [place.get(sensor.group, default or "") for sensor in placed]


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
