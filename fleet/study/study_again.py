"""A study run again from where its scenario is, and what then is not as its folder says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from fleet import paths
from fleet.errors import InputError, in_a_line
from fleet.results.origin import Change, changed, of_study
from fleet.study import sweep
from fleet.study.again import Key, Matched, matched
from fleet.study.hands import Hands
from fleet.study.study import ASKED, SCHEMA, asked_in, read_about
from fleet.study.sweep import Told
from fleet.study.tidy import RESULTS

_OTHERS = ("summary.json", "sensitivity.json", "plan.json")


class Failure(NamedTuple):
    """A run that failed then or now; why, None where it did not."""

    run: str
    was: str | None
    now: str | None


class StudyAgain(NamedTuple):
    """What a folder of a study says, and what running it again gave.

    Attributes:
        folder: of the study.
        table: that of the new runs (`fleet.study.tidy`).
        numbers: which are not as they were.
        failures: runs that failed then or now, and not for the same reason both times.
        changes: what it was made of that is another now.
    """

    folder: Path
    table: pa.Table
    numbers: Matched
    failures: list[Failure]
    changes: list[Change]

    @property
    def same(self) -> bool:
        """Return whether all is as it was."""
        return not self.numbers.others and not self.failures


def is_study(folder: Path) -> bool:
    """Return whether a folder is of a study."""
    others = any(paths.is_file(folder / name) for name in _OTHERS)
    return paths.is_file(folder / ASKED) and not others


def reproduce(
    folder: Path, *, hands: Hands | None = None, output: Path | None = None,
    told: Told | None = None,
) -> StudyAgain:  # fmt: skip
    """Run a study again as it was asked for, and compare.

    Its scenario and the files that this names are read where they were; a study has no copy.

    Args:
        folder: of a study that is done.
        hands: who carries it out; None: as many processes as there are CPUs, or Ray for much work.
        output: the folder of the new study; None: it is not kept.
        told: is called with how far it is.

    Raises:
        InputError: the folder cannot be read, or its scenario is no longer where it was.
    """
    about = read_about(folder, SCHEMA)
    if not paths.is_file(folder / RESULTS):
        raise InputError(f"'{folder}' is not done; go on with: fleet sweep --resume {folder}")
    if output is not None and output.resolve() == folder.resolve():
        raise InputError(f"-o '{output}' is the folder that is compared with; choose another")
    try:
        was, made = pq.read_table(folder / RESULTS), of_study(about)
        before = _numbers(was), _errors(was)
    except (OSError, LookupError, TypeError, ValueError, AttributeError, pa.ArrowException) as why:
        raise InputError(
            f"'{folder}' cannot be read, it is damaged ({in_a_line(why)}); make it again"
        ) from None
    of = asked_in(folder)
    if output is None:
        table = sweep.carry_out_here(of, hands=hands, told=told)[0]
    else:
        table = sweep.carry_out(of, output.resolve(), hands=hands, told=told)[0]
    return StudyAgain(
        folder, table, matched(before[0], _numbers(table)), _failures(before[1], _errors(table)),
        changed(made, of_study(of.about)),
    )  # fmt: skip


def _numbers(table: pa.Table) -> dict[Key, float | None]:
    return {
        Key(row["arm"], row["replication"], None, row["metric"], row["unit"], _point(row)):
        row["value"]
        for row in table.to_pylist()
        if row["error"] is None
    }  # fmt: skip


def _errors(table: pa.Table) -> dict[str, str]:
    return {
        f"{_point(row)}, {row['arm']}, replication {row['replication']}": row["error"]
        for row in table.to_pylist()
        if row["error"] is not None
    }


def _failures(was: Mapping[str, str], now: Mapping[str, str]) -> list[Failure]:
    return [
        Failure(run, was.get(run), now.get(run))
        for run in {**was, **now}
        if was.get(run) != now.get(run)
    ]


def _point(row: Mapping[str, Any]) -> str:
    """Return what varies, as text: the columns between the point's hash and the arm."""
    names = list(row)
    return ", ".join(f"{name}={row[name]}" for name in names[1 : names.index("arm")])
