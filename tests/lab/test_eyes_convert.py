"""Networks of other formats become ONNX models that compute the same."""

from __future__ import annotations

import base64
import contextlib
import json

import flatbuffers
import numpy as np
import pytest
import tflite
from onnx import load_from_string

from fleet.errors import InputError
from fleet.lab.convert import tfjs
from fleet.lab.convert import tflite as own
from fleet.lab.convert.onnx_writer import same_padding
from fleet.lab.fetch import assets
from fleet.lab.networks.session import Session

RNG = np.random.default_rng(5)


def numbers(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def convolved(x, w, bias, strides, pads, dilation=1):
    """Convolve (n, h, w, c) with (kh, kw, in, out), as plainly as can be."""
    x = np.pad(x, [(0, 0), *pads, (0, 0)])
    kh, kw = ((k - 1) * dilation + 1 for k in w.shape[:2])
    rows = range(0, x.shape[1] - kh + 1, strides[0])
    columns = range(0, x.shape[2] - kw + 1, strides[1])
    out = np.empty((len(x), len(rows), len(columns), w.shape[3]))
    for i, r in enumerate(rows):
        for j, c in enumerate(columns):
            part = x[:, r : r + kh : dilation, c : c + kw : dilation]
            out[:, i, j] = np.tensordot(part, w, 3)
    return out + bias


def depthwise(x, w, bias, strides, pads):
    """The same for each channel alone; weights (kh, kw, channels)."""
    parts = [
        convolved(x[..., c : c + 1], w[:, :, c, None, None], 0, strides, pads)
        for c in range(w.shape[2])
    ]
    return np.concatenate(parts, axis=3) + bias


# --- TensorFlow Lite ---


class Lite:
    """Writes a `.tflite` file of a few operators."""

    def __init__(self) -> None:
        self.b = flatbuffers.Builder(0)
        self.buffers, self.tensors, self.codes, self.operators = [b""], [], [], []

    def tensor(self, name, shape, data=None, kind=tflite.TensorType.FLOAT32) -> int:
        self.buffers += [] if data is None else [data.tobytes()]
        at = 0 if data is None else len(self.buffers) - 1
        self.tensors.append((name, shape, at, kind))
        return len(self.tensors) - 1

    def operator(self, code, inputs, output, kind=None, **options) -> None:
        if code not in self.codes:
            self.codes.append(code)
        self.operators.append((self.codes.index(code), inputs, output, kind, options))

    def _ints(self, start, values) -> int:
        start(self.b, len(values))
        for v in reversed(values):
            self.b.PrependInt32(v)
        return self.b.EndVector()

    def _tables(self, start, offsets) -> int:
        start(self.b, len(offsets))
        for o in reversed(offsets):
            self.b.PrependUOffsetTRelative(o)
        return self.b.EndVector()

    def _options(self, kind, options) -> int:
        getattr(tflite, f"{kind}Start")(self.b)
        for key, v in options.items():
            getattr(tflite, f"{kind}Add{key}")(self.b, v)
        return getattr(tflite, f"{kind}End")(self.b)

    def finish(self, inputs, outputs) -> bytes:
        b, buffers, tensors, operators, codes = self.b, [], [], [], []
        for data in self.buffers:
            at = b.CreateByteVector(data) if data else None
            tflite.BufferStart(b)
            if at is not None:
                tflite.BufferAddData(b, at)
            buffers.append(tflite.BufferEnd(b))
        for name, shape, buffer, kind in self.tensors:
            text, sizes = b.CreateString(name), self._ints(tflite.TensorStartShapeVector, shape)
            tflite.TensorStart(b)
            tflite.TensorAddName(b, text)
            tflite.TensorAddShape(b, sizes)
            tflite.TensorAddBuffer(b, buffer)
            tflite.TensorAddType(b, kind)
            tensors.append(tflite.TensorEnd(b))
        for code, ins, out, kind, options in self.operators:
            ins_at = self._ints(tflite.OperatorStartInputsVector, ins)
            outs_at = self._ints(tflite.OperatorStartOutputsVector, [out])
            made = None if kind is None else self._options(kind, options)
            tflite.OperatorStart(b)
            tflite.OperatorAddOpcodeIndex(b, code)
            tflite.OperatorAddInputs(b, ins_at)
            tflite.OperatorAddOutputs(b, outs_at)
            if made is not None:
                tflite.OperatorAddBuiltinOptions(b, made)
            operators.append(tflite.OperatorEnd(b))
        for code in self.codes:
            tflite.OperatorCodeStart(b)
            tflite.OperatorCodeAddDeprecatedBuiltinCode(b, code)
            tflite.OperatorCodeAddBuiltinCode(b, code)
            codes.append(tflite.OperatorCodeEnd(b))
        vectors = [
            self._tables(tflite.SubGraphStartTensorsVector, tensors),
            self._ints(tflite.SubGraphStartInputsVector, inputs),
            self._ints(tflite.SubGraphStartOutputsVector, outputs),
            self._tables(tflite.SubGraphStartOperatorsVector, operators),
        ]
        tflite.SubGraphStart(b)
        for part, at in zip(("Tensors", "Inputs", "Outputs", "Operators"), vectors, strict=True):
            getattr(tflite, f"SubGraphAdd{part}")(b, at)
        graph = tflite.SubGraphEnd(b)
        graphs = self._tables(tflite.ModelStartSubgraphsVector, [graph])
        codes_at = self._tables(tflite.ModelStartOperatorCodesVector, codes)
        buffers_at = self._tables(tflite.ModelStartBuffersVector, buffers)
        tflite.ModelStart(b)
        tflite.ModelAddVersion(b, 3)
        tflite.ModelAddSubgraphs(b, graphs)
        tflite.ModelAddOperatorCodes(b, codes_at)
        tflite.ModelAddBuffers(b, buffers_at)
        b.Finish(tflite.ModelEnd(b), file_identifier=b"TFL3")
        return bytes(b.Output())


def lite_network() -> tuple[bytes, np.ndarray, np.ndarray]:
    """Return a file with every operator that is known, an input, and what comes out."""
    codes, lite = tflite.BuiltinOperator, Lite()
    w1, b1 = numbers(4, 3, 3, 2).astype(np.float16), numbers(4)
    w2, b2 = numbers(1, 3, 3, 4), numbers(4)
    x = lite.tensor("picture", [1, 7, 10, 2])
    half = lite.tensor("w1 half", [4, 3, 3, 2], w1, tflite.TensorType.FLOAT16)
    full = lite.tensor("w1", [4, 3, 3, 2])
    bias1, bias2 = lite.tensor("b1", [4], b1), lite.tensor("b2", [4], b2)
    kernel2 = lite.tensor("w2", [1, 3, 3, 4], w2)
    a, b, c = (lite.tensor(n, [1, 4, 5, 4]) for n in "abc")
    flat = lite.tensor("flat", [1, 20, 4])
    both = lite.tensor("both", [1, 40, 4])
    lite.operator(codes.DEQUANTIZE, [half], full)
    lite.operator(
        codes.CONV_2D, [x, full, bias1], a, "Conv2DOptions", Padding=0, StrideH=2, StrideW=2,
        FusedActivationFunction=3,
    )  # fmt: skip
    lite.operator(
        codes.DEPTHWISE_CONV_2D, [a, kernel2, bias2], b, "DepthwiseConv2DOptions", Padding=0,
        StrideH=1, StrideW=1, DepthMultiplier=1, FusedActivationFunction=1,
    )  # fmt: skip
    lite.operator(codes.ADD, [a, b], c, "AddOptions")
    lite.operator(codes.RESHAPE, [c], flat, "ReshapeOptions")
    lite.operator(codes.CONCATENATION, [flat, flat], both, "ConcatenationOptions", Axis=1)
    given = numbers(1, 7, 10, 2)
    first = convolved(
        given, w1.astype(np.float32).transpose(1, 2, 3, 0), b1, (2, 2), [(1, 1), (0, 1)]
    )
    first = first.clip(0, 6)
    second = np.maximum(depthwise(first, w2[0], b2, (1, 1), [(1, 1), (1, 1)]), 0)
    out = (first + second).reshape(1, 20, 4)
    return lite.finish([x], [both]), given, np.concatenate([out, out], axis=1)


def test_tflite_operators_compute_what_they_should() -> None:
    data, given, wanted = lite_network()
    ready = Session(own.convert(data, "net.tflite", {"family": "ssd"}), "net")
    assert ready.metadata == {"family": "ssd"}
    assert [p.name for p in (*ready.inputs, *ready.outputs)] == ["picture", "both"]
    assert ready.run(given)[0] == pytest.approx(wanted, abs=1e-4)
    twice = ready.run(np.concatenate([given, 2 * given]))[0]
    assert twice[0] == pytest.approx(wanted[0], abs=1e-4)
    assert twice.shape == (2, 40, 4)


def test_tflite_axes_are_moved_only_where_shapes_change() -> None:
    data, _, _ = lite_network()
    graph = load_from_string(own.convert(data, "net.tflite", {})).graph
    assert [n.op_type for n in graph.node].count("Transpose") == 2


def test_same_padding() -> None:
    assert same_padding(7, 3, 2) == (1, 1)
    assert same_padding(10, 3, 2) == (0, 1)
    assert same_padding(10, 3, 1, 2) == (2, 2)
    assert same_padding(10, 1, 2) == (0, 0)


def test_tflite_refuses_what_it_does_not_know() -> None:
    lite = Lite()
    x, y = lite.tensor("x", [1, 2]), lite.tensor("y", [1, 2])
    lite.operator(tflite.BuiltinOperator.TANH, [x], y)
    with pytest.raises(InputError, match="net: operator TANH is not known here; known: DEQUANTIZE"):
        own.convert(lite.finish([x], [y]), "net", {})
    lite = Lite()
    x = lite.tensor("x", [1, 2])
    lite.tensor("w", [2], np.ones(2, np.int8), tflite.TensorType.INT8)
    with pytest.raises(InputError, match="tensor 'w' is of type 9"):
        own.convert(lite.finish([x], [x]), "net", {})
    with pytest.raises(InputError, match="net: is not a TensorFlow Lite file"):
        own.convert(b"something else", "net", {})


def test_damaged_tflite_files_are_refused() -> None:
    data, _, _ = lite_network()
    places = np.random.default_rng(2)
    for length in range(8, len(data), 97):
        with pytest.raises(InputError, match=r"^net"):
            own.convert(data[:length], "net", {})
    for _ in range(60):
        broken = bytearray(data)
        for at in places.integers(8, len(data), 3):
            broken[at] = 255
        with contextlib.suppress(InputError):
            own.convert(bytes(broken), "net", {})


# --- TensorFlow.js ---


def text(word: str) -> dict:
    return {"s": base64.b64encode(word.encode()).decode()}


def ints(*values: int) -> dict:
    return {"list": {"i": [str(v) for v in values]}}


WINDOW = {"padding": text("VALID"), "data_format": text("NHWC")}


class Web:
    """Writes a TensorFlow.js graph model."""

    def __init__(self) -> None:
        self.nodes, self.weights, self.data = [], [], b""

    def constant(self, name, array, half=False) -> str:
        array = np.asarray(array)
        kind = "int32" if array.dtype.kind == "i" else "float32"
        told = {"name": name, "shape": list(array.shape), "dtype": kind}
        if half:
            told["quantization"] = {"dtype": "float16", "original_dtype": "float32"}
        self.weights.append(told)
        self.data += array.astype("<f2" if half else "<i4" if kind == "int32" else "<f4").tobytes()
        self.nodes.append({"name": name, "op": "Const"})
        return name

    def node(self, op, name, inputs=(), **attributes) -> str:
        self.nodes.append({"name": name, "op": op, "input": list(inputs), "attr": attributes})
        return name

    def picture(self, *shape) -> str:
        sizes = {"dim": [{"size": str(s)} for s in shape]}
        return self.node("Placeholder", "x", shape={"shape": sizes})

    def topology(self, *outputs) -> bytes:
        model = {
            "modelTopology": {"node": self.nodes},
            "weightsManifest": [{"paths": ["a.bin", "b.bin"], "weights": self.weights}],
            "signature": {"outputs": {f"{o}:0": {"name": f"{o}:0"} for o in outputs}},
        }
        return json.dumps(model).encode()

    def shards(self) -> dict[str, bytes]:
        return {"a.bin": self.data[:10], "b.bin": self.data[10:]}

    def convert(self, *outputs) -> bytes:
        return tfjs.convert(self.topology(*outputs), self.shards(), "net.json", {})


def web_network() -> tuple[Web, np.ndarray, dict[str, np.ndarray]]:
    """Return a network with every operator that is known, an input, and what comes out."""
    web, w, bias = Web(), numbers(3, 3, 2, 4), numbers(4)
    x = web.picture(1, 2, 8, 6)
    around = web.constant("around", [[0, 0], [0, 0], [1, 1], [1, 1]])
    web.node("Pad", "padded", [x, around])
    web.node("Transpose", "last", ["padded", web.constant("nhwc", [0, 2, 3, 1])])
    web.constant("w", w, half=True)
    web.node(
        "Conv2D",
        "conv",
        ["last", "w"],
        strides=ints(1, 2, 1, 1),
        dilations=ints(1, 1, 1, 1),
        **WINDOW,
    )
    web.node("Add", "biased", ["conv", web.constant("bias", bias)])
    web.node("Transpose", "first", ["biased", web.constant("nchw", [0, 3, 1, 2])])
    web.node("LeakyRelu", "leaky", ["first"], alpha={"f": 0.1})
    web.node("PadV2", "low", ["leaky", "around", web.constant("least", np.float32(-np.inf))])
    web.node("Transpose", "low last", ["low", "nhwc"])
    web.node(
        "MaxPool", "pool", ["low last"], ksize=ints(1, 3, 3, 1), strides=ints(1, 1, 1, 1), **WINDOW
    )
    web.node("Transpose", "pooled", ["pool", "nchw"])
    web.node("ConcatV2", "wide", ["pooled", "leaky", web.constant("axis", 1)])
    web.node("Add", "sum", ["pooled", "leaky"])
    web.node("SplitV", "split", ["wide", web.constant("parts", [3, 5]), "axis"])
    web.node("Sigmoid", "sure", ["split"])
    dense = [web.constant("at", np.empty((0, 1), np.int32)), web.constant("size", [3])]
    dense += [web.constant("given", np.empty(0, np.int32)), web.constant("else", 0)]
    web.node("SparseToDense", "dense", dense)
    web.node("AddV2", "shape", [web.constant("sizes", [1, 3, -1]), "dense"])
    web.node("Reshape", "flat", ["sure", "shape"])
    web.node("Transpose", "turned", ["flat", web.constant("021", [0, 2, 1])])
    web.node("Identity", "scores", ["turned"])
    web.node("Transpose", "rest last", ["split:1", "nhwc"])
    size = web.constant("larger", [8, 12])
    web.node("ResizeBilinear", "large", ["rest last", size], half_pixel_centers={"b": True})
    web.node("AddV2", "out", ["large", web.constant("shift", np.arange(5, dtype=np.float32))])

    given = numbers(1, 2, 8, 6)
    half = w.astype(np.float16).astype(np.float32)
    conv = convolved(given.transpose(0, 2, 3, 1), half, bias, (2, 1), [(1, 1), (1, 1)])
    leaky = np.where(conv > 0, conv, 0.1 * conv)
    lowest = np.pad(leaky, [(0, 0), (1, 1), (1, 1), (0, 0)], constant_values=-np.inf)
    moved = [lowest[:, r : r + 4, c : c + 6] for r in range(3) for c in range(3)]
    pooled = np.maximum.reduce(moved)
    wide = np.concatenate([pooled, leaky], axis=3)
    sure = 1 / (1 + np.exp(-wide[..., :3]))
    rest = wide[..., 3:]
    for axis in (1, 2):
        rest = doubled(rest, axis)
    wanted = {
        "scores": sure.reshape(1, -1, 3),
        "out": rest + np.arange(5),
        "sum": (pooled + leaky).transpose(0, 3, 1, 2),
    }
    return web, given, wanted


def doubled(x: np.ndarray, axis: int) -> np.ndarray:
    """Interpolate to twice the size: new middles lie a quarter of a px beside the old ones."""
    at = np.clip((np.arange(2 * x.shape[axis]) + 0.5) / 2 - 0.5, 0, x.shape[axis] - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, x.shape[axis] - 1)
    share = (at - low).reshape([-1 if k == axis else 1 for k in range(x.ndim)])
    return np.take(x, low, axis) * (1 - share) + np.take(x, high, axis) * share


def test_tfjs_operators_compute_what_they_should() -> None:
    web, given, wanted = web_network()
    ready = Session(web.convert(*wanted), "net")
    found = dict(zip([p.name for p in ready.outputs], ready.run(given), strict=True))
    assert set(found) == set(wanted)
    for name, array in wanted.items():
        assert found[name] == pytest.approx(array, abs=1e-4), name
    assert ready.run(np.concatenate([given, given]))[0].shape[0] == 2


def test_tfjs_writes_no_operator_that_cancels_out() -> None:
    web, _, wanted = web_network()
    kinds = [n.op_type for n in load_from_string(web.convert(*wanted)).graph.node]
    assert "Pad" not in kinds
    assert kinds.count("Transpose") == 2  # of the scores, and of the large picture
    assert kinds.count("Add") == 2  # the bias went into the convolution


def test_tfjs_a_bias_stays_apart_if_the_convolution_is_read_twice() -> None:
    web = Web()
    web.picture(1, 4, 4, 2)
    web.constant("w", numbers(1, 1, 2, 2))
    web.node("Conv2D", "conv", ["x", "w"], strides=ints(1, 1, 1, 1), **WINDOW)
    web.node("Add", "a", ["conv", web.constant("b", numbers(2))])
    web.node("Add", "both", ["a", "conv"])
    ready = Session(web.convert("both", "a"), "net")
    given = numbers(1, 4, 4, 2)
    a, both = ready.run(given)
    shift = np.frombuffer(web.data[-8:], "<f4")
    assert both == pytest.approx(2 * a - shift, abs=1e-5)


def test_tfjs_refuses_what_it_does_not_know() -> None:
    def refused(web: Web, words: str) -> None:
        with pytest.raises(InputError, match=words):
            web.convert("y")

    web = Web()
    web.picture(1, 4, 4, 2)
    web.node("Erf", "y", ["x"])
    refused(web, r"net\.json: operator Erf \('y'\) is not known here; known: Placeholder")
    web = Web()
    web.picture(1, 4, 4, 2)
    web.constant("w", numbers(3, 3, 2, 2))
    same = WINDOW | {"padding": text("SAME")}
    web.node("Conv2D", "y", ["x", "w"], strides=ints(1, 1, 1, 1), **same)
    refused(web, "Conv2D 'y' is SAME, NHWC; known here is VALID, NHWC")
    web = Web()
    web.picture(1, 4, 4, 2)
    web.node("ResizeBilinear", "y", ["x", web.constant("s", [8, 8])])
    refused(web, "half_pixel_centers only")
    web = Web()
    web.node("Identity", "y", ["z"])
    web.node("Identity", "z", ["y"])
    refused(web, "reads its own output")
    web = Web()
    web.picture(1, 4)
    web.node("Reshape", "y", ["x", "x"])
    refused(web, "Reshape 'y' needs a constant as input 1")


def test_damaged_tfjs_files_are_refused() -> None:
    web, _, wanted = web_network()
    topology, shards = web.topology(*wanted), web.shards()
    broken = {
        b"": shards, b"[]": shards, b"{}": shards, topology[:-20]: shards, b"[" * 100_000: shards,
        topology.replace(b'"Add"', b'"Pad"'): shards, topology.replace(b"conv", b"c0nv", 1): shards,
        topology.replace(b"[3, 3, 2, 4]", b"[3, 3, 2, 99]"): shards,
        topology.replace(b"[3, 3, 2, 4]", b"[-3, 3, 2, 4]"): shards,
        topology + b" ": {"a.bin": b""},
    }  # fmt: skip
    for data, files in broken.items():
        with pytest.raises(InputError, match=r"^net\.json"):
            tfjs.convert(data, files, "net.json", {})


# --- Real networks, if they are here ---


@pytest.fixture(scope="module")
def street() -> list[np.ndarray]:
    """Return every 30th frame of a real clip."""
    av = pytest.importorskip("av")
    try:
        path = assets.path("vtest", "vtest.avi")
    except InputError as error:
        pytest.skip(str(error))
    with av.open(str(path)) as clip:
        return [
            f.to_ndarray(format="rgb24") for k, f in enumerate(clip.decode(video=0)) if k % 30 == 0
        ]


@pytest.mark.parametrize(
    ("name", "people", "vehicles"), [("ssd", 6.8, 2), ("nanodet", 6.2, 2), ("yolox", 6.7, 2)]
)
def test_fetched_networks_find_people(street, name: str, people: float, vehicles: float) -> None:
    """As many as when they were run by other converters and decoders, and both parked cars."""
    from fleet.lab.networks import detector

    if not assets.here(assets.known(name)):
        pytest.skip(f"'{name}' is not here; fetch it: fleet eyes fetch {name}")
    found = detector.load(name).find(street)
    assert np.mean([(f.kinds == 0).sum() for f in found]) == pytest.approx(people, abs=0.15)
    assert np.mean([(f.kinds == 1).sum() for f in found]) == pytest.approx(vehicles, abs=0.2)
