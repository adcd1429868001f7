"""However a run on Ray ends, it says so in our words, nothing of it is left, and it can go on."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import pytest
import rays

from fleet.running import ray_cluster

pytestmark = [pytest.mark.ray, pytest.mark.skipif(not Path("/proc").is_dir(), reason="no /proc")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("whom", "number", "code", "words"),
    [
        ("gcs_server", signal.SIGKILL, 3, "fleet: the run failed: Ray's control server (GCS) died"),
        ("raylet", signal.SIGKILL, 3, "fleet: the run failed: Ray's local server (raylet) died"),
        ("", signal.SIGTERM, 143, "fleet: interrupted"),
        ("", signal.SIGKILL, -9, ""),
    ],
)
def test_a_death_is_told_and_leaves_nothing(
    whom: str, number: int, code: int, words: str, tmp_path: Path
) -> None:
    path, output = rays.scenario(tmp_path, "100 s"), tmp_path / "out"
    files = Path(tempfile.mkdtemp(prefix="fe-"))  # a short path, as sockets are made there
    options = ["--no-figures", "--json"]
    running = rays.fleet(
        "run", path, "-o", output, "--executor", "ray", "--checkpoint", "0 s", "--window", "100 ms",
        *options, TMPDIR=str(files),
    )  # fmt: skip
    folder = output.with_name("out.unfinished")
    rays.until(lambda: list(folder.glob("now/*/at-*")) or running.poll() is not None)
    others = rays.below(running.pid)
    assert {"gcs_server", "raylet"} <= set(others.values())
    victims = [pid for pid, name in others.items() if name == whom] or [running.pid]
    os.kill(victims[0], number)
    _, said = running.communicate(timeout=30)
    assert running.returncode == code, said
    assert words in said
    assert "Traceback" not in said
    if words:
        assert "fleet: go on with: fleet run --resume" in said
    rays.until(lambda: not any(map(rays.alive, others)) and not list(files.iterdir()), 10.0)
    files.rmdir()
    again = rays.fleet("run", "--resume", output, "--executor", "local", "--shards", "2", *options)
    whole = rays.fleet("run", path, "-o", tmp_path / "w", "--executor", "local", *options)
    assert rays.fingerprint(again) == rays.fingerprint(whole)


def test_the_place_of_rays_files_leaves_room_for_its_sockets() -> None:
    sockets = "/session_2026-11-29_14-52-39_297700_1234567/sockets/plasma_store"
    assert ray_cluster._LONGEST_FOLDER + len(sockets) <= 107
