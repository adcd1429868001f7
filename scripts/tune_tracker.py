"""Print how well visitors are counted with other constants of the tracker, to choose them by.

``python scripts/tune_tracker.py`` watches rendered entrances and streets, on whose sites nothing
else is measured, through the small network at five frames a second, and counts with every
combination. A good one counts most visitors once, and as many in all as there are. Some minutes.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from eyes_pictures import HELD_OUT
from rich.console import Console
from rich.table import Table

from fleet.eyes.boxes import PERSON
from fleet.lab.measures import tracker
from fleet.lab.measures.tasks import Seen, visits
from fleet.lab.networks.detector import load
from fleet.lab.scenes.render import scene

SITES = tuple(HELD_OUT + 91_000 + k for k in range(3))
OBJECTS = {"entrance": 2, "street": 3}
SECONDS, RATE_FPS = 60, 5
MARGINS = (0.0, 0.15, 0.3, 0.5)
SURE = (0.0, 0.1, 0.2, 0.3)
CONFIRMED_S = (0.2, 0.4, 0.8)


def main() -> None:
    """Count with every combination of constants."""
    network = load("eye-small")
    clips = []
    for (view, objects), site in product(OBJECTS.items(), SITES):
        clip = scene(
            view, "day", seed=site, objects=objects, frames=SECONDS * RATE_FPS, rate_fps=RATE_FPS
        )
        frames = list(clip.frames())
        found = network.find([frame.pixels for frame in frames])
        clips.append([Seen(f.truth, d) for f, d in zip(frames, found, strict=True) if f.truth])
    table = Table("margin", "sure", "confirmed s", "missed", "once", "twice", "more", "nobody")
    for margin, sure, confirmed_s in product(MARGINS, SURE, CONFIRMED_S):
        tracker.MARGIN, tracker.SURE, tracker.CONFIRMED_S = margin, sure, confirmed_s
        counts = [visits(clip, RATE_FPS, network.threshold, PERSON) for clip in clips]
        times, nobody = np.sum([c.times for c in counts], axis=0), sum(c.nobody for c in counts)
        numbers = (margin, sure, confirmed_s, *times.tolist(), nobody)
        table.add_row(*(f"{number:g}" for number in numbers))
    Console().print(table)


if __name__ == "__main__":
    main()
