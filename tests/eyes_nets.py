"""Small networks, built by hand."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def value(name, shape=None, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def net(nodes, inputs, outputs, constants=None, metadata=None, opset=18, **more) -> bytes:
    """Return an ONNX file; inputs as (name, shape), outputs as names."""
    graph = helper.make_graph(
        nodes,
        "net",
        [i if not isinstance(i, tuple) else value(*i) for i in inputs],
        [value(name) for name in outputs],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in (constants or {}).items()],
    )
    imports = [helper.make_opsetid("", opset), *more.pop("imports", [])]
    model = helper.make_model(graph, opset_imports=imports, ir_version=9, **more)
    helper.set_model_props(model, metadata or {})
    return model.SerializeToString()


def node(operator, inputs, outputs, **attributes):
    return helper.make_node(operator, inputs, outputs, **attributes)


def relu(shape=("batch", 3, 4, 4)) -> bytes:
    return net([node("Relu", ["x"], ["y"])], [("x", list(shape))], ["y"])


def bright_spots(stride=8, size=64) -> bytes:
    """Return a detector of the grid family that finds a person in each cell that is all white."""
    cells = size // stride
    weights = np.zeros((3, 3, stride, stride), np.float32)
    weights[0] = 20 / (255 * 3 * stride * stride)  # up to 20 for white
    return net(
        [
            node("Conv", ["x", "w", "b"], ["logits"], strides=[stride, stride]),
            node("Sigmoid", ["logits"], ["scores"]),
            node("Slice", ["scores", "from", "to", "axis"], ["one"]),
            node("Concat", ["one", "one", "one", "one"], ["four"], axis=1),
            node("Mul", ["four", "zero"], ["nothing"]),
            node("Add", ["nothing", "reach"], ["distances"]),
        ],
        [("x", ["batch", 3, size, size])],
        ["scores", "distances"],
        {
            "w": weights,
            "b": np.array([-15, -15, -15], np.float32),
            "from": np.array([0]), "to": np.array([1]), "axis": np.array([1]),
            "zero": np.array(0, np.float32),
            "reach": np.full((1, 4, cells, cells), stride / 2, np.float32),
        },
        {"family": "grid", "stride": str(stride), "threshold": "0.5"},
    )  # fmt: skip
