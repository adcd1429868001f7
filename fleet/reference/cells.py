"""Batteries of the reference engine: processes that look at them, and sensors that go off."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Protocol

import numpy as np

from fleet.engine.battery import CHARGE, GAVE, LEAST, SHORT, SPILLED, STORED, SUN, WIDTH, Charged
from fleet.engine.control import TICK, WORD, Environment, Process, pause
from fleet.engine.told import Told
from fleet.model.books import LAST_SENT_NS
from fleet.model.events import (
    SENSOR_DOWN,
    SENSOR_JOINS,
    SENSOR_LEAVES,
    SENSOR_OFF,
    SENSOR_ON,
    Timetable,
)
from fleet.plan.batteries import Battery
from fleet.plan.plan import Plan
from fleet.reference.links import Link, first_link
from fleet.reference.sensor import Sensor
from fleet.reference.steering import Steering

_FJ = 1_000_000


class Life(Protocol):
    """What batteries know of the engine: its clock, its plan, its sensors, links, controllers."""

    env: Environment
    plan: Plan
    sensors: list[Sensor]
    links: list[Link]
    steering: Steering


class Cell:
    """A sensor's battery; energies in nJ.

    Attributes:
        sensor: whose it is.
        kind: which battery.
        is_on: whether it says that its sensor is on.
        row: what became of it (`fleet.engine.battery`).
    """

    def __init__(self, sensor: Sensor, kind: Battery) -> None:
        """Begin with what it holds at the start."""
        self.sensor, self.kind, self.is_on = sensor, kind, True
        self.there_ns = self.up_ns = self.looked_ns = self.booted_ns = 0
        self.row = [0] * WIDTH
        self.row[CHARGE] = self.row[LEAST] = kind.start_nj

    def look(self, now_ns: int, sun_nj: int, stored_nj: int) -> None:
        """Be charged with what the sun gave since the last look, and give what was drawn."""
        if self.is_on:
            for begin, end, is_there, is_up in self.states(self.looked_ns, now_ns):
                self.there_ns += (end - begin) * is_there
                self.up_ns += (end - begin) * is_up
        self.looked_ns = now_ns
        given, row = self.given_fj(now_ns) // _FJ, self.row
        left = row[CHARGE] + stored_nj - (given - row[GAVE])
        if left < 0:
            row[SHORT] -= left
        if left > self.kind.capacity_nj:
            row[SPILLED] += left - self.kind.capacity_nj
        row[CHARGE] = min(max(left, 0), self.kind.capacity_nj)
        row[LEAST] = min(row[LEAST], row[CHARGE])
        row[GAVE], row[SUN], row[STORED] = given, row[SUN] + sun_nj, row[STORED] + stored_nj

    def states(self, begin_ns: int, end_ns: int) -> Iterator[tuple[int, int, bool, bool]]:
        """Yield spans in which a sensor that is on is or is not there, and up."""
        table = self.sensor.plan.control.timetable
        kinds = (SENSOR_DOWN, SENSOR_LEAVES, SENSOR_JOINS)
        rows = table[(table.target == self.sensor.index) & np.isin(table.kind, kinds)].tolist()
        edges = {begin_ns, end_ns, self.booted_ns, *(r[0] for r in rows), *(r[3] for r in rows)}
        times = sorted(at for at in edges if begin_ns <= at <= end_ns)
        for a, b in pairwise(times):
            away = any(r[1] == SENSOR_LEAVES and r[0] <= a < r[3] for r in rows)
            down = any(r[1] == SENSOR_DOWN and r[0] <= a < r[3] for r in rows)
            yield a, b, not away, not away and not down and a >= self.booted_ns

    def given_fj(self, now_ns: int) -> int:
        """Return what it has given since time zero; fJ."""
        sensor, gave, radio = self.sensor, self.sensor.gave, self.sensor.radio.kind
        whole_ns = max(self.there_ns, gave.sending_ns)
        last_ns = int(sensor.counts[LAST_SENT_NS])
        tail_ns = gave.tail_ns
        if last_ns:
            tail_ns += max(0, min(last_ns + radio.tail_ns, now_ns) - last_ns)
        promotion_ns = min(gave.promotion_ns, whole_ns - gave.sending_ns)
        tail_ns = min(tail_ns, whole_ns - gave.sending_ns - promotion_ns)
        idle_ns = whole_ns - gave.sending_ns - promotion_ns - tail_ns
        return int(
            sensor.base_uw * self.there_ns
            + sensor.sense_uw * gave.sensing_ns
            + sensor.sense_idle_uw * max(0, self.up_ns - gave.sensing_ns)
            + gave.computing_fj
            + radio.active_uw * gave.sending_ns
            + radio.promotion_uw * promotion_ns
            + radio.tail_uw * tail_ns
            + radio.idle_uw * idle_ns
            + radio.fj_per_bit * gave.bits
        )


class Cells:
    """The batteries of a reference run."""

    def __init__(self, life: Life) -> None:
        """Begin to look; every sensor is on."""
        self.life, self.of = life, life.plan.batteries
        self.switched: list[tuple[int, int, int, int, int]] = []
        self.cells: list[list[Cell]] = [[] for _ in self.of.kinds]
        for s, kind in enumerate(self.of.kind_of.tolist()):
            if kind >= 0:
                self.cells[kind].append(Cell(life.sensors[s], self.of.kinds[kind]))
        for kind, cells in enumerate(self.cells):
            if cells:
                life.env.process(self.looks(kind))

    def looks(self, kind: int) -> Process:
        """Look at the batteries of a kind, again and again."""
        env, every_ns = self.life.env, self.of.kinds[kind].every_ns
        for at in range(len(self.of.sun_nj[kind])):
            yield pause(env, every_ns, TICK)
            if env.now >= self.life.plan.end_ns:
                return
            for cell in self.cells[kind]:
                self.look(kind, at, cell)
                charge = cell.row[CHARGE]
                if cell.is_on and charge <= cell.kind.off_nj:
                    cell.is_on = False
                    env.process(self.switch(SENSOR_OFF, cell, 0))
                elif not cell.is_on and charge >= cell.kind.on_nj:
                    cell.is_on = True
                    cell.booted_ns = env.now + int(self.of.boot_ns[cell.sensor.index])
                    env.process(self.switch(SENSOR_ON, cell, cell.booted_ns))

    def look(self, kind: int, at: int, cell: Cell) -> None:
        """Look at a battery, as period `at` is over."""
        now_ns = self.life.env.now
        cell.look(now_ns, int(self.of.sun_nj[kind][at]), int(self.of.stored_nj[kind][at]))

    def switch(self, event: int, cell: Cell, until_ns: int) -> Process:
        """Have a sensor go off or come on, behind the timetable of this time."""
        env, sensor = self.life.env, cell.sensor
        self.switched.append((env.now, event, sensor.index, until_ns, 0))
        yield pause(env, 0, WORD)
        if event == SENSOR_OFF:
            life = self.life
            sensor.go_off(env.now, first_link(life.plan, life.links, sensor.index))
        else:
            sensor.come_on(until_ns)

    def told(self) -> Told:
        """Return what controllers have said, and what became of batteries."""
        return self.life.steering.told()._replace(charged=self.charged())

    def charged(self) -> Charged:
        """Return what became of the batteries up to now; the end of the run is a look, too."""
        table = np.zeros((len(self.life.sensors), WIDTH), dtype=np.int64)
        for kind, cells in enumerate(self.cells):
            for cell in cells:
                if self.life.env.now == self.life.plan.end_ns > cell.looked_ns:
                    self.look(kind, -1, cell)
                table[cell.sensor.index] = cell.row
        rows = sorted(self.switched, key=lambda row: (row[0], row[2]))
        return Charged(Timetable.of(rows) if rows else Timetable.zeros(0), table)
