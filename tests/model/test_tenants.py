"""Groups that share servers: priorities and weighted fair shares, by hand, by law and by theory."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st

import fleet
from fleet.errors import InputError
from fleet.lanes.when import Lanes
from fleet.model.frames import (
    DECODED,
    DONE,
    FATE,
    INFER,
    LOST_CLOUD_QUEUE,
    LOST_DEADLINE,
    RESULT,
    SENSOR,
    START,
)
from fleet.plan.plan import Plan
from fleet.plan.tenants import MOST_COST
from fleet.show.estimate import without_tenants
from fleet.show.rows import sections

MS = 1_000_000
GROUP = {"rate": "25 fps", "capture": "poisson", "app": "watch", "uplink": "cell"}
ONE = {"server": "test-gpu", "servers": 1}  # a frame of `single` takes it 1 ms


def shared(groups: dict[str, dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """Return groups of instant cameras that share one server, which takes frame after frame."""
    data = worlds.pool_of_instant_cameras(1, "25 fps", cloud=ONE, **changes)
    data["sensors"] = {name: {"count": 1, **GROUP, **group} for name, group in groups.items()}
    data["arms"]["cloud"]["model"] = changes.get("model", "single")
    data.pop("model", None)
    return data


def served(made: Plan, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the frames that a batch took, in the order in which it did, and their groups."""
    rows = worlds.run(made, **options).frames()
    rows = rows[rows[:, START] >= 0]
    rows = rows[np.lexsort((rows[:, DECODED], rows[:, START]))]
    return rows, made.sensors.group_of[rows[:, SENSOR]]


# By hand --------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", worlds.ENGINES)
@pytest.mark.parametrize(
    ("low", "high", "order"),
    [
        ({}, {}, "llllhhhh"),
        ({}, {"priority": 1}, "lhhhhlll"),
        ({"priority": 7}, {"priority": 1}, "llllhhhh"),
        ({"weight": 1}, {"weight": 3}, "llhhhlhl"),  # tags 3 3, 6 3, 6 4, 6 5, 6 6, 9 6, and l
        ({"weight": 1}, {}, "llhlhlhh"),  # 1 1, 2 1, 2 2, 3 2, 3 3, and h h
        ({"weight": 3, "priority": 2}, {"weight": 1, "priority": 2}, "llhllhhh"),  # 1 1, 2 1, 2 4
    ],
)
def test_whose_turn_it_is(
    low: dict[str, Any], high: dict[str, Any], order: str, engine: str
) -> None:
    """Four frames of each group come 0.1 µs apart, in order of their names.

    The first finds an idle server; all others wait when it is free again.
    """
    sites = {"count": 4, "rate": "1 fps", "capture": "periodic", "phase": "synchronised"}
    data = shared({"a": {**sites, **low}, "b": {**sites, **high}}, duration="900 ms")
    data["links"]["cell"] |= {"shared_by": "sensor", "to": "wan"}
    rows, groups = served(worlds.plan(data, "cloud"), engine=engine)
    assert np.ptp(rows[:, DECODED]) < MS
    assert "".join("lh"[g] for g in groups) == order
    assert (np.diff(rows[:, START]) == MS).all()


# By law ---------------------------------------------------------------------------------------


@given(
    weights=st.tuples(*[st.sampled_from([1, 2, 3, 7, 50, 1000])] * 2),
    most=st.sampled_from([1, 3, 8]),
    seed=st.integers(0, 99),
)
@settings(max_examples=12)
def test_shares_of_who_waits_are_as_weights_within_a_frame_of_each(
    weights: tuple[int, int], most: int, seed: int
) -> None:
    """Goyal, Vin and Cheng (1996), theorem 1, with frames of length 1.

    While both wait the frames taken of f and m keep |W_f / w_f - W_m / w_m| <= 1 / w_f + 1 / w_m.
    """
    groups = {
        name: {"count": 40, "weight": w} for name, w in zip("ab", weights, strict=True)
    }  # 2000 frames a second come, of which 1000 are served
    data = shared(groups, seed=seed, duration="1 s")
    data["cloud"] = {**ONE, "batch": {"max": most, "wait": "0 ns"}}
    rows, of = served(worlds.plan(data, "cloud"))
    mine = [np.flatnonzero(of == g) for g in (0, 1)]
    most_apart, states, both = sum(Fraction(1, w) for w in weights), [Fraction(0)], 0
    ends = [*(np.flatnonzero(np.diff(rows[:, START])) + 1).tolist(), len(rows)]
    for begin, end in pairwise([0, *ends]):  # batch by batch
        took = [Fraction(int((of[begin:end] == g).sum()), weights[g]) for g in (0, 1)]
        left = [k[np.searchsorted(k, end) :][:1] for k in mine]
        wait = all(len(k) and rows[k[0], DECODED] <= rows[begin, START] for k in left)
        states = [*states, states[-1] + took[0] - took[1]] if wait else [Fraction(0)]
        both += wait
        assert max(states) - min(states) <= most_apart
    assert both > len(ends) / 10
    if most == 1:
        half = of[len(of) // 3 :]
        share = (half == 0).mean()
        wanted = weights[0] / sum(weights)
        if 0.5 > wanted > 0.1:  # neither gets more than it asks for
            assert share == pytest.approx(wanted, abs=2 / len(half) + 0.02)


@given(world=worlds.scenarios(), arm=st.sampled_from(["cloud", "edge", "matched"]))
@settings(max_examples=20)
def test_no_batch_takes_a_frame_before_one_of_a_higher_priority_that_waits(
    world: dict[str, Any], arm: str
) -> None:
    world["sensors"]["a"]["priority"], world["sensors"]["b"]["priority"] = 0, 3
    made = worlds.plan(world, arm)
    rows = worlds.run(made).frames()
    rows = rows[(rows[:, DECODED] >= 0) & (made.pools.of[rows[:, SENSOR]] >= 0)]
    pool, high = made.pools.of[rows[:, SENSOR]], made.sensors.group_of[rows[:, SENSOR]] == 1
    left = np.where(rows[:, START] >= 0, rows[:, START], np.inf)
    lost = np.isin(rows[:, FATE], (RESULT, 0), invert=True) & (rows[:, START] < 0)
    left = np.where(lost, rows[:, DONE], left)
    for at, of in {(s, p) for s, p in zip(rows[:, START], pool, strict=True) if s >= 0}:
        taken = (rows[:, START] == at) & (pool == of)
        behind = high & (pool == of) & (rows[:, DECODED] <= at) & (left > at)
        assert not (behind.any() and (taken & ~high).any())


@pytest.mark.parametrize("extra", [{}, {"batch": {"max": 4, "wait": "2 ms"}}])
def test_what_a_full_queue_and_a_deadline_lose_is_told_apart_from_the_order(
    extra: dict[str, Any],
) -> None:
    """They keep their meaning: who comes to a full queue is lost, whoever it is."""
    groups = {"a": {"count": 40}, "b": {"count": 10, "priority": 1}}
    fates = {}
    for name, limit in (("queue", {"queue": 3}), ("deadline", {"deadline": "4 ms"})):
        data = shared(groups)
        data["cloud"] = {**ONE, **limit, **extra}
        rows = worlds.run(worlds.plan(data, "cloud")).frames()
        fates[name] = rows
        late = rows[rows[:, FATE] == LOST_DEADLINE]
        assert (late[:, DONE] - late[:, DECODED] == 4 * MS).all()
        started = rows[rows[:, START] >= 0]
        if name == "deadline":
            assert (started[:, START] - started[:, DECODED] <= 4 * MS).all()
    queued = fates["queue"]
    lost = queued[queued[:, FATE] == LOST_CLOUD_QUEUE]
    assert len(lost)
    for at in lost[:50, DONE].tolist():
        waits = (queued[:, DECODED] >= 0) & (queued[:, DECODED] <= at) & (queued[:, START] > at)
        assert waits.sum() == 3
    assert set(np.unique(fates["deadline"][:, FATE])) >= {RESULT, LOST_DEADLINE}


def test_a_run_does_not_depend_on_how_it_is_split() -> None:
    groups = {"a": {"count": 30, "weight": 3}, "b": {"count": 30}, "c": {"count": 5, "priority": 4}}
    data = shared(groups, duration="1 s", events=[{"at": "500 ms", "failure": "cloud",
                                                   "lasts": "80 ms"}])  # fmt: skip
    data["cloud"] = {**ONE, "batch": {"max": 3, "wait": "4 ms"}, "deadline": "300 ms"}
    made = worlds.plan(data, "cloud")
    prints = {
        worlds.run(made, **how).tally.fingerprint()
        for how in (
            {"shards": 1}, {"shards": 3, "window_ns": 7 * MS + 1}, {"window_ns": MS // 3},
            {"lanes": Lanes.always}, {"engine": "reference"},
        )
    }  # fmt: skip
    assert len(prints) == 1


PRIMES = dict(zip("abcd", (997, 991, 983, 977), strict=True))


def test_a_weight_means_something_among_groups_of_its_priority_only() -> None:
    groups = {"a": {"count": 3}, "b": {}, "c": {"priority": 1}}
    without = worlds.plan(shared(groups), "cloud")
    groups["c"] |= {"weight": 2}
    alone = worlds.plan(shared(groups), "cloud")
    assert any("sensors.c.weight changes nothing" in text for text in alone.notes.remarks)
    assert worlds.finished(worlds.run(alone)) == worlds.finished(worlds.run(without))
    primes = {n: {"priority": k, "weight": w} for k, (n, w) in enumerate(PRIMES.items())}
    assert worlds.plan(shared(primes), "cloud").pool(0).tenants is not None


def test_equal_weights_and_priorities_are_no_new_order() -> None:
    """Of one group, or of one priority without weights, nothing is laid out anew."""
    plain = worlds.plan(shared({"a": {}, "b": {}}), "cloud")
    same = worlds.plan(shared({"a": {"priority": 3}, "b": {"priority": 3}}), "cloud")
    assert plain.pool(0).tenants is same.pool(0).tenants is None
    alone = worlds.plan(shared({"a": {"weight": 3}}), "cloud")
    assert alone.pool(0).tenants is None
    assert any("sensors.a.weight changes nothing" in text for text in alone.notes.remarks)
    assert not any("changes nothing" in text for text in plain.notes.remarks)


# By theory ------------------------------------------------------------------------------------


def waits_ms(seed: int, model: str, **second: Any) -> list[np.ndarray]:
    """Return the waits of two groups of 300 and 400 frames a second at one server; ms."""
    groups = {"a": {"count": 12}, "b": {"count": 16, **second}}
    made = worlds.plan(shared(groups, seed=seed, duration="25 s", model=model), "cloud")
    rows, of = served(made)
    waits = (rows[:, START] - rows[:, DECODED]) / MS
    return [waits[of == g] for g in (0, 1)]


@pytest.mark.parametrize(("model", "square"), [("memoryless", 2.0), ("single", 1.0)])
def test_two_priorities_wait_as_cobham_says(model: str, square: float) -> None:
    """W_k = W_0 / ((1 - s_(k-1)) (1 - s_k)), s_k the load of the k highest priorities.

    Cobham (1954), Priority assignment in waiting line problems, Operations Research 2, 70-76.
    """
    loads, runs = (0.3, 0.4), 12
    rest = sum(loads) * square / 2  # W_0 = λ E[S²] / 2, S of 1 ms
    theory = rest / ((1 - loads[1]) * (1 - sum(loads))), rest / (1 - loads[1])
    found = [waits_ms(seed, model, priority=1) for seed in range(runs)]
    for g in (0, 1):
        means = np.array([waits[g].mean() for waits in found])
        error = means.std(ddof=1) / np.sqrt(runs)
        assert error < 0.05 * theory[g]
        assert abs(means.mean() - theory[g]) < 4 * error, (g, means.mean(), theory[g], error)


@pytest.mark.parametrize("second", [{"priority": 1}, {"weight": 9}, {}])
def test_what_is_waited_in_all_is_kept(second: dict[str, Any]) -> None:
    """Kleinrock's conservation law: Σ ρ_i W_i = ρ W_0 / (1 - ρ), whatever the order.

    Kleinrock (1965), A conservation law for a wide class of queueing disciplines, Naval Research
    Logistics Quarterly 12, 181-192.
    """
    runs, load = 12, 0.7
    kept = [
        sum(share * waits.mean() for share, waits in zip((0.3, 0.4), pair, strict=True))
        for pair in (waits_ms(seed, "memoryless", **second) for seed in range(runs))
    ]
    error = np.std(kept, ddof=1) / np.sqrt(runs)
    theory = load * load / (1 - load)
    assert error < 0.05 * theory
    assert abs(np.mean(kept) - theory) < 4 * error


def test_with_one_service_time_batches_start_at_the_same_times_whatever_the_order() -> None:
    """So the sum of all waits is the same to the nanosecond, and only who waits is another."""
    starts, waits = [], []
    for second in ({}, {"priority": 1}, {"weight": 9}, {"priority": 2, "weight": 5}):
        groups = {"a": {"count": 12}, "b": {"count": 16, **second}}
        rows, of = served(worlds.plan(shared(groups, duration="5 s"), "cloud"))
        starts.append(np.sort(rows[:, START]).tolist())
        waits.append([(rows[:, START] - rows[:, DECODED])[of == g].mean() for g in (0, 1)])
    assert all(one == other for one, other in pairwise(starts))
    (plain, first, shares, _) = waits
    assert first[1] < shares[1] < plain[1]
    assert first[0] > shares[0] > plain[0]


def test_who_suffers_is_told_by_fairness() -> None:
    """Of an overloaded pool: alike without an order, one group starved by priority."""
    groups = {"a": {"count": 30}, "b": {"count": 30}}
    limits = {"cloud": {**ONE, "deadline": "100 ms"}, "duration": "4 s"}
    jain = {}
    for name, second in (("fifo", {}), ("priority", {"priority": 1}), ("weight", {"weight": 3})):
        data = shared({"a": groups["a"], "b": {**groups["b"], **second}})
        found = fleet.run(worlds.load({**data, **limits}), executor="local")
        (arm,) = found.arms.values()
        of = arm["fairness"]["by_group"]
        rows = {label: cells for _, rows in sections(found.numbers) for label, _, cells in rows}
        share = of["a"]["answered_worst_tenth"]
        assert rows["share answered, worst tenth: a"] == [f"{share:.1%}" if share else "0.0%"]
        jain[name] = arm["fairness"]["jain"], of["a"]["answered_worst_tenth"]
    assert jain["fifo"][0] > jain["weight"][0] > jain["priority"][0]
    assert jain["fifo"][1] > jain["weight"][1] > jain["priority"][1]


# What is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "said"),
    [
        ({"priority": 8}, "sensors.a.priority"),
        ({"priority": -1}, "sensors.a.priority"),
        ({"weight": 0}, "sensors.a.weight"),
        ({"weight": 1001}, "sensors.a.weight"),
        ({"weight": "70 %"}, "sensors.a.weight"),
    ],
)
def test_bad_numbers_are_refused(group: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        worlds.load(shared({"a": group, "b": {}}))
    assert said in str(caught.value)


def test_weights_have_a_common_multiple() -> None:
    data = shared({name: {"weight": weight} for name, weight in PRIMES.items()})
    with pytest.raises(InputError) as caught:
        worlds.plan(data, "cloud")
    text = str(caught.value)
    assert "sensors.a.weight" in text
    assert f"{997 * 991 * 983 * 977:,}" in text
    assert f"{MOST_COST:,} is the most" in text
    assert "70 and 30" in text


def test_spent_times_do_not_depend_on_the_order() -> None:
    rows, _ = served(worlds.plan(shared({"a": {"count": 3}, "b": {"priority": 1}}), "cloud"))
    done = rows[rows[:, INFER] >= 0]
    assert (done[:, INFER] - done[:, START] == MS).all()


def test_an_estimate_says_that_it_knows_nothing_of_it() -> None:
    data = shared({"a": {"priority": 2}, "b": {"weight": 3}})
    said = list(without_tenants(worlds.load(data)))
    assert len(said) == 1
    assert said[0].startswith("Without the priority and weight of groups")
    assert list(without_tenants(worlds.load(shared({"a": {}, "b": {}})))) == []
