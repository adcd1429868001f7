"""The score from which a detection of a network counts: where precision and recall balance best."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from evaluate_eyes import LEAST_SCORE, merged, tally
from eyes_pictures import TUNING_SEED

from fleet.eyes.accuracy import precision_recall
from fleet.eyes.clip import LIGHTS, VIEWS
from fleet.eyes.detector import load
from fleet.eyes.render import scene

SCENES, FRAMES = 6, 4
SCORES = tuple(k / 20 for k in range(3, 13))


def balanced(path: Path) -> float:
    """Return the score with the best mean over views of F1, 2 P R / (P + R); the lowest such.

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
    means = []
    for score in SCORES:
        shares = [
            precision_recall(one.scores, one.right, int(one.wanted.sum()), score)
            for one in tallies.values()
        ]
        means.append(np.mean([2 * p * r / max(p + r, 1e-9) for p, r in shares]))
    for score, mean in zip(SCORES, means, strict=True):
        print(f"score {score:.2f}: F1 {mean:.3f}")
    return SCORES[int(np.argmax(means))]
