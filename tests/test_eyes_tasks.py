"""Visitors counted, gaps reported and places mapped from frames, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from fleet.eyes import measured, tasks
from fleet.eyes.boxes import GAP, PERSON, Detections
from fleet.eyes.clip import Truth
from fleet.eyes.tasks import DELAYS_S, SETTLED_S, Seen

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


def test_who_is_followed_is_counted_once() -> None:
    found = tasks.visits(walk(), RATE, WEAK)
    assert found.times.tolist() == [0, 1, 0, 0]
    assert (found.nobody, found.seconds) == (0, 30.0)


def test_who_is_lost_for_long_is_counted_anew_and_for_short_is_not() -> None:
    assert tasks.visits(walk(range(50, 56)), RATE, WEAK).times.tolist() == [0, 1, 0, 0]
    assert tasks.visits(walk(range(50, 80)), RATE, WEAK).times.tolist() == [0, 0, 1, 0]
    assert tasks.visits(walk(range(10, 150)), RATE, WEAK).times.tolist() == [1, 0, 0, 0]


def test_what_is_found_where_nobody_is_counts_for_nobody() -> None:
    found = tasks.visits(walk(ghosts=range(200, 230)), RATE, WEAK)
    assert (found.times.tolist(), found.nobody) == ([0, 1, 0, 0], 1)


def test_who_moves_too_far_between_frames_is_lost() -> None:
    """At a frame a second a step of 40 px leaves the box of 40 px behind: no track is confirmed."""
    assert tasks.visits(walk(), RATE, WEAK, every=10).times.tolist() == [1, 0, 0, 0]


def test_visitors_of_the_first_frame_and_of_the_end_are_left_out() -> None:
    frames = walk()
    late = round((30.0 - SETTLED_S) * RATE)
    for k in range(late, len(frames)):
        frames[k] = frame({8: (300.0, 100.0)}, [8])
    frames[0] = frame({7: (300.0, 100.0)}, [7])
    assert tasks.visits(frames, RATE, WEAK).times.tolist() == [0, 1, 0, 0]


def shelf(hits: list[int], seconds: int = 31, opens: int = 0) -> list[Seen]:
    gap = {3: (100.0, 100.0)}
    return [
        frame(gap if k >= opens else {}, [3] if k in hits and k >= opens else [], GAP)
        for k in range(seconds * RATE)
    ]


def test_a_gap_is_reported_when_found_three_times_in_a_row() -> None:
    """One onset, at frame 0: the third frame of the first run of three is at 1.2 s."""
    found = tasks.reports(shelf([2, 3, 5, 10, 11, 12]), 480, RATE)
    assert found.gaps == 1
    assert found.within.tolist() == [0 if delay < 1.2 else 1 for delay in DELAYS_S]


def test_fewer_frames_take_longer() -> None:
    """Every tenth frame is seen: frames 0, 10 and 20 are the run, which ends after 2 s."""
    always = list(range(31 * RATE))
    found = tasks.reports(shelf(always), 480, RATE, every=10)
    assert found.within.tolist() == [0 if delay < 2 else 1 for delay in DELAYS_S]


def test_frames_before_a_gap_opens_do_not_count() -> None:
    """Onsets at seconds 0 to 2; the first is never reported again after its run at 0.2 s."""
    found = tasks.reports(shelf([0, 1, 2, 24, 25, 26], seconds=33), 480, RATE)
    assert found.gaps == 3
    waits = [0.2, 1.6, 0.6]
    assert found.within.tolist() == [sum(wait <= delay for wait in waits) for delay in DELAYS_S]


def test_a_gap_opens_when_it_is_there() -> None:
    found = tasks.reports(shelf(list(range(400)), seconds=33, opens=15), 480, RATE)
    assert found.gaps == 1  # the full second 2 only
    assert found.within[0] == 1


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
    assert tasks.map_error(frames, 640, 480, every=4) == pytest.approx(error)


def test_a_map_of_nobody_has_no_error() -> None:
    assert np.isnan(tasks.map_error([frame({}, [])], 640, 480))


@pytest.mark.parametrize("path", sorted(p.name for p in measured.folder().glob("tasks-*.csv")))
def test_packaged_tables_are_whole(path: str) -> None:
    """Every site is measured in every light, at every rate, and shares are shares."""
    names = {tuple(line.split(",")[:3]) for line in
             (measured.folder() / path).read_text("utf-8").splitlines()[1:]}  # fmt: skip
    assert names
    for name in names:
        table = measured.load(*name)
        assert table is not None
        assert table.sites == 6
        assert (np.diff(table.fps) > 0).all()
        sums = table.times.sum(axis=-1)
        assert np.allclose(sums[~np.isnan(sums)], 1.0)
        assert (np.diff(table.within, axis=-1)[~np.isnan(table.within[..., 1:])] >= 0).all()
        assert ((table.ap >= 0) & (table.ap <= 1)).all()
