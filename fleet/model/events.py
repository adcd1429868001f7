"""What control events are: the tables of what happens when, known before a run."""

from __future__ import annotations

from fleet.arrays import Ints, Table

# What a timetable row does, in the order in which simultaneous rows are applied.
(
    HOUR, RATE, DEMAND, LINK_DOWN, SENSOR_DOWN, MODEL_WRITE, SERVERS, LINK_RATE, SENSOR_LEAVES,
    SENSOR_JOINS, CAP_RENEWED, SERVERS_DOWN, RUNG, SENSOR_OFF, SENSOR_ON,
) = range(15)  # fmt: skip
EVENT_NAMES = (
    "hour", "rate", "demand", "link_down", "sensor_down", "model_write", "servers", "link_rate",
    "sensor_leaves", "sensor_joins", "cap_renewed", "servers_down",
    "rung", "sensor_off", "sensor_on",
)  # fmt: skip
OF_LINKS = (LINK_DOWN, LINK_RATE, CAP_RENEWED)
"""Events whose target is a link."""
OF_POOLS = (SERVERS, SERVERS_DOWN)
"""Events whose target is a pool of servers."""
OF_POWER = (SENSOR_OFF, SENSOR_ON)
"""Events of a sensor whose battery is empty, or charged again; they are in no plan."""


class Timetable(Table):
    """Control events, sorted: one row each.

    HOUR: a = column of the demand table, b = what a special day multiplies it by (ppm), else 0.
    RATE: a/b = period in ns. DEMAND: a/b = factor.
    LINK_DOWN, SENSOR_DOWN: a = until (ns). MODEL_WRITE: a = until (ns), b = new setup. SERVERS:
    a = servers of the first kind. LINK_RATE: a = rate (bit/s), b = what its buffer then holds (ns).
    SENSOR_LEAVES: a = when it joins again, the end if never (ns). SENSOR_JOINS: nothing.
    CAP_RENEWED: a = cap (bit). SERVERS_DOWN: a = until (ns). RUNG, which is in no plan: a = rung,
    b = its setup. SENSOR_OFF: nothing. SENSOR_ON: a = until when it boots (ns).
    """

    time_ns: Ints
    kind: Ints
    target: Ints  # index of a link, a sensor or a pool, -1 for all
    a: Ints
    b: Ints


class Rollout(Table):
    """Model rewrites: one row each."""

    asked_ns: Ints
    sensor: Ints
    arrived_ns: Ints  # when its bytes had
    write_from_ns: Ints
    written_ns: Ints
    down_bits: Ints  # on the wire; 0 from the cache
