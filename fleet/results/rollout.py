"""How the model rewrites of an arm went."""

from __future__ import annotations

from typing import Any

from fleet.results.metric import BYTES, REWRITES, Better, Metric, S, Section, Unit, part
from fleet.running.run import Outcome


def _metric(
    name: str, unit: Unit, meaning: str, label: str, better: Better = Better.LESS
) -> Metric:
    return Metric(
        f"rollout.{name}", unit, meaning, better, Section.REWRITES, label,
        shown_if="rollout.requests", compared=None, why="no model was written",
    )  # fmt: skip


@part(
    "rollout",
    _metric("written", REWRITES, "Models written into sensors", "written", Better.MORE),
    _metric(
        "from_cache", REWRITES, "Models written from the cache of a sensor's module",
        "of them from the cache", Better.NEITHER,
    ),
    _metric("downlink_bytes", BYTES, "Bytes of models that came to sensors", "sent down"),
    _metric(
        "wait_s.max", S, "Longest wait from the request of a model to the arrival of its bytes",
        "longest wait for the bytes",
    ),
    _metric(
        "blind_s.max", S, "Longest time for which a sensor saw nothing, as it was written",
        "longest blind time",
    ),
)  # fmt: skip
def rollout(outcome: Outcome) -> dict[str, Any]:
    """Return how the model rewrites went that were not over when the warm-up ended.

    `blind_s` is how long a sensor sees nothing while it is written, `wait_s` from the request to
    the arrival of the bytes, `complete_s` from the first request to the last model in place;
    `downlink_bytes` have arrived in the measured time.
    """
    table, plan = outcome.plan.control.rollout, outcome.plan
    at = table.arrived_ns
    arrived = table.down_bits[(at >= plan.warm_up_ns) & (at < plan.end_ns)]
    table = table[(table.asked_ns < plan.end_ns) & (table.written_ns > plan.warm_up_ns)]
    done = table[table.written_ns <= plan.end_ns]
    out: dict[str, Any] = {
        "requests": len(table),
        "written": len(done),
        "from_cache": int((done.down_bits == 0).sum()),
        "downlink_bytes": int(arrived.sum()) // 8,
    }
    if len(done):
        blind = (done.written_ns - done.write_from_ns) * 1e-9
        waits = (done.arrived_ns - done.asked_ns) * 1e-9
        complete = int(done.written_ns.max() - done.asked_ns.min())
        out |= {
            "blind_s": {"mean": float(blind.mean()), "max": float(blind.max())},
            "wait_s": {"mean": float(waits.mean()), "max": float(waits.max())},
            "complete_s": complete * 1e-9,
        }
    return out
