"""Comparison of arms over replications: paired differences with confidence intervals.

Arms of one replication share their random numbers (the same scene, phases and frame sizes), so the
difference is taken within a replication; its interval is Student's t over the replications. With
one replication there is no interval, and arms are not ranked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fleet.results import service
from fleet.results.accuracy import MEASURES
from fleet.results.interval import interval95

COMPARED = (
    "latency_ms.mean", "latency_ms.p50", "latency_ms.p99", "frames.results", "frames.lost",
    "frames.skipped", "bytes", "power_w.sensor", "power_w.uplink", "power_w.network",
    "power_w.edge", "power_w.cloud", "power_w.total", "energy_mj_per_result",
    "carbon_kg_per_sensor_year", "cost_usd_per_sensor_month.total",
    "pixels_leaving_sensor_frames", "pixels_to_cloud_frames",
    *(f"accuracy.{measure}" for measure in MEASURES),
    *(f"service.{measure}" for measure in service.MEASURES),
)  # fmt: skip


def value(arm: Mapping[str, Any], path: str) -> float | None:
    """Return a number of an arm's summary by its dotted path; a mapping counts as its sum."""
    node: Any = arm
    for key in path.split("."):
        node = None if node is None else node[key]
    if isinstance(node, Mapping):
        return float(sum(node.values()))
    return None if node is None else float(node)


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
