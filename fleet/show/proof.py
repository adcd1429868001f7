"""The model against theory and against what others measured: tables for people, and the page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich import box
from rich.table import Table
from rich.text import Text

from fleet.proof.selftest import ABOUT, Check
from fleet.proof.validate import KINDS, Row, counted

_VERDICT = {True: "ok", False: "MISS"}


def selftest_table(checks: Sequence[Check]) -> Table:
    """Return the selftest as a table: a line for each quantity, both engines side by side."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("quantity")
    for name in ("theory", "columns", "off by", "reference", "off by"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for case, of_case in groupby(checks, key=lambda check: check.case):
        table.add_section()
        table.add_row(Text(case, style="bold"))
        lines: dict[str, list[Check]] = {}
        for check in of_case:
            lines.setdefault(check.quantity, []).append(check)
        for quantity, by_engine in lines.items():
            table.add_row(f"  {quantity}", *_line_cells(by_engine))
    return table


def _line_cells(checks: Sequence[Check]) -> list[str]:
    """Return theory, what each engine gave and how far off, and the verdict."""
    by_engine = {check.engine: check for check in checks}
    exact = all(check.standard_error is None for check in checks)
    cells = ["exact" if exact else _number(checks[0].theory)]
    for engine in ("columns", "reference"):
        check = by_engine.get(engine, by_engine.get("both"))
        if check is None:
            cells += ["–", ""]
        elif check.standard_error is None:
            cells += ["holds" if check.passed else _number(check.measured - check.theory), ""]
        else:
            cells += [_number(check.measured), f"{check.deviations or 0:.1f} SE"]
    return [*cells, _VERDICT[all(check.passed for check in checks)]]


def _check_cells(check: Check) -> list[str]:
    error, deviations = check.standard_error, check.deviations
    return [
        check.case,
        check.quantity,
        check.engine,
        _number(check.theory),
        _number(check.measured),
        "exact" if error is None else _number(error),
        "" if deviations is None else f"{deviations:.1f} SE",
        _VERDICT[check.passed],
    ]


def validate_table(rows: Sequence[Row]) -> Iterator[Table | Text]:
    """Yield a table for each kind of figure, and what to know about some rows."""
    for kind in KINDS:
        of_kind = [row for row in rows if row.kind == kind]
        if not of_kind:
            continue
        table = Table(
            title=f"{kind}: {_KINDS[kind]}", title_justify="left", title_style="bold",
            box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True,
        )  # fmt: skip
        for name in ("what", "published", "simulated", "error", "within", ""):
            table.add_column(name, justify="left" if name in ("what", "") else "right")
        for row in of_kind:
            table.add_row(*_row_cells(row))
        yield table
    notes = [row for row in rows if row.note and (row.kind == "miss" or not row.passed)]
    for row in notes:
        yield Text(f"{row.what}: {row.note}", style="dim")


_KINDS = {
    "calibration": "constants were fitted on these",
    "prediction": "nothing was fitted on these",
    "bound": "the model must not exceed these",
    "miss": "failures of the model that are known and must not grow",
    "information": "shown only",
}


def _row_cells(row: Row) -> list[str]:
    return [
        row.what,
        f"{_number(row.published)} {row.unit}",
        _number(row.simulated),
        "–" if math.isnan(row.error_percent) else f"{round(row.error_percent, 1) + 0.0:+.1f} %",
        "–" if row.tolerance_percent is None else f"{row.tolerance_percent:g} %",
        _row_verdict(row),
    ]


def _row_verdict(row: Row) -> str:
    if row.kind == "information":
        return ""
    return "known miss" if row.kind == "miss" and row.passed else _VERDICT[row.passed]


def _number(value: float) -> str:
    """Return a number in four digits; the same text on every machine."""
    if math.isnan(value):
        return "–"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def verdict(what: str, passed: Sequence[bool]) -> str:
    """Return one line that says how many of some checks hold."""
    return f"{what}: {sum(passed)} of {len(passed)} hold"


def published_verdict(rows: Sequence[Row]) -> str:
    """Return one line that says how many figures are held; what is known to be missed is not."""
    held, missed, worse = counted(rows)
    told = [f"Published figures: {held} of {held + missed + worse} held"]
    if missed:
        told.append(f"{missed} known miss{'es' if missed > 1 else ''} (told in the table)")
    if worse:
        told.append(f"{worse} worse than known")
    return ", ".join(told)


def page(checks: Sequence[Check], rows: Sequence[Row]) -> str:
    """Return `docs/VALIDATION.md`."""
    out = [
        "# Validation",
        "",
        "Made by `python scripts/render_validation.py` from `fleet validate` and `fleet selftest`;",
        "continuous integration fails if it is not what they print. How the model computes is in",
        "[MODEL.md](MODEL.md), where every constant comes from in `fleet catalog`.",
        "",
        "# Against what others measured",
        "",
        "Figures are split by what they are to the model. *Predictions* are what counts: no",
        "constant was fitted on them, though their tolerances were chosen after their errors were",
        "seen. A *miss* is a failure of the model that is known; its tolerance is the size it has.",
        "",
        f"{published_verdict(rows)}.",
        "",
    ]
    for kind in KINDS:
        out += _kind_lines(kind, [row for row in rows if row.kind == kind])
    out += ["# Against theory", "", ABOUT.strip(), ""]
    out += _markdown(
        ("case", "quantity", "engine", "theory", "measured", "SE", "off by", "", "law"),
        [[*_check_cells(check), check.source] for check in checks],
    )
    return "\n".join(out) + "\n"


def _kind_lines(kind: str, rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    head = ("what", "published", "simulated", "error", "within", "", "source")
    lines = _markdown(head, [[*_row_cells(row), row.source] for row in rows])
    notes = [f"- *{row.what}*: {row.note}" for row in rows if row.note]
    return [
        f"## {kind.capitalize()}", "", f"{_KINDS[kind].capitalize()}: {len(rows)} figures.", "",
        *lines, *(["", *notes] if notes else []), "",
    ]  # fmt: skip


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table; what would end a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
