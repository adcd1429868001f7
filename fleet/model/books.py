"""What is counted where: the columns of the tables of sensors, links and servers.

Integers only: times in ns, sizes in bits or bytes.
"""

from __future__ import annotations

from typing import NamedTuple

from fleet.arrays import Ints
from fleet.kernel import inlined
from fleet.model.frames import FATES

BIN_NS = 1_000_000_000
"""Width of the time bins of the series. Known to the compiler: dividing by it takes no division."""

# Columns of the table of one row a sensor. Those "before" are all that is remembered of the
# warm-up: who was captured in it, and who met its fate. From FATE_0 on frames are counted by fate.
(
    CAPTURED, VISITORS, SENSE_NS, COMPUTE_NS, SENDING_NS, TAIL_NS, PROMOTION_NS, RADIO_BITS,
    LATENCY_SUM_NS, LATENCY_MAX_NS, SENT_PAYLOAD, SENT_BITS, SENT_FRAMES,
    SENT_METADATA, SENT_PIXEL_FRAMES,
    LAST_SENT_NS,  # end of the last transmission, 0 if there was none
    CAPTURED_BEFORE, ENDED_BEFORE,
    FATE_0,
) = range(19)  # fmt: skip
SENSOR_WIDTH = FATE_0 + FATES

# Columns of the table of one row a link; those "before" are of the warm-up.
(
    OFFERED_BITS, SENT_LINK_BITS, DROPPED_BITS, BUSY_NS, ACCEPTED_BEFORE_BITS, SENT_BEFORE_BITS,
    IDLE_NS,  # when a frame last found it empty
    LINK_COUNTS,
) = range(8)  # fmt: skip

# Columns of the table of one row a kind of servers in a pool. Those from ARRIVED to the one before
# the last are of the pool, in the row of its first kind: frames that came, pixels that came to be
# decoded, and when last a batch, and a frame to be decoded, had not to wait for somebody at work.
(
    SERVED_NS, SERVER_NS, BATCHES, BOOTS, DECODING_NS, STARTED,
    ARRIVED, ARRIVED_PX, SERVERS_IDLE_NS, DECODERS_IDLE_NS,
    LOOKED_AT,  # objects at which a second network looked, of batches that were started
    SERVER_COUNTS,
) = range(12)  # fmt: skip
POOL_IDLE = [SERVERS_IDLE_NS, DECODERS_IDLE_NS]

# Columns of the table of what batteries give: one row a sensor, or none where no sensor has one.
# Nothing of it is forgotten or cut at the end of a warm-up. The energy of computing is nJ and, of
# every frame, the fJ that are left.
(
    GAVE_SENSING_NS, GAVE_COMPUTING_NJ, GAVE_COMPUTING_FJ, GAVE_SENDING_NS, GAVE_TAIL_NS,
    GAVE_PROMOTION_NS, GAVE_BITS,
    GAVE_WIDTH,
) = range(8)  # fmt: skip


class Books(NamedTuple):
    """What links and sensors are counted in, changed in place.

    Attributes:
        links: book of links.
        bins: bits by row of bins (`fleet.plan.stations`) and time bin.
        sensors: book of sensors.
        computing_ns: time that each setup spends inferring or encoding; shape (setups,).
        computed: frames that each has inferred or encoded; same shape.
        since_ns: since when times are booked: the end of the warm-up.
        gave: what batteries have given; shape (sensors, GAVE_WIDTH), or without rows.
    """

    links: Ints
    bins: Ints
    sensors: Ints
    computing_ns: Ints
    computed: Ints
    since_ns: int
    gave: Ints


FJ_PER_NJ = 1_000_000


@inlined
def split_energy(amount: int, each: int) -> tuple[int, int]:
    """Return (nJ, fJ below that) of an amount times what each is, such as ns and µW; exact.

    Neither part passes 64 bits where the energy is below 2^62 nJ.
    """
    rest = amount % FJ_PER_NJ * each
    return amount // FJ_PER_NJ * each + rest // FJ_PER_NJ, rest % FJ_PER_NJ


@inlined
def measured_ns(begin_ns: int, end_ns: int, since_ns: int) -> int:
    """Return how much of a span from begin to end lies behind the warm-up; ns."""
    return max(0, end_ns - max(begin_ns, since_ns))
