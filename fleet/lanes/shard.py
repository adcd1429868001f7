"""A shard that runs in lanes while it is plain, and in columns while it is not."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints, Record
from fleet.columns.shard import Shard
from fleet.engine.hours import Counted
from fleet.engine.looker import OpenEyes
from fleet.engine.snapshot import State
from fleet.engine.tally import Tally
from fleet.engine.window import Window
from fleet.lanes.blocks import Blocks
from fleet.lanes.fold import fold
from fleet.lanes.plain import HARMLESS, is_plain, may_be_plain
from fleet.lanes.unfold import unfold
from fleet.lanes.when import Lanes
from fleet.model.frames import NO_FRAMES, Columns, Index, Rows
from fleet.model.scene import SECOND_NS
from fleet.plan.partition import Territory
from fleet.plan.plan import Plan

_WORTH_NS = 2 * SECOND_NS
"""For so long there must be none but harmless control events that lanes are taken up."""


def shard(
    plan: Plan, territory: Territory, open_eyes: OpenEyes, *, keep: bool = False,
    lanes: Lanes = Lanes.worth,
) -> Shard:  # fmt: skip
    """Return a shard at time zero, which runs in lanes if it is plain and keeps no frames.

    Args:
        plan: what of the plan is needed here.
        territory: which sensors, links and pools of that are its own.
        open_eyes: opens the networks that look live.
        keep: keep the finished frames, not just their counts.
        lanes: when it runs in lanes.
    """
    if keep or lanes is Lanes.never or not may_be_plain(plan, territory):
        return Shard(plan, territory, open_eyes, keep=keep)
    return LaneShard(plan, territory, open_eyes, lanes)


class LaneShard(Shard):
    """A shard that may be plain. It has one state, which is in lanes or in columns.

    It goes on in columns when a control event changes more than who walks past and when a warm-up
    ends, and in lanes again as soon as that is worth it. What else is asked of it while it runs in
    lanes is asked of a copy of it in columns.
    """

    def __init__(self, plan: Plan, territory: Territory, open_eyes: OpenEyes, when: Lanes) -> None:
        """Set up sensors at time zero; the arguments are those of `shard`."""
        super().__init__(plan, territory, open_eyes)
        self._when, self._open_eyes, self._may = when, open_eyes, True
        self._blocks: Blocks | None = None
        self._copy: Shard | None = None
        self._breaks_ns = self._list_breaks()

    def _list_breaks(self) -> Ints:
        """Return when something ends what is plain: all but harmless control events; ns."""
        events = self.plan.control.timetable
        breaks = ~np.isin(events.kind, HARMLESS) & self.territory.concerns(events)
        return np.unique(np.append(events.time_ns[breaks], self.plan.warm_up_ns))

    def advance(self, window: Window) -> list[Columns]:
        """Run a window; return the frames that leave, one table for each region with a process."""
        self._drop_copy()
        return super().advance(window)

    def _flow(self, until_ns: int) -> Index:
        if self._blocks is None and self._may and self._lasts() and is_plain(self):
            self._blocks = fold(self)
        if self._blocks is None:
            return super()._flow(until_ns)
        self._blocks.come_to(until_ns, waits=self.env.peek() > until_ns)
        for scaled in self.changing:
            scaled.accrue(until_ns)
            scaled.in_lanes = self._blocks.queued(scaled.row)
        return NO_FRAMES

    def _lasts(self) -> bool:
        """Return whether nothing ends what is plain now for long enough, or until the end."""
        if self._when is Lanes.always:
            return True
        now_ns, end_ns = self.env.now, self.plan.end_ns
        following = np.searchsorted(self._breaks_ns, now_ns, side="right")
        until_ns = int(np.append(self._breaks_ns, end_ns)[following])
        return until_ns >= min(now_ns + _WORTH_NS, end_ns)

    def _apply(self, event: Record) -> None:
        if event.kind not in HARMLESS:
            self._unfold()
        super()._apply(event)

    def _forget(self, now_ns: int) -> None:
        self._unfold()
        super()._forget(now_ns)

    def resize(self, region: int, servers: int) -> None:
        """Have another number of servers of its first kind in a region's pool, now."""
        if self._blocks is not None:
            self._blocks.settle()
        self._drop_copy()
        super().resize(region, servers)

    def _unfold(self) -> None:
        """Go on in columns."""
        if self._blocks is not None:
            blocks, self._blocks = self._blocks, None
            blocks.settle()
            unfold(blocks, self)
            for scaled in self.changing:
                scaled.in_lanes = 0

    def _in_columns(self) -> Shard:
        """Return a shard of columns in the state of this one, which runs in lanes."""
        assert self._blocks is not None
        if self._copy is None:
            self._blocks.settle()
            self._blocks.put_by()
            self._copy = Shard(self.plan, self.territory, self._open_eyes)
            self._copy.load(super().save())
            unfold(self._blocks, self._copy)
        return self._copy

    def _drop_copy(self) -> None:
        """Give back what the copy takes at once.

        It and its clock know each other, so that its arrays would stay until Python looks for such
        cycles, which it does by the number of objects and not by what they hold.
        """
        if self._copy is not None:
            vars(self._copy).clear()
            self._copy = None

    def save(self) -> State:
        """Return the state as arrays, for `load`; only between windows."""
        return super().save() if self._blocks is None else self._in_columns().save()

    def load(self, state: State) -> None:
        """Go on from a state of the same plan and part."""
        self._blocks = None
        self._drop_copy()
        super().load(state)

    def amend(self, plan: Plan) -> None:
        """Take over a plan with further setups and with other control events after now."""
        self._unfold()
        self._drop_copy()
        super().amend(plan)
        self._may = may_be_plain(plan, self.territory)
        self._breaks_ns = self._list_breaks()

    def in_flight(self) -> int:
        """Return the number of frames here."""
        return super().in_flight() if self._blocks is None else self._in_columns().in_flight()

    def _under_way(self) -> Rows:
        return super()._under_way() if self._blocks is None else self._in_columns()._under_way()

    def _queued_bits(self) -> Ints:
        if self._blocks is None:
            return super()._queued_bits()
        return self._in_columns()._queued_bits()

    def counts(self) -> Tally:
        """Return what was counted up to now, with the frames that are under way; after `close`."""
        return super().counts() if self._blocks is None else self._in_columns().counts()

    def _counted(self) -> Counted:
        if self._blocks is None:
            return super()._counted()
        counted = self._in_columns()._counted()
        self._drop_copy()  # it is as large as this is
        return counted

    def close(self, now_ns: int) -> None:
        """Book what is only known at the end."""
        if now_ns >= self.plan.end_ns:
            self._unfold()  # no more frames come, for which lanes would be worth a copy
        if self._blocks is None:
            super().close(now_ns)
        else:
            self._in_columns().close(now_ns)

    def sensor_state(self, target: int) -> dict[str, int]:
        """Return the state of a sensor now; times in ns."""
        if self._blocks is None:
            return super().sensor_state(target)
        return self._in_columns().sensor_state(target)
