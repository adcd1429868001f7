"""Frames of like sensors, drawn by the model's own laws: what they bring on average."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from fleet.arrays import Floats, Ints
from fleet.model import asking, camera, capture, scene, sight
from fleet.model.camera import gop_start
from fleet.model.dsp import periods
from fleet.model.events import HOUR, Timetable
from fleet.model.scene import SECOND_NS
from fleet.plan.light import light_by_second
from fleet.plan.plan import Plan

_MOMENTS, _FRAMES = 192, 4
_FOLLOWED = 120
"""So many frames of a moment are followed at most."""
_SPREAD = 0.6180339887498949  # golden ratio: its multiples lie evenly and hit no period
NEARLY_NONE = 1e-300
"""A weight that is none, but can be divided by."""


class Drawn(NamedTuple):
    """Frames that were drawn of like sensors; every field has shape (frames,).

    Attributes:
        weight: how much each counts: the share of the frames that it stands for that are sent.
        payload: bytes of it.
        pixels: those of them that are no metadata.
        bits: of it on the wire.
        served: 1 if it goes to servers.
        objects: those at which a second network looks, on the sensor or on servers.
        area: share of its picture that is sent: all, or crops.
    """

    weight: Floats
    payload: Floats
    pixels: Floats
    bits: Floats
    served: Floats
    objects: Floats
    area: Floats

    @property
    def mean_objects(self) -> float:
        """Return the mean objects of a frame at which a second network looks."""
        return float(np.average(self.objects, weights=self.weight))

    @property
    def served_area(self) -> float:
        """Return the mean share of the picture that is sent of frames that go to servers."""
        weight = self.weight * self.served
        whole = float(weight.sum())
        return float((weight * self.area).sum()) / whole if whole else 1.0


class Taken(NamedTuple):
    """What a DSP takes that is busy for as long as what it finds asks for.

    Attributes:
        share: of the frames of each moment that is drawn; shape (moments,).
        objects: at which its second network looks in those, in parts of like number; shape
            (moments, frames).
    """

    share: Floats
    objects: Floats


class Rules(NamedTuple):
    """How often like sensors look and send.

    Attributes:
        fps: frames that one captures a second.
        answered_fps: those that its DSP takes; all of a camera.
        published: share of these that its publishing rule sends, at most.
        taken: what its DSP takes by moment, where that goes by what is found.
    """

    fps: float
    answered_fps: float
    published: float
    taken: Taken | None


def objects_in_view(plan: Plan, hours: Timetable, sensor: int, second: int) -> float:
    """Return the stationary mean of the objects in view of a sensor, in the hour of a second.

    Args:
        plan: the plan.
        hours: the rows of its timetable that change the hour.
        sensor: which one.
        second: when.
    """
    past = hours.a[hours.time_ns <= second * SECOND_NS]
    people = plan.scene.demand[
        plan.scene.profile_of[sensor], past[-1] if len(past) else plan.scene.first_hour
    ]
    return float(people * plan.scene.share[sensor] / 3600.0 / (1.0 - plan.scene.stay[sensor]))


def drawn(plan: Plan, mine: Ints, rules: Rules) -> Drawn:
    """Return some frames of like sensors.

    In each of some moments an I frame and some P frames are drawn, weighed as in their group of
    pictures.
    """
    setups = plan.sensors.setups
    setup = int(plan.sensors.setup_of[mine[0]])
    gop = int(setups.gop[setup])
    weights = np.array([1.0, *[(gop - 1) / (_FRAMES - 1)] * (_FRAMES - 1)]) / gop
    of_moment = np.ones(_MOMENTS)
    if rules.taken is not None:
        weights = np.full(_FRAMES, 1.0 / _FRAMES)
        of_moment = rules.taken.share / rules.taken.share.mean()
    rows: list[tuple[float, ...]] = []
    for moment, (s, at_ns, objects, light) in enumerate(_moments(plan, mine)):
        second, key = at_ns // SECOND_NS, plan.sensors.size_keys[s]
        first = int(at_ns * 1e-9 * rules.fps) // gop * gop + (gop - gop_start(key, gop)) % gop
        trace = _trace(plan, setup)
        for k in range(_FRAMES):
            frame = first + k * max(1, gop // _FRAMES)
            row = sight.picked(
                plan.eyes.sights, trace, light, objects, plan.sensors.sight_keys[s], second, frame
            )
            seen = Seen(s, frame, objects, row)
            weight = weights[k] * of_moment[moment]
            for share, of, at in _sent_as(plan, setup, seen, rules):
                sizes = _sizes(plan, of, seen._replace(row=at))
                rows.append((weight * max(share, NEARLY_NONE), *sizes))
    made = Drawn(*np.array(rows).T)
    return made if rules.taken is None else made._replace(objects=rules.taken.objects.reshape(-1))


def _moments(plan: Plan, mine: Ints) -> Iterator[tuple[int, int, int, int]]:
    """Yield (sensor, time in ns, objects in view, light) of some moments of like sensors."""
    hours = plan.control.timetable[plan.control.timetable.kind == HOUR]
    for moment in range(_MOMENTS):
        s = int(mine[moment * len(mine) // _MOMENTS])
        at_ns = plan.warm_up_ns + int((moment + 1) * _SPREAD % 1.0 * plan.measured_ns)
        second = at_ns // SECOND_NS
        none = scene.nobody(np.array([objects_in_view(plan, hours, s, second)]))[0]
        objects = scene.poisson(plan.sensors.scene_keys[s], (1 << 40) + moment * 65536, none)
        yield s, at_ns, objects, int(light_by_second(plan, second, 1)[0])


def _trace(plan: Plan, setup: int) -> int:
    """Return the trace of what the eye of a setup sees, -1 without one."""
    return -1 if plan.eyes.looks_live else int(plan.sensors.setups.sight[setup])


def taken_by(plan: Plan, mine: Ints, fps: float) -> Taken | None:
    """Return which frames a DSP takes that runs a second network; None where it runs none.

    For how long it is busy goes by what is found: the rows of a bucket come one after the other,
    and those that are taken are followed for a second.

    Args:
        plan: the plan.
        mine: like sensors.
        fps: frames that one of them captures a second.
    """
    setups, sights, k = plan.sensors.setups, plan.eyes.sights, int(plan.sensors.setup_of[mine[0]])
    then, trace = int(setups.then[k]), _trace(plan, k)
    if then < 0:
        return None
    at_random = plan.sensors.clocks.kind[mine[0]] == capture.POISSON
    shares, objects_of = [], []
    for _, _, objects, light in _moments(plan, mine):
        told = np.array([objects])
        if trace >= 0:
            at = trace, light, min(objects, sight.MOST_OBJECTS)
            rows = sights.rows[sights.start[at] : sights.start[at] + sights.many[at]]
            told = rows[:, sight.RIGHT] + rows[:, sight.WRONG]
        looked = np.minimum(told, setups.then_most[k])
        spent_ns = setups.compute_ns[k] + looked * setups.compute_ns[then]
        busy_ns = np.maximum(setups.occupy_ns[k], spent_ns)
        if at_random:
            share = 1.0 / (1.0 + fps * float(busy_ns.mean()) * 1e-9)
        else:
            taken, offered = _followed(periods(busy_ns, fps), min(_FOLLOWED, max(1, round(fps))))
            share, looked = len(taken) / offered, looked[taken]
        shares.append(share)
        parts = np.array_split(np.repeat(np.sort(looked), _FRAMES), _FRAMES)
        objects_of.append([float(part.mean()) for part in parts])
    return Taken(np.array(shares), np.array(objects_of))


def _followed(lasts: Floats, frames: int) -> tuple[list[int], float]:
    """Return (rows that are taken of those that come round and round, how many have come).

    Args:
        lasts: periods for which the DSP is busy with each row.
        frames: so many come at least.
    """
    taken, at = [], 0
    while at < frames:
        taken.append(at % len(lasts))
        at += int(lasts[at % len(lasts)])
    return taken, at


class Seen(NamedTuple):
    """A frame that is drawn: its sensor, its number, objects in view, and the row of its eye."""

    sensor: int
    frame: int
    objects: int
    row: int


def _sent_as(plan: Plan, setup: int, seen: Seen, rules: Rules) -> Iterator[tuple[float, int, int]]:
    """Yield (share of such frames, the setup and the row as which they are sent)."""
    setups, sensors = plan.sensors.setups, plan.sensors
    ask = int(setups.ask[setup])
    if ask < 0:
        yield rules.published, setup, seen.row
        return
    share = asking.share(
        setups, plan.eyes.sights, setup, rules.answered_fps, seen.objects, seen.row
    )
    yield (
        share,
        ask,
        asking.other_row(
            plan.eyes.sights, int(setups.sight[ask]), int(setups.sight[setup]), seen.row
        ),
    )
    at_home = sensors.to_site[seen.sensor] == 1
    yield 0.0 if at_home else (1.0 - share) * rules.published, setup, seen.row


def _sizes(plan: Plan, setup: int, seen: Seen) -> tuple[float, ...]:
    """Return what `Drawn` has of a frame behind its weight."""
    setups, sights = plan.sensors.setups, plan.eyes.sights
    payload = camera.payload_bytes(
        setups, sights, setup, plan.sensors.size_keys[seen.sensor], seen.frame, seen.objects,
        seen.row,
    )  # fmt: skip
    told = sight.found(sights.rows, seen.row, seen.objects)
    message = camera.metadata_part(payload, camera.message_part(setups, setup, told))
    on_wire = (int(c[setup]) for c in (setups.per_message, setups.segment, setups.per_segment))
    bits = float(camera.wire_bits(payload, *on_wire))
    objects = min(told, int(setups.then_most[setup]))
    served, area = float(setups.on_sensor[setup] == 0), asking.area_ppm(sights, seen.row) / 1e6
    return payload, payload - message, bits, served, objects, area


def means(of: Drawn) -> Floats:
    """Return means of frames that are sent, and of what share these are.

    Bytes, bits and the square of bits of a frame; the share of frames that are sent; of these the
    share that goes to servers; and the bits of those that do not, over all that are sent.
    """
    told = of.bits * (1.0 - of.served)
    values = np.stack([of.payload, of.bits, of.bits**2, of.served, told])
    weight = np.cumsum(of.weight)[-1]
    mean: Floats = np.cumsum(values * of.weight, axis=1)[:, -1] / max(weight, NEARLY_NONE)
    return np.array([*mean[:3], weight / _MOMENTS, *mean[3:]])
