"""From pictures to detections: resizing, and what networks of each family say."""

from __future__ import annotations

import sys
from fractions import Fraction

import numpy as np
import pytest
from eyes_nets import bright_spots, net, node, relu

from fleet.errors import InputError
from fleet.eyes.boxes import PERSON, VEHICLE, Detections
from fleet.lab.convert import tflite
from fleet.lab.convert.onnx_writer import onnx_package
from fleet.lab.networks import detector, families
from fleet.lab.networks.detector import Detector
from fleet.lab.networks.picture import fitted, in_picture, scale_of
from fleet.lab.networks.session import Session


def area_mean(pixels: np.ndarray, size: tuple[int, int], at: tuple[int, int, int]) -> int:
    """Return one new pixel, from exact overlaps."""

    def shares(old: int, new: int, k: int) -> list[Fraction]:
        low, high = Fraction(k * old, new), Fraction((k + 1) * old, new)
        return [max(Fraction(0), min(high, j + 1) - max(low, j)) for j in range(old)]

    y, x, colour = at
    rows, columns = shares(pixels.shape[0], size[0], y), shares(pixels.shape[1], size[1], x)
    total = sum(
        r * c * int(pixels[v, u, colour]) for v, r in enumerate(rows) for u, c in enumerate(columns)
    )
    return int(total / (sum(rows) * sum(columns)) + Fraction(1, 2))


@pytest.mark.parametrize("shape", [(9, 13), (30, 7), (5, 5), (2, 3), (12, 16)])
def test_a_pixel_is_the_mean_of_the_area_that_it_covers(shape) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (*shape, 3)).astype(np.uint8)
    side = (6, 8)
    small = fitted(pixels, side)
    scale = scale_of(shape, side)
    rows, columns = round(shape[0] * scale), round(shape[1] * scale)
    assert not small[rows:].any()
    assert not small[:, columns:].any()
    for y in range(rows):
        for x in range(columns):
            assert small[y, x, y % 3] == area_mean(pixels, (rows, columns), (y, x, y % 3))


def test_a_picture_of_the_right_size_stays_as_it_is() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    assert np.array_equal(fitted(pixels, (6, 8)), pixels)


def test_boxes_come_back_to_the_picture() -> None:
    boxes = np.array([[10, 20, 30, 40], [90, 0, 200, 10], [130, 0, 140, 10]], np.float32)
    found = Detections(boxes, np.ones(3, np.float32), np.zeros(3, np.int8))
    back = in_picture(found, 0.5, (100, 240, 3))
    assert back.boxes.tolist() == [[20, 40, 60, 80], [180, 0, 240, 20]]


def spotted(*places: tuple[int, int], shape=(128, 128)) -> np.ndarray:
    """Return a black picture with white squares of 16 px at (x, y)."""
    pixels = np.zeros((*shape, 3), np.uint8)
    for x, y in places:
        pixels[y : y + 16, x : x + 16] = 255
    return pixels


def test_a_detector_finds_what_is_there() -> None:
    spots = Detector(bright_spots(), "spots")
    assert spots.side == (64, 64)
    first, second, third = spots.find(
        [spotted((32, 64)), spotted(), spotted((0, 0), (48, 16), shape=(64, 128))]
    )
    assert first.boxes.tolist() == [[32, 64, 48, 80]]
    assert first.kinds.tolist() == [PERSON]
    assert first.scores == pytest.approx(1 / (1 + np.exp(-5)), abs=1e-5)
    assert len(second.scores) == 0
    assert sorted(third.boxes.tolist()) == [[0, 0, 16, 16], [48, 16, 64, 32]]


def test_pictures_are_judged_alike_alone_and_together() -> None:
    spots = Detector(bright_spots(), "spots", threshold=0.01)
    pictures = [spotted((16 * k % 96, 32), (64, 5 * k)) for k in range(11)]
    together = spots.find(pictures)
    for picture, found in zip(pictures, together, strict=True):
        alone = spots.find([picture])[0]
        assert np.array_equal(alone.boxes, found.boxes)
        assert np.array_equal(alone.scores, found.scores)


def test_models_that_are_no_detectors() -> None:
    def refused(data: bytes, words: str) -> None:
        with pytest.raises(InputError, match=words):
            Detector(data, "m")

    refused(relu(), "m: family '' in the model's metadata is not one of grid, ssd, nanodet, yolox")

    def made(**metadata: str) -> bytes:
        tensors = [("x", [1, 3, 8, 8])]
        return net([node("Relu", ["x"], ["scores"])], tensors, ["scores"], metadata=metadata)

    refused(made(family="grid", threshold="0.5", stride="8"), "m: has no output 'distances'")
    refused(made(family="nanodet", classes="0:person"), r"classes '0:person' must be pairs|outputs")
    refused(made(family="yolox", classes="0:person"), r"a 'yolox' gives \(1, 5 and classes\)")
    refused(made(family="ssd"), "takes one picture of red, green and blue on axis 3")
    flat = net([node("Relu", ["x"], ["y"])], [("x", [1, 9])], ["y"], metadata={"family": "grid"})
    refused(flat, "takes one picture")


def test_numbers_and_classes_in_metadata() -> None:
    def session(**metadata: str) -> Session:
        data = net([node("Relu", ["x"], ["y"])], [("x", [1])], ["y"], metadata=metadata)
        return Session(data, "m")

    assert families.number(session(stride="8"), "stride") == 8
    for wrong in ("", "x", "0", "-1", "inf", "nan"):
        with pytest.raises(InputError, match="m: metadata 'stride' is"):
            families.number(session(stride=wrong), "stride")
    kinds = families.classes(session(classes="1:person,3:vehicle"), 5)
    assert kinds.tolist() == [-1, PERSON, -1, VEHICLE, -1]
    for wrong in ("", "5:person", "1:cat", "person", "-1:person"):
        with pytest.raises(InputError, match="m: classes"):
            families.classes(session(classes=wrong), 5)


def test_anchors_of_an_ssd() -> None:
    anchors = families.anchors()
    assert anchors.shape == (19 * 19 * 3 + 6 * (100 + 25 + 9 + 4 + 1), 4)
    half = 0.5 / 19
    assert anchors[0] == pytest.approx([half, half, 0.1, 0.1])
    assert anchors[1] == pytest.approx([half, half, 0.2 / 2**0.5, 0.2 * 2**0.5])
    assert anchors[3] == pytest.approx([half, 3 * half, 0.1, 0.1])  # rows of cells from the left
    assert anchors[-1] == pytest.approx([0.5, 0.5, 0.95**0.5, 0.95**0.5])


def test_an_ssd_is_decoded() -> None:
    """Anchor 3 · 19 · 9 + 3 · 9 is a square of a tenth in the middle of the picture."""
    at, count = 3 * 19 * 9 + 3 * 9, len(families.anchors())
    boxes, scores = np.zeros((1, count, 4), np.float32), np.full((1, count, 3), -9, np.float32)
    boxes[0, at] = [10 * 0.5, 0, 0, 5 * np.log(2)]  # half a height down, twice as wide
    scores[0, at] = [9, -1, 2]  # the background does not count
    scores[0, 0] = [0, 3, 0]  # a class of no kind
    data = net(
        [
            node("Flatten", ["x"], ["flat"]),
            node("ReduceSum", ["flat"], ["sum"]),
            node("Mul", ["sum", "none"], ["zero"]),
            node("Add", ["boxes", "zero"], ["b"]),
            node("Add", ["scores", "zero"], ["s"]),
        ],
        [("x", [1, 300, 300, 3])],
        ["b", "s"],
        {"boxes": boxes, "scores": scores, "none": np.float32(0)},
        {"family": "ssd", "classes": "2:vehicle", "threshold": "0.5"},
    )
    found = Detector(data, "ssd").find([np.zeros((300, 300, 3), np.uint8)])[0]
    assert found.kinds.tolist() == [VEHICLE]
    assert found.scores == pytest.approx([1 / (1 + np.exp(-2))])
    assert found.boxes[0] == pytest.approx([120, 150, 180, 180], abs=1e-3)


def test_a_yolox_is_decoded() -> None:
    """Cell (row 1, column 2) of the second grid, whose cells are 16 px wide: 16 + 2 · 4 cells."""
    at, count = 64 + 1 * 4 + 2, 64 + 16 + 4
    said = np.zeros((1, count, 5 + 3), np.float32)
    said[0, at] = [0.25, 0.5, np.log(2), np.log(3), 0.8, 0.1, 0.2, 0.9]
    said[0, 0] = [0, 0, 0, 0, 0.9, 0, 1, 0]  # a class of no kind
    said[0, 1] = [0, 0, 0, 0, 0.5, 0, 0, 0.9]  # perhaps no object
    data = net(
        [
            node("Flatten", ["x"], ["flat"]),
            node("ReduceSum", ["flat"], ["sum"]),
            node("Mul", ["sum", "none"], ["zero"]),
            node("Add", ["said", "zero"], ["y"]),
        ],
        [("x", [1, 3, 64, 64])],
        ["y"],
        {"said": said, "none": np.float32(0)},
        {"family": "yolox", "classes": "2:vehicle", "threshold": "0.5"},
    )
    cells = Detector(data, "yolox")
    found = cells.find([np.zeros((64, 64, 3), np.uint8)])[0]
    assert found.kinds.tolist() == [VEHICLE]
    assert found.scores == pytest.approx([0.8 * 0.9])
    middle, sides = np.array([16 * 2.25, 16 * 1.5]), np.array([32, 48])
    assert found.boxes[0] == pytest.approx([*middle - sides / 2, *middle + sides / 2], abs=1e-4)
    shown = np.zeros((64, 64, 3), np.uint8)
    shown[0, 0] = [1, 2, 3]
    assert cells.tensor([shown])[0, :, 0, 0].tolist() == [3, 2, 1]  # blue first, as it is


def test_a_model_is_loaded_by_name_or_file(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("FLEET_CACHE", str(tmp_path))
    path = tmp_path / "spots.onnx"
    path.write_bytes(bright_spots())
    assert detector.load(path).side == (64, 64)
    with pytest.raises(
        InputError, match=r"there is no model 'nothing'; name one of .*ssd, nanodet"
    ):
        detector.load("nothing")
    with pytest.raises(InputError, match="'ssd' is not here yet; fetch it: fleet eyes fetch ssd"):
        detector.load("ssd")
    path.write_bytes(bright_spots()[:-9])
    with pytest.raises(InputError, match="cut short"):
        detector.load(path)


@pytest.mark.parametrize("name", ["my net.onnx", "ssd.onnx", "eye-small.onnx", " .onnx"])
def test_names_that_a_network_of_a_user_cannot_have(name: str, tmp_path) -> None:
    """Traces and the row `eye` name it, with blanks between networks."""
    with pytest.raises(InputError, match="must have no blanks and not be one of eye-large"):
        detector.load(tmp_path / name)
    assert detector.own_name(tmp_path / "mine-2.onnx") == "mine-2"


def test_a_detector_needs_no_more_than_the_runtime(monkeypatch) -> None:
    data = bright_spots()
    for package in ("onnx", "tflite", "av"):
        monkeypatch.setitem(sys.modules, package, None)
    assert len(Detector(data, "spots").find([spotted((32, 64))])[0].scores) == 1
    with pytest.raises(InputError, match=r"'onnx': pip install 'sensor-fleet\[eyes\]'"):
        onnx_package()
    with pytest.raises(InputError, match=r"'tflite': pip install 'sensor-fleet\[eyes\]'"):
        tflite.convert(b"....TFL3", "net", {})


def test_packaged_models_are_found_by_name() -> None:
    for name in detector.packaged():
        found = detector.load(name).find([np.full((48, 64, 3), 90, np.uint8)])
        assert len(found) == 1
