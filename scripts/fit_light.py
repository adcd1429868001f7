"""Derive the catalogue's rows of light from what `derive_light.py` measured.

Run it as ``python scripts/fit_light.py``; it takes seconds. In a light other than day

    I = i_share · I by day + i_added · pixels / 8
    P = still_share · still part by day + moving_share · moving part by day + p_added · pixels / 8

where the still part by day is the P frame with nobody in view. Shares and added bits are the same
for rendered and for filmed scenes, whose bytes by day differ by a factor of two: that tells shares
and added bits apart. They are fitted on the rows called ``fit`` so that the largest error over
scenes and bases is least, in I frames and in the mean frame of a group of pictures. Ranges are what
single rows would have, with the other numbers as they are.

Frame rates change what an encoder at constant quality makes of a frame as another quality would:
x264 and x265 take the time that a frame lasts into account, with `CRF_PER_OCTAVE`. So added bits at
another rate are those of the family at another quality.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from derive_codecs import CATALOG, GOP, YEAR, settings
from derive_light import MEASURED
from registry import ROOT, merge_rows, write_table

from fleet.arrays import Floats
from fleet.eyes.clip import LIGHTS
from fleet.lab.measures.codec import Setting

CLIPS = ROOT / "fleet" / "proof" / "clips.csv"
CRF_PER_OCTAVE = 2.4
"""6 · (1 - 0.6): half the step of the quantiser for each 6, to the power 1 less qcomp."""
SHARES = np.linspace(0.0, 1.0, 51)
COARSE = np.linspace(0.0, 1.0, 21)
ADDED = np.array([0.0, *np.geomspace(1e-4, 4.0, 160)])
SUM_POWER = 4
"""Of errors; large, so that the largest counts."""
ALIKE = 1e-5
"""What it costs that shares differ, where no row tells."""


class Seen(NamedTuple):
    """A clip in a light, and by day."""

    base: str
    half: str
    light: str
    codec: str
    pixels: int
    rate: float
    objects: float
    i: float
    p: float
    day_i: float
    still: float
    moving: float

    def mean(self, i: float | Floats, p: float | Floats) -> float | Floats:
        """Return the mean bytes of a group of pictures."""
        gop = 1 if self.codec.startswith("jpeg") else GOP
        return (i + (gop - 1) * p) / gop


def measured() -> list[Seen]:
    """Return what was measured in other lights, with the same by day."""
    with MEASURED.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    by_day = {key_of(row): row for row in rows if row["light"] == "day"}
    empty_share = filmed_still_shares()
    found = []
    for row in rows:
        if row["light"] == "day":
            continue
        day, n = by_day[key_of(row)], float(row["objects"])
        if row["view"] == "campus":
            still = empty_share[row["codec"]] * float(day["p_bytes"])
        else:
            still = float(by_day[key_of({**row, "objects": "0"})]["p_bytes"])
        pixels = int(row["width"]) * int(row["height"])
        found.append(
            Seen(
                row["base"], row["half"], row["light"], row["codec"], pixels,
                float(row["rate_fps"]), n, float(row["i_bytes"]), float(row["p_bytes"]),
                float(day["i_bytes"]), still, float(day["p_bytes"]) - still,
            )
        )  # fmt: skip
    return found


def key_of(row: dict[str, str]) -> tuple[str, ...]:
    """Return what a row has in common with that by day."""
    return tuple(row[k] for k in ("view", "half", "codec", "width", "rate_fps", "objects"))


def filmed_still_shares() -> dict[str, float]:
    """Return the share of a P frame that the filmed clip needs with nobody in view, by codec."""
    with CATALOG.open(encoding="utf-8") as file:
        rows = csv.DictReader(file)
        return {r["item"]: float(r["value"]) for r in rows if r["parameter"] == "static_share"}


class Law(NamedTuple):
    """What a light does to the bytes of a codec."""

    i_share: float
    still_share: float
    moving_share: float
    i_added: float
    p_added: float

    def bytes_of(self, seen: Seen) -> tuple[float, float]:
        """Return the mean bytes of (I frame, P frame)."""
        i = self.i_share * seen.day_i + self.i_added * seen.pixels / 8
        p = self.still_share * seen.still + self.moving_share * max(0.0, seen.moving)
        return i, p + self.p_added * seen.pixels / 8


def fit(rows: list[Seen]) -> Law:
    """Return the law of a codec in a light."""
    share, added = np.meshgrid(SHARES, ADDED, indexing="ij")
    worst = sum(
        np.abs(np.log((share * s.day_i + added * s.pixels / 8 + 1) / s.i)) ** SUM_POWER
        for s in rows
    )
    i_share, i_added = (float(of.flat[np.argmin(worst)]) for of in (share, added))
    if rows[0].codec.startswith("jpeg"):
        return Law(i_share, i_share, i_share, i_added, i_added)
    still, moving, added = np.meshgrid(COARSE, COARSE, ADDED, indexing="ij")
    worst = ALIKE * ((still - moving) ** 2 + (still - i_share) ** 2)
    for s in rows:
        p = still * s.still + moving * max(0.0, s.moving) + added * s.pixels / 8
        worst = worst + np.abs(np.log(s.mean(s.i, p) / s.mean(s.i, s.p))) ** SUM_POWER
    best = np.argmin(worst)
    return Law(
        i_share, float(still.flat[best]), float(moving.flat[best]), i_added, float(added.flat[best])
    )


def ranges(law: Law, rows: list[Seen]) -> dict[str, tuple[float, float]]:
    """Return the range of each number: what single rows would have, with the others as they are."""
    found: dict[str, tuple[float, float]] = {}
    for name, value in law._asdict().items():
        alone = [value]
        for s in rows:
            i, p = law.bytes_of(s)
            kind, rest = ("i", s.i - i) if name[0] == "i" else ("p", s.p - p)
            per = {
                "i_share": s.day_i, "still_share": s.still, "moving_share": s.moving,
                "i_added": s.pixels / 8, "p_added": s.pixels / 8,
            }[name]  # fmt: skip
            if per > 0.02 * (s.i if kind == "i" else s.mean(s.i, s.p)):
                alone.append(max(0.0, value + rest / per))
        found[name] = (min(alone), max(alone))
    return found


def rows_of(how: Setting, seen: list[Seen]) -> Iterator[tuple[object, ...]]:
    """Yield the catalogue's rows of a codec."""
    name, crf, octave = how.name, how.quality, CRF_PER_OCTAVE
    if how.family != "jpeg":
        yield name, "quality", crf, "1", crf, crf, "crf: the encoder's setting", YEAR, "derived"
        yield name, "quality_per_octave", octave, "1", 2, 3, OCTAVE_TEXT, YEAR, "derived"
    for light in LIGHTS[1:]:
        mine = [s for s in seen if (s.codec, s.light, s.half, s.rate) == (name, light, "fit", 10)]
        law = fit(mine)
        for parameter, (low, high) in ranges(law, mine).items():
            value = getattr(law, parameter)
            unit = "bits a pixel; " if parameter.endswith("added") else ""
            numbers = (f"{value:.4g}", "1", f"{low:.4g}", f"{high:.4g}")
            yield name, f"{parameter}_{light}", *numbers, unit + SOURCE, YEAR, "measured"


OCTAVE_TEXT = (
    "6 crf for each doubling of the quantiser, to the power 1 less qcomp (0.6), by which x264 and"
    " x265 follow the complexity of a frame over its duration; held by rows at 1, 5 and 30 fps"
)
SOURCE = (
    "results/eyes/bytes_by_light.csv: rendered scenes in every light and vtest.avi made dark by"
    " physics, this light over day; the range is that of single scenes"
)


def errors(laws: dict[tuple[str, str], Law], seen: list[Seen]) -> Iterator[tuple[object, ...]]:
    """Yield (row, error of I in percent, of the mean frame in percent)."""
    for s in seen:
        i, p = laws[s.codec, s.light].bytes_of(s)
        yield (
            s,
            round(100 * float(i / s.i - 1)),
            round(100 * float(s.mean(i, p) / s.mean(s.i, s.p) - 1)),
        )


def rendered_by_day(seen: list[Seen]) -> Iterator[tuple[object, ...]]:
    """Yield what the bytes of rendered scenes are by day, in the catalogue's terms, by codec."""
    for how in settings():
        mine = [s for s in seen if (s.codec, s.base, s.half) == (how.name, "rendered", "fit")]
        busy = [s for s in mine if s.objects > 0 and s.light == LIGHTS[1]]
        i, still = (np.mean([getattr(s, k) for s in busy]) for k in ("day_i", "still"))
        moving = max(0.0, float(np.mean([s.moving / s.objects for s in busy])))
        objects = float(np.mean([s.objects for s in busy]))
        p = still + objects * moving
        numbers = (f"{i:.0f}", f"{p:.0f}", f"{still / p:.3f}", f"{objects:g}")
        yield "rendered", how.name, 640, 480, *numbers


CLIPS_HEADER = (
    "base", "codec", "reference_width", "reference_height", "i_frame", "p_frame", "static_share",
    "reference_objects",
)  # fmt: skip


def main() -> None:
    """Fit all codecs, put the rows into the catalogue, and what rendered scenes are by day."""
    seen = measured()
    merge_rows(CATALOG, (row for how in settings() for row in rows_of(how, seen)))
    write_table(CLIPS, CLIPS_HEADER, rendered_by_day(seen))


if __name__ == "__main__":
    main()
