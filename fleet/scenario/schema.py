"""What a user can say in a scenario: frozen models that refuse unknown keys.

Quantities are strings with a unit (`fleet.units`); the models hold canonical numbers: ns, bit,
bit/s, exact fractions. Nothing here looks anything up: names are resolved by `fleet.plan`.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from fleet.errors import InputError
from fleet.scenario.arms import Arm
from fleet.scenario.battery import MAINS, Battery
from fleet.scenario.by_hour import OwnGrid, Tariff
from fleet.scenario.days import Day, SpecialDay
from fleet.scenario.event import Event
from fleet.scenario.labels import check_labels
from fleet.scenario.plant import Cloud, Domain, Edge, Link, Region
from fleet.scenario.quantities import (
    Date,
    Grid,
    Model,
    Name,
    Objective,
    PriceBook,
    SpanNs,
    SpanOrNone,
    Start,
    Target,
    says,
)
from fleet.scenario.sensors import City, Place, SensorGroup


class Claim(Model):
    """What somebody says the baseline's power is, over that of another arm; drawn, not used."""

    text: Annotated[str, StringConstraints(max_length=80), says("what is said", "1/7400 of it")]
    ratio: Annotated[
        float, Field(ge=1e-6, le=1e6), says("the baseline's power over the other arm's", 7400.0)
    ]


AUTO: Final = "auto"
"""What a warm-up is that is to be found (`fleet.study.pilot`)."""


_NEEDED = ("sensors", "links", "arms")


class ScenarioModel(Model):
    """A whole scenario."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [{"properties": {name: {"minProperties": 1} for name in _NEEDED}}]
        }
    )

    name: Annotated[Name, says("what it is called", "shops")]
    seed: Annotated[
        int, Field(ge=0, lt=2**63), says("decides every draw, with the replication", 7)
    ] = 1
    replications: Annotated[
        int, Field(ge=1, le=1000), says("independent repetitions, for intervals", 5)
    ] = 1
    start: Annotated[
        Start,
        says(
            "local date and time at which it begins, with `+03:00` if that is there twice",
            "2024-05-16T17:00",
        ),
    ]
    duration: Annotated[SpanNs, says("how long is simulated", "10 min")]
    warm_up: Annotated[
        Literal["auto"] | SpanOrNone,
        says("time at the start that is not counted, or `auto` to find it", "30 s"),
    ] = 0
    timezone: Annotated[
        Target | None,
        says(
            "time zone, for the sun, the grid and clocks that are changed",
            "Europe/Helsinki",
            "not known: clocks go on",
        ),
    ] = None
    days: Annotated[
        dict[Date, Day],
        says(
            "holidays and other days that are not as their day of the week, by date",
            {"2024-12-06": "weekend"},
        ),
    ] = {}
    place: Annotated[
        Place | None,
        says(
            "where it is, for the sun", {"lat": 60.17, "lon": 24.94}, "that of sites or time zone"
        ),
    ] = None
    light: Annotated[
        Literal["sun", "day", "dusk", "night"], says("the light, or that of the sun", "night")
    ] = "sun"
    weather: Annotated[Literal["clear", "rain"], says("the weather", "rain")] = "clear"
    inference: Annotated[
        Literal["trace", "live", "constant"],
        says(
            "how it is known what networks find: from measured traces, by running them, or not",
            "constant",
        ),
    ] = "trace"
    traces: Annotated[
        str | None, says("file or folder of own traces", "traces", "the packaged ones")
    ] = None
    city: Annotated[
        City | None,
        says("sites and passers-by", {"demand": "demand/pedestrians.csv"}, "sites made up"),
    ] = None
    catalogue: Annotated[
        str | None, says("folder of own rows of the catalogue", "mine", "the packaged ones")
    ] = None
    network_energy: Annotated[
        Literal["marginal", "average", "convention"],
        says("boundary: what a bit in the network costs", "marginal"),
    ] = "average"
    grid: Annotated[
        Grid | OwnGrid | None,
        says(
            "whose electricity it is, for CO₂e: a country, a grid by the hour, or own numbers",
            "fin",
            "that of the place, else the world",
        ),
    ] = None
    prices: Annotated[PriceBook | None, says("price book, for costs", "deu-2025", "no costs")] = (
        None
    )
    tariff: Annotated[
        Tariff | None,
        says("price of electricity by the hour", {"file": "tariff.csv"}, "the price book's"),
    ] = None
    retention: Annotated[
        SpanNs | None, says("how long pictures are kept in the cloud", "30 d", "they are not")
    ] = None
    sensors: Annotated[
        dict[Name, SensorGroup],
        says(
            "groups of like sensors, by name",
            {"camera": {"count": 8, "app": "watch", "uplink": "port"}},
        ),
    ]
    links: Annotated[
        dict[Name, Link],
        says(
            "links on the way up, by name",
            {"wan": {"technology": "wan", "shared_by": "city", "to": "cloud"}},
        ),
    ]
    cloud: Annotated[Cloud, says("servers of the main region", {"server": "l4", "servers": 2})]
    regions: Annotated[
        dict[Name, Region], says("further regions, by name", {"far": {"servers": 1}})
    ] = {}
    edges: Annotated[
        dict[Name, Edge],
        says(
            "servers close to the sensors, by name",
            {"box": {"after": "port", "shared_by": "site", "server": "agx-orin"}},
        ),
    ] = {}
    domains: Annotated[
        dict[Name, Domain],
        says(
            "what fails together, by name",
            {"cabinet": {"shared_by": "site", "holds": ["camera", "port"]}},
        ),
    ] = {}
    batteries: Annotated[
        dict[Name, Battery],
        says(
            "what sensors without mains live on, by name",
            {"small": {"capacity": "20 Wh", "cut_off": "10 %", "recovery": "25 %"}},
        ),
    ] = {}
    arms: Annotated[
        dict[Name, Arm],
        says(
            "what is compared, by name", {"on_sensor": {"device": "imx500", "model": "eye-small"}}
        ),
    ]  # fmt: skip
    baseline: Annotated[
        Name | None,
        says("the arm that others are compared with", "cloud", "`cloud`, else the first"),
    ] = None
    events: Annotated[
        list[Event],
        says("what happens on the way", [{"at": "5 s", "outage": "wan", "lasts": "500 ms"}]),
    ] = []
    slo: Annotated[
        list[Objective], says("what is demanded of every arm", ["latency_ms.p99 < 200 ms"])
    ] = []
    claim: Annotated[
        Claim | None,
        says("a ratio that somebody states", {"text": "1/7400", "ratio": 7400.0}, "none is drawn"),
    ] = None

    @property
    def warm_up_ns(self) -> int:
        """Return until when nothing is counted; 0 while that is to be found."""
        return 0 if self.warm_up == AUTO else self.warm_up

    @property
    def start_time(self) -> dt.datetime:
        """Return the local civil time at which simulated time is zero."""
        return dt.datetime.fromisoformat(self.start).replace(tzinfo=None)

    @property
    def start_offset(self) -> dt.timedelta | None:
        """Return how far local time is said to be ahead of UTC then; None if that is not said."""
        return dt.datetime.fromisoformat(self.start).utcoffset()

    @property
    def special_days(self) -> dict[dt.date, SpecialDay]:
        """Return what dates are for demand that are not as their day of the week."""
        return {dt.date.fromisoformat(day): one for day, one in self.days.items()}

    @model_validator(mode="after")
    def _sound(self) -> ScenarioModel:
        for field in _NEEDED:
            if not getattr(self, field):
                raise InputError(f"'{field}' is empty; name at least one")
        check_labels({name: arm.label or name for name, arm in self.arms.items()})
        both = set(self.edges) & {self.cloud.region, *self.regions}
        if both:
            raise InputError(f"'{min(both)}' names an edge and a region; rename one")
        if MAINS in self.batteries:
            raise InputError(
                f"'{MAINS}' says that a sensor has no battery; call this one otherwise"
            )
        both = set(self.domains) & {*self.edges, self.cloud.region, *self.regions}
        if both:
            raise InputError(f"'{min(both)}' names a domain and an edge or a region; rename one")
        if self.start_offset is not None and self.timezone is None:
            raise InputError(
                f"'start' {self.start} says how far clocks are ahead of UTC, for which it takes a"
                " 'timezone'; add one, such as Europe/Helsinki, or leave the offset out"
            )
        if self.retention is not None and self.prices is None:
            raise InputError("'retention' says what storage costs and needs 'prices'")
        if self.tariff is not None and self.prices is None:
            raise InputError("'tariff' says what electricity costs and needs 'prices' for the rest")
        return self
