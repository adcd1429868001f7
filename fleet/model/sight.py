"""What an eye sees of a frame: the row of a trace whose place the frame takes.

A trace is what a real network found on frames with known truth, behind a real codec or before it
(`fleet.eyes`). Its rows are sorted into buckets by light and by objects in view. A frame takes a
row of the bucket of its own light and objects, and what stands there: how many objects were to be
found, how many of them were, how many were found that are not there, how the frame's encoded bytes
differed from the mean of its bucket, and which of the traced scenes it was: rows of one scene are
alike, so that what is known is known over scenes.

Where a network looks at rendered frames while the simulation runs (`fleet.lab.live`), a frame
carries what was found instead of a row, packed into the same number. Where nobody looks it carries
its light alone.

Which row is a function of the sensor's key and the second: a frame takes the row as many places
behind the one drawn for its second as its number says, round and round in the bucket, so that
frames of one second follow one another as they did in the trace. All rows of a bucket are equally
likely. Arms share the draw, as they share the scene.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.arrays import Ints
from fleet.chance import bits64
from fleet.kernel import inlined, kernel

LIGHTS = ("day", "dusk", "night", "rain")
"""Light and weather; rain falls by day."""

UNSEEN = -1
"""The row of a frame by day whose eye was not measured; less the light (`unseen`) in another."""
LIVE = 1 << 62
"""Added to what was found live; a byte each for scene, light, wanted, right and wrong."""
MOST_OBJECTS = 64
"""Buckets go up to here; more objects take the last one."""

# Columns of the table of rows. LIGHT is the light in which the row was measured, SHINES that of the
# frames that take it: another where a trace lacks a light. I_PPM and P_PPM say by how much its I
# frame and P frame differ from the means of the bucket, in millionths of a mean I frame. SCENE is
# one of the plan's. SURE_PPM is the least confidence of what was found, in millionths.
# AREA_PPM is the share of the picture that was sent, in millionths; plans without crops lack it.
LIGHT, WANTED, RIGHT, WRONG, I_PPM, P_PPM, SCENE, SURE_PPM, SHINES, ROW_WIDTH = range(10)
AREA_PPM = ROW_WIDTH

# Columns of the book of sights, by group, light and scene: frames that were answered (became
# results, or were held back by a publishing rule), what was to be found on them, found, found
# wrongly, the sum of |found - wanted|, what was to be found on all other frames, and their number.
(
    ANSWERED, SUM_WANTED, SUM_RIGHT, SUM_WRONG, SUM_MISCOUNT, SUM_UNSEEN, UNANSWERED, SIGHT_COUNTS,
) = range(8)  # fmt: skip


class Sights(NamedTuple):
    """The traces of a plan.

    Attributes:
        start: first row of each bucket; shape (traces, lights, MOST_OBJECTS + 1).
        many: rows of each bucket, at least one; same shape.
        rows: the rows of all traces; shape (rows, ROW_WIDTH), one more with crops.
    """

    start: Ints
    many: Ints
    rows: Ints


@inlined
def pick(
    sights: Sights, trace: int, light: int, objects: int, key: int | np.uint64, second: int,
    frame: int,
) -> int:  # fmt: skip
    """Return the row that a frame takes, `unseen` without a trace.

    Args:
        sights: the traces.
        trace: which of them, -1 for none.
        light: index of the light.
        objects: in view in this second.
        key: the sensor's sight key.
        second: number of the second.
        frame: number of the frame at its sensor.
    """
    if trace < 0:
        return UNSEEN - light
    bucket = min(objects, MOST_OBJECTS)
    many = np.uint64(sights.many[trace, light, bucket])
    offset = (bits64(key, second) + np.uint64(frame)) % many
    return int(sights.start[trace, light, bucket] + np.int64(offset))


@kernel
def picked(
    sights: Sights, trace: int, light: int, objects: int, key: int | np.uint64, second: int,
    frame: int,
) -> int:  # fmt: skip
    """Return what `pick` does, for one frame."""
    return pick(sights, trace, light, objects, key, second, frame)


def unseen(light: int) -> int:
    """Return what a frame in a light carries whose eye was not measured."""
    return UNSEEN - light


def packed(light: int, wanted: int, right: int, wrong: int, scene: int = 0) -> int:
    """Return what was found live as one number; counts beyond a byte stay at its end."""
    wanted, right, wrong = (min(255, n) for n in (wanted, right, wrong))
    return LIVE + (scene << 32) + (light << 24) + (wanted << 16) + (right << 8) + wrong


@inlined
def numbers(rows: Ints, row: int) -> tuple[int, int, int, int]:
    """Return (light, wanted, right, wrong) of a row, or of what was found live."""
    if row >= LIVE:
        return (row >> 24) & 255, (row >> 16) & 255, (row >> 8) & 255, row & 255
    return rows[row, LIGHT], rows[row, WANTED], rows[row, RIGHT], rows[row, WRONG]


@inlined
def scene_of(rows: Ints, row: int) -> int:
    """Return the scene of a row, or of what was found live."""
    if row >= LIVE:
        return (row >> 32) & 255
    return int(rows[row, SCENE])


@inlined
def light_of(rows: Ints, row: int) -> int:
    """Return the light of a frame, by its row, by what was found live, or by `unseen`."""
    if row < 0:
        return UNSEEN - row
    return int((row >> 24) & 255 if row >= LIVE else rows[row, SHINES])


@inlined
def found(rows: Ints, row: int, objects: int) -> int:
    """Return how many objects a model reports: all in view if its eye was not measured."""
    if row < 0:
        return objects
    _, _, right, wrong = numbers(rows, row)
    return int(right + wrong)


@inlined
def of_area(rows: Ints, row: int, whole: int) -> int:
    """Return what crops take of what a whole picture does: in proportion to their pixels.

    Args:
        rows: of all traces; without crops they lack the column of areas.
        row: which the frame took; all of a picture is sent where none tells.
        whole: such as the time to encode a picture, or its pixels; at most 2^43.
    """
    if rows.shape[1] <= AREA_PPM or row < 0 or row >= LIVE:
        return whole
    return int(whole * rows[row, AREA_PPM] // 1_000_000)


def of_areas(rows: Ints, taken: Ints, whole: Ints) -> Ints:
    """Return what `of_area` does, for many frames; shape (frames,)."""
    if rows.shape[1] <= AREA_PPM:
        return whole
    area_ppm = np.full(len(taken), 1_000_000)
    known = (taken >= 0) & (taken < LIVE)
    area_ppm[known] = rows[taken[known], AREA_PPM]
    part: Ints = whole * area_ppm // 1_000_000
    return part


@inlined
def count(book: Ints, rows: Ints, row: int, group: int, answered: bool) -> None:
    """Count a frame that has met its fate, in place.

    Args:
        book: shape (groups, lights, scenes, SIGHT_COUNTS).
        rows: of all traces.
        row: which the frame took.
        group: of its sensor.
        answered: whether it became a result.
    """
    light, wanted, right, wrong = numbers(rows, row)
    scene = scene_of(rows, row)
    if not answered:
        book[group, light, scene, SUM_UNSEEN] += wanted
        book[group, light, scene, UNANSWERED] += 1
        return
    book[group, light, scene, ANSWERED] += 1
    book[group, light, scene, SUM_WANTED] += wanted
    book[group, light, scene, SUM_RIGHT] += right
    book[group, light, scene, SUM_WRONG] += wrong
    book[group, light, scene, SUM_MISCOUNT] += abs(right + wrong - wanted)


def none() -> Sights:
    """Return no traces at all."""
    start = np.zeros((0, 0, MOST_OBJECTS + 1), dtype=np.int64)
    return Sights(start, start, np.zeros((0, ROW_WIDTH), dtype=np.int64))
