"""Write a record's folder with its figures."""

from __future__ import annotations

from pathlib import Path

from fleet.results import store
from fleet.results.record import Record


def write_folder(record: Record, path: Path) -> None:
    """Write tables and figures of a record; the folder appears whole or not at all."""
    from fleet.show import figures

    store.write(path, record, lambda folder: figures.draw_all(record, folder))
