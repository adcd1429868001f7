"""The chapter of a study: who is best where, curves with bands and knees, and all numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from fleet.reports.charts import Band, Line, plot
from fleet.reports.look import legend
from fleet.reports.markup import Markup, join, tag
from fleet.reports.scale import Scale, linear, logarithmic
from fleet.reports.section import Chapter, Section
from fleet.reports.sources import texts
from fleet.reports.tables import figure, table
from fleet.reports.tiles import Tile, tiles
from fleet.results.metric import Better
from fleet.results.metrics import known
from fleet.show.folders import StudyFolder
from fleet.show.grid import Grid
from fleet.show.rows import below
from fleet.show.sweep import chosen, failures, plain, to_be_taken, wins
from fleet.show.tables import grids
from fleet.study.averages import (
    Average,
    Key,
    arms_of,
    averages,
    bend,
    places,
    scaled,
    varied,
)
from fleet.study.demands import in_words
from fleet.study.panels import LOST, Map, has_lines, has_map, maps, panels
from fleet.study.points import GRID
from fleet.study.taking import Blank, Taken, best, can_be_taken, to_take
from fleet.study.tidy import replications

_WIDE = 20.0
"""A key whose largest value is so many times its least is drawn over its logarithm."""


def chapter(study: StudyFolder, key: str) -> Chapter:
    """Return what a page tells of a study."""
    metrics = list(study.about.get("metrics") or chosen(study.table))
    means = {name: averages(study.table, name) for name in metrics}
    keys = varied(study.table)
    sections = [
        _answer(study, means),
        *([_curves(study, means)] if metrics and has_lines(study.table) else []),
        *([_maps(study, means)] if metrics and has_map(study.table) else []),
        _numbers(grids(study, metrics)),
        _provenance(study.about),
    ]
    points, arms = len(places(study.table)), ", ".join(arms_of(study.table))
    facts = (
        f"A study of {points} points by {', '.join(keys) or 'nothing'};"
        f" {replications(study.about)}, which share their random numbers between points"
        f" and arms. Arms, each a way to equip and serve the same sensors: {arms}."
    )
    return Chapter(key, f"{study.name}, a study", facts, sections)


Means = Mapping[str, Mapping[Key, Average]]


def _answer(study: StudyFolder, means: Means) -> Section:
    """Return in a sentence a metric which arm is best at how many points, and where lines bend."""
    lines = [tag("li", line) for name, by in means.items() for line in _best(study, name, by)]
    lines += [tag("li", line) for line in to_be_taken(study.table, [*means])]
    failed = [tag("li", line, class_="missed") for line in failures(study.table)]
    body = tag(
        "ul", failed, lines or tag("li", "No number is known at any point."), class_="digest"
    )
    return Section("answer", "The answer", body)


def _best(study: StudyFolder, name: str, means: Mapping[Key, Average]) -> Iterator[str]:
    won = wins(best(study.table, name).values())
    told = [f"{arm} at {_points(many)}{sure}" for arm, many, sure in won]
    if told:
        alike = len(places(study.table)) - sum(many for _, many, _ in won)
        same = f"; at {_points(alike)} nobody is better" if alike else ""
        yield f"Best in {name}: {', '.join(told)}{same}."
    elif means and all(one.is_bound for one in means.values()):
        most = max(one.ci95[1] for one in means.values() if one.ci95 is not None)
        yield f"{name}: none at any point; with 95 % the share is {below(most)}."
    elif means:
        low, high = (f(one.mean for one in means.values()) for f in (min, max))
        unit = known(name).metric.unit
        yield f"{name} lies between {unit.show(low)} and {unit.show(high)}."


def _points(many: int) -> str:
    return "1 point" if many == 1 else f"{many} points"


def _unit(name: str) -> str:
    return known(name).metric.unit.printed


def _curves(study: StudyFolder, means: Means) -> Section:
    """Return each metric over the last key that has numbers, with bands and knees."""
    parts = [part for name, by in means.items() for part in _curve(study, name, scaled(name, by))]
    note = (
        "Bands are 95 % intervals over replications; a ring is the knee of a line, where it bends"
        " most; it is marked where the line rises or falls by more than its intervals are wide."
        " Intervals are cut at zero where no mean is below it."
    )
    return Section("curves", "Over what varies", join(tag("p", note), parts))


def _curve(study: StudyFolder, name: str, means: Mapping[Key, Average]) -> Iterator[Markup]:
    rows, arms = places(study.table), arms_of(study.table)
    along, other, values = panels(study.table)
    x = _along([float(row[along]) for row in rows])
    y = _upwards(list(means.values()))
    for value in values:
        here = [row for row in rows if other is None or row[other] == value]
        here.sort(key=lambda row: float(row[along]))
        lines, bands, knees = [], [], []
        for k, arm in enumerate(arms):
            points = [(float(r[along]), means[at]) for r in here
                      if (at := (str(r["point"]), arm)) in means]  # fmt: skip
            if points:
                band = _band(k, points)
                bands.append(band)
                lines.append(Line(k, arm, band.x, band.y))
                if band.knee is not None:
                    knees.append(f"{arm} at {plain(points[band.knee][0])}")
        where = "" if other is None else f" at {other} {plain(value)}"
        text = f"{name} ({_unit(name)}) over {along}{where}."
        said = f" Knee: {'; '.join(knees)}." if knees else ""
        chart = plot(lines, x, y, text + said, height=180, behind=bands)
        yield figure(text + said, chart, legend(arms, line=True))


def _upwards(means: Sequence[Average]) -> Scale:
    """Return a scale from zero, or of logarithms where the least is lost beside the largest."""
    least = min(one.mean for one in means)
    ends = [end for one in means for end in (one.mean, *(one.ci95 or ()))]
    if least > 0 and max(one.mean for one in means) > LOST * least:
        return logarithmic([end for end in ends if end >= least / 2])
    return linear(ends if least < 0 else [max(end, 0.0) for end in ends])


def _along(values: Sequence[float]) -> Scale:
    if min(values) > 0 and max(values) >= _WIDE * min(values):
        return logarithmic(values)
    scale = linear(values, zero=min(values) < 0.3 * max(values))
    return scale if scale.high > scale.low else Scale(scale.low, scale.low + 1)


def _band(k: int, points: Sequence[tuple[float, Average]]) -> Band:
    ends = [one.ci95 or (one.mean, one.mean) for _, one in points]
    low, high = np.array(ends, dtype=np.float64).T
    if min(one.mean for _, one in points) >= 0:
        low = np.maximum(low, 0.0)  # what is never negative is not so with 95 % either
    x, y = ([a for a, _ in points], [one.mean for _, one in points])
    knee = bend(x, y, float((high - low).max()))
    return Band(k, np.array(x), np.array(y), low, high, knee)


def _maps(study: StudyFolder, means: Means) -> Section:
    """Return who is best at each point of two keys, for each metric of which less is better."""
    good = [name for name in means if known(name).metric.better is not Better.NEITHER]
    arms = arms_of(study.table)
    key = legend([f"{chr(ord('A') + k % 9)}: {arm}" for k, arm in enumerate(arms)])
    parts, asked = [], in_words(study.table)
    for name in good:
        won = best(study.table, name)
        parts += [_map(one, arms, won, f"Best in {name}", key) for one in maps(study.table)]
        if can_be_taken(study.table, name):
            won, text = to_take(study.table, name), f"Best in {name} of the arms that keep {asked}"
            parts += [_map(one, arms, won, text, key) for one in maps(study.table)]
    note = (
        "The arm that is best at each point. Pale and with a question mark: the 95 % interval of"
        " its difference from the second, replication by replication, holds zero."
        + "".join(f" {why.mark}: {why.words}." for why in Blank)
    )
    return Section("regimes", "Who is best where", join(tag("p", note), parts))


def _map(
    one: Map, arms: Sequence[str], taken: Mapping[str, Taken], text: str, key: Markup
) -> Markup:
    across, up = one.to_the_right, one.upwards
    at = {(row[one.up], row[one.across]): _tile(taken[str(row["point"])], arms) for row in one.rows}
    columns = [plain(value) for value in across]
    drawn = [(plain(v), [at.get((v, w), "") for w in across]) for v in reversed(up)]
    where = "" if one.other is None else f", at {one.other} {plain(one.value)}"
    text = f"{text}{where}: {one.up} upwards, {one.across} to the right."
    cells = [
        (row, *(t if isinstance(t, str) else t.name + ("" if t.shown else " ?") for t in tiles_))
        for row, tiles_ in drawn
    ]
    numbers = table(text, [f"{one.up} \\ {one.across}", *columns], cells)
    return figure(text, tiles(drawn, columns, text), key, numbers=numbers)


def _tile(taken: Taken, arms: Sequence[str]) -> Tile | str:
    if taken.arm is None:
        return taken.blank.mark if taken.blank else ""
    return Tile(arms.index(taken.arm), taken.arm, taken.shown)


def _numbers(every: Sequence[Grid]) -> Section:
    return Section("numbers", "All numbers", join([grid_table(grid) for grid in every]))


def grid_table(grid: Grid) -> Markup:
    """Return a table for papers as one of a page."""
    rows = [(*line.names, *(cell.text for cell in line.cells)) for line in grid.lines]
    kind = "long" if len(rows) > 12 else ""
    note = tag("p", " ".join(grid.notes))
    return join(table(grid.title, [*grid.names, *grid.columns], rows, kind=kind), note)


def _provenance(about: Mapping[str, Any]) -> Section:
    return Section("provenance", "Provenance", asked(about))


def asked(about: Mapping[str, Any]) -> Markup:
    """Return what was asked, of which files and by which versions, as a table."""
    told = {
        key: value
        for key, value in about.items()
        if key not in ("says", "labels") and value not in (None, [], {})
    }
    if about.get("drawing", [""])[0] == GRID:
        del told["drawing"]
    rows = [("scenario", str(about["scenario"])), ("replications", str(about["replications"]))]
    rows += list(texts(told))
    return table("What was asked, and by which versions", ["what", "value"], rows, words=(1,))
