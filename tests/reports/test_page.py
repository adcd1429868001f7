"""A report: one file that says what the record says, runs nothing of others and asks nobody."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cities
import numpy as np
import pytest
import worlds
from hypothesis import given
from hypothesis import strategies as st
from pages import Page

import fleet
from fleet import doors
from fleet.errors import InputError
from fleet.reports import charts, markup, power
from fleet.reports.fairness import sensors
from fleet.reports.scale import Scale, linear, logarithmic
from fleet.results.record import Record
from fleet.show import streets, words
from fleet.show.links import distinct
from fleet.show.seconds import MOST, bins_of, course

HELSINKI = Path(__file__).parents[2] / "results" / "helsinki"
SECTIONS = ["answer", "delivered", "latency", "bandwidth", "power", "time", "map", "fairness",
            "uses", "numbers", "assumptions", "provenance"]  # fmt: skip


def text_of(results: Any, tmp_path: Path) -> str:
    return fleet.report(results, tmp_path / "page.html").read_text("utf-8")


@pytest.fixture(scope="module")
def run() -> Record:
    return cities.small()


@pytest.fixture(scope="module")
def hostile() -> Record:
    return cities.hostile()


@pytest.fixture(scope="module")
def page(run: Record, tmp_path_factory: pytest.TempPathFactory) -> Page:
    return Page(text_of(run, tmp_path_factory.mktemp("page")))


def test_a_page_is_the_same_to_the_byte_whoever_makes_it_again(
    run: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run.folder is not None
    first = fleet.report(run)
    assert first == run.folder / "report.html"
    text = first.read_bytes()
    moved = tmp_path / "elsewhere"
    shutil.copytree(run.folder, moved)
    monkeypatch.chdir(tmp_path)
    assert fleet.report(moved).read_bytes() == text
    assert Record.load(moved).report(tmp_path / "again.html").read_bytes() == text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.html", "elsewhere"]


def test_a_page_asks_nobody_and_runs_only_its_own_script(page: Page) -> None:
    assert page.left == []
    for address in page.values("src", "href", "action", "data", "xlink:href"):
        assert address.startswith("#") or address == "data:,", address
    (policy,) = page.values("content")[:1]
    assert policy.startswith("default-src 'none'; img-src data:; ")
    for kind, texts in (("script-src", page.scripts), ("style-src", page.styles)):
        (text,) = texts
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in policy
    assert "url(" not in page.styles[0]
    assert "@import" not in page.styles[0]
    assert not [a for _, a in page.elements if any(k == "style" or k.startswith("on") for k in a)]


def test_the_answer_stands_first_and_then_all_sections(run: Record, page: Page) -> None:
    kinds = [a["data-kind"] for name, a in page.elements if name == "section"]
    assert kinds == SECTIONS
    said = " ".join(page.texts)
    assert "✗ 1 of 4 objectives are missed, by cloud." in said
    for line in fleet.digest(run).splitlines()[1:-1]:
        assert line.removeprefix("- ") in said, line
    for row in run.summary["assumptions"]:
        assert doors.terminal(row["source"]) in said
    for what in (run.summary["fingerprint"], run.summary["scenario"]["digest"], "SplitMix64"):
        assert what in said
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in page.values("href") if link != "data:,"} <= set(ids)


def test_charts_say_what_they_show_and_their_numbers_unfold(page: Page) -> None:
    drawings = [a for _, a in page.elements if a.get("class") in ("chart", "map")]
    assert len(drawings) > 20
    for attributes in drawings:
        assert attributes["role"] == "img"
        assert len(attributes["aria-label"] or "") > 20
    assert page.texts.count("Numbers of this chart") > 15


@pytest.mark.slow
def test_studies_sensitivities_and_plans_are_chapters(run: Record, tmp_path: Path) -> None:
    folders = cities.studies()
    whole = Page(text_of([run, *folders.values()], tmp_path))
    assert whole.left == []
    assert len(whole.scripts) == 1
    ids = whole.values("id")
    assert len(ids) == len(set(ids))
    kinds = [a["data-kind"] for name, a in whole.elements if name == "section"]
    assert kinds[len(SECTIONS) :] == [
        "answer", "curves", "numbers", "provenance",
        "answer", "curves", "regimes", "numbers", "provenance",
        "answer", "tornado", "indices", "ranges", "provenance",
        "answer", "slack", "sure", "provenance",
    ]  # fmt: skip
    said = " ".join(whole.texts)
    for label in cities.LABELS:  # of arms, which do nothing but stand there
        assert label in said
    assert "on_sensor" not in said.partition("Best in")[2].partition("What was asked")[0]
    for name, folder in folders.items():
        page = fleet.report(folder)
        assert page == folder / "report.html"
        text = page.read_bytes()
        assert fleet.report(folder).read_bytes() == text, name


def test_several_folders_are_chapters_of_one_page(run: Record, tmp_path: Path) -> None:
    assert run.folder is not None
    both = Page(text_of([run, run.folder], tmp_path))
    ids = both.values("id")
    assert len(ids) == len(set(ids)) == 2 * len(SECTIONS)
    names = [a["name"] for name, a in both.elements if name == "input"]
    assert len(set(names)) == 4
    assert [name for name, _ in both.elements].count("h1") == 1


@pytest.mark.parametrize("scope", ["network", "network and servers", "everything"])
def test_parts_of_a_boundary_are_its_power(scope: str, run: Record) -> None:
    for arm in run.arms.values():
        for energy, totals in arm["power_by_boundary_w"].items():
            parts = power.parts_w(arm, energy, scope)
            assert sum(parts.values()) == pytest.approx(totals[scope], rel=1e-12)


def test_carbon_of_the_own_boundary_is_that_of_the_record(run: Record, page: Page) -> None:
    chosen = [k for k, (n, a) in enumerate(page.elements) if n == "input" and "checked" in a]
    assert len(chosen) == 2
    for arm in run.arms.values():
        kg = arm["power_w"]["total"] * 8.766 * run.summary["grid"]["co2e_g_per_kwh"] / 1e3
        assert kg / run.summary["sensors"] == pytest.approx(arm["carbon_kg_per_sensor_year"])
        assert f"{arm['carbon_kg_per_sensor_year']:.4g}" in page.texts


def test_the_time_line_adds_up_to_the_record(run: Record) -> None:
    bins = bins_of(run)
    assert bins.each_s == 1
    assert bins.start_s.tolist() == [1, 2, 3, 4, 5]
    for arm, numbers in run.arms.items():
        found = course(run, arm, bins)
        for name, link in numbers["bandwidth_mbit_s"].items():
            assert found.mbit_s[name].mean() == pytest.approx(link["mean"], rel=1e-9)
        assert found.waiting.max() > 0
        for replication in (0, 1):
            rows = run.tables.of("latencies", arm, replication).to_pydict()
            here = [k for k, start in enumerate(rows["start_s"]) if start == 3]
            each = np.repeat(
                [rows["latency_ns_upper"][k] for k in here], [rows["results"][k] for k in here]
            )
            each.sort()
            rank = int(np.ceil(0.99 * len(each))) - 1
            told = course(one_replication(run, arm, replication), arm, bins).p99_ms[2]
            assert told == pytest.approx(each[rank] * 1e-6, rel=1e-12)


def one_replication(record: Record, arm: str, replication: int) -> Record:
    """Return a record of one replication of an arm."""
    import pyarrow as pa

    tables = [
        record.tables.of(name, arm, replication)
        .add_column(0, "replication", pa.array([0] * len(record.tables.of(name, arm, replication))))
        .add_column(0, "arm", pa.array([arm] * len(record.tables.of(name, arm, replication))))
        for name in record.tables._fields
    ]
    numbers = {arm: [record.numbers[arm][replication]]}
    return Record(record.scenario, record.summary, numbers, read=type(record.tables)(*tables))


def test_frames_that_did_not_become_results_are_those_of_the_record(run: Record) -> None:
    bins = bins_of(run)
    for arm, numbers in run.arms.items():
        missing = course(run, arm, bins).missing
        lost = sum(numbers["frames"]["lost"].values()) + sum(numbers["frames"]["skipped"].values())
        assert (np.nanmax(missing) > 0) == (lost > 0)


def test_long_runs_have_no_more_bins_than_a_page_can_show(run: Record) -> None:
    summary = {**run.summary, "simulated_s": 86_400.0}
    bins = bins_of(Record(run.scenario, summary, run.numbers, read=run.tables))
    assert MOST / 2 <= bins.many <= MOST
    assert bins.many * bins.each_s >= 86_399
    assert bins.of(np.array([1.0, 86_399.9])).tolist() == [0, bins.many - 1]


def test_sensors_of_a_page_are_those_of_the_arm(run: Record) -> None:
    for arm, numbers in run.arms.items():
        one = sensors(run, arm)
        assert one.results.sum() == pytest.approx(numbers["frames"]["results"])
        frames = numbers["frames"]
        due = frames["captured"] + frames["in_flight_before"]
        assert one.due.sum() == pytest.approx(due)
        late = np.nansum(one.latency_ms * one.results) / one.results.sum()
        assert late == pytest.approx(numbers["latency_ms"]["mean"], rel=1e-2)


def test_links_that_carry_the_same_are_one(run: Record) -> None:
    names = [name for one in distinct(run) for name in one]
    assert sorted(names) == sorted({n for a in run.arms.values() for n in a["bandwidth_mbit_s"]})
    same = {name: {"mean": 5.0} for name in ("a", "b")}
    arms = {"x": {"bandwidth_mbit_s": {**same, "c": {"mean": 5.1}}}}
    record = Record(run.scenario, {"arms": arms}, {})
    assert distinct(record) == [["a", "b"], ["c"]]


def test_the_map_holds_every_sensor_and_what_its_cell_carried(run: Record, page: Page) -> None:
    (data,) = [one for one in page.data if "sites" in one]
    assert data["sites"] == [f"shop-{k}" for k in range(6)]
    assert sum(data["sensors"]) == run.summary["sensors"]
    for arm, numbers in run.arms.items():
        frames = sum(data["arms"][arm]["results"])
        assert frames == pytest.approx(numbers["frames"]["results"], abs=len(data["site"]))
    moments = data["moments"]
    assert moments["units"] == ["c0", "c1"]
    assert moments["unit"] == [0, 1, 0, 1, 0, 1]
    assert moments["down"] == [[0, 2.0, 3.0]]
    codes = np.frombuffer(base64.b64decode(moments["arms"]["cloud"][0]), "<u2")
    mbit_s = codes.reshape(2, moments["many"]) / 65535 * moments["most"][0]
    mean = run.arms["cloud"]["bandwidth_mbit_s"]["port"]["mean"]
    assert mbit_s.sum(axis=0).mean() == pytest.approx(mean, rel=1e-3)
    assert [name for name, _ in page.elements].count("circle") >= 6
    assert streets.CREDIT in page.texts  # they lie in central Helsinki


def test_streets_are_shown_only_where_they_are_known() -> None:
    assert streets.streets(np.array([24.94, 24.95]), np.array([60.17, 60.175]))
    assert streets.streets(np.array([24.94, 2.35]), np.array([60.17, 48.86])) == []
    assert streets.streets(np.array([]), np.array([])) == []


def test_a_run_without_places_sights_and_prices_says_so(tmp_path: Path) -> None:
    data = worlds.scenario(duration="1 s", slo=[])
    record = fleet.run(worlds.load(data), executor="local", figures=False)
    page = Page(text_of(record, tmp_path))
    kinds = [a["data-kind"] for name, a in page.elements if name == "section"]
    assert kinds == [kind for kind in SECTIONS if kind != "map"]
    said = " ".join(page.texts)
    assert "No objectives were stated" in said
    assert "Cost: the scenario names no price book" in said
    assert "This record was not written to a folder" in said


def test_hostile_names_stand_in_a_page_and_do_nothing(hostile: Record, tmp_path: Path) -> None:
    text = text_of(hostile, tmp_path)
    page = Page(text)
    assert page.left == []
    assert {name for name, _ in page.elements} <= {
        "html", "head", "meta", "link", "title", "style", "body", "a", "main", "article", "header",
        "nav", "section", "h1", "h2", "h3", "p", "ul", "li", "figure", "figcaption", "details",
        "summary", "table", "caption", "thead", "tbody", "tr", "th", "td", "div", "span", "svg",
        "g", "rect", "line", "path", "circle", "text", "fieldset", "legend", "label", "input",
        "script",
    }  # fmt: skip
    assert len(page.scripts) == 1
    assert not [a for _, a in page.elements if any(k.startswith("on") for k in a)]
    assert text.replace("\n", "").isprintable()
    (data,) = [one for one in page.data if "sites" in one]
    wanted = {doors.terminal(name) for name in (one.id for one in sites_of(hostile))}
    assert set(data["sites"]) == wanted
    said = " ".join(page.texts)
    for name in wanted:
        assert any(name in part for part in page.texts), name
    assert "</script><script>window.hacked=1</script>" in said  # the credit and a source


def sites_of(record: Record) -> list[Any]:
    from fleet.scenario.city import read_sites

    return read_sites(record.scenario.file("sites.csv"))


@given(st.text())
def test_any_text_in_an_element_or_attribute_is_text(text: str) -> None:
    made = markup.tag("p", text, aria_label=text)
    page = Page(str(made))
    assert [name for name, _ in page.elements] == ["p"]
    assert html.unescape(page.elements[0][1]["aria-label"] or "") == html.unescape(
        html.unescape(doors.html(text))
    )
    assert "".join(page.texts) == doors.terminal(text)


@given(st.lists(st.floats(1e-9, 1e12), min_size=1), st.booleans())
def test_scales_hold_their_values_and_mark_round_ones(values: list[float], log: bool) -> None:
    scale = logarithmic(values) if log else linear(values)
    assert scale.low <= min(values) * (1 + 1e-9)
    assert scale.high >= max(values) * (1 - 1e-9)
    places = scale.at(np.array(sorted(values)))
    assert (np.diff(places) >= 0).all()
    assert places.min() >= 0
    assert places.max() <= 1
    ticks = scale.ticks()
    assert 1 < len(ticks) <= 12
    slack = 1e-9 * (scale.high - scale.low)
    assert all(scale.low - slack <= x <= scale.high + slack for x in ticks)


def test_scales_of_nothing_and_of_one_value_have_a_width() -> None:
    for scale in (linear([]), linear([3.0], zero=False), logarithmic([]), logarithmic([5.0])):
        assert scale.high > scale.low
    assert Scale(0, 10).place(5) == 0.5
    assert Scale(1, 100, log=True).place(10) == pytest.approx(0.5)
    assert np.isnan(Scale(1, 100, log=True).at(np.array([np.nan]))).all()


def test_numbers_have_their_interval_and_ratios_are_said_as_people_do(run: Record) -> None:
    for arm, numbers in run.arms.items():
        text = words.said(run, arm, "power_w.total")
        low, high = words.ends(run, arm, "power_w.total")
        mean, _, half = text.removesuffix(" W").partition("±")
        assert float(mean) == pytest.approx(numbers["power_w"]["total"], rel=1e-2)
        assert float(half) == pytest.approx((high - low) / 2, rel=0.1)
        assert words.said(run, arm, "power_w.total", unit=False) == text.removesuffix(" W")
        assert words.said(run, arm, "cost_usd_per_sensor_month.total") == "–"
        assert all(np.isnan(words.ends(run, arm, "cost_usd_per_sensor_month.total")))
    told = {0.472: "-52.8 %", 1.6: "+60 %", 3.08: "3.08 times", 0.00001: "-99.999 %", 0.0: "-100 %"}
    assert {ratio: words.against(ratio) for ratio in told} == told


def test_intervals_stand_over_bars_only_where_they_are_known() -> None:
    known = charts.Bar("a", [1.0, 2.0], "3", [0, 1], 2.0, 4.0)
    page = Page(str(charts.bars([known, known._replace(low=np.nan, high=np.nan)], "bars")))
    marks = [a for _, a in page.elements if a.get("class") == "interval"]
    assert [(a["x1"], a["x2"]) for a in marks] == [
        ("50%", "100%"),
        ("50%", "50%"),
        ("100%", "100%"),
    ]
    wide = [a["width"] for name, a in page.elements if name == "rect" and a["y"] == "18"]
    assert wide == ["100%", "25%", "50%"]


def test_fairness_is_what_the_numbers_say(run: Record, page: Page) -> None:
    """One source for table, objectives and page: the metric, with its interval."""
    for arm, numbers in run.arms.items():
        for place in ("fairness", *(f"fairness.by_group.{g}" for g in numbers["groups"])):
            for measure in ("jain", "answered_worst_tenth", "latency_ms_worst_tenth"):
                assert words.said(run, arm, f"{place}.{measure}") in page.texts


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda run, tmp: fleet.report(tmp), "is not a result folder of this version"),
        (lambda run, tmp: fleet.report([]), "at least one folder of results; name one"),
        (lambda run, tmp: fleet.report(run, tmp), "is a folder; name a file, such as"),
        (lambda run, tmp: fleet.report(run, tmp / "a" / "b.html"), "is no folder; make it first"),
        (lambda run, tmp: fleet.report([run, run]), "needs a place: -o FILE, or path="),
        (lambda run, tmp: fleet.report(run, tmp / ("x" * 300)), "is a name of 300 bytes"),
        (
            lambda run, tmp: fleet.report(Record(run.scenario, run.summary, run.numbers)),
            "was not written to a folder; say where to write: path=",
        ),
    ],
)
def test_bad_places_are_told_and_nothing_is_left(
    ask: Callable[[Record, Path], Path], said: str, run: Record, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        ask(run, tmp_path)
    assert said in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_fails_leaves_the_one_before(
    run: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = fleet.report(run, tmp_path / "page.html")
    before = place.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(InputError, match=r"cannot write a report to .*: No space left on device"):
        fleet.report(run, place)
    assert place.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def spoiled(folder: Path, name: str, change: Callable[[Any], Any]) -> Path:
    """Change a file of a result folder as an editor could."""
    file = folder / name
    file.write_text(json.dumps(change(json.loads(file.read_text("utf-8")))), "utf-8")
    return folder


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("summary.json", lambda found: {k: v for k, v in found.items() if k != "slo"}),
        ("summary.json", lambda found: {**found, "simulated_s": float("nan")}),
        ("summary.json", lambda found: {**found, "arms": {}}),
        ("summary.json", lambda found: {**found, "assumptions": 7}),
        ("summary.json", lambda found: {**found, "sensors": "many"}),
        ("replications.json", lambda found: {"cloud": []}),
        ("run.json", lambda found: [found]),
    ],
)
def test_folders_that_were_edited_are_refused_in_a_line(
    name: str, change: Callable[[Any], Any], run: Record, tmp_path: Path
) -> None:
    assert run.folder is not None
    folder = tmp_path / "edited"
    shutil.copytree(run.folder, folder)
    (folder / "report.html").unlink(missing_ok=True)
    before = sorted(folder.iterdir())
    with pytest.raises(
        InputError, match="cannot be shown, its files do not fit together"
    ) as caught:
        fleet.report(spoiled(folder, name, change))
    assert "\n" not in str(caught.value)
    assert sorted(folder.iterdir()) == before


def test_links_in_a_folder_of_a_stranger_are_replaced_and_not_followed(
    run: Record, tmp_path: Path
) -> None:
    assert run.folder is not None
    folder, mine = tmp_path / "theirs", tmp_path / "mine.txt"
    shutil.copytree(run.folder, folder)
    (folder / "report.html").unlink(missing_ok=True)
    mine.write_text("mine")
    (folder / "report.html").symlink_to(mine)
    place = fleet.report(folder)
    assert mine.read_text() == "mine"
    assert not place.is_symlink()
    assert place.read_text("utf-8").startswith("<!doctype html>")


def test_the_command_writes_a_page_and_says_where(
    run: Record, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from fleet.cli.main import main

    for arguments, code in (
        (["report", str(run.folder), "-o", str(tmp_path / "a.html")], 0),
        (["report", str(tmp_path)], 2),
        (["report"], 2),
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == code
    said = capsys.readouterr()
    assert said.out.splitlines()[0] == str(tmp_path / "a.html")
    assert "fleet: '" in said.err


def test_a_page_is_made_without_what_takes_long_to_import() -> None:
    code = "import sys, fleet.reports.write; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"matplotlib", "ray", "onnxruntime", "fleet.columns.shard"} & set(
        done.stdout.split()
    )


@pytest.mark.slow
def test_helsinki_fits_a_mail_and_shows_its_streets(tmp_path: Path) -> None:
    text = text_of(HELSINKI, tmp_path)
    assert len(text.encode()) < 1_500_000
    page = Page(text)
    assert page.left == []
    assert streets.CREDIT in page.texts
    (data,) = [one for one in page.data if "sites" in one]
    assert len(data["sites"]) == 1486
    assert sum(data["sensors"]) == 2609
    assert len(page.values("d")) > 20
    assert json.loads((HELSINKI / "run.json").read_text())["git_commit"] in page.texts


def test_notebooks_show_records_and_scenarios_without_scripts(run: Record, hostile: Record) -> None:
    for record in (run, hostile):
        for shown in (record._repr_html_(), record.scenario._repr_html_()):
            page = Page(shown)
            assert page.left == []
            names = {name for name, _ in page.elements}
            assert {"table", "svg"} <= names
            assert not names & {"script", "style", "img"}
            assert len(shown) < 20_000
    assert "1 of 4 objectives missed" in run._repr_html_()
    assert re.search(r">cam</th><td[^>]*>6</td><td[^>]*>40 fps<", run.scenario._repr_html_())


def test_a_scenario_whose_sites_are_not_there_is_shown_all_the_same(tmp_path: Path) -> None:
    data = worlds.scenario(city={"sites": "nowhere.csv"})
    data["sensors"]["cam"] = {"at": {"kind": "shop"}, "app": "watch", "uplink": "cell"}
    page = Page(worlds.load(data)._repr_html_())
    assert "–" in page.texts
    assert "svg" not in {name for name, _ in page.elements}


def test_the_package_lists_its_api() -> None:
    assert dir(fleet) == fleet.__all__
    assert "report" in dir(fleet)
