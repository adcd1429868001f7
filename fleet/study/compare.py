"""Comparison of arms over replications: paired differences with confidence intervals.

Arms of one replication share their random numbers (the same scene, phases and frame sizes), so the
difference is taken within a replication; its interval is Student's t over the replications. With
one replication there is no interval, and arms are not ranked. What networks see and how uses are
served have intervals of their own, over the scenes and sites where networks were measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fleet.eyes.measured import SITES
from fleet.results import scenes, service
from fleet.results.accuracy import MEASURES
from fleet.results.interval import interval95

COMPARED = (
    "latency_ms.mean", "latency_ms.p50", "latency_ms.p99", "frames.results", "frames.lost",
    "frames.skipped", "bytes", "power_w.sensor", "power_w.uplink", "power_w.network",
    "power_w.edge", "power_w.cloud", "power_w.total", "energy_mj_per_result",
    "carbon_kg_per_sensor_year", "cost_usd_per_sensor_month.total",
    "pixels_leaving_sensor_frames", "pixels_to_cloud_frames",
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
    replications: Mapping[str, Sequence[Mapping[str, Any]]],
    baseline: str,
    metrics: Sequence[str] = COMPARED,
) -> dict[str, Any]:
    """Return every arm against the baseline: the `comparison` part of `summary.json`.

    Args:
        replications: by arm, the summaries of its replications in order.
        baseline: the arm to compare with.
        metrics: numbers of a summary to compare.

    Returns:
        baseline and, by arm and metric, difference (arm - baseline), ratio (arm / baseline; None
        if the baseline is 0), ci95 of the difference (None with one replication). How uses are
        served is compared site by site (`service.*`), and what networks see (`accuracy.*`) scene by
        scene, also with one; the latter only if they see the same sensors in both arms.
    """
    return {
        "baseline": baseline,
        "arms": {
            arm: {
                metric: row
                for metric, row in _rows(runs, replications[baseline], metrics)
                if row is not None
            }
            for arm, runs in replications.items()
            if arm != baseline
        },
    }


Runs = Sequence[Mapping[str, Any]]


def _rows(
    runs: Runs, base: Runs, metrics: Sequence[str]
) -> Iterator[tuple[str, dict[str, Any] | None]]:
    for metric in metrics:
        yield metric, _row(runs, base, metric)
    if _alike(runs, base):  # else they are of other sensors
        for measure in MEASURES:
            yield f"accuracy.{measure}", _by_scene(runs, base, measure)
    for measure in service.MEASURES:
        yield f"service.{measure}", _by_site(runs, base, measure)


def _alike(runs: Runs, base: Runs) -> bool:
    """Return whether networks see the same sensors in both arms: all of a group, or none."""
    return all(
        group["unseen"] == base_run["groups"][name]["unseen"] in (0, group["sensors"])
        for run, base_run in zip(runs, base, strict=True)
        for name, group in run["groups"].items()
    )


def _by_scene(runs: Runs, base: Runs, measure: str) -> dict[str, Any] | None:
    """Return the comparison of what networks see; its interval is over scenes, not replications.

    The same scenes stand in every replication, so what differs between scenes does not go away with
    more of them.
    """
    row = _row(runs, base, f"accuracy.{measure}")
    if row is None:
        return None
    wholes, without = zip(*(_over_runs(of, measure) for of in (runs, base)), strict=True)
    return {**row, "ci95": scenes.difference(wholes, without, measure)}


def _over_runs(runs: Runs, measure: str) -> tuple[float, scenes.Without]:
    """Return a measure and what it is without each scene, in the mean over replications."""
    seen = [run["accuracy"] for run in runs]
    known = set.intersection(*(set(each["without_scene"]) for each in seen))
    return _mean([each[measure] for each in seen]), {
        scene: {measure: _mean([each["without_scene"][scene][measure] for each in seen])}
        for scene in sorted(known)
    }


def _mean(values: Sequence[float | None]) -> Any:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if len(known) == len(values) else None


def _by_site(runs: Runs, base: Runs, measure: str) -> dict[str, Any] | None:
    """Return the comparison of how uses are served, in the groups that are known in both arms.

    How well networks see differs between the sites where they were measured, and these are few: so
    differences are taken site by site, and the interval is over sites, not over replications.
    """
    pairs = [
        (group["sensors"], group[measure]["by_site"], other[measure]["by_site"])
        for run, base_run in zip(runs, base, strict=True)
        for name, group in run["service"]["groups"].items()
        if (other := base_run["service"]["groups"].get(name))
        and group.get(measure)
        and other.get(measure)
    ]
    sites = []
    for k in range(SITES):
        known = [(n, a[k], b[k]) for n, a, b in pairs if a[k] is not None and b[k] is not None]
        if known:
            total = sum(n for n, _, _ in known)
            sites.append(
                (sum(n * a for n, a, _ in known) / total, sum(n * b for n, _, b in known) / total)
            )
    return _compared([a for a, _ in sites], [b for _, b in sites]) if sites else None


def _row(
    runs: Sequence[Mapping[str, Any]], base: Sequence[Mapping[str, Any]], metric: str
) -> dict[str, Any] | None:
    pairs = [(value(a, metric), value(b, metric)) for a, b in zip(runs, base, strict=True)]
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    if len(known) < len(pairs):
        return None
    return _compared([a for a, _ in known], [b for _, b in known])


def _compared(arm: Sequence[float], base: Sequence[float]) -> dict[str, Any]:
    """Return what pairs of values tell: of replications, or of sites."""
    differences = [a - b for a, b in zip(arm, base, strict=True)]
    mean_arm, mean_base = math.fsum(arm) / len(arm), math.fsum(base) / len(base)
    interval = interval95(differences)
    return {
        "difference": math.fsum(differences) / len(differences),
        "ratio": mean_arm / mean_base if mean_base else None,
        "ci95": None if interval is None else list(interval),
    }
