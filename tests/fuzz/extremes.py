"""Unlucky numbers: every number that a scenario or the catalogue can hold, made extreme.

A trial is one number of a small scenario, or of a row of the catalogue that it uses, replaced by
another text. It goes through the real `fleet check` and `fleet run` in a process of its own, within
limits of time and memory, and ends in one of a few ways (`Verdict`).
"""

from __future__ import annotations

import copy
import csv
import functools
import io
import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import ways
import worlds

from fleet.catalog import Catalog
from fleet.catalog.rows import COLUMNS
from fleet.cli.exit import FAILED, code_of
from fleet.cli.main import app
from fleet.errors import InputError
from fleet.plan.compile import catalogue
from fleet.running.options import Engine, ExecutorKind, Options
from fleet.running.runner import Runner
from fleet.scenario.load import load
from fleet.scenario.strict_yaml import Keys
from fleet.show import figures
from fleet.study.experiment import execute
from fleet.study.job import prepare
from fleet.study.slo import objectives

MOST_S, MOST_WAIT_S, MOST_BYTES = 10, 60, 3 * 2**30
"""What a trial may take, by the processor and by the clock; more is a fault of its own kind."""

MOST_FRAMES = 3000
"""With more of them a trial is not run by the reference."""

DIFFERS = 99
KINDS = {0: "fine", 1: "fine", 2: "refused", DIFFERS: "differs"}
"""What exit codes mean; all others are faults."""

NO_TABLES: Mapping[str, str] = MappingProxyType({})

BARE = (
    "0", "-1", "1", "2", "0.5", "1e-9", "1e-30", "1000", "2147483648", "4000000000000000000",
    "9223372036854775807", "9223372036854775808", f"1{'0' * 30}", "1e99", "nan", "inf",
)  # fmt: skip
WITH_UNIT = (
    "0", "-1", "1e-9", "1e-30", "0.001", "1", "7", "29.97002997002997", "1e3", "1e6", "1e9", "1e12",
    "4e18", f"1{'0' * 30}", "1e99", "nan", "inf",
)  # fmt: skip
SMALLEST = {"d": "ns", "h": "ns", "min": "ns", "s": "ns", "ms": "ns", "MB": "bit", "kB": "bit",
            "Gbit/s": "bit/s", "Mbit/s": "bit/s", "kbit/s": "bit/s", "fps": "frame/d",
            "/h": "/d", "%": "ppm"}  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One number made another.

    Attributes:
        where: keys of the scenario, or (kind, item, parameter) of the catalogue.
        text: what stands there instead.
        is_row: whether it is a row of the catalogue.
    """

    where: Keys
    text: str
    is_row: bool = False

    def __str__(self) -> str:
        """Return the change as a corpus has it."""
        what = "catalogue " if self.is_row else ""
        return f"{what}{'.'.join(map(str, self.where))} = {self.text}"


@dataclass(frozen=True)
class Trial:
    """A scenario of which some numbers are changed.

    Attributes:
        world: name of the scenario.
        changes: at most one of each place.
    """

    world: str
    changes: tuple[Change, ...]

    def __str__(self) -> str:
        """Return the trial in a line, from which `trial_of` makes it."""
        return f"{self.world}: {'; '.join(map(str, self.changes))}"


def trial_of(line: str) -> Trial:
    """Return the trial of a line of a corpus."""
    world, _, rest = line.partition(": ")
    changes = []
    for text in rest.split("; "):
        where, _, value = text.partition(" = ")
        keys = where.removeprefix("catalogue ").split(".")
        is_row = where.startswith("catalogue ")
        at = tuple(int(k) if k.isdecimal() and not is_row else k for k in keys)
        changes.append(Change(at, value, is_row))
    return Trial(world, tuple(changes))


@dataclass(frozen=True)
class Verdict:
    """How a trial ended.

    Attributes:
        trial: which.
        kind: "fine" or "refused"; of faults "fault" if it was none of our own errors, "differs" if
            the engines disagree, "slow" or "killed".
        said: what was said of it.
        took_s: time by the clock.
    """

    trial: Trial
    kind: str
    said: str
    took_s: float

    @property
    def is_fault(self) -> bool:
        """Return whether it is anything but an answer or a refusal."""
        return self.kind not in ("fine", "refused")


def made_up() -> dict[str, Any]:
    """Return a scenario that says a number wherever one can, on hardware of the tests."""
    servers = {
        "servers": 1, "more": {"test-npu": 1}, "batch": {"max": 4, "wait": "3 ms"}, "queue": 100,
        "deadline": "500 ms",
    }  # fmt: skip
    autoscale = {
        "min": 1, "max": 3, "target": "70 %", "every": "200 ms", "boot": "100 ms",
        "cooldown": "300 ms", "stabilise": "400 ms", "tolerance": "10 %", "queue": 5,
    }  # fmt: skip
    return worlds.scenario(
        duration="900 ms", warm_up="100 ms", replications=1, grid="test-grid", prices="test-book",
        retention="30 d", claim={"text": "so they say", "ratio": 10.0},
        city={"sites": "one-site.csv", "demand": "demand.csv"},
        sensors={
            "shop": {"at": {"kind": "shop"}, "rate": "5 fps", "app": "watch", "uplink": "port",
                     "priority": 1},
            "cam": {
                "count": 2, "cells": 1, "per_site": 1, "rate": "25 fps", "app": "watch",
                "uplink": "port", "demand": {"07:00": "900 /h", "19:00": "50 /min"}, "weight": 3,
            },
            "timed": {
                "count": 1, "app": "watch", "uplink": "air", "capture":
                {"trace": {"file": "times.csv", "column": "t_ms", "offset": "1 ms"}},
            },
        },
        links={
            "port": {
                "technology": "test-port", "shared_by": "sensor", "to": "metro",
                "rate": "40 Mbit/s", "downlink_rate": "20 Mbit/s", "propagation": "1 ms",
                "buffer": "60 kB", "user_rate": "30 Mbit/s", "loss": "2 %",
            },
            "air": {
                "technology": "test-radio", "shared_by": "cell", "to": "wan-b", "cap": "1 MB",
                "cap_used": "30 %", "throttled_rate": "200 kbit/s",
            },
            "metro": {
                "technology": "test-backhaul", "shared_by": "city", "to": "wan",
                "loss": {"mean": "5 %", "burst": "20 ms", "bad": "60 %", "good": "1 %"},
            },
            "wan": {
                "technology": "test-wan", "shared_by": "city", "to": "cloud",
                "loss": {"gap": "80 ms", "burst": "20 ms"},
            },
            "wan-b": {
                "technology": "test-wan", "shared_by": "city", "to": "far",
                "rate": {
                    "packets": "packets.up", "every": "30 ms", "skip": "70 ms", "repeat": True,
                },
            },
        },
        cloud={"server": "test-gpu", **servers, "autoscale": autoscale},
        regions={"far": {**servers, "autoscale": autoscale}},
        edges={"box": {"server": "test-gpu", "after": "metro", "shared_by": "city", **servers}},
        domains={
            "cabinet": {"shared_by": "site", "holds": ["cam", "port"]},
            "pole": {"shared_by": "city", "holds": ["timed", "box"]},
        },
        arms={
            "on_sensor": {"device": "test-ai", "model": "tiny", "publish": "every 3 inferences",
                          "per": {"timed": {"publish": "every 50 ms"}, "cam": {"rate": "20 fps"}}},
            "cloud": {"device": "test-camera", "codec": "test-codec", "model": "shaky",
                      "bitrate": "1 Mbit/s"},
            "edge": {"device": "test-camera", "codec": "test-codec", "model": "cloudy",
                     "per": {"cam": {"infer": "edge"}}},
            "asks": {"device": "test-ai", "model": "tiny", "mode": "small",
                     "ask": {"when": "every 3 inferences", "model": "cloudy",
                             "codec": "fixed-codec", "encoder": "test-camera"}},
            "cuts": {"device": "test-ai", "model": "tiny", "mode": "small", "per": {
                "shop": {"model": "halved", "split": {"after": "first", "bits": 8}},
            }},
            "crops": {"device": "test-ai", "model": "tiny", "mode": "small", "per": {
                "shop": {"pipeline": {"model": "glance", "most": 3, "batch": 2, "infer": "cloud"}},
            }},
            "asks_twice": {"device": "test-ai", "model": "tiny", "mode": "small", "ask": {
                "when": "found", "model": "cloudy", "codec": "fixed-codec",
                "encoder": "test-camera",
                "pipeline": {"model": "glance", "most": 2, "batch": 4}}},
            "twice": {"device": "test-camera", "codec": "test-codec", "model": "cloudy",
                      "pipeline": {"model": "glance", "most": 4, "batch": 3}},
        },
        events=[
            {"at": "200 ms", "outage": "metro", "lasts": "50 ms", "every": "300 ms"},
            {"outage": "wan", "mtbf": "400 ms", "mttr": "60 ms"},
            {"at": "300 ms", "crash": "cam", "lasts": "50 ms"},
            {"crash": "timed", "mtbf": "500 ms", "mttr": "60 ms"},
            {"at": "400 ms", "rewrite": "cam", "model": "slow", "waves": 2, "wave_every": "90 ms"},
            {"at": "500 ms", "profile": "cam", "rate": "10 fps", "demand": "3", "lasts": "200 ms"},
            {"at": "350 ms", "leave": "cam", "every": "280 ms"}, {"at": "420 ms", "join": "cam"},
            {"at": "150 ms", "profile": "shop", "near": {"lat": 45.0, "lon": 0.5, "km": 2.5},
             "demand": "2"},
            {"at": "250 ms", "link": "metro", "rate": "300 kbit/s", "every": "170 ms"},
            {"at": "350 ms", "failure": "cabinet", "lasts": "70 ms", "every": "400 ms"},
            {"failure": "pole", "mtbf": "600 ms", "mttr": "40 ms"},
            {"at": "450 ms", "failure": "far", "lasts": "30 ms"},
        ],
        slo=["latency_ms.p99 < 10 s", "frames.lost < 5 frames", "lost < 50 %"],
    )  # fmt: skip


def packaged() -> dict[str, Any]:
    """Return a scenario on hardware of the package: lights, radios that sleep, outputs, DSPs."""
    group = {"count": 1, "rate": "10 fps", "uplink": "air", "demand": "300 /h"}
    camera = {"device": "ip-camera-1080p", "codec": "h264-crf28", "model": "yolo11m"}
    return {
        "name": "packaged", "start": "2024-05-16T22:00", "timezone": "Europe/Helsinki",
        "duration": "600 ms", "prices": "usa-2025", "catalogue": "catalogue",
        "days": {"2024-05-16": "150 %"},
        "grid": {"g_per_kwh": [100 + k for k in range(24)]},
        "tariff": {"usd_per_kwh": [0.1 + k for k in range(24)]},
        "sensors": {
            "shop": {**group, "app": "count_visitors"},
            "road": {**group, "app": "count_vehicles", "battery": "pole"},
        },
        "links": {
            "air": {"technology": "lte", "shared_by": "cell", "to": "wan"},
            "wan": {"technology": "wan", "shared_by": "city", "to": "cloud", "loss": "1 %"},
        },
        "cloud": {"server": "t4"},
        "batteries": {"pole": {
            "capacity": "200 mJ", "charge": "60 %", "cut_off": "10 %", "recovery": "20 %",
            "efficiency": "90 %", "every": "100 ms", "solar": {
                "peak": "5 W", "tilt": 30.0, "azimuth": 200.0, "performance": "75 %",
                "ground": "30 %", "clearness": "80 %",
            },
        }},
        "arms": {
            "on_sensor": {"device": "imx500", "model": "ssd-mobilenet-v2"},
            "crops": {"device": "imx500", "model": "ssd-mobilenet-v2", "output": "roi"},
            "pictures": {"device": "imx500", "model": "ssd-mobilenet-v2", "output": "image",
                         "codec": "jpeg-q60"},
            "cut_out": {"device": "imx500", "model": "ssd-mobilenet-v2", "per": {
                "road": {"model": "eye-small", "ask": {
                    "when": "found", "model": "eye-large", "codec": "jpeg-q60",
                    "encoder": "ip-camera-1080p", "crop_margin": "20 %",
                }},
            }},
            "cloud": {**camera, "adaptive": {
                "rule": "threshold", "every": "100 ms", "high": "200 ms", "low": "50 ms", "calm": 2,
                "word": "64 B", "ladder": [{"rate": "5 fps", "bitrate": "500 kbit/s"}],
            }},
            "held": {**camera, "bitrate": "1 Mbit/s", "adaptive": {
                "rule": "back-pressure", "queue": 2, "every": "100 ms", "ladder": [{}],
            }},
            "queued": {**camera, "adaptive": {
                "rule": "awstream", "high": "200 ms", "every": "90 ms",
                "ladder": [{"rate": "5 fps"}],
            }},
            "clean": {**camera, "adaptive": {
                "rule": "carbon", "high": ["150 g/kWh", "250 g/kWh"], "low": ["120 g/kWh",
                "200 g/kWh"], "every": "90 ms", "ladder": [{"rate": "5 fps"}, {"rate": "2 fps"}],
            }},
            "cheap": {**camera, "adaptive": {
                "rule": "price", "high": "0.25 USD/kWh", "every": "90 ms",
                "ladder": [{"rate": "5 fps"}],
            }},
            "by-clock": {**camera, "adaptive": {
                "rule": "clock", "hours": {"weekday": {"07:00": 0, "22:00": 1}, "weekend": 1},
                "ladder": [{"rate": "5 fps"}],
            }},
        },
        "events": [
            {"at": "300 ms", "rewrite": "shop", "model": "efficientdet-lite0"},
            {"at": "400 ms", "resize": "cloud", "servers": 2},
            {"at": "350 ms", "ladder": "road", "rung": 1},
        ],
    }  # fmt: skip


WORLDS = {"made-up": made_up, "packaged": packaged}
_QUANTITY = re.compile(r"(\d[\d.]*)\s*(\D.*)?")
_WORDS = ("start", "name", "timezone", "grid", "prices", "slo", "publish", "when", "text")
"""Keys whose texts have digits and are no quantities, or hold one among words."""


def numbers(node: Any, keys: Keys = ()) -> Iterator[tuple[Keys, str | None]]:
    """Yield where numbers stand in a scenario, and the unit of each; None if it is bare."""
    if isinstance(node, dict | list):
        inside = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in inside:
            yield from numbers(value, (*keys, key))
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield keys, None
    elif isinstance(node, str) and not any(word in keys for word in _WORDS):
        match = _QUANTITY.fullmatch(node)
        if match is not None:
            yield keys, match[2] or ""


def texts(unit: str | None) -> Iterator[str]:
    """Yield what may stand instead of a number of a unit."""
    if unit is None:
        yield from BARE
        return
    for number in WITH_UNIT:
        yield f"{number} {unit}".strip()
    if unit in SMALLEST:
        yield from (f"{number} {SMALLEST[unit]}" for number in ("1", "4e18", str(2**62)))
    yield from ("0", "-1", "50000 d", "10 TB", "1 bit/s")


@functools.cache
def rows_of(world: str) -> tuple[tuple[str, str, str, str], ...]:
    """Return kind, item, parameter and unit of the numbers of the catalogue that a world uses."""
    with tempfile.TemporaryDirectory() as folder:
        scenario = load(_written(Path(folder), WORLDS[world]()))
        known = catalogue(scenario)
        used = {row for trial in prepare(scenario).trials for row in trial.plan.notes.assumptions}
    return tuple(
        (kind, row.item, row.parameter, row.unit)
        for kind in known.kinds()
        for item in known.items(kind)
        for row in known.rows(kind, item)
        if row in used and row.unit != "text"
    )


@functools.cache
def changes(world: str) -> tuple[Change, ...]:
    """Return every change of one number of a world, of its scenario and of its catalogue."""
    of_scenario = [
        Change(keys, text) for keys, unit in numbers(WORLDS[world]()) for text in texts(unit)
    ]
    of_rows = [
        Change((kind, item, parameter), number, is_row=True)
        for kind, item, parameter, _ in rows_of(world)
        for number in (*WITH_UNIT, "0.5", str(2**62))
    ]
    return (*of_scenario, *of_rows)


def trials() -> list[Trial]:
    """Return a trial for each change of each world."""
    return [Trial(world, (change,)) for world in WORLDS for change in changes(world)]


def drawn(chance: random.Random) -> Trial:
    """Return a trial with a few changes, most often one."""
    world = chance.choice(list(WORLDS))
    count = chance.choice((1, 1, 2, 3))
    some = {change.where: change for change in chance.choices(changes(world), k=count)}
    return Trial(world, tuple(some.values()))


def minimised(verdict: Verdict) -> Verdict:
    """Return the verdict of the same kind that takes the fewest changes."""
    changes = verdict.trial.changes
    for change in changes if len(changes) > 1 else ():
        fewer = tuple(one for one in changes if one != change)
        again = attempt(Trial(verdict.trial.world, fewer))
        if again.kind == verdict.kind:
            return minimised(again)
    return verdict


def _written(folder: Path, data: dict[str, Any], tables: Mapping[str, str] = NO_TABLES) -> str:
    """Write a scenario with its files, and tables of its catalogue; return its path."""
    shutil.copytree(worlds.HERE / "catalogue", folder / "catalogue")
    for name in (
        "one-site.csv",
        "no-sites.csv",
        "demand.csv",
        "times.csv",
        "rates.csv",
        "packets.up",
    ):
        shutil.copy(worlds.HERE / name, folder)
    for kind, table in tables.items():
        (folder / "catalogue" / f"{kind}.csv").write_text(table, "utf-8")
    path = folder / "world.yaml"
    text = re.sub(r'"<<(.*?)>>"', r"\1", json.dumps(data))
    path.write_text(text, "utf-8")
    return str(path)


def _with(trial: Trial, folder: Path) -> str:
    """Write the world of a trial; return the path of its scenario."""
    data = copy.deepcopy(WORLDS[trial.world]())
    rows: dict[str, list[Change]] = {}
    for change in trial.changes:
        if change.is_row:
            rows.setdefault(str(change.where[0]), []).append(change)
            continue
        *above, last = change.where
        node: Any = data
        for key in above:
            node = node[key]
        bare = isinstance(node[last], int | float)
        node[last] = f"<<{change.text}>>" if bare else change.text  # written without quotes
    return _written(folder, data, {kind: _table(kind, some) for kind, some in rows.items()})


def _table(kind: str, some: Sequence[Change]) -> str:
    """Return the table of a kind with some rows changed, as CSV."""
    path = worlds.HERE / "catalogue" / f"{kind}.csv"
    known = Catalog.load([path] if path.exists() else [])
    lines = list(csv.reader(io.StringIO(path.read_text("utf-8")))) if path.exists() else []
    there = {change.where[1:]: change.text for change in some}
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(COLUMNS)
    table.writerows(line for line in lines[1:] if tuple(line[:2]) not in there)
    for (item, parameter), text in there.items():
        unit = known.row(kind, str(item), str(parameter)).unit
        table.writerow([item, parameter, text, unit, "", "", "made extreme", "2026", "estimate"])
    return out.getvalue()


def warm_up() -> list[Verdict]:
    """Try the worlds as they are, so that kernels are compiled and modules are loaded.

    Whoever forks afterwards has them.
    """
    for world in WORLDS:
        rows_of(world)
        with tempfile.TemporaryDirectory() as folder:
            scenario = load(_written(Path(folder), WORLDS[world]()))
            for engine in ("columns", "reference"):
                options = Options(engine=Engine(engine), executor=ExecutorKind.local)
                execute(prepare(scenario), Runner(options))
    return [attempt(Trial(world, ())) for world in WORLDS]


def compiled() -> None:
    """Carry out the worlds as they are in three ways, so that their kernels are compiled."""
    for world in WORLDS:
        with tempfile.TemporaryDirectory() as folder:
            kind, said = tried_here(Trial(world, ()), Path(folder), random.Random(world))
        assert kind == "run", said


def tried_here(trial: Trial, folder: Path, chance: random.Random) -> tuple[str, str]:
    """Read a trial in this process, and carry out what is small of it in three ways.

    Args:
        trial: what is tried.
        folder: where its files are written.
        chance: draws the ways.

    Returns:
        "refused", "taken" or "run", and ""; or "fault", and what was wrong.
    """
    shutil.rmtree(folder / "world", ignore_errors=True)
    (folder / "world").mkdir()
    try:
        scenario = load(_with(trial, folder / "world"))
        objectives(scenario)
        arms, said = ways.difference(scenario, chance)
    except InputError:
        return "refused", ""
    except Exception as error:
        return "fault", f"{type(error).__name__}: {error}"
    return ("fault", said) if said else ("run" if arms else "taken", "")


def attempt(trial: Trial, *, draw: bool = False) -> Verdict:
    """Try a trial in a process of its own: check it, and run it if that is fine.

    Args:
        trial: what is tried.
        draw: whether the figures are drawn too, which takes long.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        path, said = _with(trial, Path(folder)), Path(folder) / "said"
        child = os.fork()
        if child == 0:
            _in_child(path, said, draw)
        _, status = os.waitpid(child, 0)
        text = said.read_text("utf-8", "replace") if said.exists() else ""
    took_s = time.monotonic() - began
    first = next((line for line in text.splitlines() if line.startswith("fleet: ")), "")
    if os.WIFSIGNALED(status):
        is_slow = os.WTERMSIG(status) in (signal.SIGALRM, signal.SIGXCPU)
        kind = "slow" if is_slow else "killed"
        return Verdict(trial, kind, f"signal {os.WTERMSIG(status)} {first}", took_s)
    return Verdict(trial, KINDS.get(os.WEXITSTATUS(status), "fault"), first, took_s)


def mapped_bytes() -> int:
    """Return how much address space this process has taken, such as for Ray."""
    statm = Path("/proc/self/statm")
    pages = int(statm.read_text().split()[0]) if statm.exists() else 0
    return pages * resource.getpagesize()


def _in_child(path: str, said: Path, draw: bool) -> None:
    code = FAILED
    try:
        if not draw:
            figures.draw_all = lambda *_: {}
        signal.alarm(MOST_WAIT_S)
        used = int(time.process_time()) + 1
        for kind, limit in (
            (resource.RLIMIT_AS, mapped_bytes() + MOST_BYTES), (resource.RLIMIT_CPU, used + MOST_S),
        ):  # fmt: skip
            resource.setrlimit(kind, (limit, resource.getrlimit(kind)[1]))
        with said.open("w") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        sys.stdout, sys.stderr = (os.fdopen(n, "w", closefd=False) for n in (1, 2))
        code = code_of(lambda: app(["check", path]))
        if code == 0:
            code = _run_both(path)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _run_both(path: str) -> int:
    """Run a scenario by the fast engine and, if it has few frames, by the reference too."""
    outs = {engine: Path(path).parent / engine for engine in ("columns", "reference")}

    def run(engine: str) -> int:
        asked = ["run", path, "--executor", "local", "--json", "--engine", engine]
        return code_of(lambda: app([*asked, "-o", str(outs[engine])]))

    def summary(engine: str) -> Any:
        return json.loads((outs[engine] / "summary.json").read_text("utf-8"))

    code = run("columns")
    if code > 1 or _captured(summary("columns")) > MOST_FRAMES:
        return code
    code = max(code, run("reference"))
    same = code > 1 or summary("columns")["fingerprint"] == summary("reference")["fingerprint"]
    return code if same else DIFFERS


def _captured(summary: Any) -> int:
    return sum(arm["frames"]["captured"] for arm in summary["arms"].values())
