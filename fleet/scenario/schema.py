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
    """One hop of the way up: a catalogue technology, what overrides it, and where it leads."""

    technology: Name
    shared_by: Literal["sensor", "site", "cell", "city"]
    to: Name
    rate: RateBps | None = None
    downlink_rate: RateBps | None = None
    propagation: OffsetNs | None = None
    buffer: DataBit | None = None


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


class Cloud(Model):
    """A pool of like servers in a region."""

    region: Name = "cloud"
    server: Name
    servers: Count = 1
    batch: Batch = Batch()
    queue: Count = 100_000
    autoscale: Autoscale | None = None


class Region(Model):
    """A further region: what differs from `cloud`."""

    server: Name | None = None
    servers: Count | None = None
    batch: Batch | None = None
    queue: Count | None = None
    autoscale: Autoscale | None = None


class Equipment(Model):
    """What looks and infers for a sensor; a field left out is taken from the arm."""

    device: Name | None = None
    model: Name | None = None
    codec: Name | None = None
    publish: str | None = None
    format: Literal["message", "tensor"] | None = None
    protocol: Name | None = None

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
    says when.
    """

    at: OffsetNs | None = None
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
    "outage": ({"lasts"}, {"lasts"}),
    "crash": (set(), {"lasts"}),
    "rewrite": ({"model"}, {"model"}),
    "profile": (set(), {"rate", "demand"}),
}
_DETAILS = {"lasts", "mtbf", "mttr", "model", "rate", "demand"}


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
    if kind == "profile" and not given:
        raise InputError("profile needs rate, demand or both")


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
    sensors: dict[Name, SensorGroup]
    links: dict[Name, Link]
    cloud: Cloud
    regions: dict[Name, Region] = {}
    arms: dict[Name, Arm]
    events: list[Event] = []
    slo: list[str] = []

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


_PUBLISH = re.compile(r"^every (?:(?P<all>inference)|(?P<n>\d{1,9}) inferences|(?P<time>\d.*))$")


def parse_publish(text: str) -> tuple[int, int]:
    """Return (every n inferences, interval in ns) of a publishing rule; one of them is 0.

    Raises:
        InputError: the text is not 'every inference', 'every N inferences' or 'every TIME'.
    """
    match = _PUBLISH.match(text)
    if match is None:
        raise InputError(
            f"{text!r} is not a publishing rule; write 'every inference', 'every 5 inferences' or"
            " 'every 2 s'"
        )
    if match["all"]:
        return 1, 0
    count, interval_ns = (int(match["n"]), 0) if match["n"] else (0, units.time_ns(match["time"]))
    if count == 0 and interval_ns == 0:
        raise InputError(f"{text!r}: publish at least every 1 inferences or every 1 ns")
    return count, interval_ns
