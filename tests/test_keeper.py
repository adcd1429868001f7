"""Whatever ends a command, its keeper tells of it once, in our words and with our code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONG_S = 60.0
HEAD = """
import ctypes, os, signal, subprocess, sys, time
from fleet import interrupt, keeper
keeper.keep()
interrupt.listen()
def quit_as_a_library_does():
    ctypes.CDLL(None)._exit(1)
"""
SERVERS = """
with keeper.blaming("Ray has ended the process"), interrupt.in_haste(lambda: None, "a way on"):
    nowhere = subprocess.DEVNULL
    servers = [
        subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere)
        for _ in "ab"
    ]  # whose input ends with this process
    for server, name in zip(servers, "ab"):
        keeper.watch(server.pid, f"server {name} died")
"""


def command(body: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HEAD + body], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip


def ended(running: subprocess.Popen[str]) -> tuple[int, str]:
    _, said = running.communicate(timeout=LONG_S)
    return running.returncode, said


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("quit_as_a_library_does()", "its process was ended by a library, with code 1"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "its process was ended by SIGSEGV"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "its process was killed, as a system does"),
    ],
)
def test_an_end_without_a_word_is_told(how: str, words: str) -> None:
    code, said = ended(command(how))
    assert code == 3
    assert said.startswith(f"fleet: the run failed: {words}")
    assert said.count("\n") == 1


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="nobody else's end can be waited for")
@pytest.mark.parametrize("first", [0, 1])
def test_who_died_first_is_blamed(first: int) -> None:
    """Also if the process quits at once, before its own threads see it, and all others die then."""
    body = f"""
    servers[{first}].kill()
    servers[{first}].wait()
    servers[1 - {first}].kill()
    quit_as_a_library_does()
"""
    died = f"fleet: the run failed: server {'ab'[first]} died\nfleet: a way on\n"
    assert ended(command(SERVERS + body)) == (3, died)


def test_servers_that_may_end_are_not_blamed() -> None:
    body = "    keeper.unwatch()\n    servers[0].kill()\n    servers[0].wait()\n"
    end = "    quit_as_a_library_does()\n"
    said = "fleet: the run failed: Ray has ended the process\nfleet: a way on\n"
    assert ended(command(SERVERS + body + end)) == (3, said)
    over = body + "quit_as_a_library_does()"
    assert "its process was ended by a library" in ended(command(SERVERS + over))[1]


def test_what_the_process_said_of_its_end_stands() -> None:
    """As when a library fails while it is put away, and everything is done."""
    assert ended(command("keeper.ends(0)\nquit_as_a_library_does()")) == (0, "")
    said = "keeper.last_words(3, ['so it was'])\nquit_as_a_library_does()"
    assert ended(command(said)) == (3, "fleet: so it was\n")


def test_processes_that_are_forked_off_tell_nothing() -> None:
    body = """
if os.fork() == 0:
    keeper.last_words(3, ["not I"])
    os._exit(0)
os.wait()
if os.fork() == 0:
    sys.stdin.read()
    os._exit(0)
keeper.ends(0)
"""
    running = command(body)
    assert running.wait(LONG_S) == 0  # though one is there still
    assert ended(running) == (0, "fleet: not I\n")


WAITS = "print('waits', flush=True)\nwhile not interrupt.pressed():\n    time.sleep(0.01)\n"


def test_a_keeper_that_is_killed_takes_its_process_along() -> None:
    running = command(WAITS)
    assert running.stdout is not None
    running.stdout.readline()
    running.kill()
    assert ended(running) == (-signal.SIGKILL, "")  # and nobody holds the pipes any more


def test_a_press_is_told_once_even_if_the_process_is_lost_then() -> None:
    running = command(f"{WAITS}quit_as_a_library_does()")
    assert running.stdout is not None
    running.stdout.readline()
    running.send_signal(signal.SIGTERM)
    assert ended(running) == (143, "fleet: interrupted\n")
