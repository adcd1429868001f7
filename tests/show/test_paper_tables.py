"""Tables for papers: what stands in them, and that text of others does nothing in them."""

from __future__ import annotations

import csv
import io
import re
import shutil
from pathlib import Path

import cities
import pytest
import typer.testing

from fleet import doors
from fleet.cli.main import app
from fleet.errors import InputError
from fleet.results.metrics import known
from fleet.results.record import Record
from fleet.show.folders import opened
from fleet.show.grid import Cell, Form, Grid, Line, written
from fleet.show.labels import labelled
from fleet.show.tables import grids

KINDS = ("line", "grid", "worth", "plan")


def table(folder: Path, *options: str) -> str:
    done = typer.testing.CliRunner().invoke(app, ["table", str(folder), *options])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_a_run_as_csv_has_its_numbers_and_the_ends_of_their_intervals() -> None:
    record = cities.small()
    assert record.folder is not None
    head, *lines = rows(table(record.folder, "--csv"))
    arms = list(record.arms)
    assert head == ["quantity", "unit", *(f"{a}{e}" for a in arms for e in ("", " low", " high"))]
    by_name = {line[0]: line for line in lines}
    power = by_name["power"]
    for k, arm in enumerate(arms):
        row = record.summary["intervals"][arm]["power_w.total"]
        numbers = [float(x) if x else None for x in power[2 + 3 * k : 5 + 3 * k]]
        assert numbers == pytest.approx([row["mean"], *(row["ci95"] or (None, None))])
    assert power[1] == "W"
    lost = by_name["frames skipped or lost"]
    assert lost[1] == "%"
    value = known("delivered.never").value(record.arms["cloud"])
    assert float(lost[2 + 3 * arms.index("cloud")]) == pytest.approx(100 * (value or 0))
    assert {f"load of {name}" for name in ("port", "wan")} <= set(by_name)


def test_latex_is_ruled_as_booktabs_says_and_balanced() -> None:
    folder = cities.small().folder
    assert folder is not None
    text = table(folder, "--latex", "--full")
    for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\addlinespace"):
        assert rule in text
    body = [line for line in text.splitlines() if line.endswith(r" \\")]
    columns = re.search(r"\\begin\{tabular\}\{(l+r+)\}", text)
    assert columns is not None
    assert {len(re.split(r"(?<!\\)&", line)) for line in body} == {len(columns[1])}
    assert r"$\pm$" in text
    assert "±" not in text


@pytest.mark.parametrize("form", list(Form))
def test_hostile_cells_do_nothing(form: Form) -> None:
    evil = [
        "</script>",
        "$x_1% & #",
        r"=1+1\input{x}",
        "|a|b|",
        "\x1b[31m",
        "*b* `c` [d](e)",
        "http://x",
    ]
    lines = [Line([name, "W"], [Cell(name), Cell("1±2", 1.0, -1.0, 3.0)]) for name in evil]
    text = written(Grid(evil[1], ["", "unit"], evil[:2], lines, evil), form)
    assert text.replace("\n", "").isprintable()
    if form is Form.CSV:
        assert not [cell for row in rows(text) for cell in row if re.match(r"\s*[=+@]", cell)]
    elif form is Form.LATEX:
        body = "".join(line for line in text.splitlines(keepends=True) if line[0] != "%")
        assert r"\textbackslash{}input" in body
        assert not re.search(r"(?<!\\)[#_%]|\\input", body)
    else:
        assert "<" not in text
        assert {
            len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line[:1] == "|"
        } == {5}
        assert r"\[d\](e)" in text
        assert r"http\://x" in text


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_other_folders_are_tables_too(kind: str) -> None:
    folder = cities.studies()[kind]
    for form in ("--latex", "--csv", "--markdown"):
        assert table(folder, form).strip()
    for grid in grids(opened(folder)):
        assert list(grid.columns) == list(cities.LABELS)
        assert all(len(line.cells) == len(grid.columns) for line in grid.lines)
    text = table(folder, "--latex")
    assert doors.latex(cities.LABELS[0]) in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "file"),
    [("line", "results.parquet"), ("worth", "sensitivity.json"), ("plan", "plan.json"),
     ("grid", "study.yaml"), ("worth", "effects.csv"), ("line", None), ("worth", None)],
)  # fmt: skip
def test_damaged_and_unfinished_folders_are_refused(
    kind: str, file: str | None, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(cities.studies()[kind], tmp_path / "kept"))
    if file is None:
        (folder / ("results.parquet" if kind == "line" else "sensitivity.json")).unlink()
        with pytest.raises(InputError, match="not done"):
            opened(folder)
        return
    text = (folder / file).read_bytes()
    for damaged in (text[: len(text) // 2], b"{}", b"\xff\xfe", b'schema: "other/9"\n'):
        (folder / file).write_bytes(damaged)
        if file != "effects.csv":  # half of it are fewer effects
            with pytest.raises(InputError):
                opened(folder)


def test_labels_name_arms_in_a_record() -> None:
    record = cities.small()
    names = {"cloud": "Cloud, L4", "edge": "Box"}
    data = {
        **record.scenario.data,
        "arms": {
            arm: {**about, **({"label": names[arm]} if arm in names else {})}
            for arm, about in record.scenario.data["arms"].items()
        },
    }
    assert labelled(record) is record
    import json

    from fleet.scenario.load import loads

    renamed = Record(
        loads(json.dumps(data), str(record.scenario.document.path)), record.summary, record.numbers,
        read=record.tables, folder=record.folder,
    )  # fmt: skip
    called = labelled(renamed)
    assert list(called.arms) == [names.get(arm, arm) for arm in record.arms]
    assert called.tables.of("sensors", "Box").equals(record.tables.of("sensors", "edge"))
    assert {row["arm"] for row in called.summary["slo"]} <= set(called.arms)
    with pytest.raises(InputError, match="both called 'Box'"):
        loads(
            json.dumps(
                {
                    **data,
                    "arms": {
                        **data["arms"],
                        "more": {"device": "test-ai", "model": "tiny", "label": "Box"},
                    },
                }
            ),
            "x.yaml",
        )
