"""Folders of unfinished runs that somebody has changed, moved, or is at work in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import worlds

from fleet import passing
from fleet.engine import snapshot
from fleet.errors import InputError
from fleet.plan.partition import partition
from fleet.running import lock, sealed
from fleet.running.checkpoint import Checkpoints
from fleet.running.local_executor import LocalExecutor
from fleet.running.options import Options
from fleet.running.run import simulate
from fleet.running.runner import Runner
from fleet.study.door import run
from fleet.study.experiment import execute
from fleet.study.job import prepare

WINDOW_NS = 200_000_000


class Killed(BaseException):
    """What ends a run where a test wants it to end."""


@pytest.fixture
def cut_short(tmp_path: Path) -> Path:
    """Return the folder of a run whose second arm was cut short when it had two checkpoints."""
    shutil.copytree(worlds.HERE / "catalogue", tmp_path / "catalogue")
    (tmp_path / "world.yaml").write_text(json.dumps(worlds.scenario()))

    def until(arm: str, share: float) -> None:
        if arm == "cloud" and share > 0.5:
            raise Killed

    options = Options(executor="local", window_ns=WINDOW_NS)
    job = prepare(tmp_path / "world.yaml")
    with pytest.raises(Killed):
        execute(job, Runner(options, every_s=0), output=tmp_path / "out", progress=until)
    folder = tmp_path / "out.unfinished"
    assert len(list(folder.glob("now/cloud-0/at-*"))) == 2
    return folder


def resumed(folder: Path) -> str:
    return str(run(Runner(Options(executor="local")), resume=folder).summary["fingerprint"])


def whole(folder: Path) -> str:
    job = prepare(folder.parent / "world.yaml")
    return str(execute(job, Runner(Options(executor="local"))).summary["fingerprint"])


def bump(path: Path, name: str) -> None:
    """Change a number of a state, and write it as numpy does, so that the file is sound."""
    with np.load(path, allow_pickle=False) as held:
        state = {key: held[key] for key in held.files}
    flat = state[name].reshape(-1)
    flat[0] += 1
    np.savez(path, **state)


def test_a_finished_part_that_was_edited_is_refused(cut_short: Path) -> None:
    bump(cut_short / "done" / "on_sensor-0.npz", "tally/sensors")
    with pytest.raises(InputError, match=r"on_sensor-0.npz: .* its sha256 is of something else"):
        resumed(cut_short)


def test_a_finished_part_with_a_sum_of_its_own_is_audited(cut_short: Path) -> None:
    path = cut_short / "done" / "on_sensor-0.npz"
    state = snapshot.read(path)
    state["tally/sensors"][0, 0] += 1
    snapshot.write(path, state)
    with pytest.raises(InputError, match="is no outcome of its trial: the books do not balance"):
        resumed(cut_short)
    del state["tally/links"]
    snapshot.write(path, state)
    with pytest.raises(InputError, match="is no outcome of its trial"):
        resumed(cut_short)


@pytest.mark.parametrize("how", ["edited", "cut", "about", "gone"])
def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(
    cut_short: Path, how: str
) -> None:
    newest = max(cut_short.glob("now/cloud-0/at-*"), key=lambda path: int(path.name[3:]))
    shard = newest / "shard-0.npz"
    if how == "edited":
        bump(shard, next(key for key in snapshot.read(shard) if key.endswith("sensors")))
    elif how == "cut":
        shard.write_bytes(shard.read_bytes()[:-500])
    elif how == "about":
        about = newest / "about.json"
        about.write_text(about.read_text().replace('"now_ns": ', '"now_ns": 1'))
    else:
        shard.unlink()
    with pytest.warns(UserWarning, match="goes on from the one before it"):
        found = resumed(cut_short)
    assert found == whole(cut_short)
    assert not cut_short.exists()


def test_what_was_asked_cannot_be_edited(cut_short: Path) -> None:
    path = cut_short / "run.json"
    text = path.read_text()
    path.write_text(text.replace('"cloud"', '"on_sensor"'))
    with pytest.raises(InputError, match="was changed since it was written"):
        resumed(cut_short)
    for odd in ("", "[]", "{}", "null", '{"sha256": 1}', "[" * 100_000, text[:-9]):
        path.write_text(odd)
        with pytest.raises(InputError, match=r"run.json: cannot be read"):
            resumed(cut_short)
    path.write_text(text)
    assert sealed.read(path)["arms"] == ["on_sensor", "cloud"]


@pytest.mark.parametrize("name", ["elsewhere/out.unfinished", "mine.unfinished", "mine"])
def test_a_moved_or_renamed_folder_goes_on_where_it_stands(
    cut_short: Path, tmp_path: Path, name: str
) -> None:
    expected, there = whole(cut_short), tmp_path / name
    there.parent.mkdir(exist_ok=True)
    cut_short.rename(there)
    assert resumed(there) == expected
    assert (there.parent / there.name.removesuffix(".unfinished") / "summary.json").is_file()
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.rglob("*.unfinished"))


def test_another_partition_reads_the_shards_of_the_checkpoint_that_serves(tmp_path: Path) -> None:
    made = worlds.plan(worlds.scenario(), "cloud")
    kept = Checkpoints(tmp_path, 0)
    LocalExecutor(made, partition(made, 3), WINDOW_NS, checkpoints=kept).advance(10**9)
    assert kept.shards() == 3
    again = simulate(made, Options(executor="local", shards=1), checkpoints=kept)
    assert again.shards == 3
    assert again.tally.fingerprint() == worlds.run(made).tally.fingerprint()


HOLDS = """
import sys, time
from pathlib import Path
from fleet.running.lock import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_who_comes_second_is_told_of_the_first(cut_short: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(cut_short)], stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        words = rf"is of a run that is going on: process {first.pid} on \S+, since \d{{4}}-"
        with pytest.raises(InputError, match=words):
            resumed(cut_short)
        job = prepare(cut_short.parent / "world.yaml")
        with pytest.raises(InputError, match=words):
            execute(job, Runner(Options(executor="local")), output=cut_short.with_name("out"))
        first.kill()
    assert (cut_short / lock.HOLDER).exists()  # of one that is dead
    assert resumed(cut_short) == whole(cut_short)


def test_where_there_are_no_locks_the_holder_is_believed(
    cut_short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise OSError(38 if sys.platform == "darwin" else 95, "Operation not supported")

    monkeypatch.setattr(lock.fcntl, "flock", none)
    holder = cut_short / lock.HOLDER
    mine = {"host": lock.socket.gethostname(), "pid": os.getpid(), "since": "today"}
    holder.write_text(json.dumps({**mine, "began": lock._began(os.getpid())}))
    with pytest.raises(InputError, match=f"process {os.getpid()} on"):
        resumed(cut_short)
    holder.write_text(json.dumps({**mine, "host": "elsewhere", "began": "1"}))
    with pytest.raises(InputError, match="if it is not running any more, remove"):
        resumed(cut_short)
    holder.write_text(json.dumps({**mine, "began": "another time"}))
    assert resumed(cut_short)


def test_folders_that_dead_processes_left_are_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left, number = passing.temporary()
    (left / "state").write_text("much")
    held, other = passing.temporary()
    os.close(number)
    stranger = tmp_path / "fleet-mine"
    stranger.mkdir()
    for path in (left, held, stranger):
        os.utime(path, (time.time() - 3600,) * 2)
    with passing.passing_folder() as new:
        there = sorted(path.name for path in tmp_path.iterdir())
        assert there == sorted(path.name for path in (held, stranger, new))
    os.close(other)
