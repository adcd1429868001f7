"""The way of frames through one logical process: four levels of links, and servers behind them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fleet.columns import frame_store, hop, order
from fleet.columns.answers import Answers, send_back
from fleet.columns.crossing import Hop
from fleet.columns.frame_store import Store
from fleet.columns.pools import Pools
from fleet.columns.scaled import Scaled
from fleet.engine.snapshot import State, below, nest
from fleet.engine.tally import Tally
from fleet.errors import RunError
from fleet.model.bursts import burst_salt
from fleet.model.events import LINK_RATE
from fleet.model.frames import (
    LEVEL_COLUMN,
    LEVEL_LOST,
    LEVELS,
    NO_FRAMES,
    SENSOR,
    SETUP,
    Index,
)
from fleet.model.link import Cap, LinkTable, Ports, Rate, end_tail
from fleet.plan.partition import END_PLACE, Territory, link_place, pool_place
from fleet.plan.plan import Plan
from fleet.plan.plant import Autoscaling


class Network:
    """The stations on the ways of some sensors: links, and servers behind them.

    Frames come in with `put` at the place where their sensor's way enters this process, or straight
    from the sensors, and go out of `advance` when they have passed its last place here. Frames that
    meet their fate are left to the store.
    """

    def __init__(self, plan: Plan, tally: Tally, store: Store, territory: Territory) -> None:
        """Set up idle links and servers.

        Args:
            plan: the plan.
            tally: where to count.
            store: where the frames are.
            territory: which of them are here.
        """
        self.plan, self.tally, self.store = plan, tally, store
        self.enter, self.leave = territory.enter, territory.leave
        self.ends = set(np.unique(territory.leave).tolist())
        self.entries = set(np.unique(territory.enter).tolist())
        self.ports = Ports.zeros(len(plan.links.table))
        self.links = plan.links.table  # as they stand now
        self._changed: LinkTable | None = None  # the same, which may change, once one has
        self.arriving: list[list[Index]] = [[] for _ in range(LEVELS)]
        self.in_port: list[Index] = [NO_FRAMES for _ in range(LEVELS)]
        self.passing: list[Index] = []
        self.told: list[list[Index]] = [[] for _ in range(LEVELS)]
        self.sorts = [_must_sort(plan, level) for level in range(LEVELS)]
        self.hops = [_hop(plan, level, self.links, self.ports) for level in range(LEVELS)]
        self.pools = [_pools(plan, territory, level, store, tally) for level in range(LEVELS)]
        self.reaching = np.where(plan.pools.of >= 0, plan.pools.level, -1)
        self.reach = set(np.unique(self.reaching).tolist())
        self.answers = Answers(
            plan.sensors.to_site, plan.pools.return_ns, plan.pools.result_bytes,
            plan.pools.result_bits,
        )  # fmt: skip
        self.answered: Index = NO_FRAMES

    def amend(self, plan: Plan) -> None:
        """Take over a plan with other control events after now."""
        self.plan = plan
        self.hops = [_hop(plan, level, self.links, self.ports) for level in range(LEVELS)]
        for pools in self.pools:
            if pools is not None:
                pools.see(plan.eyes.sights.rows)

    def put(self, index: Index) -> None:
        """Take frames that enter; CLOCK says when."""
        if len(self.entries) == 1 and not self.entries & self.ends:
            self._enter(next(iter(self.entries)), index)
            return
        sensor = self.store.column(index, SENSOR)
        place = np.where(self.enter[sensor] == self.leave[sensor], END_PLACE, self.enter[sensor])
        for at in np.flatnonzero(np.bincount(place, minlength=END_PLACE + 1)):
            self._enter(int(at), index[place == at])

    def _enter(self, place: int, index: Index) -> None:
        level, behind = divmod(place, 2)
        if place == END_PLACE:
            self.passing.append(index)
        elif behind:
            self._serve(level, index)
        else:
            self.arriving[level].append(index)

    def _serve(self, level: int, index: Index) -> None:
        pools = self.pools[level]
        if pools is None:
            raise RunError(f"frames reached servers behind level {level} that are not here")
        setups = self.plan.sensors.setups
        if (setups.ask >= 0).any():  # some frames need no servers: their sensors have answered
            told, index = frame_store.where(
                self.store.columns, index, setups.on_sensor.copy(), 1, by=SETUP
            )
            self.told[level].append(told)
        pools.put(index)

    def advance(self, until_ns: int, from_sensors: Index) -> tuple[Index, Index]:
        """Pass frames through every place up to a time.

        Returns (those that are behind the last place, where they are results when their clock says
        so; those that leave this process).

        Args:
            until_ns: the time.
            from_sensors: frames that the sensors of this process have sent, on the wire behind
                their own ports.
        """
        out, self.passing = self.passing, []
        moved = from_sensors
        for level in range(LEVELS):
            if level > 0:
                moved = self._pass_level(level, until_ns)
            if level in self.reach:
                moved = self._pass_servers(level, moved, until_ns, out)
            gone, on = self._leaving(moved, link_place(level + 1))
            out.append(gone)
            if len(on):
                self.arriving[level + 1].append(on)
        return self._at_end(frame_store.join(out))

    def _at_end(self, index: Index) -> tuple[Index, Index]:
        if END_PLACE not in self.ends:
            return NO_FRAMES, index
        if len(self.ends) == 1:
            return index, NO_FRAMES
        return frame_store.where(self.store.columns, index, self.leave, END_PLACE)

    def _leaving(self, index: Index, place: int) -> tuple[Index, Index]:
        """Return the frames that leave this process before a place, and the others."""
        if not len(index) or place not in self.ends:
            return NO_FRAMES, index
        if len(self.ends) == 1:
            return index, NO_FRAMES
        return frame_store.where(self.store.columns, index, self.leave, place)

    def _pass_servers(self, level: int, moved: Index, until_ns: int, out: list[Index]) -> Index:
        """Have frames served behind a level; return those that go on, add to `out` what leaves."""
        if len(moved):
            raw, moved = moved, NO_FRAMES
            if len(self.reach) > 1:
                raw, moved = frame_store.where(self.store.columns, raw, self.reaching, level)
            gone, raw = self._leaving(raw, pool_place(level))
            out.append(gone)
            if len(raw):
                self._serve(level, raw)
        pools, told = self.pools[level], frame_store.join(self.told[level])
        self.told[level] = []
        if pools is None:
            return moved
        return frame_store.join([moved, told, self._answer(level, pools, until_ns)])

    def _answer(self, level: int, pools: Pools, until_ns: int) -> Index:
        """Send results back to their sites; return those that go on upwards."""
        done, on = send_back(
            self.store.columns, pools.advance(until_ns), self.answers, level == LEVELS - 1, until_ns
        )
        self.answered = frame_store.join([self.answered, done])
        return on

    def fail(self, pool: int, now_ns: int, until_ns: int) -> None:
        """Take a pool that is here down from now until a time."""
        for pools in self.pools:
            if pools is not None and pools.row_of[pool] >= 0:
                pools.fail(int(pools.row_of[pool]), now_ns, until_ns)

    def scaled_pool(self, region: int) -> Scaled:
        """Return a region's pool, which is here, as one whose servers change from time zero on."""
        pools = self.pools[LEVELS - 1]
        assert pools is not None
        return Scaled(pools, int(pools.row_of[region]))

    def scaled(self) -> Iterator[tuple[Scaled, Autoscaling]]:
        """Yield the pools here that an autoscaler changes, with its rule."""
        pools = self.pools[LEVELS - 1]
        for row, spec in enumerate([] if pools is None else pools.spec):
            if pools is not None and spec.autoscaling is not None:
                yield Scaled(pools, row), spec.autoscaling

    def answer(self, until_ns: int) -> None:
        """Make results of what is at its consumer before a time."""
        self.answered = frame_store.conclude(self.store.columns, self.answered, until_ns)

    def _pass_level(self, level: int, until_ns: int) -> Index:
        """Pass frames through the links of a level; return those that are on the wire behind."""
        columns = self.store.columns
        arriving = frame_store.join(self.arriving[level])
        if not len(arriving) and not len(self.in_port[level]):
            return NO_FRAMES
        due, late = order.due(columns, arriving, until_ns, sort=self.sorts[level])
        self.arriving[level] = [late] if len(late) else []
        moved, self.in_port[level] = hop.pass_hop(
            columns, due, self.in_port[level], until_ns, self.hops[level], self.tally.books()
        )
        return moved

    def save(self) -> State:
        """Return the state as arrays, for `load`."""
        state: State = {"ports": self.ports, "links": self.links, "answered": self.answered}
        state["passing"] = frame_store.join(self.passing)
        for level, pools in enumerate(self.pools):
            state[f"arriving/{level}"] = frame_store.join(self.arriving[level])
            state[f"in_port/{level}"] = self.in_port[level]
            state |= {} if pools is None else nest(f"pools/{level}", pools.save())
        return state

    def load(self, state: State) -> None:
        """Take a state up again."""
        self.ports[...] = state["ports"]
        if self._changed is not None or not np.array_equal(self.links, state["links"]):
            self.changing(0).links[...] = state["links"]
        self.answered = state["answered"].copy()
        self.passing = [state["passing"].copy()]
        for level, pools in enumerate(self.pools):
            self.arriving[level] = [state[f"arriving/{level}"].copy()]
            self.in_port[level] = state[f"in_port/{level}"].copy()
            if pools is not None:
                pools.load(below(f"pools/{level}", state))

    def outage(self, link: int, now_ns: int, until_ns: int) -> None:
        """Take a link down: what is in its port departs later by the length of the outage.

        The frames in the sensors' own ports are with their sensors (`fleet.columns.devices`).
        """
        level = int(self.plan.links.level_of[link])
        hop.outage(
            self.store.columns, self.in_port[level], self.hops[level], link, now_ns, until_ns
        )  # fmt: skip

    def change_link(self, link: int, now_ns: int, to: Rate | Cap) -> None:
        """Let a link have another rate or a new cap from now on, if it is no sensor's own port."""
        level = int(self.plan.links.level_of[link])
        hop.change(
            self.store.columns, self.in_port[level], self.changing(level), link, now_ns, to,
            self.tally.books(),
        )  # fmt: skip

    def changing(self, level: int) -> Hop:
        """Return a level whose link table may be changed; before that it is the plan's."""
        if self._changed is None:
            self._changed = self.links.copy()
            self.links = self._changed.view()
            self.links.setflags(write=False)
            self.amend(self.plan)
        return self.hops[level]._replace(links=self._changed)

    def end_tail(self, sensor: int, now_ns: int, in_own_ports: Index = NO_FRAMES) -> None:
        """End the tail of a sensor's radio, unless frames of the sensor are still to be sent.

        Args:
            sensor: which leaves.
            now_ns: the time.
            in_own_ports: the frames in the ports of single sensors.
        """
        ports = (in_own_ports, *self.in_port[1:])
        first = [h.first[sensor] for h in self.hops]
        index = frame_store.join([port for port, mine in zip(ports, first, strict=True) if mine])
        if not (self.store.column(index, SENSOR) == sensor).any():
            end_tail(self.tally.books(), sensor, now_ns, int(self.plan.timers.tail_ns[sensor]))

    def in_flight(self) -> int:
        """Return the number of frames in ports and on wires here."""
        on_wires = sum(len(r) for part in (*self.arriving, self.passing) for r in part)
        served = sum(pools.in_flight() for pools in self.pools if pools is not None)
        return on_wires + sum(map(len, self.in_port)) + served + len(self.answered)

    def close(self, now_ns: int) -> None:
        """Book what is only known at the end: server time up to now."""
        for pools in self.pools:
            if pools is not None:
                pools.close(now_ns)

    def queued_bits(self) -> NDArray[np.int64]:
        """Return the bits in each link's port; shape (links,)."""
        bits = np.zeros(len(self.plan.links.table), dtype=np.int64)
        for level in range(LEVELS):
            hop.queued(self.store.columns, self.in_port[level], self.hops[level], bits)
        return bits


def _must_sort(plan: Plan, level: int) -> bool:
    """Return whether frames may come to a link of a level in another order than they are held.

    They may if several sensors share a link, or if one frame could overtake another of the same
    sensor: where segments are sent again, or at servers.
    """
    used = plan.links.of[level][plan.links.of[level] >= 0]
    below = plan.links.of[:level]
    lossy = bool((plan.links.table.loss_ppb[below[below >= 0]] > 0).any())
    served = bool(((plan.pools.of >= 0) & (plan.pools.level < level)).any())
    return len(np.unique(used)) < len(used) or lossy or served


def _pools(
    plan: Plan, territory: Territory, level: int, store: Store, tally: Tally
) -> Pools | None:
    """Return the pools of a process behind a level, None if it has none there."""
    used = np.unique(plan.pools.of[(plan.pools.of >= 0) & (plan.pools.level == level)])
    mine = used[territory.pools[used]]
    return Pools(plan, mine, store, tally) if len(mine) else None


def _hop(plan: Plan, level: int, links: LinkTable, ports: Ports) -> Hop:
    below = (plan.links.of[:level] >= 0).any(axis=0)
    first = ~below & (plan.links.of[level] >= 0)
    here, events = links[plan.links.level_of == level], plan.control.timetable
    changed = plan.links.level_of[events.target[events.kind == LINK_RATE]]
    cells = bool((here.air_bps > 0).any())
    extras = cells or ((here.cap_bits > 0) | (here.loss_ppb > 0)).any() or level in changed
    return Hop(
        link_of=plan.links.of[level],
        links=links,
        ports=ports,
        bin_of=plan.stations.bin_of,
        first=first,
        tail_ns=plan.timers.tail_ns,
        loss_keys=plan.sensors.loss_keys,
        salt=burst_salt(plan.seed, plan.replication),
        plain=not extras,
        cells=cells,
        radios=bool(first.any()),
        on_radio=plan.links.cell_level == level,
        lost=LEVEL_LOST[level],
        column=LEVEL_COLUMN[level],
    )
