"""What carrying a plan out would take, told before it begins where that is too much."""

from __future__ import annotations

from fleet import memory
from fleet.errors import InputError
from fleet.model.books import SENSOR_WIDTH
from fleet.plan.plan import Plan
from fleet.plan.stations import bins

MOST_WINDOWS = 10_000_000
_WINDOW_S = 1e-4
"""CPU time of a window in which nothing happens, in one process (measured)."""
_WINDOW_RAY_S = 2e-3
"""Wall time of a window between actors (measured)."""
MOST_LOOKS = 1_000_000
_LOOK_S = 4e-4
"""CPU time of a look at the load of servers (measured)."""


def check(plan: Plan, window_ns: int, processes: int, *, on_ray: bool) -> None:
    """Refuse a run of too many windows, or whose counts do not fit into memory.

    Args:
        plan: what is run.
        window_ns: length of a window.
        processes: shards and regions; each counts for itself until the end.
        on_ray: whether they are apart, so that a window is messages too.

    Raises:
        InputError: it takes too much; says how much.
    """
    windows = -(-plan.end_ns // window_ns)
    if windows > MOST_WINDOWS:
        hours = windows * (_WINDOW_RAY_S if on_ray else _WINDOW_S) / 3600
        raise InputError(
            f"--window {window_ns:,} ns would make {windows:,} windows, which take some"
            f" {hours:,.0f} hours whatever happens in them, more than {MOST_WINDOWS:,}; use a"
            " longer one"
        )
    _check_looks(plan)
    rows = plan.stations.link_rows + 2 * len(plan.sensors.group_names)
    rows += len(plan.links.region_names)
    seconds = 8 * rows * bins(plan.end_ns)
    memory.require(
        (processes + 1) * (seconds + 8 * SENSOR_WIDTH * plan.size),
        f"what arm '{plan.arm}' counts of {bins(plan.end_ns):,} seconds and {plan.size:,} sensors"
        f" in {processes} processes",
        "make 'duration' shorter, or use fewer --shards or sensors",
    )


def _check_looks(plan: Plan) -> None:
    for pool in filter(None, plan.pools.entries):
        rule = pool.autoscaling
        if rule is None:
            continue
        looks = plan.end_ns // rule.every_ns
        if looks > MOST_LOOKS:
            raise InputError(
                f"'autoscale' of '{pool.name}' with 'every' of {rule.every_ns:,} ns would look"
                f" {looks:,} times at the load, some {looks * _LOOK_S / 3600:,.0f} hours"
                f" of a core, more than {MOST_LOOKS:,} times; look less often"
            )
