"""The two engines give every frame the same times and fate, and the same counts."""

from __future__ import annotations

from typing import Any

import worlds
from hypothesis import given, settings


@given(world=worlds.scenarios(), arm=worlds.ARMS)
@settings(max_examples=worlds.MANY)
def test_engines_agree_on_every_frame(world: dict[str, Any], arm: str) -> None:
    made = worlds.plan(world, arm)
    columns = worlds.run(made)
    reference = worlds.run(made, engine="reference")
    assert worlds.captured(columns) == worlds.captured(reference)
    assert columns.in_flight == reference.in_flight == len(columns.under_way)
    assert columns.tally.fingerprint() == reference.tally.fingerprint()
    assert worlds.by_second(columns.tally) == worlds.by_second(reference.tally)
