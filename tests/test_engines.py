"""The two engines give every frame the same times and fate, and the same counts."""

from __future__ import annotations

from typing import Any

import pytest
import worlds
from hypothesis import given, settings

from fleet.stages import frames


@given(world=worlds.scenarios(), arm=worlds.ARMS)
@settings(max_examples=300)
def test_engines_agree_on_every_frame(world: dict[str, Any], arm: str) -> None:
    made = worlds.plan(world, arm)
    columns = worlds.run(made)
    reference = worlds.run(made, engine="reference")
    assert worlds.finished(columns) == worlds.finished(reference)
    assert columns.in_flight == reference.in_flight
    assert columns.tally.fingerprint() == reference.tally.fingerprint()


@pytest.mark.parametrize(("buffer", "fit"), [("7 kB", 6), ("6 kB", 5)])
def test_a_free_cell_has_taken_in_the_first_of_many(buffer: str, fit: int) -> None:
    """Six frames of 1274 B come at once: the first needs no buffer, the others wait in full."""
    data = worlds.scenario(
        duration="300 ms",
        links={
            "cell": {
                "technology": "test-radio", "shared_by": "city", "to": "wan",
                "rate": "300 kbit/s", "buffer": buffer, "loss": "0 %",
            },
            "wan": {"technology": "test-wan", "shared_by": "city", "to": "cloud"},
        },
    )  # fmt: skip
    data["sensors"]["cam"].update(rate="3 fps", phase="synchronised")
    data["arms"] = {
        "cloud": {"device": "instant-camera", "codec": "fixed-codec", "model": "single"}
    }
    for engine in ("columns", "reference"):
        outcome = worlds.run(worlds.plan(data, "cloud"), engine=engine)
        lost = [r for r in worlds.finished(outcome) if r[-1] == frames.LOST_CELL_BUFFER]
        assert len(lost) == 6 - fit, engine
