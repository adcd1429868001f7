"""Accuracy on cases made by hand, and what a grid of scores and distances stands for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fleet.eyes.boxes import GAP, PERSON, VEHICLE, Detections
from fleet.eyes.clip import Truth
from fleet.lab.measures.accuracy import average_precision, judged, matters, precision_recall
from fleet.lab.measures.grid import decode


def detections(*rows: tuple[float, int, tuple[float, float, float, float]]) -> Detections:
    return Detections(
        np.array([box for _, _, box in rows], np.float32).reshape(-1, 4),
        np.array([score for score, _, _ in rows], np.float32),
        np.array([kind for _, kind, _ in rows], np.int8),
    )


def ap(right: list[bool], wanted: int) -> float:
    scores = np.linspace(0.9, 0.1, len(right)).astype(np.float32)
    return average_precision(scores, np.array(right, dtype=np.bool_), wanted)


@pytest.mark.parametrize(
    ("right", "wanted", "area"),
    [
        ([True, True], 2, 1.0),
        ([True, True], 4, 0.5),
        ([False, True], 1, 0.5),
        ([True, False, True], 2, (1 + 2 / 3) / 2),
        ([False, True, True], 2, 2 / 3),  # precision rises again: the best to the right counts
        ([False, False], 3, 0.0),
        ([], 3, 0.0),
    ],
)
def test_average_precision(right: list[bool], wanted: int, area: float) -> None:
    assert ap(right, wanted) == pytest.approx(area)


def test_average_precision_of_nothing_is_no_number() -> None:
    assert math.isnan(ap([False], 0))


def test_average_precision_is_about_order_of_scores_alone() -> None:
    scores, right = np.float32([0.2, 0.9, 0.5]), np.array([True, False, True])
    assert average_precision(scores, right, 2) == average_precision(scores / 3, right, 2)
    assert average_precision(scores, right, 2) == pytest.approx(2 / 3)


def test_precision_and_recall_at_a_threshold() -> None:
    scores, right = np.float32([0.9, 0.6, 0.3]), np.array([True, False, True])
    assert precision_recall(scores, right, 4, 0.5) == (0.5, 0.25)
    precision, recall = precision_recall(scores, right, 4, 0.95)
    assert math.isnan(precision)
    assert recall == 0.0


TRUE = np.array([[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]], np.float32)
KIND = np.array([PERSON, PERSON, VEHICLE], np.int8)


def test_judged_takes_each_object_once_and_only_its_kind() -> None:
    found = detections(
        (0.9, PERSON, (0, 0, 10, 9)),
        (0.8, PERSON, (0, 0, 10, 10)),  # the same again
        (0.7, PERSON, (40, 0, 50, 10)),  # a vehicle
        (0.6, PERSON, (25, 0, 35, 10)),  # too far off: a third of the union
    )
    verdict = judged(found, TRUE, KIND, np.ones(3, dtype=np.bool_))
    assert verdict.of.tolist() == [0, -1, -1, -1]
    assert verdict.counts.all()


def test_judged_excuses_what_lies_on_an_object_that_need_not_be_found() -> None:
    must = np.array([True, False, False])
    found = detections(
        (0.9, PERSON, (20, 0, 30, 10)),
        (0.8, PERSON, (22, 0, 26, 10)),  # inside of it
        (0.7, PERSON, (40, 0, 50, 10)),  # on a vehicle: a person there is wrong
        (0.6, PERSON, (0, 0, 10, 10)),
    )
    verdict = judged(found, TRUE, KIND, must)
    assert verdict.of.tolist() == [-1, -1, -1, 0]
    assert verdict.counts.tolist() == [False, False, True, True]


def test_judged_with_nothing_found_or_nothing_there() -> None:
    nothing, all_of = detections(), np.ones(3, dtype=np.bool_)
    assert judged(nothing, TRUE, KIND, all_of).of.shape == (0,)
    lone = judged(detections((0.9, PERSON, (0, 0, 9, 9))), TRUE[:0], KIND[:0], all_of[:0])
    assert (lone.of.tolist(), lone.counts.tolist()) == ([-1], [True])


def test_what_is_small_or_hidden_does_not_matter() -> None:
    boxes = np.array([[0, 0, 6, 12], [0, 0, 6, 11], [0, 0, 5, 12], [0, 0, 90, 90]], np.float32)
    seen = np.float32([1, 1, 1, 0.29])
    truth = Truth(boxes, np.zeros(4, np.int8), np.arange(4), seen)
    assert matters(truth, 480).tolist() == [True, False, False, False]


def test_decode_reads_distances_from_the_middle_of_a_cell() -> None:
    scores, distances = np.zeros((3, 4, 6), np.float32), np.ones((4, 4, 6), np.float32)
    scores[VEHICLE, 2, 3] = 0.75
    distances[:, 2, 3] = 10, 6, 5, 7
    found = decode(scores, distances, 8, 0.5)
    assert found.boxes.tolist() == [[18, 14, 33, 27]]  # the middle is (28, 20)
    assert (found.scores.tolist(), found.kinds.tolist()) == ([0.75], [VEHICLE])


def test_decode_keeps_the_best_of_neighbours_and_cuts_at_the_edge() -> None:
    scores = np.zeros((3, 4, 6), np.float32)
    distances = np.full((4, 4, 6), 20, np.float32)
    scores[GAP, 0, 0], scores[GAP, 0, 1], scores[PERSON, 0, 0] = 0.6, 0.9, 0.7
    found = decode(scores, distances, 8, 0.5)
    assert found.kinds.tolist() == [GAP, PERSON]
    assert found.boxes.tolist() == [[0, 0, 32, 24], [0, 0, 24, 24]]
    assert len(decode(scores, distances, 8, 0.95).scores) == 0


def test_decode_is_best_first_and_bounded() -> None:
    scores = np.random.default_rng(1).random((3, 30, 40)).astype(np.float32)
    found = decode(scores, np.full((4, 30, 40), 1, np.float32), 8, 0.01)
    assert len(found.scores) == 100
    assert (np.diff(found.scores) <= 0).all()
