"""The parts of a plan in the order in which they are made, and what each states that it reads.

Whoever lets a step read more says so here: a test compares.
"""

from __future__ import annotations

import numpy as np

from fleet.plan import (
    capture_times,
    charging,
    events,
    feedback,
    network,
    people,
    placing,
    pools,
    served,
    sights,
)
from fleet.plan.draft import Draft, first_setups
from fleet.plan.groups import Links
from fleet.plan.light import tell_light
from fleet.plan.memo import Step
from fleet.plan.money import money
from fleet.plan.network import Network
from fleet.plan.place import place_of
from fleet.plan.roster import place_sensors
from fleet.plan.sensors import draws, sensors
from fleet.plan.stations import stations
from fleet.plan.sun import lights

_REGIONS = ("cloud.region", "regions.*")
_SERVERS = ("cloud", "regions.*", "edges.*")
_SUN = ("light", "weather", "start", "duration", "timezone")


def _network(draft: Draft) -> Network:
    regions = served.region_names(draft.scenario)
    return network.build(draft.scenario, draft.reader, draft.roster, regions)


def _times(draft: Draft) -> capture_times.CaptureTimes:
    times = capture_times.read(draft.scenario, draft.roster)
    draft.remarks += times.remarks
    return times


def _links(draft: Draft) -> Links:
    net = draft.net
    return Links(
        ids=np.arange(len(net.names)),
        class_names=tuple(c.name for c in net.classes),
        names=net.names,
        of=net.link_of,
        table=net.table(),
        class_of=net.class_of,
        level_of=net.level_of(),
        mobile=np.array([c.mobile for c in net.classes], dtype=np.int64),
        radios=tuple(c.radio for c in net.classes),
        radio_of=net.radio_of,
        cell_level=net.cell_level,
        region_names=served.region_names(draft.scenario),
        region_of=net.region_of,
    )


def _accuracy(draft: Draft) -> tuple[tuple[str, float], ...]:
    """Return the catalogue's accuracy (COCO mAP) of the models in use."""
    models = sorted({setup.model for setup in draft.setups})
    return tuple(
        (m, float(draft.reader.number("models", m, "map")))
        for m in models
        if draft.reader.has_parameter("models", m, "map")
    )


ROSTER = Step(
    "roster",
    lambda draft: place_sensors(draft.scenario),
    says=("sensors.*.at", "sensors.*.count", "sensors.*.cells", "sensors.*.per_site"),
    files=("city.sites",),
)
ARMS = Step(
    "arms",
    lambda draft: placing.arm_of_each(draft.scenario, draft.arm, draft.roster, draft.placement),
    says=("arms", "sensors.*"),
    after=("roster", "arm", "placement"),
)
NETWORK = Step(
    "network", _network, says=("links", "sensors.*.uplink", "duration", *_REGIONS),
    files=("links.*.rate.file", "links.*.rate.packets"), after=("roster",),
)  # fmt: skip
TIMES = Step(
    "times", _times, says=("sensors.*.capture", "duration"),
    files=("sensors.*.capture.trace.file",), after=("roster",),
)  # fmt: skip
FIRST_SETUPS = Step(
    "first setups",
    first_setups,
    says=(
        "arms", *(f"sensors.*.{key}" for key in ("rate", "app", "battery", "capture")), "links.*",
        "duration",
        *(f"events.*.{kind}" for kind in ("outage", "crash", "failure", "rewrite", "profile")),
        "events.*.rate",
    ),
    after=("roster", "arms", "network", "times"),
)  # fmt: skip
SERVED = Step(
    "served",
    served.build,
    says=(*_REGIONS, "links.*", "edges.*.after", "edges.*.shared_by"),
    after=("roster", "network", "first setups"),
)
PLACE = Step(
    "place",
    lambda draft: place_of(draft.scenario, draft.roster.lat, draft.roster.lon),
    says=("place", "timezone", "start"),
    after=("roster",),
)
CONTROL = Step(
    "control",
    events.build,
    says=(
        "events",
        "domains",
        "start",
        "timezone",
        "days",
        "duration",
        "seed",
        "sensors.*.capture",
        "links.*",
        *_REGIONS,
        "cloud.autoscale",
        "regions.*.autoscale",
        *(f"{servers}.{key}" for servers in _SERVERS for key in ("server", "more")),
        "edges.*.shared_by",
    ),
    after=("roster", "network", "first setups", "served", "replication", "deployments"),
)
FEEDBACK = Step(
    "feedback",
    feedback.build,
    says=(
        "arms", "events", "start", "timezone", "days", "duration", "sensors.*.consumer", "links.*",
        "sensors.*.capture",
    ),
    files=("arms.*.adaptive.rule.file",),
    after=("roster", "network", "first setups", "served", "control", "money"),
)  # fmt: skip
BATTERIES = Step(
    "batteries",
    charging.build,
    says=("batteries", "start", "duration", "timezone"),
    files=("batteries.*.solar.clearness.file", "batteries.*.solar.irradiance.file"),
    after=("roster", "first setups", "control", "eyes", "place", "links"),
)
POOLS = Step(
    "pools",
    pools.build,
    says=(
        "cloud", "regions", "edges", "links.*",
        *(f"sensors.*.{key}" for key in ("consumer", "priority", "weight")),
    ),
    after=("roster", "network", "first setups", "served"),
)  # fmt: skip
LINKS = Step("links", _links, says=_REGIONS, after=("network",))
SETUPS = Step(
    "setups", lambda draft: tuple(draft.setups), after=("control",), is_plain=True
)  # mostly the same in every replication, as what is made of them then is
EYES = Step(
    "eyes", sights.build, says=("inference", "arms"), files=("traces",), after=("setups", "arm")
)
LIGHTS = Step(
    "lights", lambda draft: lights(draft.scenario, draft.place), says=_SUN, after=("place",)
)
LIGHT = Step("light", tell_light, says=_SUN, after=("eyes", "place", "lights"))
DRAWS = Step("draws", draws, says=("seed",), after=("roster", "replication"))
SENSORS = Step(
    "sensors",
    sensors,
    says=(
        "duration",
        *(f"sensors.*.{key}" for key in ("rate", "phase", "capture", "consumer")),
    ),
    after=("roster", "eyes", "times", "draws"),
)
SCENE = Step(
    "scene",
    people.scene,
    says=(
        "sensors.*.demand",
        "sensors.*.app",
        "events.*.demand",
        "start",
        "duration",
        "timezone",
        "days",
    ),
    files=("city.demand",),
    after=("roster", "lights"),
)
MONEY = Step(
    "money",
    money,
    says=(
        "network_energy",
        "grid",
        "timezone",
        "place",
        "prices",
        "retention",
        "tariff",
        "start",
        "duration",
        "warm_up",
    ),
    files=("grid.file", "tariff.file"),
    after=("eyes", "place"),
)
STATIONS = Step(
    "stations",
    lambda draft: stations(draft.links, draft.pools, draft.scenario.model.duration),
    says=("duration",),
    after=("links", "pools"),
)
ACCURACY = Step("accuracy", _accuracy, after=("eyes",))
