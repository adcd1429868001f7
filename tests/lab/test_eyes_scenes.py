"""Rendered scenes: the same each time, and the truth is what is painted."""

from __future__ import annotations

import itertools
import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from fleet.chance import name_hash
from fleet.errors import InputError
from fleet.eyes.boxes import GAP, PERSON, VEHICLE, iou
from fleet.eyes.clip import LIGHTS, VIEWS, Truth
from fleet.lab.scenes import vehicle, world
from fleet.lab.scenes.canvas import Actor, Canvas
from fleet.lab.scenes.lens import chord, lens, seen_at, wave
from fleet.lab.scenes.light import light_of
from fleet.lab.scenes.render import Scene, scene

SMALL = {"width": 320, "height": 240}


def clip(view: str, light: str = "day", seed: int = 3, **options: object) -> Scene:
    made = scene(view, light, seed=seed, **{"frames": 8, "rate_fps": 4.0, **options})  # type: ignore[arg-type]
    assert isinstance(made, Scene)
    return made


def truth_of(made: Scene, k: int) -> Truth:
    truth = made.frame(k).truth
    assert truth is not None
    return truth


@pytest.mark.parametrize("view", VIEWS)
def test_same_seed_same_bits_in_any_order(view: str) -> None:
    first, again = clip(view, "night"), clip(view, "night")
    late = again.frame(5)
    for k, frame in enumerate(first.frames()):
        other = late if k == 5 else again.frame(k)
        assert np.array_equal(frame.pixels, other.pixels)
        assert frame.truth is not None
        assert other.truth is not None
        for a, b in zip(frame.truth, other.truth, strict=True):
            assert np.array_equal(a, b)
    assert not np.array_equal(first.frame(0).pixels, clip(view, "night", 4).frame(0).pixels)


PLAIN = """
import json, sys, warnings
warnings.simplefilter("ignore")  # unsigned numbers wrap around, as they are meant to
from fleet.chance import name_hash
from fleet.lab.scenes.render import scene
prints = []
for view, light in json.load(sys.stdin):
    made = scene(view, light, seed=5, objects=6, frames=1, rate_fps=1.0, width=48, height=36)
    frame = next(made.frames())
    prints.append([frame.pixels.tobytes().hex(), [part.tolist() for part in frame.truth]])
print(json.dumps(prints))
"""


def test_compiled_and_plain_python_give_the_same_bits() -> None:
    cases = [("street", "day"), ("street", "rain"), ("entrance", "night"), ("shelf", "dusk")]
    answers = [
        subprocess.run(
            [sys.executable, "-c", PLAIN], input=json.dumps(cases), env={**os.environ, **more},
            capture_output=True, text=True, check=True,
        ).stdout
        for more in ({}, {"NUMBA_DISABLE_JIT": "1"})
    ]  # fmt: skip
    assert name_hash(answers[0]) == name_hash(answers[1])


@pytest.mark.parametrize("view", VIEWS)
def test_as_many_are_in_view_as_are_wanted(view: str) -> None:
    wanted = [0, 3, 9, 9, 1, 1, 14, 0, 5]
    made = clip(view, objects=wanted, frames=27, rate_fps=3.0, **SMALL)
    for k in range(len(made)):
        truth = truth_of(made, k)
        goods = truth.kinds == GAP
        assert (~goods).sum() == wanted[k // 3]
        sides = truth.boxes[~goods, 2:] - truth.boxes[~goods, :2]
        assert (sides > 0).all(), f"frame {k}: somebody is not in the picture"
        assert len(set(truth.identities.tolist())) == len(truth.identities)


def test_a_site_has_its_own_crowd() -> None:
    counts = [len(truth_of(clip("street", seed=s, **SMALL), 0).kinds) for s in range(8)]
    assert len(set(counts)) > 2


@pytest.mark.parametrize("view", VIEWS)
def test_identities_persist_and_move_smoothly(view: str) -> None:
    made = clip(view, objects=8, frames=50, rate_fps=25.0, **SMALL)
    frames = [truth_of(made, k) for k in range(len(made))]
    seconds: dict[int, list[int]] = {}
    for k, (before, after) in enumerate(itertools.pairwise(frames)):
        for n, who in enumerate(after.identities.tolist()):
            seconds.setdefault(who, []).append(k)
            old = np.flatnonzero(before.identities == who)
            if len(old):
                assert after.kinds[n] == before.kinds[old[0]]
                grown = iou(after.boxes[n : n + 1], before.boxes[old])[0, 0]
                tiny = min(after.boxes[n, 2:] - after.boxes[n, :2]) < 14
                assert grown > (0.1 if tiny else 0.4)
    for frames_of in seconds.values():
        assert frames_of == list(range(frames_of[0], frames_of[-1] + 1))


@pytest.mark.parametrize(("view", "light"), [(v, x) for v in VIEWS for x in ("day", "dusk")])
def test_boxes_hold_all_that_is_painted_of_an_object(view: str, light: str) -> None:
    made = clip(view, light, objects=10)
    tight = 0
    for k in (0, 5):
        truth = truth_of(made, k)
        assert made._canvas is not None
        owner = made._canvas._owner
        for who, box, seen in zip(truth.identities, truth.boxes, truth.seen, strict=True):
            y, x = np.nonzero(owner == who)
            if not len(y):
                assert seen == 0.0
                continue
            painted = np.array([x.min(), y.min(), x.max() + 1, y.max() + 1])
            assert (painted[:2] >= box[:2] - 1).all()
            assert (painted[2:] <= box[2:] + 1).all()
            whole = (box[:2] > 0).all() and box[2] < made.width and box[3] < made.height
            if seen == 1.0 and whole:
                tight += 1
                assert np.abs(painted - box).max() < 3.0
    assert tight > 0


@pytest.mark.parametrize("view", ["street", "entrance"])
def test_taking_a_person_away_changes_only_its_box(view: str) -> None:
    made = clip(view, "rain", objects=9)  # in rain nobody casts a shadow
    for k in (1, 6):
        truth = truth_of(made, k)
        assert made._canvas is not None
        with_all, actors = made._canvas.pixels.copy(), made._actors
        for n in np.flatnonzero((truth.kinds == PERSON) & (truth.seen > 0.5))[:4]:
            made._actors = [a for a in actors if a.mover.identity != truth.identities[n]]
            made.frame(k)
            y, x = np.nonzero((made._canvas.pixels != with_all).any(axis=2))
            changed = np.array([x.min(), y.min(), x.max() + 1, y.max() + 1])
            assert (changed[:2] >= truth.boxes[n, :2] - 2.5).all()
            assert (changed[2:] <= truth.boxes[n, 2:] + 2.5).all()
        made._actors = actors


def _actor(kind: int, identity: int, x: float, z: float) -> Actor:
    key = name_hash(f"test {kind} {identity}")
    mover = world.Mover(kind, identity, key, 0, 10, (x, z), (x + 0.01, z), (0.0, 0.0), 0.0)
    return Actor(mover, False)


def _painted(*actors: Actor) -> tuple[Truth, Canvas]:
    place = world.site("street", 1, 640, 480)._replace(view="entrance", wall_m=30.0)
    canvas = Canvas(place, light_of("entrance", "day", 1), 640, 480, 4)
    canvas._pieces = []
    return canvas.paint(actors, [], 1.0), canvas


def test_seen_is_the_share_that_nothing_hides() -> None:
    person, car = _actor(PERSON, 0, 0.3, 14.0), _actor(VEHICLE, 1, 0.3, 11.0)
    car.measures = np.array(vehicle._SHAPES[0])
    alone, canvas = _painted(person)
    assert alone.seen.tolist() == [1.0]
    all_of_it = int((canvas._owner == 0).sum())
    both, canvas = _painted(person, car)
    left = int((canvas._owner == 0).sum())
    assert both.seen[0] == pytest.approx(left / all_of_it)
    assert 0.0 < both.seen[0] < 0.9
    assert both.seen[1] == 1.0
    assert np.array_equal(both.boxes[0], alone.boxes[0]), "a box is around hidden parts too"
    before, _ = _painted(_actor(PERSON, 0, 0.3, 8.5), car)
    assert before.seen[0] == 1.0
    assert before.seen[1] < 1.0


@pytest.mark.parametrize("view", VIEWS)
def test_lights_differ_in_brightness(view: str) -> None:
    means = {
        light: np.mean([clip(view, light, s, **SMALL).frame(0).pixels.mean() for s in range(3)])
        for light in LIGHTS
    }
    order = [means[light] for light in ("day", "rain", "dusk", "night")]
    assert all(a > 1.1 * b for a, b in itertools.pairwise(order)), means


def test_noise_grows_as_light_fades() -> None:
    def noise(light: str) -> float:
        made = clip("ceiling", light, objects=0, **SMALL)
        a, b = (made.frame(k).pixels.astype(float) for k in (0, 1))
        return float((a - b).std() / a.mean())

    levels = [noise(light) for light in ("day", "rain", "dusk", "night")]
    assert levels == sorted(levels)
    assert levels[-1] > 4 * levels[0]


def test_the_same_people_walk_in_every_light() -> None:
    day, night = (truth_of(clip("street", light), 3) for light in ("day", "night"))
    assert np.array_equal(day.identities, night.identities)
    assert np.array_equal(day.boxes, night.boxes)


def test_gaps_stay_where_they_are_and_shoppers_hide_them() -> None:
    made = clip("shelf", objects=6, frames=60, rate_fps=3.0, seed=14, **SMALL)
    where: dict[int, list[float]] = {}
    shares = []
    for k in range(len(made)):
        truth = truth_of(made, k)
        for n in np.flatnonzero(truth.kinds == GAP):
            assert where.setdefault(int(truth.identities[n]), truth.boxes[n].tolist()) == (
                truth.boxes[n].tolist()
            )
            shares.append(truth.seen[n])
    assert where
    assert min(shares) < 0.3
    assert max(shares) == 1.0


@pytest.mark.parametrize("size", [(640, 640), (200, 300), (96, 64)])
def test_any_size(size: tuple[int, int]) -> None:
    frame = clip("street", "rain", objects=5, width=size[0], height=size[1]).frame(0)
    assert frame.pixels.shape == (size[1], size[0], 3)
    assert frame.truth is not None
    assert (frame.truth.boxes[:, 2] <= size[0]).all()
    assert len(frame.truth.kinds) == 5


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"view": "roof"}, "view 'roof' is unknown; use street"),
        ({"light": "fog"}, "light 'fog' is unknown; use day"),
        ({"objects": -1}, "must be 0 to 80"),
        ({"objects": [1, 99]}, "1 to 99, must be 0 to 80"),
        ({"objects": [1]}, "has 1 numbers, the clip 2 seconds"),
        ({"frames": 0}, "frames is 0, must be 1 or more"),
        ({"rate_fps": 0.0}, "rate_fps is 0, must be"),
        ({"rate_fps": math.nan}, "rate_fps is nan"),
        ({"width": 8}, "width is 8, must be 32 or more"),
    ],
)
def test_bad_input(change: dict[str, object], says: str) -> None:
    usual = {"view": "street", "light": "day", "seed": 1, "frames": 8, "rate_fps": 4.0}
    with pytest.raises(InputError, match=says):
        scene(**{**usual, **change})  # type: ignore[arg-type]


def test_wave_is_nearly_the_sine() -> None:
    turns = np.linspace(-3, 3, 1001)
    off = [wave(t) - math.sin(2 * math.pi * t) for t in turns]
    assert np.abs(off).max() < 0.0012


def test_a_chord_ends_where_the_picture_ends() -> None:
    eye = lens(0.8, 5.0, 0.4, 640, 480)
    for z in (8.0, 15.0, 30.0):
        first, last = chord(eye, (0.0, z), (1.0, 0.0), 0.9, 0.0, 40.0)
        assert seen_at(eye, first, 0.9, z)[0] == pytest.approx(0)
        assert seen_at(eye, last, 0.9, z)[0] == pytest.approx(640)
    first, last = chord(eye, (0.0, 0.0), (0.0, 1.0), 0.9, 0.0, 40.0)
    assert seen_at(eye, 0.0, 0.9, first)[1] == pytest.approx(480)
    assert seen_at(eye, 0.0, 0.9, last)[2] == pytest.approx(40.0)
    assert chord(eye, (0.0, -5.0), (1.0, 0.0), 0.9, 0.0, 40.0) == (0.0, 0.0)
