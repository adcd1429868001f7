"""Ctrl-C and SIGTERM: a press ends a command tidily, a second at once; nothing is halved."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import worlds

from fleet.results.record import Record

ROOT = Path(__file__).parents[2]
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143}
LONG_S = 60.0  # longer than anything here takes on a busy machine
WORK = """\
try:
    ready()
    while True:
        interrupt.check()
        time.sleep(0.01)
finally:
"""


def heed_interrupts() -> None:
    """Undo that a shell lets jobs in the background, such as these tests, ignore interrupts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def script(body: str, *arguments: str | Path, heed: bool = True) -> subprocess.Popen[str]:
    """Begin a command whose work is given as Python, and wait until it says that it works."""
    text = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from fleet import interrupt\n"
        "from fleet.cli.exit import code_of, leave\n"
        "interrupt.listen()\n"
        "def ready():\n"
        "    print('ready', flush=True)\n"
        "def work():\n" + "".join(f"    {line}\n" for line in body.splitlines()) + ""
        "leave(code_of(work))\n"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", text, *map(str, arguments)], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        preexec_fn=heed_interrupts if heed else None,
    )  # fmt: skip
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    return running


def ended(running: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the exit code and what stood on stderr; never a traceback."""
    _, said = running.communicate(timeout=LONG_S)
    assert "Traceback" not in said
    return running.returncode, said


@pytest.mark.parametrize(("number", "code"), SIGNALS.items())
def test_a_press_ends_the_work_where_somebody_looks(number: int, code: int, tmp_path: Path) -> None:
    running = script(f'{WORK}    Path(sys.argv[1]).write_text("tidy")\n', tmp_path / "tidied")
    running.send_signal(number)
    assert ended(running) == (code, "fleet: interrupted\n")
    assert (tmp_path / "tidied").read_text() == "tidy"


@pytest.mark.parametrize(("number", "code"), SIGNALS.items())
def test_nobody_looks(number: int, code: int, tmp_path: Path) -> None:
    """The process ends all the same, and what was asked for in haste is done and said."""
    body = """\
with interrupt.in_haste(lambda: Path(sys.argv[1]).write_text("hasty") and "a way on"):
    ready()
    time.sleep(600)
"""
    running = script(body, tmp_path / "done")
    running.send_signal(number)
    assert ended(running) == (code, "fleet: interrupted\nfleet: a way on\n")
    assert (tmp_path / "done").read_text() == "hasty"


@pytest.mark.parametrize("second", SIGNALS)
def test_a_second_press_ends_the_tidying(second: int, tmp_path: Path) -> None:
    body = f"{WORK}    Path(sys.argv[1]).touch()\n    time.sleep(600)\n"
    running = script(body, tmp_path / "tidying")
    running.send_signal(signal.SIGINT)
    until = time.monotonic() + LONG_S
    while not (tmp_path / "tidying").exists():
        assert time.monotonic() < until
        time.sleep(0.01)
    running.send_signal(second)
    assert ended(running) == (130, "fleet: interrupted\n")


def test_what_must_be_whole_is_whole(tmp_path: Path) -> None:
    """Also if both presses come in the middle of it."""
    body = """\
with interrupt.whole():
    with open(sys.argv[1], "w") as file:
        ready()
        for _ in range(100):
            file.write("x")
            file.flush()
            time.sleep(0.005)
time.sleep(600)
"""
    running = script(body, tmp_path / "file")
    running.send_signal(signal.SIGINT)
    time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    assert ended(running)[0] == 130
    assert (tmp_path / "file").read_text() == "x" * 100


def test_ignored_stays_ignored(tmp_path: Path) -> None:
    """As behind nohup, or for a shell's job in the background."""
    body = "ready()\nfor _ in range(30):\n    interrupt.check()\n    time.sleep(0.01)\n"

    def ignore() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    old = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        running = script(body, heed=False)
    finally:
        signal.signal(signal.SIGINT, old)
    running.send_signal(signal.SIGINT)
    assert ended(running) == (0, "")


def scenario_file(folder: Path) -> Path:
    """Write a scenario of two arms that take some seconds in many windows."""
    shutil.copytree(worlds.HERE / "catalogue", folder / "catalogue")
    for name in ("demand.csv", "no-sites.csv"):
        shutil.copy(worlds.HERE / name, folder)
    data: dict[str, Any] = worlds.scenario(duration="60 s", city={"demand": "demand.csv"})
    data["sensors"]["cam"] |= {"count": 20, "rate": "20 fps"}
    path = folder / "busy.yaml"
    path.write_text(json.dumps(data))
    return path


def fleet(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "fleet", *map(str, arguments)]


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, float]:
    """Return a scenario, the fingerprint of a run of it that nobody interrupts, and its time."""
    folder = tmp_path_factory.mktemp("straight")
    path = scenario_file(folder)
    for _ in range(2):  # the first may have to compile
        began = time.monotonic()
        done = subprocess.run(
            fleet("run", path, "-o", folder / "out", "--executor", "local", "--figures", "--json"),
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    return path, json.loads(done.stdout)["fingerprint"], time.monotonic() - began


@pytest.mark.parametrize(
    ("share", "presses", "every"),
    [(0.1, 1, "0 s"), (0.2, 1, "never"), (0.35, 2, "0 s"), (0.6, 1, "0 s"), (0.7, 1, "never"),
     (0.85, 2, "0 s")],
)  # fmt: skip
def test_a_run_that_is_pressed_anywhere(
    share: float, presses: int, every: str, straight: tuple[Path, str, float], tmp_path: Path
) -> None:
    """Results are whole or not there; what was done can be gone on from, with the same bits."""
    path, fingerprint, took_s = straight
    number, code = list(SIGNALS.items())[presses - 1]
    output = tmp_path / "out"
    command = fleet(
        "run", path, "-o", output, "--executor", "local", "--window", "500 ms",
        "--checkpoint", every, "--figures", "--json",
    )  # fmt: skip
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=heed_interrupts,
    )  # fmt: skip
    time.sleep(share * took_s)
    for _ in range(presses):
        running.send_signal(number)
        time.sleep(0.02)
    got, said = running.communicate(timeout=LONG_S)
    # Before it listens Python itself is ended by the signal, and at its end there is no need to.
    assert running.returncode in (code, 0, -number), said
    assert "Traceback" not in said
    left = {entry.name for entry in tmp_path.iterdir()}
    if running.returncode == 0:
        assert json.loads(got)["fingerprint"] == fingerprint
        return
    assert left <= {"out", "out.unfinished"}, left
    if "out" in left:
        assert Record.load(output).summary["fingerprint"] == fingerprint
        drawn = Counter(file.stem for file in output.glob("figures/*"))
        assert set(drawn.values()) <= {3}, drawn  # PNG, PDF and CSV of each that is there
    if "out.unfinished" in left:
        if running.returncode == code and "out" not in left:
            assert "go on with: fleet run --resume" in said
        again = subprocess.run(
            fleet("run", "--resume", output, "--executor", "local", "--json"),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert again.returncode == 0, again.stderr
        assert json.loads(again.stdout)["fingerprint"] == fingerprint
        assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


@pytest.mark.ray
@pytest.mark.parametrize(("number", "code"), SIGNALS.items())
def test_a_run_on_ray_that_is_pressed_leaves_nobody_behind(
    number: int, code: int, straight: tuple[Path, str, float], tmp_path: Path
) -> None:
    path, fingerprint, _ = straight
    output = tmp_path / "out"
    running = subprocess.Popen(
        fleet("run", path, "-o", output, "--window", "500 ms", "--checkpoint", "0 s", "--shards",
              "2", "--json"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts,
        env={**os.environ, "FLEET_TEST_MARK": str(tmp_path)},
    )  # fmt: skip
    until = time.monotonic() + LONG_S
    while not list((tmp_path / "out.unfinished").glob("now/*/at-*")):
        assert running.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    running.send_signal(number)
    _, said = running.communicate(timeout=LONG_S)
    assert running.returncode == code
    assert "Traceback" not in said
    assert "go on with: fleet run --resume" in said
    until = time.monotonic() + LONG_S
    while left := marked(str(tmp_path)) - RAYS_OWN:
        assert time.monotonic() < until, left
        time.sleep(0.1)
    again = subprocess.run(
        fleet("run", "--resume", output, "--executor", "local", "--json"),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["fingerprint"] == fingerprint


RAYS_OWN = {"ray::DashboardAgent", "ray::RuntimeEnvAgent"}
"""Hold nothing of a run; they try for a minute to tell those who are gone that they are gone."""


def marked(word: str) -> set[str]:
    """Return the commands of the processes that have a word in their environment."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if word.encode() in entry.read_bytes():
                found.add((entry.parent / "cmdline").read_text().strip("\0 "))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("command", ["run", "check", "validate", "selftest"])
def test_commands_are_ended_by_a_press(command: str, tmp_path: Path) -> None:
    told = [scenario_file(tmp_path)] if command in ("run", "check") else []
    more = ["-o", tmp_path / "out", "--engine", "reference"] if command == "run" else []
    running = subprocess.Popen(
        fleet(command, *told, *more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=heed_interrupts,
    )  # fmt: skip
    time.sleep(0.7)
    running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=LONG_S)
    assert running.returncode in (143, 0, -signal.SIGTERM), said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "out.unfinished").exists()


@pytest.mark.parametrize("lines", [0, 1])
def test_a_reader_that_goes_changes_no_exit_code(lines: int, tmp_path: Path) -> None:
    """As with `fleet run ... | head -1`."""
    for objective, code in (("lost < 100 %", 0), ("lost < 0 %", 1)):
        with subprocess.Popen(
            fleet("run", ROOT / "scenarios/smoke.yaml", "--executor", "local", "--figures",
                  "-o", tmp_path / "out", "--set", f"slo=['{objective}']"),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as running:  # fmt: skip
            assert running.stdout is not None
            assert running.stderr is not None
            for _ in range(lines):
                running.stdout.readline()
            running.stdout.close()
            said = running.stderr.read()
            assert running.wait(LONG_S) == code, said
        assert "Traceback" not in said
        assert (tmp_path / "out" / "summary.json").is_file()


def test_results_of_others_are_replaced_by_force_only(tmp_path: Path) -> None:
    path, out, frames = scenario_file(tmp_path), tmp_path / "out", tmp_path / "frames"
    quick = ("--executor", "local", "--set", "duration=1 s", "-o", out, "--frames", frames)

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            fleet("run", path, *quick, *more), capture_output=True, text=True, check=False
        )

    assert run().returncode == 0
    assert {f.name for f in frames.iterdir()} == {"cloud-0.parquet", "on_sensor-0.parquet"}
    before = (out / "summary.json").read_bytes()
    assert run("--arm", "cloud").returncode == 0  # the same scenario may be run again
    assert {f.name for f in frames.iterdir()} == {"cloud-0.parquet"}
    refused = run("--set", "name=other")
    assert refused.returncode == 2
    assert "is of scenario 'test', not of 'other'; choose another place, or" in refused.stderr
    assert (out / "summary.json").read_bytes() != before
    (frames / "notes.txt").write_text("mine")
    assert run("--set", "name=other", "--arm", "on_sensor", "--force").returncode == 0
    assert json.loads((out / "summary.json").read_text())["scenario"]["name"] == "other"
    assert {f.name for f in frames.iterdir()} == {"on_sensor-0.parquet", "notes.txt"}
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "thesis.tex").write_text("mine")
    refused = subprocess.run(
        fleet("run", path, "--force", "-o", tmp_path / "else"), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert refused.returncode == 2
    assert "is there and is not a result folder" in refused.stderr
    assert (tmp_path / "else" / "thesis.tex").read_text() == "mine"
