"""The calls of the Python API that read results: digest, compare, diff, figures, report."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from fleet.errors import InputError
from fleet.results.metrics import check_asked
from fleet.results.record import Record, fitting
from fleet.study.between import Compared, between
from fleet.study.compare import compare as compare_runs
from fleet.study.tidy import RESULTS


def digest(record: Record) -> str:
    """Return the answer of a record in some ten lines, as `fleet run` shows it first.

    Args:
        record: what `run` gave, or what `Record.load` read.
    """
    from fleet.show.digest import digest as lines_of

    return lines_of(record)


def compare(record: Record, baseline: str | None = None) -> dict[str, Any]:
    """Return every arm of a record against a baseline, paired by replication.

    Args:
        record: what `run` gave.
        baseline: an arm; None: the scenario's, else 'cloud', else the first arm.

    Returns:
        see `fleet.study.compare.compare`.

    Raises:
        InputError: the baseline is not an arm of the record.
    """
    chosen = baseline or record.summary["comparison"]["baseline"]
    if chosen not in record.numbers:
        raise InputError(f"no arm '{chosen}'; arms: {', '.join(record.numbers)}")
    return compare_runs(record.numbers, chosen, looked=record.looked)


def diff(one: Record | str | Path, other: Record | str | Path) -> Compared:
    """Compare two results number by number, the second less the first: `fleet diff`.

    Args:
        one: what `run` gave, or a folder of results.
        other: another one.

    Returns:
        `rows` are the numbers that differ, those first of which replications show it, `same` how
        many do not; `fleet.study.between` says more.

    Raises:
        InputError: a folder cannot be read.
    """
    records = [r if isinstance(r, Record) else Record.load(r) for r in (one, other)]
    with fitting(records[0]), fitting(records[1]):
        return between(records[0], records[1])


def figures(
    results: pa.Table | Record | str | Path, folder: str | Path,
    metrics: Sequence[str] | None = None,
) -> list[Path]:  # fmt: skip
    """Draw the figures of a run, a study, a sensitivity or a plan.

    A figure that cannot be drawn is a warning.

    Args:
        results: a folder of one of these, a record that was written to one, what `sweep` gave, or
            its `results.parquet`.
        folder: where they are drawn, each as PNG, PDF and CSV; made if need be.
        metrics: names of numbers, of a study; None: delay, losses, power and traffic.

    Returns:
        the pictures that are in the folder now, those of before among them.

    Raises:
        InputError: there is nothing that can be drawn, or no such metric.
    """
    place = Path(folder)
    for name, error in _drawn(results, place, metrics or ()).items():
        warnings.warn(f"no figure '{name}': {error!r}", stacklevel=2)
    return sorted(place.glob("*.png"))


def _drawn(
    results: pa.Table | Record | str | Path, place: Path, metrics: Sequence[str]
) -> dict[str, Exception]:
    """Draw figures; return by name why others could not be drawn."""
    from fleet.show import drawing, study_figures
    from fleet.show.sweep import chosen

    check_asked(metrics)
    if isinstance(results, Record):
        if results.folder is None:
            raise InputError("the record is in no folder; run with output= to draw it")
        results = results.folder
    if isinstance(results, pa.Table):
        return study_figures.draw(results, metrics or chosen(results), place)
    if not isinstance(results, str | Path):
        raise InputError(f"figures are drawn of results, not of a {type(results).__name__}")
    path = Path(results)
    folder = path.parent if path.name == RESULTS else path
    return drawing.draw(folder, place, metrics=metrics)[1]


def report(
    results: Record | str | Path | Sequence[Record | str | Path], path: str | Path | None = None
) -> Path:
    """Write results as one HTML file that can be sent: it asks no network for anything.

    It is the same to the byte when it is made again.

    Args:
        results: a record, a folder of results, or several of these.
        path: the file; None: `report.html` in the folder of the results.

    Returns:
        the path of the file.

    Raises:
        InputError: a folder cannot be read, or the file cannot be written.
    """
    from fleet.reports.write import write  # with what it imports it takes a while

    if isinstance(results, Record | str | Path):
        return write([results], path)
    return write(list(results), path)
