"""Figures for papers: as wide as a venue says, fonts inside, the same bytes when made again."""

from __future__ import annotations

import csv
import random
import re
import shutil
import zlib
from pathlib import Path

import cities
import matplotlib.image
import numpy as np
import pytest
import typer.testing

from fleet.cli.main import app
from fleet.errors import InputError
from fleet.show import lateness
from fleet.show.drawing import draw
from fleet.show.style import VENUES, axes_of, save

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


@pytest.mark.parametrize("seed", range(20))
def test_joined_steps_stay_within_what_can_be_seen(seed: int) -> None:
    """A curve of the steps that are kept is nowhere farther from that of all than is said."""
    draw = random.Random(seed)
    heights = [draw.choice((1e-9, 1e-5, 1e-4, 3e-4, 0.02)) for _ in range(draw.randint(1, 400))]
    rising = np.cumsum(heights) / max(1.0, sum(heights))
    kept = lateness._seen(rising)
    assert (kept[0], kept[-1]) == (0, len(rising) - 1)
    assert (rising - _joined(rising, kept)).max() <= lateness._SEEN
    assert (rising[kept[2:-1]] - rising[kept[:-3]] > lateness._SEEN).all()  # no more than it takes
    falling = 1 - rising
    drawn = _joined(falling, lateness._told(falling))
    assert (drawn - falling <= 0.005 * drawn).all()


def _joined(values: np.ndarray, kept: list[int]) -> np.ndarray:
    """Return the values of a curve of steps of which only some are kept."""
    last = np.searchsorted(kept, np.arange(len(values)), side="right") - 1
    joined: np.ndarray = values[np.array(kept)[last]]
    return joined


def test_a_cdf_of_joined_steps_is_that_of_the_results(tmp_path: Path) -> None:
    drawn(kept(), tmp_path, "acm", "latency_cdf")
    with (tmp_path / "latency_cdf.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    record = cities.small()
    for arm, runs in record.numbers.items():
        mine = [row for row in rows if row["arm"] == arm]
        shown = np.array([(row["latency_ms"], row["share_of_due"]) for row in mine], float)
        runs_of = [record.tables.of("histograms", arm, k) for k in range(len(runs))]
        late_ms = [one["latency_ns_upper"].to_numpy() * 1e-6 for one in runs_of]
        for end_ms in np.unique(np.concatenate(late_ms)):
            within = np.mean([
                one["results"].to_numpy()[late <= end_ms].sum() / run["delivered"]["due_frames"]
                for one, late, run in zip(runs_of, late_ms, runs, strict=True)
            ])  # fmt: skip
            said = shown[shown[:, 0] <= end_ms * (1 + 1e-5), 1]
            assert 0 <= within - (said[-1] if len(said) else 0) + 1e-6 <= lateness._SEEN + 2e-6
        longest = max(run["latency_ms"]["max"] for run in runs)
        assert shown[-1].tolist() == pytest.approx([longest, within], rel=1e-5)


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


def test_a_link_in_a_folder_of_a_stranger_is_not_drawn_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(kept(), tmp_path / "theirs"))
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "power.pdf").write_text("mine")
    (folder / "figures").symlink_to(mine)
    with pytest.raises(
        InputError, match=r"figures' leads out of .* by a link; say where to with -o"
    ):
        draw(folder, folder / "figures")
    assert [path.read_text() for path in mine.iterdir()] == ["mine"]
    monkeypatch.chdir(folder)
    assert draw(Path(), Path("../own"), None, ["boundaries"])[0] == ["boundaries"]


def test_long_names_are_not_cut_off_at_the_dots_of_a_picture(tmp_path: Path) -> None:
    names = ["decoders_of_the_edge_5fps", "b"]
    for venue in VENUES.values():
        with matplotlib.rc_context(venue.rc):
            figure, axes = axes_of()
            axes.barh(names, [1.0, 2.0])
            save(figure, [("name",)], tmp_path / "figure", venue)
        ink = matplotlib.image.imread(tmp_path / "figure.png")[:, :, :3].min(axis=2) < 0.9
        assert not ink[:, 0].any()
        assert ink.any()
