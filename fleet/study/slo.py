"""Service-level objectives: what a scenario demands of its arms, and whether they keep it."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import fleet.units as units
from fleet.errors import InputError
from fleet.results import service
from fleet.results.accuracy import MEASURES
from fleet.scenario.load import Scenario, did_you_mean
from fleet.study.compare import value

_FORM = re.compile(
    r"^(?:(?P<arm>[A-Za-z0-9_.\-]+):\s+)?(?P<metric>[A-Za-z0-9_.]+)\s*(?P<sign><=|>=|<|>)\s*"
    r"(?P<bound>.+)$"
)
_SIGNS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_SHARES = ("lost", "skipped", "results", "in_flight")
_METRICS = (
    *_SHARES, "latency_ms.mean", "latency_ms.p50", "latency_ms.p95", "latency_ms.p99",
    "latency_ms.p999", "latency_ms.max", "power_w.total", "energy_mj_per_result",
    "pixels_leaving_sensor_frames", "pixels_to_cloud_frames", "carbon_kg_per_sensor_year",
    "cost_usd_per_sensor_month.total", *(f"accuracy.{measure}" for measure in MEASURES),
    *(f"service.{measure}" for measure in service.MEASURES),
)  # fmt: skip


@dataclass(frozen=True)
class Objective:
    """A demand such as 'latency_ms.p99 < 200'.

    Attributes:
        text: as written.
        arm: the arm it is for; None: all.
        metric: share of the captured frames (lost, skipped, results, in_flight) or a number of
            the arm's summary.
        sign: one of < <= > >=.
        bound: the number after the sign.
    """

    text: str
    arm: str | None
    metric: str
    sign: str
    bound: Fraction

    def kept(self, arm: Mapping[str, Any]) -> bool:
        """Return whether an arm keeps it; no results at all is a miss."""
        measured = self.measure(arm)
        return measured is not None and bool(_SIGNS[self.sign](measured, self.bound))

    def worst(self, runs: Sequence[Mapping[str, Any]]) -> float | None:
        """Return the measurement furthest on the wrong side; None if a run has none."""
        measured = [self.measure(run) for run in runs]
        known = [m for m in measured if m is not None]
        if len(known) < len(measured):
            return None
        return max(known) if self.sign.startswith("<") else min(known)

    def measure(self, arm: Mapping[str, Any]) -> float | None:
        """Return the arm's value of the metric."""
        if self.metric not in _SHARES:
            return value(arm, self.metric)
        captured = value(arm, "frames.captured")
        return (value(arm, f"frames.{self.metric}") or 0.0) / captured if captured else None


def objectives(scenario: Scenario) -> list[Objective]:
    """Return the objectives of a scenario.

    Raises:
        InputError: one is not of the form '[ARM: ]METRIC < NUMBER'.
    """
    return [_parse(scenario, text, ("slo", i)) for i, text in enumerate(scenario.model.slo)]


def _parse(scenario: Scenario, text: str, keys: tuple[str | int, ...]) -> Objective:
    match = _FORM.match(text)
    if match is None:
        raise scenario.error(
            keys, f"{text!r} is not an objective; write such as 'latency_ms.p99 < 200'"
        )
    metric, arm = match["metric"], match["arm"]
    if metric not in _METRICS:
        raise scenario.error(
            keys, f"no metric '{metric}'{did_you_mean(metric, _METRICS)}; {', '.join(_METRICS)}"
        )
    if arm is not None and arm not in scenario.model.arms:
        raise scenario.error(keys, f"no arm '{arm}'; arms: {', '.join(scenario.model.arms)}")
    try:
        bound = units.fraction(match["bound"])
    except InputError as error:
        raise scenario.error(keys, str(error)) from None
    return Objective(text, arm, metric, match["sign"], bound)


def judge(
    objectives: list[Objective], arms: Mapping[str, Sequence[Mapping[str, Any]]]
) -> list[dict[str, Any]]:
    """Return for each objective and arm the worst measurement and whether it was always kept.

    Args:
        objectives: the demands.
        arms: by arm, the summaries of its replications.
    """
    return [
        {
            "objective": o.text,
            "arm": name,
            "measured": o.worst(runs),
            "kept": all(o.kept(run) for run in runs),
        }
        for o in objectives
        for name, runs in arms.items()
        if o.arm in (None, name)
    ]
