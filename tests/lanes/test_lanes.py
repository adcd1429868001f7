"""Lanes and columns give the same, whenever one is changed for the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.engine.tally import Tally
from fleet.plan.plan import Plan
from fleet.running.run import Outcome

WINDOWS = st.sampled_from([9_999_999, 100_000_000, 250_000_000, None])


def run(made: Plan, lanes: str, **options: Any) -> Outcome:
    return worlds.run(made, keep=False, lanes=lanes, **options)


def counted(outcome: Outcome) -> list[Any]:
    """Return all that a run counts."""
    tally: Tally = outcome.tally
    computing = dict(zip(outcome.plan.sensors.setup_names, tally.computing_ns.tolist(), strict=True))
    return [
        tally.fingerprint(), worlds.by_second(tally), outcome.in_flight, computing,
        [np.asarray(getattr(tally, name)).tolist() for name in ("sensors", "links", "servers")],
    ]  # fmt: skip


@given(world=worlds.plain_scenarios(), arm=worlds.PLAIN_ARMS, window_ns=WINDOWS)
@settings(max_examples=100)
def test_lanes_and_columns_agree(world: dict[str, Any], arm: str, window_ns: int | None) -> None:
    made = worlds.plan(world, arm)
    columns = run(made, "never", window_ns=window_ns)
    assert counted(run(made, "always", window_ns=window_ns)) == counted(columns)
    assert counted(run(made, "worth")) == counted(columns)
