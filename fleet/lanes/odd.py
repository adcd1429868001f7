"""What only some tiles need: clocks without a period, rules of publishing, losses and caps.

Frame by frame, by the rules for any frame. Loops over lanes are compiled once more for such tiles,
and for all others as if there were none of this.
"""

from __future__ import annotations

import numpy as np

from fleet.chance import mix64
from fleet.kernel import inlined
from fleet.lanes.frames import LOST
from fleet.lanes.records import NEVER_SENT, NEVER_SERVED, WEIGHTS, service_of, wrapped
from fleet.lanes.results import GROUP, Results
from fleet.lanes.tile import (
    ACCEPTED,
    AFTER,
    AIR,
    BLIND,
    BUFFER,
    BYTES,
    CAPTURED,
    DEPARTS,
    DOWN,
    DSP,
    ENDS,
    FITS,
    HASHED,
    HELD,
    LANES,
    NEXT,
    NOBODY,
    NUMBER,
    ROW,
    RULED,
    SAID,
    SENDING,
    SENSE,
    SENSOR,
    SETUP,
    STATE,
    TRICKY,
    VIEW,
    WIDTH,
    WIRE,
    Tiles,
)
from fleet.model.bursts import sent_again
from fleet.model.capture import NEVER_NS, due_ns
from fleet.model.dsp import published
from fleet.model.frames import DONE, FATE, SKIP_NOT_PUBLISHED
from fleet.model.link import buffer_ns, rate_bps
from fleet.model.sight import found
from fleet.sketch import COARSE_BUCKETS

_W_DONE = WEIGHTS[DONE]
_W_UNSAID = wrapped(WEIGHTS[FATE] * SKIP_NOT_PUBLISHED + NEVER_SERVED + NEVER_SENT)
_SEVENTEEN = np.uint64(17)


@inlined
def prepare(tiles: Tiles, c: int, stop_ns: int) -> None:
    """Find out of each lane's next frame what only frames of odd tiles have.

    SAID is 1 if it is published when it is inferred; else it has no bytes. AIR are its bits with
    those that are sent again, and HELD is how long that holds it up on the wire, or LOST. FITS is
    what the buffer of its port holds.
    """
    now, buffer = tiles.round, tiles.rules[c, BUFFER]
    for j in range(np.uint64(tiles.rules[c, WIDTH])):
        now[SAID + j] = 1
        now[AIR + j] = now[WIRE + j]
        now[HELD + j] = 0
        now[FITS + j] = buffer
    if tiles.rules[c, RULED] > 0:
        _publish(tiles, c, stop_ns)
    if tiles.rules[c, TRICKY] > 0:
        _offer(tiles, c, stop_ns)


@inlined
def _publish(tiles: Tiles, c: int, stop_ns: int) -> None:
    """Find out which frames of a round are published, of those that will be inferred."""
    state, rules, now, dsp = tiles.state, tiles.rules, tiles.round, tiles.odd.dsp
    at, k, sense = np.uint64(c * STATE * LANES), rules[c, SETUP], rules[c, SENSE]
    setups = tiles.setups
    every, most = setups.publish_every[k], setups.metadata_most[k]
    for j in range(np.uint64(rules[c, WIDTH])):
        captured = state[at + NEXT + j]
        sensed = captured + sense
        seen = captured < stop_ns and captured >= state[at + DOWN + j]
        if not seen or sensed < state[at + BLIND + j] or sensed < state[at + DSP + j]:
            continue
        s = state[at + SENSOR + j]
        told = 0
        if every == 0:
            told = min(found(tiles.sights.rows, now[ROW + j], state[at + VIEW + j]), most)
        dsp.inferences[s] += 1
        if not published(
            dsp, s, sensed, told, every, setups.publish_interval_ns[k], setups.publish_change[k]
        ):
            now[SAID + j] = now[BYTES + j] = now[WIRE + j] = now[AIR + j] = 0


@inlined
def _offer(tiles: Tiles, c: int, stop_ns: int) -> None:
    """Find out what ports send again of the frames of a round, and how long their caps let it take.

    Frames of one sensor come one a round, so that what its port has carried up to now is known.
    """
    state, rules, now, odd = tiles.state, tiles.rules, tiles.round, tiles.odd
    at = np.uint64(c * STATE * LANES)
    for j in range(np.uint64(rules[c, WIDTH])):
        captured, bits, s = state[at + NEXT + j], now[WIRE + j], state[at + SENSOR + j]
        if captured >= stop_ns or bits == 0:
            continue
        link = odd.port_of[s]
        if odd.links.loss_ppb[link] > 0:
            extra, rounds, good = sent_again(
                odd.links, link, odd.salt, odd.loss_keys[s], state[at + NUMBER + j], bits,
                captured + rules[c, AFTER],
            )  # fmt: skip
            bits += extra
            now[HELD + j] = rounds * odd.links.retry_ns[link] if good else LOST
        carried = odd.carried[link] + state[at + ACCEPTED + j]
        now[AIR + j] = bits
        now[SENDING + j] = service_of(bits, rate_bps(odd.links, link, carried))
        now[FITS + j] = buffer_ns(odd.links, link, carried)


@inlined
def wind(tiles: Tiles, c: int) -> int:
    """Set the clocks without a period that a round has taken frames of; return when one is due."""
    state, now, odd = tiles.state, tiles.round, tiles.odd
    at, least = np.uint64(c * STATE * LANES), NEVER_NS
    for j in range(np.uint64(tiles.rules[c, WIDTH])):
        if now[ENDS + j] != NOBODY:
            s = state[at + SENSOR + j]
            odd.clocks.next_frame[s] = state[at + NUMBER + j]
            state[at + NEXT + j] = due_ns(
                odd.clocks, s, odd.capture_keys[s], odd.trace_ns, now[CAPTURED + j]
            )
        least = min(least, state[at + NEXT + j])
    return least


@inlined
def count_unsaid(tiles: Tiles, c: int, to: Results) -> None:
    """Count the frames of a round that are not published; nobody is left of them."""
    state, now = tiles.state, tiles.round
    at = np.uint64(c * STATE * LANES)
    first, second = to.print_sum[0], to.print_sum[1]
    for j in range(np.uint64(tiles.rules[c, WIDTH])):
        if now[ENDS + j] != SKIP_NOT_PUBLISHED:
            continue
        now[ENDS + j] = NOBODY
        word = mix64(np.uint64(now[HASHED + j] + _W_DONE * now[DEPARTS + j] + _W_UNSAID))
        first += word
        second += word * (word >> _SEVENTEEN)
        g, row = np.uint64(to.sensors[state[at + SENSOR + j], GROUP]), now[ROW + j]
        to.ends[g, np.uint64(COARSE_BUCKETS + SKIP_NOT_PUBLISHED)] += 1
        if row >= 0:
            to.rows[g, np.uint64(row)] += 1
    to.print_sum[0], to.print_sum[1] = first, second
