"""Words to whoever waits, from the places in which work that takes long begins."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

_listeners: list[Callable[[str], None]] = []


@contextlib.contextmanager
def heard_by(listener: Callable[[str], None]) -> Iterator[None]:
    """Have a function told within the block; who began to listen last hears it alone."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def tell(text: str) -> None:
    """Tell who waits what is being done, in a line; where nobody listens nothing is said."""
    if _listeners:
        _listeners[-1](text)
