"""The time line: latency, loss, queues and load over time, with what happened shaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fleet.arrays import Floats
from fleet.reports.charts import Line, Shade, plot
from fleet.reports.look import legend
from fleet.reports.markup import Markup, join, tag
from fleet.reports.scale import Scale, linear, logarithmic
from fleet.reports.section import Section
from fleet.reports.tables import table
from fleet.results.metric import number
from fleet.results.record import Record
from fleet.show.rows import EMPTY
from fleet.show.seconds import Bins, Course, busiest, spans

_MOST_SHADES, _MOST_ROWS, _LONG_ROWS = 120, 300, 12
"""At most so many events are shaded and stand in the table, which is scrolled if it is longer."""
_LONG_S = 7200
"""A longer time is marked in hours."""


class Clock(NamedTuple):
    """The unit in which times are marked, and its length."""

    unit: str
    each_s: float


class Panel(NamedTuple):
    """A number over time of every arm."""

    title: str
    unit: str
    values: Mapping[str, Floats]
    log: bool = False


def timeline(record: Record, bins: Bins, courses: Mapping[str, Course]) -> Section:
    """Return the panels of the time line and the table of events."""
    panels = list(_panels(courses))
    clock = Clock("h", 3600) if bins.many * bins.each_s > _LONG_S else Clock("s", 1)
    shades = _shades(record, clock)
    each = "second by second" if bins.each_s == 1 else f"in spans of {bins.each_s:g} s"
    text = (
        f"What each arm did, {each}. A frame's fate is how it ended: as a result, or skipped or"
        " lost by some cause. Grey: a link was down, or something changed for all; a strip at the"
        " foot: a sensor was down, rewritten or not there."
    )
    parts: list[Markup] = [tag("p", text), legend(list(courses), line=True)]
    for k, panel in enumerate(panels):
        title = f"{panel.title} ({panel.unit})"
        drawn = _drawn(panel, bins, clock, shades, f"p{k}")
        parts.append(tag("figure", tag("figcaption", title), drawn, class_="panel"))
    parts += [tag("div", class_="cursor"), _peaks(panels, bins), _events(record)]
    return Section("time", "Time line", join(parts), _data(panels, bins))


def _panels(courses: Mapping[str, Course]) -> Sequence[Panel]:
    link = busiest(courses)
    return (
        Panel("99th percentile of the latency of results", "ms",
              {arm: c.p99_ms for arm, c in courses.items()}, log=True),
        Panel("Frames that met their fate without becoming a result", "%",
              {arm: 100 * c.missing for arm, c in courses.items()}),
        Panel("Frames that wait at shared links and servers", "frames",
              {arm: c.waiting for arm, c in courses.items()}),
        Panel(f"Load: what {link} carries", "Mbit/s",
              {arm: c.mbit_s.get(link, np.zeros_like(c.waiting)) for arm, c in courses.items()}),
    )  # fmt: skip


def _drawn(panel: Panel, bins: Bins, clock: Clock, shades: Sequence[Shade], key: str) -> Markup:
    x = Scale(bins.first_s / clock.each_s, bins.end_s / clock.each_s)
    every = np.concatenate(list(panel.values.values())).tolist()
    y = logarithmic(every) if panel.log else linear(every)
    times = bins.start_s / clock.each_s
    lines = [Line(i, arm, times, v) for i, (arm, v) in enumerate(panel.values.items())]
    said = "; ".join(f"{arm}: {_spoken(values)}" for arm, values in panel.values.items())
    label = f"{panel.title} over time, {panel.unit}. {said}."
    return plot(lines, x, y, label, height=110, behind=shades, unit=clock.unit, key=key)


def _spoken(values: Floats) -> str:
    known = values[~np.isnan(values)]
    if not len(known):
        return "nothing"
    return f"median {number(float(np.median(known)))}, most {number(float(known.max()))}"


def _peaks(panels: Sequence[Panel], bins: Bins) -> Markup:
    """Return when each arm was at its worst."""
    rows = []
    for panel in panels:
        for arm, values in panel.values.items():
            if np.isnan(values).all():
                continue
            k = int(np.nanargmax(values))
            middle, most = float(np.nanmedian(values)), float(values[k])
            when = f"{bins.start_s[k]:g}"
            what = f"{panel.title}, {arm}"
            rows.append((what, number(middle), number(most), when, panel.unit))
    head = ["what, arm", "median", "most", "at, s", "unit"]
    title = "The median over time, and the moment of the most, of each arm"
    worst = table(title, head, rows, words=(4,))
    return tag("details", tag("summary", "Numbers of these charts"), worst)


def _shades(record: Record, clock: Clock) -> list[Shade]:
    return [
        Shade(span.low_s / clock.each_s, span.high_s / clock.each_s, span.text, tall=span.tall)
        for span in spans(record)[:_MOST_SHADES]
    ]


def _events(record: Record) -> Markup:
    arms: dict[Any, list[str]] = {}
    for event in record.tables.events.to_pylist():
        key = tuple(event[k] for k in ("time_s", "until_s", "kind", "target", "change"))
        names = arms.setdefault(key, [])
        if event["arm"] not in names:
            names.append(event["arm"])
    if not arms:
        return tag("p", "Nothing happened to links or sensors in the run.")
    rows = [
        (f"{key[0]:.1f}", EMPTY if key[1] is None else f"{key[1]:.1f}",
         key[2].replace("_", " "), key[3] or "all", key[4] or "",
         "all" if len(names) == len(record.arms) else ", ".join(names))
        for key, names in sorted(arms.items(), key=lambda kv: (kv[0][0], str(kv[0][1:])))
    ]  # fmt: skip
    head = ["from, s", "until, s", "what", "whom", "change", "arms"]
    counts = Counter(row[2] for row in rows)
    told = ", ".join(f"{many:,} {what}" for what, many in counts.items())
    more = f"; the first {_MOST_ROWS} of them" if len(rows) > _MOST_ROWS else ""
    kind = "long" if len(rows) > _LONG_ROWS else ""
    title = f"Events: {told}{more}"
    return table(title, head, rows[:_MOST_ROWS], words=(2, 3, 4, 5), kind=kind)


def _data(panels: Sequence[Panel], bins: Bins) -> dict[str, Any]:
    return {
        "first": bins.first_s, "each": bins.each_s, "many": bins.many,
        "panels": [
            {"title": p.title, "unit": p.unit,
             "arms": {arm: plain(values) for arm, values in p.values.items()}}
            for p in panels
        ],
    }  # fmt: skip


def plain(values: Floats) -> list[float | None]:
    """Return numbers for a script, in four digits; None where there is none."""
    return [None if np.isnan(x) else whole(float(f"{x:.4g}")) for x in values.tolist()]


def whole(x: float) -> float:
    """Return a whole number as such: it is written shorter."""
    return int(x) if x == int(x) else x
