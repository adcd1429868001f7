"""What folders hold as tables for papers: arms by numbers, points by arms, plants, and ranges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow.compute as pc

from fleet.errors import InputError
from fleet.results.interval import ERROR_A_LOOK
from fleet.results.means import FRAMES
from fleet.results.metric import Metric, Scope, number
from fleet.results.metrics import Named, check_asked, known, named, names_in
from fleet.results.record import Record
from fleet.show.folders import (
    PlanFolder,
    SensitivityFolder,
    Shown,
    StudyFolder,
    check_numbers,
)
from fleet.show.grid import Cell, Grid, Line
from fleet.show.labels import labelled
from fleet.show.rows import BOUND, EMPTY, chance_percent, figure, told
from fleet.show.sweep import chosen, plain
from fleet.show.words import said
from fleet.sizing.written import PLAN
from fleet.study.averages import Average, arms_of, averages, places, varied
from fleet.study.tidy import replications

_CALLED = {
    "latency_ms.p50": "median latency", "latency_ms.p99": "99th percentile of latency",
    "delivered.never": "frames skipped or lost", "power_w.total": "power",
    "bandwidth_mbit_s.{}.mean": "load of {}",
    "cost_usd_per_sensor_month.total": "cost of a sensor and month",
    "carbon_kg_per_sensor_year": "CO2e of a sensor", "accuracy.recall": "recall",
    "accuracy.precision": "precision", "lost": "frames lost", "bytes": "bytes from sensors",
}  # fmt: skip
"""How numbers are called in a table without sections."""
_FIRST = ("latency_ms.p50", "latency_ms.p99", "delivered.never", "power_w.total")
_LAST = (
    "cost_usd_per_sensor_month.total", "carbon_kg_per_sensor_year", "accuracy.recall",
    "accuracy.precision",
)  # fmt: skip
_SCOPES = (Scope.ARM, Scope.LINK)


def grids(shown: Shown, metrics: Sequence[str] = (), *, full: bool = False) -> list[Grid]:
    """Return the tables of what stands in a folder.

    Args:
        shown: what stands there.
        metrics: names of numbers; none: those of the study, or the usual ones.
        full: all numbers of a run.

    Raises:
        InputError: there is no such number.
    """
    check_asked(metrics)
    check_numbers(shown)
    if isinstance(shown, Record):
        return [_of_run(labelled(shown), metrics, full)]
    if isinstance(shown, StudyFolder):
        asked = metrics or shown.about.get("metrics") or chosen(shown.table)
        return [_of_study(shown, name) for name in asked]
    if isinstance(shown, SensitivityFolder):
        return [_of_ranges(shown)]
    return list(_of_plan(shown))


def _of_run(record: Record, metrics: Sequence[str], full: bool) -> Grid:
    names = list(metrics) or [one.text for one in _usual(record, full)]
    sections, lines = None, []
    for name in names:
        metric = known(name).metric
        cells = [_cell(record, arm, name) for arm in record.arms]
        if metrics or any(cell.mean is not None for cell in cells):
            lines.append(
                Line([_label(known(name)), metric.unit.printed], cells, metric.section != sections)
            )
            sections = metric.section
    many = record.summary["replications"]
    note = (
        f"Mean over {many} replications with its {_sure(record)} interval (Student's t; of what"
        " eyes see over scenes)."
        if many > 1
        else "One replication; of what eyes see with its 95 % interval over scenes."
    )
    title = f"{record.summary['run_id']}: {record.summary['sensors']:,} sensors, seed"
    has_bounds = any(cell.text.startswith("<") for line in lines for cell in line.cells)
    return Grid(
        f"{title} {record.summary['seed']}, fingerprint {record.summary['fingerprint'][:16]}",
        ["quantity", "unit"], list(record.arms), lines, [note, *([BOUND] if has_bounds else [])],
    )  # fmt: skip


def _sure(record: Record) -> str:
    return f"{1 - ERROR_A_LOOK:.2%}" if record.looked else "95 %"


def _usual(record: Record, full: bool) -> Iterator[Named]:
    """Yield the headlines and what links carry, or all numbers of arms and of links."""
    every = [names_in(run) for runs in record.numbers.values() for run in runs[:1]]
    there: dict[Scope, list[str]] = {
        scope: list(dict.fromkeys(name for one in every for name in one[scope])) for scope in Scope
        if scope is not Scope.ARM
    }  # fmt: skip
    if full:
        yield from named(there, lambda metric: metric.section is not None, _SCOPES)
        return
    yield from (known(name) for name in _FIRST)
    yield from named(there, lambda metric: metric.key == "bandwidth_mbit_s.mean", [Scope.LINK])
    yield from (known(name) for name in _LAST)


def _label(one: Named) -> str:
    """Return how a number is called; its name where nothing shorter says what it is."""
    short = _CALLED.get(one.metric.path(one.scope))
    if short is None and one.metric.label and one.metric.section is not None:
        short = f"{one.metric.section.value}: {one.metric.label}"
    return (short or one.text).replace("{}", one.name)


def _cell(record: Record, arm: str, name: str) -> Cell:
    metric, mean = known(name).metric, known(name).value(record.arms[arm])
    if mean is None:
        return Cell(EMPTY)
    row = record.summary["intervals"][arm].get(name) or {"ci95": None, "over": None}
    scale = metric.unit.factor
    low, high = row["ci95"] or (None, None)
    if row["over"] == FRAMES:  # a bound of what never was
        low = None if low is None else 0.0
    text = said(record, arm, name, unit=False).removesuffix("%").rstrip()
    return Cell(
        text, mean * scale, None if low is None else low * scale,
        None if high is None else high * scale,
    )  # fmt: skip


def _of_study(shown: StudyFolder, name: str) -> Grid:
    table, metric = shown.table, known(name).metric
    if name not in pc.unique(table["metric"]).to_pylist():
        raise InputError(f"--metric {name}: '{shown.folder}' does not have it")
    keys, arms = varied(table), arms_of(table)
    means = averages(table, name)
    lines = [
        Line(
            [plain(place[key]) for key in keys],
            [_average(metric, means.get((str(place["point"]), arm))) for arm in arms],
        )
        for place in places(table)
    ]
    many = int(shown.about["replications"])
    note = (
        f"Mean over {replications(shown.about)} with its 95 % interval (Student's t)."
        if many > 1
        else "One replication, without intervals."
    )
    notes = [note, *([BOUND] if any(one.is_bound for one in means.values()) else [])]
    return Grid(f"{shown.name}: {name} ({metric.unit.printed})", keys, arms, lines, notes)


def _average(metric: Metric, one: Average | None) -> Cell:
    if one is None:
        return Cell(EMPTY)
    scale = metric.unit.factor
    low, high = (None, None) if one.ci95 is None else (x * scale for x in one.ci95)
    text = told(metric, one.mean, one.ci95, is_bound=one.is_bound).removesuffix("%")
    return Cell(text, one.mean * scale, low, high)


def _of_ranges(shown: SensitivityFolder) -> Grid:
    answer = shown.answer
    lines = []
    for name in dict.fromkeys(metric for metric, _ in answer.ranges):
        metric = known(name).metric
        scale = metric.unit.factor
        cells = []
        for arm in answer.arms:
            one = answer.ranges.get((name, arm))
            if one is None:
                cells.append(Cell(EMPTY))
                continue
            low, middle, high = (x * scale for x in one)
            shown_as = [number(x) for x in (middle, low, high)]
            cells.append(Cell(f"{shown_as[0]} ({shown_as[1]}–{shown_as[2]})", middle, low, high))
        lines.append(Line([name, metric.unit.printed], cells))
    note = f"Median and 5 % to 95 % of {answer.draws} draws of the catalogue's ranges."
    title = f"{answer.scenario}: what the sources allow"
    return Grid(title, ["quantity", "unit"], answer.arms, lines, [note])


FIGURES = (
    ("99th percentile of latency", "ms", "latency_ms_p99", 1.0),
    ("frames lost", "%", "lost", 100.0),
    ("power of a sensor", "W", "power_w_per_sensor", 1.0),
    ("cost of a sensor and month", "USD", "cost_usd_per_sensor_month", 1.0),
    ("CO2e of a sensor and month", "g", "carbon_g_per_sensor_month", 1.0),
    ("recall in all frames", "%", "recall", 100.0),
)
"""Of an answer of a plan: how it is called, its unit, its name in `figures`, and the scale."""


def _of_plan(shown: PlanFolder) -> Iterator[Grid]:
    """Yield a table for each point of what was varied: a column an arm."""
    data = shown.data
    what = "most" if data["most"] else "smallest"
    for given in dict.fromkeys(tuple(one["given"]) for one in data["answers"]):
        answers = [one for one in data["answers"] if tuple(one["given"]) == given]
        lines = [
            Line([key, ""], [Cell(value_of(one, key)) for one in answers])
            for key in data["looked_for"]
        ]
        lines.append(Line(["P(meets)", "%"], [_chance(one["p_meets"]) for one in answers], True))
        for label, unit, name, scale in FIGURES:
            cells = [_figure(one["figures"], name, scale) for one in answers]
            if any(cell.mean is not None for cell in cells):
                lines.append(Line([label, unit], cells))
        at = f" at {', '.join(given)}" if given else ""
        title = f"{data['scenario']['name']}{at}: {what} for {', '.join(data['objectives'])}"
        notes = [f"From {PLAN}, seed {data['seed']}; 'any': it changes nothing."]
        notes += [BOUND] if any(one["figures"].get("lost_below") for one in answers) else []
        yield Grid(title, ["quantity", "unit"], [one["arm"] for one in answers], lines, notes)


def called(answer: Mapping[str, Any]) -> str:
    """Return of what an answer of a plan is: what of the scenario was varied, and the arm."""
    return ", ".join([*answer["given"], answer["arm"]])


def value_of(answer: Mapping[str, Any], key: str) -> str:
    """Return the value of a key that an answer of a plan comes to."""
    if not answer["enough"]:
        return "none"
    return str(answer["values"].get(key) or "any")


def _chance(share: float) -> Cell:
    return Cell(chance_percent(share), 100 * share)


def _figure(figures: Mapping[str, float | None], name: str, scale: float) -> Cell:
    value, most = figures.get(name), figures.get(f"{name}_below")
    if value is None:
        return Cell(EMPTY)
    ends = (None, None) if most is None else (0.0, most * scale)
    return Cell(figure(figures, name, scale), value * scale, *ends)
