"""A TensorFlow.js graph model as an ONNX model, for the operators of NanoDet.

The file is JSON: a list of operators that name their inputs, and a list of weights that lie one
after the other in further files ("shards"), perhaps as halves (float16). TensorFlow is not needed.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.errors import InputError
from fleet.lab.convert.onnx_writer import NCHW_OF_NHWC, NHWC_OF_NCHW, Builder, Value

Array = NDArray[Any]
Node = dict[str, Any]

_MOST_OPERATORS = 10_000
_LEAST = float(np.finfo(np.float32).min)
_DTYPES = {"float32": "<f4", "float16": "<f2", "int32": "<i4"}


def convert(
    topology: bytes, shards: Mapping[str, bytes], name: str, metadata: dict[str, str]
) -> bytes:
    """Return a network as the content of an ONNX file.

    Args:
        topology: content of the `.json` file.
        shards: the files with weights by name, as the first file names them.
        name: of the file, for messages.
        metadata: what the model shall say about itself.

    Raises:
        InputError: the files are no such network, or have an operator that is not known here.
    """
    # The files say where everything lies; wrong ones make reading them fail in many ways.
    try:
        model = json.loads(topology)
        return _Network(model, shards, name).convert(metadata)
    except InputError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise InputError(f"{name}: is damaged ({type(error).__name__}); fetch it again") from None


@dataclass(frozen=True)
class _Padded:
    """A tensor with one number all around it, which nobody has written yet."""

    value: Value
    amounts: Array  # before and behind each axis; shape (axes, 2)
    filled: float

    def moved(self, axes: Sequence[int]) -> _Padded:
        """Return this with its axes moved, as `Value.moved`."""
        return _Padded(self.value.moved(axes), self.amounts[list(axes)], self.filled)


class _Network:
    """A network that is being converted."""

    def __init__(self, model: Any, shards: Mapping[str, bytes], name: str) -> None:
        self.name = name
        self.nodes: dict[str, Node] = {n["name"]: n for n in model["modelTopology"]["node"]}
        if len(self.nodes) > _MOST_OPERATORS:
            raise InputError(f"{name}: has more than {_MOST_OPERATORS:,} operators")
        self.constants = _weights(model["weightsManifest"], shards, name)
        self.outputs = [_reference(n) for n in model["signature"]["outputs"]]
        self.readers = Counter(
            _reference(i) for n in self.nodes.values() for i in n.get("input", [])
        )
        self.build = Builder()
        self.values: dict[str, Value | _Padded] = {}

    def convert(self, metadata: dict[str, str]) -> bytes:
        """Return the ONNX file."""
        for node in self._in_order():
            self._operator(node)
        for name in sorted(self.outputs):
            self.build.output(self.value(name), name)
        return self.build.finish(self.name, metadata)

    def _in_order(self) -> list[Node]:
        """Return the operators that the outputs need, each behind those that it reads."""
        ordered: dict[str, Node] = {}
        waiting = [(_operator_of(name), False) for name in reversed(self.outputs)]
        under_way: set[str] = set()
        while waiting:
            name, ready = waiting.pop()
            if name in ordered:
                continue
            if ready:
                ordered[name] = self.nodes[name]
            elif name in under_way:
                raise InputError(f"{self.name}: operator '{name}' reads its own output")
            else:
                under_way.add(name)
                waiting.append((name, True))
                inputs = self.nodes[name].get("input", [])
                waiting += [(_operator_of(i), False) for i in reversed(inputs)]
        return list(ordered.values())

    def _operator(self, node: Node) -> None:
        kind, name = node["op"], node["name"]
        if kind == "Const":
            return
        if kind not in _RULES:
            raise InputError(
                f"{self.name}: operator {kind} ('{name}') is not known here; known:"
                f" {', '.join(_RULES)}"
            )
        _RULES[kind](self, node)

    def constant(self, node: Node, at: int) -> Array:
        """Return an input that is known beforehand."""
        name = _reference(node["input"][at])
        if name not in self.constants:
            raise InputError(
                f"{self.name}: {node['op']} '{node['name']}' needs a constant as input {at}"
            )
        return self.constants[name]

    def value(self, name: str) -> Value:
        """Return a tensor, with what is around it."""
        value = self.values[_reference(name)]
        if isinstance(value, _Padded):
            value = self._pad(value)
            self.values[_reference(name)] = value
        return value

    def input(self, node: Node, at: int = 0) -> Value:
        """Return an input that is computed when the network runs."""
        return self.value(node["input"][at])

    def placeholder(self, node: Node) -> None:
        """The picture."""
        sizes = [int(d["size"]) for d in node["attr"]["shape"]["shape"]["dim"]]
        self.values[node["name"]] = self.build.input(node["name"], sizes)

    def identity(self, node: Node) -> None:
        """Another name."""
        self.values[node["name"]] = self.input(node)

    def transpose(self, node: Node) -> None:
        """Axes move; nothing is written for it."""
        axes = [int(a) for a in self.constant(node, 1)]
        self.values[node["name"]] = self.values[_reference(node["input"][0])].moved(axes)

    def pad(self, node: Node) -> None:
        """Zeros or another number around, which the next operator may add itself."""
        filled = float(self.constant(node, 2)) if len(node["input"]) > 2 else 0.0
        value, amounts = self.input(node), self.constant(node, 1)
        self.values[node["name"]] = _Padded(value, amounts, max(filled, _LEAST))

    def _pad(self, padded: _Padded) -> Value:
        amounts = padded.amounts[np.argsort(padded.value.order)]
        both = self.build.constant(amounts.T.ravel().astype(np.int64))
        filled = self.build.constant(np.array(padded.filled, np.float32))
        return self.build.same("Pad", padded.value, both, filled)

    def _window(self, node: Node, filled: float) -> tuple[Value, list[int]]:
        """Return the tensor over which a window moves, and what it adds: top, left, bottom, right.

        Args:
            node: the operator.
            filled: the number that it takes around the tensor.
        """
        _check_window(self, node)
        before = self.values[_reference(node["input"][0])]
        if isinstance(before, _Padded) and before.filled == filled:
            sides, (top, bottom), (left, right), channels = before.amounts.tolist()
            if not any((*sides, *channels)):
                return before.value, [top, left, bottom, right]
        return self.input(node), [0, 0, 0, 0]

    def convolution(self, node: Node) -> None:
        """Weights are (height, width, in, out)."""
        value, pads = self._window(node, 0.0)
        weights = self.constant(node, 1).transpose(3, 2, 0, 1)
        self.values[node["name"]] = self.build.convolution(
            value, weights, None, _list(node, "strides")[1:3], pads,
            dilations=_list(node, "dilations")[1:3] or [1, 1],
        )  # fmt: skip

    def max_pool(self, node: Node) -> None:
        """The largest of each window."""
        value, pads = self._window(node, _LEAST)
        window, strides = (_list(node, key)[1:3] for key in ("ksize", "strides"))
        name = self.build.add(
            "MaxPool", [self.build.as_source(value.moved(NCHW_OF_NHWC))], kernel_shape=window,
            strides=strides, pads=pads,
        )[0]  # fmt: skip
        self.values[node["name"]] = Value(name, NHWC_OF_NCHW)

    def addition(self, node: Node) -> None:
        """Of constants, of a number for each channel, or of two tensors of one shape."""
        a, b = (_reference(name) for name in node["input"])
        if a in self.constants and b in self.constants:
            self.constants[node["name"]] = self.constants[a] + self.constants[b]
        elif b in self.constants:
            value, bias = self.value(a), self.constants[b]
            alone = self.readers[a] == 1
            if not (alone and self.build.add_bias(value, bias)):
                value = self.build.same("Add", value, self._broadcast(bias, value))
            self.values[node["name"]] = value
        else:
            first, second = self.value(a), self.value(b)
            if first.order == second.order:
                self.values[node["name"]] = self.build.same("Add", first, second.name)
            else:
                names = [self.build.as_source(v) for v in (first, second)]
                self.values[node["name"]] = _plain(self.build.add("Add", names)[0], first)

    def _broadcast(self, array: Array, value: Value) -> str:
        """Add a constant that is spread over a tensor, with its axes in the tensor's order."""
        axes = len(value.order)
        spread = array.reshape((1,) * (axes - array.ndim) + array.shape)
        return self.build.constant(spread.transpose(np.argsort(value.order)))

    def leaky_relu(self, node: Node) -> None:
        """Negative numbers are made smaller."""
        slope = float(node["attr"]["alpha"]["f"])
        self.values[node["name"]] = self.build.same("LeakyRelu", self.input(node), alpha=slope)

    def sigmoid(self, node: Node) -> None:
        """1 / (1 + exp(-x))."""
        self.values[node["name"]] = self.build.same("Sigmoid", self.input(node))

    def concatenation(self, node: Node) -> None:
        """One behind the other; the last input is the axis."""
        values = [self.value(name) for name in node["input"][:-1]]
        first = values[0]
        axis = int(self.constant(node, -1)) % len(first.order)
        if all(v.order == first.order for v in values):
            names = [v.name for v in values]
            made = self.build.add("Concat", names, axis=first.order[axis])[0]
            self.values[node["name"]] = Value(made, first.order)
        else:
            names = [self.build.as_source(v) for v in values]
            self.values[node["name"]] = _plain(self.build.add("Concat", names, axis=axis)[0], first)

    def split(self, node: Node) -> None:
        """Into parts of given sizes along an axis."""
        value, sizes = self.input(node), self.constant(node, 1)
        axis = value.order[int(self.constant(node, 2)) % len(value.order)]
        lengths = self.build.constant(sizes.astype(np.int64))
        made = self.build.add("Split", [value.name, lengths], len(sizes), axis=axis)
        for at, name in enumerate(made):
            key = node["name"] if at == 0 else f"{node['name']}:{at}"
            self.values[key] = Value(name, value.order)

    def reshape(self, node: Node) -> None:
        """The first size is the batch."""
        sizes = [int(s) for s in self.constant(node, 1)]
        self.values[node["name"]] = self.build.reshape(self.input(node), sizes)

    def resize(self, node: Node) -> None:
        """Bilinear, with the middles of pixels as the places of their values."""
        if not node["attr"].get("half_pixel_centers", {}).get("b"):
            raise InputError(f"{self.name}: ResizeBilinear is known with half_pixel_centers only")
        inside = self.build.as_source(self.input(node).moved(NCHW_OF_NHWC))
        sizes = self.build.constant(self.constant(node, 1).astype(np.int64))
        name = self.build.add(
            "Resize", [inside, "", "", sizes], axes=[2, 3], mode="linear",
            coordinate_transformation_mode="half_pixel",
        )[0]  # fmt: skip
        self.values[node["name"]] = Value(name, NHWC_OF_NCHW)

    def sparse_to_dense(self, node: Node) -> None:
        """Constants only: given values at given places, one value elsewhere."""
        places, shape, given, elsewhere = (self.constant(node, at) for at in range(4))
        dense = np.full([int(s) for s in shape], elsewhere, given.dtype)
        dense[tuple(places.reshape(len(given), len(dense.shape)).T)] = given
        self.constants[node["name"]] = dense


_RULES: dict[str, Callable[[_Network, Node], None]] = {
    "Placeholder": _Network.placeholder, "Identity": _Network.identity,
    "Transpose": _Network.transpose, "Pad": _Network.pad, "PadV2": _Network.pad,
    "Conv2D": _Network.convolution, "MaxPool": _Network.max_pool, "Add": _Network.addition,
    "AddV2": _Network.addition, "LeakyRelu": _Network.leaky_relu, "Sigmoid": _Network.sigmoid,
    "ConcatV2": _Network.concatenation, "SplitV": _Network.split, "Reshape": _Network.reshape,
    "ResizeBilinear": _Network.resize, "SparseToDense": _Network.sparse_to_dense,
}  # fmt: skip


def _weights(groups: Sequence[Any], shards: Mapping[str, bytes], name: str) -> dict[str, Array]:
    """Return all weights by name, as float32 or int32."""
    weights: dict[str, Array] = {}
    for group in groups:
        data = b"".join(shards[path] for path in group["paths"])
        at = 0
        for weight in group["weights"]:
            stored = weight.get("quantization", {}).get("dtype", weight["dtype"])
            if stored not in _DTYPES:
                raise InputError(f"{name}: weights of type '{stored}' are not known here")
            shape = [int(s) for s in weight["shape"]]
            count = int(np.prod(shape, dtype=np.int64))
            array = np.frombuffer(data, _DTYPES[stored], count, at)
            at += array.nbytes
            weights[weight["name"]] = array.astype(_DTYPES[weight["dtype"]]).reshape(shape)
    return weights


def _plain(name: str, like: Value) -> Value:
    return Value(name, tuple(range(len(like.order))))


def _reference(name: str) -> str:
    """Return the name of a tensor: of an operator's first output, it is the operator's."""
    return name.removesuffix(":0").removeprefix("^")


def _operator_of(name: str) -> str:
    return _reference(name).rpartition(":")[0] or _reference(name)


def _list(node: Node, key: str) -> list[int]:
    return [int(x) for x in node["attr"].get(key, {}).get("list", {}).get("i", [])]


def _check_window(network: _Network, node: Node) -> None:
    """Refuse windows that reach beyond the tensor or lie on other axes than height and width."""
    padding, axes = (
        base64.b64decode(node["attr"][key]["s"]).decode() for key in ("padding", "data_format")
    )
    if (padding, axes) != ("VALID", "NHWC"):
        raise InputError(
            f"{network.name}: {node['op']} '{node['name']}' is {padding}, {axes}; known here is"
            " VALID, NHWC"
        )
