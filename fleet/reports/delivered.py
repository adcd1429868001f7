"""Whether the offered load was delivered: what became of frames due, and who was asked for what."""

from __future__ import annotations

from collections.abc import Iterator

from fleet.reports.charts import Bar, bars
from fleet.reports.look import legend
from fleet.reports.markup import Markup, join, tag
from fleet.reports.section import Section
from fleet.reports.tables import figure, table
from fleet.results.load import BUSY
from fleet.results.metric import Numbers, number
from fleet.results.record import Record
from fleet.show.remarks import busiest, load_remarks
from fleet.show.words import said

_NEAR = 1e-3
"""Share at the right end of the chart of what was not delivered, at least."""


def delivered(record: Record) -> Section:
    """Return what became of the frames of each arm, and the load of links and servers."""
    told = list(load_remarks(record))
    first = (
        f"Nothing was overloaded: no link, server or decoder was asked for more than {BUSY:.0%} of"
        " what it can do."
    )
    lines = [tag("ul", [tag("li", line) for line in told])] if told else [tag("p", first)]
    return Section(
        "delivered", "Was the offered load delivered?",
        join(lines, _fates(record), _loads(record)),
    )  # fmt: skip


def _fates(record: Record) -> Markup:
    """Return the shares of frames due that have no result, by cause."""
    causes = list(dict.fromkeys(cause for arm in record.arms.values() for cause, _ in _lost(arm)))
    rows, cells, most = [], [], _NEAR
    for name, arm in record.arms.items():
        due = max(arm["delivered"]["due_frames"], 1)
        lost = dict(_lost(arm))
        shares = [lost.get(cause, 0) / due for cause in causes]
        most = max(most, sum(shares))
        within = 1 - (arm["delivered"]["never"] or 0)
        rows.append(Bar(name, shares, f"{_most(within)} delivered", range(len(causes))))
        cells.append(
            (name, number(arm["frames"]["captured"]), number(due), number(arm["frames"]["results"]),
             said(record, name, "delivered.never"),
             *(number(lost.get(cause, 0)) for cause in causes))
        )  # fmt: skip
    numbers = table(
        "Frames by fate",
        ["arm", "captured", "due", "results", "no result", *(c.replace("_", " ") for c in causes)],
        cells,
    )
    first = (
        "No frame due was skipped or lost, in any arm; what is missing was under way at the end."
    )
    if not causes:
        return join(tag("p", first), numbers)
    text = f"Frames due that never became a result, by cause; the bar ends at {most:.2%} of them."
    chart = bars(rows, f"{text} {_said(rows)}", most)
    return figure(text, chart, legend([c.replace("_", " ") for c in causes]), numbers=numbers)


def _most(share: float) -> str:
    """Return a share in per cent, of which none is rounded to all."""
    return "> 99.99%" if 0.9999 < share < 1 else f"{share:.2%}"


def _lost(arm: dict[str, dict[str, dict[str, int]]]) -> Iterator[tuple[str, int]]:
    """Yield why frames due have no result, and how many; what was held back was not due."""
    for kind in ("skipped", "lost"):
        for cause, frames in arm["frames"][kind].items():
            if frames and cause != "not_published":
                yield cause, frames


def _said(rows: list[Bar]) -> str:
    return "; ".join(f"{row.name}: {row.said}" for row in rows) + "."


def _loads(record: Record) -> Markup:
    rows, cells = [], []
    for i, arm in enumerate(record.arms):
        if (worst := busiest(record, arm)) is not None:
            name, load = worst
            asked = load["busiest_offered"]
            rows.append(Bar(f"{arm}: {name}", [asked], f"{asked:.1%}", [i]))
    names = dict.fromkeys(
        n for runs in record.numbers.values() for run in runs for n in run["load"]
    )
    for name in names:
        for arm, runs in record.numbers.items():
            loads = [run["load"][name] for run in runs if name in run["load"]]
            if loads:
                most = max(loads, key=lambda load: (load["growing"], load["busiest_offered"]))
                cells.append((f"{name}, {arm}", *_cells(most)))
    text = (
        "The resource to which most came, over what it could do; above"
        f" {BUSY:.0%} queues are long, above 100 % they grow without end."
    )
    high = max(1.0, *(row.parts[0] for row in rows)) if rows else 1.0
    numbers = table(
        f"Load of links, servers and decoders{_worst(record)}",
        ["resource, arm", "number", "mean asked", "busiest", "asked of it", "busy", "queue grows"],
        cells, words=(3, 6),
    )  # fmt: skip
    return figure(text, bars(rows, f"{text} {_said(rows)}", high), numbers=numbers)


def _worst(record: Record) -> str:
    many = record.summary["replications"]
    return f", each in the worst of {many} replications" if many > 1 else ""


def _cells(load: Numbers) -> tuple[str, ...]:
    shares = (f"{load[name]:.1%}" for name in ("busiest_offered", "busiest_busy"))
    grows = "yes" if load["grows"] else "no"
    return (number(load["count"]), f"{load['offered']:.1%}", load["busiest"], *shares, grows)
