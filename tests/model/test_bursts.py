"""Losses in bursts: the chain against theory and by brute force; frames by hand, both engines."""

from __future__ import annotations

import math
from bisect import bisect_right
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import worlds

from fleet.chance import exponential, mix64, uniform
from fleet.model.books import DROPPED_BITS, OFFERED_BITS
from fleet.model.bursts import burst_salt, is_bad, resent_in_bursts
from fleet.model.frames import ACCESS, CAPTURE, FATE, LOST_LINK, SENSOR, UPLINK
from fleet.model.link import LinkTable
from fleet.plan.expected import flows, link_bps
from fleet.plan.lossy import in_bursts, sendings
from fleet.plan.plan import Plan

MS, SECOND = 10**6, 10**9
GAP, BURST = 300 * MS, 100 * MS
SHARE, RATE = BURST / (GAP + BURST), 1 / GAP + 1 / BURST
KEY = np.uint64(20260730)
PORT: dict[str, Any] = {"technology": "poe", "rate": "100 Mbit/s", "buffer": "100 MB"}
ALL_OR_NOTHING = {"gap": "300 ms", "burst": "100 ms"}


def points(key: np.uint64, end_ns: int) -> tuple[list[float], list[bool]]:
    """Return (times, whether it is bad from then on) of a chain, cell after cell."""
    cell_ns, times, bad = int(GAP * SHARE), [0.0], [uniform(key, 0) < SHARE]
    for cell in range(end_ns // cell_ns + 1):
        own, draw = np.uint64(mix64(key ^ np.uint64(mix64(np.uint64(cell))))), 0
        at = exponential(own, 0) * cell_ns
        while at < cell_ns:
            times.append(cell * cell_ns + at)
            bad.append(uniform(own, draw + 1) < SHARE)
            draw += 2
            at += exponential(own, draw) * cell_ns
    return times, bad


def test_the_chain_is_read_as_it_is_written_down() -> None:
    """Looked up backwards at any time it is what it is from its begin on."""
    times, bad = points(KEY, 100 * SECOND)
    assert 1000 < len(times) < 1700  # 13.3 a second
    for at in np.random.default_rng(1).integers(0, 100 * SECOND, size=5000).tolist():
        assert is_bad(KEY, at, GAP, BURST) == bad[bisect_right(times, at) - 1]


def test_shares_and_lengths_of_bursts_are_those_of_theory() -> None:
    """Of 6,400 s each 20 ms, within four standard errors: share, lengths, and what is remembered.

    Seen so it is a chain in steps, in which states last geometrically (Gilbert 1960).
    """
    step, many = 20 * MS, 320_000
    seen = np.array([is_bad(KEY, k * step, GAP, BURST) for k in range(many)])
    error = math.sqrt(SHARE * (1 - SHARE) * 2 / (RATE * step * many))
    assert abs(seen.mean() - SHARE) < 4 * error
    turns = np.flatnonzero(np.diff(seen.astype(int))) + 1
    lengths, begins_bad = np.diff(turns), seen[turns[:-1]]
    stays = 1 - math.exp(-RATE * step)
    for is_burst, ends in ((True, (1 - SHARE) * stays), (False, SHARE * stays)):
        runs = lengths[begins_bad == is_burst]
        error = math.sqrt(1 - ends) / ends / math.sqrt(len(runs))
        assert len(runs) > 10_000
        assert abs(runs.mean() - 1 / ends) < 4 * error
    for lag in (1, 3, 8):
        remembered = np.corrcoef(seen[:-lag], seen[lag:])[0, 1]
        assert remembered == pytest.approx(math.exp(-RATE * lag * step), abs=0.015)


def row(good_ppb: int, bad_ppb: int, retries: int, retry_ns: int) -> LinkTable:
    """Return the table of one link that loses in bursts."""
    table = LinkTable.zeros(1)
    table.loss_ppb, table.retries, table.retry_ns = 1, retries, retry_ns
    table.good_ppb, table.bad_ppb, table.gap_ns, table.burst_ns = good_ppb, bad_ppb, GAP, BURST
    return table


@pytest.mark.parametrize(
    ("good", "bad", "retries", "retry", "segments"),
    [(0.0, 1.0, 3, 50, 1), (0.02, 0.7, 2, 30, 8), (0.0, 0.4, 0, 50, 5), (0.1, 0.9, 6, 200, 3)],
)
def test_what_is_sent_again_is_as_theory_has_it(
    good: float, bad: float, retries: int, retry: int, segments: int
) -> None:
    """Frames far apart: how many are lost, what is sent, how many rounds; within four errors."""
    table = row(round(good * 1e9), round(bad * 1e9), retries, retry * MS)
    frames, salt = 20_000, burst_salt(1, 0)
    told = np.array([
        resent_in_bursts(table, 0, salt, KEY, k, 12_000 * segments, k * 40 * SECOND)
        for k in range(frames)
    ])  # fmt: skip
    sent, rounds, lost = told[:, 0] / 12_000 + segments, told[:, 1], 1 - told[:, 2]
    theory = in_bursts(table[0], segments)
    for seen, mean in zip((lost, sent, rounds), theory, strict=True):
        assert abs(seen.mean() - mean) <= 4 * seen.std() / math.sqrt(frames) + 1e-12
    assert sendings(table)[0] == pytest.approx(theory.sent / segments)


def test_one_state_that_never_ends_is_the_loss_of_always() -> None:
    """If both states lose the same it does not matter which: segments are lost independently."""
    always = in_bursts(row(200_000_000, 200_000_000, 3, 50 * MS)[0], 4)
    assert always.sent == pytest.approx(4 * (1 + 0.2 + 0.2**2 + 0.2**3))
    assert always.lost == pytest.approx(1 - (1 - 0.2**4) ** 4)


def lossy(folder: Path, loss: dict[str, Any], seconds: int, **changes: Any) -> Plan:
    """Return the plan of a camera of 50 fps whose port loses in bursts."""
    times = list(range(0, seconds * SECOND, 20 * MS))
    return worlds.lone(folder, times, {**PORT, "loss": loss}, duration=f"{seconds} s", **changes)


def chain_of(plan: Plan, link: int) -> np.uint64:
    """Return the key of a link's chain."""
    own = np.uint64(plan.links.table.burst_key[link])
    return np.uint64(mix64(own ^ burst_salt(plan.seed, plan.replication)))


@pytest.mark.parametrize("engine", worlds.ENGINES)
def test_a_frame_is_sent_again_until_the_burst_is_over(engine: str, tmp_path: Path) -> None:
    """All is lost in a burst, nothing else: a frame comes through in the first round behind it.

    Rounds are 200 ms apart, and there are eight; bursts last for 300 ms and gaps for 100 ms.
    """
    plan = lossy(tmp_path, {"gap": "100 ms", "burst": "300 ms"}, 20)
    port = int(plan.links.of[0][0])
    link = plan.links.table[port]
    assert (int(link.retries), int(link.retry_ns)) == (RETRIES, RETRY)
    key, rows = chain_of(plan, port), worlds.table(worlds.run(plan, engine=engine))
    assert len(rows) > 800
    sent_ns, lost = worlds.FRAME_BITS * 10 + int(link.propagation_ns), 0
    for captured, access, fate in rows[:, [CAPTURE, ACCESS, FATE]].tolist():
        ends = (captured + r * RETRY for r in range(RETRIES + 1))
        waits = [r for r, at in enumerate(ends) if not is_bad(key, at, 100 * MS, 300 * MS)]
        assert (fate == LOST_LINK) == (not waits)
        lost += not waits
        if waits:  # what is sent again takes the port's time, which is 0.1 ms each time
            assert access - captured == waits[0] * (RETRY + worlds.FRAME_BITS * 10) + sent_ns
    assert lost > 5


RETRIES, RETRY = 8, 200 * MS


def test_what_a_link_sends_is_what_is_expected_of_it(tmp_path: Path) -> None:
    """In 400 s, of which batches of 20 s are as good as independent; within four errors."""
    plan = lossy(tmp_path, {"gap": "300 ms", "burst": "100 ms", "bad": "80 %"}, 400)
    port = int(plan.links.of[0][0])
    outcome = worlds.run(plan)
    counts = outcome.tally.links[port]
    assert counts[DROPPED_BITS] == 0
    mean = float(link_bps(plan, flows(plan))[port])
    by_second = outcome.tally.link_bins[plan.stations.bin_of[port]][:400]
    batches = by_second.reshape(20, 20).mean(axis=1)
    assert abs(counts[OFFERED_BITS] / 400 - mean) < 4 * batches.std() / math.sqrt(20)
    assert mean / (50 * worlds.FRAME_BITS) == pytest.approx(sendings(plan.links.table)[port])


@pytest.mark.parametrize(
    "options", [{"window_ns": 70_000_000}, {"shards": 3, "window_ns": 400_000_000}]
)
def test_windows_and_shards_do_not_matter(options: dict[str, Any]) -> None:
    data = worlds.scenario()
    for link in ("cell", "metro"):
        data["links"][link] |= {"rate": "30 Mbit/s", "loss": {**ALL_OR_NOTHING, "bad": "60 %"}}
    plan = worlds.plan(data, "cloud")
    whole = worlds.run(plan)
    assert whole.tally.fingerprint() == worlds.run(plan, engine="reference").tally.fingerprint()
    assert whole.tally.fingerprint() == worlds.run(plan, **options).tally.fingerprint()


def test_all_who_share_a_link_are_in_its_bursts_together() -> None:
    """Of a link that loses all or nothing: whoever comes to it at such a time is lost."""
    data = worlds.scenario(duration="4 s")
    data["links"]["metro"] |= {"rate": "1 Gbit/s", "loss": ALL_OR_NOTHING}
    plan = worlds.plan(data, "cloud")
    key, table = chain_of(plan, plan.links.names.index("metro")), worlds.table(worlds.run(plan))
    came = table[table[:, UPLINK] > 0]
    bad = np.array([is_bad(key, at, GAP, BURST) for at in came[:, UPLINK].tolist()])
    assert (bad == (came[:, FATE] == LOST_LINK)).all()
    assert 20 < bad.sum() < 0.5 * len(bad)
    assert len(set(came[bad, SENSOR].tolist())) == 6


def test_bursts_of_replications_and_links_are_each_their_own() -> None:
    data = worlds.scenario()
    data["links"]["cell"]["loss"] = {"mean": "1 %", "burst": "200 ms"}
    plan = worlds.plan(data, "cloud")
    cells = [k for k, name in enumerate(plan.links.names) if name.startswith("cell")]
    table = plan.links.table
    assert set(table.gap_ns[cells].tolist()) == {19_800 * MS}
    assert set(table.loss_ppb[cells].tolist()) == {10_000_000}
    other = worlds.plan(data, "cloud", replication=1)
    assert len({int(chain_of(p, k)) for p in (plan, other) for k in cells}) == 2 * len(cells)
