"""Under which conditions a plant must be enough: with more load, or with something less.

`--headroom 20 %` has every sensor capture a fifth more frames. `--survive 1 server` takes a server
from each pool, one pool at a time. `--survive 1 link` cuts for the whole run the busiest link of
each class that has several; what there is one of in all cannot be gone without, and is not cut.
"""

from __future__ import annotations

import json
import re
from fractions import Fraction
from typing import NamedTuple

from fleet import units
from fleet.errors import InputError
from fleet.plan.compile import catalogue, compile_plan
from fleet.scenario.load import Scenario
from fleet.scenario.sensors import Capture
from fleet.sizing.estimate import estimate
from fleet.sizing.plant import Conditions
from fleet.units import Dimension

_SURVIVE = re.compile(r"1\s+(server|link)s?")


class Reserve(NamedTuple):
    """What a plant must have in reserve.

    Attributes:
        headroom: share of frames that come on top.
        survive: what it must do without one of: 'server', 'link' or empty.
    """

    headroom: Fraction = Fraction(0)
    survive: str = ""

    @property
    def any(self) -> bool:
        """Return whether there is any."""
        return bool(self.headroom or self.survive)


def reserve(headroom: str | None, survive: str | None) -> Reserve:
    """Return the reserve that is asked for.

    Raises:
        InputError: a text is none.
    """
    share = Fraction(0)
    if headroom is not None:
        try:
            share = Fraction(units.parse(headroom, Dimension.FRACTION))
        except InputError as error:
            raise InputError(f"--headroom {error}") from None
        if share > 10:
            raise InputError(f"--headroom {headroom}: is more than 1000 %; write such as '20 %'")
    if survive is None:
        return Reserve(share)
    match = _SURVIVE.fullmatch(survive.strip())
    if match is None:
        raise InputError(f"--survive {survive}: write '1 server' or '1 link'")
    return Reserve(share, match[1])


def conditions(scenario: Scenario, arm: str, wanted: Reserve) -> Conditions:
    """Return what makes the conditions of a plant, given its overrides.

    Raises:
        InputError: sensors that capture at times of a file cannot capture more.
    """
    if wanted.headroom:
        for name, group in scenario.model.sensors.items():
            if isinstance(group.capture, Capture):
                raise InputError(
                    f"--headroom: 'sensors.{name}' captures at the times of a file, which cannot"
                    " come more often; leave it out"
                )

    def made(overrides: tuple[str, ...]) -> list[tuple[str, ...]] | None:
        point = scenario.changed(*overrides)
        more = tuple(_faster(point, wanted.headroom)) if wanted.headroom else ()
        if wanted.survive == "server":
            less = _without_server(point, arm)
            return None if less is None else [(*more, *each) for each in less]
        if wanted.survive == "link":
            return [(*more, each) for each in _without_link(point, arm)] or [more]
        return [more]

    return made


def _faster(scenario: Scenario, share: Fraction) -> list[str]:
    """Return what has everybody capture a share more frames."""
    model, overrides = scenario.model, []

    def add(place: str, rate: Fraction) -> None:
        overrides.append(f"{place}={float(rate * (1 + share)):.6g} fps")

    for name, group in model.sensors.items():
        add(f"sensors.{name}.rate", group.rate)
    for i, event in enumerate(model.events):
        if event.fps is not None:
            add(f"events[{i}].rate", event.fps)
    for name, arm in model.arms.items():
        if arm.rate is not None:
            add(f"arms.{name}.rate", arm.rate)
        for of, own in arm.per.items():
            if own.rate is not None:
                add(f"arms.{name}.per.{of}.rate", own.rate)
    return overrides


def _without_server(scenario: Scenario, arm: str) -> list[tuple[str, ...]] | None:
    """Return what takes a server from each pool of an arm; None: one of them has one only."""
    plan, model, cases = compile_plan(scenario, catalogue(scenario), arm), scenario.model, []
    for entry in dict.fromkeys(plan.pools.entry.tolist()):
        pool = plan.pools.entries[entry]
        if pool is None:
            continue
        count = pool.kinds[0].count
        if count < 2:
            return None
        own = model.regions.get(pool.name)
        place = f"edges.{pool.name}" if pool.edge else "cloud"
        if own is not None and own.servers is not None:
            place = f"regions.{pool.name}"
        less = [f"{place}.servers={count - 1}"]
        if pool.autoscaling is not None:
            if pool.autoscaling.most < 2:
                return None
            most = pool.autoscaling.most - 1
            less.append(f"{place}.autoscale.max={most}")
            less.append(f"{place}.autoscale.min={min(pool.autoscaling.least, most)}")
        cases.append(tuple(less))
    return cases or [()]


def _without_link(scenario: Scenario, arm: str) -> list[str]:
    """Return what cuts the busiest link of each class of an arm that has several."""
    plan = compile_plan(scenario, catalogue(scenario), arm)
    most: dict[str, tuple[float, str]] = {}
    many: dict[str, int] = {}
    for link in estimate(plan).ways.links:
        many[link.name] = many.get(link.name, 0) + len(link.links)
        name = plan.links.names[int(link.links[0])]
        most[link.name] = max(most.get(link.name, (-1.0, "")), (link.load, name))
    told = [name for of, (_, name) in most.items() if many[of] > 1 and of in scenario.model.links]
    events = scenario.data.get("events") or []
    assert isinstance(events, list)
    lasts = f"{scenario.model.duration} ns"
    return [
        "events=" + json.dumps([*events, {"at": "0 s", "outage": name, "lasts": lasts}])
        for name in told
    ]
