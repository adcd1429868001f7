"""The table of `fleet bench` for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from fleet.bench.suite import Finding, Report

_MARKS = {True: "met", False: "missed", None: "-"}


def tables(report: Report) -> Iterator[Table]:
    """Yield the findings, then where the time goes."""
    table = Table(title=f"fleet bench, size {report.size}", title_justify="left")
    table.add_column("what")
    table.add_column("found", justify="right")
    table.add_column("target", justify="right")
    table.add_column("")
    for line in report.findings:
        what = Text(f"{line.what}\n  {line.remark}" if line.remark else line.what)
        table.add_row(what, f"{_number(line)} {line.unit}", line.target, _MARKS[line.met])
    yield table
    if not report.kernels_ns:
        return
    where = Table(title="Time in kernels, ns a frame, one process", title_justify="left")
    where.add_column("kernel")
    for arm in report.kernels_ns:
        where.add_column(arm, justify="right")
    names = list(dict.fromkeys(n for spent in report.kernels_ns.values() for n in spent))
    for name in sorted(names, key=lambda n: -max(s.get(n, 0) for s in report.kernels_ns.values())):
        where.add_row(name, *(f"{s.get(name, 0.0):.1f}" for s in report.kernels_ns.values()))
    totals = [sum(spent.values()) for spent in report.kernels_ns.values()]
    where.add_section()
    where.add_row("together, profiler included", *(f"{total:.1f}" for total in totals))
    yield where


def machine_line(report: Report) -> str:
    """Return what it was measured on."""
    said = report.machine
    versions = ", ".join(f"{k} {said[k]}" for k in ("fleet", "python", "numba", "numpy", "ray"))
    return f"{said['cores']} cores of {said['cpu']}; {versions}"


def _number(line: Finding) -> str:
    if abs(line.value) >= 1000:
        return f"{line.value:,.0f}"
    return f"{line.value:.3g}"
