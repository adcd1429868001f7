"""Draw what `results/eyes/` shows: recall against bitrate by light, and example frames.

``python scripts/draw_eyes.py`` after ``derive_accuracy_curve.py``; needs
``pip install -e '.[eyes]'``.
"""

from __future__ import annotations

import csv

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, NullFormatter
from registry import ROOT

from fleet.catalog import Catalog
from fleet.eyes import replay
from fleet.eyes.accuracy import judged, matters
from fleet.eyes.boxes import Boxes
from fleet.eyes.clip import LIGHTS, Frame, Pixels
from fleet.eyes.codec import RAW, encode, setting
from fleet.eyes.detector import Detector, load
from fleet.eyes.render import scene
from fleet.plan.equipment import message_bits
from fleet.plan.sights import one_of
from fleet.show.paper import COLOURS
from fleet.stages.sight import LIGHT

FOLDER = ROOT / "results" / "eyes"
STYLE = {
    "font.size": 8, "axes.titlesize": 8, "xtick.labelsize": 7, "ytick.labelsize": 7,
    "legend.fontsize": 7, "legend.frameon": False, "pdf.fonttype": 42,
    "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6,
    "axes.axisbelow": True,
}  # fmt: skip
SHOWN = ("h264-crf28", "h264-crf44")
SITE, OBJECTS, FRAME = 590_001, 8, 12
RATE_FPS = 10
SENSOR, CLOUD = "ssd", "nanodet"
NAMES = {SENSOR: "SSD-MobileNetV2, 300 px", CLOUD: "NanoDet, 416 px"}


def curve(table: list[dict[str, str]], message_bytes: dict[str, float]) -> Figure:
    """Return recall against bitrate, a panel for each light, with the two arms in it.

    Args:
        table: rows of `derive_accuracy_curve.py`.
        message_bytes: mean size of the sensor's message on the wire, by light.
    """
    figure = Figure(figsize=(7.0, 2.7), layout="constrained")
    panels = figure.subplots(1, len(LIGHTS), sharey=True)
    for axes, light in zip(panels, LIGHTS, strict=True):
        rows = [row for row in table if row["light"] == light]
        coded = [row for row in rows if row["family"] == "h264"]
        sensor, cloud = (
            next(r for r in rows if r["family"] == "raw" and r["model"] == name)
            for name in (SENSOR, CLOUD)
        )
        axes.axhline(float(cloud["recall"]), color="#666666", lw=0.8, ls=":",
                     label=f"{NAMES[CLOUD]}, raw frames")  # fmt: skip
        rates = [float(row["rate_kbps"]) for row in coded]
        _points(axes, rates, coded, COLOURS[1], "o-", f"cloud: {NAMES[CLOUD]}, behind H.264")
        sent = message_bytes[light] * 8 * RATE_FPS / 1000
        _points(axes, [sent], [sensor], COLOURS[0], "*", f"on the sensor: {NAMES[SENSOR]}")
        for row, rate in zip(coded, rates, strict=True):
            beside = rate < sent < 2 * rate  # there the star is in the way
            axes.annotate(
                row["quality"], (rate, float(row["recall"])), (-4, 3) if beside else (4, -7),
                fontsize=6, ha="right" if beside else "left", textcoords="offset points",
                color="#444444",
            )  # fmt: skip
        axes.set(xscale="log", title=light, ylim=(0, 0.9), xlim=(8, 12000))
        axes.grid(color="#dddddd", lw=0.4)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    panels[0].set_ylabel("recall (bars: 95 % interval)")
    figure.supxlabel("sent by a sensor at 10 frames/s of 640 × 480 px (kbit/s); numbers are crf",
                     fontsize=8)  # fmt: skip
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def _points(
    axes: Axes, x: list[float], rows: list[dict[str, str]], colour: str, look: str, label: str
) -> None:
    y, low, high = (
        np.array([float(row[key]) for row in rows])
        for key in ("recall", "recall_low", "recall_high")
    )
    size = 8 if look == "*" else 3
    axes.errorbar(x, y, [y - low, high - y], fmt=look, color=colour, ms=size, lw=1.0,
                  elinewidth=0.6, label=label)  # fmt: skip


def message_bytes() -> dict[str, float]:
    """Return the mean bytes on the wire of what the sensor's network says, by light."""
    reader = Catalog.load().reader()
    sizes: dict[str, list[float]] = {light: [] for light in LIGHTS}
    for view in ("street", "entrance"):
        traced = replay.load(view, RAW.name, SENSOR)
        lights = one_of(traced, indoors=False).rows[:, LIGHT]
        for light, size in zip(lights, traced.message_bytes, strict=True):
            sizes[LIGHTS[light]].append(message_bits(reader, int(size)) / 8)
    return {light: float(np.mean(found)) for light, found in sizes.items()}


def examples() -> Figure:
    """Return a frame of a street by day and by night, as each arm sees it, with what is found."""
    small, large = load("eye-small"), load("eye-large")
    figure = Figure(figsize=(7.0, 3.7), layout="constrained")
    panels = figure.subplots(2, 1 + len(SHOWN))
    for line, light in zip(panels, ("day", "night"), strict=True):
        clip = scene("street", light, seed=SITE, objects=OBJECTS, frames=FRAME + 1, rate_fps=10.0)
        frames = list(clip.frames())
        for axes, how in zip(line, (RAW, *map(setting, SHOWN)), strict=True):
            coded = list(encode((frame.pixels for frame in frames), how, clip.rate_fps))[-1]
            network = small if how is RAW else large
            size = "" if how is RAW else f", {len(coded.data):,} B"
            axes.set_title(f"{light}: {network.name}, {how.name}{size}", fontsize=7)
            _boxes(axes, frames[-1], coded.pixels, network)
    handles = [
        Rectangle((0, 0), 1, 1, fill=False, ec=colour, ls=style)
        for colour, style in ((COLOURS[5], "-"), (COLOURS[1], "-"), (COLOURS[4], ":"))
    ]
    labels = ["found", "found, but not there", "missed"]
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _boxes(axes: Axes, frame: Frame, shown: Pixels, network: Detector) -> None:
    """Draw a picture with what is right, wrong and missed in it."""
    assert frame.truth is not None
    axes.imshow(shown)
    axes.set_axis_off()
    must = matters(frame.truth, shown.shape[0])
    (found,) = network.find([shown])
    verdict = judged(found, frame.truth.boxes, frame.truth.kinds, must)
    missed = must.copy()
    missed[verdict.of[verdict.of >= 0]] = False
    right = verdict.of >= 0
    _frame(axes, found.boxes[right], COLOURS[5], "-")
    _frame(axes, found.boxes[~right & verdict.counts], COLOURS[1], "-")
    _frame(axes, frame.truth.boxes[missed], COLOURS[4], ":")


def _frame(axes: Axes, boxes: Boxes, colour: str, style: str) -> None:
    for x0, y0, x1, y1 in boxes:
        axes.add_patch(
            Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, ec=colour, lw=0.9, ls=style)
        )


def main() -> None:
    """Draw both figures."""
    with (FOLDER / "accuracy_bitrate_fetched.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    with matplotlib.rc_context(STYLE):
        figure = curve(table, message_bytes())
        for kind in ("png", "pdf"):
            figure.savefig(FOLDER / f"accuracy_bitrate.{kind}", dpi=200)
        examples().savefig(FOLDER / "examples.png", dpi=200)
    print(f"drawn in {FOLDER}")


if __name__ == "__main__":
    main()
