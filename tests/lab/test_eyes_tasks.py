"""Visitors counted, gaps reported and places mapped from frames, by hand."""

from __future__ import annotations

import csv
import hashlib
import json

import numpy as np
import pytest

from fleet.eyes import replay
from fleet.eyes import task_tables as measured
from fleet.eyes.boxes import GAP, KINDS, PERSON, VEHICLE, Detections
from fleet.eyes.clip import LIGHTS, Truth
from fleet.eyes.task_names import DELAYS_S
from fleet.lab.measures import tasks
from fleet.lab.measures.tasks import BEGUN_S, SETTLED_S, Seen
from fleet.lab.networks import detector

RATE = 10
WEAK = 0.35
SIZE = 40.0


def frame(
    objects: dict[int, tuple[float, float]], found: list[int], kind: int = PERSON,
    shift: float = 0.0, ghosts: tuple[tuple[float, float], ...] = (),
) -> Seen:  # fmt: skip
    """Return a frame with objects at places (x0, y0), of which some are found."""

    def boxes(places: list[tuple[float, float]]) -> np.ndarray:
        return np.array([(x, y, x + SIZE, y + 2 * SIZE) for x, y in places], np.float32).reshape(
            -1, 4
        )

    names, many = sorted(objects), len(objects)
    truth = Truth(
        boxes([objects[n] for n in names]), np.full(many, kind, np.int8),
        np.array(names, np.int64), np.ones(many, np.float32),
    )  # fmt: skip
    places = [(objects[n][0] + shift, objects[n][1]) for n in found] + list(ghosts)
    return Seen(
        truth,
        Detections(
            boxes(places), np.full(len(places), 0.9, np.float32),
            np.full(len(places), kind, np.int8),
        ),
    )  # fmt: skip


def walk(lost: range = range(0), seconds: float = 30.0, ghosts: range = range(0)) -> list[Seen]:
    """Return a walk of visitor 5, who comes after a second and is not found in some frames."""
    frames = []
    for k in range(round(seconds * RATE)):
        there = {5: (4.0 * (k - 10), 100.0)} if 10 <= k < 150 else {}
        seen = [5] if there and k not in lost else []
        frames.append(frame(there, seen, ghosts=((300.0, 300.0),) if k in ghosts else ()))
    return frames


def counted(frames: list[Seen], every: int = 1) -> list[int]:
    return tasks.visits(frames, RATE, WEAK, PERSON, every).times.tolist()


def test_who_is_followed_is_counted_once() -> None:
    found = tasks.visits(walk(), RATE, WEAK, PERSON)
    assert found.times.tolist() == [0, 1, 0, 0]
    assert (found.passed, found.nobody) == (1, 0)


def test_another_kind_is_not_asked_for() -> None:
    found = tasks.visits(walk(ghosts=range(200, 230)), RATE, WEAK, VEHICLE)
    assert (found.times.tolist(), found.passed, found.nobody) == ([0] * 4, 0, 0)


def test_who_is_lost_for_long_is_counted_anew_and_for_short_is_not() -> None:
    assert counted(walk(range(50, 56))) == [0, 1, 0, 0]
    assert counted(walk(range(50, 80))) == [0, 0, 1, 0]
    assert counted(walk(range(10, 150))) == [1, 0, 0, 0]


def test_what_is_found_where_nobody_is_counts_for_nobody() -> None:
    found = tasks.visits(walk(ghosts=range(200, 230)), RATE, WEAK, PERSON)
    assert (found.times.tolist(), found.nobody) == ([0, 1, 0, 0], 1)


def test_ghosts_of_an_empty_scene_count_after_its_beginning() -> None:
    def empty(ghosts: range) -> list[Seen]:
        place = ((300.0, 300.0),)
        return [frame({}, [], ghosts=place if k in ghosts else ()) for k in range(200)]

    begun = round(BEGUN_S * RATE)
    assert tasks.ghosts(empty(range(begun - 10, 200)), RATE, WEAK, PERSON) == 0
    assert tasks.ghosts(empty(range(begun + 10, 200)), RATE, WEAK, PERSON) == 1
    assert tasks.ghosts(empty(range(begun + 10, 200)), RATE, WEAK, VEHICLE) == 0


def test_who_moves_too_far_between_frames_is_lost() -> None:
    """At a frame a second a step of 40 px leaves the box of 40 px behind: no track is confirmed."""
    assert counted(walk(), every=10) == [1, 0, 0, 0]


def test_visitors_of_the_first_frame_and_of_the_end_are_left_out() -> None:
    frames = walk()
    late = round((30.0 - SETTLED_S) * RATE)
    for k in range(late, len(frames)):
        frames[k] = frame({8: (300.0, 100.0)}, [8])
    frames[0] = frame({7: (300.0, 100.0)}, [7])
    found = tasks.visits(frames, RATE, WEAK, PERSON)
    assert (found.times.tolist(), found.passed) == ([0, 1, 0, 0], 3)


def shelf(hits: list[int], seconds: int = 31, opens: int = 0) -> list[Seen]:
    gap = {3: (100.0, 100.0)}
    return [
        frame(gap if k >= opens else {}, [3] if k in hits and k >= opens else [], GAP)
        for k in range(seconds * RATE)
    ]


def waits(hits: list[int], opens: list[int]) -> list[float]:
    """Return the times to alert, in s, of gaps that open half a frame before some frames."""
    found = []
    for a in opens:
        ends = [k for k in hits if k >= a + 2 and {k - 2, k - 1} <= set(hits)]
        found.append((min(ends) - a + 0.5) / RATE if ends else np.inf)
    return found


def within(delays: list[float]) -> list[int]:
    return [sum(delay <= d for delay in delays) for d in DELAYS_S]


def test_a_gap_is_reported_when_found_three_times_in_a_row() -> None:
    """It opens before each of the first ten frames; the first run of three ends at frame 12."""
    hits = [2, 3, 5, 10, 11, 12]
    found = tasks.reports(shelf(hits), 480, RATE)
    assert found.gaps == 10
    assert waits(hits, [0, 9]) == [1.25, 0.35]
    assert found.within.tolist() == within(waits(hits, list(range(10))))


def test_fewer_frames_take_longer() -> None:
    """Of every tenth frame the third after the opening: 2 to 3 s, over phases and openings."""
    found = tasks.reports(shelf(list(range(31 * RATE))), 480, RATE, every=10)
    assert found.gaps == 10 * 10
    delays = [2.0 + (first + 0.5) / RATE for first in range(10) for _ in range(10)]
    assert found.within.tolist() == within(delays)


def test_frames_before_a_gap_opens_do_not_count() -> None:
    hits = [0, 1, 2, 24, 25, 26]
    found = tasks.reports(shelf(hits, seconds=33), 480, RATE)
    assert found.gaps == 30
    assert found.within.tolist() == within(waits(hits, list(range(30))))


def test_a_gap_opens_when_it_is_there() -> None:
    found = tasks.reports(shelf(list(range(400)), seconds=33, opens=15), 480, RATE)
    assert found.gaps == 15
    assert found.within[0] == 15


def test_a_gap_that_is_too_small_is_not_asked_for() -> None:
    assert tasks.reports(shelf([1, 2, 3]), 8000, RATE).gaps == 0


@pytest.mark.parametrize(
    ("found", "shift", "error"), [([1, 2], 0.0, 0.0), ([], 0.0, 1.0), ([1], 0.0, 0.5),
                                  ([1, 2], 200.0, 2.0)]
)  # fmt: skip
def test_the_error_of_a_map(found: list[int], shift: float, error: float) -> None:
    people = {1: (10.0, 10.0), 2: (110.0, 210.0)}
    frames = [frame(people, found, shift=shift) for _ in range(20)]
    assert tasks.map_error(frames, 640, 480) == error


def test_a_map_of_nobody_has_no_error() -> None:
    assert np.isnan(tasks.map_error([frame({}, [])], 640, 480))


def row(**changes: object) -> dict[str, str]:
    base = dict.fromkeys(measured.HEADER, 0) | {
        "view": "street", "source": "raw", "model": "eye", "kind": "person", "light": "day",
        "every": 1, "fps": 5.0, "seconds": 60, "map_error": "0.2", "ap50": "0.7", "once": 1,
    }  # fmt: skip
    return {name: str(value) for name, value in {**base, **changes}.items()}


def test_rows_become_shares_and_rates() -> None:
    """Three ghosts in 30 empty seconds are six in 60; eight are left to ten who passed."""
    one = row(missed=1, once=2, twice=1, ghosts=3, empty_s=30, nobody=14, passed=10)
    gap = row(site=1, gaps=4, **{name: k // 2 for k, name in enumerate(measured.WITHIN)})
    table = measured.measured([one, row(every=5, fps=1.0), gap])
    assert table.fps.tolist() == [0.0, 1.0, 5.0]
    assert table.times[0, 0, 2].tolist() == [0.25, 0.5, 0.25, 0.0]
    assert table.ghosts_per_s[0, 0, 2] == pytest.approx(0.1)
    assert table.nobody[0, 0, 2] == pytest.approx(0.8)
    assert table.within[0, 1, 2].tolist() == [k // 2 / 4 for k in range(len(DELAYS_S))]
    # No frames, nothing; sites that could not tell are as the mean of the others.
    assert table.times[0, :, 0].tolist() == [[1.0, 0.0, 0.0, 0.0]] * measured.SITES
    assert table.ghosts_per_s[0, 5, 2] == pytest.approx(0.1)
    assert table.ap.shape == (len(LIGHTS), measured.SITES)


def test_a_light_that_was_not_measured_is_as_the_first_that_was() -> None:
    table = measured.measured([row(light="dusk", ap50="0.3"), row(light="rain", ap50="0.9")])
    assert [LIGHTS[k] for k in table.lights] == ["dusk", "dusk", "dusk", "rain"]
    assert table.ap[:, 0].tolist() == [0.3, 0.3, 0.3, 0.9]


def test_packaged_tables_are_whole() -> None:
    """Every site is measured in every light, at every rate, by the networks that are packaged."""
    for path in sorted(replay.folder().glob("tasks-*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        made = json.loads(path.with_suffix(".json").read_text("utf-8"))
        assert hashlib.sha256(path.read_bytes()).hexdigest() == made["sha256"]
        files = detector.packaged()
        for name, digest in made["models"].items():
            if name in files:
                assert hashlib.sha256(files[name].read_bytes()).hexdigest() == digest
        seen: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
        for one in rows:
            place = tuple(one[word] for word in measured.WORDS)
            seen.setdefault(place, set()).add((one["light"], one["site"], one["fps"]))
        for place, found in seen.items():
            assert measured.load(*place[:3], KINDS.index(place[3])) is not None
            lights, sites, rates = (len({cell[k] for cell in found}) for k in range(3))
            assert lights == (1 if place[0] in ("ceiling", "shelf") else len(LIGHTS)), place
            assert sites == measured.SITES
            assert len(found) == lights * sites * rates, place
