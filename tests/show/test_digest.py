"""The answer in some ten lines: it says what the numbers say, and no more."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import worlds

import fleet
from fleet.results.interval import interval95, ratio95
from fleet.results.record import Record
from fleet.show import digest as told
from fleet.show.apart import sight_apart
from fleet.show.remarks import load_remarks
from fleet.show.rows import below

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def records() -> dict[int, Record]:
    """Return runs of one and of four replications, with objectives."""
    data = worlds.scenario(duration="2 s", slo=["latency_ms.p99 < 10 s", "cloud: bytes < 1 kB"])
    return {n: fleet.run(worlds.load(data), executor="local", replications=n) for n in (1, 4)}


def line(record: Record, start: str) -> str:
    (found,) = (each for each in fleet.digest(record).splitlines() if each.startswith(start))
    return found


def test_objectives_come_first_the_missed_ones_with_who_missed_them(
    records: Mapping[int, Record],
) -> None:
    for record in records.values():
        lines = fleet.digest(record).splitlines()
        assert len(lines) <= 13
        worst = max(run["bytes"]["image"] + run["bytes"]["protocol"] + run["bytes"]["metadata"]
                    + run["bytes"]["roi"] for run in record.numbers["cloud"])  # fmt: skip
        assert lines[1] == f"✗ bytes < 1 kB: missed by cloud ({worst:,.0f} B)"
        assert lines[2] == "✓ latency_ms.p99 < 10 s: kept by every arm"


def test_a_difference_has_the_interval_of_its_ratio_and_one_run_has_none(
    records: Mapping[int, Record],
) -> None:
    one, four = (line(records[n], "- on_sensor sends") for n in (1, 4))
    assert "in one run, without intervals" in fleet.digest(records[1])
    row = records[4].summary["comparison"]["arms"]["on_sensor"]["bytes"]
    low, high = (100 * (1 - end) for end in reversed(row["ratio_ci95"]))
    shown = four.partition("(")[2].partition(" %")[0].split("–")
    assert [float(x) for x in shown] == pytest.approx([low, high], rel=1e-2)
    assert "(" not in one
    assert one.endswith("% fewer bytes")


def row(**of: Any) -> dict[str, Any]:
    plain = dict.fromkeys(("ratio", "ci95", "ratio_ci95", "differs"))
    return {**plain, "difference": 1.0, **of}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (row(ratio=0.03, ratio_ci95=[0.028, 0.032]), "a sends 97 % fewer bytes (96.8–97.2 %)"),
        (row(ratio=1.2, ratio_ci95=[1.1, 1.3]), "a sends 20 % more bytes (10–30 %)"),
        (row(ratio=3.4, ratio_ci95=[3.2, 3.6]), "a sends 3.4 times as many bytes (3.2–3.6)"),
        (row(ratio=0.5), "a sends 50 % fewer bytes"),
        (
            row(ratio=0.0004, ratio_ci95=[0.0003, 0.0005]),
            "a sends 99.96 % fewer bytes (99.95–99.97 %)",
        ),
        (row(ratio=0.0004), "a sends 99.96 % fewer bytes"),
        (
            row(ratio=0.3, ratio_ci95=[0.2999999, 0.3000001]),
            "a sends 70 % fewer bytes (to the last digit)",
        ),
    ],
)
def test_differences_are_plain_words(found: dict[str, Any], said: str) -> None:
    assert told._difference(told._PHRASES[0], {"a": found}) == said


def test_shares_differ_in_points_and_the_largest_comes_first() -> None:
    (phrase,) = (p for p in told._PHRASES if p.metric == "delivered.never")
    rows = {"a": row(difference=0.02, ci95=[0.01, 0.03]), "b": row(difference=-0.3)}
    assert told._difference(phrase, rows) == (
        "b skips or loses 30 % points fewer of its frames, a 2 % points more (1–3 %)"
    )


def test_what_is_not_shown_to_differ_is_not_said_to(records: Mapping[int, Record]) -> None:
    record = records[4]
    rows = record.summary["comparison"]["arms"]["on_sensor"]
    kept = dict(rows["bytes"])
    rows["bytes"] |= {"differs": False}
    try:
        text = fleet.digest(record)
        assert "sends" not in text
        assert "no difference shown: bytes" in text
    finally:
        rows["bytes"] = kept


def test_of_what_was_never_lost_the_bound_is_told() -> None:
    record = fleet.run(
        worlds.load(worlds.scenario(duration="2 s")), arms=["cloud"], executor="local"
    )
    arm = record.arms["cloud"]
    assert arm["delivered"]["never"] == 0.0
    most = 300 / arm["delivered"]["due_frames"]
    told_of, _, rest = line(record, "cloud: ").rpartition(", ")[2].partition("%")
    assert rest == " skipped or lost"
    assert most <= float(told_of.removeprefix("<")) < 1.1 * most


@pytest.mark.parametrize(
    ("most", "shown"),
    [(0.0012, "<0.12%"), (0.00121, "<0.13%"), (3 / 21e6, "<0.000015%"), (1.0, "<100%"),
     (0.1, "<10%"), (0.0999, "<10.0%")],
)  # fmt: skip
def test_bounds_are_rounded_up(most: float, shown: str) -> None:
    assert below(most) == shown


def test_a_mean_above_the_99th_percentile_is_explained(records: Mapping[int, Record]) -> None:
    record = records[1]
    numbers = record.arms["cloud"]
    kept = dict(numbers["latency_ms"])
    numbers["latency_ms"] |= {"mean": 120.0, "p99": 100.0}
    share, name = 0.4, "mean_latency_share_of_slowest_percent"
    kept_share, numbers[name] = numbers[name], share
    said = "the mean latency lies above the 99th percentile in cloud (120 against 100 ms, 40% of it"
    try:
        assert f"Mind: {said} from the slowest 1 % of results)" in fleet.digest(record)
        assert any(one.startswith(f"T{said[1:]}") for one in load_remarks(record))
        numbers[name] = 0.02  # all are nearly alike: nothing lifts it
        assert "99th percentile in" not in fleet.digest(record)
        numbers[name], numbers["latency_ms"]["p99"] = share, 130.0
        assert "99th percentile in" not in fleet.digest(record)
    finally:
        numbers["latency_ms"], numbers[name] = kept, kept_share


def seeing(recall: float | None, published: float, blind: int = 0) -> dict[str, Any]:
    """Return of an arm's numbers what is told of its sight; in a group of 4 some see nothing."""
    of = {"map_coco": {"net": published}, "recall_of_all": recall, "by_light": {}}
    groups = {"door": {"unseen": 0}, "shelf": {"unseen": blind}}
    return {"accuracy": of, "groups": groups, "stand_ins": ["a"], "frames": {"captured": 9}}


UNKNOWN = "nobody measured what its networks see"


@pytest.mark.parametrize(
    ("arms", "compared", "said"),
    [
        ({"base": seeing(0.5, 0.2), "a": seeing(0.4, 0.5)}, ["a"], None),
        (
            {"base": seeing(0.5, 0.2), "a": seeing(None, 0.5), "b": seeing(0.3, 0.2)}, ["b"],
            f"a ({UNKNOWN}; base finds 50 % of what is in view; published mAP on COCO: base 20, a"
            " 50)",
        ),
        (
            {"base": seeing(None, 0.2), "a": seeing(0.25, 0.2, 4), "b": seeing(None, 0.2)}, [],
            f"a, b (base, b: {UNKNOWN}; a finds 25 % of what is in view of door)",
        ),
        ({"base": seeing(None, 0.2), "a": seeing(None, 0.2)}, [], f"a ({UNKNOWN})"),
        (
            {"base": seeing(0.5, 0.2), "a": seeing(0.5, 0.2, 4)}, [],
            "a (its networks were measured for other sensors than the baseline's; base finds 50 %"
            " of what is in view; a finds 50 % of what is in view of door)",
        ),
        ({name: seeing(None, 0.2) | {"stand_ins": []} for name in ("base", "a")}, [], None),
    ],
)  # fmt: skip
def test_where_recall_is_not_compared_the_digest_says_of_whom_and_why(
    arms: dict[str, Any], compared: list[str], said: str | None
) -> None:
    rows = {arm: {"accuracy.recall_of_all": {}} if arm in compared else {} for arm in arms}
    comparison = {"baseline": "base", "arms": {arm: rows[arm] for arm in list(arms)[1:]}}
    record: Any = SimpleNamespace(arms=arms, summary={"comparison": comparison})
    expected = [] if said is None else [f"- not compared: recall of {said}"]
    assert list(sight_apart(record)) == expected


def test_a_queue_that_grows_binds() -> None:
    data = worlds.scenario(duration="3 s")
    data["links"]["wan"]["rate"] = "200 kbit/s"
    record = fleet.run(worlds.load(data), arms=["cloud"], executor="local")
    bound = line(record, "What binds: ")
    assert bound.startswith("What binds: in cloud 'wan', asked for ")
    assert "so its queue grows (" in bound
    assert " Mbit/s for 80% use)" in bound
    assert "Against" not in fleet.digest(record)  # there is nothing to compare with


def test_frames_without_a_result_at_the_end_and_units_that_were_left_out_are_told() -> None:
    data = worlds.scenario(duration="3 s", slo=["latency_ms.p99 < 9000", "lost < 0.5"])
    data["links"]["wan"]["rate"] = "200 kbit/s"
    record = fleet.run(worlds.load(data), executor="local")
    frames = record.arms["cloud"]["frames"]
    assert frames["in_flight"] > 0.1 * frames["captured"]
    said = line(record, "Still without a result as the run ended: ")
    assert f"{frames['in_flight']:,.0f} frames of cloud ({frames['captured']:,.0f} were" in said
    assert said.endswith("; losses and latencies are of the others")
    assert line(record, "✓ ") == "✓ latency_ms.p99 < 9000 ms: kept by every arm"
    assert line(record, "✗ ").startswith("✗ lost < 0.5: missed by cloud (")


def test_the_digest_of_a_folder_is_that_of_the_run(tmp_path: Path) -> None:
    data = worlds.scenario(duration="1 s")
    record = fleet.run(worlds.load(data), executor="local", output=tmp_path / "out")
    text = fleet.digest(record)
    assert fleet.digest(Record.load(tmp_path / "out")) == text
    command = [sys.executable, "-m", "fleet", "show", str(tmp_path / "out")]
    env = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env)
    assert done.returncode == 0
    assert done.stdout.splitlines()[:-1] == text.splitlines()  # full width, as it is piped
    assert max(map(len, done.stdout.splitlines())) > 100


def test_a_ratio_of_one_is_within_its_interval_exactly_if_no_difference_is_in_its_own() -> None:
    base = [4.0, 5.0, 6.0, 5.5]
    for shift in (-1.5, -0.9, -0.8, -0.1, 0.0, 0.5, 0.8, 1.2):
        arm = [b + shift + d for b, d in zip(base, (0.4, -0.5, 0.6, -0.3), strict=True)]
        differences = interval95([a - b for a, b in zip(arm, base, strict=True)])
        ratio = ratio95(arm, base)
        assert differences is not None
        assert ratio is not None
        assert (differences[0] <= 0 <= differences[1]) == (ratio[0] <= 1 <= ratio[1])
    assert ratio95([1.0, 2.0], [1.0, -1.0]) is None
    assert ratio95([1.0], [2.0]) is None
