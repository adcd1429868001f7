"""A report written as a file: whole, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fleet import paths
from fleet.errors import InputError
from fleet.interrupt import whole
from fleet.passing import passing_folder
from fleet.reports.page import page
from fleet.reports.run import chapter, kept
from fleet.reports.section import Chapter
from fleet.results.record import Record

NAME = "report.html"
Source = Record | str | Path
"""A record, or a folder of results."""


def write(sources: Sequence[Source], path: str | Path | None = None) -> Path:
    """Write the report of some results; return its path.

    Args:
        sources: records or folders; each becomes a chapter.
        path: the file; None: `report.html` in the folder, if there is one source and it has one.

    Raises:
        InputError: a folder cannot be read, or the file cannot be written.
    """
    if not sources:
        raise InputError("a report is of at least one folder of results; name one")
    records = [one if isinstance(one, Record) else Record.load(one) for one in sources]
    place = _place(records, path)
    text = page([_checked(record, f"r{k + 1}") for k, record in enumerate(records)])
    try:
        # In a folder of a new name: what a stranger's folder holds is not written through.
        with passing_folder(".report-", place.parent) as folder:
            draft = folder / NAME
            draft.write_text(text, encoding="utf-8", newline="\n")
            with whole():
                draft.replace(place)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot write a report to '{place}': {why}") from None
    return place


def _checked(record: Record, key: str) -> Chapter:
    """Return the chapter of a record; one that was read from a folder may hold anything."""
    if not record.made:
        return chapter_of(record, key)
    try:
        many = record.summary["replications"]
        if any(len(record.numbers[arm]) != many for arm in record.arms):
            raise ValueError(f"not every arm has {many} replications")
        return chapter_of(record, key)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(
            f"'{record.folder}' cannot be shown, its files do not fit together ({what}); run its"
            " scenario again with 'fleet run'"
        ) from error


def chapter_of(record: Record, key: str) -> Chapter:
    """Return the chapter of a record.

    A folder of another kind of results, as of a study, becomes a chapter here too.
    """
    return chapter(kept(record), key)


def _place(records: Sequence[Record], path: str | Path | None) -> Path:
    if path is not None:
        place = Path(path)
        paths.check_name(place)
        if paths.is_dir(place):
            raise InputError(f"'{place}' is a folder; name a file, such as '{place / NAME}'")
        if not paths.is_dir(place.parent):
            raise InputError(
                f"'{place.parent}' is no folder; make it first, or choose another place"
            )
        return place
    if len(records) > 1:
        raise InputError("a report of several folders needs a place: -o FILE, or path=")
    if records[0].folder is None:
        raise InputError("this record was not written to a folder; say where to write: path=")
    return records[0].folder / NAME
