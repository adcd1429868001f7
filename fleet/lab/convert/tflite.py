"""A TensorFlow Lite network of float weights as an ONNX model, for the operators of an SSD.

The file is read with the `tflite` package, which knows the format's schema; TensorFlow is not
needed. Weights may be halves (float16), as DEQUANTIZE then says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.errors import InputError, eyes_missing
from fleet.lab.convert.onnx_writer import Builder, Value, same_padding

Array = NDArray[Any]

_MOST_OPERATORS = 10_000
_RELU, _RELU6 = 1, 3  # ActivationFunctionType of the schema


def convert(data: bytes, name: str, metadata: dict[str, str]) -> bytes:
    """Return a network as the content of an ONNX file.

    Args:
        data: content of a `.tflite` file for one picture; the ONNX model takes any number.
        name: of the file, for messages.
        metadata: what the model shall say about itself.

    Raises:
        InputError: the file is no such network, or has an operator that is not known here.
    """
    schema = _schema()
    if data[4:8] != b"TFL3":
        raise InputError(f"{name}: is not a TensorFlow Lite file; fetch it again")
    # The reader trusts the offsets in the file; wrong ones make it fail in many ways.
    try:
        return _Network(schema, data, name).convert(metadata)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{name}: is damaged ({type(error).__name__}); fetch it again") from None


def _schema() -> Any:
    try:
        import tflite
    except ImportError:
        raise eyes_missing("this needs the package 'tflite'") from None
    return tflite


class _Network:
    """A network that is being converted."""

    def __init__(self, schema: Any, data: bytes, name: str) -> None:
        self.schema = schema
        self.name = name
        self.model = schema.Model.GetRootAsModel(data, 0)
        if self.model.SubgraphsLength() != 1:
            raise InputError(f"{name}: has {self.model.SubgraphsLength()} graphs and must have one")
        self.graph = self.model.Subgraphs(0)
        self.build = Builder()
        self.constants: dict[int, Array] = {}
        self.values: dict[int, Value] = {}

    def convert(self, metadata: dict[str, str]) -> bytes:
        """Return the ONNX file."""
        for at in range(self.graph.TensorsLength()):
            self._keep_constant(at)
        for at in self.graph.InputsAsNumpy():
            self.values[int(at)] = self.build.input(self._text(at), self.shape(at))
        if self.graph.OperatorsLength() > _MOST_OPERATORS:
            raise InputError(f"{self.name}: has more than {_MOST_OPERATORS:,} operators")
        for at in range(self.graph.OperatorsLength()):
            self._operator(self.graph.Operators(at))
        for at in self.graph.OutputsAsNumpy():
            self.build.output(self.values[int(at)], self._text(at))
        return self.build.finish(self.name, metadata)

    def shape(self, at: int) -> list[int]:
        """Return the sizes of a tensor."""
        return [int(s) for s in self.graph.Tensors(int(at)).ShapeAsNumpy()]

    def _text(self, at: int) -> str:
        text: str = self.graph.Tensors(int(at)).Name().decode()
        return text

    def _keep_constant(self, at: int) -> None:
        tensor = self.graph.Tensors(at)
        held = self.model.Buffers(tensor.Buffer()).DataAsNumpy()
        if isinstance(held, int) or not len(held):
            return  # computed when the network runs
        kinds = self.schema.TensorType
        dtypes = {kinds.FLOAT32: "<f4", kinds.FLOAT16: "<f2", kinds.INT32: "<i4"}
        if tensor.Type() not in dtypes:
            raise InputError(
                f"{self.name}: tensor '{self._text(at)}' is of type {tensor.Type()}; only float and"
                " int32 weights are known here"
            )
        array = np.frombuffer(held.tobytes(), dtypes[tensor.Type()])
        self.constants[at] = array.reshape(self.shape(at))

    def _operator(self, operator: Any) -> None:
        number = self.model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()
        known = _rules(self.schema.BuiltinOperator)
        if number not in known:
            names = {v: k for k, v in vars(self.schema.BuiltinOperator).items()}
            raise InputError(
                f"{self.name}: operator {names.get(number, number)} is not known here; known:"
                f" {', '.join(names[k] for k in known)}"
            )
        inputs = [int(at) for at in operator.InputsAsNumpy()]
        known[number](self, operator, inputs, int(operator.OutputsAsNumpy()[0]))

    def _options(self, operator: Any, kind: str) -> Any:
        options, table = getattr(self.schema, kind)(), operator.BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
        return options

    def dequantize(self, _: Any, inputs: Sequence[int], output: int) -> None:
        """Widen weights of float16."""
        self.constants[output] = self.constants[inputs[0]].astype(np.float32)

    def convolution(self, operator: Any, inputs: Sequence[int], output: int) -> None:
        """Weights are (out, height, width, in)."""
        options = self._options(operator, "Conv2DOptions")
        weights = self.constants[inputs[1]].transpose(0, 3, 1, 2)
        self._convolve(options, inputs, output, weights, 1)

    def depthwise(self, operator: Any, inputs: Sequence[int], output: int) -> None:
        """Weights are (1, height, width, out), one group for each channel of the input."""
        options = self._options(operator, "DepthwiseConv2DOptions")
        weights = self.constants[inputs[1]].transpose(3, 0, 1, 2)
        self._convolve(options, inputs, output, weights, self.shape(inputs[0])[3])

    def _convolve(
        self, options: Any, inputs: Sequence[int], output: int, weights: Array, group: int
    ) -> None:
        strides = (options.StrideH(), options.StrideW())
        dilations = (options.DilationHFactor(), options.DilationWFactor())
        pads = [(0, 0), (0, 0)]
        if options.Padding() == self.schema.Padding.SAME:
            sizes = self.shape(inputs[0])[1:3]
            pads = [
                same_padding(*of)
                for of in zip(sizes, weights.shape[2:], strides, dilations, strict=True)
            ]
        bias = self.constants[inputs[2]] if len(inputs) > 2 and inputs[2] >= 0 else None
        (top, bottom), (left, right) = pads
        made = self.build.convolution(
            self.values[inputs[0]], weights, bias, strides, (top, left, bottom, right), group,
            dilations,
        )  # fmt: skip
        self.values[output] = self._activated(made, options)

    def addition(self, operator: Any, inputs: Sequence[int], output: int) -> None:
        """Both are computed, and of one shape."""
        a, b = (self.values[at] for at in inputs)
        if a.order != b.order or self.shape(inputs[0]) != self.shape(inputs[1]):
            raise InputError(f"{self.name}: ADD of tensors that differ in shape is not known here")
        made = self.build.same("Add", a, b.name)
        self.values[output] = self._activated(made, self._options(operator, "AddOptions"))

    def reshape(self, _: Any, inputs: Sequence[int], output: int) -> None:
        """The shape is the output's."""
        self.values[output] = self.build.reshape(self.values[inputs[0]], self.shape(output))

    def concatenation(self, operator: Any, inputs: Sequence[int], output: int) -> None:
        """All are computed."""
        axis = self._options(operator, "ConcatenationOptions").Axis()
        names = [self.build.as_source(self.values[at]) for at in inputs]
        name = self.build.add("Concat", names, axis=axis)[0]
        self.values[output] = Value(name, tuple(range(len(self.shape(output)))))

    def _activated(self, value: Value, options: Any) -> Value:
        kind = options.FusedActivationFunction()
        if kind == _RELU:
            return self.build.same("Relu", value)
        if kind == _RELU6:
            low, high = (self.build.constant(np.array(x, np.float32)) for x in (0, 6))
            return self.build.same("Clip", value, low, high)
        if kind:
            raise InputError(f"{self.name}: activation {kind} is not known here; known: 0, 1, 3")
        return value


def _rules(codes: Any) -> dict[int, Callable[[_Network, Any, Sequence[int], int], None]]:
    return {
        codes.DEQUANTIZE: _Network.dequantize,
        codes.CONV_2D: _Network.convolution,
        codes.DEPTHWISE_CONV_2D: _Network.depthwise,
        codes.ADD: _Network.addition,
        codes.RESHAPE: _Network.reshape,
        codes.CONCATENATION: _Network.concatenation,
    }
