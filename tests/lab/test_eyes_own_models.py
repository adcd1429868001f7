"""The detectors that come with the package, on scenes that they were not trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fleet
from fleet.lab.measures.accuracy import judged, matters
from fleet.lab.scenes.render import scene

detector = pytest.importorskip("fleet.lab.networks.detector", reason="no module runs models")
MODELS = Path(fleet.__file__).parent / "eyes" / "models"
SIDES = {"eye-small": (240, 320), "eye-large": (480, 640)}
MEMORY_B = 8_388_480  # of an IMX500, for weights and values


def present(name: str) -> str:
    if not (MODELS / f"{name}.onnx").is_file():
        pytest.skip(f"{name} is not in the package")
    return name


@pytest.mark.parametrize(("name", "most_b"), [("eye-small", 400_000), ("eye-large", 2_000_000)])
def test_files_are_small_and_say_what_they_take(name: str, most_b: int) -> None:
    assert (MODELS / f"{present(name)}.onnx").stat().st_size < most_b < MEMORY_B
    assert detector.load(name).side == SIDES[name]


@pytest.mark.parametrize("name", SIDES)
@pytest.mark.parametrize(
    ("view", "light", "least"),
    [("entrance", "day", 0.5), ("ceiling", "night", 0.5), ("shelf", "day", 0.6),
     ("street", "dusk", 0.25)],
)  # fmt: skip
def test_own_models_find_most_and_invent_little(
    name: str, view: str, light: str, least: float
) -> None:
    eye = detector.load(present(name))
    right = said = wanted = 0
    for seed in range(510_000, 510_005):
        frame = next(scene(view, light, seed=seed, frames=1, rate_fps=1.0).frames())
        assert frame.truth is not None
        found = eye.find([frame.pixels])[0]
        must = matters(frame.truth, frame.pixels.shape[0])
        verdict = judged(found, frame.truth.boxes, frame.truth.kinds, must)
        right += int((verdict.of >= 0).sum())
        said += int(verdict.counts.sum())
        wanted += int(must.sum())
    assert wanted > 5
    assert right / wanted > least
    assert right / max(said, 1) > 0.6


def test_an_empty_black_picture_has_nothing_in_it() -> None:
    for name in SIDES:
        if (MODELS / f"{name}.onnx").is_file():
            black = np.zeros((480, 640, 3), np.uint8)
            assert len(detector.load(name).find([black])[0].scores) == 0
