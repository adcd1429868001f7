"""When does inference on the sensor not save energy? Against load of a GPU, and frame rate.

A GPU draws power whether it works or not, so an inference is dear on an idle one and cheap on a
full one; so does an image sensor between frames. This script puts more and more cameras on one
server, and then changes the frame rate with the server kept busy. It prints the energy of an
inference in both arms and writes `results/gpu-load/`.

Run it from the root of the project: python scenarios/gpu_load.py
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

import fleet

CAMERAS = (1, 3, 10, 30, 100, 300, 700)
RATES_FPS = (0.5, 1, 2, 5, 10, 15)
FRAMES_PER_S = 7000  # nine tenths of what one T4 infers
FOLDER = Path(__file__).parents[1] / "results" / "gpu-load"
SCENARIO = fleet.load(Path(__file__).with_name("gpu-load.yaml"))
SECONDS = SCENARIO.model.duration / 1e9
Row = dict[str, float]


def millijoule(numbers: dict[str, Any], component: str, *states: str) -> float:
    """Return the energy of some states of a component for each frame captured; mJ."""
    watts = sum(numbers["power_states_w"][component][state] for state in states)
    return float(watts * 1000 / (numbers["frames"]["captured"] / SECONDS))


def measure(cameras: int, rate_fps: float) -> Row:
    """Return the energies of an inference with so many cameras at a frame rate; mJ."""
    scenario = SCENARIO.changed(
        f"sensors.camera.count={cameras}", f"sensors.camera.rate={rate_fps} fps"
    )
    arms = fleet.run(scenario, executor="local").arms
    sensor, cloud = arms["on_sensor"], arms["cloud"]
    pixels = ("sensing", "sense_idle", "computing")
    row = {
        "cameras": cameras,
        "frame rate": rate_fps,
        "server utilisation": cloud["utilisation"]["servers of cloud"],
        "server, host and building": millijoule(cloud, "cloud", "busy", "idle"),
        "camera: sensing, encoding": millijoule(cloud, "sensor", *pixels),
        "AI sensor: DSP": millijoule(sensor, "sensor", "computing"),
        "AI sensor: sensing, DSP": millijoule(sensor, "sensor", *pixels),
    }
    row["camera and server"] = row["server, host and building"] + row["camera: sensing, encoding"]
    return row


STYLES = {
    "server, host and building": ("#D55E00", "o-"),
    "camera: sensing, encoding": ("#E69F00", "s--"),
    "camera and server": ("#CC79A7", "v-"),
    "AI sensor: DSP": ("#56B4E9", "^:"),
    "AI sensor: sensing, DSP": ("#0072B2", "D-."),
}


def panel(axes: Axes, rows: list[Row], along: str, label: str) -> None:
    """Draw the energies of an inference along one column of the rows."""
    for name, (colour, style) in STYLES.items():
        values = [row[along] for row in rows], [row[name] for row in rows]
        axes.plot(*values, style, color=colour, label=name, markersize=4, linewidth=1.2)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(label)
    axes.grid(linewidth=0.4, color="#dddddd")


def main() -> None:
    """Measure, print and draw."""
    by_load = [measure(cameras, 10) for cameras in CAMERAS]
    by_rate = [measure(round(FRAMES_PER_S / rate), rate) for rate in RATES_FPS]
    for row in (*by_load, *by_rate):
        print("  ".join(f"{name} {value:.3g}" for name, value in row.items()))
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "energy.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, by_load[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: f"{v:.6g}" for k, v in row.items()} for row in (*by_load, *by_rate))
    figure = Figure(figsize=(6.8, 3.6), constrained_layout=True)
    left, right = figure.subplots(1, 2, sharey=True)
    panel(left, by_load, "cameras", "cameras with 10 frames/s on one T4")
    panel(right, by_rate, "frame rate", f"frames/s of a camera, {FRAMES_PER_S:,} on one T4")
    left.set_ylabel("energy of an inference (mJ)")
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8
    )
    figure.savefig(FOLDER / "energy.png", dpi=200)


if __name__ == "__main__":
    main()
