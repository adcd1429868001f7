"""Networks that look while a run goes on, opened for the engines."""

from __future__ import annotations

from fleet.engine.looker import Eyes
from fleet.eyes.eye import Eye


def open_eyes(eyes: tuple[Eye, ...]) -> Eyes:
    """Open the networks of a plan."""
    from fleet.lab.live import Eyes as Live  # with the networks' runtime, which takes a while

    return Live(eyes)
