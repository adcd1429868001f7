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

_TELLING = 0.02
"""So large a share of the whole says how fast the rest goes."""
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


class Pace:
    """How long something still takes, at the pace at which it has gone since it moved at all.

    Before that kernels may have been compiled, or Ray started, which says nothing of the rest.
    """

    def __init__(self, began_s: float) -> None:
        """Begin at a time; s."""
        self._began_s = began_s
        self._moved: tuple[float, float] | None = None

    def left_s(self, share: float, now_s: float) -> float | None:
        """Return the time left when a share is done; None if too little is done to tell."""
        if share <= 0:
            return None
        self._moved = self._moved or (now_s, share)
        then_s, at = self._moved
        if share - at < _TELLING:
            then_s, at = self._began_s, 0.0
            if share < 5 * _TELLING:
                return None
        return (now_s - then_s) * (1 - share) / (share - at)


class _Left(ProgressColumn):
    """How long each task still takes."""

    def __init__(self) -> None:
        super().__init__()
        self._paces: dict[TaskID, Pace] = {}

    def render(self, task: Task) -> Text:
        """Return the time in words, as soon as it can be told."""
        if task.finished:
            return Text("", style="progress.remaining")
        pace = self._paces.setdefault(task.id, Pace(0.0))
        left_s = pace.left_s(task.percentage / 100, task.elapsed or 0.0)
        told = "?" if left_s is None else duration(left_s)
        return Text(f"{told} left", style="progress.remaining")


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
    paces: dict[str, Pace] = {}
    last = time.monotonic()

    def show(arm: str, share: float) -> None:
        nonlocal last
        check()
        now = time.monotonic()
        if arm not in paces:
            paces[arm], last = Pace(now), now
            write(f"running {arm} ...")
        left_s = paces[arm].left_s(share, now)
        if 0 < share < 1 and now - last >= LINE_S:
            last = now
            left = "" if left_s is None else f", {duration(left_s)} left"
            write(f"running {arm}: {share:.0%}{left}")

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
