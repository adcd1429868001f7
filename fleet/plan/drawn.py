"""Frames of like sensors, drawn by the model's own laws: what they bring on average."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from fleet.arrays import Floats, Ints
from fleet.model import asking, camera, scene, sight
from fleet.model.camera import gop_start
from fleet.model.events import HOUR, Timetable
from fleet.model.scene import SECOND_NS
from fleet.plan.light import light_by_second
from fleet.plan.plan import Plan

_MOMENTS, _FRAMES = 192, 4
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
        area: share of its picture that is sent: all, or crops.
    """

    weight: Floats
    payload: Floats
    pixels: Floats
    bits: Floats
    served: Floats
    area: Floats

    @property
    def served_area(self) -> float:
        """Return the mean share of the picture that is sent of frames that go to servers."""
        weight = self.weight * self.served
        whole = float(weight.sum())
        return float((weight * self.area).sum()) / whole if whole else 1.0


class Rules(NamedTuple):
    """How often like sensors look and send.

    Attributes:
        fps: frames that one captures a second.
        answered_fps: those that its DSP takes; all of a camera.
        published: share of these that its publishing rule sends, at most.
    """

    fps: float
    answered_fps: float
    published: float


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
    rows: list[tuple[float, ...]] = []
    hours = plan.control.timetable[plan.control.timetable.kind == HOUR]
    for moment in range(_MOMENTS):
        s = int(mine[moment * len(mine) // _MOMENTS])
        at_ns = plan.warm_up_ns + int((moment + 1) * _SPREAD % 1.0 * plan.measured_ns)
        second = at_ns // SECOND_NS
        none = scene.nobody(np.array([objects_in_view(plan, hours, s, second)]))[0]
        objects = scene.poisson(plan.sensors.scene_keys[s], (1 << 40) + moment * 65536, none)
        light, key = int(light_by_second(plan, second, 1)[0]), plan.sensors.size_keys[s]
        first = int(at_ns * 1e-9 * rules.fps) // gop * gop + (gop - gop_start(key, gop)) % gop
        trace = -1 if plan.eyes.looks_live else int(setups.sight[setup])
        for k in range(_FRAMES):
            frame = first + k * max(1, gop // _FRAMES)
            row = sight.picked(
                plan.eyes.sights, trace, light, objects, plan.sensors.sight_keys[s], second, frame
            )
            seen = Seen(s, frame, objects, row)
            for share, of, at in _sent_as(plan, setup, seen, rules):
                rows.append(
                    (weights[k] * max(share, NEARLY_NONE), *_sizes(plan, of, seen._replace(row=at)))
                )
    return Drawn(*np.array(rows).T)


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
    """Return (bytes, those that are pixels, bits, if servers are asked, share of the picture)."""
    setups, sights = plan.sensors.setups, plan.eyes.sights
    payload = camera.payload_bytes(
        setups, sights, setup, plan.sensors.size_keys[seen.sensor], seen.frame, seen.objects,
        seen.row,
    )  # fmt: skip
    told = sight.found(sights.rows, seen.row, seen.objects)
    message = camera.metadata_part(payload, camera.message_part(setups, setup, told))
    on_wire = (int(c[setup]) for c in (setups.per_message, setups.segment, setups.per_segment))
    bits = float(camera.wire_bits(payload, *on_wire))
    served, area = float(setups.on_sensor[setup] == 0), asking.area_ppm(sights, seen.row) / 1e6
    return payload, payload - message, bits, served, area


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
