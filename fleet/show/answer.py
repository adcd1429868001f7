"""The answer of a run on the terminal: its digest, and all tables and remarks if they are asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from fleet import doors
from fleet.results.record import Record
from fleet.show.console import console
from fleet.show.digest import KEPT, MISSED, digest_lines

_STYLES = {KEPT: "green", MISSED: "red"}


def show(record: Record, *, full: bool = False) -> None:
    """Print a record's digest on stdout; `full`: then all its tables and remarks."""
    say(digest_lines(record))
    out = console()
    if full:
        _show_all(record, out)
    for line in _host(record.summary):
        out.print(line, style="dim")


def say(lines: Iterable[str]) -> None:
    """Print lines on stdout; what is kept is green, what is missed is red."""
    out = console()
    for line in lines:
        out.print(_styled(doors.terminal(line)))


def _styled(line: str) -> Text:
    mark = line[:1]
    return Text.assemble((mark, _STYLES[mark]), line[1:]) if mark in _STYLES else Text(line)


def _show_all(record: Record, out: Console) -> None:
    from fleet.show import terminal  # rows and tables take a while

    out.print()
    for table in terminal.comparison_tables(record, out):
        out.print(table, markup=False)
        out.print()
    for verdict in terminal.verdicts(record.summary["slo"], record.summary["replications"]):
        out.print(verdict)
    for remark in terminal.remarks(record):
        out.print(remark, style="dim")


def _host(summary: Mapping[str, Any]) -> list[str]:
    """Return how it was run, how fast, and that it gave these very bits."""
    host, lines = summary["host"], []
    if host["peak_transfer_mb"]:
        lines.append(f"At most {host['peak_transfer_mb']:.1f} MB under way between actors.")
    if host["restarts"]:
        lines.append(f"{host['restarts']} restarts after a crash.")
    many, shards = host.get("processes", 1), f"{host['shards']} shard{'s' * (host['shards'] != 1)}"
    in_processes = f"{many} processes, " if many > 1 else ""
    return [
        *lines,
        f"{host['frames_per_s']:,.0f} frames/s with {host['engine']} engine, {host['executor']}"
        f" executor, {in_processes}{shards}; {host['wall_s']:.1f} s to run;"
        f" fingerprint {summary['fingerprint'][:16]}",
    ]
