"""A shard that runs in lanes where it is plain, and hands over to the columns where it is not."""

from __future__ import annotations

from fleet.arrays import Ints
from fleet.columns.shard import Shard
from fleet.engine.looker import OpenEyes
from fleet.engine.snapshot import State
from fleet.engine.tally import Tally
from fleet.lanes.engine import Lanes
from fleet.lanes.plain import is_plain
from fleet.lanes.unfold import unfold
from fleet.model.frames import NO_FRAMES, Index, Rows
from fleet.plan.partition import Territory
from fleet.plan.plan import Plan


class LaneShard(Shard):
    """A plain shard; what is asked of it between windows is asked of a shard of columns."""

    def __init__(self, plan: Plan, territory: Territory, open_eyes: OpenEyes) -> None:
        """Set up sensors at time zero; the arguments are those of `Shard`."""
        super().__init__(plan, territory, open_eyes)
        self._open_eyes = open_eyes
        self._lanes: Lanes | None = Lanes(plan, self.tally, self.network, self.devices)
        self._columns: Shard | None = None

    def _flow(self, until_ns: int) -> Index:
        if self._lanes is None:
            return super()._flow(until_ns)
        self._columns = None
        self._lanes.advance(until_ns)
        for scaled, _ in self.scaling.values():
            scaled.accrue(until_ns)
        return NO_FRAMES

    def _unfolded(self) -> Shard:
        """Return a shard of columns in the state of this one."""
        if self._columns is None:
            shard = Shard(self.plan, self.territory, self._open_eyes)
            shard.load(super().save())
            if self._lanes is not None:
                self._lanes.put_by()
                unfold(self._lanes, shard)
            self._columns = shard
        return self._columns

    def _give_up(self) -> None:
        """Go on in columns."""
        if self._lanes is not None:
            state = self._unfolded().save()
            self._lanes = self._columns = None
            super().load(state)

    def save(self) -> State:
        """Return the state as arrays, for `load`; only between windows."""
        return super().save() if self._lanes is None else self._unfolded().save()

    def load(self, state: State) -> None:
        """Go on from a state of the same plan and part, in columns."""
        self._lanes = self._columns = None
        super().load(state)

    def amend(self, plan: Plan) -> None:
        """Take over a plan with further setups and with other control events, in columns."""
        self._give_up()
        super().amend(plan)

    def in_flight(self) -> int:
        """Return the number of frames here."""
        return super().in_flight() if self._lanes is None else self._unfolded().in_flight()

    def _under_way(self) -> Rows:
        return super()._under_way() if self._lanes is None else self._unfolded()._under_way()

    def _queued_bits(self) -> Ints:
        return super()._queued_bits() if self._lanes is None else self._unfolded()._queued_bits()

    def counts(self) -> Tally:
        """Return what was counted up to now, with the frames that are under way; after `close`."""
        return super().counts() if self._lanes is None else self._unfolded().counts()

    def close(self, now_ns: int) -> None:
        """Book what is only known at the end."""
        if self._lanes is None:
            super().close(now_ns)
        else:
            self._unfolded().close(now_ns)

    def sensor_state(self, target: int) -> dict[str, int]:
        """Return the state of a sensor now; times in ns."""
        if self._lanes is None:
            return super().sensor_state(target)
        return self._unfolded().sensor_state(target)


def shard(plan: Plan, territory: Territory, open_eyes: OpenEyes, *, keep: bool = False) -> Shard:
    """Return a shard at time zero, in lanes if all of it is plain and no frames are kept.

    The arguments are those of `fleet.columns.shard.Shard`.
    """
    if not keep and is_plain(plan, territory):
        return LaneShard(plan, territory, open_eyes)
    return Shard(plan, territory, open_eyes, keep=keep)
