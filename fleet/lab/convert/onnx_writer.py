"""How a converter writes an ONNX model: operators in order, and axes that are moved only if needed.

TensorFlow's networks hold pictures as (batch, height, width, channels), those of ONNX as (batch,
channels, height, width). A converter that moves the axes around each operator doubles their number.
So a value here is a tensor of the ONNX model with the order in which its axes must be read; most
operators work in any order, and moves that cancel out are never written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.errors import InputError, eyes_missing

Array = NDArray[Any]

OPSET, IR_VERSION = 18, 9
NHWC_OF_NCHW, NCHW_OF_NHWC = (0, 2, 3, 1), (0, 3, 1, 2)


def onnx_package() -> Any:
    """Return the `onnx` package.

    Raises:
        InputError: it is not installed.
    """
    try:
        import onnx
        import onnx.helper
        import onnx.numpy_helper
    except ImportError:
        raise eyes_missing("this needs the package 'onnx'") from None
    return onnx


@dataclass(frozen=True)
class Value:
    """What a tensor of the source is in the ONNX model.

    Attributes:
        name: of the ONNX tensor.
        order: axis i of the source's tensor is axis order[i] of the ONNX tensor.
    """

    name: str
    order: tuple[int, ...]

    def moved(self, axes: Sequence[int]) -> Value:
        """Return this with its axes moved: the new axis i is the old axis axes[i]."""
        return Value(self.name, tuple(self.order[a] for a in axes))

    @property
    def plain(self) -> bool:
        """Return whether the ONNX tensor is as the source's."""
        return self.order == tuple(range(len(self.order)))


class Builder:
    """An ONNX graph that grows operator by operator."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._onnx = onnx_package()
        self._nodes: list[Any] = []
        self._made_by: dict[str, Any] = {}
        self._constants: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._count = 0

    def input(self, name: str, shape: Sequence[int]) -> Value:
        """Add an input of float32, of any number of pictures: the first size is left open."""
        helper = self._onnx.helper
        kind = self._onnx.TensorProto.FLOAT
        self._inputs.append(helper.make_tensor_value_info(name, kind, ["batch", *shape[1:]]))
        return Value(name, tuple(range(len(shape))))

    def constant(self, array: Array) -> str:
        """Add a constant; return its name."""
        self._count += 1
        name = f"constant_{self._count}"
        held = np.ascontiguousarray(array).reshape(array.shape)
        self._constants.append(self._onnx.numpy_helper.from_array(held, name))
        return name

    def add(
        self, operator: str, inputs: Sequence[str], outputs: int | str = 1, **attributes: Any
    ) -> list[str]:
        """Add an operator; return the names of its outputs, or give it one of that name."""
        self._count += 1
        stem = f"{operator.lower()}_{self._count}"
        names = [outputs] if isinstance(outputs, str) else [f"{stem}_{k}" for k in range(outputs)]
        node = self._onnx.helper.make_node(operator, list(inputs), names, stem, **attributes)
        self._nodes.append(node)
        self._made_by |= dict.fromkeys(names, node)
        return names

    def same(self, operator: str, value: Value, *more: str, **attributes: Any) -> Value:
        """Add an operator that treats every number alike, whatever the order of axes."""
        return Value(self.add(operator, [value.name, *more], **attributes)[0], value.order)

    def as_source(self, value: Value, name: str | int = 1) -> str:
        """Return the name of an ONNX tensor with the source's order of axes.

        Args:
            value: the tensor.
            name: what it must be called, if that matters.
        """
        if value.plain and not isinstance(name, str):
            return value.name
        if value.plain:
            return self.add("Identity", [value.name], name)[0]
        return self.add("Transpose", [value.name], name, perm=list(value.order))[0]

    def reshape(self, value: Value, shape: Sequence[int]) -> Value:
        """Give the numbers of each picture another shape; `shape` begins with a batch of one."""
        sizes = self.constant(np.array([0, *shape[1:]], np.int64))  # 0: as it is
        name = self.add("Reshape", [self.as_source(value), sizes])[0]
        return Value(name, tuple(range(len(shape))))

    def convolution(
        self,
        value: Value,
        weights: Array,
        bias: Array | None,
        strides: Sequence[int],
        pads: Sequence[int],
        group: int = 1,
        dilations: Sequence[int] = (1, 1),
    ) -> Value:
        """Add a convolution of a (batch, height, width, channels) tensor.

        Args:
            value: the tensor.
            weights: shape (out, in / group, height, width).
            bias: shape (out,).
            strides: down, across.
            pads: top, left, bottom, right.
            group: number of groups of channels.
            dilations: down, across.
        """
        inputs = [self.as_source(value.moved(NCHW_OF_NHWC)), self.constant(weights)]
        if bias is not None:
            inputs.append(self.constant(bias))
        name = self.add(
            "Conv", inputs, strides=list(strides), pads=list(pads), group=group,
            dilations=list(dilations), kernel_shape=list(weights.shape[2:]),
        )[0]  # fmt: skip
        return Value(name, NHWC_OF_NCHW)

    def add_bias(self, value: Value, bias: Array) -> bool:
        """Add a number for each channel to a convolution's output, if it has none yet.

        Only for an output that nothing else reads. Returns whether it was one.
        """
        node = self._made_by.get(value.name)
        if node is None or node.op_type != "Conv" or len(node.input) != 2:
            return False
        if bias.shape[-1:] != (bias.size,) or value.order != NHWC_OF_NCHW:
            return False
        node.input.append(self.constant(bias.reshape(-1)))
        return True

    def output(self, value: Value, name: str) -> None:
        """Make a tensor an output, in the source's order of axes."""
        self.as_source(value, name)
        kind = self._onnx.TensorProto.FLOAT
        self._outputs.append(self._onnx.helper.make_tensor_value_info(name, kind, None))

    def finish(self, name: str, metadata: dict[str, str]) -> bytes:
        """Return the model as the content of an ONNX file.

        Raises:
            InputError: the operators do not make a sound model.
        """
        onnx = self._onnx
        graph = onnx.helper.make_graph(
            self._nodes, name, self._inputs, self._outputs, self._constants
        )
        model = onnx.helper.make_model(
            graph,
            opset_imports=[onnx.helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="fleet",
        )
        onnx.helper.set_model_props(model, metadata)
        try:
            model = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
            onnx.checker.check_model(model)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"{name}: its operators do not fit together: {reason}") from None
        data: bytes = model.SerializeToString(deterministic=True)
        return data


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Return what TensorFlow's "SAME" adds before and behind an axis.

    The output has ⌈size / stride⌉ places; what is missing for them is split, the larger half behind
    (tensorflow.org/api_docs/python/tf/nn, "Notes on padding").
    """
    reach = (kernel - 1) * dilation + 1
    missing = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return missing // 2, missing - missing // 2
