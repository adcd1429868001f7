"""Traces as kernels take them: rows of all eyes of an arm in one table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fleet.eyes.crops import crops_named
from fleet.eyes.eye import Eye
from fleet.eyes.replay import Replay
from fleet.model import sight
from fleet.model.sight import LIGHTS, Sights


def joined(
    wanted: Sequence[Eye], replays: Sequence[Replay], scenes: Sequence[tuple[str, str]]
) -> Sights:
    """Return the traces of some eyes as one table, whose rows know their scene among all."""
    if not replays:
        return sight.none()
    at = {scene: k for k, scene in enumerate(scenes)}
    parts = []
    for eye, one in zip(wanted, replays, strict=True):
        part = one_of(one, eye.indoors)
        of = np.array([at[eye.view, name] for name in one.scenes])
        part.rows[:, sight.SCENE] = of[part.rows[:, sight.SCENE]]
        parts.append(part)
    begins = np.cumsum([0, *(len(part.rows) for part in parts[:-1])])
    has_crops = any(crops_named(eye.source) is not None for eye in wanted)
    width = sight.ROW_WIDTH + has_crops
    return Sights(
        start=np.concatenate(
            [part.start + begin for part, begin in zip(parts, begins, strict=True)]
        ),
        many=np.concatenate([part.many for part in parts]),
        rows=np.concatenate([part.rows[:, :width] for part in parts]),
    )


def one_of(traced: Replay, indoors: bool) -> Sights:
    """Return one trace as kernels take it: a light that was not traced is the first that was.

    Args:
        traced: the trace.
        indoors: there it is always day.
    """
    there = traced.rows[:, 0] > 0
    shines = np.arange(1 if indoors else len(LIGHTS))
    takes = np.where(there[shines], shines, np.argmax(there))
    begins = traced.start[takes].min(axis=1)
    ends = (traced.start[takes] + traced.rows[takes]).max(axis=1)
    at = np.cumsum([0, *(ends - begins)[:-1]])
    columns = (
        traced.wanted, traced.true_positives, traced.false_positives, traced.i_ppm, traced.p_ppm,
        traced.scene, traced.sure_ppm, traced.area_ppm,
    )  # fmt: skip
    rows = np.concatenate(
        [np.stack(columns, axis=1)[b:e] for b, e in zip(begins, ends, strict=True)]
    )
    light, shine = (np.repeat(of, ends - begins)[:, None] for of in (takes, shines))
    start, shape = traced.start[takes] + (at - begins)[:, None], traced.start.shape
    return Sights(
        np.broadcast_to(start, shape)[None], np.broadcast_to(traced.rows[takes], shape)[None],
        np.hstack((light, rows[:, :-1], shine, rows[:, -1:])),
    )  # fmt: skip
