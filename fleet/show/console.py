"""The terminal, or what stands in its place; apart from tables, which take a while to import."""

from __future__ import annotations

import os
from typing import Any

from rich.console import Console
from rich.text import Text

from fleet import doors

WIDE = 10_000
"""Columns where nobody looks: what is piped is cut at its reader's, if at all."""


class _Console(Console):
    """A console that shows strings as they are: each on a line, with all that is in it.

    What has several lines, styles or links of our own is made of `Text`.
    """

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a string as text; what it says of colours or links is shown, not done."""
        options |= {"markup": False, "emoji": False}
        return super().render_str(doors.terminal(text), **options)


def console(*, stderr: bool = False) -> Console:
    """Return a console that is plain and wide when it is not a terminal.

    NO_COLOR and COLUMNS are honoured.
    """
    out = _Console(stderr=stderr, highlight=False)
    if not out.is_terminal and "COLUMNS" not in os.environ:
        out.width = WIDE
    return out


def say(out: Console, line: str) -> None:
    """Print a line for people: broken between words on a terminal, and else as it is."""
    out.print(line, soft_wrap=not out.is_terminal, markup=False)
