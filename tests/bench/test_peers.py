"""Models of one chain of queues in several simulators say the same of every frame."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import by_path
import numpy as np
import pytest

from fleet.bench import peers, workloads
from fleet.errors import RunError
from fleet.model.frames import Rows
from fleet.plan.plan import Plan
from fleet.running.options import Options
from fleet.running.run import simulate

ROOT = Path(__file__).parents[2]
HERE = ROOT / "bench" / "peers"
run = by_path.script("bench/peers/run.py")


def textbook(*, ports: bool = False) -> Plan:
    return workloads.plan(workloads.textbook(40, "700 ms", ports=ports), "cloud")


def passages(plan: Plan, **options: Any) -> Rows:
    how = Options(executor="local", keep=True, **options)
    return peers.passages(simulate(plan, how).tally.rows())


@pytest.mark.parametrize("script", run.PEERS.values())
def test_every_peer_that_is_installed_gives_the_same_frames(script: str) -> None:
    given = json.dumps(peers.chain(textbook()))
    done = subprocess.run(
        [sys.executable, str(HERE / script)], input=given, capture_output=True, text=True
    )
    if "ModuleNotFoundError" in done.stderr and "simpy" not in script:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    frames = np.array(json.loads(done.stdout)["frames"])
    ours = passages(textbook())
    assert len(ours) > 250
    assert peers.difference_ns(ours, frames) == 0
    assert len(np.unique(ours[:, 2] - ours[:, 1])) > 20  # they wait


def test_ways_of_fleet_give_the_same_frames() -> None:
    ours = passages(textbook())
    assert peers.difference_ns(ours, passages(textbook(), engine="reference")) == 0
    later = passages(textbook(ports=True), lanes="always")
    assert peers.difference_ns(ours, later) == workloads.PORT_NS


def test_other_frames_are_told_from_later_ones() -> None:
    ours = passages(textbook())
    late = ours.copy()
    late[7, 2] += 3
    assert peers.difference_ns(ours, late) == 3
    late[7, 1] += 1
    assert peers.difference_ns(ours, late) == float("inf")
    assert peers.difference_ns(ours, ours[1:]) == float("inf")


def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **texts: str) -> dict[str, Path]:
    """Have the bench run scripts that say what the test wants, and nothing of fleet."""
    paths = {name: tmp_path / f"{name}.py" for name in texts}
    for name, text in texts.items():
        paths[name].write_text(text)
    monkeypatch.setattr(run, "PEERS", {name: str(path) for name, path in paths.items()})
    monkeypatch.setattr(run, "FLEET", {})
    return paths


def saying(frames: str) -> str:
    about = '"cpu_s": 2.0, "wall_s": 3.0, "build_cpu_s": 1.0, "peak_mb": 4.0'
    return f'print(\'{{"versions": {{"x": "1"}}, {about}, "frames": {frames}}}\')'


def test_rounds_note_times_and_who_is_missing_or_too_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts(tmp_path, monkeypatch, SimPy=saying("[[0, 1, 5]]"), gone="import not_there",
            slow="while True: pass")  # fmt: skip
    course = run.Field(sys.executable, 1)
    for _ in range(2):
        list(course.round({20: "100 ms", 40: "100 ms"}))
    assert course.missing == {"gone": "ModuleNotFoundError: No module named 'not_there'"}
    assert set(course.rows) == {("SimPy", 20), ("SimPy", 40), ("slow", 20)}
    assert course.rows["slow", 20].over_s == 1
    assert course.rows["slow", 20].cpu_s == []
    first = course.rows["SimPy", 20]
    assert (first.frames, first.cpu_s, first.wall_s, first.peak_mb) == (1, [2.0] * 2, [3.0] * 2, 4)
    assert course.versions == {"x": "1"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (saying("[[0, 1, 6]]"), "other and SimPy differ by 1 ns in when a frame of 20 cameras"),
        (saying("[[0, 1, 5], [1, 1, 5]]"), "other and SimPy differ by inf ns"),
        ("raise ValueError('broken')", "other, 20 cameras: ValueError: broken"),
    ],
)
def test_who_says_something_else_fails_loudly(
    text: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts(tmp_path, monkeypatch, SimPy=saying("[[0, 1, 5]]"), other=text)
    with pytest.raises(RunError, match=complaint):
        list(run.Field(sys.executable, 5).round({20: "100 ms"}))


def test_what_was_not_measured_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    render = by_path.script("scripts/render_peers.py")

    def row(way: str, cameras: int, us: float | None) -> dict[str, Any]:
        cpu_s = [] if us is None else [us, 2 * us]
        return {"way": way, "cameras": cameras, "frames": 1_000_000, "cpu_s": cpu_s,
                "over_s": 60 if us is None else None}  # fmt: skip

    data = {
        "machine": {"cores": 2, "cpu": "chip", "python": "3"}, "peers": {"x": "1"}, "load": [1.0],
        "limit_s": 60, "missing": {"y": "not there"},
        "durations": {"100": "3 s", "1000": "3 s", "10000": "3 s"},
        "rows": [
            *(row(render.YARDSTICK, n, 0.5) for n in (100, 1_000, 10_000)),
            row("Ciw", 100, 50.0), row("Ciw", 1_000, 250.0), row("Ciw", 10_000, None),
        ],
    }  # fmt: skip
    text = "\n".join(render.lines(data))
    assert "| Ciw | 50 (× 100) | 250 (× 500) | some 1,250, extrapolated |" in text
    assert "more than 60 s of CPU" in text
    assert "Left out: y (not there)." in text
