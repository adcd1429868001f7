"""Where a network can be cut in two: the layers behind which one tensor holds all that follows.

The layers before a cut run on one machine, the others on another, and the tensor between them
travels (Kang et al., "Neurosurgeon", ASPLOS 2017). A layer of a graph has such a cut behind it if
what all layers up to it have written is read by later ones, or is an answer of the network, in one
tensor only; a skip around it, or an answer given before it, would have to travel too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from fleet.catalog.rows import Row, collect
from fleet.lab.costs.graph import Graph
from fleet.lab.costs.layers import Layer
from fleet.plan.cutting import item_of

KIND = "cuts"
START = "input"
"""The cut before all layers: the picture as the network takes it travels."""


@dataclass(frozen=True)
class Cut:
    """A place at which a network can be cut, and what lies before it.

    Attributes:
        after: the layer behind which it is; `START` before all.
        tensor: numbers of the tensor that crosses; in eight bits as many bytes.
        layers: number of layers before it.
        macs: their multiplications with addition.
        moved_bytes: what they read and write, weights included.
        resized_bytes: what they write by resizing.
        weight_bytes: their weights in eight bits, biases in 32.
        working_bytes: the most that all tensors which are still needed take at a time up to it.
    """

    after: str
    tensor: int
    layers: int
    macs: int
    moved_bytes: int
    resized_bytes: int
    weight_bytes: int
    working_bytes: int


def cuts(graph: Graph) -> list[Cut]:
    """Return the cuts of a network in the order of its layers, the one before all layers first.

    A cut behind the last layer is one only of a network that has one answer.
    """
    sizes = graph.sizes
    names = _names(graph.layers)
    out = []
    for at, crossing in enumerate(_crossing(graph)):
        if len(crossing) != 1:
            continue
        before = graph.layers[:at]
        out.append(
            Cut(
                after=names[at],
                tensor=sizes[next(iter(crossing))],
                layers=at,
                macs=sum(layer.macs for layer in before),
                moved_bytes=sum(layer.moved_bytes for layer in before),
                resized_bytes=sum(layer.resized_bytes for layer in before),
                weight_bytes=sum(layer.weight_bytes for layer in before),
                working_bytes=graph.working_until[at],
            )
        )
    return out


def _crossing(graph: Graph) -> Iterator[set[str]]:
    """Yield the tensors that cross before the first layer, and behind each."""
    last = {tensor: at for at, layer in enumerate(graph.layers, 1) for tensor in layer.inputs}
    last |= dict.fromkeys(graph.said, len(graph.layers) + 1)
    there = {tensor for tensor in graph.taken if tensor in last}
    yield set(there)
    for at, layer in enumerate(graph.layers, 1):
        there |= {tensor for tensor in layer.outputs if tensor in last}
        there = {tensor for tensor in there if last[tensor] > at}
        yield set(there)


def _names(layers: list[Layer]) -> list[str]:
    """Return what the cuts are called: as the layers, one whose name is taken with its number."""
    names = [START]
    for at, layer in enumerate(layers, 1):
        name = _ODD.sub("_", layer.name)[:_LONGEST]
        names.append(name if name not in names else f"{name}#{at}")
    return names


_ODD = re.compile(r"[^!-~]")
_LONGEST = 100


def rows_of(graph: Graph, model: str, told: str) -> list[Row]:
    """Return a network's cuts as rows for the catalogue, in their order.

    Args:
        graph: the network.
        model: what its own rows are called.
        told: where the numbers are from.
    """
    year, out = str(date.today().year), []
    for cut in cuts(graph):
        numbers = [
            ("macs", cut.macs, "MAC"),
            ("moved", cut.moved_bytes, "B"),
            ("layers", cut.layers, "count"),
            ("resized", cut.resized_bytes, "B"),
            ("weights", cut.weight_bytes, "B"),
            ("working", cut.working_bytes, "B"),
            ("tensor", cut.tensor, "B"),
        ]
        item = item_of(model, cut.after)
        out += [
            Row(item, what, str(n), unit, str(n), str(n), told, year, "derived")
            for what, n, unit in numbers
        ]
    collect(KIND, [(model, row) for row in out])
    return out
