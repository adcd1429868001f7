"""Service-level objectives: what a scenario demands of its arms, and whether they keep it."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from fleet.errors import InputError
from fleet.plan.network import radio_name
from fleet.results.measures import (
    NUMBERS,
    SERVED,
    SHARES,
    Unit,
    measured,
    of_links,
    unit_of,
    why_unknown,
)
from fleet.scenario.load import Scenario, did_you_mean

_FORM = re.compile(
    r"^(?:(?P<arm>[A-Za-z0-9_.\-]+):\s+)?(?P<metric>\w[\w.\- ]*?)\s*(?P<sign><=|>=|<|>)\s*"
    r"(?P<bound>.+)$"
)
_SIGNS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True)
class Objective:
    """A demand such as 'latency_ms.p99 < 200'.

    Attributes:
        text: as written.
        arm: the arm it is for; None: all.
        metric: a number of the arm (`fleet.results.measures`).
        sign: one of < <= > >=.
        bound: the number after the sign, in the metric's own unit.
    """

    text: str
    arm: str | None
    metric: str
    sign: str
    bound: Fraction

    @property
    def unit(self) -> Unit:
        """Return the unit of the metric."""
        return unit_of(self.metric)

    def kept(self, arm: Mapping[str, Any]) -> bool:
        """Return whether an arm keeps it; what was not measured is a miss."""
        found = measured(arm, self.metric)
        return found is not None and bool(_SIGNS[self.sign](found, self.bound))

    def worst(self, runs: Sequence[Mapping[str, Any]]) -> float | None:
        """Return the measurement furthest on the wrong side; None if a run has none."""
        found = [measured(run, self.metric) for run in runs]
        known = [x for x in found if x is not None]
        if len(known) < len(found):
            return None
        return max(known) if self.sign.startswith("<") else min(known)

    def why(self, runs: Sequence[Mapping[str, Any]]) -> str | None:
        """Return why there is no measurement; None if there is."""
        blank = [run for run in runs if measured(run, self.metric) is None]
        return why_unknown(blank[0], self.metric) if blank else None


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
    links = [name for link in scenario.model.links for name in (link, radio_name(link))]
    known = [*SHARES, *NUMBERS, *SERVED, *of_links(links)]
    if metric not in known:
        told = [*SHARES, *NUMBERS, *SERVED, *of_links(["LINK"])]
        raise scenario.error(
            keys, f"no metric '{metric}'{did_you_mean(metric, known)}; {', '.join(told)}"
        )
    if arm is not None and arm not in scenario.model.arms:
        raise scenario.error(keys, f"no arm '{arm}'; arms: {', '.join(scenario.model.arms)}")
    try:
        bound = unit_of(metric).read(match["bound"])
    except InputError as error:
        raise scenario.error(keys, str(error)) from None
    return Objective(text, arm, metric, match["sign"], bound)


def judge(
    objectives: list[Objective], arms: Mapping[str, Sequence[Mapping[str, Any]]]
) -> list[dict[str, Any]]:
    """Return for each objective and arm the worst measurement and whether it was always kept.

    `measured` is in `unit`, of which 'share' is 0 to 1; None for the reason in `why`.

    Args:
        objectives: the demands.
        arms: by arm, the summaries of its replications.
    """
    return [
        {
            "objective": o.text,
            "arm": name,
            "metric": o.metric,
            "measured": o.worst(runs),
            "unit": o.unit.name,
            "why": o.why(runs),
            "kept": all(o.kept(run) for run in runs),
        }
        for o in objectives
        for name, runs in arms.items()
        if o.arm in (None, name)
    ]
