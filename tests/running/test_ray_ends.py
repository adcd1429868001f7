"""However a run on Ray ends, it says so in our words, nothing of it is left, and it can go on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import worlds

from fleet.errors import InputError
from fleet.running import guardian, ray_cluster

pytestmark = [pytest.mark.ray, pytest.mark.skipif(not Path("/proc").is_dir(), reason="no /proc")]
LONG_S = 200.0


def scenario(folder: Path, duration: str) -> Path:
    shutil.copytree(worlds.HERE / "catalogue", folder / "catalogue", dirs_exist_ok=True)
    path = folder / "world.yaml"
    path.write_text(json.dumps(worlds.scenario(duration=duration)))
    return path


def others_environ() -> dict[str, str]:
    """Return the environment without what this process has told a Ray of its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}


def fleet(*arguments: str | Path, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "fleet", *map(str, arguments)], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env={**others_environ(), **env},
    )  # fmt: skip


def fingerprint(process: subprocess.Popen[str]) -> str:
    out, said = process.communicate(timeout=LONG_S)
    assert process.returncode == 0, said
    return str(json.loads(out)["fingerprint"])


def until(condition: object, within_s: float = LONG_S) -> None:
    end = time.monotonic() + within_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.05)


def below(parent: int) -> dict[int, str]:
    """Return the processes that descend from one, and their names."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = path.read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue
        if int(rest.split()[1]) == parent:
            number = int(path.parent.name)
            found |= {number: name, **below(number)}
    return found


def alive(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


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
    path, output = scenario(tmp_path, "100 s"), tmp_path / "out"
    files = Path(tempfile.mkdtemp(prefix="fe-"))  # a short path, as sockets are made there
    options = ["--no-figures", "--json"]
    running = fleet(
        "run", path, "-o", output, "--executor", "ray", "--checkpoint", "0 s", "--window", "100 ms",
        *options, TMPDIR=str(files),
    )  # fmt: skip
    folder = output.with_name("out.unfinished")
    until(lambda: list(folder.glob("now/*/at-*")) or running.poll() is not None)
    others = below(running.pid)
    assert {"gcs_server", "raylet"} <= set(others.values())
    victims = [pid for pid, name in others.items() if name == whom] or [running.pid]
    os.kill(victims[0], number)
    _, said = running.communicate(timeout=30)
    assert running.returncode == code, said
    assert words in said
    assert "Traceback" not in said
    if words:
        assert "fleet: go on with: fleet run --resume" in said
    until(lambda: not any(map(alive, others)) and not list(files.iterdir()), 10.0)
    files.rmdir()
    again = fleet("run", "--resume", output, "--executor", "local", "--shards", "2", *options)
    whole = fleet("run", path, "-o", tmp_path / "w", "--executor", "local", *options)
    assert fingerprint(again) == fingerprint(whole)


def test_what_a_guarded_process_has_started_ends_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    with guardian.guarded(folder):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        until(lambda: alive(child.pid))
    assert child.wait(10) == -signal.SIGKILL
    assert not folder.exists()
    assert guardian.MARK not in os.environ


def test_who_only_reads_a_file_there_is_spared(tmp_path: Path) -> None:
    log = tmp_path / "files" / "log"
    log.parent.mkdir()
    log.touch()
    reader = subprocess.Popen(["tail", "-f", log], stderr=subprocess.DEVNULL)
    try:
        until(lambda: str(log) in map(os.path.realpath, Path(f"/proc/{reader.pid}/fd").iterdir()))
        with guardian.guarded(log.parent):
            pass
        assert alive(reader.pid)
    finally:
        reader.kill()
        reader.wait()


def test_a_guarded_process_itself_is_spared_though_it_has_files_there(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom fleet.running import guardian\n"
        "folder = Path(sys.argv[1])\nfolder.mkdir()\nfile = (folder / 'x').open('w')\n"
        "with guardian.guarded(folder):\n    pass\nprint('here')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "files")], capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "here\n")


@pytest.mark.parametrize("by", ["option", "variable"])
def test_an_address_at_which_nobody_is_is_told_soon(by: str, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    began = time.monotonic()
    given = ["--ray-address", address] if by == "option" else []
    running = fleet(
        "run", scenario(tmp_path, "1 s"), "-o", tmp_path / "out", *given,
        **({} if given else {"RAY_ADDRESS": address}),
    )  # fmt: skip
    _, said = running.communicate(timeout=LONG_S)
    assert running.returncode == 2
    assert f"fleet: --ray-address {address}: no Ray of this version" in said
    assert time.monotonic() - began < 40  # 18 s, and what imports take on a machine that is busy
    assert not (tmp_path / "out.unfinished").exists()


class Cluster:
    """A cluster of two nodes on this machine, started by the documented commands."""

    def __init__(self, folder: Path, home: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address, self.folder, self.home = f"127.0.0.1:{self.port}", folder, home
        self.nodes: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        ray = Path(sys.executable).with_name("ray")
        node = subprocess.Popen(
            [ray, "start", *arguments, "--num-cpus=1", "--object-store-memory=80000000",
             "--disable-usage-stats", "--block"],
            env={**others_environ(), "HOME": str(self.home), "RAY_AUTH_MODE": "token"},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self.nodes.append(node)
        until(lambda: "raylet" in below(node.pid).values() or node.poll() is not None)
        return node

    def __enter__(self) -> Cluster:
        self.start(
            "--head", f"--port={self.port}", "--include-dashboard=false",
            f"--temp-dir={self.folder}",
        )  # fmt: skip
        self.start(f"--address={self.address}")
        return self

    def __exit__(self, *_: object) -> None:
        for node in reversed(self.nodes):
            others = below(node.pid)
            node.terminate()
            try:
                node.wait(15)
            except subprocess.TimeoutExpired:
                node.kill()
            for number in others:
                if alive(number):
                    os.kill(number, signal.SIGKILL)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    home = tmp_path_factory.mktemp("home")
    folder = Path(tempfile.gettempdir(), f"fr-{os.getpid()}")  # short, as sockets are made there
    (home / ".ray").mkdir()
    (home / ".ray" / "auth_token").write_text("ab" * 32)
    try:
        with Cluster(folder, home) as started:
            yield started
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_a_cluster_is_joined_with_the_token_that_is_kept_and_not_without(
    cluster: Cluster, tmp_path: Path
) -> None:
    path = scenario(tmp_path, "2 s")
    options = ["--no-figures", "--json", "--shards", "2"]
    whole = fingerprint(fleet("run", path, "-o", tmp_path / "w", "--executor", "local", *options))
    address = ["--ray-address", cluster.address]
    joined = fleet("run", path, "-o", tmp_path / "o", *address, *options, HOME=str(cluster.home))
    assert fingerprint(joined) == whole
    stranger = fleet("run", path, "-o", tmp_path / "s", *address, *options, HOME=str(tmp_path))
    _, said = stranger.communicate(timeout=LONG_S)
    assert stranger.returncode == 2
    assert "copy ~/.ray/auth_token from its head" in said


def test_the_place_of_rays_files_leaves_room_for_its_sockets() -> None:
    sockets = "/session_2026-11-29_14-52-39_297700_1234567/sockets/plasma_store"
    assert ray_cluster._LONGEST_FOLDER + len(sockets) <= 107


def test_a_question_to_nobody_is_an_error_of_input() -> None:
    with pytest.raises(InputError, match=r"no Ray of this version"):
        ray_cluster._lets_in("127.0.0.1:1")
