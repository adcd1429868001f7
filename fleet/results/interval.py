"""Confidence intervals of means: Student's t."""

from __future__ import annotations

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


def t95(degrees: int) -> float:
    """Return the two-sided 95 % quantile of Student's t, on the safe side between table rows."""
    if degrees <= len(_T95):
        return _T95[degrees - 1]
    below = [t for d, t in _T95_FURTHER if d <= degrees]
    return below[-1] if below else _T95[-1]


def interval95(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % confidence interval of a mean, None if there is one value only."""
    n = len(values)
    if n < 2:
        return None
    mean = math.fsum(values) / n
    variance = math.fsum((v - mean) ** 2 for v in values) / (n - 1)
    half = t95(n - 1) * math.sqrt(variance / n)
    return mean - half, mean + half
