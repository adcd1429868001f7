"""The figures of whatever stands in a folder, drawn for a venue."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from fleet import paths
from fleet.errors import InputError
from fleet.results.metrics import check_asked
from fleet.results.record import Record
from fleet.show import figures as run_figures
from fleet.show import plan_figures, study_figures, tornado
from fleet.show.folders import (
    SensitivityFolder,
    Shown,
    StudyFolder,
    check_numbers,
    fitting_folder,
    opened,
)
from fleet.show.labels import labelled
from fleet.show.style import OWN, VENUES, Named, draw_each
from fleet.show.sweep import chosen


def draw(
    folder: Path,
    place: Path,
    venue: str | None = None,
    only: Sequence[str] = (),
    metrics: Sequence[str] = (),
) -> tuple[list[str], dict[str, Exception]]:
    """Draw the figures of a folder.

    Args:
        folder: of a run, a study, a sensitivity or a plan.
        place: the folder in which they are drawn, made if need be.
        venue: a name of `fleet.show.style.VENUES`; None: none of them.
        only: beginnings of the names of those that are drawn; none: all.
        metrics: names of numbers, of a study; none: the usual ones.

    Returns:
        the names of those that are there, and by name why others could not be drawn.

    Raises:
        InputError: the folder or the place cannot be used, or there is no such figure or number.
    """
    check_asked(metrics)
    shown = opened(folder)
    check_numbers(shown)
    with fitting_folder(shown):
        named = list(_named(shown, metrics))
    chosen_names = {name for begin in only for name in _fitting(begin, [n for n, _ in named])}
    _check(place, folder)
    wanted = [one for one in named if not only or one[0] in chosen_names]
    return draw_each(wanted, place, OWN if venue is None else VENUES[venue])


def _fitting(asked: str, names: Sequence[str]) -> list[str]:
    """Return the figure of a name, or those whose names begin so."""
    fits = [name for name in names if name == asked] or [n for n in names if n.startswith(asked)]
    if not fits:
        raise InputError(
            f"--only {asked}: there is no such figure; there are {', '.join(names) or 'none'}"
        )
    return fits


def _check(place: Path, folder: Path) -> None:
    """Refuse a place that no figure can be written to, before any is drawn."""
    paths.check_name(place)
    if _leads_out(place, folder):
        raise InputError(f"'{place}' leads out of '{folder}' by a link; say where to with -o")
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write figures to '{place}': {error.strerror}; use -o") from None
    if not os.access(place, os.W_OK):
        raise InputError(f"cannot write figures to '{place}': it is read-only; use -o")


def _leads_out(place: Path, folder: Path) -> bool:
    """Return whether a place in a folder, which may be a stranger's, is elsewhere by a link."""
    if not place.is_relative_to(folder) or ".." in place.relative_to(folder).parts:
        return False
    there, inside = (Path(os.path.realpath(one)) for one in (place, folder))
    return not there.is_relative_to(inside)


def _named(shown: Shown, metrics: Sequence[str]) -> Iterator[Named]:
    if isinstance(shown, Record):
        if len(shown.arms) > run_figures.MOST_ARMS:
            raise run_figures.too_many(shown)
        yield from run_figures.figures(labelled(shown))
    elif isinstance(shown, StudyFolder):
        yield from study_figures.figures(shown.table, metrics or chosen(shown.table))
    elif isinstance(shown, SensitivityFolder):
        yield from tornado.figures(shown.answer)
    else:
        yield from plan_figures.figures(shown)
