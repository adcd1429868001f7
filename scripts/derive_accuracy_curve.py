"""Measure what the large network still finds as codecs send less, in every light.

Run it as ``python scripts/derive_accuracy_curve.py``; it needs ``pip install -e '.[eyes]'`` and
takes about an hour on one core. The scenes are rendered, and no network was trained on them. All
frames are encoded; every fifth is judged, since frames in a row are much alike. Each light has the
same scenes. The row `raw` of the same network is what no codec leaves to be desired, and that of
the small network what the sensor itself would find.

`results/eyes/accuracy_bitrate_fetched.csv` is the same of the two fetched networks: ``--small ssd
--large nanodet --view street --view entrance``, ``--codec`` h264-crf23, 28, 33, 38 and 44.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from eyes_pictures import HELD_OUT
from registry import ROOT, write_table

from fleet.eyes.clip import LIGHTS, VIEWS, Clip, Frame
from fleet.lab.measures.codec import RAW, Setting, setting
from fleet.lab.measures.curve import RESAMPLES, Estimate, Marks, Point, mark, point
from fleet.lab.networks.detector import Detector, load
from fleet.lab.scenes.render import scene

TABLE = ROOT / "results" / "eyes" / "accuracy_bitrate.csv"
SMALL, LARGE = "eye-small", "eye-large"
CODECS = (
    *(f"h264-crf{q}" for q in (18, 23, 28, 33, 38, 44)),
    *(f"h265-crf{q}" for q in (22, 30, 38)),
    *(f"av1-crf{q}" for q in (25, 38, 50)),
    *(f"jpeg-q{q}" for q in (85, 60, 30)),
)
SEEDS = tuple(HELD_OUT + 80_000 + k for k in range(6))
FRAMES, RATE_FPS, EVERY = 50, 10, 5
WEAK = 0.05
"""AP looks at detections down to this score."""
HEADER = (
    "light", "model", "codec", "family", "quality", "scenes", "frames_judged",
    *(f"{name}{end}" for name in ("rate_kbps", "recall", "precision", "ap50")
      for end in ("", "_low", "_high")),
)  # fmt: skip


def row(light: str, model: str, how: Setting, scenes: int, found: Point) -> tuple[object, ...]:
    """Return a row of the table; intervals cover 95 %."""
    quality = how.quality or ""
    judged = scenes * -(-FRAMES // EVERY)
    rate = [f"{x:.1f}" for x in found.rate_kbps]
    shares = [text for part in (found.recall, found.precision, found.ap) for text in _texts(part)]
    return light, model, how.name, how.family, quality, scenes, judged, *rate, *shares


def _texts(estimate: Estimate) -> Iterator[str]:
    return (f"{x:.4f}" for x in estimate)


class Held:
    """A clip whose frames are kept, so that they are rendered once for all codecs."""

    def __init__(self, clip: Clip) -> None:
        """Render a clip."""
        self.name, self.view, self.light = clip.name, clip.view, clip.light
        self.width, self.height, self.rate_fps = clip.width, clip.height, clip.rate_fps
        self._frames = list(clip.frames())

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._frames)

    def frames(self) -> Iterator[Frame]:
        """Yield the frames."""
        return iter(self._frames)


def rows(
    models: tuple[str, str], views: Sequence[str], lights: Sequence[str], codecs: Sequence[str]
) -> Iterator[tuple[object, ...]]:
    """Yield the rows of a small and a large network."""
    small, large = (load(name, WEAK) for name in models)
    everything = [(small, RAW), (large, RAW), *((large, setting(name)) for name in codecs)]
    strata = [view for view in views for _ in SEEDS]
    for light in lights:
        marks: list[list[Marks]] = [[] for _ in everything]
        for view in views:
            for seed in SEEDS:
                clip = Held(scene(view, light, seed=seed, frames=FRAMES, rate_fps=RATE_FPS))
                for kept, (finder, how) in zip(marks, everything, strict=True):
                    kept.append(mark(clip, finder, how, every=EVERY))
                print(f"{clip.name} measured", flush=True)
        for kept, (finder, how) in zip(marks, everything, strict=True):
            found = point(kept, _threshold(finder), strata=strata, resamples=RESAMPLES)
            yield row(light, finder.name, how, len(kept), found)


def _threshold(finder: Detector) -> float:
    return float(finder.session.metadata["threshold"])


def main() -> None:
    """Measure all lights and codecs and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=TABLE)
    parser.add_argument("--small", default=SMALL, help="network that sees raw frames")
    parser.add_argument("--large", default=LARGE, help="network that sees coded ones too")
    parser.add_argument("--view", action="append", choices=VIEWS, help="only this one")
    parser.add_argument("--light", action="append", choices=LIGHTS, help="only this one")
    parser.add_argument("--codec", action="append", help="instead of the usual ones")
    given = parser.parse_args()
    models = (given.small, given.large)
    table = list(rows(models, given.view or VIEWS, given.light or LIGHTS, given.codec or CODECS))
    write_table(given.output, HEADER, table)
    print(f"{len(table)} rows written to {given.output}")


if __name__ == "__main__":
    main()
