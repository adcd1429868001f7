"""The chain in ns.py: packets of one size from generators through ports to a sink.

ns.py has no port with several lines. Where every packet takes equally long, a FIFO pool serves
them by turns, so that the pool is a port for each server and an element that deals packets out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import simpy
from chain import Chain, Frame, Frames, Run, tell
from ns.packet.dist_generator import DistPacketGenerator
from ns.packet.sink import PacketSink
from ns.port.port import Port

BYTES = 1_000_000


class Turns:
    """An element that hands packets to its outputs by turns."""

    def __init__(self, outs: list[Port]) -> None:
        """Take the outputs."""
        self.turns = itertools.cycle(outs)

    def put(self, packet: Any) -> None:
        """Hand a packet on."""
        next(self.turns).put(packet)


def build(chain: Chain) -> tuple[Run, Frames]:
    """Return what runs it and what tells its frames."""
    env = simpy.Environment()

    def port(service_ns: int, out: Any) -> Port:
        made = Port(env, rate=8 * BYTES / service_ns)  # bits a nanosecond
        made.out = out
        return made

    sink = PacketSink(env, rec_waits=False)
    servers = [port(chain.server_ns, sink) for _ in range(chain.servers)]
    backhaul = port(chain.backhaul_ns, Turns(servers) if len(servers) > 1 else servers[0])
    cells = [port(ns, backhaul) for ns in chain.cells_ns]
    for camera, (first_ns, cell) in enumerate(zip(chain.first_ns, chain.cell, strict=True)):
        waits = itertools.chain([first_ns], itertools.repeat(chain.period_ns))
        # It sends a packet after each wait, also the first.
        generator = DistPacketGenerator(env, camera, waits.__next__, lambda: BYTES, flow_id=camera)
        generator.out = cells[cell]

    def frames() -> Iterator[Frame]:
        for camera, arrivals in sink.arrivals.items():
            for number, done in enumerate(arrivals):
                yield camera, chain.first_ns[camera] + number * chain.period_ns, done

    return lambda: env.run(until=chain.until_ns), frames


if __name__ == "__main__":
    tell(["ns.py", "simpy"], build)
