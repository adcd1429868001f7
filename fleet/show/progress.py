"""Progress on stderr: a bar on a terminal, a line an arm elsewhere.

Whoever tells how far it is also looks whether it was interrupted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.progress import BarColumn, Progress, ProgressColumn, TaskID, TextColumn, TimeElapsedColumn

from fleet import doors
from fleet.interrupt import check, in_haste
from fleet.keeper import CLEAN, say
from fleet.show.console import console
from fleet.telling import heard_by


@contextlib.contextmanager
def bar_or_lines(*columns: ProgressColumn) -> Iterator[Progress | Callable[[str], None]]:
    """Give a bar on a terminal, which leaves it clean however it ends; elsewhere what writes lines.

    Args:
        columns: what stands behind a task's description and its bar.
    """
    err = console(stderr=True)
    if not err.is_terminal:
        yield err.print
        return
    first = (TextColumn("{task.description}", markup=False), BarColumn())
    with (
        in_haste(_clean), Progress(*first, *columns, console=err, transient=True) as bar,
        heard_by(lambda text: err.print(doors.terminal(text), style="dim", markup=False)),
    ):  # fmt: skip
        yield bar


@contextlib.contextmanager
def progress_bar() -> Iterator[Callable[[str, float], None]]:
    """Give a function that takes the name of an arm and the share that is done."""
    with bar_or_lines(TimeElapsedColumn()) as bar:
        if not isinstance(bar, Progress):
            yield _plain_lines(bar)
            return
        tasks: dict[str, TaskID] = {}

        def show(arm: str, share: float) -> None:
            check()
            if arm not in tasks:
                tasks[arm] = bar.add_task(doors.terminal(arm), total=1.0)
            bar.update(tasks[arm], completed=share)

        yield show


def _clean() -> None:
    say(CLEAN)


def _plain_lines(write: Callable[[str], None]) -> Callable[[str, float], None]:
    started: set[str] = set()

    def show(arm: str, share: float) -> None:
        check()
        if arm not in started:
            started.add(arm)
            write(f"running {arm} ...")

    return show
