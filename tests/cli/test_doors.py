"""Names and cells of strangers go through the real commands and do nothing but stand there."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import worlds
import yaml
from eyes_nets import net, node
from hypothesis import given
from hypothesis import strategies as st
from test_cli import ROOT, fleet

from fleet import doors

RED, TURNED, TITLE = "\x1b[31mred", "cell\u202etxt.exe", "\x9b2J\x07\x7f"
FORMULA, FAKE, MATH = "=cmd|'/c calc'!A0", "shop\n✓ all kept", r"$\frac{1$ x_1"
HOSTILE = (RED, TURNED, TITLE, FORMULA, FAKE, MATH, "[bold red]loud[/]")


def test_a_text_for_a_terminal_shows_all_its_characters() -> None:
    assert doors.terminal("Töölö, 3 µs — ✓") == "Töölö, 3 µs — ✓"
    assert doors.terminal(RED) == r"\x1b[31mred"
    assert doors.terminal(TURNED) == r"cell\u202etxt.exe"
    assert doors.terminal("a\nb\t\r\x00\u2028\ud800") == r"a\nb\t\r\x00\u2028\ud800"


@given(st.text())
def test_terminals_get_what_can_be_seen(text: str) -> None:
    assert doors.terminal(text).isprintable()


@given(st.text(), st.dictionaries(st.text(), st.floats(allow_nan=False)))
def test_json_for_a_terminal_means_the_same(text: str, numbers: dict[str, float]) -> None:
    said = doors.json_text({"text": text, "numbers": numbers})
    assert json.loads(said) == {"text": text, "numbers": numbers}
    assert said.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "  =1", "\t=1", "\uff1d1", "a;=1+1", "a,=1", "x|@y",
     "-port", "\n=1"],
)  # fmt: skip
def test_a_cell_is_no_formula(text: str) -> None:
    cell = doors.csv_cell(text)
    assert cell.replace("'", "") == doors.terminal(text)
    for part in re.split("[,;|]", cell):
        assert part.lstrip()[:1] not in set("=+-@\uff1d"), cell


@pytest.mark.parametrize("cell", ["-0.5", "+3", "-inf", "1e-9", "nan", "port/site-12", "", 3, -2.5])
def test_numbers_and_names_stay_as_they_are(cell: Any) -> None:
    assert doors.csv_cell(cell) == cell


def test_a_text_for_a_page_is_text() -> None:
    text = "<script>alert(\"x & 'y'\")</script>"
    assert not set(doors.html(text)) & set("<>\"'")
    assert html.unescape(doors.html(text)) == text
    assert doors.html("\x1b<") == r"\x1b&lt;"


def test_a_text_for_a_paper_is_text() -> None:
    said = doors.latex(r"\input{/etc/passwd} 50 % of $x_1^2$ & #~<>|" + '"')
    assert r"\textbackslash{}input\{/etc/passwd\}" in said
    assert r"50 \% of \$x\_1\textasciicircum{}2\$ \& \#" in said
    assert said.endswith(r"{\char34}")  # \textquotedbl is not in every encoding of fonts
    said = said.replace("{}", "").replace(r"{\char34}", "")
    assert not re.search(r"(?<!\\)[{}$&#%_^~](?<!\{\})", said)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a scenario with hostile sites, an attribution, a claim, sources and capture times."""
    folder = tmp_path_factory.mktemp("city")
    shutil.copytree(worlds.HERE / "catalogue", folder / "catalogue")
    sites = io.StringIO()
    table = csv.writer(sites)
    table.writerow(["id", "kind", "subtype", "size", "lon", "lat", "cell", "footfall_rank"])
    for i, name in enumerate(HOSTILE):
        table.writerow([name, "shop", "", "", 24 + i / 100, 60, f"{TURNED}{name}", 0.5])
    (folder / "sites.csv").write_text(sites.getvalue(), "utf-8")
    with (folder / "times.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [["t_s", "who"], *([0.1, f"{n}-cam"] for n in HOSTILE), [0.2, RED]]
        )
    apps = (folder / "catalogue" / "apps.csv").read_text("utf-8")
    with (folder / "catalogue" / "apps.csv").open("w", newline="", encoding="utf-8") as file:
        file.write(apps)
        csv.writer(file).writerow(
            [RED, "share", "0.5", "1", "0.1", "0.9", f"{FAKE}{TITLE}", "2020", "estimate"]
        )
    data = worlds.scenario(
        duration="1 s",
        city={"sites": "sites.csv", "attribution": f"{MATH} © {FAKE}"},
        claim={"text": MATH, "ratio": 10.0},
        sensors={
            "cam": {
                "at": {"kind": "shop"}, "app": "watch", "uplink": "port",
                "capture": {"trace": {"file": "times.csv", "column": "t_s", "sensor": "who"}},
            }
        },
        links={
            "port": {"technology": "test-cell", "shared_by": "site", "to": "wan"},
            "wan": {"technology": "test-wan", "shared_by": "city", "to": "cloud"},
        },
    )  # fmt: skip
    (folder / "hostile.yaml").write_text(yaml.safe_dump(data, allow_unicode=False))
    return folder / "hostile.yaml"


def only_seen(said: Any) -> None:
    """Check that nothing but lines and visible characters was said, and nobody else's lines."""
    for text in (said.out, said.err):
        assert text.replace("\n", "").isprintable(), [c for c in text if not c.isprintable()]
        assert "\n✓ all kept" not in text


@pytest.mark.parametrize("arguments", [["check"], ["check", "--json"], ["run"], ["run", "--json"]])
def test_a_hostile_city_is_checked_run_and_drawn(
    arguments: list[str], city: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command, *more = arguments
    if command == "run":
        more += ["--executor", "local", "--full", "--figures", "-o", str(tmp_path / "out")]
    assert fleet(command, str(city), *more) == 0
    said = capsys.readouterr()
    only_seen(said)
    if "--json" in more:
        json.loads(said.out)
    elif command == "run":
        assert r"names fit no sensor of cam ('\x1b[31mred')" in said.out.replace("\n", " ")
        cells = (tmp_path / "out" / "figures" / "map_cloud.csv").read_text("utf-8")
        assert {row[0] for row in csv.reader(io.StringIO(cells))} >= {
            r"\x1b[31mred-cam", r"shop\n✓ all kept-cam", "'=cmd|'/c calc'!A0-cam"
        }  # fmt: skip


def test_a_hostile_catalogue_is_shown(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["apps"], ["apps", RED], ["apps", RED, "--json"], ["show", RED]):
        assert fleet("catalog", *arguments, "--scenario", str(city)) == 0
        only_seen(capsys.readouterr())


def test_errors_about_hostile_files_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = tmp_path / f"a{RED}\n✓ all kept.yaml"
    for text in ("name: [", f"name: '{MATH}'", "seed: 1"):
        name.write_text(text)
        assert fleet("check", str(name)) == 2
        said = capsys.readouterr()
        only_seen(said)
        assert said.err.count("\n") == 1


def test_a_hostile_network_is_profiled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layers = [node("Relu", ["x"], [f"a{RED}"], name=f"{TURNED}{FAKE}"),
              node("Sigmoid", [f"a{RED}"], [f"y{TITLE}"])]  # fmt: skip
    path = tmp_path / f"m{RED}.onnx"
    path.write_bytes(net(layers, [("x", [1, 3, 8, 8])], [f"y{TITLE}"], metadata={"family": RED}))
    for more in ([], ["--json"]):
        assert fleet("profile", str(path), "--name", "mine", *more) == 0
        only_seen(capsys.readouterr())


def test_who_shows_anything_takes_these_doors() -> None:
    ways = {"json.dumps": ["page"], "csv.writer": ["grid", "style"], "Console(": ["console"],
            "from_markup": []}  # fmt: skip
    shown = [p for room in ("cli", "show", "reports") for p in (ROOT / "fleet" / room).glob("*.py")]
    for way, homes in ways.items():
        assert sorted(p.stem for p in shown if way in p.read_text()) == homes, way


def test_powers_on_axes_are_plain_numbers(tmp_path: Path) -> None:
    import matplotlib
    from matplotlib.figure import Figure

    from fleet.show.style import STYLE, save

    with matplotlib.rc_context(STYLE):
        figure = Figure()
        axes = figure.add_subplot()
        axes.set_yscale("log")
        axes.plot([1, 2], [1, 1e4], label=MATH)
        save(figure, [("a",), (FORMULA,)], tmp_path / "figure")
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert "100" in labels
    assert not [label for label in labels if "$" in label]
    assert (tmp_path / "figure.csv").read_text() == "a\n'=cmd|'/c calc'!A0\n"
