"""Runs to report on: a small city with all that a record can hold, and one with hostile names."""

from __future__ import annotations

import atexit
import csv
import functools
import shutil
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import worlds
import yaml

import fleet
from fleet.results.record import Record
from fleet.study import task
from fleet.study.task import Shared
from fleet.study.uncertain import draws

SCRIPT = "</script><script>window.hacked=1</script>"
IMAGE = "<img src=x onerror=window.hacked=1>"
QUOTED = "\"'><svg onload=window.hacked=1>"
LABELS = ("</script><b>$x_1% & #", r"=1+1\input{x}|_*a*`")
HELD = [
    "world.intensity", "convention.fixed_energy_per_bit", "convention.mobile_energy_per_bit",
    "marginal.fixed_energy_per_bit", "marginal.mobile_energy_per_bit",
]  # fmt: skip
HOSTILE = (SCRIPT, IMAGE, QUOTED, "{{7*7}}", "\x1b[31mred", "a\u202eb", "=1+1", "<!--", "]]>")


def write_sites(path: Path, names: tuple[str, ...], cell: str) -> None:
    """Write sites in two cells in central Helsinki."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["id", "kind", "subtype", "size", "lon", "lat", "cell", "footfall_rank"])
        for i, name in enumerate(names):
            place = (24.940 + i / 1000, 60.168 + i / 2000)
            table.writerow([name, "shop", "", "", *place, f"{cell}{i % 2}", i / len(names)])


def city(folder: Path, names: tuple[str, ...], **changes: Any) -> Path:
    """Write a city, with an edge, an outage, a crash and objectives; return its scenario file."""
    shutil.copytree(worlds.HERE / "catalogue", folder / "catalogue")
    write_sites(folder / "sites.csv", names, changes.pop("cell", "c"))
    data = worlds.scenario(
        duration="6 s", warm_up="1 s", replications=2, name="small-city",
        sensors={
            "cam": {"at": {"kind": "shop"}, "app": "watch", "uplink": "port", "rate": "40 fps"}
        },
        links={
            "port": {"technology": "test-cell", "shared_by": "cell", "to": "wan"},
            "wan": {"technology": "test-wan", "shared_by": "city", "to": "cloud"},
        },
        edges={"box": {"server": "test-gpu", "after": "port", "shared_by": "cell"}},
        events=[{"at": "2 s", "outage": "port/c0", "lasts": "1 s"}],
        slo=["latency_ms.p99 < 10 s", "cloud: bytes < 1 kB"],
    )  # fmt: skip
    data["arms"]["edge"] = {**data["arms"]["cloud"], "infer": "edge"}
    data |= changes
    data["city"] = {"sites": "sites.csv", **data.pop("about", {})}
    path = folder / "city.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=False))
    return path


def home() -> Path:
    """Return a new folder that goes with the process."""
    folder = Path(tempfile.mkdtemp(prefix="fleet-cities-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.cache
def small() -> Record:
    """Return the record of a small city, written to a folder."""
    place = home()
    scenario = city(place, tuple(f"shop-{k}" for k in range(6)))
    return fleet.run(scenario, executor="local", output=place / "out", figures=False)


@functools.cache
def hostile() -> Record:
    """Return the record of a city whose names, credits and sources mean something to browsers."""
    place = home()
    scenario = city(
        place, HOSTILE, cell=IMAGE, events=[], about={"attribution": SCRIPT},
        claim={"text": QUOTED, "ratio": 10.0}, duration="3 s",
    )  # fmt: skip
    apps = place / "catalogue" / "apps.csv"
    apps.write_text(apps.read_text("utf-8").replace("made up for the tests", SCRIPT), "utf-8")
    return fleet.run(scenario, executor="local", output=place / "out", figures=False)


class Here:
    """Carries the runs of studies out in this process."""

    def __init__(self, carry_out: Any, scenario: Any, _: int, rows: Any = None) -> None:
        self._carry_out, self._shared = carry_out, Shared(scenario, rows)

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None: ...

    def carry_out(self, tasks: Any) -> Any:
        return ((task, self._carry_out(self._shared, task, lambda _: None)) for task in tasks)


@functools.cache
def studies() -> dict[str, Path]:
    """Return folders of two studies, a sensitivity and a plan whose arms have hostile labels."""
    place = home()
    shutil.copytree(worlds.HERE / "catalogue", place / "catalogue")
    links = place / "catalogue" / "links.csv"
    with links.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if (row["item"], row["parameter"]) == ("test-wan", "propagation"):
            row |= {"low": "0", "high": "40", "confidence": "estimate"}
    with links.open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, rows[0])
        out.writeheader()
        out.writerows(rows)
    data = worlds.scenario(duration="1 s", replications=2, slo=["latency_ms.p99 < 300 ms"])
    for arm, label in zip(data["arms"].values(), LABELS, strict=True):
        arm["label"] = label
    path = place / "labelled.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=False, sort_keys=False))
    line, grid = (
        ["links.wan.rate=2..32*2 Mbit/s"],
        ["cloud.servers=1..3", "links.wan.rate=4,16 Mbit/s"],
    )
    crew, draw_crew = (functools.partial(Here, of.carry_out) for of in (task, draws))
    with (
        mock.patch("fleet.study.hands.Crew", crew), mock.patch("fleet.sizing.door.Crew", crew),
        mock.patch("fleet.study.uncertain.door.DrawCrew", draw_crew),
    ):  # fmt: skip
        fleet.sweep(path, line, output=place / "line", workers=1)
        fleet.sweep(path, grid, output=place / "grid", workers=1)
        fleet.sensitivity(
            path, metrics=["power_w.total", "latency_ms.p50"], hold=HELD, trajectories=2, samples=4,
            workers=1, output=place / "worth",
        )  # fmt: skip
        fleet.find(path, ["links.wan.rate=1..16*2 Mbit/s"], workers=1, output=place / "plan")
    return {name: place / name for name in ("line", "grid", "worth", "plan")}
