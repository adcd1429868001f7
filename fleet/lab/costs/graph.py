"""What a network costs, layer by layer: work, weights, and memory while it runs, in eight bits.

The sizes of all tensors come from a trial run, so any sound network can be counted. What costs a
DSP nothing is no layer: constants, other shapes of the same numbers, a function of single numbers
that the layer before can apply as it writes. Axes in another order count as such where they only
turn (batch, channels, height, width) into (batch, height, width, channels) or back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from fleet.errors import InputError
from fleet.lab.convert import onnx_file
from fleet.lab.convert.onnx_writer import onnx_package
from fleet.lab.costs.layers import ACTING, BIAS_BYTES, About, Layer, put_together
from fleet.lab.networks import apart

_FREE = {
    "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Cast", "QuantizeLinear",
    "DequantizeLinear",
}  # fmt: skip
_UNCOUNTED = {"LSTM", "GRU", "RNN", "Einsum", "Attention", "DeformConv"}
_LAYOUTS = ((0, 2, 3, 1), (0, 3, 1, 2))
_WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_BIAS_AT = {"Conv": 2, "ConvTranspose": 2, "Gemm": 2, "QLinearConv": 8}
_SETTINGS = {"Resize", "Upsample", "Slice", "Pad", "Split", "Clip", "TopK", "Expand"}
"""Operators whose constants say how, not what."""


@dataclass(frozen=True)
class Graph:
    """A network and its costs.

    Attributes:
        layers: in the order of the file.
        operators: how often each type stands in the file, constants left out.
        inputs: sizes of each input, for one picture.
        types: of the numbers of each input.
        outputs: sizes of each output.
        working_bytes: the most that all tensors which are still needed take at a time.
        working_at: the layer at which that is.
        working_until: the same up to each layer, before the first at first; one more than layers.
        taken, said: the tensors that hold the inputs, and the outputs, as the layers name them.
        sizes: numbers of each tensor that a layer reads or writes.
        any_batch: whether the network takes several pictures at once.
    """

    layers: list[Layer]
    operators: Counter[str]
    inputs: dict[str, list[int]]
    types: dict[str, str]
    outputs: dict[str, list[int]]
    working_bytes: int
    working_at: str
    working_until: list[int]
    taken: list[str]
    said: list[str]
    sizes: dict[str, int]
    any_batch: bool

    def total(self, attribute: str) -> int:
        """Return the sum of an attribute over all layers."""
        return sum(getattr(layer, attribute) for layer in self.layers)

    @property
    def quantised(self) -> bool:
        """Return whether the network is in eight bits already."""
        return bool(self.operators.keys() & {"QuantizeLinear", "QLinearConv", "ConvInteger"})

    @property
    def uncounted(self) -> list[str]:
        """Return the types of operators that multiply but whose products are not counted here."""
        return sorted(self.operators.keys() & _UNCOUNTED)

    @property
    def moved_bytes(self) -> int:
        """Return what all layers read and write, weights included."""
        return self.total("moved_bytes")

    @property
    def resized_bytes(self) -> int:
        """Return what is written by making tensors larger or smaller by interpolation."""
        return self.total("resized_bytes")


def read(data: bytes, name: str, limits: apart.Limits = apart.DEFAULT) -> Graph:
    """Return the costs of a model.

    Args:
        data: content of an ONNX file.
        name: of the file, for messages.
        limits: what the trial run may use.

    Raises:
        InputError: the model is not sound or meets a limit.
    """
    onnx = onnx_package()
    model = onnx.load_from_string(onnx_file.clean(data, name))
    graph = model.graph
    outputs = [port.name for port in graph.output]
    listening = onnx.ModelProto()
    listening.CopyFrom(model)
    every = {tensor for node in graph.node for tensor in node.output if tensor}
    for tensor in sorted(every - set(outputs)):
        listening.graph.output.add().name = tensor
    seen = apart.trial(listening.SerializeToString(), name, optimised=False, limits=limits)
    constants = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    constants |= {tensor.values.name: list(tensor.dims) for tensor in graph.sparse_initializer}
    inputs = {
        port.name: [d.dim_value or 1 for d in port.type.tensor_type.shape.dim]
        for port in graph.input
        if port.name not in constants
    }
    counting = _Counting(onnx, name, {**inputs, **constants, **seen.shapes}, constants)
    for node in _needed(graph.node, outputs):
        counting.node(node)
    layers = counting.together(set(outputs))
    if not layers:
        raise InputError(f"{name}: has no layers: nothing is computed from its inputs")
    last = [counting.root(tensor) for tensor in outputs]
    types = {
        port.name: onnx.TensorProto.DataType.Name(port.type.tensor_type.elem_type).lower()
        for port in graph.input
        if port.name in inputs
    }
    first = [counting.root(tensor) for tensor in inputs]
    until = _working(layers, counting.bytes, first, last)
    at = until.index(max(until))
    return Graph(
        layers=layers,
        operators=counting.operators,
        inputs=inputs,
        types=types,
        outputs={tensor: seen.shapes[tensor] for tensor in outputs},
        working_bytes=until[at],
        working_at=layers[max(0, at - 1)].name,
        working_until=until,
        taken=first,
        said=last,
        sizes={t: counting.bytes(t) for x in layers for t in (*first, *x.inputs, *x.outputs)},
        any_batch=seen.any_batch,
    )


def _needed(nodes: Sequence[Any], outputs: Sequence[str]) -> list[Any]:
    """Return the operators on which an output hangs: no runtime computes the others."""
    wanted, needed = set(outputs), []
    for node in reversed(nodes):
        if wanted.intersection(node.output) or any(a.HasField("g") for a in node.attribute):
            wanted |= {
                tensor for tensor in node.input if tensor
            }  # the optional ones may be missing
            needed.append(node)
    return needed[::-1]


@dataclass
class _Counting:
    """Operators that are being turned into layers."""

    onnx: Any
    name: str
    shapes: dict[str, list[int]]
    constants: dict[str, list[int]]
    operators: Counter[str] = field(default_factory=Counter)
    layers: list[Layer] = field(default_factory=list)
    about: dict[str, About] = field(default_factory=dict)
    roots: dict[str, str] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)

    def root(self, tensor: str) -> str:
        """Return the tensor whose numbers this one's are."""
        while tensor in self.roots:
            tensor = self.roots[tensor]
        return tensor

    def bytes(self, tensor: str) -> int:
        """Return what a tensor takes in eight bits."""
        return prod(self.shapes[tensor])

    def node(self, node: Any) -> None:
        """Take the next operator of the file."""
        if any(a.HasField("g") or a.graphs for a in node.attribute):
            raise InputError(
                f"{self.name}: operator {node.op_type} branches or loops, so what it costs is not"
                " fixed; export the model without it"
            )
        computed = [t for t in node.input if t and t not in self.constants]
        if node.op_type == "Shape" or not computed:  # known before the network runs
            self.constants |= {t: self.shapes.get(t, []) for t in node.output if t}
            if node.op_type == "DequantizeLinear":  # weights, kept in eight bits
                self.constants[node.output[0]] = self.shapes[node.input[0]]
            return
        self.operators[node.op_type] += 1
        if node.op_type in _FREE or self._is_layout(node):
            self.roots[node.output[0]] = computed[0]
            return
        made = [t for t in node.output if t]
        layer = Layer(node.name or made[0], node.op_type, [self.root(t) for t in computed], made)
        layer.macs = self._macs(node)
        layer.read_bytes = sum(self.bytes(t) for t in set(layer.inputs))
        layer.written_bytes = sum(self.bytes(t) for t in made)
        self._count_weights(node, layer)
        self.layers.append(layer)
        self.about[made[0]] = self._about(node)

    def together(self, outputs: set[str]) -> list[Layer]:
        """Return the layers, functions of single numbers in one piece (`layers`)."""
        said = {self.root(tensor) for tensor in outputs}
        return put_together(self.layers, self.about, self.bytes, said, self.roots)

    def _about(self, node: Any) -> About:
        """Return whether an operator acts on each number alone, and what bias it could have."""
        held = [t for t in node.input if t in self.constants]
        acts = node.op_type in ACTING and len([t for t in node.output if t]) == 1
        lacks = 0
        if node.op_type in _WEIGHTED and len(node.input) < 3 and held:
            shape = self.shapes[node.output[0]]
            lacks = shape[-1] if node.op_type in ("Gemm", "MatMul") else shape[1]
        return About(acts and all(self._is_row(tensor) for tensor in held), lacks)

    def _is_row(self, tensor: str) -> bool:
        """Return whether a constant is a number, or numbers along one axis."""
        return prod(self.shapes[tensor]) == max(self.shapes[tensor], default=1)

    def _is_layout(self, node: Any) -> bool:
        if node.op_type != "Transpose":
            return False
        axes = self._attribute(node, "perm", [])
        shape = self.shapes[node.output[0]]
        return tuple(axes) in _LAYOUTS or sorted(shape)[:-1] == [1] * (len(shape) - 1)

    def _attribute(self, node: Any, name: str, otherwise: Any) -> Any:
        for attribute in node.attribute:
            if attribute.name == name:
                return self.onnx.helper.get_attribute_value(attribute)
        return otherwise

    def _macs(self, node: Any) -> int:
        """Return the multiplications with addition of an operator; 0 if it has none to speak of."""
        inputs, outputs = node.input, node.output
        if node.op_type in ("Conv", "ConvInteger", "QLinearConv"):
            weights = self.shapes[inputs[3 if node.op_type == "QLinearConv" else 1]]
            return self.bytes(outputs[0]) * prod(weights[1:])
        if node.op_type == "ConvTranspose":
            return self.bytes(inputs[0]) * prod(self.shapes[inputs[1]][1:])
        if node.op_type in ("MatMul", "MatMulInteger", "QLinearMatMul"):
            return self.bytes(outputs[0]) * self.shapes[inputs[0]][-1]
        if node.op_type == "Gemm":
            turned = self._attribute(node, "transA", 0)
            return self.bytes(outputs[0]) * self.shapes[inputs[0]][0 if turned else -1]
        return 0

    def _count_weights(self, node: Any, layer: Layer) -> None:
        """Count the constants that an operator multiplies or adds; shared ones count once."""
        if node.op_type in _SETTINGS:
            return
        for at, tensor in enumerate(node.input):
            if tensor not in self.constants or tensor in self.held:
                continue
            if node.op_type == "QLinearConv" and at not in (3, 8):
                continue  # scales and zero points
            count = prod(self.shapes[tensor])
            if count == 1 and node.op_type in ACTING:
                continue  # part of what the function is
            self.held.add(tensor)
            layer.parameters += count
            layer.weight_bytes += count * (BIAS_BYTES if at == _BIAS_AT.get(node.op_type) else 1)


def _working(
    layers: Sequence[Layer],
    size: Callable[[str], int],
    inputs: Sequence[str],
    outputs: Sequence[str],
) -> list[int]:
    """Return the most bytes that were needed at a time, before the first layer and up to each.

    A tensor is there from the layer that writes it to the last that reads it; the pictures are
    there from the start, what the network says until the end.
    """
    last = {tensor: at for at, layer in enumerate(layers) for tensor in layer.inputs}
    last |= dict.fromkeys(outputs, len(layers))
    there = {tensor: size(tensor) for tensor in inputs}
    most = [sum(there.values())]
    for at, layer in enumerate(layers):
        there |= {tensor: size(tensor) for tensor in layer.outputs}
        most.append(max(most[-1], sum(there.values())))
        there = {tensor: n for tensor, n in there.items() if last.get(tensor, -1) > at}
    return most
