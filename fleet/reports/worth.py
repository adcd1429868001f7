"""The chapter of a sensitivity: what an answer is worth in words, and what moves it."""

from __future__ import annotations

from collections.abc import Iterator

from fleet.reports.look import swatch
from fleet.reports.markup import Markup, join, tag
from fleet.reports.scale import linear
from fleet.reports.section import Chapter, Section
from fleet.reports.study import asked, grid_table
from fleet.reports.tables import figure, table
from fleet.reports.tiles import Swing, tornado
from fleet.results.metrics import known
from fleet.show.folders import SensitivityFolder
from fleet.show.sensitivity import quantity, words
from fleet.show.tables import grids
from fleet.study.uncertain.findings import Effect, Finding

_MOST = 12


def chapter(kept: SensitivityFolder, key: str) -> Chapter:
    """Return what a page tells of a sensitivity."""
    answer = kept.answer
    drawn = [one for one in answer.findings if one.effects]
    sections = [
        Section("answer", "The answer", _words(kept)),
        *([Section("tornado", "What moves it", join(list(map(_tornado, drawn))))] if drawn else []),
        Section("indices", "Shares of the variance", join(list(_indices(kept)))),
        Section("ranges", "What the sources allow", grid_table(grids(kept)[0])),
        Section("provenance", "Provenance", join(_held(kept), asked(kept.about))),
    ]
    arms = ", ".join(answer.arms)
    facts = (
        f"What the answer is worth while each of {len(answer.varied)} numbers of the catalogue"
        f" lies anywhere in its range: {answer.draws} draws. Arms, each a way to equip and serve"
        f" the same sensors: {arms}."
    )
    return Chapter(key, f"{answer.scenario}, how sure", facts, sections)


def _words(kept: SensitivityFolder) -> Markup:
    items = [
        tag("li", line.strip(), class_="below" if line.startswith(" ") else None)
        for line in words(kept.answer)
    ]
    return tag("ul", items, class_="digest")


def _tornado(finding: Finding) -> Markup:
    """Return what each number alone does to a difference, the widest first."""
    unit = known(finding.metric).metric.unit
    scale, name = unit.factor, unit.of_differences
    moving = finding.moving
    middle = finding.difference * scale
    swings = [_swing(one, scale) for one in moving[:_MOST]]
    text = (
        f"{finding.arm} − {finding.baseline} in {finding.metric} ({name}): with one number at each"
        " end of its range, all others as they stand."
    )
    if not swings:
        return tag("p", f"{text} No number moves it.")
    ends = [x for swing in swings for x in (swing.at_low, swing.at_high)]
    x = linear([*ends, middle], zero=min(ends) < 0.0 < max(ends))
    keys = tag(
        "ul", tag("li", swatch(5), " at the low end"), tag("li", swatch(4), " at the high end"),
        tag("li", "pale: an estimate"), class_="legend",
    )  # fmt: skip
    cells = [
        (one.spread.name, quantity(one.spread.ends[0], one.spread.row.unit),
         quantity(one.spread.ends[1], one.spread.row.unit), one.spread.row.confidence,
         f"{one.at_low * scale:.5g}", f"{one.at_high * scale:.5g}")
        for one in moving
    ]  # fmt: skip
    head = ["number", "low", "high", "confidence", f"at low, {name}", f"at high, {name}"]
    label = f"{text} Widest: {swings[0].name}, {swings[0].said}."
    more = f" The {_MOST} widest of {len(moving)}." if len(moving) > _MOST else ""
    return figure(
        text + more, tornado(swings, middle, x, label), keys,
        numbers=table(text, head, cells, words=(3,), kind="long"),
    )  # fmt: skip


def _swing(one: Effect, scale: float) -> Swing:
    row = one.spread.row
    low, high = (quantity(end, row.unit) for end in one.spread.ends)
    return Swing(
        one.spread.name, f"{low} to {high}", one.at_low * scale, one.at_high * scale,
        row.confidence == "estimate",
    )  # fmt: skip


def _indices(kept: SensitivityFolder) -> Iterator[Markup]:
    """Yield by finding how much of the variance of its difference each group of numbers moves."""
    yield tag(
        "p", "Sobol's indices: the share of the variance of a difference that numbers move by"
        " themselves, and with others, with 95 % intervals of a bootstrap over samples.",
    )  # fmt: skip
    told = False
    for finding in kept.answer.findings:
        rows = [
            (name, _between(one.first, one.first_ci95), _between(one.total, one.total_ci95),
             "yes" if one.told else "no, its interval is too wide")
            for name, one in (finding.indices or {}).items()
        ]  # fmt: skip
        if rows:
            told = True
            head = ["numbers", "alone, %", "with others, %", "told"]
            yield table(f"{finding.arm} − {finding.baseline}: {finding.metric}", head, rows)
    if not told:
        yield tag("p", "Nothing moves any difference.")


def _between(share: float, ends: tuple[float, float]) -> str:
    low, middle, high = (100 * x for x in (ends[0], share, ends[1]))
    return f"{middle:.0f} ({low:.0f}–{high:.0f})"


def _held(kept: SensitivityFolder) -> Markup:
    held = [tag("li", f"{name} stays as it is: {why}") for name, why in kept.answer.held.items()]
    return tag("ul", held) if held else tag("p", "No number with a range was held.")
