"""Which conclusions about central Helsinki hold, which turn over, and at which values?

Half a minute of `helsinki.yaml` is run with other rates, networks, light and bodies. For each it is
worked out at which value of a number that nobody knows well the conclusion would turn over: energy
of the network for a gigabyte, watts of the camera's body, watts of the servers with their building,
milliseconds of the encoder. Power and delay are sums in which each of these stands once, so that a
turning point follows from the parts of two arms. Servers are as many as are three quarters busy.

Run it from the root of the project: python scenarios/helsinki_flips.py [FOLDER]
It writes `flips.csv` and `flips.md` there, by default into `results/helsinki-flips/`.
"""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import fleet

HERE = Path(__file__).parent
FOLDER = HERE.parent / "results" / "helsinki-flips"
DURATION = ("duration=30 s", "warm_up=0 s", "events=[]", "slo=[]")
PILOT = "duration=5 s"
MOST_SERVERS, TARGET = 160, 0.75
Numbers = dict[str, Any]


class Variation(NamedTuple):
    """A pair of arms of a scenario, with some values replaced."""

    what: str
    one: str = "on_sensor"
    other: str = "cloud"
    changes: tuple[str, ...] = ()
    file: str = "helsinki.yaml"


def both(change: str) -> tuple[str, ...]:
    """Return a change of both arms."""
    return f"arms.on_sensor.{change}", f"arms.cloud.{change}"


VARIATIONS = (
    Variation("matched: one body, one network, every frame"),
    Variation("both at 5 fps", "on_sensor_5fps", "cloud_5fps"),
    Variation("video at 5 fps, sensor at every frame", "on_sensor", "cloud_5fps"),
    Variation("larger network in the cloud (yolo11m)", "on_sensor", "cloud_large"),
    Variation("public network on both sides (ssd-mobilenet-v2)",
              changes=both("model=ssd-mobilenet-v2")),
    Variation("at night", changes=("light=night",)),
    Variation("sensor publishes once a second", changes=("arms.on_sensor.publish=every 1 s",)),
    Variation("network energy: marginal", changes=("network_energy=marginal",)),
    Variation("network energy: convention", changes=("network_energy=convention",)),
    Variation("grid: world", changes=("grid=world",)),
    Variation("bodies as sold, one network", changes=both("model=eye-large"),
              file="helsinki-as-sold.yaml"),
    Variation("as sold", file="helsinki-as-sold.yaml"),
)  # fmt: skip


def measure(variation: Variation) -> tuple[Numbers, Numbers, float]:
    """Return the numbers of both arms, with servers that are busy, and kWh/GB of the network."""
    scenario = fleet.load(HERE / variation.file).changed(*DURATION, *variation.changes)
    found, kwh = [], 0.0
    for arm in (variation.one, variation.other):
        pilot = arm_of(scenario.changed(PILOT), arm, MOST_SERVERS)[0]
        busiest = max(
            (used or 0.0 for name, used in pilot["utilisation"].items() if " of " in name),
            default=0.0,
        )
        numbers, kwh = arm_of(scenario, arm, max(1, math.ceil(MOST_SERVERS * busiest / TARGET)))
        found.append(numbers)
    return found[0], found[1], kwh


def arm_of(scenario: Any, arm: str, servers: int) -> tuple[Numbers, float]:
    """Return the numbers of an arm with a number of servers, and kWh/GB of the network."""
    pool = [f"cloud.servers={servers}"]
    pool += [f"cloud.autoscale.{end}={servers}" for end in ("min", "max")]
    record = fleet.run(scenario.changed(*pool), arms=[arm], executor="local")
    return record.arms[arm], record.summary["network_energy"]["fixed_kwh_per_gb"]


def row_of(variation: Variation) -> dict[str, Any]:
    """Return what a pair of arms shows, and where its conclusions turn over."""
    one, other, kwh = measure(variation)
    sensors = sum(group["sensors"] for group in one["groups"].values())
    power, more = one["power_w"], other["power_w"]
    watts = {key: (power[key], more[key]) for key in ("total", "network", "cloud")}
    saved = watts["total"][1] - watts["total"][0]
    later = other["latency_ms"]["p50"] - one["latency_ms"]["p50"]
    encode = other["stages_ms"]["compute"]
    seen = [arm["accuracy"]["recall"] for arm in (one, other)]
    per_network = (watts["network"][1] - watts["network"][0]) / kwh
    return {
        "varied": variation.what,
        "wan_mbit_s": (wan(one), wan(other)),
        "power_w_per_camera": (power["total"] / sensors, more["total"] / sensors),
        "median_ms": (one["latency_ms"]["p50"], other["latency_ms"]["p50"]),
        "lost": (lost(one), lost(other)),
        "recall": tuple(seen),
        "network_kwh_per_gb": turn(kwh, saved, per_network),
        "body_w_more": saved / sensors,
        "servers_times": turn(1.0, saved, watts["cloud"][1] - watts["cloud"][0]),
        "encoder_ms": turn(encode, later, 1.0),
        "co2e_kg_per_camera_year_saved": (
            other["carbon_kg_per_sensor_year"] - one["carbon_kg_per_sensor_year"]
        ),
    }


def turn(now: float, apart: float, slope: float) -> float | None:
    """Return where a difference that grows by `slope` for each unit is nothing; None: never."""
    if not slope:
        return None
    at = now - apart / slope
    return at if at >= 0 else None


def wan(numbers: Numbers) -> float:
    """Return what crosses the WAN; Mbit/s."""
    return float(numbers["bandwidth_mbit_s"]["wan"]["mean"])


def lost(numbers: Numbers) -> float:
    """Return the share of frames that are lost."""
    return float(sum(numbers["frames"]["lost"].values()) / numbers["frames"]["captured"])


HEADER = (
    "Varied", "WAN, Mbit/s", "W a camera", "median, ms", "recall", "power: kWh/GB",
    "power: W of body",
    "power: times the servers", "median: ms of the encoder",
)  # fmt: skip
PAIRS = ("wan_mbit_s", "power_w_per_camera", "median_ms", "recall")
TURNS = ("network_kwh_per_gb", "body_w_more", "servers_times", "encoder_ms")


def lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the rows as a table in Markdown: values of sensor / cloud, then turning points."""
    yield f"| {' | '.join(HEADER)} |"
    yield f"|{'---|' * len(HEADER)}"
    for row in rows:
        pairs = (" / ".join(map(number, row[key])) for key in PAIRS)
        turns = ("never" if row[key] is None else number(row[key]) for key in TURNS)
        yield f"| {' | '.join((row['varied'], *pairs, *turns))} |"


def number(value: float | None) -> str:
    """Return a number with three digits, or all before the point."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def main() -> None:
    """Run all variations and write the tables."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    rows = []
    for variation in VARIATIONS:
        print(f"{variation.what} ...", file=sys.stderr, flush=True)
        rows.append(row_of(variation))
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "flips.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        flat = [
            {
                key: value
                for name, cell in row.items()
                for key, value in (
                    zip((f"{name}_sensor", f"{name}_cloud"), cell, strict=True)
                    if isinstance(cell, tuple)
                    else [(name, cell)]
                )
            }
            for row in rows
        ]
        writer.writerow(flat[0])
        writer.writerows(row.values() for row in flat)
    text = "\n".join(lines(rows)) + "\n"
    (folder / "flips.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
