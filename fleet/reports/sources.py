"""What numbers rest on: the catalogue's values with their sources, and how results were made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from fleet.reports.markup import Markup, join, tag
from fleet.reports.section import Section
from fleet.reports.tables import table
from fleet.results.record import Record


def assumptions(record: Record) -> Section:
    """Return every value of the catalogue that the run used, with source and confidence."""
    rows = record.summary["assumptions"]
    counts = Counter(row["confidence"] for row in rows)
    told = ", ".join(f"{many} {name}" for name, many in sorted(counts.items()))
    cells = [
        (row["name"], row["value"], row["unit"], _range(row), row["confidence"], row["year"],
         row["source"])
        for row in rows
    ]  # fmt: skip
    head = ["value of", "value", "unit", "range", "confidence", "year", "source"]
    title = f"The {len(rows)} values of the catalogue that were used: {told}"
    return Section(
        "assumptions", "Assumptions and their sources",
        join(
            tag("p", "Each number of hardware, networks and prices that went in."
                " Estimates are those without a good source."),
            table(title, head, cells, words=(2, 4, 6), kind="long"),
        ),
    )  # fmt: skip


def _range(row: Mapping[str, Any]) -> str:
    return f"{row['low']} to {row['high']}" if row["low"] or row["high"] else ""


def provenance(record: Record) -> Section:
    """Return what was run, by which command and versions, of which files, and whose data."""
    summary = record.summary
    own = [
        ("run", summary["run_id"]), ("scenario", summary["scenario"]["name"]),
        ("digest of the scenario", summary["scenario"]["digest"]),
        ("fingerprint of the results", summary["fingerprint"]),
        ("seed", str(summary["seed"])), ("replications", str(summary["replications"])),
    ]  # fmt: skip
    rows = own + [row for row in texts(record.made) if row[0] not in dict(own)]
    title = "How these results were made; the same scenario, seed and version give the same bits"
    parts: list[Markup] = [table(title, ["what", "value"], rows, words=(1,))]
    if not record.made:
        parts.append(
            tag("p", "This record was not written to a folder, so that who ran it is not kept.")
        )
    city = record.scenario.model.city
    if city is not None and city.attribution:
        parts.append(tag("p", city.attribution))
    return Section("provenance", "Provenance", join(parts))


def texts(made: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a folder says of how it was made, name by name."""
    for key, value in made.items():
        name = key.replace("_", " ")
        if key in ("plans", "host", "scenario"):
            continue
        if isinstance(value, Mapping):
            yield from ((f"{name}: {inner}", _text(x)) for inner, x in value.items())
        elif key not in ("run_id", "seed", "replications", "fingerprint"):
            yield name, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {_text(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "none"
    said = {None: "not known", True: "yes", False: "no"}
    return said[value] if value is None or isinstance(value, bool) else str(value)
