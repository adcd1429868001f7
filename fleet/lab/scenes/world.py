"""Who is in view when, and where they walk or drive: the truth of a scene before any picture.

Time is in whole seconds of a clip. Objects come and go at full seconds only, so that the number in
view in each second is exactly the one wanted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from fleet.eyes.boxes import PERSON, VEHICLE
from fleet.lab.scenes.lens import Lens, chord, draw, key_of, lens, wave

FARTHEST_M = 36.0
"""Nobody is farther away than this."""

HEADWAY_S = 2
"""Vehicles of a lane come at least so many seconds after each other."""

_CROWD = {"street": 9.0, "entrance": 4.0, "ceiling": 6.0, "shelf": 2.0}

_CAMERAS = {
    "street": ((0.65, 0.95), (4.2, 7.5), (0.26, 0.5), 0.5),
    "entrance": ((0.6, 0.85), (2.7, 3.8), (0.34, 0.6), 0.5),
    "ceiling": ((0.55, 0.8), (3.4, 5.2), (12.0, 12.0), 1.0),
    "shelf": ((0.6, 0.8), (1.7, 2.5), (0.26, 0.5), 0.35),
}
"""Ranges of a camera's focal length (picture widths), height (m) and slope, and how far the street,
wall or shelf may be turned to either side."""

_RUN = 2.2
"""Whoever must leave early hurries up to this much, then turns back."""


class Site(NamedTuple):
    """A place with a camera; a direction runs along its street, wall or shelf, another across.

    Attributes:
        view: one of clip.VIEWS.
        key: of all draws that belong to the place.
        eye: the camera.
        along: direction (x, z) along.
        wall_m: how far the wall or shelf is across.
        road_m: where the road begins and ends across; (0, 0) if there is none.
    """

    view: str
    key: int
    eye: Lens
    along: tuple[float, float]
    wall_m: float
    road_m: tuple[float, float]

    def across(self) -> tuple[float, float]:
        """Return the direction across, away from the camera."""
        return -self.along[1], self.along[0]

    def spot(self, along_m: float, across_m: float) -> tuple[float, float]:
        """Return the point (x, z) that is so far along and across."""
        (ax, az), (cx, cz) = self.along, self.across()
        return along_m * ax + across_m * cx, along_m * az + across_m * cz


class Mover(NamedTuple):
    """Somebody or something on its way.

    Attributes:
        kind: PERSON or VEHICLE.
        identity: from 0.
        key: of its draws.
        enter_s: second in which it comes into view; may be before the clip.
        leave_s: second in which it is no more in view.
        start: point (x, z).
        end: point (x, z).
        bend: how far (x, z) its way bends out between them.
        pause: how much it slows down on half its way; 0 not at all, 1 to a stand.
    """

    kind: int
    identity: int
    key: int
    enter_s: int
    leave_s: int
    start: tuple[float, float]
    end: tuple[float, float]
    bend: tuple[float, float]
    pause: float

    def at(self, time_s: float) -> tuple[float, float, float, float, float, float]:
        """Return x, z, heading x, heading z, metres gone and metres a second."""
        life = self.leave_s - self.enter_s
        u = (time_s - self.enter_s) / life
        on = u + self.pause * wave(u) / (2 * math.pi)
        pace = 1.0 + self.pause * wave(u + 0.25)
        x, z = (
            s + (e - s) * on + b * 4.0 * on * (1.0 - on)
            for s, e, b in zip(self.start, self.end, self.bend, strict=True)
        )
        dx, dz = (
            (e - s) + b * 4.0 * (1.0 - 2.0 * on)
            for s, e, b in zip(self.start, self.end, self.bend, strict=True)
        )
        speed = math.sqrt(dx * dx + dz * dz)
        long = math.dist(self.start, self.end) + 2.0 * math.hypot(*self.bend)
        safe = max(speed, 1e-9)
        return x, z, dx / safe, dz / safe, long * on, speed * pace / life


def site(view: str, seed: int, width: int, height: int) -> Site:
    """Return the place that a view and a seed stand for, with a camera for a picture size."""
    key = key_of("site", view, seed)
    focal, high, slope, turned = _CAMERAS[view]
    eye = lens(
        draw(key, "focal", *focal), draw(key, "high", *high), draw(key, "slope", *slope),
        width, height,
    )  # fmt: skip
    turn = draw(key, "turn", -turned, turned)
    long = math.sqrt(1.0 + turn * turn)
    road = draw(key, "kerb", 7.0, 11.0)
    wide = draw(key, "lanes", 5.6, 7.2)
    wall = {
        "street": road + wide + draw(key, "far walk", 2.5, 4.5),
        "shelf": draw(key, "wall", 2.7, 3.6),
        "entrance": draw(key, "wall", 8.0, 12.0), "ceiling": 1e6,
    }[view]  # fmt: skip
    band = (road, road + wide) if view == "street" else (0.0, 0.0)
    return Site(view, key, eye, (1.0 / long, turn / long), wall, band)


def _lane(place: Site, kind: int, key: int, number: int) -> tuple[float, bool]:
    """Return where a new object's way runs: along or across so far, and whether it runs along."""
    if kind == VEHICLE:
        low, high = place.road_m
        return low + (high - low) * (0.27 if number % 2 else 0.73), True
    where = draw(key, "lane")
    if place.view == "street":
        low, high = place.road_m
        if draw(key, "crosses") < 0.12:
            return draw(key, "along", -6.0, 6.0), False
        if where < 0.55:
            return low - 0.6 - draw(key, "near", 0.0, 5.0), True
        return high + 0.5 + draw(key, "far", 0.0, place.wall_m - high - 1.0), True
    if place.view == "shelf":
        return place.wall_m - 0.45 - where * 1.0, True
    if place.view == "entrance":
        return draw(key, "along", -2.6, 2.6), draw(key, "crosses") < 0.2
    return draw(key, "along", -2.6, 2.6), where < 0.5


def _way(
    place: Site, kind: int, key: int, number: int
) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Return start, end and usual speed (m/s) of a way through the view."""
    for attempt in range(20):
        chance = key_of(key, attempt)
        offset, runs_along = _lane(place, kind, chance, number)
        direction = place.along if runs_along else place.across()
        foot = place.spot(0.0, offset) if runs_along else place.spot(offset, 0.0)
        height, margin = (0.7, 1.2) if kind == VEHICLE else (0.9, 0.1)
        first, last = chord(place.eye, foot, direction, height, margin, FARTHEST_M)
        if not runs_along:  # not through the wall
            last = min(last, place.wall_m - 0.3)
        elif place.view == "entrance":
            foot = place.spot(0.0, place.wall_m * draw(chance, "row", 0.35, 0.9))
            first, last = chord(place.eye, foot, direction, height, margin, FARTHEST_M)
        if last - first > 1.2:
            break
    else:
        first, last, foot, direction = -1.0, 1.0, place.spot(0.0, 3.0), place.along
    back = number % 2 == 0 if kind == VEHICLE else draw(key, "way") < 0.5
    ends = [(foot[0] + s * direction[0], foot[1] + s * direction[1]) for s in (first, last)]
    if back:
        ends.reverse()
    if kind == VEHICLE:
        lane = key_of(place.key, "speed", number % 2)
        return ends[0], ends[1], draw(lane, "speed", 5.0, 11.0)
    return ends[0], ends[1], draw(key, "speed", 0.8, 1.7)


def _life_s(place: Site, kind: int, key: int, number: int) -> int:
    start, end, speed = _way(place, kind, key, number)
    slow = 1.6 if draw(key, "pauses") < 0.25 and kind == PERSON else 1.0
    return max(1, round(slow * math.dist(start, end) / speed))


def _mover(place: Site, kind: int, key: int, number: int, enter_s: int, leave_s: int) -> Mover:
    """Return an object whose way fits its time in view: it hurries, or turns back half way."""
    start, end, speed = _way(place, kind, key, number)
    long, life = math.dist(start, end), leave_s - enter_s
    ahead = [(e - s) / long for s, e in zip(start, end, strict=True)]
    bow = draw(key, "bow", -0.06, 0.06) * long * (kind == PERSON)
    bend = (-ahead[1] * bow, ahead[0] * bow)
    if kind == PERSON and long > _RUN * speed * life:
        deep = min(0.5 * speed * life, 0.6 * long)
        bend = (ahead[0] * deep, ahead[1] * deep)
        end = (start[0] - 0.1 * ahead[1], start[1] + 0.1 * ahead[0])
    pause = 0.97 if draw(key, "pauses") < 0.25 and kind == PERSON else 0.0
    return Mover(kind, number, key, enter_s, leave_s, start, end, bend, pause)


def wanted(view: str, key: int, seconds: int) -> list[int]:
    """Return how many are in view in each second when nobody says so: a walk around a mean."""
    now = mean = max(1, round(_CROWD[view] * draw(key, "crowd", 0.3, 1.8)))
    counts = []
    for second in range(seconds):
        step = draw(key_of(key, "step", second), "step")
        pull = 0.12 if now > mean else -0.12
        now += (step < 0.25 + pull) * -1 + (step > 0.75 + pull) * 1
        now = max(0, min(now, 3 * mean))
        counts.append(now)
    return counts


class _Stay(NamedTuple):
    """Somebody in view; those in front leave first.

    Attributes:
        kind: PERSON or VEHICLE.
        due_s: second in which it will have crossed the view.
        number: its identity.
        key: of its draws.
        enter_s: second in which it came.
    """

    kind: int
    due_s: int
    number: int
    key: int
    enter_s: int

    def left(self, place: Site, at_s: int) -> Mover:
        """Return the mover of which this becomes one when it leaves."""
        return _mover(place, self.kind, self.key, self.number, self.enter_s, at_s)


def _stay(place: Site, key: int, number: int, inside: Sequence[_Stay], second: int) -> _Stay:
    """Return a new one in view; it drives only if nobody in its lane is close before or behind."""
    its_key = key_of(key, "mover", number)
    drives = place.view == "street" and draw(its_key, "drives") < 0.45
    for kind in (VEHICLE, PERSON) if drives else (PERSON,):
        life = _life_s(place, kind, its_key, number)
        enter = second - (int(draw(its_key, "before") * life) if second == 0 else 0)
        close = (
            one.kind == VEHICLE and (one.number - number) % 2 == 0 and
            abs(one.enter_s - enter) < HEADWAY_S
            for one in inside
        )  # fmt: skip
        if kind == PERSON or not any(close):
            break
    return _Stay(kind, enter + life, number, its_key, enter)


def movers(place: Site, counts: Sequence[int], key: int) -> list[Mover]:
    """Return everything that is in view in some second, `counts[s]` of them in second s.

    Whoever has been in view for its usual time leaves and another comes. If there are still too
    many, those leave that would have left soonest, people before vehicles.
    """
    inside: list[_Stay] = []
    done: list[Mover] = []
    number = 0
    for second, count in enumerate(counts):
        done += [one.left(place, second) for one in inside if one.due_s <= second]
        inside = sorted(one for one in inside if one.due_s > second)
        over = max(0, len(inside) - count)
        done += [one.left(place, second) for one in inside[:over]]
        inside = inside[over:]
        while len(inside) < count:
            inside.append(_stay(place, key, number, inside, second))
            number += 1
    done += [one.left(place, max(one.due_s, len(counts))) for one in inside]
    return sorted(done, key=lambda mover: mover.identity)
