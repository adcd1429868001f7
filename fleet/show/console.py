"""The terminal, or what stands in its place; apart from tables, which take a while to import."""

from __future__ import annotations

from rich.console import Console


def console(*, stderr: bool = False) -> Console:
    """Return a console that is plain when it is not a terminal; NO_COLOR is honoured."""
    return Console(stderr=stderr, highlight=False)
