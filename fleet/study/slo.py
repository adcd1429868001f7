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
from fleet.results.means import FRAMES, estimate
from fleet.results.metric import Numbers, Scope
from fleet.results.metrics import Named, Names, named
from fleet.scenario.load import Scenario, did_you_mean

_FORM = re.compile(
    r"^(?:(?P<arm>[A-Za-z0-9_.\-]+):\s+)?(?P<metric>\w[\w.\- ]*?)\s*(?P<sign><=|>=|<|>)\s*"
    r"(?P<bound>.+)$"
)
SIGNS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True)
class Objective:
    """A demand such as 'latency_ms.p99 < 200 ms'.

    Attributes:
        text: as written.
        arm: the arm it is for; None: all.
        number: of the arm, or of a group, a class of links or a pool of it.
        sign: one of < <= > >=.
        bound: after the sign, in the number's own unit.
    """

    text: str
    arm: str | None
    number: Named
    sign: str
    bound: Fraction

    def kept(self, arm: Numbers) -> bool:
        """Return whether an arm keeps it; what was not measured is a miss."""
        return keeps(self.number.value(arm), self.sign, self.bound)

    def worst(self, runs: Sequence[Numbers]) -> float | None:
        """Return the measurement furthest on the wrong side; None if a run has none."""
        values = [self.number.value(run) for run in runs]
        known = [x for x in values if x is not None]
        if len(known) < len(values):
            return None
        return max(known) if self.sign.startswith("<") else min(known)

    def most_of_none(self, runs: Sequence[Numbers]) -> float | None:
        """Return below what a share lies of which no frame was, with 95 %; None of others."""
        estimated = estimate(runs, self.number.metric, self.number.text)
        return estimated.ci95[1] if estimated.ci95 and estimated.over == FRAMES else None

    def why(self, runs: Sequence[Numbers]) -> str | None:
        """Return why there is no measurement; None if there is."""
        blank = [run for run in runs if self.number.value(run) is None]
        return self.number.metric.why_unknown(blank[0]) if blank else None


def keeps(value: float | None, sign: str, bound: Fraction) -> bool:
    """Return whether a number keeps a demand; what is not known is a miss.

    Raises:
        KeyError: the sign is none of an objective's.
    """
    return value is not None and bool(SIGNS[sign](value, bound))


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
            keys, f"{text!r} is not an objective; write such as 'latency_ms.p99 < 200 ms'"
        )
    metric, arm = match["metric"], match["arm"]
    known = demandable(scenario)
    if metric not in known:
        raise scenario.error(
            keys, f"no metric '{metric}'{did_you_mean(metric, list(known))}; write such as"
            " latency_ms.p99, lost or power_w.total: docs/GLOSSARY.md lists all"
        )  # fmt: skip
    if arm is not None and arm not in scenario.model.arms:
        raise scenario.error(keys, f"no arm '{arm}'; arms: {', '.join(scenario.model.arms)}")
    try:
        bound = known[metric].metric.unit.read(match["bound"])
    except InputError as error:
        raise scenario.error(keys, str(error)) from None
    return Objective(text, arm, known[metric], match["sign"], bound)


def _names(scenario: Scenario) -> Names:
    """Return the links, pools and groups that arms of a scenario may have."""
    model = scenario.model
    return {
        Scope.LINK: [name for link in model.links for name in (link, radio_name(link))],
        Scope.POOL: [model.cloud.region, *model.regions, *model.edges],
        Scope.GROUP: list(model.sensors),
    }


def demandable(scenario: Scenario) -> dict[str, Named]:
    """Return by its name what can be demanded of the arms of a scenario."""
    return {one.text: one for one in named(_names(scenario), lambda metric: metric.objective)}


def judge(
    objectives: list[Objective], arms: Mapping[str, Sequence[Numbers]]
) -> list[dict[str, Any]]:
    """Return for each objective and arm the worst measurement and whether it was always kept.

    `measured` is in `unit`, of which 'share' is 0 to 1; None for the reason in `why`. Where it is a
    share of which no frame was, it is below `at_most` with 95 %.

    Args:
        objectives: the demands.
        arms: by arm, the summaries of its replications.
    """
    return [
        {
            "objective": o.text,
            "arm": name,
            "metric": o.number.text,
            "measured": o.worst(runs),
            "unit": o.number.metric.unit.name,
            "why": o.why(runs),
            "at_most": o.most_of_none(runs),
            "kept": all(o.kept(run) for run in runs),
        }
        for o in objectives
        for name, runs in arms.items()
        if o.arm in (None, name)
    ]
