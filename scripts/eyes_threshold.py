"""The score from which a detection of a network counts: where precision and recall balance best."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from evaluate_eyes import LEAST_SCORE, Tally, merged, tally
from eyes_pictures import TUNING_SEED

from fleet.eyes.clip import LIGHTS, VIEWS
from fleet.lab.networks.detector import load
from fleet.lab.scenes.render import scene

SCENES, FRAMES = 6, 4
SCORES = tuple(k / 20 for k in range(3, 13))


def f1(one: Tally, score: float) -> float:
    """Return 2 P R / (P + R): twice the right ones over what is said and what is there."""
    said = one.scores >= score
    return 2 * float(one.right[said].sum()) / max(1, int(said.sum()) + int(one.wanted.sum()))


def balanced(path: Path) -> float:
    """Return the score with the best mean over views of F1; the lowest such.

    The scenes are neither trained on nor those of any table.
    """
    detector = load(path, LEAST_SCORE)
    tallies = {
        view: merged([
            tally(detector, [
                frame
                for n in range(SCENES)
                for frame in scene(
                    view, light, seed=TUNING_SEED + n, frames=FRAMES, rate_fps=0.3
                ).frames()
            ])["any"]
            for light in LIGHTS
        ])
        for view in VIEWS
    }  # fmt: skip
    means = [float(np.mean([f1(one, score) for one in tallies.values()])) for score in SCORES]
    for score, mean in zip(SCORES, means, strict=True):
        print(f"score {score:.2f}: F1 {mean:.3f}")
    return SCORES[int(np.argmax(means))]
