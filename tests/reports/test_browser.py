"""A report in a real browser: nothing asked for, nothing complained of, usable by everyone."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import cities
import pytest
from browser import AXE, Browser, missing

import fleet
from fleet.lab.fetch import assets
from fleet.results.record import Record

pytestmark = pytest.mark.slow
NEEDED = "FLEET_BROWSER"
"""Where this is set, as in CI, tests in a browser fail if they cannot run, and are not skipped."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    lacks = missing()
    if lacks and os.environ.get(NEEDED):
        pytest.fail(f"{NEEDED} is set, and {lacks}")
    if lacks:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn(f"reports were not opened in a browser: {lacks}", stacklevel=1)
        pytest.skip(lacks)
    with Browser() as found:
        yield found


@pytest.fixture(scope="module")
def run() -> Record:
    return cities.small()


@pytest.fixture(scope="module")
def hostile() -> Record:
    return cities.hostile()


@pytest.fixture(scope="module")
def page(run: Record, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fleet.report(run, tmp_path_factory.mktemp("page") / "page.html")


def violations(browser: Browser) -> list[str]:
    """Return what axe-core finds, with the first element of each."""
    browser.run((assets.folder(AXE) / "axe.min.js").read_text("utf-8"))
    found = browser.run("axe.run().then((r) => JSON.stringify(r.violations))")
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in json.loads(found)]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 360])
def test_a_page_is_accessible_asks_nobody_and_fits(
    width: int, dark: bool, browser: Browser, page: Path
) -> None:
    browser.open(page, width=width, dark=dark)
    assert browser.requests() == []
    assert browser.complaints() == []
    assert browser.run("document.documentElement.scrollWidth") == width
    shown = browser.run("getComputedStyle(document.body).backgroundColor")
    assert shown == ("rgb(20, 22, 26)" if dark else "rgb(255, 255, 255)")
    assert violations(browser) == []


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (360, True)])
def test_chapters_of_all_kinds_are_accessible(
    width: int, dark: bool, browser: Browser, run: Record, tmp_path: Path
) -> None:
    folders = [run, *cities.studies().values()]
    browser.open(fleet.report(folders, tmp_path / "all.html"), width=width, dark=dark)
    assert browser.requests() == []
    assert browser.complaints() == []
    assert browser.run("document.documentElement.scrollWidth") == width
    assert violations(browser) == []


def test_what_matters_is_there_without_scripts(browser: Browser, page: Path) -> None:
    browser.open(page, script=False)
    assert browser.complaints() == []
    seen = browser.run("document.body.innerText")
    assert "objectives are missed, by cloud" in seen
    assert "With JavaScript on:" in seen
    heights = browser.run(
        "[...document.querySelectorAll('svg.chart, svg.map')].map((e) => e.checkVisibility()"
        " ? e.getBoundingClientRect().height : 100)"
    )
    assert len(heights) > 20
    assert min(heights) > 20
    assert browser.run("document.querySelectorAll('.by-scope:not(:empty)').length") == 12
    visible = (
        "[...document.querySelectorAll('.by-scope')].filter((e) => e.checkVisibility()).length"
    )
    assert browser.run(visible) == 1
    browser.run("document.querySelector('.energy-2').click()")
    assert browser.run(visible) == 1
    assert "network energy: convention" in browser.run(
        "[...document.querySelectorAll('.by-scope')].find((e) => e.checkVisibility()).innerText"
    )


def test_a_page_is_printed_with_all_its_numbers(
    browser: Browser, page: Path, tmp_path: Path
) -> None:
    browser.open(page)
    browser.run("addEventListener('beforeprint', () => { window.unfolded ="
                " document.querySelectorAll('details[open]').length; })")  # fmt: skip
    browser.printed(tmp_path / "page.pdf")
    pdf = (tmp_path / "page.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert pdf.count(b"/Type /Page\n") > 3
    assert browser.run("window.unfolded === document.querySelectorAll('details').length")
    assert browser.run("document.querySelectorAll('details[open]').length") == 0
    browser.open(page, media="print", width=794)
    hidden = "[...document.querySelectorAll('nav, .controls, .switch')]"
    assert browser.run(f"{hidden}.some((e) => e.checkVisibility())") is False
    assert browser.run("document.querySelector('.map').checkVisibility()") is True


def test_the_keyboard_is_enough(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.press("Tab", 9)
    assert browser.run("document.activeElement.textContent") == "Skip to the answer"
    assert browser.run("document.activeElement.getBoundingClientRect().x") >= 0
    stops = []
    for _ in range(80):
        browser.press("Tab", 9)
        stops.append(
            browser.run("document.activeElement.tagName + '.' + document.activeElement.type")
        )
    for kind in ("A.", "INPUT.radio", "INPUT.range", "SELECT.select-one", "INPUT.search"):
        assert kind in stops, kind
    browser.run("document.querySelector('#r1-time input[type=range]').focus()")
    browser.press("ArrowRight", 39)
    assert "At 2 s" in browser.run("document.querySelector('#r1-time .cursor').innerText")
    said = "document.querySelector('#r1-time input').getAttribute('aria-valuetext')"
    assert browser.run(said) == "2 seconds"


def test_the_map_shows_other_arms_moments_and_a_site(
    browser: Browser, page: Path, run: Record
) -> None:
    browser.open(page)
    dots = "[...document.querySelectorAll('#r1-map circle')]"
    colours = f"{dots}.map((e) => e.className.baseVal).join()"
    first = browser.run(colours)
    ramp = "document.querySelector('#r1-map .ramp').textContent"
    legend = browser.run(ramp)
    browser.open(page, script=False)
    assert browser.run(colours) == first  # the script colours sites as the page does without it
    assert browser.run(ramp) == legend
    browser.open(page)
    browser.run("(() => { const [arm, metric] = document.querySelectorAll('#r1-map select');"
                " metric.value = 'load';"
                " metric.dispatchEvent(new Event('change')); })()")  # fmt: skip
    assert browser.run(colours) != first
    browser.run("(() => { const s = document.querySelector('#r1-map input[type=range]');"
                " s.value = 1; s.dispatchEvent(new Event('input')); })()")  # fmt: skip
    assert browser.run("document.querySelectorAll('#r1-map .down').length") == 3
    assert "from 2 s on" in browser.run("document.querySelector('#r1-map figcaption').textContent")
    browser.run("(() => { const f = document.querySelector('#r1-map input[type=search]');"
                " f.value = 'shop-3'; f.dispatchEvent(new Event('input')); })()")  # fmt: skip
    card = browser.run("document.querySelector('#r1-map .card').innerText")
    assert "Its shared links: c1" in card
    (row,) = (r for r in run.tables.of("sensors", "cloud", 0).to_pylist() if r["site"] == "shop-3")
    assert f"{row['captured']:,}" in card
    box = browser.run("(() => { const b = document.querySelectorAll('#r1-map circle')[5]"
                      ".getBoundingClientRect(); scrollTo(0, b.y - 300);"
                      " const c = document.querySelectorAll('#r1-map circle')[5]"
                      ".getBoundingClientRect(); return [c.x + 2, c.y + 2]; })()")  # fmt: skip
    for kind in ("mousePressed", "mouseReleased"):
        browser.ask("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left",
                    clickCount=1)  # fmt: skip
    assert "shop-5" in browser.run("document.querySelector('#r1-map .card').innerText")
    assert violations(browser) == []


def test_assumptions_are_searched_and_sorted(browser: Browser, page: Path, run: Record) -> None:
    browser.open(page)
    rows = "[...document.querySelectorAll('#r1-assumptions tbody tr')].filter((r) => !r.hidden)"
    many = len(run.summary["assumptions"])
    assert browser.run(f"{rows}.length") == many
    browser.run("(() => { const f = document.querySelector('#r1-assumptions input');"
                " f.value = 'WATCH dwell'; f.dispatchEvent(new Event('input')); })()")  # fmt: skip
    assert browser.run(f"{rows}.map((r) => r.cells[0].textContent)") == ["watch.dwell"]
    assert browser.run("document.querySelector('#r1-assumptions [role=status]').textContent") == (
        f" 1 of {many} rows"
    )
    browser.run("(() => { const f = document.querySelector('#r1-assumptions input');"
                " f.value = ''; f.dispatchEvent(new Event('input'));"
                " })()")  # fmt: skip
    browser.run("document.querySelectorAll('#r1-assumptions th button')[5].click()")
    years = browser.run(f"{rows}.map((r) => Number(r.cells[5].textContent))")
    assert years == sorted(years)
    assert len(years) == many
    assert (
        browser.run("document.querySelectorAll('#r1-assumptions [aria-sort=ascending]').length")
        == 1
    )
    assert violations(browser) == []


def test_hostile_names_do_nothing_in_a_browser(
    browser: Browser, hostile: Record, tmp_path: Path
) -> None:
    browser.open(fleet.report(hostile, tmp_path / "page.html"))
    sites = browser.run("document.querySelectorAll('#r1-map datalist option').length")
    assert sites == len(hostile.tables.of("sensors", "cloud", 0))
    browser.run("(() => { const f = document.querySelector('#r1-map input[type=search]');"
                " for (const o of document.querySelectorAll('#r1-map datalist option'))"
                " { f.value = o.value; f.dispatchEvent(new Event('input')); } })()")  # fmt: skip
    assert browser.run("document.querySelectorAll('#r1-map .card h3').length") == 1
    assert browser.run("window.hacked === undefined")
    assert browser.requests() == []
    assert browser.complaints() == []
    assert violations(browser) == []


def test_a_page_that_asks_for_something_would_be_seen(
    browser: Browser, page: Path, tmp_path: Path
) -> None:
    """The tests above see a request, a script of others, and a picture without words."""
    text = page.read_text("utf-8")
    policy = text.partition('content="default')[2].partition('"')[0]
    (tmp_path / "own.css").write_text("")
    worse = tmp_path / "worse.html"
    added = '<img src="own.png"><script>window.hacked = 1</script>'
    worse.write_text(text.replace("</main>", f"{added}</main>"), "utf-8")
    browser.open(worse)
    assert len(browser.complaints()) == 2
    assert browser.run("window.hacked === undefined")
    worse.write_text(worse.read_text("utf-8").replace(f"default{policy}", ""), "utf-8")
    browser.open(worse)
    assert [Path(url).name for url in browser.requests()] == ["own.png"]
    assert browser.run("window.hacked === 1")
    assert "image-alt" in violations(browser)[0]
