"""The curve of accuracy over bitrate: measures by hand, intervals that cover."""

from __future__ import annotations

import numpy as np
import pytest
from test_eyes_trace import Bright, Squares

from fleet.errors import InputError
from fleet.eyes.boxes import PERSON, VEHICLE
from fleet.lab.measures import codec, curve


def scene(
    right: list[bool], wanted: int, kind: int = PERSON, scores: list[float] | None = None,
    sent_bytes: int = 1000,
) -> curve.Marks:  # fmt: skip
    """Return marks of a scene of one second."""
    each = np.zeros(3, np.int64)
    each[kind] = wanted
    return curve.Marks(
        np.array(scores or [0.9] * len(right), np.float32), np.full(len(right), kind, np.int8),
        np.array(right, np.bool_), each, sent_bytes, 1.0,
    )  # fmt: skip


def test_measures_by_hand() -> None:
    scenes = [
        scene([True, True, False], 4, scores=[0.9, 0.3, 0.8]),
        scene([True], 2, VEHICLE, sent_bytes=3000),
    ]
    found = curve.point(scenes, 0.5, resamples=50)
    assert found.rate_kbps.value == pytest.approx(4000 * 8 / 1e3 / 2)
    assert found.recall.value == pytest.approx(2 / 6)  # two of six with a score of 0.5 or more
    assert found.precision.value == pytest.approx(2 / 3)
    # persons: precision 1 at recall 1/4, then 2/3 at 2/4; vehicles: 1 at 1/2
    assert found.ap.value == pytest.approx(((1 + 2 / 3) / 4 + 1 / 2) / 2)


def test_scenes_that_are_all_alike_leave_no_doubt() -> None:
    found = curve.point([scene([True, False], 3)] * 5, 0.5, resamples=50)
    for estimate in found:
        assert estimate.low == pytest.approx(estimate.value) == pytest.approx(estimate.high)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(4)
    covered = 0
    for repetition in range(100):
        # how hard a scene is differs, so objects of a scene are not independent
        shares = rng.beta(3, 2, size=30)
        scenes = [scene([True] * int(rng.binomial(20, share)), 20) for share in shares]
        recall = curve.point(scenes, 0.5, seed=repetition, resamples=200).recall
        covered += recall.low <= 0.6 <= recall.high
    assert 87 <= covered <= 100


def test_draws_are_the_same_for_every_setting_and_even() -> None:
    draws = curve.draws([""] * 7, 1, 2000)
    assert np.array_equal(draws, curve.draws([""] * 7, 1, 2000))
    assert not np.array_equal(draws, curve.draws([""] * 7, 2, 2000))
    counts = np.bincount(draws.ravel(), minlength=7)
    assert ((counts - 2000) ** 2 / 2000).sum() < 22.5  # chi², 6 degrees of freedom, 0.1 %
    assert len({tuple(row) for row in draws}) > 1900


def test_strata_keep_their_share_in_every_resample() -> None:
    strata = ["street", "shelf", "street", "street", "shelf"]
    for row in curve.draws(strata, 1, 200):
        assert [strata[k] for k in row] == strata
    # scenes that differ between strata only leave no doubt
    scenes = [scene([s == "street"] * 4, 4) for s in strata]
    recall = curve.point(scenes, 0.5, strata=strata, resamples=50).recall
    assert recall == pytest.approx((0.6, 0.6, 0.6))
    assert curve.point(scenes, 0.5, resamples=50).recall.low < 0.6


def test_what_nothing_is_known_of_is_not_a_number() -> None:
    found = curve.point([scene([], 0)] * 3, 0.5, resamples=10)
    assert all(np.isnan(found.recall))
    assert all(np.isnan(found.ap))
    assert found.rate_kbps.value == 8.0


def test_a_clip_is_marked_behind_its_codec() -> None:
    clip, setting = Squares(frames=11), codec.setting("h264-crf30-gop8")
    marks = curve.mark(clip, Bright(false=True), setting, every=5)
    assert marks.wanted.tolist() == [2 + 3 + 3, 0, 0]  # frames 0, 5 and 10
    assert int(marks.right.sum()) == 8
    assert len(marks.right) == 8 + 3
    sent = codec.encode((f.pixels for f in clip.frames()), setting, clip.rate_fps)
    assert marks.sent_bytes == sum(len(c.data) for c in sent)
    assert marks.seconds == pytest.approx(1.1)


def test_a_clip_of_unknown_truth_is_refused() -> None:
    with pytest.raises(InputError, match="squares: accuracy needs a clip whose truth is known"):
        curve.mark(Squares(known=False), Bright(), codec.RAW)
