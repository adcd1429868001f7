"""A network is counted by hand and by `fleet profile`, and what comes out runs in a scenario."""

from __future__ import annotations

import json
import shutil
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from eyes_nets import bright_spots, net, node, value
from onnx import TensorProto, helper
from PIL import Image

from fleet.catalog import Catalog
from fleet.cli import main as cli
from fleet.cli.exit import BAD_INPUT, code_of
from fleet.cli.profile import _fit_lines as fit_lines
from fleet.cli.profile import profile as command
from fleet.errors import InputError
from fleet.eyes.boxes import NOTHING, Detections
from fleet.lab.costs import cuts, graph, profile
from fleet.lab.costs import rows as study
from fleet.lab.networks import operators, quantise
from fleet.lab.networks.detector import Detector, file_of
from fleet.lab.networks.prepared import prepared
from fleet.lab.networks.session import Session
from fleet.scenario import user_rows

ROOT = Path(__file__).parents[2]
CATALOG = Catalog.load()
RNG = np.random.default_rng(11)


def weights(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def small() -> bytes:
    """Return a network with a skip, an activation, a mean and a last layer."""
    return net(
        [
            node("Conv", ["x", "w1", "b1"], ["c1"], name="first", pads=[1, 1, 1, 1]),
            node("Relu", ["c1"], ["r1"]),
            node("Conv", ["r1", "w2"], ["c2"], name="second"),
            node("Add", ["c2", "r1"], ["sum"], name="skip"),
            node("GlobalAveragePool", ["sum"], ["mean"], name="mean"),
            node("Flatten", ["mean"], ["flat"]),
            node("Gemm", ["flat", "w3", "b3"], ["y"], name="last", transB=1),
        ],
        [("x", ["batch", 3, 8, 8])],
        ["y"],
        {
            "w1": weights(4, 3, 3, 3), "b1": weights(4), "w2": weights(4, 4, 1, 1),
            "w3": weights(2, 4), "b3": weights(2),
        },
    )  # fmt: skip


def test_a_small_network_is_counted_as_by_hand() -> None:
    counted = graph.read(small(), "small")
    assert [layer.name for layer in counted.layers] == ["first", "second", "skip", "mean", "last"]
    assert [layer.macs for layer in counted.layers] == [64 * 4 * 27, 64 * 4 * 4, 0, 0, 8]
    assert [layer.parameters for layer in counted.layers] == [108 + 4, 16, 0, 0, 8 + 2]
    assert counted.total("weight_bytes") == 108 + 4 * 4 + 16 + 8 + 4 * 2
    # At the skip: what the activation gave, what the second gave, and the sum.
    assert (counted.working_bytes, counted.working_at) == (3 * 256, "skip")
    written = 256 + 256 + 256 + 4 + 2
    read = 192 + 256 + 512 + 256 + 4
    assert counted.moved_bytes == written + read + counted.total("weight_bytes")
    assert counted.resized_bytes == 0
    assert counted.inputs == {"x": [1, 3, 8, 8]}
    assert counted.types == {"x": "float"}
    assert counted.any_batch
    assert not counted.quantised


def test_a_small_network_is_cut_as_by_hand() -> None:
    """A skip around a layer is a second tensor that would have to travel: none behind `second`."""
    counted = graph.read(small(), "small")
    start, first, skip, mean, _ = cuts.cuts(counted)
    assert [c.after for c in cuts.cuts(counted)] == ["input", "first", "skip", "mean", "last"]
    assert [c.tensor for c in cuts.cuts(counted)] == [192, 256, 256, 4, 2]
    assert (start.macs, start.moved_bytes, start.layers, start.weight_bytes) == (0, 0, 0, 0)
    assert start.working_bytes == 192
    assert (first.macs, first.weight_bytes, first.layers) == (64 * 4 * 27, 108 + 4 * 4, 1)
    assert first.moved_bytes == 192 + 256 + 124
    assert first.working_bytes == 192 + 256
    assert (skip.macs, skip.weight_bytes, skip.layers) == (64 * 4 * 27 + 64 * 4 * 4, 124 + 16, 3)
    assert skip.moved_bytes == first.moved_bytes + (256 + 256 + 16) + (512 + 256)
    assert skip.working_bytes == 3 * 256
    assert mean.moved_bytes == skip.moved_bytes + 256 + 4


def test_what_lies_before_a_cut_and_behind_it_is_the_whole() -> None:
    for data in (small(), small_with_resize()):
        counted = graph.read(data, "m")
        for cut in cuts.cuts(counted):
            behind = counted.layers[cut.layers :]
            for name in ("macs", "moved_bytes", "resized_bytes", "weight_bytes"):
                after = sum(getattr(layer, name) for layer in behind)
                assert getattr(cut, name) + after == counted.total(name)
            assert cut.working_bytes <= counted.working_bytes
        end = cuts.cuts(counted)[-1]
        assert end.layers == len(counted.layers)
        assert end.working_bytes == counted.working_bytes
        assert end.resized_bytes == counted.resized_bytes


def small_with_resize() -> bytes:
    """Return a network that makes a picture larger."""
    return net(
        [
            node("Resize", ["x", "", "twice"], ["up"], name="up"),
            node("Conv", ["up", "w"], ["y"], name="conv"),
        ],
        [("x", [1, 3, 4, 4])],
        ["y"],
        {"twice": np.array([1, 1, 2, 2], np.float32), "w": weights(2, 3, 1, 1)},
    )


def test_an_answer_before_the_end_is_a_second_tensor() -> None:
    first = node("Conv", ["x", "w"], ["a"], name="first")
    second = node("Conv", ["a", "v"], ["b"], name="second")
    constants = {"w": weights(4, 3, 1, 1), "v": weights(4, 4, 1, 1)}
    one = counted_layers([first, second], [1, 3, 8, 8], ["b"], constants)
    assert [cut.after for cut in cuts.cuts(one)] == ["input", "first", "second"]
    two = counted_layers([first, second], [1, 3, 8, 8], ["a", "b"], constants)
    # Behind `first` its tensor is all that is needed: it is read, and said.
    assert [cut.after for cut in cuts.cuts(two)] == ["input", "first"]
    odd = node("Conv", ["a", "v"], ["b"], name="input")
    three = counted_layers([first, odd], [1, 3, 8, 8], ["b"], constants)
    assert [cut.after for cut in cuts.cuts(three)] == ["input", "first", "input#2"]


def test_alexnet_is_cut_as_published() -> None:
    """Krizhevsky et al. 2012: five convolutions in two halves, 256 maps of 6 x 6 behind the last.

    The file has its layers, and constants for weights.
    """
    light = Path(str(resources.files("onnx"))) / "backend" / "test" / "data" / "light"
    file = light / "light_bvlc_alexnet.onnx"
    if not file.is_file():
        pytest.skip("this onnx comes without its test data")
    counted = graph.read(prepared(file.read_bytes(), file.name, None).data, file.name)
    pooled = next(cut for cut in cuts.cuts(counted) if cut.after == "n14")
    weights_of = (96 * 3 * 121, 256 * 48 * 25, 384 * 256 * 9, 384 * 192 * 9, 256 * 192 * 9)
    assert pooled.tensor == 256 * 6 * 6
    assert pooled.weight_bytes == sum(weights_of) + 4 * (96 + 256 + 384 + 384 + 256)
    sides = (54, 26, 12, 12, 12)  # of what each gives; the paper's own first one is 55
    assert pooled.macs == sum(w * side**2 for w, side in zip(weights_of, sides, strict=True))
    assert pooled.macs / counted.total("macs") == pytest.approx(0.91, abs=0.005)


@pytest.mark.parametrize("name", ["eye-small", "eye-large"])
def test_the_cuts_of_our_networks_are_what_is_counted(name: str) -> None:
    file = file_of(name)
    counted = graph.read(prepared(file.read_bytes(), file.name, None).data, file.name)
    rows = cuts.rows_of(counted, name, "counted")
    for row in rows:
        assert CATALOG.row("cuts", row.item, row.parameter).value == row.value
    kept = [item for item in CATALOG.items("cuts") if item.startswith(f"{name}:")]
    assert kept == list(dict.fromkeys(row.item for row in rows))
    assert counted.total("macs") == int(CATALOG.row("models", name, "macs").value)


def test_eight_bits_cost_the_same() -> None:
    samples = [weights(1, 3, 8, 8) for _ in range(3)]
    coarse = graph.read(quantise.quantised(small(), "small", samples), "small int8")
    fine = graph.read(small(), "small")
    assert coarse.quantised
    for attribute in ("macs", "parameters", "weight_bytes"):
        assert coarse.total(attribute) == fine.total(attribute)
    assert len(coarse.layers) == len(fine.layers)
    assert coarse.working_bytes == fine.working_bytes
    assert coarse.moved_bytes == fine.moved_bytes


def counted_layers(nodes, shape, outputs, constants=None) -> graph.Graph:
    return graph.read(net(nodes, [("x", shape)], outputs, constants), "m")


def test_an_activation_is_part_of_the_layer_before() -> None:
    conv = node("Conv", ["x", "w"], ["c"])
    swish = [node("Sigmoid", ["c"], ["s"]), node("Mul", ["c", "s"], ["y"])]
    w = {"w": weights(4, 3, 1, 1)}
    shape = [1, 3, 8, 8]
    counted = counted_layers([conv, *swish], shape, ["y"], w)
    assert [layer.operator for layer in counted.layers] == ["Conv"]
    assert counted.working_bytes == 192 + 256
    # If somebody else reads what it is applied to it is a layer that reads and writes once.
    counted = counted_layers([conv, *swish], shape, ["y", "c"], w)
    assert [layer.operator for layer in counted.layers] == ["Conv", "Mul"]
    assert counted.layers[1].read_bytes == counted.layers[1].written_bytes == 256
    # If somebody reads the gate there are two functions, of which the second hangs on two tensors.
    counted = counted_layers([conv, *swish], shape, ["y", "s"], w)
    assert [layer.operator for layer in counted.layers] == ["Conv", "Sigmoid", "Mul"]
    relu = node("Relu", ["c"], ["y"])
    assert len(counted_layers([conv, relu], shape, ["y", "c"], w).layers) == 2
    assert len(counted_layers([conv, relu], shape, ["y"], w).layers) == 1


def hard_swish(*, divide_first: bool) -> list[Any]:
    """Return x · clip(x + 3, 0, 6) / 6 as exports before opset 14 spell it, in either order."""
    add, clip = node("Add", ["c", "3"], ["h1"]), node("Clip", ["h1", "0", "6"], ["h2"])
    if divide_first:
        return [add, clip, node("Div", ["h2", "6"], ["h3"]), node("Mul", ["c", "h3"], ["a"])]
    return [add, clip, node("Mul", ["c", "h2"], ["h3"]), node("Div", ["h3", "6"], ["a"])]


def gelu_by_tanh() -> list[Any]:
    return [
        node("Pow", ["c", "3"], ["g1"]), node("Mul", ["g1", "0.044715"], ["g2"]),
        node("Add", ["c", "g2"], ["g3"]), node("Mul", ["g3", "0.79788456"], ["g4"]),
        node("Tanh", ["g4"], ["g5"]), node("Add", ["g5", "1"], ["g6"]),
        node("Mul", ["c", "g6"], ["g7"]), node("Mul", ["g7", "0.5"], ["a"]),
    ]  # fmt: skip


def gelu_by_erf() -> list[Any]:
    return [
        node("Div", ["c", "1.41421356"], ["g1"]), node("Erf", ["g1"], ["g2"]),
        node("Add", ["g2", "1"], ["g3"]), node("Mul", ["c", "g3"], ["g4"]),
        node("Mul", ["g4", "0.5"], ["a"]),
    ]  # fmt: skip


SPELLINGS = {
    "hard-swish": [
        [node("HardSwish", ["c"], ["a"])],
        hard_swish(divide_first=False),
        hard_swish(divide_first=True),
        [node("HardSigmoid", ["c"], ["h"], alpha=1 / 6), node("Mul", ["h", "c"], ["a"])],
    ],
    "swish": [[node("Sigmoid", ["c"], ["s"]), node("Mul", ["c", "s"], ["a"])]],
    "relu6": [
        [node("Clip", ["c", "0", "6"], ["a"])],
        [node("Relu", ["c"], ["r"]), node("Min", ["r", "6"], ["a"])],
        [node("Max", ["c", "0"], ["m"]), node("Min", ["m", "6"], ["a"])],
    ],
    "mish": [
        [node("Mish", ["c"], ["a"])],
        [
            node("Softplus", ["c"], ["m1"]), node("Tanh", ["m1"], ["m2"]),
            node("Mul", ["c", "m2"], ["a"]),
        ],
        [
            node("Exp", ["c"], ["m0"]), node("Add", ["m0", "1"], ["m1"]),
            node("Log", ["m1"], ["m2"]), node("Tanh", ["m2"], ["m3"]),
            node("Mul", ["m3", "c"], ["a"]),
        ],
    ],
    "gelu": [gelu_by_erf(), [node("Gelu", ["c"], ["a"])]],
    "gelu by tanh": [gelu_by_tanh(), [node("Gelu", ["c"], ["a"], approximate="tanh")]],
    "scaled": [[node("Mul", ["c", "3"], ["s"]), node("Add", ["s", "1"], ["a"])]],
}  # fmt: skip
NUMBERS = ("0", "0.044715", "0.5", "0.79788456", "1", "1.41421356", "3", "6")


def activated(spelling: list[Any], *, bias: bool = True) -> bytes:
    """Return a convolution, a function of its numbers, and another convolution."""
    nodes = [
        node("Conv", ["x", "w1", *["b"] * bias], ["c"], strides=[2, 2], pads=[1, 1, 1, 1]),
        *spelling,
        node("Conv", ["a", "w2"], ["y"], strides=[2, 2], pads=[1, 1, 1, 1]),
    ]
    constants = {number: np.float32(number) for number in NUMBERS}
    constants |= {"w1": WIDE_1, "b": np.ones(32, np.float32), "w2": WIDE_2}
    return net(nodes, [("x", [1, 3, 640, 640])], ["y"], constants, opset=20)


WIDE_1, WIDE_2 = weights(32, 3, 3, 3), weights(8, 32, 3, 3)


@pytest.mark.parametrize("function", SPELLINGS)
def test_a_function_costs_the_same_however_it_is_spelt(function: str) -> None:
    """All spellings give the same numbers, and are no layer of their own."""
    picture = RNG.normal(size=(1, 3, 640, 640)).astype(np.float32)
    said = []
    for spelling in SPELLINGS[function]:
        data = activated(spelling)
        counted = graph.read(data, function)
        assert [layer.operator for layer in counted.layers] == ["Conv", "Conv"]
        assert counted.total("parameters") == 32 * 27 + 32 + 8 * 32 * 9
        assert counted.total("weight_bytes") == 32 * 27 + 32 * 4 + 8 * 32 * 9
        assert counted.working_bytes == 640 * 640 * 3 + 320 * 320 * 32  # 4,505,600
        assert counted.total("written_bytes") == 320 * 320 * 32 + 160 * 160 * 8
        said.append(Session(data, function).run(picture)[0])
        if function == "scaled":
            continue  # its shift is a bias
        without = graph.read(activated(spelling, bias=False), function)
        assert [layer.operator for layer in without.layers] == ["Conv", "Conv"]
        assert without.total("parameters") == 32 * 27 + 8 * 32 * 9
    for other in said[1:]:
        np.testing.assert_allclose(other, said[0], rtol=1e-3, atol=1e-3)


def test_a_shift_is_a_bias_and_a_scale_is_part_of_the_weights() -> None:
    """Batch normalisation, the same as a product and a sum, and a bias cost the same."""
    row = {k: weights(4, 1, 1) for k in ("scale", "shift")}
    one = {k: np.ones(4, np.float32) for k in ("s", "b", "m", "v")}
    constants = {"w": weights(4, 3, 1, 1), **row, **one}
    conv = node("Conv", ["x", "w"], ["c"])
    spelt = [
        [node("Conv", ["x", "w", "b"], ["y"])],
        [conv, node("Add", ["c", "shift"], ["y"])],
        [conv, node("BatchNormalization", ["c", "s", "b", "m", "v"], ["y"])],
        [conv, node("Mul", ["c", "scale"], ["n"]), node("Add", ["n", "shift"], ["y"])],
    ]
    for nodes in spelt:
        counted = counted_layers(nodes, [1, 3, 2, 2], ["y"], constants)
        assert [layer.operator for layer in counted.layers] == ["Conv"]
        assert (counted.total("parameters"), counted.total("weight_bytes")) == (16, 12 + 4 * 4)
    scaled = counted_layers(
        [conv, node("Mul", ["c", "scale"], ["y"])], [1, 3, 2, 2], ["y"], constants
    )
    assert scaled.total("weight_bytes") == 12
    # A constant of the size of the picture is no part of a function.
    constants["whole"] = weights(1, 4, 2, 2)
    placed = counted_layers(
        [conv, node("Add", ["c", "whole"], ["y"])], [1, 3, 2, 2], ["y"], constants
    )
    assert [layer.operator for layer in placed.layers] == ["Conv", "Add"]
    assert placed.total("parameters") == 12 + 16


def test_a_picture_of_open_size_takes_the_size_that_is_said() -> None:
    nodes = [node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])]
    wide, deep = {"w": weights(4, 3, 3, 3)}, [("x", ["batch", 3, "height", "width"])]
    data = net(nodes, deep, ["y"], wide)
    for height, width in ((32, 64), (320, 320)):
        counted = graph.read(prepared(data, "m", (height, width)).data, "m")
        assert counted.inputs == {"x": [1, 3, height, width]}
        assert counted.total("macs") == height * width * 4 * 27
        assert counted.any_batch
    last = net([node("Relu", ["x"], ["y"])], [("x", [1, "h", "w", 3])], ["y"])
    assert graph.read(prepared(last, "m", (8, 16)).data, "m").inputs == {"x": [1, 8, 16, 3]}
    with pytest.raises(InputError, match=r"'x' is of size \? x 3 x \? x \?; .* --size 320x320"):
        prepared(data, "m")
    with pytest.raises(
        InputError, match="takes pictures of one size only, so leave out --size 8x8"
    ):
        prepared(small(), "m", (8, 8))
    fixed = small()
    assert prepared(fixed, "m").data == fixed


def test_a_network_is_counted_up_to_operators_of_others() -> None:
    foreign = [("com.vendor", 1)]
    tail = [
        helper.make_node("Nms", ["y"], ["boxes"], domain="com.vendor"),
        node("Relu", ["boxes"], ["kept"]),
    ]
    own = {"imports": [helper.make_opsetid(*foreign[0])]}
    conv = [node("Conv", ["x", "w"], ["c"]), node("Relu", ["c"], ["y"])]
    shape, wide = [("x", ["batch", 3, 8, 8])], {"w": weights(4, 3, 1, 1)}
    data = net([*conv, *tail], shape, ["kept"], wide, **own)
    ready = prepared(data, "m")
    assert ready.left_out == (
        "counted up to operator 'com.vendor.Nms', which is not of the ONNX standard: 2 of 4"
        " operators are left out"
    )
    whole, cut = graph.read(net(conv, shape, ["y"], wide), "m"), graph.read(ready.data, "m")
    assert whole == cut
    seen = measured(data)
    assert not seen.whole
    assert seen.remarks[0] == ready.left_out
    fit = study.on_device(CATALOG, seen, study.rows_of(CATALOG, seen), "imx500")
    assert any("predicted: at least 0.0 ms" in line for line in fit_lines(fit))
    with pytest.raises(InputError, match=r"all hangs on operator 'com\.vendor\.Nms'"):
        prepared(
            net([helper.make_node("Nms", ["x"], ["y"], domain="com.vendor")], shape, ["y"]), "m"
        )


def test_half_floats_are_a_picture_too() -> None:
    picture = value("x", [1, 3, 8, 8], TensorProto.FLOAT16)
    nodes = [node("Relu", ["x"], ["r"]), node("Cast", ["r"], ["y"], to=TensorProto.FLOAT)]
    half = net(nodes, [picture], ["y"])
    seen = measured(half)
    assert study.on_device(CATALOG, seen, study.rows_of(CATALOG, seen), "imx500").problems == []


def test_other_shapes_and_constants_cost_nothing() -> None:
    nodes = [
        node("Transpose", ["x"], ["t"], perm=[0, 2, 3, 1]),
        node("Shape", ["t"], ["shape"]),
        node("Concat", ["shape", "one"], ["longer"], axis=0),
        node("Reshape", ["t", "longer"], ["r"]),
        node("Relu", ["r"], ["y"]),
    ]
    counted = counted_layers(nodes, [1, 3, 4, 4], ["y"], {"one": np.array([1])})
    assert [layer.operator for layer in counted.layers] == ["Relu"]
    assert counted.operators == {"Transpose": 1, "Reshape": 1, "Relu": 1}
    mixed = [node("Transpose", ["x"], ["y"], perm=[0, 3, 2, 1])]
    assert counted_layers(mixed, [1, 3, 4, 4], ["y"]).layers[0].operator == "Transpose"


def test_macs_of_other_operators() -> None:
    turned = [node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2])]
    counted = counted_layers(turned, [1, 3, 4, 4], ["y"], {"w": weights(3, 5, 2, 2)})
    assert counted.total("macs") == 16 * 3 * 5 * 4
    product = [node("MatMul", ["x", "x"], ["y"])]
    assert counted_layers(product, [1, 2, 4, 4], ["y"]).total("macs") == 2 * 4 * 4 * 4
    larger = [node("Resize", ["x", "", "", "s"], ["y"], mode="nearest")]
    counted = counted_layers(larger, [1, 3, 4, 4], ["y"], {"s": np.array([1, 3, 8, 8])})
    assert counted.resized_bytes == 192
    grouped = [node("Conv", ["x", "w"], ["y"], group=3)]
    counted = counted_layers(grouped, [1, 3, 4, 4], ["y"], {"w": weights(3, 1, 3, 3)})
    assert counted.total("macs") == 4 * 3 * 9


def test_shared_weights_count_once() -> None:
    nodes = [node("Conv", ["x", "w"], ["a"]), node("Conv", ["a", "w"], ["y"])]
    counted = counted_layers(nodes, [1, 3, 4, 4], ["y"], {"w": weights(3, 3, 1, 1)})
    assert counted.total("parameters") == 9
    assert counted.total("macs") == 2 * 16 * 9


def test_what_is_not_counted_is_said() -> None:
    product = [node("Einsum", ["x", "w"], ["y"], equation="ij,jk->ik")]
    seen = measured(net(product, [("x", [1, 3])], ["y"], {"w": weights(3, 2)}))
    assert "the work of Einsum is not counted" in seen.remarks
    assert not seen.whole
    branch = helper.make_graph([node("Relu", ["x"], ["r"])], "b", [], [value("r")])
    either = node("If", ["so"], ["y"], then_branch=branch, else_branch=branch)
    nodes = [node("ReduceMax", ["x"], ["m"], keepdims=0), node("Cast", ["m"], ["so"], to=9), either]
    with pytest.raises(InputError, match="m: operator If branches or loops"):
        counted_layers(nodes, [1, 3], ["y"])


def test_a_branch_whose_way_is_known_is_a_branch() -> None:
    """What it computes is not in the graph that is counted."""
    branch = helper.make_graph([node("Relu", ["c"], ["r"])], "b", [], [value("r")])
    either = node("If", ["yes"], ["a"], then_branch=branch, else_branch=branch)
    nodes = [node("Conv", ["x", "w"], ["c"]), either, node("Conv", ["a", "w"], ["y"])]
    constants = {"w": weights(3, 3, 1, 1), "yes": np.array(True)}
    with pytest.raises(InputError, match="m: operator If branches or loops"):
        counted_layers(nodes, [1, 3, 4, 4], ["y"], constants)


def test_what_no_output_hangs_on_costs_nothing() -> None:
    conv = node("Conv", ["x", "w"], ["y"])
    dead = [node("Conv", ["x", "w"], ["d1"]), node("Conv", ["d1", "w"], ["d2"])]
    constants = {"w": weights(3, 3, 1, 1)}
    alone = counted_layers([conv], [1, 3, 4, 4], ["y"], constants)
    assert counted_layers([*dead, conv], [1, 3, 4, 4], ["y"], constants).layers == alone.layers


def test_slopes_count_and_folded_weights_do_not() -> None:
    conv = node("Conv", ["x", "w"], ["c"])
    slope = node("PRelu", ["c", "s"], ["p"])
    norm = node("BatchNormalization", ["p", "s1", "s1", "s1", "s1"], ["y"])
    constants = {"w": weights(4, 3, 1, 1), "s": weights(4, 1, 1), "s1": np.ones(4, np.float32)}
    counted = counted_layers([conv, slope, norm], [1, 3, 2, 2], ["y"], constants)
    assert len(counted.layers) == 1
    assert counted.total("parameters") == 12 + 4


def test_a_network_that_ignores_its_input_has_no_layers() -> None:
    with pytest.raises(InputError, match="m: has no layers"):
        counted_layers([node("Identity", ["c"], ["y"])], [1], ["y"], {"c": weights(2)})


def found(*boxes, scores=None, kinds=None) -> Detections:
    count = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(count, 4),
        np.ones(count, np.float32) if scores is None else np.array(scores, np.float32),
        np.array(kinds or [0] * count, np.int8),
    )


def test_what_eight_bits_change() -> None:
    a, b, c = [0, 0, 10, 10], [20, 20, 30, 30], [50, 0, 60, 10]
    seen = quantise.compared([found(a, b), NOTHING], [found(a, c), found(b)])
    assert seen == quantise.Effect(2, found=1.0, found_int8=1.5, kept=0.5, new=pytest.approx(2 / 3))
    assert quantise.compared([NOTHING], [NOTHING]).kept == 1.0
    assert quantise.compared([found(a)], [found(a, kinds=[1])]).kept == 0.0


def pictures(count: int) -> list[np.ndarray]:
    """Return black pictures with a white square that moves."""
    made = [np.zeros((64, 64, 3), np.uint8) for _ in range(count)]
    for k, pixels in enumerate(made):
        pixels[8 * (k % 8) :, :8][:8] = 255
    return made


def test_a_detector_in_eight_bits_finds_the_same() -> None:
    data = bright_spots()
    coarse, seen = quantise.effect(Detector(data, "spots"), data, pictures(16))
    assert b"QuantizeLinear" in coarse
    assert seen == quantise.Effect(8, found=1.0, found_int8=1.0, kept=1.0, new=0.0)
    again, _ = quantise.effect(Detector(data, "spots"), data, pictures(16))
    assert again == coarse
    with pytest.raises(InputError, match="spots: 1 pictures are too few"):
        quantise.effect(Detector(data, "spots"), data, pictures(1))


def test_times_become_a_line() -> None:
    def times(*ms: float) -> dict[int, profile.Time]:
        spent = [int(m * 1e6) for m in ms]
        return {2**k: profile.Time(t, t, t) for k, t in enumerate(spent)}

    assert profile.line(times(5, 8, 14, 26)) == pytest.approx((2e6, 3e6))
    assert profile.line(times(7)) == (0.0, 7e6)
    assert profile.line(times(1, 4, 10)) == (0.0, pytest.approx((1 + 8 + 40) / 21 * 1e6))


@pytest.fixture(autouse=True, scope="module")
def few_batches():
    """Time little: how fast this machine is does not matter here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(profile, "BATCHES", (1, 4))
        patch.setattr(profile, "REPEATS", 3)
        yield


def measured(data: bytes, name="own") -> profile.Profile:
    return profile.measure(data, name, f"{name}.onnx", pictures=pictures(4), repeats=2)


def test_a_network_on_a_sensor() -> None:
    seen = measured(small())
    assert seen.family == ""
    assert seen.remarks[0].startswith("its metadata name no known family")
    assert sorted(seen.times) == [1, 4]
    fit = study.on_device(CATALOG, seen, study.rows_of(CATALOG, seen), "imx500")
    assert fit.fits
    assert fit.doubts == []
    assert fit.needed_bytes == seen.graph.total("weight_bytes") + seen.graph.working_bytes
    assert fit.memory_bytes == 8_388_480
    units = 2304 * 262.5e6
    seconds = 7944 / (units * 0.52) + seen.graph.moved_bytes / 16.8e9 + 5 * 16.8e-6
    assert fit.time_ns[0] == pytest.approx(seconds * 1e9, abs=2)
    assert fit.time_ns[1] < fit.time_ns[0] < fit.time_ns[2]
    power_w = 0.065 + (0.243 - 0.065) * 7944 / (units * seconds)
    assert fit.energy_uj[0] == pytest.approx(power_w * seconds * 1e6, rel=1e-3)


def test_a_network_that_does_not_fit() -> None:
    wide = net(
        [
            node("Conv", ["x", "w"], ["c"], strides=[1, 1]),
            node("Erf", ["c"], ["e"]),
            node("Add", ["e", "z"], ["y"]),
        ],
        [("x", [1, 2, 700, 900]), ("z", [1])],
        ["y"],
        {"w": weights(8, 2, 1, 1)},
    )
    seen = measured(wide)
    assert "takes one picture at a time" in seen.remarks[0]
    assert list(seen.times) == [1]
    fit = study.on_device(CATALOG, seen, study.rows_of(CATALOG, seen), "imx500")
    assert not fit.fits
    told = "; ".join(fit.problems)
    needed = 16 + 2 * 8 * 630_000 + 1
    assert f"needs {needed:,} B of 8,388,480 B: {needed - 8_388_480:,} B too many" in told
    assert "has 2 inputs" in told
    assert "takes 2 x 700 px at 'x'; the sensor gives at most 640" in told
    assert "no picture of one or three colours" in told
    assert fit.doubts == ["operator Erf is not known to be supported"]
    assert operators.not_known(["Erf", "Conv", "Resize", "Abs"]) == ["Abs", "Erf"]
    with pytest.raises(InputError, match="--device 't4' is not an AI sensor; known: imx500"):
        study.on_device(CATALOG, seen, study.rows_of(CATALOG, seen), "t4")


def test_names() -> None:
    assert study.check_name(CATALOG, "my-model.2", written=True) == "my-model.2"
    for wrong in ("", "My", "a b", "-x", "x" * 41):
        with pytest.raises(InputError, match="must be of small letters"):
            study.check_name(CATALOG, wrong, written=False)
    with pytest.raises(InputError, match="'yolo11m' is a model of the catalogue"):
        study.check_name(CATALOG, "yolo11m", written=True)


def test_rows_are_written_beside_others(tmp_path) -> None:
    file = tmp_path / "own" / "models.yaml"
    both = [measured(small(), name) for name in ("one", "two")]
    first, second = (study.rows_of(CATALOG, one) for one in both)
    study.write(first, file)
    file.write_text("# mine\n" + file.read_text())
    study.write(second, file)
    text = file.read_text()
    assert text.startswith("# mine\n")
    study.write(first, file)
    assert sorted(file.read_text().split("\n")) == sorted(text.split("\n"))
    assert [p.name for p in file.parent.iterdir()] == ["models.yaml"]
    cut = [study.cuts_of(one) for one in both]
    study.write(first, file, cut[0])
    study.write(second, file, cut[1])
    study.write(first, file, cut[0])
    kind, lines = user_rows.read(file.with_name("cuts.yaml"))
    assert kind == "cuts"
    assert [row for _, row in lines] == [*cut[1], *cut[0]]
    with pytest.raises(InputError, match=r"models\.yaml"):
        study.write(first, tmp_path / "profile.yaml")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        study.write(first, tmp_path / "file" / "models.yaml")


def fleet_profile(*arguments: str) -> int:
    shown = typer.Typer()
    shown.command()(command)
    return code_of(lambda: shown(list(arguments)))


SERVERS = """
own-box:
  idle_power: {value: 10 W, source: made up, year: 2026, confidence: estimate}
  busy_power: {value: 30 W, source: made up, year: 2026, confidence: estimate}
  host_power: {value: 0 W, source: made up, year: 2026, confidence: estimate}
  boot: {value: 30 s, source: made up, year: 2026, confidence: estimate}
  pue: {value: 1.2, source: made up, year: 2026, confidence: estimate}
  decoders: {value: 0 count, source: made up, year: 2026, confidence: estimate}
  decode_rate: {value: 0 px/s, source: made up, year: 2026, confidence: estimate}
  decode_power: {value: 0 W, source: made up, year: 2026, confidence: estimate}
  price: {value: 0 USD/h, source: made up, year: 2026, confidence: estimate}
  purchase: {value: 900 USD, source: made up, year: 2026, confidence: estimate}
  lifetime: {value: 1800 d, source: made up, year: 2026, confidence: estimate}
"""


def test_a_profiled_network_runs_in_a_scenario(tmp_path, capsys) -> None:
    (tmp_path / "spots.onnx").write_bytes(bright_spots())
    shown = tmp_path / "pictures"
    shown.mkdir()
    for k, pixels in enumerate(pictures(4)):
        Image.fromarray(pixels).save(shown / f"{k}.png")
    own = tmp_path / "own"
    arguments = [str(tmp_path / "spots.onnx"), "--pictures", str(shown), "--server", "own-box"]
    assert fleet_profile(*arguments, "-o", str(own / "models.yaml"), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["name"] == "spots"
    assert told["macs"] == 64 * 3 * 3 * 64
    assert told["int8_effect"]["kept"] == 1.0
    assert told["on_device"]["fits"]
    (own / "servers.yaml").write_text(SERVERS)
    text = (ROOT / "scenarios" / "smoke.yaml").read_text()
    for before, after in (
        ("name: smoke", "name: own\ncatalogue: own"),
        ("server: t4", "server: own-box"),
        ("{device: imx500, model: ssd-mobilenet-v2}", "{device: imx500, model: spots}"),
        ("model: yolo11m", "model: spots"),
        ("  - {at: 5 s, rewrite: door-0, model: efficientdet-lite0}\n", ""),
        ("cloud: {device", "cut: {device: imx500, model: spots, split: input}\n  cloud: {device"),
    ):
        assert before in text
        text = text.replace(before, after)
    shutil.copytree(ROOT / "scenarios" / "demand", tmp_path / "demand")
    scenario = tmp_path / "own.yaml"
    scenario.write_text(text)
    assert code_of(lambda: cli.app(["check", str(scenario)])) == 0
    assert "is fine" in capsys.readouterr().out
    from fleet.study.job import prepare

    made = prepare(scenario).plans
    spent = told["on_device"]["time_ns"][0]
    assert spent in made["on_sensor"][0].sensors.setups.compute_ns.tolist()
    pool = next(p for p in made["cloud"][0].pools.entries if p is not None)
    base, per_frame = profile.line({int(b): profile.Time(**t) for b, t in told["times"].items()})
    assert pool.kinds[0].service_ns[4] == pytest.approx(base + 4 * per_frame, rel=1e-2, abs=500)
    assert pool.kinds[0].hold_ns.tolist() == pool.kinds[0].service_ns.tolist()  # timed one by one
    setups = made["cut"][0].sensors.setups
    assert set(setups.pixels_base.tolist()) == {told["cuts"][0]["tensor"]}


def test_the_command_in_words(tmp_path, capsys) -> None:
    (tmp_path / "Small_Net.onnx").write_bytes(small())
    assert fleet_profile(str(tmp_path / "Small_Net.onnx")) == 0
    out = capsys.readouterr().out
    for words in (
        "small-net (", "input: x 1x3x8x8", "0.0 million MACs in 5 layers", "138, 156 B in int8",
        "working memory: 768 B at most, at skip", "imx500: fits; 924 of 8,388,480 B", "predicted:",
        "here, 4 at once, one thread:", "remark: its metadata", "first (Conv):",
    ):  # fmt: skip
        assert words in out
    assert fleet_profile(str(tmp_path / "none.onnx")) == BAD_INPUT
    assert "none.onnx: cannot be read" in capsys.readouterr().err
    (tmp_path / "bad.onnx").write_bytes(small()[:-3])
    assert fleet_profile(str(tmp_path / "bad.onnx")) == BAD_INPUT
    assert "is cut short" in capsys.readouterr().err
    assert fleet_profile(str(tmp_path / "Small_Net.onnx"), "--name", "A") == BAD_INPUT
    assert fleet_profile("eye-small") == 0
    assert "eye-small (" in capsys.readouterr().out
    told = ("--pictures", str(tmp_path))
    assert fleet_profile(str(tmp_path / "Small_Net.onnx"), *told) == BAD_INPUT
    assert "has 0 pictures" in capsys.readouterr().err


def test_a_place_for_rows_is_judged_before_the_work(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(profile, "measure", None)  # it would fail
    (tmp_path / "file").write_text("")
    for place, words in (
        ("rows.csv", "a scenario reads models from a file 'models.yaml'"),
        ("file/models.yaml", "cannot be written"),
    ):
        told = (str(tmp_path / "a.onnx"), "-o", str(tmp_path / place))
        assert fleet_profile(*told) == BAD_INPUT
        assert words in capsys.readouterr().err
    assert fleet_profile(str(tmp_path / "a.onnx"), "--server", "box") == BAD_INPUT
    assert "say which: -o models.yaml" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file"]


def test_pictures_that_are_not_used_are_told(tmp_path) -> None:
    for k, pixels in enumerate(pictures(2)):
        Image.fromarray(pixels).save(tmp_path / f"{k}.png")
    seen = profile.measure(small(), "small", "small.onnx", pictures=profile.pictures_in(tmp_path))
    assert "the pictures that were given are not used" in seen.remarks


def test_pictures_that_are_none(tmp_path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"a\.png: cannot be read as a picture"):
        profile.pictures_in(tmp_path)
    with pytest.raises(InputError, match="is not a folder"):
        profile.pictures_in(tmp_path / "none")


def test_borrowed_rows_are_in_the_catalogue() -> None:
    parameters = {row.parameter for row in CATALOG.rows("models", "ssd-mobilenet-v2")}
    known = {parameter for parameter in parameters if "_batch_" not in parameter}
    rows = {row.parameter for row in study.rows_of(CATALOG, measured(bright_spots()))}
    assert known - rows == {"map", "rate_max", "family", "variation"}
    assert rows - known == {"eye"}  # it is measured itself, and what is published is of others
