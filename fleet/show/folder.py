"""Figures into a result folder that is there already: the numbers do not wait for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fleet.interrupt import check
from fleet.results.record import Record

Told = Callable[[str, float], None]


def draw(record: Record, folder: Path, told: Told = lambda *_: None) -> dict[str, Exception]:
    """Draw the figures of a record into its folder, each as soon as it is whole.

    Args:
        record: what is drawn.
        folder: where.
        told: is called with the name of a figure that is begun and the share that is done.

    Returns:
        by name, why a figure could not be drawn; the others are there all the same.
    """
    check()
    from fleet.show import figures  # takes a while

    return figures.draw_all(record, folder / "figures", told)
