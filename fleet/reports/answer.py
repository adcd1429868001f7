"""The first section: the verdict, the objectives, and what to know before trusting it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fleet.reports.markup import Markup, join, tag
from fleet.reports.section import Section
from fleet.reports.tables import table
from fleet.results.metric import SHARE
from fleet.results.metrics import known, unit_of
from fleet.results.record import Record
from fleet.show.digest import KEPT, MISSED, digest_lines
from fleet.show.rows import EMPTY
from fleet.show.terminal import remarks
from fleet.show.words import against, said

_SHOWN = 4
"""Remarks that are there at once; the others unfold."""


def answer(record: Record) -> Section:
    """Return the verdict, the objectives and the remarks of a record."""
    rows = record.summary["slo"]
    told = [tag("p", verdict(rows), class_=f"verdict {_look(rows)}".strip())]
    told += [_digest(record), _glance(record)]
    if rows:
        told.append(_objectives(record, rows))
    lines = [tag("li", line) for line in remarks(record)]
    told += [tag("h3", "To know before trusting it"), tag("ul", lines[:_SHOWN])]
    if lines[_SHOWN:]:
        many = tag("summary", f"{len(lines) - _SHOWN} more remarks")
        told.append(tag("details", many, tag("ul", lines[_SHOWN:])))
    return Section("answer", "The answer", join(told))


def _look(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    return "kept" if all(row["kept"] for row in rows) else "missed"


def verdict(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return in a sentence whether objectives were kept."""
    if not rows:
        return "No objectives were stated (slo: in the scenario), so none is kept or missed."
    missed = [row for row in rows if not row["kept"]]
    if not missed:
        return f"{KEPT} Every objective is kept: {len(rows)} of {len(rows)}."
    arms = ", ".join(dict.fromkeys(row["arm"] for row in missed))
    return f"{MISSED} {len(missed)} of {len(rows)} objectives are missed, by {arms}."


def _digest(record: Record) -> Markup:
    """Return the digest of the command line, without its title, and the last line: it is of files.

    Where no objectives are stated the verdict has said so.
    """
    items: list[Markup] = []
    for line in list(digest_lines(record))[1 if record.summary["slo"] else 2 : -1]:
        look = {KEPT: "kept", MISSED: "missed"}.get(line[:1])
        items.append(
            tag("li", line.removeprefix("- "), class_="below" if line[:2] == "- " else look)
        )
    return tag("ul", items, class_="digest")


def _glance(record: Record) -> Markup:
    """Return the numbers by which people choose, each arm against the baseline."""
    base = record.summary["comparison"]["baseline"]
    link = list(record.arms[base]["bandwidth_mbit_s"])[-1]
    wanted = {
        "power of the fleet": "power_w.total",
        f"mean traffic on {link}": f"bandwidth_mbit_s.{link}.mean",
        "99 % of results within": "latency_ms.p99",
        "due, no result": "delivered.never",
        "objects found, of those in view": "accuracy.recall",
    }
    rows = []
    for name in record.arms:
        cells = [
            said(record, name, path) + _against(record, name, path) for path in wanted.values()
        ]
        rows.append((f"{name} (baseline)" if name == base else name, *cells))
    head = ["arm", *wanted]
    return table("At a glance, against the baseline", head, rows, kind="stack")


def _against(record: Record, arm: str, path: str) -> str:
    """Return how an arm's number differs from the baseline's, and whether that is shown."""
    row = record.summary["comparison"]["arms"].get(arm, {}).get(path)
    if row is None or not row.get("ratio") or known(path).metric.unit == SHARE:
        return ""
    sure = "" if row["differs"] is not False else ", no difference shown"
    return f" ({against(row['ratio'])}{sure})"


def _objectives(record: Record, rows: Sequence[Mapping[str, Any]]) -> Markup:
    """Return what was measured for each objective in each arm, and whether it is kept."""
    many = record.summary["replications"]
    shown: dict[str, dict[str, Markup]] = {}
    for row in rows:
        demand = row["objective"].removeprefix(f"{row['arm']}: ")
        mark, look = (KEPT, "kept") if row["kept"] else (MISSED, "missed")
        cell = tag("span", f"{mark} {_measured(row)}", class_=look)
        shown.setdefault(demand, {})[row["arm"]] = cell
    cells = [(demand, *(of.get(arm, EMPTY) for arm in record.arms)) for demand, of in shown.items()]
    title = f"Objectives: {KEPT} kept, {MISSED} missed{f'; worst of {many}' if many > 1 else ''}"
    return table(title, ["objective", *record.arms], cells, kind="stack")


def _measured(row: Mapping[str, Any]) -> str:
    if row["measured"] is None:
        return f"not measured: {row['why']}"
    unit = unit_of(row["metric"])
    most = f", below {unit.show(row['at_most'])} with 95 %" if row["at_most"] is not None else ""
    return unit.show(row["measured"]) + most
