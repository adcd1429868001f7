"""A crew: the team that carries the runs of a study out."""

from __future__ import annotations

from fleet.plan.memo import Memo
from fleet.scenario.load import Scenario
from fleet.study.task import Answer, Shared, Task, carry_out
from fleet.study.team import Team


class Crew(Team[Shared, Task, Answer]):
    """Processes that run trials of a study, as long as a `with` block lasts.

    The task of one that dies is answered with how it died.

    Args:
        scenario: the study's.
        size: how many processes at most.
    """

    def __init__(self, scenario: Scenario, size: int) -> None:
        super().__init__(carry_out, Shared(scenario, Memo()), _died, size)


def _died(how: str) -> Answer:
    return Answer(error=f"{how}; it is run again when the study is gone on with", died=True)
