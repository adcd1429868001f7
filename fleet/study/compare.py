"""Comparison of arms over replications: paired differences with confidence intervals.

Arms of one replication share their random numbers (the same scene, phases and frame sizes), so the
difference is taken within a replication; its interval is Student's t over the replications. With
one replication there is no interval, and arms are not ranked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fleet.results.accuracy import MEASURES

# Two-sided 95 % quantiles of Student's t by degrees of freedom 1..30, then 40, 60, 120, infinity
# (NIST/SEMATECH e-Handbook of Statistical Methods, table 1.3.6.7.2).
_T95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
_T95_FURTHER = ((40, 2.021), (60, 2.000), (120, 1.980))

COMPARED = (
    "latency_ms.mean", "latency_ms.p50", "latency_ms.p99", "frames.results", "frames.lost",
    "frames.skipped", "bytes", "power_w.sensor", "power_w.uplink", "power_w.network",
    "power_w.edge", "power_w.cloud", "power_w.total", "energy_mj_per_result",
    "carbon_kg_per_sensor_year", "cost_usd_per_sensor_month.total",
    "pixels_leaving_sensor_frames", "pixels_to_cloud_frames",
    *(f"accuracy.{measure}" for measure in MEASURES),
)  # fmt: skip


def t95(degrees: int) -> float:
    """Return the two-sided 95 % quantile of Student's t, on the safe side between table rows."""
    if degrees <= len(_T95):
        return _T95[degrees - 1]
    below = [t for d, t in _T95_FURTHER if d <= degrees]
    return below[-1] if below else _T95[-1]


def value(arm: Mapping[str, Any], path: str) -> float | None:
    """Return a number of an arm's summary by its dotted path; a mapping counts as its sum."""
    node: Any = arm
    for key in path.split("."):
        node = None if node is None else node[key]
    if isinstance(node, Mapping):
        return float(sum(node.values()))
    return None if node is None else float(node)


def interval95(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % confidence interval of a mean, None if there is one value only."""
    n = len(values)
    if n < 2:
        return None
    mean = math.fsum(values) / n
    variance = math.fsum((v - mean) ** 2 for v in values) / (n - 1)
    half = t95(n - 1) * math.sqrt(variance / n)
    return mean - half, mean + half


def compare(
    replications: Mapping[str, Sequence[Mapping[str, Any]]], baseline: str
) -> dict[str, Any]:
    """Return every arm against the baseline: the `comparison` part of `summary.json`.

    Args:
        replications: by arm, the summaries of its replications in order.
        baseline: the arm to compare with.

    Returns:
        baseline and, by arm and metric, difference (arm - baseline), ratio (arm / baseline; None
        if the baseline is 0), ci95 of the difference (None with one replication).
    """
    return {
        "baseline": baseline,
        "arms": {
            arm: {
                metric: row
                for metric in COMPARED
                if (row := _row(runs, replications[baseline], metric)) is not None
            }
            for arm, runs in replications.items()
            if arm != baseline
        },
    }


def _row(
    runs: Sequence[Mapping[str, Any]], base: Sequence[Mapping[str, Any]], metric: str
) -> dict[str, Any] | None:
    pairs = [(value(a, metric), value(b, metric)) for a, b in zip(runs, base, strict=True)]
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    if len(known) < len(pairs):
        return None
    differences = [a - b for a, b in known]
    mean_base = math.fsum(b for _, b in known) / len(known)
    mean_arm = math.fsum(a for a, _ in known) / len(known)
    interval = interval95(differences)
    return {
        "difference": math.fsum(differences) / len(known),
        "ratio": mean_arm / mean_base if mean_base else None,
        "ci95": None if interval is None else list(interval),
    }
