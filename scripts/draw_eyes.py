"""Draw what `results/eyes/` shows: recall against bitrate by light, and example frames.

``python scripts/draw_eyes.py`` after ``derive_accuracy_curve.py``; needs
``pip install -e '.[eyes]'``.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, NullFormatter
from registry import ROOT

from fleet.catalog import Catalog
from fleet.eyes import replay
from fleet.eyes.boxes import Boxes
from fleet.eyes.clip import LIGHTS, VIEWS, Frame, Pixels
from fleet.lab.measures.accuracy import judged, matters
from fleet.lab.measures.codec import RAW, encode, setting
from fleet.lab.networks.detector import Detector, load
from fleet.lab.scenes.render import scene
from fleet.model.sight import LIGHT
from fleet.plan.protocol import message_bits
from fleet.plan.traced import one_of
from fleet.show.style import COLOURS

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
FETCHED, OWN = ("ssd", "nanodet"), ("eye-small", "eye-large")
"""Networks of a sensor and of a cloud."""
NAMES = {
    "ssd": "SSD-MobileNetV2, 300 px", "nanodet": "NanoDet, 416 px",
    "eye-small": "eye-small, 320 px", "eye-large": "eye-large, 640 px",
}  # fmt: skip
FAMILIES = {
    "h264": ("H.264", COLOURS[1], "o-"), "h265": ("H.265", COLOURS[2], "s--"),
    "av1": ("AV1", COLOURS[3], "^-."), "jpeg": ("JPEG", COLOURS[4], "D:"),
}  # fmt: skip


def curve(
    table: list[dict[str, str]], arms: tuple[str, str], message_bytes: dict[str, float]
) -> Figure:
    """Return recall against bitrate, a panel for each light, with the two arms in it.

    Args:
        table: rows of `derive_accuracy_curve.py`.
        arms: networks of the sensor and of the cloud.
        message_bytes: mean size of the sensor's message on the wire, by light.
    """
    figure = Figure(figsize=(7.0, 2.7), layout="constrained")
    panels = figure.subplots(1, len(LIGHTS), sharey=True)
    families = dict.fromkeys(row["family"] for row in table if row["family"] != "raw")
    for axes, light in zip(panels, LIGHTS, strict=True):
        rows = [row for row in table if row["light"] == light]
        sensor, cloud = (
            next(r for r in rows if r["family"] == "raw" and r["model"] == name) for name in arms
        )
        axes.axhline(float(cloud["recall"]), color="#666666", lw=0.8, ls=":",
                     label=f"{NAMES[arms[1]]}, raw frames")  # fmt: skip
        sent = message_bytes[light] * 8 * RATE_FPS / 1000
        for family in families:
            name, colour, look = FAMILIES[family]
            coded = [row for row in rows if row["family"] == family]
            rates = [float(row["rate_kbps"]) for row in coded]
            _points(axes, rates, coded, colour, look, f"cloud: {NAMES[arms[1]]}, behind {name}")
            if len(families) == 1:
                _qualities(axes, rates, coded, sent)
        _points(axes, [sent], [sensor], COLOURS[0], "*", f"on the sensor: {NAMES[arms[0]]}")
        axes.set(xscale="log", title=light, ylim=(0, 0.9), xlim=(8, 12000))
        axes.grid(color="#dddddd", lw=0.4)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    panels[0].set_ylabel("recall (bars: 95 % interval)")
    note = "; numbers are crf" if len(families) == 1 else ""
    figure.supxlabel(f"sent by a sensor at 10 frames/s of 640 × 480 px (kbit/s){note}", fontsize=8)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def _qualities(axes: Axes, rates: list[float], coded: list[dict[str, str]], sent: float) -> None:
    """Write crf beside the points."""
    for row, rate in zip(coded, rates, strict=True):
        beside = rate < sent < 2 * rate  # there the star is in the way
        axes.annotate(
            row["quality"], (rate, float(row["recall"])), (-4, 3) if beside else (4, -7),
            fontsize=6, ha="right" if beside else "left", textcoords="offset points",
            color="#444444",
        )  # fmt: skip


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


def message_bytes(network: str, views: Sequence[str]) -> dict[str, float]:
    """Return the mean bytes on the wire of what a sensor's network says, by light."""
    reader = Catalog.load().reader()
    sizes: dict[str, list[float]] = {light: [] for light in LIGHTS}
    for view in views:
        traced = replay.load(view, RAW.name, network)
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
    """Draw all figures."""
    with matplotlib.rc_context(dict[Any, Any](STYLE)):
        for name, ending, arms, views in (
            ("accuracy_bitrate", "_fetched", FETCHED, ("street", "entrance")),
            ("accuracy_bitrate_own", "", OWN, VIEWS),
        ):
            with (FOLDER / f"accuracy_bitrate{ending}.csv").open(newline="") as file:
                table = list(csv.DictReader(file))
            figure = curve(table, arms, message_bytes(arms[0], views))
            for kind in ("png", "pdf"):
                figure.savefig(FOLDER / f"{name}.{kind}", dpi=200)
        examples().savefig(FOLDER / "examples.png", dpi=200)
    print(f"drawn in {FOLDER}")


if __name__ == "__main__":
    main()
