"""The chain in Ciw: a node for each access link, one for the backhaul and one for the pool.

The cameras of an access link are one stream of customers, as Ciw's own way to replay a trace of
arrivals has it; which camera a customer is of follows from where and when it arrived.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import ciw
from chain import Chain, Frame, Frames, Run, tell


def build(chain: Chain) -> tuple[Run, Frames]:
    """Return what runs it and what tells its frames."""
    count = len(chain.cells_ns)
    captures: list[dict[int, int]] = [{} for _ in range(count)]
    for camera, (first_ns, cell) in enumerate(zip(chain.first_ns, chain.cell, strict=True)):
        for at in range(first_ns, chain.until_ns, chain.period_ns):
            captures[cell][at] = camera
    times = [*chain.cells_ns, chain.backhaul_ns, chain.server_ns]
    network = ciw.create_network(
        arrival_distributions=[*map(stream, captures), None, None],
        service_distributions=[ciw.dists.Deterministic(value=ns) for ns in times],
        number_of_servers=[1] * (count + 1) + [chain.servers],
        routing=ciw.routing.NetworkRouting(
            routers=[
                *(ciw.routing.Direct(to=count + 1) for _ in range(count)),
                ciw.routing.Direct(to=count + 2),
                ciw.routing.Leave(),
            ]
        ),
    )
    simulation = ciw.Simulation(network)

    def frames() -> Iterator[Frame]:
        for customer in simulation.nodes[-1].all_individuals:
            captured = customer.data_records[0].arrival_date
            camera = captures[customer.starting_node - 1][int(captured)]
            yield camera, captured, customer.data_records[-1].exit_date

    return lambda: simulation.simulate_until_max_time(chain.until_ns), frames


def stream(captures: dict[int, int]) -> ciw.dists.Sequential:
    """Return the times between the captures of an access link, after which there are no more."""
    at = sorted(captures)
    return ciw.dists.Sequential([at[0], *(b - a for a, b in itertools.pairwise(at)), float("inf")])


if __name__ == "__main__":
    tell(["ciw"], build)
