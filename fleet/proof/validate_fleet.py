"""Several cameras on what they share: accelerators in a home, and a thin line up and down.

Of the accelerators, the time of a frame on one is taken from where one had more to do than it
could; what two and three do is prediction. Of the line the source tells a division of bits by
rates, and others by the same.
"""

from __future__ import annotations

from collections.abc import Callable

from fleet.model.frames import WAN
from fleet.proof.validate_bench import QUERY, Bench, scenario
from fleet.results.metrics import summarise
from fleet.units import data_bit

_CAMERAS, _CAMERA_FPS = 16, 5
_ON_ONE_CORAL_MS = 1000 / (2.38 * _CAMERAS)
"""How long one accelerator had for a frame when it was never without one."""

_MODEL, _SENSOR, _HELD = "mobilenet-v2", "imx500", "ssd-mobilenet-v2"
_LINES = {"cellular": (5.1, 17.5), "satellite": (8.5, 15.0), "two-cellular": (10.2, 35.0)}
"""What eight cameras share: Mbit/s up and down."""
_WINDOW_S, _UP_MBIT, _DOWN_MBIT, _RETRAINED = 400, 160, 398, 8


def measure(bench: Bench, name: str, _published: float) -> float:
    """Return what the model gives for a figure, by its id: what is measured, then of what."""
    test, _, rest = name.partition("-")
    return _TESTS[test](bench, rest)


def _processed_fps(bench: Bench, corals: str) -> float:
    """Return the frames of a camera that accelerators took; where one waits for each, all skip."""
    own = bench.having(
        ("models", "ssd-mobilenet-v1", "coral_batch_per_frame", f"{_ON_ONE_CORAL_MS:.4f}")
    )
    cloud = {"server": "coral", "servers": int(corals), "batch": {"max": 1}, "queue": _CAMERAS}
    arm = {**QUERY, "model": "ssd-mobilenet-v1"}
    sensors = {"count": _CAMERAS, "rate": f"{_CAMERA_FPS} fps"}
    run = own.run(scenario(120, sensors, arm, cloud=cloud))
    return len(run.rows) / run.seconds / _CAMERAS


def _window_s(bench: Bench, line: str) -> float:
    """Return how long pictures take to go up over a line, and networks to come down after that."""
    up, down = _LINES[line]
    link = {
        "technology": "poe", "rate": f"{up} Mbit/s", "downlink_rate": f"{down} Mbit/s",
        "propagation": "0 ns", "buffer": "1 GB", "loss": "0 %", "shared_by": "city",
    }  # fmt: skip
    sent_s = _sent_s(bench, link)
    firmware = str(data_bit(f"{_DOWN_MBIT} Mbit") // 8)
    own = bench.having(
        ("models", _MODEL, "firmware", firmware), ("sensors", _SENSOR, "model_write_rate", "1e9")
    )
    arm = {"device": _SENSOR, "model": _HELD}
    events = [{"at": f"{sent_s:.3f} s", "rewrite": "s", "model": _MODEL}]
    run = own.run(
        scenario(3 * _WINDOW_S, {"count": _RETRAINED, "rate": "1 frame/min"}, arm, link=link,
                 events=events)
    )  # fmt: skip
    return sent_s + float(summarise(run.outcome)["rollout"]["complete_s"])


def _sent_s(bench: Bench, link: dict[str, str]) -> float:
    """Return when what all cameras have sampled is up, if they have it in the first second."""
    arm = {**QUERY, "model": "resnet50", "bitrate": f"{_UP_MBIT} Mbit/s"}
    sensors = {"count": _RETRAINED, "rate": "100 fps", "phase": "synchronised"}
    events = [{"at": "1 s", "leave": "s"}]
    run = bench.run(scenario(2 * _WINDOW_S, sensors, arm, link=link, events=events))
    return float(run.rows[:, WAN].max() * 1e-9)


_TESTS: dict[str, Callable[[Bench, str], float]] = {
    "processed": _processed_fps,
    "window": _window_s,
}
