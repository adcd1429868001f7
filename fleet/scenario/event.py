"""What can happen to a fleet: outages, crashes, failures, rewrites, rates, who joins and leaves."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator

from fleet.errors import InputError
from fleet.scenario.levels import MOST_RUNGS
from fleet.scenario.quantities import (
    BPS_FORM,
    FPS_FORM,
    Count,
    Model,
    Moment,
    Name,
    Network,
    Pace,
    Share,
    SpanNs,
    Target,
    TimeNs,
    given,
    left_out,
    says,
)
from fleet.scenario.sensors import Near

_OTHER = "another kind of event"
_RungNumber = Annotated[int, Field(ge=0, lt=MOST_RUNGS)]


_EVENT_FIELDS: dict[str, tuple[set[str], set[str]]] = {
    # kind: (fields needed with 'at', fields allowed with 'at')
    "outage": ({"lasts"}, {"lasts", "every"}),
    "crash": (set(), {"lasts", "every", "cell"}),
    "failure": (set(), {"lasts", "every"}),
    "rewrite": ({"model"}, {"model", "every", "cell", "wave_every"}),
    "profile": (set(), {"rate", "demand", "lasts", "every", "cell", "near"}),
    "link": ({"rate"}, {"rate", "every"}),
    "join": (set(), {"every", "cell"}),
    "leave": (set(), {"every", "cell"}),
    "resize": ({"servers"}, {"servers", "every"}),
    "ladder": ({"rung"}, {"rung", "every", "cell"}),
}
_DETAILS = {
    "lasts",
    "mtbf",
    "mttr",
    "model",
    "rate",
    "demand",
    "wave_every",
    "cell",
    "near",
    "every",
    "servers",
    "rung",
}
_BY_CHANCE = ("outage", "crash", "failure")
"""What may happen at times that are drawn from `mtbf` and `mttr`."""


_AT_ONCE = {"properties": {"waves": {"maximum": 1}, "wave_every": {"type": "null"}}}
_IN_WAVES = {"properties": {"waves": {"minimum": 2}}}


_RATES = {"profile": FPS_FORM, "link": BPS_FORM}


def _rules() -> dict[str, Any]:
    """Return for the JSON Schema which keys go with which kind of event."""
    kinds: list[dict[str, Any]] = []
    for kind, (needed, allowed) in _EVENT_FIELDS.items():
        others = [name for name in _EVENT_FIELDS if name != kind]
        stated = [
            given(kind, "at", *sorted(needed)),
            left_out(*others, *sorted(_DETAILS - allowed)),
        ]
        if kind == "profile":
            stated.append({"anyOf": [given("rate"), given("demand")]})
        if "rate" in allowed:
            stated.append({"properties": {"rate": {"anyOf": [_RATES[kind], {"type": "null"}]}}})
        stated.append({"anyOf": [_AT_ONCE, {"allOf": [given("waves", "wave_every"), _IN_WAVES]}]})
        kinds.append({"allOf": stated})
    for kind in _BY_CHANCE:
        others = [name for name in _EVENT_FIELDS if name != kind]
        drawn = _DETAILS - {"mtbf", "mttr"}
        kinds.append(
            {"allOf": [given(kind, "mtbf", "mttr"), left_out("at", *others, *sorted(drawn))]}
        )
    return {"oneOf": kinds}


class Event(Model):
    """Something that happens to the fleet at a stated time or again and again.

    Exactly one of `outage`, `link` (a link), `crash`, `rewrite`, `profile`, `join`, `leave`,
    `ladder` (a sensor or a group), `failure` (a domain, an edge or a region) and `resize` (the
    servers of a region) says what; `at`, or `mtbf` and `mttr` (mean times to failure and to repair,
    both exponential), says when. `at` is a time from the start or of the day; `every` repeats it.
    A rewrite can be rolled out in `waves`, one `wave_every` after the other. `cell` narrows a group
    to one cell, `near` to what stands near a place.
    """

    model_config = ConfigDict(json_schema_extra=_rules())

    at: Annotated[
        Moment | None, says("when: a time from the start, or of day", "18:30", "drawn by `mtbf`")
    ] = None
    every: Annotated[SpanNs | None, says("time after which it happens again", "24 h", "once")] = (
        None
    )
    waves: Annotated[Count, says("parts in which a rewrite is rolled out", 4)] = 1
    wave_every: Annotated[TimeNs | None, says("time between two waves", "15 min", "one wave")] = (
        None
    )
    cell: Annotated[Name | None, says("the cell of a group that it is about", "cell-1", "all")] = (
        None
    )
    near: Annotated[
        Near | None,
        says(
            "the sensors of a group that a profile is about: those of sites within some km",
            {"lat": 60.17, "lon": 24.94, "km": 0.3},
            "all",
        ),
    ] = None
    lasts: Annotated[
        TimeNs | None,
        says(
            "how long an outage, a crash, a failure or a profile lasts",
            "30 s",
            "a crash: the device's reboot; a failure or a profile: to the end",
        ),
    ] = None
    mtbf: Annotated[
        SpanNs | None, says("mean time to the next failure", "5 d", "`at` is given")
    ] = None
    mttr: Annotated[TimeNs | None, says("mean time to repair", "90 s", "`at` is given")] = None
    outage: Annotated[
        Target | None, says("the link that is down: all of a name, or one", "fibre/cell-1", _OTHER)
    ] = None
    crash: Annotated[Target | None, says("the sensor or group that is down", "camera", _OTHER)] = (
        None
    )
    failure: Annotated[
        Target | None,
        says(
            "the domain, edge or region of which all is down: each of a name, or one",
            "cabinet/site-12",
            _OTHER,
        ),
    ] = None
    rewrite: Annotated[
        Target | None, says("the sensor or group that gets another model", "camera", _OTHER)
    ] = None
    model: Annotated[
        Network | None, says("the model of a rewrite", "efficientdet-lite0", "no rewrite")
    ] = None
    profile: Annotated[
        Target | None, says("the sensor or group whose rate or demand changes", "camera", _OTHER)
    ] = None
    rate: Annotated[
        Pace | None, says("frame rate of a profile, or what a link has", "5 fps", "it stays")
    ] = None
    demand: Annotated[
        Share | None, says("people in a profile, of those of the hour", "150 %", "they stay")
    ] = None

    link: Annotated[
        Target | None, says("the link whose rate changes: all of a name, or one", "fibre", _OTHER)
    ] = None
    join: Annotated[
        Target | None,
        says("the sensor or group that is there from then on, at first or again", "camera", _OTHER),
    ] = None
    leave: Annotated[
        Target | None, says("the sensor or group that is there no more", "camera", _OTHER)
    ] = None
    resize: Annotated[
        Name | None, says("the region whose number of servers changes at once", "cloud", _OTHER)
    ] = None
    servers: Annotated[
        Count | None, says("servers of its first kind from then on", 2, "no resize")
    ] = None

    ladder: Annotated[
        Target | None,
        says("the sensor or group that is told to stand on a rung of its ladder", "camera", _OTHER),
    ] = None
    rung: Annotated[
        _RungNumber | None, says("which rung, 0 the arm's own settings", 1, "no rung is said")
    ] = None

    @property
    def kind(self) -> str:
        """Return which of the kinds it is, such as outage or crash."""
        return next(k for k in _EVENT_FIELDS if getattr(self, k) is not None)

    @property
    def fps(self) -> Fraction | None:
        """Return the frame rate that it asks for, if any; frames/s."""
        return None if self.profile is None else self.rate

    @property
    def bps(self) -> int:
        """Return the rate that it gives to a link; bit/s."""
        return int(self.rate or 0)

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


def _check_fields(event: Event, kind: str) -> None:
    stated = {name for name in _DETAILS if getattr(event, name) is not None}
    if event.at is None:
        if kind not in _BY_CHANCE or stated != {"mtbf", "mttr"}:
            raise InputError(f"{kind} needs 'at'" + _OR_MTBF * (kind in _BY_CHANCE))
        return
    needed, allowed = _EVENT_FIELDS[kind]
    if needed - stated:
        raise InputError(f"{kind} needs {', '.join(sorted(needed - stated))}")
    if stated - allowed:
        raise InputError(f"{kind} at a stated time takes no {', '.join(sorted(stated - allowed))}")
    if kind == "profile" and not stated & {"rate", "demand"}:
        raise InputError("profile needs rate, demand or both")
    if event.rate is not None and isinstance(event.rate, int) != (kind == "link"):
        raise InputError(_OTHER_RATE[kind])
    if (event.waves > 1) != (event.wave_every is not None):
        raise InputError("'waves' of a rewrite and 'wave_every' go together; give both or none")


_OR_MTBF = ", or 'mtbf' and 'mttr' alone"
_OTHER_RATE = {
    "profile": "the rate of a profile is one of frames, such as '5 fps'; 'link' changes that of a"
    " link",
    "link": "the rate of a link is one of bits, such as '500 kbit/s'; 'profile' changes that of"
    " frames",
}
