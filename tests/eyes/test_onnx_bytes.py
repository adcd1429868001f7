"""Model files that hide something: what the runtime sees is what was checked, and no more."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from eyes_nets import bright_spots, net, node, relu, value
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, load_from_string

from fleet.errors import InputError
from fleet.lab.convert import onnx_file
from fleet.lab.convert.onnx_schema import MESSAGES, model_class
from fleet.lab.costs import profile
from fleet.lab.networks import apart, detector
from fleet.lab.networks.session import Session

SECRET = [1.0, 2.0, 3.0, 4.0]


def varint(number: int, length: int = 0) -> bytes:
    """Return a number, in more bytes than it takes if a length is given."""
    out = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        if not number and len(out) + 1 >= length:
            return bytes([*out, low])
        out.append(low | 0x80)


def key(number: int, wire: int) -> bytes:
    return varint(number << 3 | wire)


def far(number: int, wire: int) -> bytes:
    """Return a key beyond 32 bits, of which the runtime keeps the lowest 32."""
    return varint((number << 3 | wire) + 2**32)


def padded(number: int, wire: int) -> bytes:
    return varint(number << 3 | wire, 5)


def field(key_of: bytes, content: bytes) -> bytes:
    return key_of + varint(len(content)) + content


def pair(name: str, text: str) -> bytes:
    return field(key(1, 2), name.encode()) + field(key(2, 2), text.encode())


def outside(data_key=far, place_key=far, place: bytes = b"\x01", name: bytes = b"w") -> bytes:
    """Return a tensor of four floats that lie in `secret.bin`."""
    entries = (("location", "secret.bin"), ("offset", "0"), ("length", "16"))
    return b"".join(
        [
            key(1, 0) + varint(4) + key(2, 0) + varint(1) + field(key(8, 2), name),
            *(field(data_key(13, 2), pair(*entry)) for entry in entries),
            place_key(14, 0) + place,
        ]
    )


def held(tensor: bytes) -> bytes:
    """Return a model that says what is in a tensor; what follows a model's bytes joins them."""
    base = net([node("Concat", ["x", "w"], ["y"], axis=0)], [("x", [4])], ["y"])
    return base + field(key(7, 2), field(key(5, 2), tensor))


def constant(attribute: bytes, key_of=key) -> bytes:
    """Return a model with a constant that has an attribute of some bytes."""
    base = net([node("Concat", ["x", "w"], ["y"], axis=0)], [("x", [4])], ["y"])
    made = field(key(2, 2), b"w") + field(key(4, 2), b"Constant")
    model = load_from_string(base)
    rest = model.graph.node[0].SerializeToString()
    del model.graph.node[:]
    nodes = field(key(1, 2), made + field(key_of(5, 2), attribute)) + field(key(1, 2), rest)
    return model.SerializeToString() + field(key(7, 2), nodes)


def attribute(number: int, content: bytes, kind: int, name: bytes = b"value", key_of=key) -> bytes:
    return field(key(1, 2), name) + field(key_of(number, 2), content) + key(20, 0) + varint(kind)


def branches() -> bytes:
    """Return a model with the secret in both branches of a choice, in attributes that hide."""
    branch = field(key(1, 2), field(key(1, 2), b"w") + field(key(2, 2), b"b") +
                   field(key(4, 2), b"Identity"))  # fmt: skip
    branch += field(key(2, 2), b"g") + field(key(5, 2), outside(key, key))
    branch += field(key(12, 2), value("b", [4]).SerializeToString())
    attributes = b"".join(
        field(far(5, 2), attribute(6, branch, 5, name)) for name in (b"then_branch", b"else_branch")
    )
    model = load_from_string(
        net([node("Cast", ["x"], ["c"], to=9), node("Relu", ["r"], ["y"])], [("x", [1])], ["y"])
    )
    cast, rest = (n.SerializeToString() for n in model.graph.node)
    del model.graph.node[:]
    choice = field(key(1, 2), b"c") + field(key(2, 2), b"r") + field(key(4, 2), b"If") + attributes
    nodes = b"".join(field(key(1, 2), n) for n in (cast, choice, rest))
    return model.SerializeToString() + field(key(7, 2), nodes)


TENSOR = 4  # the kind of an attribute
HIDDEN = {
    "a key beyond 32 bits": held(outside()),
    "such a key of the data alone": held(outside(place_key=key)),
    "such a key of the place alone": held(outside(data_key=key)),
    "keys in five bytes": held(outside(padded, padded)),
    "a place beyond 32 bits": held(outside(place_key=key, place=varint(2**32 + 1))),
    "a place in ten bytes": held(outside(place_key=key, place=varint(1, 10))),
    "in the open": held(outside(key, key)),
    "a constant": constant(attribute(5, outside(), TENSOR)),
    "an attribute": constant(attribute(5, outside(key, key), TENSOR), far),
    "the value of an attribute": constant(attribute(5, outside(key, key), TENSOR, key_of=far)),
    "branches of a choice": branches(),
}  # fmt: skip


def seen_by_the_runtime(data: bytes) -> list[float]:
    """Return what the runtime says of bytes that nobody has checked."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    shape = session.get_inputs()[0].shape
    return session.run(None, {"x": np.zeros(shape, np.float32)})[0].tolist()


@pytest.fixture
def beside_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("secret.bin").write_bytes(np.array(SECRET, np.float32).tobytes())


@pytest.mark.parametrize("data", HIDDEN.values(), ids=HIDDEN)
@pytest.mark.usefixtures("beside_a_secret")
def test_a_file_beside_is_not_read_however_it_is_named(data: bytes) -> None:
    assert seen_by_the_runtime(data)[-4:] == SECRET  # so much for bytes that nobody checks
    with pytest.raises(InputError, match=r"^m: ") as error:
        onnx_file.clean(data, "m")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("optimised", [True, False])
@pytest.mark.parametrize("data", HIDDEN.values(), ids=HIDDEN)
@pytest.mark.usefixtures("beside_a_secret")
def test_what_a_check_overlooks_finds_no_file(data: bytes, optimised: bool, monkeypatch) -> None:
    monkeypatch.setattr(onnx_file, "clean", lambda data, name: data)
    with pytest.raises(InputError, match="m: cannot be loaded"):
        Session(data, "m", optimised=optimised)


def test_a_domain_cannot_be_hidden() -> None:
    gelu = field(key(1, 2), b"x") + field(key(2, 2), b"y") + field(key(4, 2), b"Gelu")
    gelu += field(far(7, 2), b"com.microsoft")
    model = load_from_string(
        net([node("Relu", ["x"], ["y"])], [("x", [1])], ["y"],
            imports=[helper.make_opsetid("com.microsoft", 1)])
    )  # fmt: skip
    del model.graph.node[:]
    data = model.SerializeToString() + field(key(7, 2), field(key(1, 2), gelu))
    assert seen_by_the_runtime(data) == [0.0]
    with pytest.raises(InputError, match="is not an ONNX model, or is damaged"):
        onnx_file.clean(data, "m")


def test_operators_of_ones_own_cannot_be_hidden() -> None:
    inside = helper.make_function(
        "own",
        "Twice",
        ["a"],
        ["b"],
        [node("Add", ["a", "a"], ["b"])],
        [helper.make_opsetid("", 18)],
    )
    model = net([node("Twice", ["x"], ["y"], domain="own")], [("x", [1])], ["y"],
                imports=[helper.make_opsetid("own", 1)])  # fmt: skip
    for key_of in (key, far):
        data = model + field(key_of(25, 2), inside.SerializeToString())
        assert seen_by_the_runtime(data) == [0.0]
        for foreign in (False, True):
            with pytest.raises(InputError, match=r"own \(functions\)|is damaged"):
                onnx_file.clean(data, "m", foreign=foreign)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (key(2, 2) + varint(0, 2), "is damaged"),  # a length in two bytes
        (key(5, 0) + varint(7, 11), "is damaged"),
        (key(5, 0) + b"\xff" * 9 + b"\x02", "is damaged"),  # 65 bits
        (key(5, 0) + b"\x80" * 9 + b"\x01", ""),  # 64 bits, the least number
        (key(5, 3) + key(5, 4), "is damaged"),  # a group
        (key(0, 0) + b"\x01", "is damaged"),  # no field has this number
        (key(99, 0) + b"\x01", r"more than a network needs to run \(field 99 of a model\)"),
        (field(key(20, 2), b""), r"field 20 of a model\); export"),  # training
        (key(14, 0) + b"\x01", "a message is a number"),
        (key(2, 0) + b"\x01", "producer_name is no such value"),
        (key(5, 2) + b"\x01\x01", "model_version is no such value"),
        (field(key(2, 2), b"\xff"), "producer_name is not UTF-8 text"),
        (field(key(7, 2), field(key(5, 2), field(key(4, 2), b"\x00" * 3))), "is damaged"),
    ],
)
def test_what_readers_take_differently_is_refused(more: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words) if words else contextlib.nullcontext():
        onnx_file.clean(relu() + more, "m")


def test_what_stands_twice_is_joined_and_then_stands_once() -> None:
    model = load_from_string(relu())
    graph = model.graph.SerializeToString()
    model.ClearField("graph")
    split = model.SerializeToString() + field(key(7, 2), graph[:14]) + field(key(7, 2), graph[14:])
    cleaned = onnx_file.clean(split, "m")
    assert cleaned == onnx_file.clean(relu(), "m") != split
    assert load_from_string(cleaned) == load_from_string(relu())


@given(st.data())
def test_what_passes_says_the_same_to_every_reader(data: st.DataObject) -> None:
    whole = bytearray(bright_spots(stride=32, size=32))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        cleaned = onnx_file.clean(bytes(whole), "m")
    except InputError:
        return
    assert onnx_file.clean(cleaned, "m") == cleaned
    assert load_from_string(cleaned).SerializeToString(deterministic=True) == cleaned


def test_the_schema_is_that_of_onnx() -> None:
    """Of the fields that it has; those that are missing are refused."""
    missing = {}

    def compare(ours, theirs) -> None:
        numbers = {f.number: f for f in ours.fields}
        for other in theirs.fields:
            one = numbers.pop(other.number, None)
            if one is None:
                missing.setdefault(ours.name, set()).add(other.name)
                continue
            kinds = {one.TYPE_ENUM: one.TYPE_INT32}  # the same bytes
            assert (one.name, one.type) == (other.name, kinds.get(other.type, other.type))
            assert (one.is_repeated, one.is_packed) == (other.is_repeated, other.is_packed)
            assert (one.containing_oneof is None) == (other.containing_oneof is None), one.name
            if one.message_type is not None and one.message_type.full_name not in seen:
                seen.add(one.message_type.full_name)
                compare(one.message_type, other.message_type)
        assert not numbers

    seen: set[str] = set()
    compare(model_class().DESCRIPTOR, onnx.ModelProto.DESCRIPTOR)
    assert len(seen) == len(MESSAGES) - 1
    assert missing == {
        "model": {"training_info", "functions", "configuration"},
        "node": {"device_configurations"},
        "tensor": {"segment"},
        "type": {"map_type", "sparse_tensor_type", "opaque_type"},
    }


@pytest.fixture
def no_runtime_here(monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a stranger's model was loaded in this process")

    monkeypatch.setattr(onnxruntime, "InferenceSession", refuse)


@pytest.mark.usefixtures("no_runtime_here")
def test_a_model_of_a_stranger_is_never_loaded_here(tmp_path: Path) -> None:
    path = tmp_path / "spots.onnx"
    path.write_bytes(bright_spots())
    white = np.full((64, 64, 3), 255, np.uint8)
    assert len(detector.load(path).find([white])[0].scores) == 64
    pictures = [white, white // 2, white // 3, white]
    seen = profile.measure(bright_spots(), "spots", "spots.onnx", pictures=pictures, repeats=1)
    assert seen.effect is not None
    assert seen.int8_times


def test_a_worker_stands_where_no_file_is_and_knows_no_token(monkeypatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "of-the-cluster")
    network = apart.Apart(relu(), "m")
    about = Path("/proc") / str(network._worker._process.pid)
    assert (about / "cwd").readlink().name.endswith("(deleted)")
    assert b"of-the-cluster" not in (about / "environ").read_bytes()


def test_a_worker_ends_with_who_asked_it() -> None:
    network = apart.Apart(relu(), "m")
    process = network._worker._process
    assert process.poll() is None
    del network
    assert process.poll() is not None


def test_a_worker_ends_when_the_command_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(relu())
    code = (
        "import os, sys; from pathlib import Path; from fleet.lab.networks import apart;"
        "n = apart.Apart(Path(sys.argv[1]).read_bytes(), 'm');"
        "print(n._worker._process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True, check=False
    )
    until_s = time.monotonic() + 10
    while Path("/proc", done.stdout.strip()).exists():
        assert time.monotonic() < until_s
        time.sleep(0.05)


@pytest.mark.parametrize(
    "said",
    [
        b"\xff" * 64, b"\x00" * 8, (2).to_bytes(8, "big") + b"[]",
        (2).to_bytes(8, "big") + b"{}",
        b"%s%s" % ((21).to_bytes(8, "big"), json.dumps({"blocks": [2**40]}).encode()),
        b"%s%s" % ((14).to_bytes(8, "big"), json.dumps({"blocks": []}).encode()),
    ],
)  # fmt: skip
def test_a_worker_is_not_believed(said: bytes, tmp_path: Path, monkeypatch) -> None:
    """A model that has taken over its worker can say what it likes."""
    (tmp_path / "said").write_bytes(said)
    liar = tmp_path / "python"
    liar.write_text(f"#!/bin/sh\ncat {tmp_path}/said >&0\nexec sleep 60\n")
    liar.chmod(0o755)
    monkeypatch.setattr(apart.sys, "executable", str(liar))
    with pytest.raises(InputError, match=r"^m: the process that ran it"):
        apart.Apart(relu(), "m", limits=apart.Limits(wall_s=20))
