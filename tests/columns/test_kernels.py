"""Kernels against plain Python: themselves without the compiler, and what they stand for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.columns import order
from fleet.columns.frame_store import Store
from fleet.model import capture, frames
from fleet.model.frames import (
    CLOCK,
    FATE,
    FRAME,
    FREE,
    IN_FLIGHT,
    RESULT,
    SENSOR,
)

HERE = Path(__file__).parents[1]
PLAIN = """
import json, sys, warnings
warnings.simplefilter("ignore")  # unsigned numbers wrap around, as they are meant to
import worlds
prints = []
for data, arm in json.load(sys.stdin):
    prints.append(worlds.run(worlds.plan(data, arm)).tally.fingerprint())
print(json.dumps(prints))
"""


def some_worlds() -> list[tuple[dict[str, object], str]]:
    """Return worlds that between them go through every kernel."""
    radio = {
        "cell": {
            "technology": "test-radio", "shared_by": "cell", "to": "metro", "rate": "3 Mbit/s",
            "loss": "2 %", "cap": "20 kB", "throttled_rate": "200 kbit/s",
        },
        "metro": {
            "technology": "test-backhaul", "shared_by": "city", "to": "wan",
            "loss": {"gap": "60 ms", "burst": "30 ms", "bad": "60 %", "good": "1 %"},
        },
        "wan": {"technology": "test-wan", "shared_by": "city", "to": "cloud"},
    }  # fmt: skip
    cloud = {
        "server": "test-npu", "servers": 2, "batch": {"max": 4, "wait": "3 ms"}, "decode": True,
        "more": {"test-gpu": 1}, "deadline": "50 ms", "queue": 7,
    }  # fmt: skip
    events = [
        {"at": "100 ms", "outage": "metro", "lasts": "60 ms"},
        {"at": "150 ms", "crash": "cam", "lasts": "40 ms"},
        {"at": "200 ms", "profile": "cam", "rate": "50 fps", "demand": "3"},
    ]
    base = {"duration": "400 ms", "links": radio, "cloud": cloud, "events": events}
    poisson = worlds.scenario(**base)
    poisson["sensors"]["cam"]["capture"] = "poisson"
    shared = worlds.scenario(**base)
    shared["sensors"] = {
        name: {**shared["sensors"]["cam"], **group}
        for name, group in (("cam", {"weight": 3}), ("b", {"weight": 2}), ("c", {"priority": 1}))
    }
    rewrite = [{"at": "100 ms", "rewrite": "cam", "model": "slow"}]
    made = [
        (worlds.scenario(**base), "cloud"),
        (worlds.scenario(**base), "on_sensor"),
        (poisson, "cloud"),
        (shared, "cloud"),
        (worlds.scenario(duration="400 ms", events=rewrite), "on_sensor"),
    ]
    for publish in ("on change", "every 3 inferences"):
        arm = {"device": "test-ai", "model": "tiny", "publish": publish, "output": "roi"}
        made.append((worlds.scenario(duration="300 ms", arms={"on_sensor": arm}), "on_sensor"))
    return made


def test_compiled_and_plain_python_give_the_same_bits() -> None:
    made = some_worlds()
    env = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(HERE)}
    done = subprocess.run(
        [sys.executable, "-c", PLAIN], input=json.dumps(made), env=env, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    compiled = [worlds.run(worlds.plan(data, arm)).tally.fingerprint() for data, arm in made]
    assert json.loads(done.stdout) == compiled


_few_clocks = st.integers(0, 3)
_many_clocks = st.integers(0, 2**40)


@given(
    who=st.lists(
        st.tuples(st.integers(0, 90), st.integers(0, 90), st.one_of(_few_clocks, _many_clocks)),
        max_size=300,
        unique_by=lambda frame: frame[:2],
    ),
    rotate=st.integers(0, 300),
    until=st.one_of(_few_clocks, _many_clocks),
)
def test_order_is_what_sorted_says(
    who: list[tuple[int, int, int]], rotate: int, until: int
) -> None:
    columns = np.zeros((frames.WIDTH, max(1, len(who))), dtype=np.int64)
    for i, (sensor, frame, clock) in enumerate(who):
        columns[[SENSOR, FRAME, CLOCK], i] = sensor, frame, clock
    start = np.roll(np.arange(len(who)), rotate)
    given_order = start.tolist()
    found, late = (part.tolist() for part in order.due(columns, start, until))
    early = [i for i in given_order if who[i][2] < until]
    assert found == sorted(early, key=lambda i: (who[i][2], who[i][0], who[i][1]))
    assert late == [i for i in given_order if who[i][2] >= until]
    assert start.tolist() == given_order
    assert order.due(columns, start, until, sort=False)[0].tolist() == early


def test_many_frames_at_one_time_are_put_in_order() -> None:
    columns = np.zeros((frames.WIDTH, 5000), dtype=np.int64)
    columns[SENSOR] = np.random.default_rng(1).permutation(5000)
    columns[CLOCK] = 7 + (columns[SENSOR] > 4990)
    found, _ = order.due(columns, np.arange(5000), 9)
    assert columns[SENSOR][found].tolist() == list(range(5000))


@given(
    kinds=st.lists(st.integers(0, 2), min_size=1, max_size=6),
    until=st.integers(1, 10**9),
    period=st.tuples(st.integers(10**6, 10**9), st.integers(1, 7)),
)
@settings(max_examples=60)
def test_count_says_how_many_frames_are_due(
    kinds: list[int], until: int, period: tuple[int, int]
) -> None:
    clocks = capture.Clocks.zeros(len(kinds))
    keys = np.arange(1, len(kinds) + 1).astype(np.uint64)
    trace = np.arange(3, 10**9, 10**8)
    for s, kind in enumerate(kinds):
        clocks.kind[s], (clocks.num[s], clocks.den[s]) = kind, period
        clocks.anchor[s] = 17 * s
        clocks.trace_end[s] = len(trace)
    capture.begin(clocks, keys, trace)
    before = clocks.copy()
    found = capture.count(clocks, keys, trace, np.arange(len(kinds)), until)
    assert (clocks == before).all()
    stepped = 0
    for s in range(len(kinds)):
        while clocks.next_ns[s] < until:
            stepped += 1
            now = clocks.next_ns[s]
            clocks.next_frame[s] += 1
            clocks.next_ns[s] = capture.due_ns(clocks, s, keys[s], trace, now)
    assert found == stepped


@given(steps=st.lists(st.tuples(st.integers(0, 900), st.floats(0, 1)), max_size=25))
@settings(max_examples=60)
def test_store_hands_out_each_slot_once(steps: list[tuple[int, float]]) -> None:
    store, live, sequence = Store(), set(), np.random.default_rng(0)
    for count, share in steps:
        slots = store.take(count)
        assert slots.tolist() == sorted(set(slots.tolist()))
        assert not live & set(slots.tolist())
        store.columns[FATE, slots] = IN_FLIGHT
        live |= set(slots.tolist())
        ending = [slot for slot in sorted(live) if sequence.random() < share]
        store.columns[FATE, ending] = RESULT
        found: list[int] = []
        store.sweep(lambda ended, found=found: found.extend(ended.tolist()))  # type: ignore[misc]
        assert found == ending
        live -= set(ending)
        again = Store()
        again.load(store.save())
        assert set(np.flatnonzero(again.columns[FATE] != FREE).tolist()) == live


def test_kernels_say_what_they_do() -> None:
    """Every kernel that others call has a docstring; a helper below it may go without."""
    import ast

    for path in (HERE.parent / "fleet").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            marks = {d.id for d in getattr(node, "decorator_list", []) if isinstance(d, ast.Name)}
            if marks & {"kernel", "part"} and not node.name.startswith("_"):  # type: ignore[attr-defined]
                assert ast.get_docstring(node), f"{path.name}: {node.name}"  # type: ignore[arg-type]
