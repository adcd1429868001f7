"""Progress on stderr: bars with per cent and time left on a terminal, some lines elsewhere.

Whoever tells how far it is also looks whether it was interrupted.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator

from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column
from rich.text import Text

from fleet import doors
from fleet.interrupt import check, in_haste
from fleet.keeper import CLEAN, say
from fleet.show.console import console
from fleet.telling import heard_by

LINE_S = 10.0
"""Where no bar is, so much time passes between two lines that say how far it is."""


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
    what = Column(no_wrap=True, overflow="ellipsis", ratio=1, max_width=40)
    first = (TextColumn("{task.description}", markup=False, table_column=what), BarColumn())
    with (
        in_haste(_clean), Progress(*first, *columns, console=err, transient=True) as bar,
        heard_by(lambda text: err.print(doors.terminal(text), style="dim", markup=False)),
    ):  # fmt: skip
        yield bar


class _Left(ProgressColumn):
    """How long it still takes if it goes on as it went from the beginning."""

    def render(self, task: Task) -> Text:
        """Return the time in words, as soon as anything is done."""
        share, spent_s = task.percentage / 100, task.elapsed or 0.0
        if task.finished or not share:
            return Text("" if task.finished else "? left", style="progress.remaining")
        left_s = spent_s * (1 - share) / share
        return Text(f"{duration(left_s)} left", style="progress.remaining")


def shares() -> tuple[ProgressColumn, ...]:
    """Return what stands behind a bar: per cent, time left, time spent."""
    return TaskProgressColumn(), _Left(), TimeElapsedColumn()


@contextlib.contextmanager
def progress_bar(first: str = "") -> Iterator[Callable[[str, float], None]]:
    """Give a function that takes the name of an arm and the share that is done.

    Args:
        first: what is done before the first arm, if that takes a while.
    """
    with bar_or_lines(*shares()) as bar:
        if not isinstance(bar, Progress):
            yield _plain_lines(bar)
            return
        tasks: dict[str, TaskID] = {}
        before = [bar.add_task(first, total=1.0)] if first else []

        def show(arm: str, share: float) -> None:
            check()
            while before:
                bar.remove_task(before.pop())
            if arm not in tasks:
                tasks[arm] = bar.add_task(doors.terminal(arm), total=1.0)
            bar.update(tasks[arm], completed=share)

        yield show


def _clean() -> None:
    say(CLEAN)


def _plain_lines(write: Callable[[str], None]) -> Callable[[str, float], None]:
    began: dict[str, float] = {}
    last = time.monotonic()

    def show(arm: str, share: float) -> None:
        nonlocal last
        check()
        now = time.monotonic()
        if arm not in began:
            began[arm], last = now, now
            write(f"running {arm} ...")
        elif 0 < share < 1 and now - last >= LINE_S:
            last = now
            left = (now - began[arm]) * (1 - share) / share
            write(f"running {arm}: {share:.0%}, {duration(left)} left")

    return show


def duration(seconds: float) -> str:
    """Return a time of waiting in words, rounded up to seconds or minutes."""
    minutes, s = divmod(math.ceil(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours} h {m} min" if hours else f"{m} min {s} s" if m else f"{s} s"


@contextlib.contextmanager
def drawing() -> Iterator[Callable[[str, float], None]]:
    """Give a function that takes what is being drawn and the share done; a bar or nothing."""
    if not console(stderr=True).is_terminal:
        yield lambda name, share: check()
        return
    with bar_or_lines(*shares()) as bar:
        assert isinstance(bar, Progress)
        task = bar.add_task("figures", total=1.0)

        def show(name: str, share: float) -> None:
            check()
            bar.update(task, description=f"figures: {doors.terminal(name)}", completed=share)

        yield show
