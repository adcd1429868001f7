"""What running a scenario gave: numbers and tables, fresh from a run or read from its folder."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fleet import above
from fleet.errors import InputError, in_a_line
from fleet.results.tables import Tables, tables
from fleet.running.run import Outcome
from fleet.scenario.load import Scenario
from fleet.scenario.load import load as load_scenario

SCHEMA = "fleet-summary/3"
FILES = ("summary.json", "replications.json", "run.json", "scenario.yaml", *(
    f"{name}.parquet" for name in Tables._fields
))  # fmt: skip


@contextlib.contextmanager
def fitting(record: Record) -> Iterator[None]:
    """Refuse a record of which files do not fit together, once the block stumbles over it.

    One that was read from a folder may hold anything.

    Raises:
        InputError: they do not.
    """
    if record.read is None:
        yield
        return
    try:
        many = record.summary["replications"]
        if any(len(record.numbers[arm]) != many for arm in record.arms):
            raise ValueError(f"not every arm has {many} replications")
        yield
    except (InputError, UnicodeError):
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"'{record.folder}' cannot be shown, its files do not fit together"
            f" ({in_a_line(error)}); run its scenario again with 'fleet run'"
        ) from error


@dataclass(frozen=True, repr=False)
class Record:
    """What running a scenario gave.

    Attributes:
        scenario: what was run.
        summary: the contents of `summary.json`.
        numbers: by arm, the numbers of each replication (`fleet.results.metrics`).
        outcomes: by arm, the outcome of each replication; of a record that was read from a folder
            empty, for what only engines know is not written.
        placements: by arm the text in which its placement is written, if that is a Python function
            (`fleet.results.inputs.source_of`).
        made: of a record that was read from a folder, what its `run.json` says: when and by which
            command it was made, of which files, with which versions.
        read: likewise its tables.
        folder: where it is written; None: nowhere.
    """

    scenario: Scenario
    summary: dict[str, Any]
    numbers: Mapping[str, Sequence[Mapping[str, Any]]]
    outcomes: Mapping[str, Sequence[Outcome]] = field(default_factory=dict)
    placements: Mapping[str, str | None] = field(default_factory=dict)
    made: Mapping[str, Any] = field(default_factory=dict)
    read: Tables | None = None
    folder: Path | None = None

    def __repr__(self) -> str:
        """Return what was run and which arms there are."""
        return f"<Record of {self.summary['run_id']}: {', '.join(self.arms)}>"

    @staticmethod
    def load(folder: str | Path) -> Record:
        """Read a result folder.

        Raises:
            InputError: it is none, or one of another version.
        """
        path = Path(folder)
        if not path.is_dir():
            is_file = "is a file, and here a folder of results is asked for"
            what = is_file if path.exists() else "is not there"
            raise InputError(f"'{path}' {what}; 'fleet run' makes such a folder")
        missing = [name for name in FILES if not (path / name).is_file()]
        if missing:
            raise InputError(
                f"'{path}' is not a result folder of this version: it has no {missing[0]}; run its"
                " scenario again with 'fleet run'"
            )
        try:
            summary, numbers, made = (
                json.loads((path / name).read_text("utf-8")) for name in FILES[:3]
            )
            read = Tables(*(pq.read_table(path / f"{name}.parquet") for name in Tables._fields))
            for table in read:
                table.validate(full=True)  # that text is UTF-8 is not looked at before
            schema = summary["schema"]
        except (OSError, ValueError, TypeError, KeyError, pa.ArrowException) as error:
            raise InputError(f"'{path}' cannot be read: {error}") from None
        if schema != SCHEMA:
            raise InputError(
                f"'{path}' has results in the form {schema}, and this version reads {SCHEMA}; run"
                " its scenario again with 'fleet run'"
            )
        scenario = load_scenario(path / "scenario.yaml")
        return Record(scenario, summary, numbers, made=made, read=read, folder=path)

    def report(self, path: str | Path | None = None) -> Path:
        """Write this record as one page; see `fleet.report`, which this calls."""
        written: Path = above.call("reading.report", self, path)
        return written

    def _repr_html_(self) -> str:
        """Return a short table and a chart, for notebooks."""
        return str(above.call("reports.notebook.record_html", self))

    @cached_property
    def tables(self) -> Tables:
        """Return the tables of all arms and replications."""
        return tables(self.outcomes) if self.read is None else self.read

    @property
    def arms(self) -> dict[str, Any]:
        """Return the numbers of each arm, in the mean over its replications."""
        arms: dict[str, Any] = self.summary["arms"]
        return arms

    @property
    def looked(self) -> bool:
        """Return whether the number of replications was chosen by looking at intervals."""
        return self.summary.get("until") is not None

    @property
    def kept_all(self) -> bool:
        """Return whether every objective was kept."""
        return all(row["kept"] for row in self.summary["slo"])
