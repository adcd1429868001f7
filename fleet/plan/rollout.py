"""Model rewrites: the bytes cross the downlink hop by hop, then the sensor is blind while written.

Downlinks are FIFOs like uplinks, used by rewrites alone: results sent back are some hundred bytes
and are not queued (`docs/MODEL.md`). So the whole roll-out is known from its requests and the
outages of the links, and is computed before the frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fleet.plan.columns import MODEL_WRITE
from fleet.plan.network import Network
from fleet.stages.frames import LEVELS

Spans = Sequence[tuple[int, int]]
"""Disjoint spans of time (from, until) in order; ns."""


@dataclass(frozen=True)
class Request:
    """A model to be written into a sensor: from when, how many bits, how long it takes there."""

    at_ns: int
    sensor: int
    setup: int
    bits: int
    write_ns: int


def finish_ns(start_ns: int, service_ns: int, down: Spans) -> int:
    """Return when a service is over that is paused while its server is down (preempt-resume)."""
    at, left = start_ns, service_ns
    for begin, end in down:
        if end <= at:
            continue
        if at + left < begin:
            break
        left -= max(0, begin - at)
        at = end
    return at + left


def arrivals_ns(
    requests: Sequence[Request], network: Network, down: Mapping[int, Spans]
) -> list[int]:
    """Return when each request's bytes have reached their sensor; ns.

    Args:
        requests: the requests.
        network: the links; the way down is the way up reversed.
        down: outages by link.
    """
    clock = [request.at_ns for request in requests]
    for level in reversed(range(LEVELS)):
        free: dict[int, int] = {}
        order = sorted(range(len(requests)), key=lambda i: (clock[i], requests[i].sensor, i))
        for i in order:
            link = int(network.link_of[level][requests[i].sensor])
            if link < 0:
                continue
            kind = network.classes[network.class_of[link]]
            service_ns = -(-requests[i].bits * 1_000_000_000 // kind.downlink_rate_bps)
            start = max(clock[i], free.get(link, 0))
            free[link] = finish_ns(start, service_ns, down.get(link, ()))
            clock[i] = free[link] + kind.propagation_ns
    return clock


def blind_events(
    requests: Sequence[Request],
    network: Network,
    link_down: Mapping[int, Spans],
    sensor_down: Mapping[int, Spans],
) -> list[tuple[int, int, int, int, int]]:
    """Return the timetable rows of some rewrites: a sensor is blind while it is written.

    A write waits for the one before it and for a sensor that is down; a crash during a write
    makes it start again after the reboot.
    """
    rows = []
    written: dict[int, int] = {}
    arrived = arrivals_ns(requests, network, link_down)
    for i in sorted(range(len(requests)), key=lambda i: (arrived[i], i)):
        request = requests[i]
        at = max(arrived[i], written.get(request.sensor, 0))
        for begin, end in sensor_down.get(request.sensor, ()):
            if end <= at:
                continue
            if begin >= at + request.write_ns:
                break
            if begin > at:
                rows.append((at, MODEL_WRITE, request.sensor, begin, request.setup))
            at = end
        written[request.sensor] = at + request.write_ns
        rows.append((at, MODEL_WRITE, request.sensor, at + request.write_ns, request.setup))
    return rows
