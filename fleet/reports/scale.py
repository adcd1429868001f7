"""Scales of charts: where a value stands between two ends, and the round values to mark."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor, inf, isfinite, log10

import numpy as np

from fleet.arrays import Floats


@dataclass(frozen=True)
class Scale:
    """The way from values to places between 0 and 1.

    Attributes:
        low, high: the values at the ends.
        log: whether equal steps are equal ratios.
    """

    low: float
    high: float
    log: bool = False

    def at(self, x: Floats) -> Floats:
        """Return the places of values; those beyond the ends stand at the ends, NaN stays."""
        low, high = self.low, self.high
        if self.log:
            with np.errstate(divide="ignore", invalid="ignore"):
                x, low, high = np.log10(np.maximum(x, 1e-300)), log10(low), log10(high)
        return np.clip((x - low) / (high - low), 0.0, 1.0)

    def place(self, x: float) -> float:
        """Return the place of one value."""
        return float(self.at(np.array([x], dtype=np.float64))[0])

    def ticks(self, most: int = 5) -> list[float]:
        """Return round values from end to end, about as many as asked for."""
        return _powers(self.low, self.high, most) if self.log else _steps(self, most)


def linear(values: Iterable[float], *, zero: bool = True) -> Scale:
    """Return a scale over some values, with a round end; from zero, unless it is not to be."""
    known = [x for x in values if isfinite(x)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    low = min(low, 0.0) if zero else low
    if high <= low:
        high = low + (abs(low) or 1.0)
    step = _round_up((high - low) / 4)
    return Scale(floor(low / step + 1e-9) * step, ceil(high / step - 1e-9) * step)


def logarithmic(values: Iterable[float]) -> Scale:
    """Return a logarithmic scale over the values above zero, from 1, 2 or 5 to 1, 2 or 5."""
    known = [x for x in values if isfinite(x) and x > 0]
    low, high = (min(known), max(known)) if known else (1.0, 10.0)
    low, high = 1 / _round_up(1 / low), _round_up(high)
    return Scale(low, high if high > low * 1.5 else low * 10, log=True)


def _round_up(x: float) -> float:
    """Return the least of 1, 2 and 5 times a power of ten that is no less."""
    power = 10.0 ** floor(log10(x))
    step: float = next(m * power for m in (1, 2, 5, 10) if m * power >= x * (1 - 1e-9))
    return step


def _steps(scale: Scale, most: int) -> list[float]:
    step = _round_up((scale.high - scale.low) / most)
    first, last = ceil(scale.low / step - 1e-9), floor(scale.high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


def _powers(low: float, high: float, most: int) -> list[float]:
    """Return 1, 2 and 5 times powers of ten, or every power, or every second, third ... of them."""
    first, last = floor(log10(low) - 1e-9), ceil(log10(high) + 1e-9)
    fine = [m * 10.0**k for k in range(first, last + 1) for m in (1, 2, 5)]
    ticks: list[float] = []
    for values in (fine, *(fine[:: 3 * skip] for skip in range(1, last - first + 2))):
        ticks = [x for x in values if low * (1 - 1e-9) <= x <= high * (1 + 1e-9)]
        if len(ticks) <= most + 1:
            break
    return ticks if ticks and ticks[0] < 1.9 * low else [low, *ticks]


def mark(x: float) -> str:
    """Return a round value as it stands at an axis."""
    if x in (0.0, inf):
        return "0" if x == 0 else "∞"
    return f"{x:,.0f}" if 1000 <= abs(x) < 1e7 else f"{x:.6g}"
