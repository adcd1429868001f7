"""Whose turn it is at a pool that groups share: priorities, then start-time fair queueing."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.arrays import Ints
from fleet.plan.plant import Tenants


class Order:
    """The order in which a pool takes frames, as `docs/MODEL.md` writes it.

    With start tag S, finish tag F = S + cost and virtual time v of each priority: a group whose
    first frame comes to the queue has S = max(v, F); when nobody of its priority waited, v was set
    to the largest F before. Taken is the least S of the highest priority; v becomes that S,
    if it was less: frames of another network than that of a batch may wait with a lesser one.
    """

    def __init__(self, group_of: Ints, tenants: Tenants) -> None:
        """Begin with a pool that nobody has used; `group_of` is the group of each sensor."""
        self.group_of, self.tenants = group_of, tenants
        self.start: dict[int, int] = {}  # of the first waiting frame of each group
        self.finish: dict[int, int] = {}  # of the last frame that each has had taken
        self.virtual: dict[int, int] = {}  # by priority

    def came(self, *waiting: int) -> None:
        """Take note of a frame that came to the queue, given the sensors of those that wait.

        It is the last of them.
        """
        *before, sensor = waiting
        group, rank = self._group(sensor), self._rank(sensor)
        if not any(self._rank(other) == rank for other in before):
            finished = [f for g, f in self.finish.items() if self.tenants.priority[g] == rank]
            self.virtual[rank] = max(finished, default=0)
        if not any(self._group(other) == group for other in before):
            self.start[group] = max(self.virtual[rank], self.finish.get(group, 0))

    def take(self, waiting: Sequence[int], network: int | None) -> int | None:
        """Return the place of the frame to be taken, given the sensors of those that wait.

        If a batch has begun with a network only its frames are; None if there are none.
        """
        able = [
            at
            for at, sensor in enumerate(waiting)
            if network is None or self.network(sensor) == network
        ]
        if not able:
            return None
        highest = max(self._rank(waiting[at]) for at in able)
        mine = [at for at in able if self._rank(waiting[at]) == highest]
        at = min(mine, key=lambda place: (self.start[self._group(waiting[place])], place))
        group = self._group(waiting[at])
        self.virtual[highest] = max(self.virtual[highest], self.start[group])
        self.finish[group] = self.start[group] + int(self.tenants.cost[group])
        self.start[group] = self.finish[group]
        return at

    def network(self, sensor: int) -> int:
        """Return which network of the pool the frames of a sensor are for."""
        return int(self.tenants.network[self._group(sensor)])

    def _group(self, sensor: int) -> int:
        return int(self.group_of[sensor])

    def _rank(self, sensor: int) -> int:
        return int(self.tenants.priority[self._group(sensor)])
