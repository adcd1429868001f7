"""Progress on stderr: a bar on a terminal, a line an arm elsewhere.

Whoever tells how far it is also looks whether it was interrupted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from fleet import doors
from fleet.interrupt import check, in_haste, say
from fleet.show.console import console

_CLEAN = "\r\x1b[2K\x1b[?25h"  # the line empty and the cursor there again


@contextlib.contextmanager
def progress_bar() -> Iterator[Callable[[str, float], None]]:
    """Give a function that takes the name of an arm and the share that is done."""
    err = console(stderr=True)
    if not err.is_terminal:
        yield _plain_lines(err.print)
        return
    description = TextColumn("{task.description}", markup=False)
    columns = (description, BarColumn(), TimeElapsedColumn())
    with in_haste(_clean), Progress(*columns, console=err, transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def show(arm: str, share: float) -> None:
            check()
            if arm not in tasks:
                tasks[arm] = bar.add_task(doors.terminal(arm), total=1.0)
            bar.update(tasks[arm], completed=share)

        yield show


def _clean() -> None:
    say(_CLEAN)


def _plain_lines(write: Callable[[str], None]) -> Callable[[str, float], None]:
    started: set[str] = set()

    def show(arm: str, share: float) -> None:
        check()
        if arm not in started:
            started.add(arm)
            write(f"running {arm} ...")

    return show
