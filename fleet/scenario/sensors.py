"""What a scenario says of its sensors: where they stand, how fast they look, and for what."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints, field_validator, model_validator

from fleet.errors import InputError
from fleet.scenario.demand import PeoplePerHour
from fleet.scenario.quantities import App, Count, EpochNs, FrameRate, Model, Name, given, says

MOST_PRIORITY, MOST_WEIGHT = 7, 1000


class City(Model):
    """Where sensors can stand, and who walks past: two CSV files beside the scenario."""

    sites: Annotated[
        str | None, says("CSV file of the sites", "helsinki/sites.csv", "no sites")
    ] = None
    demand: Annotated[
        str | None,
        says(
            "CSV file of people an hour",
            "demand/pedestrians.csv",
            "empty scenes, unless a group says",
        ),
    ] = None
    attribution: Annotated[
        str,
        StringConstraints(max_length=80),
        says("what open data asks for, printed on maps", "Sites: © OpenStreetMap contributors"),
    ] = ""


class Place(Model):
    """Where the scenario is, for the sun; degrees north and east."""

    lat: Annotated[float, Field(ge=-90, le=90), says("degrees north", 60.17)]
    lon: Annotated[float, Field(ge=-180, le=180), says("degrees east", 24.94)]

    @field_validator("lat", "lon", mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Near(Place):
    """A circle on the map."""

    km: Annotated[float, Field(gt=0, le=20_000), says("how far around it; km", 0.3)]

    @field_validator("km", mode="before")
    @classmethod
    def _length(cls, value: object) -> object:
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


class At(Model):
    """Which sites of the city get a sensor; every stated field must match."""

    kind: Annotated[str, says("kind of site", "shop")]
    size: Annotated[str | None, says("size of it", "large", "any")] = None
    subtype: Annotated[str | None, says("kind within the kind", "supermarket", "any")] = None


class TraceCapture(Model):
    """Capture times from a column of a CSV or Parquet file.

    The column's name ends in its unit: `_ns`, `_us`, `_ms` or `_s`, counted from the start, or
    `offset` is what it says then. With `sensor`, a column of sensor names, each sensor takes its
    own rows; without it all take all. The mean rate is that of the rows; `rate` is not used.
    """

    file: Annotated[str, says("CSV or Parquet file", "times.csv")]
    column: Annotated[str, says("column of times, whose name ends in its unit", "t_ms")]
    sensor: Annotated[
        str | None, says("column of sensor names", "camera", "all sensors take all rows")
    ] = None
    offset: Annotated[EpochNs, says("what the column says at the start of the run", "1 s")] = 0


class Capture(Model):
    """Capture from a trace of times."""

    trace: Annotated[
        TraceCapture, says("where the times are", {"file": "times.csv", "column": "t_ms"})
    ]


class SensorGroup(Model):
    """A group of like sensors: where they stand, how fast they look, and for what.

    They stand at sites of the city (`at`) or at sites made up (`count`): one of the two.
    """

    model_config = ConfigDict(json_schema_extra={"oneOf": [given("at"), given("count")]})

    at: Annotated[
        At | None, says("which sites of the city get them", {"kind": "shop"}, "`count` is given")
    ] = None
    count: Annotated[Count | None, says("how many sites are made up", 8, "`at` is given")] = None
    cells: Annotated[Count, says("cells among which sites made up are dealt", 2)] = 1
    per_site: Annotated[int, Field(ge=1, le=64), says("sensors at each site", 4)] = 1
    rate: Annotated[FrameRate, Field(validate_default=True), says("frames captured", "15 fps")] = (
        "10 fps"
    )
    capture: Annotated[
        Literal["periodic", "poisson"] | Capture,
        says("when frames are captured: by a clock, at random, or from a trace", "poisson"),
    ] = "periodic"
    phase: Annotated[
        Literal["random", "synchronised", "staggered"],
        says(
            "where in its period, and in the time or number of its rules, a sensor starts",
            "staggered",
        ),
    ] = "random"
    app: Annotated[
        App, says("what is looked for: share of people in view, and for how long", "watch")
    ]
    demand: Annotated[
        PeoplePerHour | None,
        says("people an hour who pass each of its sites", "300 /h", "the city's table"),
    ] = None
    uplink: Annotated[Name, says("the first link of its way up, of `links`", "port")]
    battery: Annotated[
        Name | None,
        says("what each lives on, of `batteries`", "small", "mains, if its arm names none"),
    ] = None
    consumer: Annotated[
        Literal["cloud", "site"], says("who needs the results: with `site` they come back", "site")
    ] = "cloud"

    priority: Annotated[
        int,
        Field(ge=0, le=MOST_PRIORITY),
        says(
            "servers that it shares with other groups take its frames before those of a lower one",
            2,
        ),
    ] = 0
    weight: Annotated[
        int | None,
        Field(ge=1, le=MOST_WEIGHT),
        says(
            "its share of such servers, against the weights of groups of its priority",
            3,
            "1 beside a group that has one; else who comes first",
        ),
    ] = None

    @model_validator(mode="after")
    def _placed(self) -> SensorGroup:
        if (self.at is None) == (self.count is None):
            raise InputError("give either 'at' (sites of the city) or 'count' (sites made up)")
        return self
