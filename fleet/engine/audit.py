"""Nothing is lost silently: the books of a run are checked at its end."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints
from fleet.engine.tally import Tally
from fleet.errors import RunError
from fleet.model.books import (
    ACCEPTED_BEFORE_BITS,
    BUSY_NS,
    CAPTURED,
    CAPTURED_BEFORE,
    COMPUTE_NS,
    DROPPED_BITS,
    ENDED_BEFORE,
    FATE_0,
    OFFERED_BITS,
    SENDING_NS,
    SENT_BEFORE_BITS,
    SENT_LINK_BITS,
    SERVED_NS,
    SERVER_NS,
    TAIL_NS,
)
from fleet.plan.plan import Plan


def audit(plan: Plan, tally: Tally, in_flight: int, queued_bits: Ints, now_ns: int) -> None:
    """Check that frames, bits and states behind the warm-up add up.

    Args:
        plan: the plan.
        tally: the merged counts.
        in_flight: frames counted where they are.
        queued_bits: bits counted in the ports; shape (links,).
        now_ns: how far the run has come.

    Raises:
        RunError: something was lost or made up; names what and by how much.
    """
    before = tally.sensors[:, CAPTURED_BEFORE] - tally.sensors[:, ENDED_BEFORE]
    captured = int(tally.sensors[:, CAPTURED].sum() + before.sum())
    ended = int(tally.sensors[:, FATE_0 + 1 :].sum())
    _equal("frames captured", captured, "ended + in flight", ended + in_flight)
    latencies = int(tally.latency.sum())
    _equal("results", int(tally.sensors[:, FATE_0 + 1].sum()), "latencies", latencies)
    links = tally.links
    taken = links[:, OFFERED_BITS] + links[:, ACCEPTED_BEFORE_BITS] - links[:, SENT_BEFORE_BITS]
    ended_bits = links[:, SENT_LINK_BITS] + links[:, DROPPED_BITS] + queued_bits
    for i in np.flatnonzero(taken != ended_bits):
        name = plan.links.names[int(i)]
        _equal(f"bits into '{name}'", taken[i], "sent + dropped + queued", ended_bits[i])
    computing_ns = sum(tally.sensors[:, COMPUTE_NS].tolist())
    by_setup_ns = sum(tally.computing_ns.tolist())
    _equal("time computing by sensor", computing_ns, "by network and codec", by_setup_ns)
    span_ns = now_ns - plan.warm_up_ns
    _within("time sending of a link", links[:, BUSY_NS], span_ns)
    radio = tally.sensors[:, SENDING_NS] + tally.sensors[:, TAIL_NS]
    _within("radio time of a sensor", radio, span_ns)
    served = tally.servers[:, SERVED_NS]
    _within("busy server time", served, int(tally.servers[:, SERVER_NS].max(initial=0)))
    _within("idle server time", tally.servers[:, SERVER_NS] - served, 2**62)


def _equal(what: str, have: int, sides: str, ended: int) -> None:
    if int(have) != int(ended):
        raise RunError(
            f"the books do not balance: {what} {have}, {sides} {ended}; please report this"
        )


def _within(what: str, spent_ns: Ints, most_ns: int) -> None:
    if np.min(spent_ns, initial=0) < 0 or np.max(spent_ns, initial=0) > most_ns:
        raise RunError(
            f"the books do not balance: {what} is outside 0..{most_ns} ns; please report this"
        )
