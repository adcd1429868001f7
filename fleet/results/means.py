"""What an arm's numbers are over its replications: their means, and how well these are known.

Every number is taken by replication first, percentiles too, and the mean is over replications; its
95 % interval is Student's t. Where networks were measured in few scenes or at few sites, more
replications tell nothing of others: the interval of what eyes see is that over scenes, which are
the same in every replication, and how well tasks are done has intervals over sites, by group.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from fleet.results.interval import most_of_none, told95
from fleet.results.metric import Metric, Numbers, Over, at, value
from fleet.results.metrics import named, names_in
from fleet.sketch import step_ns

Runs = Sequence[Numbers]
FRAMES = "frames"
"""Over what the bound of a share of zero is."""


class Estimate(NamedTuple):
    """The mean of a number over the replications in which it is known.

    Attributes:
        mean: in its unit; None if it is known in none.
        ci95: its interval; None for the reason in `why_no_ci95`.
        over: over what the interval is: 'replications', 'scenes', 'sites', or 'frames' for the
            bound of a share of which there is none.
        known: in how many replications it is known.
        why_no_ci95: None if there is one.
    """

    mean: float | None
    ci95: list[float] | None
    over: str
    known: int
    why_no_ci95: str | None


def intervals(runs: Runs, *, looked: bool = False) -> dict[str, dict[str, Any]]:
    """Return the estimate of every metric of an arm by its name, given its replications.

    Args:
        runs: the numbers of an arm, by replication.
        looked: their number was chosen by looking at intervals (`fleet.results.interval`).
    """
    return {
        one.text: estimate(runs, one.metric, one.text, looked=looked)._asdict()
        for one in named(names_in(runs[0]), lambda _: True)
    }


def estimate(runs: Runs, metric: Metric, path: str, *, looked: bool = False) -> Estimate:
    """Return the mean of what stands at a path in each replication, and its interval.

    Args:
        runs: the numbers of an arm, by replication.
        metric: as which it is read.
        path: where it is, if the metric is not read in another way.
        looked: see `intervals`.
    """
    read = metric.read or (lambda run: value(run, path))
    known = [x for run in runs if (x := read(run)) is not None]
    mean = math.fsum(known) / len(known) if known else None
    ci95, over, why = _interval(runs, metric, path, known, looked)
    return Estimate(mean, ci95, over, len(known), why)


def _interval(
    runs: Runs, metric: Metric, path: str, known: Sequence[float], looked: bool
) -> tuple[list[float] | None, str, str | None]:
    """Return the interval, over what it is, and why there is none."""
    over = metric.compared or Over.REPLICATIONS
    if not known:
        return None, over, metric.why_unknown(runs[0])
    if over is Over.SITES:
        return None, over, "networks were measured at few sites; groups have intervals over these"
    if over is Over.SCENES:
        ci95 = _over_scenes(runs, path)
        return ci95, over, None if ci95 else "not measured in two scenes of each view"
    if metric.out_of and not any(known):
        most = most_of_none(sum(metric.frames(partial(value, run)) for run in runs))
        if most is not None:
            return [0.0, most], FRAMES, None
    if 1 == len(known) < len(runs):
        return None, over, f"known in one of {len(runs)} replications"
    step = step_ms(known) if metric.stepped else 0.0
    ci95, why = told95(known, "replication", step, looked=looked)
    return ci95, over, why


def _over_scenes(runs: Runs, path: str) -> list[float] | None:
    """Return the mean of the ends of intervals: the same scenes are in every replication."""
    before, _, last = path.rpartition(".")
    ends = [ci95 for run in runs if (ci95 := at(run, f"{before}.ci95.{last}"))]
    return [math.fsum(each) / len(ends) for each in zip(*ends, strict=True)] or None


def step_ms(percentiles_ms: Sequence[float]) -> float:
    """Return the widest step to which any of some percentiles is known; ms."""
    return max(step_ns(round(ms * 1e6)) * 1e-6 for ms in percentiles_ms)


def means(runs: Runs) -> dict[str, Any]:
    """Return the numbers of an arm in the mean over its replications.

    What is not known in some is the mean of the others. What is no number, such as the name of the
    busiest link, stands there if it is the same in all replications, else it is None.
    """
    mean: dict[str, Any] = _mean(runs)
    return mean


def _mean(values: Sequence[Any]) -> Any:
    known = [x for x in values if x is not None]
    if not known or all(x == known[0] for x in known):
        return known[0] if known else None  # whole numbers stay whole
    if all(isinstance(x, Mapping) for x in known):
        keys = dict.fromkeys(key for x in known for key in x)
        return {key: _mean([x[key] for x in known if key in x]) for key in keys}
    if all(isinstance(x, list) for x in known) and len({len(x) for x in known}) == 1:
        return [_mean(each) for each in zip(*known, strict=True)]
    if all(isinstance(x, int | float) and not isinstance(x, bool) for x in known):
        return math.fsum(known) / len(known)
    return None
