"""A plant that is tried: the scenario's arm with values for the keys that are looked for.

Each is known by its values and run at most once in each replication. Replications share their
random numbers between plants, for streams are keyed by replication, sensor and purpose
(`fleet.chance`), never by values: what differs between two plants is what the values do.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeAlias

from fleet.catalog import Catalog
from fleet.errors import InputError, RunError
from fleet.plan import expected
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.digest import digest
from fleet.plan.expected import Flows
from fleet.plan.plan import Plan
from fleet.scenario.load import Scenario
from fleet.sizing.estimate import Estimate, estimate, expects
from fleet.sizing.verdict import LOOKS, PILOT, Judged, Values, Verdict, judge
from fleet.study.slo import Objective
from fleet.study.task import Answer, Task
from fleet.study.uncertain.draws import BASE, Draw

Asking: TypeAlias = "Generator[list[Task], Mapping[Task, Answer], Any]"
"""What asks for tasks to be done and takes what came of them."""
Conditions: TypeAlias = "Callable[[tuple[str, ...]], list[tuple[str, ...]] | None]"
"""Under which further overrides a plant must keep objectives; None: it cannot."""
OVERFULL = {"link": 1.1, "servers": 1.02, "decoders": 1.000001}
"""Expected loads from which on a plant is not even tried: bytes are expected to some per cent,
frames to less, and pixels exactly."""
FAILED = Judged(Verdict.MISSES, 0.0, [], 0)


class Plants:
    """The plants of an arm that were tried, and what came of them.

    Attributes:
        arm: the arm.
        frames: that were simulated.
        tried: by overrides, how each stands.
        values: by overrides, the numbers of its replications under the last of its conditions.
    """

    def __init__(
        self, scenario: Scenario, base: tuple[str, ...], arm: str,
        objectives: Sequence[Objective], conditions: Conditions, draw: Draw = BASE,
    ) -> None:  # fmt: skip
        """Try nothing yet.

        Args:
            scenario: of which.
            base: what replaces values of it in all plants.
            arm: which arm.
            objectives: what is demanded.
            conditions: under which; given what makes a plant, with `base`.
            draw: rows in place of some of the catalogue.
        """
        self.scenario, self.base, self.arm = scenario, base, arm
        self.objectives, self._conditions = objectives, conditions
        self.frames = 0.0
        self.tried: dict[tuple[str, ...], Judged] = {}
        self.values: dict[tuple[str, ...], list[Values]] = {}
        self._expected: dict[tuple[str, ...], Estimate] = {}
        self._brought: dict[str, Flows] = {}
        self._last: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._draw = draw.id
        self._catalog: Catalog = catalogue(scenario).changed(draw.rows)

    def changed(self, overrides: tuple[str, ...]) -> Scenario:
        """Return the scenario with a plant."""
        return self.scenario.changed(*self.base, *overrides)

    def conditions(self, overrides: tuple[str, ...]) -> list[tuple[str, ...]] | None:
        """Return under which conditions a plant must keep objectives; None: it cannot."""
        return self._conditions((*self.base, *overrides))

    def plan(self, overrides: tuple[str, ...]) -> Plan:
        """Return the plan of a plant, of its first replication."""
        return compile_plan(self.changed(overrides), self._catalog, self.arm)

    def expected(self, overrides: tuple[str, ...]) -> Estimate:
        """Return what a plant is expected to do."""
        if overrides not in self._expected:
            plan = self.plan(overrides)
            self._expected[overrides] = estimate(plan, self._flows(plan))
        return self._expected[overrides]

    def _flows(self, plan: Plan) -> Flows:
        """Return what the sensors of a plan bring, which most plants have in common."""
        key = "".join(digest(group) for group in (plan.sensors, plan.scene, plan.control))
        if key not in self._brought:
            self._brought[key] = expected.flows(plan)
        return self._brought[key]

    def is_expected_to_meet(self, overrides: tuple[str, ...]) -> bool:
        """Return whether theory says that a plant is enough, as far as theory goes."""
        return self._hopeful(overrides, strict=True)

    def is_hopeless(self, overrides: tuple[str, ...]) -> bool:
        """Return whether more comes to something than it can do, by more than theory may be off."""
        return not self._hopeful(overrides, strict=False)

    def _hopeful(self, overrides: tuple[str, ...], *, strict: bool) -> bool:
        conditions = self.conditions(overrides)
        if conditions is None:
            return False
        for more in conditions:
            estimated = self.expected((*overrides, *more))
            if not strict and estimated.before_changes:
                continue
            for row in estimated.busiest:
                if row["load"] >= (1.0 if strict else OVERFULL[row["kind"]]):
                    return False
            if strict and not all(self._is_kept(o, estimated) for o in self.objectives):
                return False
        return True

    def _is_kept(self, objective: Objective, estimated: Estimate) -> bool:
        if objective.arm not in (None, self.arm) or not expects(objective.number.text):
            return True
        unknown = objective.number.value(estimated.numbers) is None and not estimated.growing
        return unknown or objective.kept(estimated.numbers)

    def judged(self, overrides: tuple[str, ...]) -> Asking:
        """Ask for replications of a plant until it is decided; return how it stands."""
        if overrides in self.tried:
            return self.tried[overrides]
        conditions = self.conditions(overrides)
        if conditions is None or self.is_hopeless(overrides):
            self.tried[overrides] = FAILED
            return FAILED
        stands: list[Judged] = []
        for more in conditions:
            one: Judged = yield from self._under((*overrides, *more))
            stands.append(one)
            self.values[overrides] = self.values[(*overrides, *more)]
            self._last[overrides] = more
            if one.verdict is not Verdict.MEETS:
                break
        worst = min(stands, key=lambda one: one.meets)
        self.tried[overrides] = worst
        return worst

    def settled(self, overrides: tuple[str, ...]) -> Asking:
        """Ask for more of a plant that was given up early; return how it stands."""
        runs = self.values.get(overrides, [])
        if runs and len(runs) < LOOKS[0]:
            under = (*overrides, *self._last[overrides])
            yield from self.runs(under, range(len(runs), LOOKS[0]))
            self.tried[overrides] = judge(self.objectives, self.arm, self.values[under])
        return self.tried[overrides]

    def _under(self, overrides: tuple[str, ...]) -> Asking:
        """Ask for replications under one condition; return how it stands."""
        runs: list[Values] = []
        for look in (PILOT, *LOOKS):
            runs += yield from self.runs(overrides, range(len(runs), look))
            one = judge(self.objectives, self.arm, runs)
            if one.verdict is not Verdict.UNDECIDED:
                break
        self._check_measured(one, runs)
        return one

    def runs(self, overrides: tuple[str, ...], replications: Sequence[int]) -> Asking:
        """Ask for some replications; return the numbers of each."""
        made = (*self.base, *overrides)
        tasks = [Task(made, self.arm, r, self._draw) for r in replications]
        answers: Mapping[Task, Answer] = yield tasks
        numbers = [_values(answers[task]) for task in tasks]
        self.frames += sum(answers[task].frames for task in tasks)
        self.values.setdefault(overrides, []).extend(numbers)
        return numbers

    def _check_measured(self, one: Judged, runs: Sequence[Values]) -> None:
        """Refuse an objective on what a run with results does not measure."""
        for objective in self.objectives:
            name = objective.number.text
            blank = all(run.get(name, (None, ""))[0] is None for run in runs)
            if objective.arm in (None, self.arm) and blank and runs[0]["frames.results"][0]:
                why = objective.number.metric.why
                told = why if isinstance(why, str) else "nobody measured it"
                raise InputError(
                    f"--slo '{objective.text}': {name} is not measured in arm '{self.arm}'"
                    f" ({told}); leave it out, or put '{_another(self, objective)}: ' before it"
                )
        assert one.runs == len(runs)


def _another(plants: Plants, objective: Objective) -> str:
    others = [arm for arm in plants.scenario.model.arms if arm != plants.arm]
    return others[0] if others and objective.arm is None else "ARM"


def _values(answer: Answer) -> Values:
    if answer.died:
        raise RunError(answer.error)
    if answer.error or answer.values is None:
        raise InputError(answer.error)
    return answer.values
