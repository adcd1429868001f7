"""What frames of like sensors on like ways are expected to meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fleet.arrays import Floats
from fleet.sizing.waiting import Wait


@dataclass(frozen=True)
class Part:
    """What frames of like sensors on like ways meet.

    Attributes:
        group: of the sensors.
        results: how many results they have in all.
        fixed_s: by stage, times that every frame takes alike; shape (stages,).
        sizes_s: by stage, time that sending takes, by frame drawn; shape (stages, frames).
        weight: of the frames drawn.
        waits: (stage, law).
    """

    group: int
    results: int
    fixed_s: Floats
    sizes_s: Floats
    weight: Floats
    waits: list[tuple[int, Wait]]

    @property
    def longest_s(self) -> float:
        """Return what no frame takes longer than."""
        waits = sum(wait.longest_s for _, wait in self.waits)
        return float(self.fixed_s.sum() + self.sizes_s.sum(axis=0).max()) + waits

    @property
    def stages_s(self) -> Floats:
        """Return the mean time by stage; shape (stages,)."""
        mean: Floats = self.fixed_s + np.average(self.sizes_s, axis=1, weights=self.weight)
        for stage, wait in self.waits:
            mean[stage] += wait.mean_s
        return mean
