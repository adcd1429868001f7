"""The warm-up of a steady scenario that says `warm_up: auto`: found in a pilot, then cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from fleet.results.mser import BATCH_S, LEAST_BATCHES, WarmUp, mser5, series
from fleet.running.trial import Trial
from fleet.scenario.load import Scenario
from fleet.scenario.schema import AUTO
from fleet.study.job import Job, prepare
from fleet.study.trials import Carried

PILOTS = 5
"""So many replications are looked at, if there are as many."""


def check(scenario: Scenario) -> None:
    """Refuse to look for the warm-up of what is not steady, or too short to tell.

    Raises:
        InputError: says which.
    """
    model, at = scenario.model, ("warm_up",)
    if any(event.at is not None for event in model.events):
        raise scenario.error(
            at,
            "'auto' is for what goes on as it began, and 'events' at stated times change that; give"
            " a time, such as '10 s'",
        )
    least_s = BATCH_S * LEAST_BATCHES
    if model.duration < least_s * 10**9:
        raise scenario.error(
            at,
            f"'auto' takes a 'duration' of {least_s} s or more to tell; give a time, such as '1 s'",
        )


def with_warm_up(job: Job, carry_out: Callable[[Sequence[Trial]], Carried]) -> Job:
    """Return a job whose warm-up is a time.

    The first replications run once without one. By MSER-5 each metric of each arm has a warm-up,
    and the longest is taken for all: arms stay paired. All runs are then run with it, and every
    frame meets the same fate in them as it did.

    Args:
        job: one that may say `auto`.
        carry_out: carries trials out.

    Raises:
        InputError: the scenario is not steady, or too short.
    """
    if job.scenario.model.warm_up != AUTO:
        return job
    check(job.scenario)
    pilots = [trial for trial in job.trials if trial.replication < PILOTS]
    warm_ups = [
        (mser5(values), metric, arm)
        for arm, outcomes in carry_out(pilots).outcomes.items()
        for metric, values in series(outcomes)
    ]
    nothing = (WarmUp(0, past_half=False), "nothing", "any arm")
    longest, metric, arm = max(
        warm_ups, key=lambda one: (one[0].past_half, one[0].seconds), default=nothing
    )
    replications = job.scenario.model.replications
    again = prepare(
        job.scenario.changed(f"warm_up={longest.seconds} s"), arms=list(job.plans),
        placements=job.placements, replications=replications,
    )  # fmt: skip
    return replace(
        again,
        prepared_s=job.prepared_s + again.prepared_s,
        warm_up={
            "by": "MSER-5", "seconds": longest.seconds, "metric": metric, "arm": arm,
            "past_half": longest.past_half,
            "pilots": max(trial.replication for trial in pilots) + 1,
        },
    )  # fmt: skip
