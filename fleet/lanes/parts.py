"""Parts of a shard that have nothing to do with each other: sensors that share links or servers.

Each is taken through time by itself, so that what it touches stays in the cache of a core.
"""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints
from fleet.plan.plan import Plan

_LEAST = 1_000
"""So many sensors are in a part at least, if there are as many: each costs some calls a block."""


def parts(plan: Plan) -> Ints:
    """Return the part of each sensor, from 0 on."""
    shared = [row for row in plan.links.of[1:] if (row >= 0).any()]
    if (plan.pools.of >= 0).any():
        shared.append(plan.pools.of)
    label = np.arange(plan.size)
    before = None
    while before is None or (before != label).any():
        before = label
        for units in shared:
            used = units >= 0
            least = np.full(int(units.max()) + 1, plan.size)
            np.minimum.at(least, units[used], label[used])
            label = label.copy()
            label[used] = np.minimum(label[used], least[units[used]])
    _, part = np.unique(label, return_inverse=True)
    return _packed(part.reshape(-1))


def _packed(part: Ints) -> Ints:
    """Return parts of which small ones are put together, in their order."""
    sizes = np.bincount(part)
    to, held, together = np.zeros(len(sizes), dtype=np.int64), 0, 0
    for p, size in enumerate(sizes.tolist()):
        if held >= _LEAST:
            together, held = together + 1, 0
        to[p] = together
        held += size
    packed: Ints = to[part]
    return packed
