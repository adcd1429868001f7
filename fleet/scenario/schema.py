"""What a user can say in a scenario: frozen models that refuse unknown keys.

Quantities are strings with a unit (`fleet.units`); the models hold canonical numbers: ns, bit,
bit/s, exact fractions. Nothing here looks anything up: names are resolved by `fleet.plan`.
"""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from fleet.errors import InputError
from fleet.scenario.demand import PeoplePerHour
from fleet.scenario.event import Event
from fleet.scenario.labels import Label, check_labels
from fleet.scenario.publish import parse_publish
from fleet.scenario.quantities import (
    Count,
    DataBit,
    EpochNs,
    FrameRate,
    Model,
    Name,
    OffsetNs,
    RateBps,
    Share,
    ShareOrNone,
    SpanNs,
    SpanOrNone,
    Start,
    Target,
    TimeNs,
)

MAX_LOSS = Fraction(1, 2)


class City(Model):
    """Where sensors can stand, and who walks past: two CSV files beside the scenario.

    `attribution` is printed on maps: open data asks for it.
    """

    sites: str | None = None
    demand: str | None = None
    attribution: Annotated[str, StringConstraints(max_length=80)] = ""


class Place(Model):
    """Where the scenario is, for the sun; degrees north and east."""

    lat: Annotated[float, Field(ge=-90, le=90)]
    lon: Annotated[float, Field(ge=-180, le=180)]

    @field_validator("lat", "lon", mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


class At(Model):
    """Which sites of the city get a sensor; every stated field must match."""

    kind: str
    size: str | None = None
    subtype: str | None = None


class TraceCapture(Model):
    """Capture times from a column of a CSV or Parquet file.

    The column's name ends in its unit: `_ns`, `_us`, `_ms` or `_s`, counted from the start, or
    `offset` is what it says then. With `sensor`, a column of sensor names, each sensor takes its
    own rows; without it all take all. The mean rate is that of the rows; `rate` is not used.
    """

    file: str
    column: str
    sensor: str | None = None
    offset: EpochNs = 0


class Capture(Model):
    """Capture from a trace of times."""

    trace: TraceCapture


class SensorGroup(Model):
    """A group of like sensors: where they stand, how fast they look, and for what.

    `demand` is how many people an hour pass each of its sites, instead of the city's table.
    """

    at: At | None = None
    count: Count | None = None
    cells: Count = 1
    per_site: Annotated[int, Field(ge=1, le=64)] = 1
    rate: FrameRate = Fraction(10)
    capture: Literal["periodic", "poisson"] | Capture = "periodic"
    phase: Literal["random", "synchronised", "staggered"] = "random"
    app: Name
    demand: PeoplePerHour | None = None
    uplink: Name
    consumer: Literal["cloud", "site"] = "cloud"

    @model_validator(mode="after")
    def _placed(self) -> SensorGroup:
        if (self.at is None) == (self.count is None):
            raise InputError("give either 'at' (sites of the city) or 'count' (sites made up)")
        return self


class Link(Model):
    """One hop of the way up: a catalogue technology, what overrides it, and where it leads.

    `rate` is what all who share the link have, `user_rate` what one sender's radio can do. After
    `cap` of data (less the share `cap_used` that is spent at the start) a sender gets
    `throttled_rate`.
    """

    technology: Name
    shared_by: Literal["sensor", "site", "cell", "city"]
    to: Name
    rate: RateBps | None = None
    downlink_rate: RateBps | None = None
    propagation: OffsetNs | None = None
    buffer: DataBit | None = None
    user_rate: RateBps | None = None
    loss: ShareOrNone | None = None
    cap: DataBit | None = None
    cap_used: ShareOrNone = Fraction(0)
    throttled_rate: RateBps | None = None

    @model_validator(mode="after")
    def _sound(self) -> Link:
        if (self.cap is None) != (self.throttled_rate is None):
            raise InputError("'cap' and 'throttled_rate' go together; give both or none")
        if self.cap_used > 1 or (self.cap_used and self.cap is None):
            raise InputError("'cap_used' is a share of 'cap', from 0 to 100 %")
        if self.loss is not None and self.loss > MAX_LOSS:
            raise InputError(f"loss {float(self.loss):g} is above {float(MAX_LOSS):g}; lower it")
        return self


class Batch(Model):
    """Dynamic batching: launch when `max` frames wait or the oldest has waited `wait`."""

    max: Annotated[int, Field(ge=1, le=1024)] = 1
    wait: OffsetNs = 0


class Autoscale(Model):
    """Servers follow load: desired = ceil(servers × utilisation / target), as Kubernetes does."""

    min: Count = 1
    max: Count
    target: Share
    every: TimeNs
    boot: TimeNs | None = None
    cooldown: TimeNs

    @model_validator(mode="after")
    def _ordered(self) -> Autoscale:
        if self.min > self.max:
            raise InputError(f"min {self.min} is above max {self.max}")
        if not Fraction(1, 1000) <= self.target <= 1:
            raise InputError(f"target {float(self.target):g} is not 0.1 % to 100 %; write '70 %'")
        return self


class Servers(Model):
    """A pool of servers with one queue.

    `more` adds further kinds of servers to the pool. A frame that no batch has taken after
    `deadline` is lost. `decode: false` leaves out the decoding of video.
    """

    server: Name
    servers: Count = 1
    more: dict[Name, Count] = {}
    batch: Batch = Batch()
    queue: Count = 100_000
    deadline: TimeNs | None = None
    decode: bool = True

    @model_validator(mode="after")
    def _kinds(self) -> Servers:
        if self.server in self.more:
            raise InputError(f"'more' names '{self.server}' again; add to 'servers' instead")
        if len(self.more) >= MAX_KINDS:
            raise InputError(f"a pool has at most {MAX_KINDS} kinds of servers")
        return self


MAX_KINDS = 8


class Cloud(Servers):
    """The pool of the main region."""

    region: Name = "cloud"
    autoscale: Autoscale | None = None


class Edge(Servers):
    """Servers close to the sensors: a pool for each site, cell or the city, behind a link."""

    after: Name
    shared_by: Literal["site", "cell", "city"]


class Region(Model):
    """A further region: what differs from `cloud`."""

    server: Name | None = None
    servers: Count | None = None
    more: dict[Name, Count] | None = None
    batch: Batch | None = None
    queue: Count | None = None
    deadline: TimeNs | None = None
    decode: bool | None = None
    autoscale: Autoscale | None = None


class Equipment(Model):
    """What looks and infers for a sensor; a field left out is taken from the arm.

    `mode` is how the sensor is read out, `output` what an AI sensor puts out, `bitrate` the mean
    that an encoder is held to, `infer` where the frames of a camera are inferred; with it an AI
    sensor is a camera, with the encoder of the camera that `encoder` names. `eye` is a measured
    network whose sight stands for the model's, whatever the catalogue says. `rate` is the
    most that is captured, where groups and events ask for more.
    """

    device: Name | None = None
    model: Name | None = None
    codec: Name | None = None
    publish: str | None = None
    protocol: Name | None = None
    mode: Name | None = None
    output: Literal["message", "tensor", "roi", "image", "raw", "image + message"] | None = None
    host: Name | None = None
    bitrate: RateBps | None = None
    infer: Literal["cloud", "edge"] | None = None
    encoder: Name | None = None
    eye: Name | None = None
    rate: FrameRate | None = None

    @model_validator(mode="after")
    def _published(self) -> Equipment:
        if self.publish is not None:
            parse_publish(self.publish)
        return self


class Arm(Equipment):
    """One answer to 'where does inference run?'.

    Either equipment for every sensor, with `per` overriding it for some groups, or `place`: for
    each group the name of another arm (`default` for the rest). Where results are shown, `label`
    is what it is called.
    """

    label: Label | None = None
    per: dict[Name, Equipment] = {}
    place: dict[Name, Name] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Arm:
        own = [f for f in (*Equipment.model_fields, "per") if getattr(self, f)]
        if self.place is not None and own:
            raise InputError(
                f"an arm with 'place' takes its equipment from the arms it names; remove"
                f" {', '.join(own)}"
            )
        return self


class Claim(Model):
    """What somebody says the baseline's power is, over that of another arm; drawn, not used."""

    text: Annotated[str, StringConstraints(max_length=80)]
    ratio: Annotated[float, Field(ge=1e-6, le=1e6)]


AUTO: Final = "auto"
"""What a warm-up is that is to be found (`fleet.study.pilot`)."""


class ScenarioModel(Model):
    """A whole scenario."""

    name: Name
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    replications: Annotated[int, Field(ge=1, le=1000)] = 1
    start: Start
    duration: SpanNs
    warm_up: Literal["auto"] | SpanOrNone = 0
    timezone: Target | None = None
    place: Place | None = None
    light: Literal["sun", "day", "dusk", "night"] = "sun"
    weather: Literal["clear", "rain"] = "clear"
    inference: Literal["trace", "live", "constant"] = "trace"
    traces: str | None = None
    city: City | None = None
    catalogue: str | None = None
    network_energy: Literal["marginal", "average", "convention"] = "average"
    grid: Name | None = None
    prices: Name | None = None
    retention: SpanNs | None = None
    sensors: dict[Name, SensorGroup]
    links: dict[Name, Link]
    cloud: Cloud
    regions: dict[Name, Region] = {}
    edges: dict[Name, Edge] = {}
    arms: dict[Name, Arm]
    baseline: Name | None = None
    events: list[Event] = []
    slo: list[str] = []
    claim: Claim | None = None

    @property
    def warm_up_ns(self) -> int:
        """Return until when nothing is counted; 0 while that is to be found."""
        return 0 if self.warm_up == AUTO else self.warm_up

    def moments_ns(self, event: Event) -> list[int]:
        """Return when an event with `at` happens, up to the end of the run; ns."""
        if event.at is None:
            return []
        if isinstance(event.at, dt.time):
            first = dt.datetime.combine(self.start_time, event.at) - self.start_time
            at = int(first.total_seconds()) % 86_400 * 1_000_000_000
        else:
            at = event.at
        if event.every is None:
            return [at]
        return list(range(at, max(self.duration, at + 1), event.every))

    @property
    def start_time(self) -> dt.datetime:
        """Return the local civil time at which simulated time is zero."""
        return dt.datetime.fromisoformat(self.start)

    @model_validator(mode="after")
    def _sound(self) -> ScenarioModel:
        for field in ("sensors", "links", "arms"):
            if not getattr(self, field):
                raise InputError(f"'{field}' is empty; name at least one")
        check_labels({name: arm.label or name for name, arm in self.arms.items()})
        both = set(self.edges) & {self.cloud.region, *self.regions}
        if both:
            raise InputError(f"'{min(both)}' names an edge and a region; rename one")
        if self.retention is not None and self.prices is None:
            raise InputError("'retention' says what storage costs and needs 'prices'")
        return self
