"""Draw what `results/eyes/` shows: recall against bitrate by light, and example frames.

``python scripts/draw_eyes.py`` after ``derive_accuracy_curve.py``; needs
``pip install -e '.[eyes]'``.
"""

from __future__ import annotations

import csv
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, NullFormatter
from registry import ROOT

from fleet.eyes.accuracy import judged, matters
from fleet.eyes.boxes import Boxes
from fleet.eyes.clip import LIGHTS, Frame, Pixels
from fleet.eyes.codec import RAW, encode, setting
from fleet.eyes.detector import Detector, load
from fleet.eyes.render import scene
from fleet.show.figures import COLOURS

FOLDER = ROOT / "results" / "eyes"
STYLE = {
    "font.size": 8, "axes.titlesize": 8, "xtick.labelsize": 7, "ytick.labelsize": 7,
    "legend.fontsize": 7, "legend.frameon": False, "pdf.fonttype": 42,
    "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6,
    "axes.axisbelow": True,
}  # fmt: skip
MARKERS = {"h264": "o", "h265": "s", "av1": "D", "jpeg": "^"}
NAMES = {"h264": "H.264", "h265": "H.265", "av1": "AV1", "jpeg": "JPEG, each frame alone"}
SHOWN = ("h264-crf28", "h264-crf44")
SITE, OBJECTS, FRAME = 590_001, 8, 12


def curve(path: Path) -> Figure:
    """Return recall against bitrate, a panel for each light; bars are 95 % intervals."""
    with path.open(newline="") as file:
        table = list(csv.DictReader(file))
    figure = Figure(figsize=(7.0, 2.5), layout="constrained")
    panels = figure.subplots(1, len(LIGHTS), sharey=True)
    for axes, light in zip(panels, LIGHTS, strict=True):
        rows = [row for row in table if row["light"] == light]
        _raw(axes, [row for row in rows if row["family"] == "raw"][-1])
        for i, (family, name) in enumerate(NAMES.items()):
            mine = [row for row in rows if row["family"] == family]
            _line(axes, mine, COLOURS[i], MARKERS[family], name)
        axes.set(xscale="log", title=light, ylim=(0, 1))
        axes.grid(color="#dddddd", lw=0.4)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    panels[0].set_ylabel("recall")
    figure.supxlabel("bitrate of 640 × 480 px at 10 fps (kbit/s)", fontsize=8)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=5)
    return figure


def _raw(axes: Axes, row: dict[str, str]) -> None:
    """Draw what the same network finds in raw frames, and its interval."""
    low, high = float(row["recall_low"]), float(row["recall_high"])
    axes.axhspan(low, high, color="#bbbbbb", alpha=0.35, lw=0)
    axes.axhline(float(row["recall"]), color="#444444", lw=1.0, ls="--",
                 label="raw, as on the sensor")  # fmt: skip


def _line(axes: Axes, rows: list[dict[str, str]], colour: str, marker: str, name: str) -> None:
    rows = sorted(rows, key=lambda row: float(row["rate_kbps"]))
    x, y = (np.array([float(row[key]) for row in rows]) for key in ("rate_kbps", "recall"))
    ends = np.array([[float(row[f"recall_{end}"]) for row in rows] for end in ("low", "high")])
    axes.errorbar(x, y, np.abs(ends - y), color=colour, marker=marker, ms=3, lw=1.0, elinewidth=0.5,
                  label=name)  # fmt: skip


def examples() -> Figure:
    """Return a frame of a street by day and by night, raw and behind codecs, with what is found."""
    network = load("eye-small")
    figure = Figure(figsize=(7.0, 3.7), layout="constrained")
    panels = figure.subplots(2, 1 + len(SHOWN))
    for line, light in zip(panels, ("day", "night"), strict=True):
        clip = scene("street", light, seed=SITE, objects=OBJECTS, frames=FRAME + 1, rate_fps=10.0)
        frames = list(clip.frames())
        for axes, how in zip(line, (RAW, *map(setting, SHOWN)), strict=True):
            coded = list(encode((frame.pixels for frame in frames), how, clip.rate_fps))[-1]
            size = "raw" if how is RAW else f"{how.name}, {len(coded.data):,} B"
            axes.set_title(f"{light}: {size}", fontsize=7)
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
    with matplotlib.rc_context(STYLE):
        if (FOLDER / "accuracy_bitrate.csv").exists():
            figure = curve(FOLDER / "accuracy_bitrate.csv")
            for kind in ("png", "pdf"):
                figure.savefig(FOLDER / f"accuracy_bitrate.{kind}", dpi=200)
        examples().savefig(FOLDER / "examples.png", dpi=200)
    print(f"drawn in {FOLDER}")


if __name__ == "__main__":
    main()
