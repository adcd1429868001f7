"""How late the results of an arm were, and which of its frames became results at all.

Symbols: capture c, consumer d; latency = d - c of results. Percentiles come from the merged
histogram (`fleet.sketch`), never from averages of percentiles, and have the digits that it knows.

An arm chooses of which frames its latency is: those that it loses or skips are in no mean and no
percentile. So the shares of the frames due that became results in time stand beside (`delivered`).
Frames that a publishing rule held back are not due: the sensor knows what is on them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fleet.model.books import CAPTURED, CAPTURED_BEFORE, ENDED_BEFORE, FATE_0, LATENCY_MAX_NS
from fleet.model.frames import RESULT, SKIP_CAUSES, SKIP_NOT_PUBLISHED, STAGES
from fleet.results.frames import ALL
from fleet.results.metric import MS, SHARE, Better, Metric, Section, part
from fleet.running.run import Outcome
from fleet.sketch import quantiles_ns, sum_of_slowest_ns, within

RANKS = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "p999": 0.999}
WITHIN_NS = {
    "within_100_ms": 10**8,
    "within_200_ms": 2 * 10**8,
    "within_500_ms": 5 * 10**8,
    "within_1_s": 10**9,
}


def _latency(name: str, meaning: str, label: str) -> Metric:
    return Metric(
        f"latency_ms.{name}", MS, f"{meaning} of the results", Better.LESS, Section.LATENCY,
        label, group=f"groups.{{}}.latency_ms.{name}", stepped=name in RANKS,
    )  # fmt: skip


@part(
    "latency_ms",
    _latency("p50", "Median of the latencies", "median"),
    _latency("p95", "95th percentile of the latencies", "p95"),
    _latency("p99", "99th percentile of the latencies", "p99"),
    _latency("p999", "99.9th percentile of the latencies", "p99.9"),
    _latency("max", "Highest of the latencies", "max"),
    _latency("mean", "Mean of the latencies", "mean"),
)
def latency_ms(outcome: Outcome) -> dict[str, float | None]:
    """Return the latency of the results of an arm; see `latency_of`."""
    return latency_of(outcome)


def latency_of(outcome: Outcome, group: int | None = None) -> dict[str, float | None]:
    """Return the latency of the results of a group, or of all; None where there is no result.

    Mean and maximum are exact; percentiles are rounded up to a step of `fleet.sketch`.
    """
    tally, plan = outcome.tally, outcome.plan
    chosen = np.full(plan.size, True) if group is None else plan.sensors.group_of == group
    counts = tally.latency.sum(axis=0) if group is None else tally.latency[group]
    stages = tally.stages_ns.sum(axis=0) if group is None else tally.stages_ns[group]
    results = int(counts.sum())
    longest = int(tally.sensors[chosen, LATENCY_MAX_NS].max(initial=0))
    quantiles = quantiles_ns(counts, list(RANKS.values()), longest)
    return {
        "mean": _ms(int(stages.sum()) / results) if results else None,
        **{name: None if q is None else _ms(q) for name, q in zip(RANKS, quantiles, strict=True)},
        "max": _ms(longest) if results else None,
    }


@part(
    "mean_latency_share_of_slowest_permille",
    Metric(
        "mean_latency_share_of_slowest_permille", SHARE,
        "What of the mean latency comes from the slowest 0.1 % of the results",
        section=Section.LATENCY, label="from the slowest 0.1 %", of="of mean",
    ),
)  # fmt: skip
def share_of_slowest(outcome: Outcome) -> float | None:
    """Return which share of the mean latency comes from the slowest 0.1 % of the results.

    Their sum is read from the histogram, to 0.1 %; where 0.1 % is no whole number of results, a
    part of one counts.
    """
    return _share_of(outcome, 0.001)


@part(
    "mean_latency_share_of_slowest_percent",
    Metric(
        "mean_latency_share_of_slowest_percent", SHARE,
        "What of the mean latency comes from the slowest 1 % of the results",
    ),
)  # fmt: skip
def share_of_slowest_percent(outcome: Outcome) -> float | None:
    """Return which share of the mean latency comes from the slowest 1 % of the results."""
    return _share_of(outcome, 0.01)


def _share_of(outcome: Outcome, slowest: float) -> float | None:
    total = int(outcome.tally.stages_ns.sum())
    return sum_of_slowest_ns(outcome.tally.latency.sum(axis=0), slowest) / total if total else None


_LABELS = {"within_100_ms": "result within 100 ms", "within_1_s": "result within 1 s"}
_HELD_BACK = "every frame was held back by a publishing rule"


_DUE = (*ALL, (f"frames.skipped.{SKIP_CAUSES[SKIP_NOT_PUBLISHED]}", -1))
"""The frames that were due (`Metric.out_of`)."""


@part(
    "delivered",
    *(
        Metric(
            f"delivered.{name}", SHARE,
            f"Frames due that became results {name.replace('_', ' ')}", Better.MORE,
            Section.LATENCY if name in _LABELS else None, _LABELS.get(name, ""), "of due",
            why=_HELD_BACK,
        )
        for name in WITHIN_NS
    ),
    Metric(
        "delivered.never", SHARE, "Frames due that were skipped or lost", Better.LESS,
        Section.LATENCY, "no result: skipped, lost", "of due", why=_HELD_BACK,
        out_of=_DUE,
    ),
)  # fmt: skip
def delivered(outcome: Outcome) -> dict[str, Any]:
    """Return the frames that were due, and the shares of them that became results, and did not.

    Due are all frames captured, and under way at the end of a warm-up, but those that a publishing
    rule held back. Those in flight at the end are due and not delivered; `never` is the share that
    was skipped or lost.
    """
    counts = outcome.tally.sensors.sum(axis=0)
    due = int(counts[CAPTURED] + counts[CAPTURED_BEFORE] - counts[ENDED_BEFORE])
    due -= int(counts[FATE_0 + SKIP_NOT_PUBLISHED])
    latency = outcome.tally.latency.sum(axis=0)
    shares = {name: within(latency, limit_ns) for name, limit_ns in WITHIN_NS.items()}
    shares["never"] = due - int(counts[FATE_0 + RESULT]) - outcome.in_flight
    return {
        "due_frames": due,
        **{name: frames / due if due else None for name, frames in shares.items()},
    }


_TITLES = {
    "sense": "sense", "compute": "compute / encode", "uplink": "uplink", "backhaul": "backhaul",
    "wan": "wan", "decode": "decoding", "queue": "server queue", "infer": "server inference",
    "return": "way back",
}  # fmt: skip


@part(
    "stages_ms",
    *(
        Metric(
            path := f"stages_ms.{stage}", MS, f"Mean time of a result in the stage {stage}",
            Better.LESS, Section.STAGES, _TITLES[stage], shown_if=path, compared=None,
            objective=False,
        )
        for stage in STAGES
    ),
)  # fmt: skip
def stages_ms(outcome: Outcome) -> dict[str, float | None]:
    """Return the mean time that a result spent in each stage; they sum to the mean latency."""
    results = int(outcome.tally.latency.sum())
    total = outcome.tally.stages_ns.sum(axis=0)
    return {
        stage: _ms(int(total[i]) / results) if results else None for i, stage in enumerate(STAGES)
    }


def _ms(ns: float) -> float:
    return ns / 1e6  # times 1e-6 would add digits that are not known
