"""Which frames a sensor passes on to servers, whose answer then takes the place of its own.

The sensor has looked at the frame, and decides by what its network found. The rules are those of
published systems, as far as they look at one frame and what was sent before it:

- `FOUND`: something is there, so many objects at least. FilterForward (Canel et al., MLSys 2019)
  passes on what a small network in front of the link marks.
- `ON_CHANGE`: another number than in the frame passed on last, or nothing was passed on for long.
  Glimpse (Chen et al., SenSys 2015) passes on frames that differ from the last one sent, Reducto
  (Li et al., SIGCOMM 2020) those whose difference matters to the query.
- `UNSURE`: the network is less sure of its answer than it must be: a cascade (Wang et al., 2017,
  "IDK cascades"; Kang et al., "NoScope", VLDB 2017).
- `EVERY`, `IN_TIME`: every so many inferences, or once in so long: the analytics rate that is
  searched for in Chameleon (Jiang et al., SIGCOMM 2018).
- `RANDOM`: some share of frames, whatever is on them: what every other rule has to beat.
- `ORACLE`: those of which the servers' answer has fewer errors, which nobody can know: the bound.

Where crops of what was found are passed on and not the picture, as in DDS (Du et al., SIGCOMM 2020)
and EAAR (Liu et al., MobiCom 2019), a frame without a crop is not passed on, whatever the rule.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.arrays import Ints
from fleet.chance import mix64, uniform
from fleet.kernel import inlined, kernel
from fleet.model.dsp import Dsps, periods, published
from fleet.model.setup import Setups
from fleet.model.sight import RIGHT, SURE_PPM, WANTED, WRONG, Sights, found, of_area

EVERY, IN_TIME, ON_CHANGE, FOUND, RANDOM, UNSURE, ORACLE = range(7)
"""Rules; the first three are those of publishing (`fleet.model.dsp.published`)."""

NEED_SIGHT = (UNSURE, ORACLE)
"""Rules by what only a measured trace tells."""

MILLION = 1_000_000


class Inferred(NamedTuple):
    """A frame as its sensor knows it.

    Attributes:
        sensor: index of the sensor.
        now_ns: when its pixels were there.
        key: the sensor's size key, of which draws are made.
        frame: its number at the sensor.
        objects: in view.
        row: what the sensor's eye sees of it.
    """

    sensor: int
    now_ns: int
    key: int | np.uint64
    frame: int
    objects: int
    row: int


@inlined
def in_turn(memory: Dsps, s: int, ready_ns: int) -> int:
    """Return when a frame leaves its sensor that is ready at a time: not before the one before it.

    One that is not passed on may be ready while the encoder still has the frame before.

    Args:
        memory: of sensors; `free_ns` is when the last frame left, changed in place.
        s: row of it.
        ready_ns: the time.
    """
    memory.free_ns[s] = max(memory.free_ns[s], ready_ns)
    return int(memory.free_ns[s])


@inlined
def errors(rows: Ints, row: int) -> int:
    """Return how many objects an answer misses or invents, by the row of its trace."""
    return int(rows[row, WANTED] - rows[row, RIGHT] + rows[row, WRONG])


@inlined
def other_sight(sights: Sights, trace: int, own: int, row: int) -> int:
    """Return the row of another trace of the same frames that is of the same frame.

    Args:
        sights: the traces.
        trace: the other one.
        own: the one of the row.
        row: the row; what no trace tells (`fleet.model.sight.unseen`) stays so.
    """
    if row < 0:
        return row
    return int(row - sights.start[own, 0, 0] + sights.start[trace, 0, 0])


@inlined
def asks(setups: Setups, sights: Sights, k: int, memory: Dsps, of: Inferred) -> bool:
    """Return whether a frame that is inferred is passed on, and remember that it was.

    Args:
        setups: table of setups.
        sights: the traces of what eyes see.
        k: the sensor's setup, which passes frames on.
        memory: what sensors have passed on, as if that were publishing; changed in place.
        of: the frame.
    """
    rule, number = setups.ask_rule[k], setups.ask_number[k]
    memory.inferences[of.sensor] += 1  # all of them: a rung may have another rule
    other = other_sight(sights, setups.sight[setups.ask[k]], setups.sight[k], of.row)
    if of_area(sights.rows, other, MILLION) == 0:
        return False
    told = min(found(sights.rows, of.row, of.objects), setups.metadata_most[k])
    if rule <= ON_CHANGE:
        change = 1 if rule == ON_CHANGE else 0
        every = number if rule == EVERY else 0
        return published(
            memory, of.sensor, of.now_ns, told, every, setups.ask_interval_ns[k], change
        )
    if rule == FOUND:
        return bool(told >= number)
    if rule == RANDOM:
        return bool(uniform(mix64(of.key), of.frame) * MILLION < number)
    if rule == UNSURE:
        return bool(sights.rows[of.row, SURE_PPM] < number)
    return errors(sights.rows, other) < errors(sights.rows, of.row)


@kernel
def other_row(sights: Sights, trace: int, own: int, row: int) -> int:
    """Return what `other_sight` does, for one frame."""
    return other_sight(sights, trace, own, row)


@kernel
def area_ppm(sights: Sights, row: int) -> int:
    """Return which share of a picture is sent of a frame, in millionths."""
    return of_area(sights.rows, row, MILLION)


def share(
    setups: Setups, sights: Sights, k: int, inferred_fps: float, objects: int, row: int
) -> float:
    """Return with which probability a frame is passed on of which no more is known, at most.

    Args:
        setups: table of setups.
        sights: the traces of what eyes see.
        k: the sensor's setup, which passes frames on.
        inferred_fps: frames that it infers a second.
        objects: in view.
        row: what the sensor's eye sees of it.
    """
    rule, number = int(setups.ask_rule[k]), int(setups.ask_number[k])
    sight = int(setups.sight[setups.ask[k]])
    if area_ppm(sights, other_row(sights, sight, int(setups.sight[k]), row)) == 0:
        return 0.0
    if rule == ON_CHANGE:
        return 1.0
    if rule == EVERY:
        return 1.0 / number
    if rule == IN_TIME:
        return float(1.0 / periods(int(setups.ask_interval_ns[k]), inferred_fps))
    if rule == RANDOM:
        return number / MILLION
    return float(asked(setups, sights, k, Dsps.zeros(1), Inferred(0, 0, 0, 0, objects, row)))


@kernel
def asked(setups: Setups, sights: Sights, k: int, memory: Dsps, of: Inferred) -> bool:
    """Return what `asks` does, for one frame."""
    return asks(setups, sights, k, memory, of)
