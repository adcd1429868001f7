"""The layers of a network, and which operators of a graph are one, however it spells them.

A DSP applies an activation as it writes what it computed. Exporters write the same activation as
one operator or as many: hard-swish as `HardSwish`, or as `Add`, `Clip`, `Mul` and `Div` in any
order. So operators are put together that hang on one tensor alone and give back its size: what lies
between that tensor and the one tensor that others read is one function. It costs nothing if nobody
else reads what it is applied to, and else as much as a layer that reads and writes once. Constants
that scale or shift go into the weights before; a layer without a bias gets one if it is shifted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

ACTING = {
    "Abs", "Add", "BatchNormalization", "Ceil", "Celu", "Clip", "Div", "Elu", "Erf", "Exp", "Floor",
    "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Log", "Max", "Min", "Mish", "Mul", "Neg",
    "PRelu", "Pow", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Sign", "Softplus",
    "Softsign", "Sqrt", "Sub", "Swish", "Tanh", "ThresholdedRelu",
}  # fmt: skip
"""Operators that act on each number alone, if all but one of their inputs are constants."""

_SCALES = {"Mul", "Div", "BatchNormalization"}
_SHIFTS = {"Add", "Sub", "BatchNormalization"}
BIAS_BYTES = 4  # an int32, as sums are


@dataclass
class Layer:
    """One operation of a network.

    Attributes:
        name: of the operator, or of its output if it has none.
        operator: its type.
        inputs: the tensors that it reads.
        outputs: those that it writes.
        macs: multiplications with addition.
        parameters: weights that it holds.
        weight_bytes: what they take in eight bits, biases in 32.
        read_bytes: what it reads of other layers.
        written_bytes: what it writes.
    """

    name: str
    operator: str
    inputs: list[str]
    outputs: list[str]
    macs: int = 0
    parameters: int = 0
    weight_bytes: int = 0
    read_bytes: int = 0
    written_bytes: int = 0

    @property
    def moved_bytes(self) -> int:
        """Return what it reads and writes, weights included."""
        return self.read_bytes + self.written_bytes + self.weight_bytes

    @property
    def resized_bytes(self) -> int:
        """Return what it writes by making a tensor larger or smaller by interpolation."""
        return self.written_bytes if self.operator in ("Resize", "Upsample") else 0


@dataclass
class About:
    """What putting layers together must know of one.

    Attributes:
        acts: whether it acts on each number alone, with constants that are single numbers or one
            for each channel.
        lacks_bias: numbers of a bias that it could have and has not; 0 if none.
    """

    acts: bool = False
    lacks_bias: int = 0


@dataclass
class _Function:
    """Layers that hang on one tensor alone, in the order of the file; what others read of them."""

    of: str
    layers: list[Layer] = field(default_factory=list)
    read: set[str] = field(default_factory=set)


def put_together(
    layers: Sequence[Layer],
    about: Mapping[str, About],
    size: Callable[[str], int],
    outputs: set[str],
    roots: dict[str, str],
) -> list[Layer]:
    """Return the layers with every function in one piece, where it can be as part of a layer.

    Args:
        layers: in the order of the file.
        about: of each layer, by its first output.
        size: numbers of a tensor.
        outputs: what the network says.
        roots: whose numbers a tensor holds; what a layer writes now in place of another is added.
    """
    maker = {tensor: layer for layer in layers for tensor in layer.outputs}
    read_by = _readers(layers)
    gone: set[int] = set()
    for function in _functions(layers, about, size, outputs):
        inside = {id(layer) for layer in function.layers}
        gone |= inside
        if not function.read:
            continue  # nobody reads any of it
        (result,) = function.read
        before = maker.get(function.of)
        alone = function.of not in outputs and read_by[function.of] <= inside
        if before is not None and alone and len(before.outputs) == 1:
            _take_in(before, function.layers, about)
            roots[result] = function.of
        else:
            gone.discard(id(maker[result]))
            _become_one(maker[result], function, size)
    left = [layer for layer in layers if id(layer) not in gone]
    for layer in left:
        layer.inputs = list(dict.fromkeys(_root(roots, tensor) for tensor in layer.inputs))
    return left


def _functions(
    layers: Sequence[Layer], about: Mapping[str, About], size: Callable[[str], int],
    outputs: set[str],
) -> list[_Function]:  # fmt: skip
    """Return the functions, each as large as it can be while others read one tensor of it.

    Where several are read, each is an end: what hangs on it is another function.
    """
    read_by = _readers(layers)
    ends: set[str] = set()
    while True:
        functions = _hanging(layers, about, size, ends)
        for function in functions:
            inside = {id(layer) for layer in function.layers}
            function.read = {
                tensor
                for layer in function.layers
                for tensor in layer.outputs
                if tensor in outputs or not read_by.get(tensor, set()) <= inside
            }
        several = {t for f in functions if len(f.read) > 1 for t in f.read}
        if not several:
            return functions
        ends |= several


def _hanging(
    layers: Sequence[Layer], about: Mapping[str, About], size: Callable[[str], int], ends: set[str]
) -> list[_Function]:
    """Return by tensor what hangs on it alone; what is an end is a tensor to hang on."""
    functions: dict[str, _Function] = {}
    of: dict[str, str] = {}
    for layer in layers:
        base = {of.get(tensor, tensor) for tensor in layer.inputs}
        made = layer.outputs[0]
        if not about[made].acts or len(base) != 1:
            continue
        (tensor,) = base
        if size(tensor) == size(made):
            functions.setdefault(tensor, _Function(tensor)).layers.append(layer)
            if made not in ends:
                of[made] = tensor
    return list(functions.values())


def _readers(layers: Sequence[Layer]) -> dict[str, set[int]]:
    users: dict[str, set[int]] = {}
    for layer in layers:
        for tensor in layer.inputs:
            users.setdefault(tensor, set()).add(id(layer))
    return users


def _take_in(before: Layer, function: Sequence[Layer], about: Mapping[str, About]) -> None:
    """Let a layer apply a function as it writes: slopes are its weights, a shift is its bias."""
    straight = before.outputs[0]  # up to here all is scaling and shifting
    known = about[straight]
    for layer in function:
        alone = sum(straight in other.inputs for other in function) == 1
        if alone and layer.inputs == [straight] and layer.operator in _SCALES | _SHIFTS:
            straight = layer.outputs[0]
            if layer.operator in _SHIFTS:
                before.parameters += known.lacks_bias
                before.weight_bytes += known.lacks_bias * BIAS_BYTES
                known.lacks_bias = 0
        elif layer.operator not in _SCALES | _SHIFTS:
            before.parameters += layer.parameters
            before.weight_bytes += layer.weight_bytes


def _become_one(last: Layer, function: _Function, size: Callable[[str], int]) -> None:
    """Let the last layer of a function stand for all of it."""
    for layer in function.layers:
        if layer is not last:
            last.parameters += layer.parameters
            last.weight_bytes += layer.weight_bytes
    last.inputs = [function.of]
    last.read_bytes = size(function.of)


def _root(roots: Mapping[str, str], tensor: str) -> str:
    while tensor in roots:
        tensor = roots[tensor]
    return tensor
