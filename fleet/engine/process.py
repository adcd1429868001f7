"""How a logical process runs a window: control events one by one, frames in bulk between them."""

from __future__ import annotations

from collections.abc import Callable

from fleet.engine.control import Environment
from fleet.engine.window import Window
from fleet.errors import RunError
from fleet.stages import frames
from fleet.stages.frames import Index


def advance(env: Environment, window: Window, flow: Callable[[int], Index]) -> Index:
    """Run a window and return the indices of the frames that left.

    Frames flow up to the next control event, then the events of that time happen, and so on: at
    one time control comes first.

    Args:
        env: the environment of the process.
        window: must start where the process stands.
        flow: takes every frame as far as it comes before a time, returns those that leave.

    Raises:
        RunError: the window does not start now.
    """
    if window.start_ns != env.now:
        raise RunError(f"the process is at {env.now} ns, the window starts at {window.start_ns} ns")
    out, reached_ns = [], window.start_ns
    while (at := env.peek()) < window.end_ns:
        if at > reached_ns:
            reached_ns = int(at)
            out.append(flow(reached_ns))
        while env.peek() == at:
            env.step()
    out.append(flow(window.end_ns))
    env.run(until=window.end_ns)
    return frames.join(out)
