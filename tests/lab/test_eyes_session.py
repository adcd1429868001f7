"""Strangers' model files: sound ones run, all others are one-line errors and harm nothing."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from eyes_nets import net, node, relu, value
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, load_from_string, numpy_helper

from fleet.errors import InputError
from fleet.lab.convert import onnx_file
from fleet.lab.networks import apart, session
from fleet.lab.networks.session import Session


def refused(data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words) as error:
        Session(data, "some/model.onnx")
    assert str(error.value).startswith("some/model.onnx: ")
    assert "\n" not in str(error.value)


def outside(tensor: TensorProto, *, told: bool = True) -> TensorProto:
    """Return a tensor whose numbers lie in another file."""
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    if told:
        tensor.external_data.add(key="location", value="/etc/passwd")
    return tensor


def weights() -> TensorProto:
    return numpy_helper.from_array(np.ones(3, np.float32), "w")


def changed(data: bytes, change) -> bytes:
    model = load_from_string(data)
    change(model)
    return model.SerializeToString()


def test_a_sound_model_runs() -> None:
    ready = Session(relu(), "relu")
    x = np.arange(-48, 48, dtype=np.float32).reshape(2, 3, 4, 4)
    assert ready.any_batch
    assert ready.inputs[0] == ("x", (None, 3, 4, 4), np.dtype(np.float32))
    assert np.array_equal(ready.run(x)[0], np.maximum(x, 0))


def test_metadata_are_read_without_the_onnx_package() -> None:
    data = net([node("Relu", ["x"], ["y"])], [("x", [1, 2])], ["y"], metadata={"family": "grid"})
    assert Session(data, "m").metadata == {"family": "grid"}
    assert not Session(data, "m").any_batch


def test_wrong_inputs_are_an_error_of_one_line() -> None:
    with pytest.raises(InputError, match="m: cannot be run"):
        Session(relu(), "m").run(np.zeros((1, 3, 5, 4), np.float32))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "has no version or no operators"),
        (b"what is this", "not an ONNX model"),
        (b"\x00" * 100, "not an ONNX model"),
        (b"\x08\x09", "has no version or no operators"),
        (b"\x00\x00\x00\x00ORTM" + b"\x00" * 40, "onnxruntime's own format"),
        (relu()[:-1], "cut short"),
        (b"\x0b" + relu(), "damaged"),  # a group, which no ONNX file has
        (relu() + b"\xff" * 11, "damaged"),
        (b"\x38\x01" + relu(), "a message is a number"),
    ],
)
def test_what_is_no_model(data: bytes, words: str) -> None:
    refused(data, words)


@given(st.binary(max_size=300))
def test_any_bytes_are_checked_without_a_traceback(data: bytes) -> None:
    with pytest.raises(InputError):
        onnx_file.clean(data, "m")


@given(st.data())
def test_a_damaged_model_is_checked_without_a_traceback(data: st.DataObject) -> None:
    whole = bytearray(relu())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InputError):
        onnx_file.clean(bytes(whole), "m")


def test_weights_in_other_files_are_refused_wherever_they_hide() -> None:
    def at_top(model) -> None:
        model.graph.initializer.append(outside(weights()))

    def untold(model) -> None:
        model.graph.initializer.append(outside(weights(), told=False))

    def in_constant(model) -> None:
        model.graph.node.append(node("Constant", [], ["c"], value=outside(weights())))

    def in_branch(model) -> None:
        branch = helper.make_graph([], "b", [], [value("w")], [outside(weights())])
        model.graph.node.append(node("If", ["x"], ["c"], then_branch=branch, else_branch=branch))

    def in_sparse(model) -> None:
        model.graph.sparse_initializer.add().values.CopyFrom(outside(weights()))

    for change in (at_top, untold, in_constant, in_branch, in_sparse):
        refused(changed(relu(), change), "tensor 'w' lies in another file")


def test_only_standard_operators_run() -> None:
    own = node("Steal", ["x"], ["y"], domain="com.example")
    refused(net([own], [("x", [1])], ["y"]), "operator 'Steal' is of domain 'com.example'")
    branch = helper.make_graph([node("Gelu", ["x"], ["y"], domain="com.microsoft")], "b", [], [])
    inside = node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)
    refused(net([inside], [("x", [1])], ["y"]), "'com.microsoft'")
    refused(net([node("Nonsense", ["x"], ["y"])], [("x", [1])], ["y"]), "cannot be loaded")

    def function(model) -> None:
        model.functions.add(name="f", domain="")

    refused(changed(relu(), function), "operators of its own")


def test_size_depth_and_number_have_limits(tmp_path) -> None:
    graph = helper.make_graph([node("Relu", ["x"], ["y"])], "g", [], [])
    for _ in range(12):
        graph = helper.make_graph([node("If", ["x"], ["y"], then_branch=graph)], "g", [], [])
    deep = changed(relu(), lambda model: model.graph.node.extend(graph.node))
    refused(deep, "nested too deeply")
    many = [node("Relu", ["x"], ["y"])] * (onnx_file.MOST_NODES + 1)
    refused(net(many, [("x", [1])], ["y"]), "more than 20,000 operators")
    refused(relu() + b"\x28\x00" * onnx_file.MOST_FIELDS, "more than 500,000 parts")
    huge = tmp_path / "huge.onnx"
    with huge.open("wb") as file:
        file.truncate(onnx_file.LARGEST_BYTES + 1)
    with pytest.raises(InputError, match=r"huge\.onnx: is larger than 67,108,864 B"):
        session.read(huge)
    with pytest.raises(InputError, match="cannot be read: No such file"):
        session.read(tmp_path / "none.onnx")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        session.read(tmp_path)


@pytest.mark.parametrize("shape", [["n", 3, "h", 4], ["n", 3, None, 4], [2, 3, 0, 4]])
def test_only_the_batch_may_be_open(shape) -> None:
    refused(relu(shape), "only the first may be left open")


def test_inputs_must_be_numbers() -> None:
    text = value("x", [1], TensorProto.STRING)
    cast = node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)
    refused(net([cast], [text], ["y"]), r"'x' is of type tensor\(string\)")


def test_nothing_is_printed(capfd) -> None:
    refused(net([node("Nonsense", ["x"], ["y"])], [("x", [1])], ["y"]), "cannot be loaded")
    Session(relu(), "m")
    assert capfd.readouterr() == ("", "")


def test_products_in_eight_bits_do_not_overflow() -> None:
    """Sums of pairs of products pass 16 bits here, where some processors would cut them off."""
    count = 64
    data = net(
        [
            node("DequantizeLinear", ["x", "one", "zero"], ["xf"]),
            node("DequantizeLinear", ["w", "one", "zero8"], ["wf"]),
            node("MatMul", ["xf", "wf"], ["yf"]),
            node("QuantizeLinear", ["yf", "scale", "zero"], ["y8"]),
            node("DequantizeLinear", ["y8", "scale", "zero"], ["y"]),
        ],
        [value("x", [1, count], TensorProto.UINT8)],
        ["y"],
        {
            "w": np.full((count, 8), 127, np.int8), "one": np.float32(1), "zero": np.uint8(0),
            "zero8": np.int8(0), "scale": np.float32(255 * 127 * count / 200),
        },
    )  # fmt: skip
    found = Session(data, "m").run(np.full((1, count), 255, np.uint8))[0]
    assert found == pytest.approx(np.full((1, 8), 255 * 127 * count), rel=1e-5)


def test_a_worker_runs_and_times_a_model() -> None:
    seen = apart.trial(relu(), "m", batches=[1, 2], repeats=3)
    assert seen.shapes == {"y": [1, 3, 4, 4]}
    assert seen.dtypes == {"y": "float32"}
    assert {b: len(t) for b, t in seen.times_ns.items()} == {1: 3, 2: 3}
    fixed = apart.trial(relu((1, 3, 4, 4)), "m", batches=[1, 2], repeats=3)
    assert list(fixed.times_ns) == [1]
    with pytest.raises(InputError, match=r"^m: is not an ONNX model"):
        apart.trial(b"nonsense", "m")


def filled(shape) -> tuple[list, dict]:
    return [node("Expand", ["x", "s"], ["big"])], {"s": np.array(shape)}


def test_a_hungry_model_ends_at_its_memory() -> None:
    nodes, constants = filled([30_000, 30_000])  # 3.6 GB
    data = net([*nodes, node("Relu", ["big"], ["y"])], [("x", [1])], ["y"], constants)
    limits = apart.Limits(memory_bytes=2**29)
    with pytest.raises(InputError, match=r"^m: needs more than 536,870,912 B of memory"):
        apart.trial(data, "m", limits=limits)


def test_an_endless_model_ends_at_its_time() -> None:
    nodes, constants = filled([2000, 2000])
    steps = [
        node("MatMul", ["big" if k == 0 else f"t{k}", "big"], [f"t{k + 1}"]) for k in range(900)
    ]
    data = net([*nodes, *steps], [("x", [1])], ["t900"], constants)
    with pytest.raises(InputError, match=r"^m: took more than 1 s of the processor"):
        apart.trial(data, "m", limits=apart.Limits(cpu_s=1))
    with pytest.raises(InputError, match=r"^m: took more than 0\.8 s;"):
        apart.trial(data, "m", limits=apart.Limits(wall_s=0.8))


def test_a_worker_that_crashes_is_an_error(monkeypatch) -> None:
    monkeypatch.setattr(apart.sys, "executable", "/bin/false")
    with pytest.raises(InputError, match="m: the process that ran it ended with code 1"):
        apart.trial(relu(), "m")
