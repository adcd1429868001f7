"""The two networks, and how one is written as an ONNX file.

A network is told once, in `flow`, in terms of a few operations; PyTorch does them in training, and
an ONNX graph is written from the same lines. Batch normalisation and the division by 255 are
folded into the convolutions.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from fleet.eyes.boxes import KINDS

STRIDE = 8


class Unit(nn.Module):
    """A convolution, batch normalisation, and ReLU."""

    def __init__(self, inner: int, outer: int, step: int = 1, side: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inner, outer, side, step, side // 2, bias=False)
        self.norm = nn.BatchNorm2d(outer)

    def forward(self, x: Tensor) -> Tensor:
        """Return the output for an input."""
        return functional.relu(self.norm(self.conv(x)), inplace=True)

    def folded(self) -> tuple[Tensor, Tensor]:
        """Return weights and biases with the normalisation in them."""
        norm = self.norm
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        return self.conv.weight * gain[:, None, None, None], norm.bias - norm.running_mean * gain


class Ops(Protocol):
    """What a network is told in."""

    def unit(self, name: str, x: Any) -> Any:
        """Apply the unit of this name."""

    def add(self, a: Any, b: Any) -> Any:
        """Add two inputs."""

    def twice(self, x: Any) -> Any:
        """Return the input at twice the size, each value four times."""

    def half(self, x: Any) -> Any:
        """Return the input at half the size, the mean of each four values."""

    def head(self, x: Any) -> Any:
        """Apply the last convolution."""


SMALL = {
    "stem": (3, 16, 2), "down4": (16, 24, 2), "down8": (24, 48, 2), "down16": (48, 64, 2),
    "deep1": (64, 64), "deep2": (64, 64), "deep3": (64, 64), "deep4": (64, 64),
    "back": (64, 48, 1, 1), "join": (48, 48),
}  # fmt: skip
LARGE = SMALL | {
    "fine2": (3, 16, 2), "fine4": (16, 32, 2), "sharp4": (32, 32), "fine8": (32, 48, 2),
    "sharp8": (48, 48), "merge": (48, 48),
}  # fmt: skip
"""The large network looks at half the picture's size as the small one does, and adds a finer look
at all of it: so it can begin with what the small one has learnt."""


class Network(nn.Module):
    """A detector of the grid family.

    Args:
        name: "small" (320 × 240) or "large" (640 × 480).
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        table = SMALL if name == "small" else LARGE
        self.name = name
        self.side = (240, 320) if name == "small" else (480, 640)
        self.units = nn.ModuleDict({key: Unit(*shape) for key, shape in table.items()})
        self.head = nn.Conv2d(table["join"][1], len(KINDS) + 4, 1)
        nn.init.normal_(self.head.weight, std=0.01)
        with torch.no_grad():
            self.head.bias[:] = torch.tensor([-4.0] * len(KINDS) + [0.7] * 4)

    def flow(self, x: Any, ops: Ops) -> Any:
        """Return what the head says about an input."""
        if self.name == "small":
            return ops.head(self._body(x, ops))
        fine = ops.unit("fine4", ops.unit("fine2", x))
        fine = ops.unit("fine8", ops.add(fine, ops.unit("sharp4", fine)))
        fine = ops.add(fine, ops.unit("sharp8", fine))
        x = ops.add(ops.twice(self._body(ops.half(x), ops)), fine)
        return ops.head(ops.add(x, ops.unit("merge", x)))

    def _body(self, x: Any, ops: Ops) -> Any:
        """Return features at the stride, for a picture of 320 × 240."""
        x = eight = ops.unit("down8", ops.unit("down4", ops.unit("stem", x)))
        x = sixteen = ops.unit("down16", x)
        x = ops.add(sixteen, ops.unit("deep2", ops.unit("deep1", x)))
        x = ops.add(x, ops.unit("deep4", ops.unit("deep3", x)))
        return ops.unit("join", ops.add(eight, ops.twice(ops.unit("back", x))))

    @torch.no_grad()
    def begin_with(self, small: dict[str, Tensor]) -> None:
        """Take over the small network; what is new says little at first, and distances double."""
        self.load_state_dict(small, strict=False)
        self.head.bias[len(KINDS) :] += float(np.log(2.0))
        for name in ("fine8", "sharp8", "merge"):
            self.units[name].norm.weight[:] = 0.1

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return score logits and logarithms of distances over the stride, from 0..255."""
        said = self.flow(pixels / 255.0, _Torch(self))
        return said[:, : len(KINDS)], said[:, len(KINDS) :]


class _Torch:
    """The operations in PyTorch."""

    def __init__(self, net: Network) -> None:
        self._net = net

    def unit(self, name: str, x: Tensor) -> Tensor:
        return self._net.units[name](x)

    def add(self, a: Tensor, b: Tensor) -> Tensor:
        return a + b

    def twice(self, x: Tensor) -> Tensor:
        return functional.interpolate(x, scale_factor=2.0, mode="nearest")

    def half(self, x: Tensor) -> Tensor:
        return functional.avg_pool2d(x, 2)

    def head(self, x: Tensor) -> Tensor:
        return self._net.head(x)


class _Writer:
    """The operations as nodes of an ONNX graph; a value is its name."""

    def __init__(self, net: Network) -> None:
        self._net = net
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.constant("scales", np.array([1, 1, 2, 2], dtype=np.float32))

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def node(self, kind: str, inputs: list[str], name: str, **options: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **options))
        return name

    def conv(self, name: str, x: str, weight: Tensor, bias: Tensor, step: int) -> str:
        side = weight.shape[2]
        names = [
            self.constant(f"{name}.{what}", value.detach().numpy().astype(np.float32))
            for what, value in (("weight", weight), ("bias", bias))
        ]
        return self.node(
            "Conv", [x, *names], f"{name}.conv", kernel_shape=[side, side],
            strides=[step, step], pads=[side // 2] * 4,
        )  # fmt: skip

    def unit(self, name: str, x: str) -> str:
        unit = self._net.units[name]
        weight, bias = unit.folded()
        if name in ("stem", "fine2"):
            weight = weight / 255.0
        return self.node("Relu", [self.conv(name, x, weight, bias, unit.conv.stride[0])], name)

    def add(self, a: str, b: str) -> str:
        return self.node("Add", [a, b], f"{b}.sum")

    def twice(self, x: str) -> str:
        return self.node(
            "Resize", [x, "", "scales"], f"{x}.twice", mode="nearest",
            coordinate_transformation_mode="asymmetric", nearest_mode="floor",
        )  # fmt: skip

    def half(self, x: str) -> str:
        return self.node("AveragePool", [x], f"{x}.half", kernel_shape=[2, 2], strides=[2, 2])

    def head(self, x: str) -> str:
        return self.conv("head", x, self._net.head.weight, self._net.head.bias, 1)


def metadata(model: onnx.ModelProto, threshold: float) -> None:
    """Write into a model what a reader of it must know."""
    helper.set_model_props(model, {
        "family": "grid", "stride": str(STRIDE), "kinds": ",".join(KINDS),
        "threshold": f"{threshold:g}", "made_by": "scripts/train_eyes.py", "licence": "Apache-2.0",
    })  # fmt: skip


def exported(net: Network) -> onnx.ModelProto:
    """Return a trained network as an ONNX model."""
    net.eval()
    height, width = net.side
    ops = _Writer(net)
    said = net.flow("pixels", ops)
    kinds = len(KINDS)
    ops.constant("parts", np.array([kinds, 4], dtype=np.int64))
    ops.constant("stride", np.array(STRIDE, dtype=np.float32))
    split = helper.make_node("Split", [said, "parts"], ["logits", "logs"], "split", axis=1)
    ops.nodes.append(split)
    ops.node("Sigmoid", ["logits"], "scores")
    ops.node("Mul", [ops.node("Exp", ["logs"], "shares"), "stride"], "distances")
    grid = [height // STRIDE, width // STRIDE]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        ops.nodes, f"eye-{net.name}",
        [value("pixels", TensorProto.FLOAT, ["batch", 3, height, width])],
        [value("scores", TensorProto.FLOAT, ["batch", kinds, *grid]),
         value("distances", TensorProto.FLOAT, ["batch", 4, *grid])],
        ops.constants,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


def multiplications(net: Network) -> int:
    """Return the multiply-accumulate operations of one picture."""
    total = 0

    def count(module: nn.Conv2d, _: Any, output: Tensor) -> None:
        nonlocal total
        total += module.weight.numel() * output.shape[2] * output.shape[3]

    hooks = [m.register_forward_hook(count) for m in net.modules() if isinstance(m, nn.Conv2d)]
    net.eval()
    with torch.no_grad():
        net(torch.zeros(1, 3, *net.side))
    for hook in hooks:
        hook.remove()
    return total
