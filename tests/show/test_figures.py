"""Figures for papers: as wide as a venue says, fonts inside, the same bytes when made again."""

from __future__ import annotations

import re
import shutil
import zlib
from pathlib import Path

import cities
import pytest
import typer.testing

from fleet.cli.main import app
from fleet.errors import InputError
from fleet.show.drawing import draw
from fleet.show.style import VENUES

FORMS = ("csv", "pdf", "png", "svg")


def drawn(folder: Path, place: Path, venue: str, *only: str) -> list[str]:
    done, failed = draw(folder, place, venue, only)
    assert failed == {}
    assert sorted(p.name for p in place.iterdir()) == sorted(
        f"{n}.{f}" for n in done for f in FORMS
    )
    return done


def kept() -> Path:
    folder = cities.small().folder
    assert folder is not None
    return folder


@pytest.mark.parametrize("venue", list(VENUES))
def test_a_figure_is_as_wide_as_its_venue_and_holds_its_fonts(venue: str, tmp_path: Path) -> None:
    drawn(kept(), tmp_path, venue, "power")
    pdf = (tmp_path / "power.pdf").read_bytes()
    box = re.search(rb"/MediaBox \[ 0 0 ([0-9.]+) ", pdf)
    assert box is not None
    width_in = VENUES[venue].width_in * VENUES[venue].factor
    assert float(box[1]) == pytest.approx(72 * width_in, abs=0.01)
    whole = pdf + b"".join(
        zlib.decompressobj().decompress(part)
        for part in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
        if part[:1] == b"x"
    )
    assert b"/FontFile2" in whole  # TrueType, which is embedded
    assert b"/Type3" not in whole
    assert b"CreationDate" not in pdf
    font = b"STIX" if venue == "ieee" else b"DejaVu"
    assert font in whole


def test_figures_are_the_same_bytes_when_made_again(tmp_path: Path) -> None:
    only = ("latency_c", "timeline", "bandwidth")
    names = drawn(kept(), tmp_path / "a", "acm", *only)
    assert names == ["latency_cdf", "latency_ccdf", "bandwidth", "timeline"]
    drawn(kept(), tmp_path / "b", "acm", *only)
    for path in (tmp_path / "a").iterdir():
        assert (tmp_path / "b" / path.name).read_bytes() == path.read_bytes(), path.name
    svg = (tmp_path / "a" / "timeline.svg").read_text("utf-8")
    assert "<text" not in svg  # outlines, which look the same without the font
    assert "dc:date" not in svg


def test_each_distinct_link_has_a_panel_and_an_event_is_shaded(tmp_path: Path) -> None:
    drawn(kept(), tmp_path, "acm", "bandwidth")
    lines = (tmp_path / "bandwidth.csv").read_text("utf-8").splitlines()
    panels = {line.split(",")[0] for line in lines[1:]}
    names = {name for panel in panels for name in panel.split(" = ")}
    arms = cities.small().arms.values()
    assert names == {name for arm in arms for name in arm["bandwidth_mbit_s"]}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["grid", "worth", "plan"])
def test_figures_of_studies_with_hostile_labels(kind: str, tmp_path: Path) -> None:
    only = {"grid": "regimes_latency", "worth": "tornado", "plan": "slack"}[kind]
    names = drawn(cities.studies()[kind], tmp_path / "figures", "slides", only)
    assert names
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+", name) for name in names)
    for path in tmp_path.rglob("*.svg"):
        assert "<script" not in path.read_text("utf-8")


def test_what_cannot_be_drawn_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--only nothing: .* there are latency_cdf, "):
        draw(kept(), tmp_path / "a", "acm", ["nothing"])
    with pytest.raises(InputError, match="no such metric"):
        draw(kept(), tmp_path / "a", "acm", [], ["nothing"])
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="cannot write figures"):
        draw(kept(), tmp_path / "file" / "a", "acm")
    folder = Path(shutil.copytree(kept(), tmp_path / "damaged"))
    (folder / "series.parquet").write_bytes((folder / "events.parquet").read_bytes())
    done = typer.testing.CliRunner().invoke(
        app, ["figures", str(folder), "--only", "power", "--only", "timeline"]
    )
    assert done.exit_code == 3
    assert "no figure 'timeline'" in done.stderr
    assert (folder / "figures" / "acm" / "power.pdf").is_file()
