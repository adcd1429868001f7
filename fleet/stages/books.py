"""What is counted where: the columns of the tables of sensors, links and servers.

Integers only: times in ns, sizes in bits or bytes.
"""

from __future__ import annotations

from fleet.stages.frames import FATES

BIN_NS = 1_000_000_000
"""Width of the time bins of the series. Known to the compiler: dividing by it takes no division."""

# Columns of the table of one row a sensor.
CAPTURED, VISITORS, SENSE_NS, COMPUTE_NS, SENDING_NS, TAIL_NS, PROMOTION_NS, RADIO_BITS = range(8)
LATENCY_SUM_NS, LATENCY_MAX_NS, SENT_PAYLOAD, SENT_BITS, SENT_FRAMES = range(8, 13)
SENT_METADATA, SENT_PIXEL_FRAMES = 13, 14
LAST_SENT_NS = 15  # end of the last transmission, 0 if there was none
FATE_0 = 16  # frames by fate
SENSOR_WIDTH = FATE_0 + FATES

# Columns of the table of one row a link.
OFFERED_BITS, SENT_LINK_BITS, DROPPED_BITS, BUSY_NS = range(4)
LINK_COUNTS = 4

# Columns of the table of one row a kind of servers in a pool.
SERVED_NS, SERVER_NS, BATCHES, BOOTS, DECODING_NS, STARTED = range(6)
SERVER_COUNTS = 6
