"""Commands that run on Ray, what they have started, and a cluster as the documents say it."""

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
from contextlib import contextmanager
from pathlib import Path

import worlds

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


class Cluster:
    """A cluster on this machine, started by the documented commands, of a core a node.

    Attributes:
        home: where its token is kept.
        address: of its head.
        dashboard: where jobs are handed in.
        nodes: their commands, the head's first.
    """

    def __init__(self, folder: Path, home: Path) -> None:
        port, dashboard = free_ports(2)
        self.address, self.dashboard = f"127.0.0.1:{port}", f"http://127.0.0.1:{dashboard}"
        self.home, self.nodes = home, list[subprocess.Popen[bytes]]()
        self._head = [
            "--head", f"--port={port}", f"--temp-dir={folder}", f"--dashboard-port={dashboard}",
        ]  # fmt: skip

    def begin(self, nodes: int = 1, *, has_dashboard: bool = False) -> Cluster:
        """Start it; with what jobs need if it is asked for."""
        self._start(*self._head, f"--include-dashboard={has_dashboard}".lower())
        until(lambda: not has_dashboard or answers(self.dashboard))
        for _ in range(nodes - 1):
            self._start(f"--address={self.address}")
        return self

    def _start(self, *arguments: str) -> None:
        node = subprocess.Popen(
            [ray, "start", *arguments, "--num-cpus=1", "--object-store-memory=80000000",
             "--disable-usage-stats", "--block"],
            env=self.environ(**SOON_DEAD), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        self.nodes.append(node)
        until(lambda: "raylet" in below(node.pid).values() or node.poll() is not None)

    def environ(self, **more: str) -> dict[str, str]:
        """Return the environment of who has its token."""
        return {**others_environ(), "HOME": str(self.home), "RAY_AUTH_MODE": "token", **more}

    def kill(self, node: int) -> None:
        """Kill all processes of a node, as if its machine were gone."""
        command = self.nodes[node]
        for number in (command.pid, *below(command.pid)):
            if alive(number):
                os.kill(number, signal.SIGKILL)
        command.wait()

    def end(self) -> None:
        """End what is left of it."""
        for node in reversed(range(len(self.nodes))):
            self.kill(node)


SOON_DEAD = {
    "RAY_health_check_initial_delay_ms": "2000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
}
"""Ray notices a node that is gone in some seconds, not in twenty."""
ray = Path(sys.executable).with_name("ray")


@contextmanager
def cluster(nodes: int, *, has_dashboard: bool = False) -> Iterator[Cluster]:
    """Have a cluster with a token of its own within the block."""
    folder = Path(tempfile.mkdtemp(prefix="fr-"))  # short, as sockets are made there
    home = folder / "home"
    (home / ".ray").mkdir(parents=True)
    (home / ".ray" / "auth_token").write_text("ab" * 32)
    started = Cluster(folder, home)
    try:
        yield started.begin(nodes, has_dashboard=has_dashboard)
    finally:
        started.end()
        shutil.rmtree(folder, ignore_errors=True)


def answers(url: str) -> bool:
    """Return whether somebody listens at an address."""
    host, _, port = url.rpartition("/")[2].partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def free_ports(many: int) -> list[int]:
    """Return ports at which nobody listens."""
    sockets = [socket.socket() for _ in range(many)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
