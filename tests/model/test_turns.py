"""Sensors that publish now and then do not all do so at once, unless they are synchronised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import worlds

from fleet.model import frames
from fleet.plan.plan import Plan

S, MS = 10**9, 10**6


def made(publish: str, duration: str, phase: str = "random", **more: Any) -> Plan:
    """Return sensors at 10 fps whose DSP takes every frame."""
    group = {"count": 120, "rate": "10 fps", "app": "watch", "uplink": "cell", "phase": phase}
    arm = {"device": "test-ai", "model": "tiny", "publish": publish}
    data = worlds.scenario(
        duration=duration, sensors={"cam": {**group, **more}}, arms={"on_sensor": arm}
    )
    return worlds.plan(data, "on_sensor")


def sent(plan: Plan, engine: str) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
    """Yield of each sensor its turn, when it had sensed each frame, and which it has sent."""
    rows = worlds.table(worlds.run(plan, engine=engine))
    for s in range(plan.size):
        mine = rows[rows[:, frames.SENSOR] == s]
        assert (np.diff(mine[:, frames.FRAME]) == 1).all()
        said = mine[:, frames.FATE] != frames.SKIP_NOT_PUBLISHED
        yield float(plan.sensors.turn[s]), mine[:, frames.SENSED], said


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_the_first_in_a_time_comes_in_its_turn(engine: str) -> None:
    for turn, sensed, said in sent(made("every 2 s", "5 s"), engine):
        due = int(turn * 2 * S)
        while (later := np.flatnonzero(sensed >= due)).size:
            assert said[later[0]]
            assert not said[(sensed >= due) & (sensed < sensed[later[0]])].any()
            said[later[0]] = False
            due = max(due, int(sensed[later[0]])) + 2 * S
        assert not said.any()


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_one_of_so_many_comes_in_its_turn(engine: str) -> None:
    for turn, _, said in sent(made("every 20 inferences", "5 s"), engine):
        numbers = np.arange(len(said))
        assert (said == ((numbers + int(turn * 20)) % 20 == 0)).all()


def test_turns_are_spread_evenly() -> None:
    """A tenth of the time has a tenth of 120 sensors, by five deviations at most."""
    turn = made("every 60 s", "1 s").sensors.turn
    counts, _ = np.histogram(turn, bins=10, range=(0, 1))
    assert abs(counts - 12).max() < 5 * np.sqrt(120 * 0.1 * 0.9)
    phase = made("every 60 s", "1 s").sensors.phase
    assert abs(np.corrcoef(turn, phase)[0, 1]) < 5 / np.sqrt(120)


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_who_is_synchronised_sends_with_all_others(engine: str) -> None:
    for turn, sensed, said in sent(made("every 60 s", "2 s", "synchronised"), engine):
        assert turn == 0
        assert said[0]
        assert said.sum() == 1
        assert sensed[0] < 100 * MS


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_silent_sensors_say_that_they_are_there_one_after_the_other(engine: str) -> None:
    """Nobody is in view: each says so once as the run begins, and then in its turn."""
    plan = made("on change or every 2 s", "4 s", demand="0 /h")
    for turn, sensed, said in sent(plan, engine):
        assert said[0]
        second = sensed[np.flatnonzero(said)[1]]
        due = int(turn * 2 * S)
        assert second == sensed[sensed >= max(due, int(sensed[0]) + 1)][0] or due <= sensed[0]


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_who_joins_begins_in_its_turn(engine: str) -> None:
    group = {"count": 60, "rate": "10 fps", "app": "watch", "uplink": "cell"}
    arm = {"device": "test-ai", "model": "tiny", "publish": "every 2 s"}
    data = worlds.scenario(
        duration="6 s", sensors={"cam": group}, arms={"on_sensor": arm},
        events=[{"at": "1 s", "join": "cam"}],
    )  # fmt: skip
    plan = worlds.plan(data, "on_sensor")
    rows = worlds.table(worlds.run(plan, engine=engine))
    sent = rows[rows[:, frames.FATE] != frames.SKIP_NOT_PUBLISHED]
    for s, turn in enumerate(plan.sensors.turn):
        mine = rows[rows[:, frames.SENSOR] == s, frames.SENSED]
        first = sent[sent[:, frames.SENSOR] == s, frames.SENSED][0]
        assert first == mine[mine >= S + int(turn * 2 * S)][0]
