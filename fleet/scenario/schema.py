"""What a user can say in a scenario: frozen models that refuse unknown keys.

Quantities are strings with a unit (`fleet.units`); the models hold canonical numbers: ns, bit,
bit/s, exact fractions. Nothing here looks anything up: names are resolved by `fleet.plan`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

import fleet.units as units
from fleet.errors import InputError


def _quantity(parse: Callable[[object], Any], example: str, *, positive: bool = True) -> Any:
    """Return pydantic metadata for a string with a unit."""

    def read(value: object) -> Any:
        number = parse(value)
        if positive and number <= 0:
            raise InputError(f"{value!r} must be more than zero, such as '{example}'")
        return number

    schema = {"type": "string", "examples": [example], "description": f"such as '{example}'"}
    return BeforeValidator(read), WithJsonSchema(schema)


_time, _time_schema = _quantity(units.time_ns, "10 s")
_time0, _time0_schema = _quantity(units.time_ns, "10 s", positive=False)
_data, _data_schema = _quantity(units.data_bit, "2 MB")
_rate, _rate_schema = _quantity(units.rate_bps, "20 Mbit/s")
_fps, _fps_schema = _quantity(units.frame_rate, "30 fps")
_share, _share_schema = _quantity(units.fraction, "5 %")

TimeNs = Annotated[int, _time, _time_schema]
OffsetNs = Annotated[int, _time0, _time0_schema]
DataBit = Annotated[int, _data, _data_schema]
RateBps = Annotated[int, _rate, _rate_schema]
FrameRate = Annotated[Any, _fps, _fps_schema]
Share = Annotated[Any, _share, _share_schema]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}$")]
Target = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-/]{0,127}$")]
Count = Annotated[int, Field(ge=1, le=10_000_000)]

MAX_LOSS = Fraction(1, 2)


def _moment(value: object) -> int | dt.time:
    if isinstance(value, str) and _CLOCK.match(value):
        try:
            return dt.time.fromisoformat(value)
        except ValueError:
            raise InputError(f"{value!r} is not a time of day; write such as '18:30'") from None
    return units.time_ns(value)


_CLOCK = re.compile(r"^\d{2}:\d{2}$")
_MOMENT = {
    "type": "string",
    "examples": ["5 min", "18:30"],
    "description": "a time or a clock time",
}
Moment = Annotated[int | dt.time, BeforeValidator(_moment), WithJsonSchema(_MOMENT)]
"""When something happens: ns from the start, or a time of day."""


class Model(BaseModel):
    """Base of every scenario model: frozen, strict, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class City(Model):
    """Where sensors can stand, and who walks past: two CSV files beside the scenario.

    `attribution` is printed on maps: open data asks for it.
    """

    sites: str | None = None
    demand: str | None = None
    attribution: Annotated[str, StringConstraints(max_length=80)] = ""


class At(Model):
    """Which sites of the city get a sensor; every stated field must match."""

    kind: str
    size: str | None = None
    subtype: str | None = None


class TraceCapture(Model):
    """Capture times from a column of a CSV or Parquet file.

    The column's name ends in its unit: `_ns`, `_us`, `_ms` or `_s`, counted from the start. With
    `sensor`, a column of sensor names, each sensor takes its own rows; without it all take all.
    """

    file: str
    column: str
    sensor: str | None = None


class Capture(Model):
    """Capture from a trace of times."""

    trace: TraceCapture


class SensorGroup(Model):
    """A group of like sensors: where they stand, how fast they look, and for what."""

    at: At | None = None
    count: Count | None = None
    cells: Count = 1
    per_site: Annotated[int, Field(ge=1, le=64)] = 1
    rate: FrameRate = Fraction(10)
    capture: Literal["periodic", "poisson"] | Capture = "periodic"
    phase: Literal["random", "synchronised", "staggered"] = "random"
    app: Name
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
    loss: Share | None = None
    cap: DataBit | None = None
    cap_used: Share = Fraction(0)
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
    that an encoder is held to, `infer` where the frames of a camera are inferred.
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

    @model_validator(mode="after")
    def _published(self) -> Equipment:
        if self.publish is not None:
            parse_publish(self.publish)
        return self


class Arm(Equipment):
    """One answer to 'where does inference run?'.

    Either equipment for every sensor, with `per` overriding it for some groups, or `place`: for
    each group the name of another arm (`default` for the rest).
    """

    per: dict[Name, Equipment] = {}
    place: dict[Name, Name] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Arm:
        if self.place is not None and (self.device or self.model or self.per):
            raise InputError("an arm with 'place' takes its equipment from the arms it names")
        return self


class Event(Model):
    """Something that happens to the fleet at a stated time or again and again.

    Exactly one of `outage` (a link), `crash`, `rewrite` and `profile` (a sensor or a group) says
    what; `at`, or `mtbf` and `mttr` (mean times to failure and to repair, both exponential),
    says when. `at` is a time from the start or a time of day; `every` repeats it. A rewrite can be
    rolled out in `waves`, one `wave_every` after the other. `cell` narrows a group to one cell.
    """

    at: Moment | None = None
    every: TimeNs | None = None
    waves: Count = 1
    wave_every: TimeNs | None = None
    cell: Name | None = None
    lasts: TimeNs | None = None
    mtbf: TimeNs | None = None
    mttr: TimeNs | None = None
    outage: Target | None = None
    crash: Target | None = None
    rewrite: Target | None = None
    model: Name | None = None
    profile: Target | None = None
    rate: FrameRate | None = None
    demand: Share | None = None

    @property
    def kind(self) -> str:
        """Return which of outage, crash, rewrite and profile this event is."""
        return next(k for k in _EVENT_FIELDS if getattr(self, k) is not None)

    @property
    def target(self) -> str:
        """Return the name that the event is about."""
        return str(getattr(self, self.kind))

    @model_validator(mode="after")
    def _complete(self) -> Event:
        kinds = [k for k in _EVENT_FIELDS if getattr(self, k) is not None]
        if len(kinds) != 1:
            raise InputError(
                f"give exactly one of {', '.join(_EVENT_FIELDS)}; got {kinds or 'none'}"
            )
        _check_fields(self, kinds[0])
        return self


_EVENT_FIELDS: dict[str, tuple[set[str], set[str]]] = {
    # kind: (fields needed with 'at', fields allowed with 'at')
    "outage": ({"lasts"}, {"lasts", "every"}),
    "crash": (set(), {"lasts", "every", "cell"}),
    "rewrite": ({"model"}, {"model", "every", "cell", "wave_every"}),
    "profile": (set(), {"rate", "demand", "every", "cell"}),
}
_DETAILS = {"lasts", "mtbf", "mttr", "model", "rate", "demand", "wave_every", "cell", "every"}


def _check_fields(event: Event, kind: str) -> None:
    given = {name for name in _DETAILS if getattr(event, name) is not None}
    if event.at is None:
        if kind not in ("outage", "crash") or given != {"mtbf", "mttr"}:
            raise InputError(f"{kind} needs 'at'" + _OR_MTBF.get(kind, ""))
        return
    needed, allowed = _EVENT_FIELDS[kind]
    if needed - given:
        raise InputError(f"{kind} needs {', '.join(sorted(needed - given))}")
    if given - allowed:
        raise InputError(f"{kind} at a stated time takes no {', '.join(sorted(given - allowed))}")
    if kind == "profile" and not given & {"rate", "demand"}:
        raise InputError("profile needs rate, demand or both")
    if (event.waves > 1) != (event.wave_every is not None):
        raise InputError("'waves' of a rewrite and 'wave_every' go together; give both or none")


_OR_MTBF = {"outage": ", or 'mtbf' and 'mttr' alone", "crash": ", or 'mtbf' and 'mttr' alone"}


class ScenarioModel(Model):
    """A whole scenario."""

    name: Name
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    replications: Annotated[int, Field(ge=1, le=1000)] = 1
    start: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$")]
    duration: TimeNs
    city: City | None = None
    catalogue: str | None = None
    network_energy: Literal["marginal", "average", "convention"] = "average"
    grid: Name = "world"
    prices: Name | None = None
    retention: TimeNs | None = None
    sensors: dict[Name, SensorGroup]
    links: dict[Name, Link]
    cloud: Cloud
    regions: dict[Name, Region] = {}
    edges: dict[Name, Edge] = {}
    arms: dict[Name, Arm]
    events: list[Event] = []
    slo: list[str] = []

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
        try:
            dt.datetime.fromisoformat(self.start)
        except ValueError as error:
            raise InputError(f"start {self.start!r} is not a date and time: {error}") from None
        return self


_PUBLISH = re.compile(
    r"^(?:every (?:(?P<all>inference)|(?P<n>\d{1,9}) inferences|(?P<time>\d.*))"
    r"|(?P<change>on change)(?: or every (?P<silence>\d.*))?)$"
)


def parse_publish(text: str) -> tuple[int, int, bool]:
    """Return (every n inferences, interval in ns, on change) of a publishing rule.

    With `on change` the interval is the longest silence, 0 if there is none; else one of the two
    numbers is 0.

    Raises:
        InputError: the text is not such a rule.
    """
    match = _PUBLISH.match(text)
    if match is None:
        raise InputError(
            f"{text!r} is not a publishing rule; write 'every inference', 'every 5 inferences',"
            " 'every 2 s', 'on change' or 'on change or every 60 s'"
        )
    if match["all"]:
        return 1, 0, False
    if match["change"]:
        return 0, units.time_ns(match["silence"]) if match["silence"] else 0, True
    count, interval_ns = (int(match["n"]), 0) if match["n"] else (0, units.time_ns(match["time"]))
    if count == 0 and interval_ns == 0:
        raise InputError(f"{text!r}: publish at least every 1 inferences or every 1 ns")
    return count, interval_ns, False
