"""Visitors are counted once: paths made by hand, whose right answer is plain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from fleet.errors import InputError
from fleet.eyes.boxes import NOTHING, PERSON, VEHICLE, Detections
from fleet.lab.measures.tracker import NOBODY, Line, Tracker

Box = tuple[float, float, float, float]


def seen(*boxes: Box, kinds: Sequence[int] | None = None) -> Detections:
    """Return detections of boxes, all sure, persons unless said otherwise."""
    if not boxes:
        return NOTHING
    return Detections(
        np.array(boxes, np.float32),
        np.linspace(0.9, 0.8, len(boxes), dtype=np.float32),
        np.array(kinds or [PERSON] * len(boxes), np.int8),
    )


def person(x: float, y: float = 100.0) -> Box:
    """Return a person of 20x50 px who stands at x, y."""
    return (x, y, x + 20, y + 50)


def test_one_walker_is_one_visitor_from_the_third_sighting_on() -> None:
    tracker = Tracker(born_after=3)
    who = [tracker.step(seen(person(5.0 * k))).tolist() for k in range(20)]
    assert who == [[NOBODY]] * 2 + [[0]] * 18
    assert (tracker.confirmed, tracker.alive) == (1, 1)


def test_a_gap_shorter_than_the_patience_keeps_the_name_and_a_longer_one_does_not() -> None:
    for gap, visitors in ((4, 1), (5, 2)):
        tracker = Tracker(born_after=3, dies_after=5)
        for k in range(40):
            hidden = 15 <= k < 15 + gap
            # after the gap the old box is more than a width off: only a prediction finds it
            tracker.step(seen() if hidden else seen(person(9.0 * k)))
        assert tracker.confirmed == visitors, gap


def test_false_alarms_never_confirm() -> None:
    tracker = Tracker(born_after=3)
    for k in range(60):
        # a flicker: two frames at a place, then nothing, then elsewhere
        place = person(37.0 * (k // 3 % 7), 60.0 * (k // 3 % 3))
        assert (tracker.step(seen(place) if k % 3 < 2 else seen()) == NOBODY).all()
    assert (tracker.confirmed, tracker.alive) == (0, 0)


def test_two_side_by_side_are_two_and_keep_their_names() -> None:
    tracker = Tracker()
    who = []
    for k in range(30):
        pair = [person(4.0 * k), person(4.0 * k + 12)]  # they overlap by two fifths of a width
        order = [0, 1] if k % 2 else [1, 0]
        found = tracker.step(seen(*(pair[i] for i in order)))
        who.append([int(found[order.index(i)]) for i in (0, 1)])
    assert tracker.confirmed == 2
    assert {tuple(names) for names in who[2:]} == {tuple(who[-1])}
    assert sorted(who[-1]) == [0, 1]


def test_two_who_cross_keep_their_names() -> None:
    tracker = Tracker()
    for k in range(41):
        right, left = person(10.0 * k), person(400 - 10.0 * k, 110.0)
        names = tracker.step(seen(right, left))
        if k == 5:
            first = names.tolist()
    assert tracker.confirmed == 2
    assert names.tolist() == first  # who went right still does


def test_one_hides_the_other_while_they_cross() -> None:
    tracker = Tracker(dies_after=5)
    for k in range(41):
        right, left = person(10.0 * k), person(400 - 10.0 * k, 104.0)
        names = tracker.step(seen(right) if 19 <= k <= 21 else seen(right, left))
    assert tracker.confirmed == 2
    assert sorted(names.tolist()) == [0, 1]


def test_a_vehicle_is_not_taken_for_the_person_in_front_of_it() -> None:
    tracker = Tracker(born_after=2)
    tracker.step(seen(person(0)))
    tracker.step(seen(person(0)))
    assert tracker.step(seen(person(0), kinds=[VEHICLE])).tolist() == [NOBODY]


def test_who_leaves_ends_and_the_count_stays() -> None:
    tracker = Tracker(born_after=1, dies_after=2)
    tracker.step(seen(person(0), person(300)))
    assert (tracker.confirmed, tracker.alive) == (2, 2)
    tracker.step(seen())
    assert tracker.alive == 2
    tracker.step(seen())
    assert (tracker.confirmed, tracker.alive) == (2, 0)


def test_the_line_counts_each_way_and_only_between_its_ends() -> None:
    tracker = Tracker(line=Line(100, 0, 100, 200))
    for k in range(40):
        tracker.step(
            seen(
                person(3.0 * k),  # crosses to the right in the picture, the left of the line
                person(200 - 5.0 * k, 20),  # comes back over it
                person(5.0 * k, 400),  # passes below its end
                person(60.0, 300),  # stands
            )
        )
    assert (tracker.forth, tracker.back, tracker.confirmed) == (1, 1, 4)
    other = Tracker(line=Line(100, 200, 100, 0))
    for k in range(40):
        other.step(seen(person(3.0 * k)))
    assert (other.forth, other.back) == (1, 0)


def test_same_steps_same_names() -> None:
    rng = np.random.default_rng(1)
    steps = [seen(*(person(*rng.uniform(0, 300, 2)) for _ in range(6))) for _ in range(30)]
    one, two = Tracker(least_iou=0.1), Tracker(least_iou=0.1)
    for step in steps:
        assert one.step(step).tolist() == two.step(step).tolist()


@pytest.mark.parametrize(
    "wrong", [{"born_after": 0}, {"dies_after": 0}, {"least_iou": 0.0}, {"least_iou": 1.5}]
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="a tracker needs born_after"):
        Tracker(**wrong)  # type: ignore[arg-type]


def weak(*boxes: Box) -> Detections:
    return seen(*boxes)._replace(scores=np.full(len(boxes), 0.4, np.float32))


def test_weak_detections_carry_a_track_on_but_begin_none() -> None:
    tracker = Tracker(born_after=3, born_score=0.5)
    for k in range(10):
        assert (tracker.step(weak(person(5.0 * k))) == NOBODY).all()
    for k in range(10, 14):
        tracker.step(seen(person(5.0 * k)))
    assert tracker.step(weak(person(70.0), person(300.0))).tolist() == [0, NOBODY]
    assert (tracker.confirmed, tracker.alive) == (1, 1)


def test_a_margin_holds_who_steps_out_of_his_box() -> None:
    """Steps of 22 px from a box 20 px wide: 32 px wide with a margin, 10 of 54 px are shared."""
    for margin, visitors in ((0.0, 0), (0.3, 1)):
        tracker = Tracker(born_after=3, least_iou=0.15, margin=margin)
        for k in range(8):
            tracker.step(seen(person(22.0 * k)))
        assert tracker.confirmed == visitors


def test_patience_is_in_seconds() -> None:
    """At five frames a second a visitor is believed in the third frame and kept for five."""
    tracker = Tracker.at(5.0, threshold=0.5)
    who = [tracker.step(seen(person(3.0 * k))).tolist() for k in range(4)]
    assert who == [[NOBODY], [NOBODY], [0], [0]]
    for _ in range(4):
        tracker.step(seen())
    assert tracker.alive == 1
    tracker.step(seen())
    assert tracker.alive == 0
    assert (Tracker.at(5.0, threshold=0.5).step(weak(person(0.0))) == NOBODY).all()
