"""The fingerprint does not depend on shards, windows, executor, or on what is looked at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.chance import Stream
from fleet.model.books import BOOTS
from fleet.model.frames import LEVELS
from fleet.plan.partition import link_place, partition, pool_place
from fleet.running import ray_cluster
from fleet.simulation import Simulation

ARMS = worlds.ARMS


@given(
    world=worlds.scenarios(),
    arm=ARMS,
    shards=st.sampled_from([2, 3, 7, 100]),
    window_ns=st.sampled_from([9_999_999, 100_000_000, 250_000_000]),
)
@settings(max_examples=40)
def test_shards_and_windows(world: dict[str, Any], arm: str, shards: int, window_ns: int) -> None:
    made = worlds.plan(world, arm)
    whole = worlds.run(made, shards=1, window_ns=300_000_000)
    split = worlds.run(made, shards=shards, window_ns=window_ns)
    assert split.tally.fingerprint() == whole.tally.fingerprint()
    assert worlds.by_second(split.tally) == worlds.by_second(whole.tally)
    assert worlds.finished(split) == worlds.finished(whole)


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("ray_started")
@pytest.mark.parametrize("arm", ["on_sensor", "cloud"])
def test_ray_gives_the_same_bits(arm: str) -> None:
    events = [
        {"at": "700 ms", "outage": "metro", "lasts": "200 ms"},
        {"at": "900 ms", "crash": "cam", "lasts": "300 ms"},
    ]
    made = worlds.plan(worlds.scenario(events=events, warm_up="650 ms"), arm)
    local = worlds.run(made)
    for how in (
        {"shards": 1},
        {"shards": 2, "window_ns": 100_000_000},
        {"shards": 3, "window_ns": 2_000_000_000},
        {"sensors_per_actor": 1},
    ):
        outcome = worlds.run(made, executor="ray", **how)
        assert outcome.tally.fingerprint() == local.tally.fingerprint(), how
        assert worlds.by_second(outcome.tally) == worlds.by_second(local.tally), how
        assert worlds.captured(outcome) == worlds.captured(local)


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("ray_started")
def test_too_many_actors_are_refused_with_a_number() -> None:
    from fleet.errors import InputError

    with pytest.raises(InputError, match=r"1000000 actors need about .* enough for \d+"):
        ray_cluster.check_memory(1_000_000)


@given(world=worlds.scenarios(), arm=ARMS, stops=st.lists(st.integers(1, 299), max_size=4))
@settings(max_examples=25)
def test_stepping_and_looking_change_nothing(
    world: dict[str, Any], arm: str, stops: list[int]
) -> None:
    whole = worlds.run(worlds.plan(world, arm)).tally.fingerprint()
    with Simulation(worlds.load(world), arm) as sim:
        for stop in sorted(set(stops)):
            sim.run(until=f"{stop} ms")
            if sim.now_ns > sim.plan.warm_up_ns:
                sim.summary()
            _ = sim.sensor(sim.sensors[0]).state, sim.sensor(sim.sensors[-1]).counters
        sim.run(until=sim.plan.end_ns)
        assert sim._executor.tally().fingerprint() == whole


@given(world=worlds.scenarios(), shards=st.integers(1, 9))
@settings(max_examples=60)
def test_every_sensor_and_link_has_one_owner(world: dict[str, Any], shards: int) -> None:
    made = worlds.plan(world, "edge")
    parts = partition(made, shards)
    sensors = sorted(s for part in parts.shards for s in part.ids)
    assert sensors == list(range(made.size))
    owners = sum(part.links.astype(int) for part in (*parts.shards, *parts.regions))
    assert (owners == 1).all()
    pools = sum(part.pools.astype(int) for part in (*parts.shards, *parts.regions))
    used = np.unique(made.pools.of[made.pools.of >= 0])
    assert (pools[used] == 1).all()
    assert pools.sum() == len(used)
    for part in parts.shards:
        for s, leave in zip(part.ids, part.leave, strict=True):
            for level in range(LEVELS):
                link = made.links.of[level][s]
                assert link < 0 or part.links[link] == (link_place(level) < leave)
            pool, level = made.pools.of[s], int(made.pools.level[s])
            assert pool < 0 or part.pools[pool] == (pool_place(level) < leave)


def test_who_has_a_region_to_himself_hands_nothing_over() -> None:
    """Two regions, one of them with an autoscaler, over one, two and three shards."""
    group = {"count": 4, "cells": 2, "rate": "25 fps", "app": "watch"}
    metro = {"technology": "test-backhaul", "shared_by": "city"}
    made = worlds.plan(
        worlds.scenario(
            sensors={"a": {**group, "uplink": "metro-a"}, "b": {**group, "uplink": "metro-b"}},
            links={
                "metro-a": {**metro, "to": "wan-a"}, "metro-b": {**metro, "to": "wan-b"},
                "wan-a": {"technology": "test-wan", "shared_by": "city", "to": "cloud"},
                "wan-b": {"technology": "test-wan", "shared_by": "city", "to": "far"},
            },
            regions={"far": {"servers": 1, "autoscale": {
                "min": 1, "max": 4, "target": "1 %", "every": "200 ms", "boot": "100 ms",
                "cooldown": "400 ms",
            }}},
        ),
        "cloud",
    )  # fmt: skip
    alone, both, more = (partition(made, shards) for shards in (1, 2, 3))
    assert alone.regions == both.regions == ()
    assert [set(made.links.region_of[part.ids]) for part in both.shards] == [{0}, {1}]
    assert len(more.regions) > 0
    runs = [worlds.run(made, shards=shards, window_ns=300_000_000) for shards in (1, 2, 3)]
    slow = worlds.run(made, engine="reference")
    assert {run.tally.fingerprint() for run in runs} == {slow.tally.fingerprint()}
    assert slow.tally.servers[:, BOOTS].sum() > 0


def test_adding_a_sensor_changes_no_other_draw() -> None:
    small = worlds.plan(worlds.scenario(), "cloud")
    more = worlds.scenario()
    more["sensors"]["aaa"] = {**more["sensors"]["cam"], "count": 3}
    large = worlds.plan(more, "cloud")
    shift = large.size - small.size
    for keys in ("capture_keys", "scene_keys", "size_keys", "radio_keys", "phase", "name_hash"):
        assert (getattr(large.sensors, keys)[shift:] == getattr(small.sensors, keys)).all()
    assert len(set(Stream)) == len(Stream.__members__)  # no two are one


def test_arms_share_their_scene() -> None:
    data = worlds.scenario(duration="30 s")
    from fleet.model.books import CAPTURED, VISITORS

    seen = []
    for arm in ("on_sensor", "cloud"):
        outcome = worlds.run(worlds.plan(data, arm))
        seen.append(outcome.tally.sensors[:, [CAPTURED, VISITORS]].tolist())
        objects = [(r[0], r[1], r[2]) for r in worlds.finished(outcome)]
        seen.append(dict.fromkeys(objects[:200]))
    assert seen[0] == seen[2]
    common = set(seen[1]) & set(seen[3])
    assert len(common) > 100


def test_replications_and_seeds_differ() -> None:
    loaded = worlds.scenario(duration="1 s")
    prints = {
        worlds.run(
            worlds.plan({**loaded, "seed": seed}, "cloud", replication=r)
        ).tally.fingerprint()
        for seed in (1, 2)
        for r in (0, 1)
    }
    assert len(prints) == 4


TWO_NODES = """
import json, warnings
warnings.simplefilter("ignore")
from ray.cluster_utils import Cluster
import ray
import worlds
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
cluster.add_node(num_cpus=1)
cluster.wait_for_nodes()
made = worlds.plan(worlds.scenario(), "cloud")
outcome = worlds.run(
    made, executor="ray", shards=2, window_ns=250_000_000, ray_address=cluster.address, keep=False
)
print(json.dumps([sum(n['Alive'] for n in ray.nodes()), outcome.tally.fingerprint()]))
ray.shutdown()
cluster.shutdown()
"""
LISTENERS = """
import json, psutil
from fleet.running import ray_cluster
ray_cluster.connect(None)
import ray
ray.get(ray.remote(lambda: 1).remote())
mine = [psutil.Process(), *psutil.Process().children(recursive=True)]
found = [c.laddr.ip for p in mine for c in p.net_connections("inet") if c.status == "LISTEN"]
ray_cluster.disconnect()
print(json.dumps(found))
"""


@pytest.mark.ray
def test_ray_listens_on_loopback_only() -> None:
    done = subprocess.run([sys.executable, "-c", LISTENERS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) >= 3
    assert {ip.removeprefix("::ffff:") for ip in found} == {"127.0.0.1"}


@pytest.mark.ray
def test_two_nodes_give_the_same_bits() -> None:
    """A cluster of two nodes, as processes on this machine; the driver joins it by address."""
    # What this process has told its own Ray, to stay on loopback, is not for a cluster.
    env = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, "-c", TWO_NODES],
        env={**env, "PYTHONPATH": str(worlds.HERE)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    nodes, found = json.loads(done.stdout.splitlines()[-1])
    assert nodes == 2
    made = worlds.plan(worlds.scenario(), "cloud")
    assert found == worlds.run(made).tally.fingerprint()
