"""A second network of the reference: at how many objects it looks, and for how long."""

from __future__ import annotations

from collections.abc import Iterable

from fleet.arrays import Ints
from fleet.model.sight import found
from fleet.plan.plant import Then
from fleet.reference.frame import Frame


def objects_of(frames: Iterable[Frame], rows: Ints, then: Then | None) -> int:
    """Return at how many objects of some frames it looks; `rows` are those of all traces."""
    if then is None:
        return 0
    return sum(min(then.most, found(rows, one.sight, one.objects)) for one in frames)


def spent_ns(objects: int, then: Then | None, base_ns: int, per_ns: int) -> int:
    """Return what it takes for some objects, one batch of them after another."""
    total_ns = 0
    while then is not None and objects > 0:
        some = min(objects, then.batch)
        total_ns += base_ns + some * per_ns
        objects -= some
    return total_ns
