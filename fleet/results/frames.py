"""What became of the frames of an arm, and how many inferences were made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fleet.model.books import (
    CAPTURED,
    CAPTURED_BEFORE,
    ENDED_BEFORE,
    FATE_0,
    LOOKED_AT,
    STARTED,
)
from fleet.model.frames import LOST_CAUSES, RESULT, SKIP_CAUSES
from fleet.results.metric import (
    FRAMES,
    OBJECTS,
    SHARE,
    Better,
    Metric,
    Numbers,
    Section,
    part,
    value,
)
from fleet.running.run import Outcome

ALL = (("frames.captured", 1), ("frames.in_flight_before", 1))
"""The frames captured, and under way at the end of a warm-up (`Metric.out_of`)."""


def _share_of(fate: str) -> Callable[[Numbers], float | None]:
    """Return what reads the share of the frames captured or under way that met a fate."""

    def read(arm: Numbers) -> float | None:
        frames = sum(sign * (value(arm, name) or 0.0) for name, sign in ALL)
        return (value(arm, f"frames.{fate}") or 0.0) / frames if frames else None

    return read


def _shares() -> list[Metric]:
    """Return the shares of the frames, which are no numbers of the summary themselves."""
    of = "of the frames captured, and under way at the end of a warm-up"
    return [
        Metric(
            key, SHARE, f"{what}, {of}", better, compared=None, read=_share_of(key),
            out_of=ALL,
        )
        for key, what, better in (
            ("lost", "Frames lost", Better.LESS), ("skipped", "Frames skipped", Better.NEITHER),
            ("results", "Results", Better.MORE),
            ("in_flight", "Frames in flight at the end", Better.NEITHER),
        )
    ]  # fmt: skip


def _causes(fate: str, causes: dict[int, str], better: Better) -> list[Metric]:
    return [
        Metric(
            path := f"frames.{fate}.{cause}", FRAMES, f"Frames {fate}: {cause.replace('_', ' ')}",
            better, Section.FRAMES, f"{fate}: {cause.replace('_', ' ')}", shown_if=path,
            compared=None, objective=False,
        )
        for cause in causes.values()
    ]  # fmt: skip


@part(
    "frames",
    *_shares(),
    Metric(
        "frames.captured", FRAMES, "Frames captured", section=Section.FRAMES, label="captured",
        compared=None, objective=False, group="groups.{}.captured",
    ),
    Metric(
        "frames.in_flight_before", FRAMES, "Frames under way at the end of the warm-up",
        section=Section.FRAMES, label="in flight after the warm-up",
        shown_if="frames.in_flight_before", compared=None, objective=False,
    ),
    Metric(
        "frames.results", FRAMES, "Frames that became results", Better.MORE, Section.FRAMES,
        "results", group="groups.{}.results",
    ),
    Metric("frames.skipped", FRAMES, "Frames skipped, of all causes"),
    *_causes("skipped", SKIP_CAUSES, Better.NEITHER),
    Metric("frames.lost", FRAMES, "Frames lost, of all causes", Better.LESS),
    *_causes("lost", LOST_CAUSES, Better.LESS),
    Metric(
        "frames.in_flight", FRAMES, "Frames in flight at the end", section=Section.FRAMES,
        label="in flight at the end", compared=None, objective=False,
    ),
)  # fmt: skip
def frames(outcome: Outcome) -> dict[str, Any]:
    """Return the frames by fate.

    captured + in flight before, when the warm-up ended = results + in flight + skipped + lost.
    """
    counts = outcome.tally.sensors.sum(axis=0)
    return {
        "captured": int(counts[CAPTURED]),
        "in_flight_before": int(counts[CAPTURED_BEFORE] - counts[ENDED_BEFORE]),
        "results": int(counts[FATE_0 + RESULT]),
        "in_flight": outcome.in_flight,
        "skipped": {name: int(counts[FATE_0 + f]) for f, name in SKIP_CAUSES.items()},
        "lost": {name: int(counts[FATE_0 + f]) for f, name in LOST_CAUSES.items()},
    }


@part(
    "inferences",
    Metric(
        "inferences", FRAMES, "Inferences: those that ended on sensors or began on servers",
        section=Section.FRAMES, label="inferences",
    ),
)  # fmt: skip
def inferences(outcome: Outcome) -> int:
    """Return the inferences: those that ended on sensors, and those that began on servers.

    The first layers of a network that is cut are none, nor is a look at an object by a second one.
    """
    tally, sensors = outcome.tally, outcome.plan.sensors
    whole = np.array([not cut for cut in sensors.cuts]) & (sensors.setups.then_of < 0)
    ended = tally.computed[(sensors.setups.on_sensor == 1) & whole].sum()
    return int(ended + tally.servers[:, STARTED].sum())


@part(
    "looked_at",
    Metric(
        "looked_at", OBJECTS, "Objects at which second networks of pipelines looked",
        section=Section.FRAMES, label="objects looked at by a second network",
        shown_if="looked_at", compared=None,
    ),
)  # fmt: skip
def looked_at(outcome: Outcome) -> int:
    """Return the objects at which second networks looked: on sensors up to the end of each frame.

    On servers those of the batches that began.
    """
    tally, setups = outcome.tally, outcome.plan.sensors.setups
    return int(tally.computed[setups.then_of >= 0].sum() + tally.servers[:, LOOKED_AT].sum())


@part(
    "passed_on",
    Metric(
        "passed_on", FRAMES, "Frames that sensors inferred and passed on to servers",
        section=Section.FRAMES, label="passed on to servers", shown_if="passed_on", compared=None,
    ),
)  # fmt: skip
def passed_on(outcome: Outcome) -> int:
    """Return the frames that sensors have inferred and then passed on to servers."""
    asked = outcome.plan.sensors.setups.asked_by >= 0
    return int(outcome.tally.computed[asked].sum())
