"""A report written as a file: whole, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fleet import paths
from fleet.errors import InputError
from fleet.interrupt import whole
from fleet.passing import passing_folder
from fleet.reports import plant, study, worth
from fleet.reports.page import page
from fleet.reports.run import chapter, kept
from fleet.reports.section import Chapter
from fleet.results.record import Record
from fleet.show.folders import (
    PlanFolder,
    SensitivityFolder,
    Shown,
    StudyFolder,
    fitting_folder,
    opened,
)
from fleet.show.labels import labelled

NAME = "report.html"
Source = Record | str | Path
"""A record, or a folder of results: of a run, a study, a sensitivity or a plan."""


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
    shown = [one if isinstance(one, Record) else opened(one) for one in sources]
    place = _place(shown, path)
    text = page([_checked(one, f"r{k + 1}") for k, one in enumerate(shown)])
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


def _checked(shown: Shown, key: str) -> Chapter:
    """Return the chapter of what stands in a folder, which may hold anything."""
    with fitting_folder(shown):
        return chapter_of(shown, key)


def chapter_of(shown: Shown, key: str) -> Chapter:
    """Return the chapter of results of any kind."""
    if isinstance(shown, StudyFolder):
        return study.chapter(shown, key)
    if isinstance(shown, SensitivityFolder):
        return worth.chapter(shown, key)
    if isinstance(shown, PlanFolder):
        return plant.chapter(shown, key)
    return chapter(labelled(kept(shown)), key)


def _place(shown: Sequence[Shown], path: str | Path | None) -> Path:
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
    if len(shown) > 1:
        raise InputError("a report of several folders needs a place: -o FILE, or path=")
    folder = shown[0].folder
    if folder is None:
        raise InputError("this record was not written to a folder; say where to write: path=")
    return folder / NAME
