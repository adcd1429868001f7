"""`fleet validate`: the model against what others published, by small runs of the usual engine.

Each row of `published.csv` names a figure, how the model came to it (`Kind`), and how far off it
may be. What is measured for a row is in the module of its group. Tolerances were set once the
errors were known, with room for the seed: they say how good the model is and guard it from
getting worse, but passing them was no blind test.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from fleet.errors import InputError
from fleet.proof import (
    validate_cloud,
    validate_codec,
    validate_fleet,
    validate_radio,
    validate_sensor,
)
from fleet.proof.validate_bench import Bench, Measure
from fleet.scenario.load import did_you_mean

CALIBRATION, PREDICTION, BOUND, MISS, INFORMATION = KINDS = (
    "calibration", "prediction", "bound", "miss", "information",
)  # fmt: skip
"""What a figure is to the model: calibration, constants were fitted on it; prediction, none was;
bound, the model must not exceed it; miss, a failure of the model that is known and must not grow;
information, shown only, as nobody could predict it or nothing simulated corresponds to it."""

_MEASURES: dict[str, Measure] = {
    "sensor": validate_sensor.measure,
    "messages": validate_sensor.measure,
    "camera": validate_sensor.measure,
    "cloud": validate_cloud.measure,
    "radio": validate_radio.measure,
    "network": validate_radio.measure,
    "codec": validate_codec.measure,
    "fleet": validate_fleet.measure,
}
GROUPS = tuple(_MEASURES)


@dataclass(frozen=True)
class Published:
    """A figure that someone published; a row of `published.csv`.

    Attributes:
        id: what is measured and of what; behind `-for-`, what tells two such rows apart.
        group: one of `GROUPS`.
        what: the figure in words.
        published: its value.
        unit: of the value.
        kind: one of `KINDS`.
        tolerance_percent: how far off the model may be; None: any distance.
        source: who published it.
        year: when.
        note: what to know about it.
    """

    id: str
    group: str
    what: str
    published: float
    unit: str
    kind: str
    tolerance_percent: float | None
    source: str
    year: int
    note: str


@dataclass(frozen=True)
class Row:
    """A published figure and what the model gives.

    Attributes:
        id, group, what, published, unit, tolerance_percent, kind, source, note: see `Published`.
        simulated: what the model gives; NaN if it refuses the test, then `note` says why.
        error_percent: simulated over published, less one.
        passed: whether it is within its tolerance; a miss too, if it has not grown.
    """

    id: str
    group: str
    what: str
    published: float
    simulated: float
    unit: str
    error_percent: float
    tolerance_percent: float | None
    kind: str
    passed: bool
    source: str
    note: str


def published() -> list[Published]:
    """Return all published figures, in the order of the file."""
    text = resources.files(__package__).joinpath("published.csv").read_text("utf-8")
    return [
        Published(
            **{k: row[k] for k in ("id", "group", "what", "unit", "kind", "source", "note")},
            published=float(row["published"]),
            tolerance_percent=float(row["tolerance_percent"]) if row["tolerance_percent"] else None,
            year=int(row["year"]),
        )
        for row in csv.DictReader(text.splitlines(), strict=True)
    ]


def run(
    groups: Collection[str] | None = None,
    progress: Callable[[float], None] = lambda _: None,
    *,
    catalogue: Iterable[Path] = (),
) -> list[Row]:
    """Return what the model gives for every published figure of some groups.

    The same rows come from the same catalogue: runs have a fixed seed.

    Args:
        groups: which; None: all.
        progress: is called with the share of the figures that is done.
        catalogue: a user's CSV files, whose values replace the packaged ones.

    Raises:
        InputError: there is no such group, or a file of the catalogue is not sound.
    """
    for group in groups or ():
        if group not in GROUPS:
            raise InputError(
                f"no group '{group}'{did_you_mean(group, GROUPS)}; groups: {', '.join(GROUPS)}"
            )
    figures = [f for f in published() if groups is None or f.group in groups]
    bench = Bench.load(catalogue)
    rows = []
    for done, figure in enumerate(figures):
        progress(done / len(figures))
        name = figure.id.partition("-for-")[0]
        try:
            row = judged(figure, _MEASURES[figure.group](bench, name, figure.published))
        except InputError as error:  # a user's catalogue does not allow what was published
            row = replace(judged(figure, math.nan), passed=False, note=f"not possible: {error}")
        rows.append(row)
    progress(1.0)
    return rows


def counted(rows: Iterable[Row]) -> tuple[int, int, int]:
    """Return how many figures are held, known to be missed, and worse than they may be.

    What is only shown, for information, is not counted.
    """
    judged_rows = [row for row in rows if row.kind != INFORMATION]
    worse = sum(not row.passed for row in judged_rows)
    missed = sum(row.kind == MISS and row.passed for row in judged_rows)
    return len(judged_rows) - missed - worse, missed, worse


def judged(figure: Published, simulated: float) -> Row:
    """Return a published figure next to what the model gives, and whether that is near enough."""
    error = (simulated / figure.published - 1) * 100
    off = error if figure.kind == BOUND else abs(error)
    tolerance = figure.tolerance_percent
    return Row(
        id=figure.id,
        group=figure.group,
        what=figure.what,
        published=figure.published,
        simulated=simulated,
        unit=figure.unit,
        error_percent=error,
        tolerance_percent=tolerance,
        kind=figure.kind,
        passed=tolerance is None or off <= tolerance,
        source=figure.source,
        note=figure.note,
    )
