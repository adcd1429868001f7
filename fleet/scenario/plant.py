"""What a scenario says of the plant: links, servers behind them, and what fails together."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from fleet.errors import InputError
from fleet.scenario.bursts import Bursts
from fleet.scenario.distance import Distance
from fleet.scenario.link_rate import RateTrace
from fleet.scenario.quantities import (
    MOST_COUNT,
    NONE_OF_IT,
    Count,
    DataBit,
    Loss,
    Model,
    Name,
    OffsetNs,
    Part,
    PartOrNone,
    PeriodNs,
    RateBps,
    Server,
    Target,
    Technology,
    TimeNs,
    given,
    left_out,
    says,
)

MAX_KINDS = 8
_NEVER: dict[str, Any] = {"const": "never"}
_AS_SOLD = "that of the technology"


class Link(Model):
    """One hop of the way up: a catalogue technology, what overrides it, and where it leads.

    `rate` is what all who share the link have, `user_rate` what one sender's radio can do.
    `propagation` may be said by `distance`, the places where it begins and ends. After `cap` of
    data (less the share `cap_used` that is spent at the start) a sender gets `throttled_rate`,
    until the cap starts anew (`cap_renews`).
    """

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                {"oneOf": [given("cap", "throttled_rate"), left_out("cap", "throttled_rate")]},
                {"anyOf": [left_out("propagation"), left_out("distance")]},
            ],
            "if": {
                "anyOf": [
                    {"required": ["cap_used"], "properties": {"cap_used": {"not": NONE_OF_IT}}},
                    {"required": ["cap_renews"], "properties": {"cap_renews": {"not": _NEVER}}},
                ]
            },
            "then": given("cap"),
        }
    )

    technology: Annotated[Technology, says("what kind of link it is", "gpon")]
    shared_by: Annotated[
        Literal["sensor", "site", "cell", "city"], says("who shares one: each has its own", "cell")
    ]
    to: Annotated[Name, says("the next link, or the region", "metro")]
    rate: Annotated[
        RateBps | RateTrace | None,
        says("what all who share it have, or the file that it follows", "50 Mbit/s", _AS_SOLD),
    ] = None
    downlink_rate: Annotated[
        RateBps | None, says("the same downwards, for models", "200 Mbit/s", _AS_SOLD)
    ] = None
    propagation: Annotated[OffsetNs | None, says("time on the wire", "2 ms", _AS_SOLD)] = None
    distance: Annotated[
        Distance | None,
        says(
            "cloud regions where a WAN begins and ends, which say `propagation`",
            {"from": "sweden-central", "to": "west-europe"},
            "none is said",
        ),
    ] = None
    buffer: Annotated[
        DataBit | None, says("what may wait at its port and be sent", "2 MB", _AS_SOLD)
    ] = None
    user_rate: Annotated[
        RateBps | None, says("what one sender's radio can do", "10 Mbit/s", _AS_SOLD)
    ] = None
    loss: Annotated[
        Loss | Bursts | None,
        says("segments lost, and sent again, or how they are lost in bursts", "0.1 %", _AS_SOLD),
    ] = None
    cap: Annotated[
        DataBit | None, says("data after which a sender is slowed down", "50 GB", "no cap")
    ] = None
    cap_used: Annotated[
        PartOrNone,
        says("share of `cap` that is spent at the start", "80 %"),
    ] = Fraction(0)
    cap_renews: Annotated[
        Literal["never", "daily", "monthly"],
        says(
            "when `cap` starts anew: as each day, or the first of a month, begins by the local"
            " clock",
            "monthly",
        ),
    ] = "never"
    throttled_rate: Annotated[
        RateBps | None, says("what a sender has behind the cap", "1 Mbit/s", "there is no cap")
    ] = None

    @model_validator(mode="after")
    def _sound(self) -> Link:
        if (self.cap is None) != (self.throttled_rate is None):
            raise InputError("'cap' and 'throttled_rate' go together; give both or none")
        if self.cap_used and self.cap is None:
            raise InputError("'cap_used' is a share of 'cap'; give that too")
        if self.cap_renews != "never" and self.cap is None:
            raise InputError("'cap_renews' says when 'cap' starts anew; give that too")
        if self.propagation is not None and self.distance is not None:
            raise InputError("'distance' says what 'propagation' is; give one of them")
        return self


class Batch(Model):
    """Dynamic batching: launch when `max` frames wait or the oldest has waited `wait`."""

    max: Annotated[int, Field(ge=1, le=1024), says("most frames that are inferred together", 8)] = 1
    wait: Annotated[OffsetNs, says("how long the oldest waits for others", "5 ms")] = 0


class Autoscale(Model):
    """Servers follow load: desired = ceil(servers × utilisation / target), as Kubernetes does.

    Kubernetes itself takes a `tolerance` of 10 % and a `stabilise` of 5 min where nothing else is
    said; here both are none.
    """

    min: Annotated[
        int, Field(ge=0, le=MOST_COUNT), says("fewest servers; none at all needs `queue`", 2)
    ] = 1
    max: Annotated[Count, says("most servers", 40)]
    target: Annotated[Part, says("share of time at work wanted", "70 %")]
    every: Annotated[PeriodNs, says("time between two looks", "10 s")]
    boot: Annotated[TimeNs | None, says("time until a new one is up", "40 s", "the server's")] = (
        None
    )
    cooldown: Annotated[TimeNs, says("time after a change before servers are given back", "1 min")]
    stabilise: Annotated[
        OffsetNs, says("servers are given back down to the most wanted in so long", "5 min")
    ] = 0
    queue: Annotated[
        Count | None,
        says("frames that may wait for each server; more of them want more servers", 20, "any"),
    ] = None
    tolerance: Annotated[
        PartOrNone, says("how far from the target nothing changes, of it", "10 %")
    ] = Fraction(0)

    @model_validator(mode="after")
    def _ordered(self) -> Autoscale:
        if self.min > self.max:
            raise InputError(f"min {self.min} is above max {self.max}")
        if not self.min and self.queue is None:
            raise InputError(
                "'min: 0' needs 'queue': servers that are not there are never busy, so that only"
                " frames that wait can call them back; give queue: 10, or min: 1"
            )
        return self


class Servers(Model):
    """A pool of servers with one queue."""

    server: Annotated[Server, says("what kind of server", "l4")]
    servers: Annotated[Count, says("how many", 4)] = 1
    more: Annotated[
        dict[Server, Count],
        says("further kinds of servers in the pool, how many of each", {"t4": 2}),
    ] = {}
    batch: Annotated[Batch, says("how frames are put together", {"max": 8, "wait": "5 ms"})] = (
        Batch()
    )
    queue: Annotated[Count, says("frames that may wait", 1000)] = 100_000
    deadline: Annotated[
        TimeNs | None, says("a frame that no batch has taken by then is lost", "200 ms", "none")
    ] = None
    decode: Annotated[bool, says("whether decoding of video is counted", False)] = True

    @model_validator(mode="after")
    def _kinds(self) -> Servers:
        if self.server in self.more:
            raise InputError(f"'more' names '{self.server}' again; add to 'servers' instead")
        if len(self.more) >= MAX_KINDS:
            raise InputError(f"a pool has at most {MAX_KINDS} kinds of servers")
        return self


class Cloud(Servers):
    """The pool of the main region."""

    region: Annotated[Name, says("its name, to which links lead", "helsinki")] = "cloud"
    autoscale: Annotated[
        Autoscale | None,
        says(
            "how the number of servers follows load",
            {"max": 8, "target": "70 %", "every": "10 s", "cooldown": "1 min"},
            "the number stays",
        ),
    ] = None


class Edge(Servers):
    """Servers close to the sensors: a pool for each site, cell or the city, behind a link."""

    after: Annotated[Name, says("the link behind which it stands", "port")]
    shared_by: Annotated[Literal["site", "cell", "city"], says("who has a pool of its own", "site")]


class Domain(Model):
    """What fails together, as it has one cabinet, one pole or one supply of power."""

    shared_by: Annotated[
        Literal["site", "cell", "city"], says("whose each is: each has its own", "site")
    ]
    holds: Annotated[
        list[Target],
        Field(min_length=1),
        says("groups, links, edges and regions in it, or single ones", ["camera", "port", "box"]),
    ]


_AS_CLOUD = "that of `cloud`"


class Region(Model):
    """A further region: what differs from `cloud`."""

    server: Annotated[Server | None, says("what kind of server", "a10", _AS_CLOUD)] = None
    servers: Annotated[Count | None, says("how many", 2, _AS_CLOUD)] = None
    more: Annotated[
        dict[Server, Count] | None, says("further kinds, how many of each", {"t4": 1}, _AS_CLOUD)
    ] = None
    batch: Annotated[
        Batch | None, says("how frames are put together", {"max": 4, "wait": "5 ms"}, _AS_CLOUD)
    ] = None
    queue: Annotated[Count | None, says("frames that may wait", 1000, _AS_CLOUD)] = None
    deadline: Annotated[TimeNs | None, says("longest wait for a batch", "100 ms", _AS_CLOUD)] = None
    decode: Annotated[
        bool | None, says("whether decoding of video is counted", False, _AS_CLOUD)
    ] = None
    autoscale: Annotated[
        Autoscale | None,
        says(
            "how the number of servers follows load",
            {"max": 8, "target": "70 %", "every": "10 s", "cooldown": "1 min"},
            _AS_CLOUD,
        ),
    ] = None
