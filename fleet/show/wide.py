"""Tables under a line that says what they are of, as many as the terminal's width asks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from textwrap import wrap

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from fleet import doors

HEADING_WIDTH = 11
"""Where names above columns break, if they can."""


class Titled(Table):
    """A table under a line, which is as long as it is however narrow the table."""

    def __init__(self, above: str = "") -> None:
        """Set up a table without columns.

        Args:
            above: the line; may be given later, as `above`.
        """
        super().__init__(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
        self.above = above

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the line and the table."""
        if self.above:
            yield Text(doors.terminal(self.above), style="bold")
        yield from super().__rich_console__(console, options)


def heading(name: str, *more: str) -> Text:
    """Return a name as it stands above a column: broken behind '_', '-' and '.', never in a word.

    Args:
        name: of an arm, or of whatever a column is about.
        more: further lines.
    """
    shown = doors.terminal(name)
    broken = re.sub(r"([_.-])(?=.)", r"\1 ", shown) if len(shown) > HEADING_WIDTH else shown
    lines = wrap(broken, HEADING_WIDTH, break_long_words=False, break_on_hyphens=False)
    joined = [re.sub(r"([_.-]) ", r"\1", line) for line in lines]
    return Text("\n".join([*joined, *more]))


def in_tables(make: Callable[[Sequence[int]], Titled], many: int, out: Console) -> list[Titled]:
    """Return as few tables as are no wider than a terminal, each with some of the columns.

    Where even a table with one of them is too wide, its cells are folded.

    Args:
        make: makes the table that has these of the columns.
        many: how many columns there are.
        out: the terminal.
    """
    wide = out.options.update(width=10_000)  # else a table measures as wide as there is room
    tables: list[Titled] = []
    for parts in range(1, many + 1):
        size = -(-many // parts)
        chosen = [range(k, min(k + size, many)) for k in range(0, many, size)]
        tables = [make(columns) for columns in chosen]
        if all(out.measure(table, options=wide).maximum <= out.width for table in tables):
            break
    return tables
