"""The benchmark measures what it says and fails on wrong answers only."""

from __future__ import annotations

import cProfile
import json
import os
import pstats
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.bench import job, memory, peers, suite, workloads
from fleet.bench.job import Job, Measured
from fleet.cli import main as cli
from fleet.errors import InputError, RunError
from fleet.running.options import Options
from fleet.running.run import simulate


def measured(frames: int, run_s: float, fingerprint: str = "a") -> Measured:
    return Measured(frames, [run_s, run_s / 2, 2 * run_s], 0.0, fingerprint, 1, 1.0)


@pytest.mark.ray
def test_the_smallest_size_from_the_shell(tmp_path: Path) -> None:
    """All but its time to the first answer, which other tests wait for, too."""
    parts = ("engines", "city", "scaling", "memory", "simpy", "live")
    asked = [word for part in parts for word in ("--only", part)]
    done = subprocess.run(
        [sys.executable, "-m", "fleet", "bench", "--size", "smoke", "-o", str(tmp_path / "b.json"),
         *asked], capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "b.json").read_text())
    assert found["schema"] == "fleet-bench/1"
    assert found["machine"]["cores"] == os.cpu_count()
    what = " ".join(line["what"] for line in found["findings"])
    for part in (
        "reference engine", "frames a second", "2 Ray shards", "beside the kernels", "memory of",
        "plain SimPy", "live eyes",
    ):  # fmt: skip
        assert part in what
        assert part in " ".join(done.stdout.replace("│", " ").split())
    assert all(line["met"] is None for line in found["findings"])
    assert sum(found["kernels_ns"]["cloud"].values()) > 50
    runs = found["runs"]
    assert runs["cloud, local"]["fingerprint"] == runs["cloud, ray-2"]["fingerprint"]
    for spent in runs["cloud, ray-2"]["spent"].values():
        assert sum(spent) == pytest.approx(1.0, abs=0.05)
    assert runs["cloud, ray-2"]["peak_transfer_mb"] == 0.0  # each shard has a region to itself


def test_a_size_that_is_not_there() -> None:
    with pytest.raises(InputError, match="--size 'huge' is not one of smoke, standard, city-day"):
        suite.Bench("huge", lambda part, share: None)
    with pytest.raises(SystemExit) as stop:
        cli.main(["bench", "--size", "huge"])
    assert stop.value.code == 2
    with pytest.raises(InputError, match=r"--only 'day' is not one of engines, city, .*, first an"):
        suite.Bench("standard", lambda part, share: None, ["day"])
    assert "day" in suite.Bench("city-day", lambda part, share: None).parts


def test_different_results_fail() -> None:
    with pytest.raises(RunError, match="the engines give different results"):
        suite._equal("the engines", measured(1, 1.0), measured(1, 1.0, "b"))


def test_targets_are_judged_at_their_size_only() -> None:
    bench = suite.Bench("standard", lambda part, share: None)
    bench._find("speed", 7.0, "x", 5)
    bench._find("memory", 7.0, "GB", 5, most=True)
    assert [line.met for line in bench.report.findings] == [True, False]
    assert [line.target for line in bench.report.findings] == [">= 5", "<= 5"]
    bench.size = replace(bench.size, full=False)
    bench._find("speed", 7.0, "x", 5)
    assert bench.report.findings[-1].met is None


def test_exponent_and_median() -> None:
    points = [(n, measured(n, 3e-6 * n**1.2)) for n in (10_000, 100_000, 1_000_000)]
    assert suite.exponent(points) == pytest.approx(1.2)
    assert measured(60, 3.0).median_s == 3.0
    assert measured(60, 3.0).rate == 20.0


def test_plain_simpy_gives_the_same_latencies_and_would_not_if_it_were_other_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    same = peers.compare(60, "3 s")
    assert same is not None
    assert same.difference_ns == 0
    assert same.frames > 1500
    real = peers.chain
    monkeypatch.setattr(peers, "chain", lambda plan: {**real(plan), "server_ns": 1_000_001})
    other = peers.compare(60, "3 s")
    assert other is not None
    assert other.difference_ns != 0
    monkeypatch.setattr(peers, "SCRIPT", Path("not-there.py"))
    assert peers.compare(60, "3 s") is None


def test_a_job_says_how_long_and_where() -> None:
    found = job.perform(Job(workloads.city(60, 10, "5 s"), warm_up="1 s", profile=True))
    assert found.frames == 3000
    assert found.kernels_ns["turn.take"] > 1
    assert all(ns > 0 for ns in found.kernels_ns.values())
    with cProfile.Profile() as profile:
        simulate(workloads.plan(workloads.city(60, 10, "1 s"), "cloud"), Options(executor="local"))
    total_s = pstats.Stats(profile).total_tt  # type: ignore[attr-defined]
    assert sum(job.kernel_times(profile).values()) == pytest.approx(total_s)
    with pytest.raises(RunError, match="a measurement failed"):
        job.measure(Job(workloads.city(60, 10, "5 s"), arm="nowhere"))


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="asks Linux")
def test_memory_counts_children() -> None:
    child = """
x = bytearray(60_000_000)
x[::4096] = bytes(len(x[::4096]))
print("ready", flush=True)
input()
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", child], **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        alone, both = memory.tree_bytes(process.pid), memory.tree_bytes(os.getpid())
        process.communicate(b"\n")
    assert alone is not None
    assert both is not None
    assert 60_000_000 < alone < both - 10_000_000  # this process has as much itself
    assert memory.tree_bytes(2**22 + 1) == 0
