"""Confidence intervals of means, and what several of them tell together.

Student's t for means; Holm's correction where several arms are set against one; the rule of three
for what never happened.

Where replications are added until an interval is narrow enough, it is looked at several times, and
a variance that happens to be small ends the search: 95 % intervals would hold in 93.6 % of studies
at worst. So each look spends less of the error. For normal values the mean does not depend on the
variances that decide when to stop (Basu 1955), so what every look may spend can be reckoned for any
width: 3.75 % each holds the truth in 95 % of studies at the worst width (tests do so, and
`scripts/count_coverage.py` counts it on queues). That stopping by width keeps coverage as widths go
to zero is Chow and Robbins 1965, On the asymptotic theory of fixed-width sequential confidence
intervals, Ann. Math. Statist. 36, 457-462.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

# Two-sided 95 % quantiles of Student's t by degrees of freedom 1..30, then 40, 60, 120, infinity
# (NIST/SEMATECH e-Handbook of Statistical Methods, table 1.3.6.7.2).
_T95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
_T95_FURTHER = ((40, 2.021), (60, 2.000), (120, 1.980))


ERROR, ERROR_A_LOOK = 0.05, 0.0375
"""Of an interval: in all, and of one that is looked at as long as it is too wide."""


def t95(degrees: int, *, looked: bool = False) -> float:
    """Return the two-sided 95 % quantile of Student's t, on the safe side between table rows.

    Args:
        degrees: of freedom.
        looked: the number of values was chosen by looking at intervals, see above.
    """
    if looked:
        return _quantile(degrees, ERROR_A_LOOK)
    if degrees <= len(_T95):
        return _T95[degrees - 1]
    below = [t for d, t in _T95_FURTHER if d <= degrees]
    return below[-1] if below else _T95[-1]


@functools.cache
def _quantile(degrees: int, error: float) -> float:
    """Return how far from zero Student's t is with so small a chance, on either side."""
    low, high = 0.0, 1e6
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if chance(middle, degrees) > error else (low, middle)
    return high


def interval95(values: Sequence[float], *, looked: bool = False) -> tuple[float, float] | None:
    """Return the 95 % confidence interval of a mean, None if there is one value only."""
    n = len(values)
    if n < 2:
        return None
    mean = math.fsum(values) / n
    variance = math.fsum((v - mean) ** 2 for v in values) / (n - 1)
    half = t95(n - 1, looked=looked) * math.sqrt(variance / n)
    return mean - half, mean + half


def welch95(
    values: Sequence[float], base: Sequence[float], *, looked: bool = False
) -> tuple[tuple[float, float], int] | None:
    """Return the 95 % interval of a difference of means, and its degrees of freedom.

    Of independent samples whose variances may differ (Welch 1947, Biometrika 34, 28-35), with
    whole degrees of freedom on the safe side. None where one has a single value, or none varies.

    Args:
        values: independent ones.
        base: those that they are set against.
        looked: see `t95`.
    """
    if min(len(values), len(base)) < 2:
        return None
    means = [math.fsum(each) / len(each) for each in (values, base)]
    parts = [
        math.fsum((x - mean) ** 2 for x in each) / (len(each) - 1) / len(each)
        for each, mean in zip((values, base), means, strict=True)
    ]
    variance = math.fsum(parts)
    if not variance:
        return None
    spread = math.fsum(
        part**2 / (len(each) - 1) for part, each in zip(parts, (values, base), strict=True)
    )
    degrees = max(1, math.floor(variance**2 / spread + 1e-9))
    half = t95(degrees, looked=looked) * math.sqrt(variance)
    middle = means[0] - means[1]
    return (middle - half, middle + half), degrees


def ratio95(
    values: Sequence[float], base: Sequence[float], *, looked: bool = False
) -> tuple[float, float] | None:
    """Return the 95 % interval of a ratio of means, given pairs of values; None if it has no ends.

    It holds the ratios `r` for which `values - r * base` may have a mean of zero by Student's t
    (Fieller 1954, Some problems in interval estimation, J. R. Statist. Soc. B 16, 175-185): so one
    is in it exactly if zero is in that of the difference. It has no ends where the mean of `base`
    may be zero itself.

    Args:
        values: independent ones.
        base: of each, what it is set against.
        looked: see `t95`.
    """
    n = len(values)
    if n < 2:
        return None
    mean, under = math.fsum(values) / n, math.fsum(base) / n
    apart, below = [v - mean for v in values], [b - under for b in base]
    scale = t95(n - 1, looked=looked) ** 2 / (n * (n - 1))
    a = under**2 - scale * math.fsum(b * b for b in below)
    h = mean * under - scale * math.fsum(v * b for v, b in zip(apart, below, strict=True))
    c = mean**2 - scale * math.fsum(v * v for v in apart)
    inside = h * h - a * c
    if a <= 0:
        return None
    half = math.sqrt(max(0.0, inside))
    return (h - half) / a, (h + half) / a


def told95(
    values: Sequence[float], of: str, step: float = 0.0, *, looked: bool = False
) -> tuple[list[float] | None, str | None]:
    """Return the 95 % interval of a mean, or why there is none; no narrower than what is known.

    Args:
        values: independent ones.
        of: of what each is: a replication, or a site.
        step: to which the values are known; the interval reaches as far to both sides at least.
        looked: see `t95`.
    """
    interval = interval95(values, looked=looked)
    if interval is None:
        return None, f"one {of} only"
    mean = math.fsum(values) / len(values)
    if step:
        return [min(interval[0], mean - step), max(interval[1], mean + step)], None
    if min(values) == max(values):
        return None, f"the same {'at' if of == 'site' else 'in'} every {of}"
    return list(interval), None


def chance(t: float, degrees: int) -> float:
    """Return how probable it is that Student's t is as far from zero, on either side.

    The finite sums for whole degrees of freedom (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4).
    """
    angle = math.atan(abs(t) / math.sqrt(degrees))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees % 2
    term, total = (cosine, 0.0) if odd else (1.0, 0.0)
    for k in range(degrees // 2):
        total += term
        term *= cosine * cosine * (2 * k + 1 + odd) / (2 * k + 2 + odd)
    inside = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return min(1.0, max(0.0, 1.0 - inside))


def holm(chances: Sequence[float]) -> list[float]:
    """Return chances corrected for how many there are.

    Of what is at most 0.05 afterwards, all is true with a probability of 95 % (Holm 1979, A simple
    sequentially rejective multiple test procedure, Scand. J. Statist. 6, 65-70).
    """
    corrected, least = [0.0] * len(chances), 0.0
    for rank, k in enumerate(sorted(range(len(chances)), key=lambda k: chances[k])):
        least = max(least, min(1.0, (len(chances) - rank) * chances[k]))
        corrected[k] = least
    return corrected


def most_of_none(frames: float) -> float | None:
    """Return the share below which, with 95 %, that lies of which no frame was; None of none.

    The rule of three (Hanley and Lippman-Hand 1983, If nothing goes wrong, is everything all right?
    JAMA 249, 1743-1745). It holds for independent frames; what is lost at full queues comes in
    bursts, and may be more.
    """
    return min(1.0, 3 / frames) if frames else None
