"""The door for estimates, from Python and from the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fleet import paths
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.placing import check_arm
from fleet.results.record import Record
from fleet.scenario.load import Scenario, load
from fleet.sizing.beside import Beside, beside
from fleet.sizing.estimate import Estimate, estimate, facts
from fleet.study.job import Overrides, changes


class Estimated(NamedTuple):
    """What was estimated.

    Attributes:
        scenario: of what.
        arms: the estimate of each arm.
        beside: by arm, its numbers beside those of a run; empty without one.
    """

    scenario: Scenario
    arms: dict[str, Estimate]
    beside: dict[str, list[Beside]]

    @property
    def facts(self) -> dict[str, Any]:
        """Return all of it as plain data: by arm, and `beside_run` where there is a run."""
        data = facts(self.arms)
        for arm, rows in self.beside.items():
            data[arm]["beside_run"] = [
                {**row._asdict(), "unit": row.unit.name, "disagrees": row.disagrees} for row in rows
            ]
        return data


def estimates(
    scenario: Scenario | str | Path,
    *,
    arms: Sequence[str] | None = None,
    overrides: Overrides | None = None,
) -> Estimated:
    """Return what the arms of a scenario are expected to do.

    Args:
        scenario: what `load` gave, or a path. A folder of results is a scenario, and the run in it
            stands beside, unless something is replaced.
        arms: which arms; None: all.
        overrides: replaces values of the scenario.

    Raises:
        InputError: something in it cannot be used.
    """
    loaded = scenario if isinstance(scenario, Scenario) else load(scenario)
    replaced = list(changes(overrides or ()))
    asked = loaded.changed(*replaced) if replaced else loaded
    for arm in arms or ():
        check_arm(arm, list(asked.model.arms))
    catalog = catalogue(asked)
    expected = {
        arm: estimate(compile_plan(asked, catalog, arm))
        for arm in dict.fromkeys(arms or asked.model.arms)
    }
    run = None
    if not isinstance(scenario, Scenario) and not replaced and paths.is_dir(Path(scenario)):
        run = Record.load(scenario)
    rows = {
        arm: beside(one, run.numbers[arm])
        for arm, one in expected.items()
        if run is not None and arm in run.numbers
    }
    return Estimated(asked, expected, rows)
