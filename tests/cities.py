"""Runs to report on: a small city with all that a record can hold, and one with hostile names."""

from __future__ import annotations

import atexit
import csv
import functools
import shutil
import tempfile
from pathlib import Path
from typing import Any

import worlds
import yaml

import fleet
from fleet.results.record import Record

SCRIPT = "</script><script>window.hacked=1</script>"
IMAGE = "<img src=x onerror=window.hacked=1>"
QUOTED = "\"'><svg onload=window.hacked=1>"
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
