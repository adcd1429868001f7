"""What an answer is worth, read again from the folder in which it was written down."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fleet.catalog.rows import Row
from fleet.catalog.spread import Spread
from fleet.study.uncertain.findings import Effect, Finding, Flip, Range, Sensitivity
from fleet.study.uncertain.indices import Index
from fleet.study.uncertain.sensitivity import ESTIMATES


def read(folder: Path) -> Sensitivity:
    """Return what `fleet.study.uncertain.door.sensitivity` wrote into a folder.

    How many runs there were is not written, and is 0.

    Raises:
        OSError, ValueError, LookupError, TypeError: its files are not there, or damaged.
    """
    about = json.loads((folder / "sensitivity.json").read_text("utf-8"))
    varied = {name: _spread(name, row) for name, row in about["varied"].items()}
    effects = list(_rows(folder / "effects.csv"))
    findings = tuple(_finding(row, varied, effects, about["draws"]) for row in about["findings"])
    return Sensitivity(
        about["scenario"], tuple(about["arms"]), tuple(varied.values()), about["held"], findings,
        {(row["metric"], row["arm"]): Range(row["p5"], row["p50"], row["p95"])
         for row in about["ranges"]},
        about["draws"], 0, 0,
    )  # fmt: skip


def _spread(name: str, row: Mapping[str, Any]) -> Spread:
    item, _, parameter = name.rpartition(".")
    value, low, high = (repr(float(row[key])) for key in ("value", "low", "high"))
    kept = Row(item, parameter, value, row["unit"], low, high, "", "", row["confidence"])
    return Spread(("", item, parameter), kept)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as file:
            yield from csv.DictReader(file)


def _finding(
    row: Mapping[str, Any], varied: Mapping[str, Spread], effects: list[dict[str, str]], draws: int
) -> Finding:
    mine = [
        Effect(
            varied[one["number"]], float(one["difference_at_low"]),
            float(one["difference_at_high"]), float(one["mu_star"]),
        )
        for one in effects
        if (one["metric"], one["arm"]) == (row["metric"], row["arm"])
    ]  # fmt: skip
    known = row["same_sign_in"] is not None
    indices = {
        name: Index(one["first"], (one["first_ci95"][0], one["first_ci95"][1]), one["total"],
                    (one["total_ci95"][0], one["total_ci95"][1]), one["told"])
        for name, one in row["indices"].items()
    }  # fmt: skip
    estimates = frozenset(
        name for name in indices
        if name == ESTIMATES
        or (name in varied and varied[name].row.confidence == "estimate")
    )  # fmt: skip
    return Finding(
        row["metric"], row["arm"], row["baseline"], (row["values"][0], row["values"][1]),
        round(row["same_sign_in"] * draws) if known else 0, draws if known else 0, tuple(mine),
        tuple(_flip(one, varied) for one in row["flips"]), indices or None, estimates,
        row["noise"], row["why"] or "",
    )  # fmt: skip


def _flip(row: Mapping[str, Any], varied: Mapping[str, Spread]) -> Flip:
    above = "above" in row
    return Flip(varied[row["number"]], row["above" if above else "below"], above, row["difference"])
