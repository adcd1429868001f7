"""Comparison of arms over replications: paired differences with confidence intervals.

Arms of one replication share their random numbers (the same scene, phases and frame sizes), so the
difference is taken within a replication; its interval is Student's t over the replications. With
one replication there is no interval, and arms are not ranked. What networks see and how well tasks
are done have intervals of their own, over the scenes and sites where networks were measured.

No interval is narrower than what is known: that of a percentile is as wide as the steps of its
values (`fleet.sketch`) at least, and where all differences are equal there is none.

Each interval is of one arm. Whether arms differ is told with 95 % for all that are compared in a
metric together: by Holm's correction over the arms (`fleet.results.interval.holm`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fleet.eyes.task_tables import SITES
from fleet.results import scenes
from fleet.results.interval import (
    ERROR,
    ERROR_A_LOOK,
    chance,
    holm,
    interval95,
    ratio95,
    t95,
    told95,
    welch95,
)
from fleet.results.means import Runs, step_ms
from fleet.results.metric import Numbers, Over, Scope
from fleet.results.metrics import Named, named, names_in


def compare(
    replications: Mapping[str, Sequence[Numbers]], baseline: str, *, looked: bool = False
) -> dict[str, Any]:
    """Return every arm against the baseline: the `comparison` part of `summary.json`.

    Args:
        replications: by arm, the summaries of its replications in order.
        baseline: the arm to compare with.
        looked: the number of replications was chosen by looking (`fleet.results.interval`).

    Returns:
        baseline and, by arm and metric that is compared, difference (arm - baseline), ratio (arm /
        baseline; None if the baseline is 0), ratio_ci95, None if there is none or the baseline may
        be 0, ci95 of the difference, None for the reason in `why_no_ci95`; p, the chance of so
        large a difference between equal arms, p_holm, that corrected over the arms, and whether it
        differs; these are None where there is no interval. How well tasks are done is compared
        site by site, and what networks see scene by scene, also with one replication; the latter
        only if they see the same sensors in both arms. A number that a run does not have is not
        compared. Groups are not compared one by one.
    """
    arms = {
        arm: {
            name: row
            for name, row in _rows(runs, replications[baseline], looked)
            if row is not None
        }
        for arm, runs in replications.items()
        if arm != baseline
    }
    for name in dict.fromkeys(name for rows in arms.values() for name in rows):
        _correct([rows[name] for rows in arms.values() if name in rows])
    return {"baseline": baseline, "arms": arms}


def _correct(rows: Sequence[dict[str, Any]]) -> None:
    """Say which arms differ in a metric; those without an interval are no tests."""
    tested = [row for row in rows if row["p"] is not None]
    for row, p in zip(tested, holm([row["p"] for row in tested]), strict=True):
        low, high = row["ci95"]
        row |= {"p_holm": p, "differs": p <= ERROR and not low <= 0.0 <= high}


_SCOPES = (Scope.ARM, Scope.LINK, Scope.POOL)


def _rows(runs: Runs, base: Runs, looked: bool) -> Iterator[tuple[str, dict[str, Any] | None]]:
    alike = _alike(runs, base)
    for one in named(names_in(runs[0]), lambda metric: metric.compared, _SCOPES):
        if one.metric.compared is Over.REPLICATIONS:
            yield one.text, _row(runs, base, one, looked)
        elif one.metric.compared is Over.SITES:
            yield one.text, _by_site(runs, base, one.text.rsplit(".", 1)[1])
        elif alike:  # else they are of other sensors
            yield one.text, _by_scene(runs, base, one)


def _alike(runs: Runs, base: Runs) -> bool:
    """Return whether networks see the same sensors in both arms: all of a group, or none."""
    return all(
        group["unseen"] == base_run["groups"][name]["unseen"] in (0, group["sensors"])
        for run, base_run in zip(runs, base, strict=True)
        for name, group in run["groups"].items()
    )


def _by_scene(runs: Runs, base: Runs, one: Named) -> dict[str, Any] | None:
    """Return the comparison of what networks see; its interval is over scenes, not replications.

    The same scenes stand in every replication, so what differs between scenes does not go away with
    more of them.
    """
    row = _row(runs, base, one)
    if row is None:
        return None
    wholes, without = zip(*(_over_runs(each, one.text) for each in (runs, base)), strict=True)
    interval, degrees = scenes.difference(wholes, without, one.text.rsplit(".", 1)[1])
    why = None if interval else "not measured in the same scenes of each view, two at least"
    if interval and interval[0] == interval[1]:
        interval, why = None, "the same in every scene"
    p = None if interval is None else _p(row["difference"], interval, degrees)
    return {**row, "ratio_ci95": None, "ci95": interval, "why_no_ci95": why, "p": p}


def _over_runs(runs: Runs, path_of: str) -> tuple[float, scenes.Without]:
    """Return a measure and what it is without each scene, in the mean over replications."""
    *path, measure = path_of.split(".")
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
    """Return the comparison of how well tasks are done, in the groups that are known in both arms.

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
    return paired([a for a, _ in sites], [b for _, b in sites], "site") if sites else None


def _row(runs: Runs, base: Runs, one: Named, looked: bool = False) -> dict[str, Any] | None:
    pairs = [(one.value(a), one.value(b)) for a, b in zip(runs, base, strict=True)]
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    if len(known) < len(pairs):
        return None
    step = step_ms([x for pair in known for x in pair]) if one.metric.stepped else 0.0
    arm, other = ([pair[k] for pair in known] for k in (0, 1))
    return paired(arm, other, "replication", step, looked)


def paired(
    arm: Sequence[float], base: Sequence[float], of: str, step: float = 0.0, looked: bool = False
) -> dict[str, Any]:
    """Return what pairs of values tell, as a row of a comparison.

    Args:
        arm: values of what is compared.
        base: of each, what it is set against.
        of: of what each pair is: a replication, or a site.
        step: to which all are known.
        looked: see `compare`.
    """
    differences = [a - b for a, b in zip(arm, base, strict=True)]
    mean_arm, mean_base = math.fsum(arm) / len(arm), math.fsum(base) / len(base)
    difference = math.fsum(differences) / len(differences)
    (ci95, why), plain = told95(differences, of, step, looked=looked), interval95(differences)
    scale = ERROR / ERROR_A_LOOK if looked else 1.0
    return {
        "difference": difference,
        "ratio": mean_arm / mean_base if mean_base else None,
        "ratio_ci95": None if ci95 is None else _ratio(arm, base, step, looked),
        "ci95": ci95,
        "why_no_ci95": why,
        "p": (
            None
            if ci95 is None or plain is None
            else min(1.0, scale * _p(difference, plain, len(differences) - 1))
        ),
        "p_holm": None,
        "differs": None,
    }


def apart(
    arm: Sequence[float], base: Sequence[float], step: float = 0.0, looked: bool = False
) -> dict[str, Any]:
    """Return what two independent samples tell: `ci95` and `p`, None for the want of values.

    Args:
        arm: values of what is compared.
        base: those that it is set against.
        step: to which all are known.
        looked: see `compare`.
    """
    told, plain = welch95(arm, base, looked=looked), welch95(arm, base)
    if told is None or plain is None:
        return {"ci95": None, "p": None}
    low, high = told[0]
    difference = math.fsum(arm) / len(arm) - math.fsum(base) / len(base)
    scale = ERROR / ERROR_A_LOOK if looked else 1.0
    return {
        "ci95": [min(low, difference - step), max(high, difference + step)],
        "p": min(1.0, scale * _p(difference, *plain)),
    }


def _ratio(
    arm: Sequence[float], base: Sequence[float], step: float, looked: bool
) -> list[float] | None:
    """Return the interval of a ratio, no narrower than what is known of it."""
    ends, mean = ratio95(arm, base, looked=looked), math.fsum(base) / len(base)
    if ends is None:
        return None
    ratio, least = math.fsum(arm) / math.fsum(base), step / abs(mean)
    return [min(ends[0], ratio - least), max(ends[1], ratio + least)]


def _p(difference: float, interval: Sequence[float], degrees: int) -> float:
    """Return the chance of a difference between equal arms, given its interval by Student's t."""
    half = (interval[1] - interval[0]) / 2
    if not half:  # percentiles with the same steps between them in every replication
        return 0.0 if difference else 1.0
    return chance(difference / half * t95(degrees), degrees)
