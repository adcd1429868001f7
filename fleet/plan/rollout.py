"""Model rewrites: the bytes cross the downlink hop by hop, then the sensor is blind while written.

Downlinks are FIFOs like uplinks, used by rewrites alone: results sent back are some hundred bytes
and are not queued (`docs/MODEL.md`). So the whole roll-out is known from its requests and the
outages of the links, and is computed before the frames.

A radio that sleeps is paged first: it listens once in a paging cycle when idle, and once in a DRX
cycle in its tail. A module keeps the networks that were written last in its flash, as many as fit;
a rewrite with one of those takes no download and is read from the flash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fleet.model.capture import NEVER_NS
from fleet.model.events import MODEL_WRITE, Rollout
from fleet.model.frames import LEVELS
from fleet.plan.network import Network

Spans = Sequence[tuple[int, int]]
"""Disjoint spans of time (from, until) in order; ns."""


@dataclass(frozen=True)
class Request:
    """A model to be written into a sensor.

    Attributes:
        at_ns: from when.
        sensor: index of the sensor.
        setup: setup with the new model.
        model: its name.
        old_model: name of the model that the sensor has at time zero.
        old_bits: its size in the cache.
        firmware_bits: what is written and cached.
        bits: on the wire, if it is not cached.
        write_ns: how long writing takes.
        cached_write_ns: the same from the cache.
        cache_bits: what the cache holds.
        page_ns: how long the network takes to reach a radio that sleeps.
    """

    at_ns: int
    sensor: int
    setup: int
    model: str
    old_model: str
    old_bits: int
    firmware_bits: int
    bits: int
    write_ns: int
    cached_write_ns: int
    cache_bits: int
    page_ns: int


@dataclass(frozen=True)
class Written:
    """How a request went: its bytes on the way down, the attempts to write it; ns."""

    request: Request
    down_bits: int
    arrived_ns: int
    attempts: tuple[tuple[int, int], ...]


def sending_ns(bits: int, rate_bps: int) -> int:
    """Return how long sending takes, as `link.service_ns`, but of any number of bits; ns."""
    return max(1, bits * 1_000_000_000 // rate_bps)


def finish_ns(start_ns: int, work_ns: int, down: Spans) -> int:
    """Return when a service is over that is paused while its server is down (preempt-resume)."""
    at, left = start_ns, work_ns
    for begin, end in down:
        if end <= at:
            continue
        if at + left < begin:
            break
        left -= max(0, begin - at)
        at = end
    return at + left


def cached(requests: Sequence[Request]) -> list[bool]:
    """Return for each request whether its model is in the sensor's cache when it is asked for."""
    held: dict[int, dict[str, int]] = {}
    out = [False] * len(requests)
    for i in sorted(range(len(requests)), key=lambda i: (requests[i].at_ns, i)):
        request = requests[i]
        flash = held.setdefault(request.sensor, {request.old_model: request.old_bits})
        out[i] = request.model in flash and request.firmware_bits <= request.cache_bits
        flash.pop(request.model, None)
        flash[request.model] = request.firmware_bits
        while sum(flash.values()) > request.cache_bits:
            flash.pop(next(iter(flash)))  # the one that was written longest ago
    return out


def arrivals_ns(
    requests: Sequence[Request], bits: Sequence[int], network: Network, down: Mapping[int, Spans]
) -> list[int]:
    """Return when each request's bytes have reached their sensor; ns.

    Args:
        requests: the requests.
        bits: of each on the wire; 0: nothing is sent.
        network: the links; the way down is the way up reversed.
        down: outages by link.
    """
    clock = [r.at_ns + (r.page_ns if sent else 0) for r, sent in zip(requests, bits, strict=True)]
    for level in reversed(range(LEVELS)):
        free: dict[int, int] = {}
        order = sorted(range(len(requests)), key=lambda i: (clock[i], requests[i].sensor, i))
        for i in order:
            link = int(network.link_of[level][requests[i].sensor])
            if link < 0 or bits[i] == 0:
                continue
            kind = network.classes[network.class_of[link]]
            if kind.downlink_rate_bps == 0:
                continue
            takes_ns = sending_ns(bits[i], kind.downlink_rate_bps)
            start = max(clock[i], free.get(link, 0))
            free[link] = finish_ns(start, takes_ns, down.get(link, ()))
            clock[i] = free[link] + kind.propagation_ns
    return clock


def written_in(
    requests: Sequence[Request],
    network: Network,
    link_down: Mapping[int, Spans],
    sensor_down: Mapping[int, Spans],
) -> list[Written]:
    """Return how some rewrites go, in the order in which their bytes arrive.

    A write waits for the one before it and for a sensor that is down; a crash during a write
    makes it start again after the reboot.
    """
    out = []
    free: dict[int, int] = {}
    hits = cached(requests)
    bits = [0 if hit else r.bits for r, hit in zip(requests, hits, strict=True)]
    arrived = arrivals_ns(requests, bits, network, link_down)
    for i in sorted(range(len(requests)), key=lambda i: (arrived[i], i)):
        request = requests[i]
        write_ns = request.cached_write_ns if hits[i] else request.write_ns
        at = max(arrived[i], free.get(request.sensor, 0))
        attempts = []
        for begin, end in sensor_down.get(request.sensor, ()):
            if end <= at:
                continue
            if begin >= at + write_ns:
                break
            if begin > at:
                attempts.append((at, begin))
            at = end
        free[request.sensor] = at + write_ns
        attempts.append((at, at + write_ns))
        out.append(Written(request, bits[i], arrived[i], tuple(attempts)))
    return out


def blind_rows(written: Sequence[Written]) -> list[tuple[int, int, int, int, int]]:
    """Return the timetable rows of some rewrites: a sensor is blind while it is written."""
    return [
        (begin, MODEL_WRITE, w.request.sensor, end, w.request.setup)
        for w in written
        for begin, end in w.attempts
    ]


def rollout_table(written: Sequence[Written]) -> Rollout:
    """Return the table of model rewrites; shape (rewrites,).

    What comes after every end of a run comes at `NEVER_NS`.
    """
    rows = [
        (w.request.at_ns, w.request.sensor, min(w.arrived_ns, NEVER_NS),
         min(w.attempts[0][0], NEVER_NS), min(w.attempts[-1][1], NEVER_NS), w.down_bits)
        for w in written
    ]  # fmt: skip
    return Rollout.of(rows)
