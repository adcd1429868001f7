"""Comparison of arms over replications: paired differences with confidence intervals.

Arms of one replication share their random numbers (the same scene, phases and frame sizes), so the
difference is taken within a replication; its interval is Student's t over the replications. With
one replication there is no interval, and arms are not ranked. What networks see and how uses are
served have intervals of their own, over the scenes and sites where networks were measured.

No interval is narrower than what is known: that of a percentile is as wide as the steps of its
values (`fleet.sketch`) at least, and where all differences are equal there is none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fleet.eyes.task_tables import SITES
from fleet.results import scenes, service
from fleet.results.interval import interval95
from fleet.results.measures import NUMBERS, PERCENTILES, of_links, value
from fleet.sketch import step_ns


def compare(
    replications: Mapping[str, Sequence[Mapping[str, Any]]],
    baseline: str,
    metrics: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return every arm against the baseline: the `comparison` part of `summary.json`.

    Args:
        replications: by arm, the summaries of its replications in order.
        baseline: the arm to compare with.
        metrics: numbers of a summary to compare; None: all, also what each class of links carries.

    Returns:
        baseline and, by arm and metric, difference (arm - baseline), ratio (arm / baseline; None
        if the baseline is 0), ci95 of the difference, None for the reason in `why_no_ci95`. How
        uses are served is compared site by site (`service.*`), and what networks see
        (`accuracy.*`) scene by scene, also with one replication; the latter only if they see the
        same sensors in both arms. A number that a run does not have is not compared.
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
    runs: Runs, base: Runs, metrics: Sequence[str] | None
) -> Iterator[tuple[str, dict[str, Any] | None]]:
    alike = _alike(runs, base)
    if metrics is None:
        metrics = [*NUMBERS, *of_links(runs[0]["bandwidth_mbit_s"])]
    for metric in metrics:
        if not metric.startswith("accuracy."):
            yield metric, _row(runs, base, metric)
        elif alike:  # else they are of other sensors
            yield metric, _by_scene(runs, base, metric)
    for measure in service.MEASURES:
        yield f"service.{measure}", _by_site(runs, base, measure)


def _alike(runs: Runs, base: Runs) -> bool:
    """Return whether networks see the same sensors in both arms: all of a group, or none."""
    return all(
        group["unseen"] == base_run["groups"][name]["unseen"] in (0, group["sensors"])
        for run, base_run in zip(runs, base, strict=True)
        for name, group in run["groups"].items()
    )


def _by_scene(runs: Runs, base: Runs, metric: str) -> dict[str, Any] | None:
    """Return the comparison of what networks see; its interval is over scenes, not replications.

    The same scenes stand in every replication, so what differs between scenes does not go away with
    more of them.
    """
    row = _row(runs, base, metric)
    if row is None:
        return None
    (one, of_one), (other, of_other) = (_over_runs(each, metric) for each in (runs, base))
    measure = metric.rsplit(".", 1)[1]
    interval = scenes.difference((one, other), (of_one, of_other), measure)
    why = None if interval else "not measured in the same scenes of each view, two at least"
    if interval and interval[0] == interval[1]:
        interval, why = None, "the same in every scene"
    return {**row, "ci95": interval, "why_no_ci95": why}


def _over_runs(runs: Runs, metric: str) -> tuple[float, scenes.Without]:
    """Return a measure and what it is without each scene, in the mean over replications."""
    *path, measure = metric.split(".")
    seen: list[Any] = list(runs)
    for key in path:
        seen = [node[key] for node in seen]
    shared = set.intersection(*(set(node["without_scene"]) for node in seen))
    return _mean([node[measure] for node in seen]) or 0.0, {
        scene: {measure: _mean([node["without_scene"][scene][measure] for node in seen])}
        for scene in sorted(shared)
    }


def _mean(values: Sequence[float | None]) -> float | None:
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
    return _compared([a for a, _ in sites], [b for _, b in sites], "site") if sites else None


def _row(
    runs: Sequence[Mapping[str, Any]], base: Sequence[Mapping[str, Any]], metric: str
) -> dict[str, Any] | None:
    pairs = [(value(a, metric), value(b, metric)) for a, b in zip(runs, base, strict=True)]
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    if len(known) < len(pairs):
        return None
    step = max(_step_ms(x) for pair in known for x in pair) if metric in PERCENTILES else 0.0
    return _compared([a for a, _ in known], [b for _, b in known], "replication", step)


def _step_ms(percentile_ms: float) -> float:
    return step_ns(round(percentile_ms * 1e6)) * 1e-6


def _compared(
    arm: Sequence[float], base: Sequence[float], of: str, step: float = 0.0
) -> dict[str, Any]:
    """Return what pairs of values tell: of replications, or of sites; `step`: to which both are."""
    differences = [a - b for a, b in zip(arm, base, strict=True)]
    mean_arm, mean_base = math.fsum(arm) / len(arm), math.fsum(base) / len(base)
    difference, interval = math.fsum(differences) / len(differences), interval95(differences)
    why = None
    if interval is None:
        why = f"one {of} only"
    elif step:
        interval = min(interval[0], difference - step), max(interval[1], difference + step)
    elif min(differences) == max(differences):
        interval, why = None, f"the same {'at' if of == 'site' else 'in'} every {of}"
    return {
        "difference": difference,
        "ratio": mean_arm / mean_base if mean_base else None,
        "ci95": None if interval is None else list(interval),
        "why_no_ci95": why,
    }
