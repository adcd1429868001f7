"""Which arm is to be taken at a point: of those that keep all demands, the best."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import worlds

import fleet
from fleet.errors import InputError
from fleet.reports.study import chapter
from fleet.results.metrics import known
from fleet.show.folders import StudyFolder, opened
from fleet.show.regimes import choice, regimes
from fleet.show.sweep import to_be_taken
from fleet.study.demands import bounding, bounds, called, demands, said
from fleet.study.panels import has_map, maps
from fleet.study.slo import objectives
from fleet.study.study import study
from fleet.study.taking import Blank, Taken, best, can_be_taken, to_take

SLO = ["latency_ms.p99 < 50 ms", "cloud: lost <= 10 %"]
HERE = ("noon", 1, 5)


def table(rows: dict[tuple[Any, ...], dict[str, dict[str, list[float | None]]]]) -> pa.Table:
    """Return the table of a study: by place and arm the numbers of replications."""
    scenario = worlds.load(worlds.scenario(slo=SLO))
    keys = [(f"key{k}", pa.int64() if k else pa.string()) for k in range(len(next(iter(rows))))]
    schema = pa.schema(
        [("point", pa.string()), *keys, ("arm", pa.string()), ("replication", pa.int32()),
         ("metric", pa.string()), ("value", pa.float64()), ("unit", pa.string()),
         ("error", pa.string())],
        said(objectives(scenario)),
    )  # fmt: skip
    made = [
        {
            "point": str(place), **{name: x for (name, _), x in zip(keys, place, strict=True)},
            "arm": arm, "replication": r, "metric": metric, "value": value,
            "unit": known(metric).metric.unit.name, "error": None,
        }
        for place, arms in rows.items()
        for arm, metrics in arms.items()
        for metric, values in metrics.items()
        for r, value in enumerate(values)
    ]  # fmt: skip
    return pa.Table.from_pylist(made, schema)


def arm(
    watts: list[float], p99: list[float | None], lost: float = 0.0
) -> dict[str, list[float | None]]:
    return {"power_w.total": [*watts], "latency_ms.p99": p99, "lost": [lost] * len(watts)}


def at(on_sensor: Any, cloud: Any) -> Taken:
    made = table({HERE: {"on_sensor": on_sensor, "cloud": cloud}})
    return to_take(made, "power_w.total")[str(HERE)]


DEAR, CHEAP, MIDDLING = [9.0, 9.1, 9.2], [1.0, 1.1, 1.2], [3.0, 0.5, 4.0]
SOON, LATE = [20.0, 21.0, 22.0], [60.0, 61.0, 62.0]


def test_the_best_of_those_that_keep_all_demands_is_taken() -> None:
    assert at(arm(DEAR, SOON), arm(CHEAP, SOON)) == Taken("cloud", True)
    assert at(arm(DEAR, SOON), arm(CHEAP, LATE)) == Taken("on_sensor", True)
    assert at(arm(DEAR, SOON), arm(CHEAP, SOON, lost=0.2)) == Taken("on_sensor", True)
    assert at(arm(DEAR, SOON, lost=0.2), arm(CHEAP, LATE)) == Taken("on_sensor", True)
    assert at(arm(DEAR, LATE), arm(CHEAP, LATE)) == Taken(None, blank=Blank.NOBODY)
    assert at(arm(CHEAP, SOON), arm(CHEAP, SOON)) == Taken(None, blank=Blank.ALIKE)


def test_a_bound_is_met_to_the_digit() -> None:
    """A tenth is no number of the computer's, and what is demanded is."""
    assert at(arm(DEAR, SOON), arm(CHEAP, SOON, lost=1 / 10)).arm == "on_sensor"
    assert at(arm(DEAR, SOON), arm(CHEAP, SOON, lost=0.0999)).arm == "cloud"
    assert at(arm(DEAR, SOON), arm(CHEAP, [50.0] * 3)).arm == "on_sensor"


def test_it_is_not_shown_where_numbers_overlap_or_a_better_one_may_keep_them() -> None:
    assert at(arm([2.0, 2.1, 2.2], SOON), arm(MIDDLING, SOON)).shown is False
    assert at(arm(DEAR, SOON), arm(CHEAP, [20.0, 60.0, 20.0])) == Taken("on_sensor", False)
    assert at(arm(CHEAP, SOON), arm(DEAR, [20.0, 60.0, 20.0])) == Taken("on_sensor", True)
    assert at(arm(DEAR, SOON), arm(CHEAP, [20.0, None, 20.0])) == Taken("on_sensor", False)


def test_what_is_not_known_is_not_kept() -> None:
    assert at(arm(DEAR, SOON), arm(CHEAP, [None] * 3)) == Taken("on_sensor", True)
    failed = {"power_w.total": CHEAP}
    assert at(arm(DEAR, SOON), failed) == Taken("on_sensor", True)
    some = {**arm(CHEAP, SOON), "lost": [0.0, None, 0.0]}
    assert at(arm(DEAR, SOON), some) == Taken("on_sensor", False)
    bare = {"power_w.total": CHEAP, "lost": [0.0] * 3}  # and it has no latency at all
    assert at(arm(DEAR, SOON), bare) == Taken("on_sensor", True)
    blank = {**arm(CHEAP, SOON), "power_w.total": [1.0, None, 1.2]}
    assert at(arm(DEAR, LATE), blank) == Taken(None, blank=Blank.UNKNOWN)
    assert at(arm(DEAR, SOON), blank) == Taken(None, blank=Blank.UNKNOWN)
    alone = table({HERE: {"on_sensor": arm(DEAR, SOON)}})
    assert best(alone, "power_w.total")[str(HERE)] == Taken(None, blank=Blank.UNKNOWN)


def test_what_failed_has_not_kept_it() -> None:
    made = table({HERE: {"on_sensor": arm(DEAR, SOON), "cloud": arm(CHEAP, SOON)}})
    gone = [i for i, (a, r) in enumerate(zip(made["arm"].to_pylist(),
            made["replication"].to_pylist(), strict=True)) if (a, r) == ("cloud", 1)]  # fmt: skip
    rows = [row for i, row in enumerate(made.to_pylist()) if i not in gone]
    rows.append({**made.to_pylist()[gone[0]], "metric": None, "value": None, "error": "died"})
    failed = pa.Table.from_pylist(rows, made.schema)
    assert to_take(failed, "power_w.total")[str(HERE)] == Taken("on_sensor", False)


def test_what_is_demanded_chooses_nobody() -> None:
    made = table({HERE: {"on_sensor": arm(DEAR, SOON), "cloud": arm(CHEAP, SOON)}})
    assert can_be_taken(made, "power_w.total")
    assert not can_be_taken(made, "lost")
    assert not can_be_taken(made, "frames.captured")  # neither more nor less is better
    bare = made.replace_schema_metadata(None)
    assert not demands(bare)
    assert not can_be_taken(bare, "power_w.total")
    assert not [*to_be_taken(bare, ["power_w.total"])]


def day() -> pa.Table:
    """Return a table of three keys: at noon nobody is in time where the second is 2."""
    return table({
        (hour, k, rate): {
            "on_sensor": arm(DEAR, LATE if (hour, k) == ("noon", 2) else SOON),
            "cloud": arm(CHEAP, SOON if rate == 9 and k == 1 else LATE),
        }
        for hour in ("noon", "night") for k in (1, 2) for rate in (5, 9)
    })  # fmt: skip


def test_of_three_keys_there_is_a_map_for_each_value_of_the_first() -> None:
    made = day()
    assert has_map(made)
    assert [(one.value, one.up, one.across, len(one.rows)) for one in maps(made)] == [
        ("noon", "key1", "key2", 4), ("night", "key1", "key2", 4),
    ]  # fmt: skip
    figure, rows = choice(made, "power_w.total")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["key0: noon", "key0: night"]
    assert rows == [
        ("key0", "key1", "key2", "best", "is_shown", "why_none"),
        ("noon", 1, 5, "on_sensor", 1, ""), ("noon", 1, 9, "cloud", 1, ""),
        ("noon", 2, 5, "", 0, "nobody keeps them"), ("noon", 2, 9, "", 0, "nobody keeps them"),
        ("night", 1, 5, "on_sensor", 1, ""), ("night", 1, 9, "cloud", 1, ""),
        ("night", 2, 5, "on_sensor", 1, ""), ("night", 2, 9, "on_sensor", 1, ""),
    ]  # fmt: skip
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()][-1] == "× nobody keeps them"
    assert [text.get_text() for text in figure.axes[0].texts] == ["×", "×"]
    title = " ".join(figure.get_suptitle().split())
    assert "least power_w.total of the arms that keep latency_ms.p99 < 50 ms" in title
    assert {row[3] for row in regimes(made, "power_w.total")[1][1:]} == {"cloud"}
    (line,) = to_be_taken(made, ["power_w.total", "lost"])
    assert line == (
        "To take by the least power_w.total of the arms that keep latency_ms.p99 < 50 ms and"
        " cloud: lost <= 10 %, of 8 points: on_sensor at 4; cloud at 2; nobody keeps them at 2."
    )


def test_a_page_tells_it_and_calls_arms_by_their_labels(tmp_path: Path) -> None:
    labels = {"cloud": "Servers", "on_sensor": "Sensors"}
    arms = [labels[name] for name in day()["arm"].to_pylist()]
    made = day()
    made = made.set_column(made.column_names.index("arm"), "arm", [arms])
    made = called(made, labels)
    assert [(one.arm, one.text) for one in demands(made)] == [
        (None, "latency_ms.p99 < 50 ms"), ("Servers", "Servers: lost <= 10 %"),
    ]  # fmt: skip
    shown = StudyFolder(
        Path("s"), "s", {"replications": 3, "scenario": "s", "metrics": ["power_w.total"]}, made
    )
    sections = {one.key: str(one.body) for one in chapter(shown, "r1").sections}
    assert "Sensors at 4; Servers at 2; nobody keeps them at 2" in sections["answer"]
    assert sections["regimes"].count("at key0 night") >= 2
    assert "×" in sections["regimes"]


def test_a_study_of_a_scenario_with_demands_says_who_keeps_them(tmp_path: Path) -> None:
    scenario = worlds.load(worlds.scenario(duration="1 s", slo=["latency_ms.p99 < 10 s"]))
    path = tmp_path / "study"
    fleet.sweep(scenario, vary={"cloud.servers": [1, 2]}, output=path, executor="local")
    shown = opened(path)
    assert isinstance(shown, StudyFolder)
    assert [one.text for one in demands(shown.table)] == ["latency_ms.p99 < 10 s"]
    assert all(one.arm for one in to_take(shown.table, "power_w.total").values())


def test_a_demand_that_cannot_be_is_refused_before_anything_runs() -> None:
    scenario = worlds.load(worlds.scenario(slo=["latency_ms.p9 < 10 s"]))
    with pytest.raises(InputError, match=r"no metric 'latency_ms.p9' \(did you mean"):
        study(scenario, {"cloud.servers": [1, 2]})


@pytest.mark.parametrize(
    "written",
    ["{", "[1]", '[{"text": "a"}]', "[" * 5000, "sign", "bound", "metric", "text", "arm", "long"],
)
def test_demands_that_are_damaged_are_refused(written: str, tmp_path: Path) -> None:
    scenario = worlds.load(worlds.scenario(duration="1 s", slo=["latency_ms.p99 < 10 s"]))
    path = tmp_path / "study"
    fleet.sweep(scenario, vary={"cloud.servers": [1]}, output=path, executor="local")
    import pyarrow.parquet as pq

    made = pq.read_table(path / "results.parquet")
    row = demands(made)[0]._asdict()
    if written in row:
        written = json.dumps([{**row, written: 5 if written in ("text", "arm") else "1/0"}])
    elif written == "long":
        written = json.dumps([{**row, "bound": "1e999999999"}])
    changed = made.replace_schema_metadata({b"fleet.demands": written.encode()})
    pq.write_table(changed, path / "results.parquet")
    with pytest.raises(InputError, match="is damaged or not whole"):
        opened(path)


def test_a_bound_is_not_taken_whatever_it_is_called() -> None:
    made = table({HERE: {"on_sensor": arm(DEAR, SOON), "cloud": arm(CHEAP, SOON)}})
    told = {**made.schema.metadata, b"fleet.bounds": b'["cloud"]'}
    made = made.replace_schema_metadata(told)
    assert bounds(made) == ["cloud"]
    assert to_take(made, "power_w.total")[str(HERE)] == Taken("on_sensor", True)
    assert bounds(called(made, {"cloud": "Servers"})) == ["Servers"]
    for damaged in (b"7", b"[1]", b"{"):
        with pytest.raises(ValueError, match=r"bounds|Expecting"):
            bounds(made.replace_schema_metadata({b"fleet.bounds": damaged}))


def test_arms_that_ask_as_an_oracle_does_are_bounds() -> None:
    ask = {"model": "cloudy", "codec": "fixed-codec", "encoder": "test-camera"}
    base = {"device": "test-ai", "mode": "small", "model": "tiny"}
    arms = {
        "filter": {**base, "ask": {**ask, "when": "found"}},
        "oracle": {**base, "ask": {**ask, "when": "oracle"}},
        "per": {**base, "per": {"cam": {"ask": {**ask, "when": "oracle"}}}},
        "mixed": {"place": {"cam": "oracle", "default": "filter"}},
        "plain": {"place": {"cam": "filter"}},
    }
    model = worlds.load(worlds.scenario(arms=arms)).model
    assert bounding(model, arms) == {b"fleet.bounds": b'["oracle", "per", "mixed"]'}
    assert bounding(model, ["filter", "plain"]) == {}
