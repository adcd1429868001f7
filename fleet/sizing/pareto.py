"""Which answers nobody beats: the front over lateness, cost, power and what is seen."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.sizing.answer import Answer

AXES = {
    "latency_ms_p99": 1, "cost_usd_per_sensor_month": 1, "power_w_per_sensor": 1, "recall": -1,
}  # fmt: skip
"""By figure, what is better: less (1) or more (-1)."""


def front(answers: Sequence[Answer]) -> dict[int, int | None]:
    """Return of each answer that is enough a place of one that is better, None for the front.

    One is better than another if it is no worse in any figure that both know, and better in one. A
    figure that only one of them knows tells nothing, but one without any recall is not better than
    one that has it. Answers of different sizes are compared as they are: figures are a sensor's.
    """
    places = [k for k, answer in enumerate(answers) if answer.enough]
    return {
        k: next((j for j in places if j != k and _beats(answers[j], answers[k])), None)
        for k in places
    }


def _beats(one: Answer, other: Answer) -> bool:
    better = False
    for name, sign in AXES.items():
        mine, theirs = one.figures[name], other.figures[name]
        if theirs is not None and mine is None:
            return False
        if mine is None or theirs is None:
            continue
        if sign * mine > sign * theirs:
            return False
        better |= sign * mine < sign * theirs
    return better
