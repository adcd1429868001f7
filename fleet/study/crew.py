"""Crews: teams that carry the runs of a study out."""

from __future__ import annotations

from collections.abc import Mapping

from fleet.scenario.load import Scenario
from fleet.study.task import Answer, Rows, Shared, Task, carry_out
from fleet.study.team import Team
from fleet.study.uncertain import draws
from fleet.study.uncertain.draws import DrawAnswer, DrawTask

AGAIN = "it is run again when the study is gone on with"
_SHORT_S = 2.0
"""So long a task may wait behind another while somebody is free, at the end."""


class Crew(Team[Shared, Task, Answer]):
    """Processes that run trials of a study, as long as a `with` block lasts.

    The task of one that dies is answered with how it died. As long as trials are short, each
    process has its next one before it is done with the last.

    Args:
        scenario: the study's.
        size: how many processes at most.
        draws: of the catalogue, by their names in tasks; None: none.
    """

    def __init__(
        self, scenario: Scenario, size: int, draws: Mapping[str, Rows] | None = None
    ) -> None:
        super().__init__(
            carry_out, Shared(scenario, draws),
            lambda _, how: Answer(error=f"{how}; {AGAIN}", died=True), size,
            short=lambda answer: answer.seconds <= _SHORT_S,
        )  # fmt: skip


class DrawCrew(Team[Shared, DrawTask, DrawAnswer]):
    """Processes that run trials with draws of the catalogue, as long as a `with` block lasts.

    The task of one that dies is answered with how it died.

    Args:
        scenario: what is run.
        size: how many processes at most.
    """

    def __init__(self, scenario: Scenario, size: int) -> None:
        super().__init__(
            draws.carry_out, Shared(scenario),
            lambda _, how: DrawAnswer({}, error=f"{how}; {AGAIN}", died=True), size,
        )  # fmt: skip
