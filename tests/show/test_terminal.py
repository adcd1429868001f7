"""Tables that a terminal shows: whole at any width, and no more digits than are known."""

from __future__ import annotations

import io
import re

import pytest
import worlds
from rich.console import Console
from rich.progress import Progress

import fleet
from fleet.results.record import Record
from fleet.show import estimate, progress, rows, sweep, terminal
from fleet.show.wide import Titled
from fleet.sizing.door import estimates


@pytest.fixture(scope="module")
def record() -> Record:
    """Return a run of seven arms, one of which has a name that is long."""
    data = worlds.scenario(duration="300 ms")
    inside, cloud = data["arms"]["on_sensor"], data["arms"]["cloud"]
    names = ("one", "two", "three", "four", "a_much_longer_name_than_others")
    data["arms"] = {"on_sensor": inside, **dict.fromkeys(names, cloud), "last": inside}
    return fleet.run(worlds.load(data), executor="local")


def tables(record: Record, width: int) -> list[list[str]]:
    out = Console(width=width, file=io.StringIO(), highlight=False)
    found = []
    for table in terminal.comparison_tables(record, out):
        with out.capture() as shown:
            out.print(table, markup=False)
        found.append(shown.get().splitlines())
    return found


@pytest.mark.parametrize("width", [64, 80, 100, 200])
def test_every_arm_stands_whole_in_a_table_that_fits(record: Record, width: int) -> None:
    found = tables(record, width)
    assert len(found) > 1 or width > 100
    counted = []
    for lines in found:
        assert max(map(len, lines)) <= width
        (row,) = (line for line in lines if line.strip().startswith("captured "))
        counted += row.split()[1:-1]
        assert sum("Latency of results" in line for line in lines) == 1
    captured = [f"{arm['frames']['captured']:,}" for arm in record.arms.values()]
    assert counted == captured


def test_no_cell_is_cut_or_folded(record: Record) -> None:
    wide = {re.sub(" +", " ", line) for lines in tables(record, 1000) for line in lines}
    words = {word for line in wide for word in line.split()}
    for lines in tables(record, 64):
        start = next(k for k, line in enumerate(lines) if set(line.strip()) == {"─"})
        assert {word for line in lines[start + 1 :] for word in line.split()} <= words
    assert not any("…" in line for lines in tables(record, 64) for line in lines)


def test_a_row_of_which_an_arm_has_nothing_is_not_shown(record: Record) -> None:
    for lines in tables(record, 64):
        for line in lines:
            cells = line.split()[1:-1]
            assert not cells or set(cells) != {"–"}


@pytest.mark.parametrize(
    ("x", "half", "percent", "said"),
    [
        (0.7653, 0.134, True, "77±13%"),
        (0.9951, 0.0081, True, "99.51±0.81%"),
        (0.9951, 0.0004, True, "99.51±0.04%"),
        (0.2853, 0.1701, False, "0.29±0.17"),
        (28.43, 3.61, False, "28.4±3.6"),
        (283.4, 36.1, False, "283±36"),
        (12345.6, 361.0, False, "12,346±361"),
        (0.0123, 0.00023, False, "0.01230±0.00023"),
    ],
)
def test_an_interval_sets_the_digits(x: float, half: float, percent: bool, said: str) -> None:
    assert rows._to_two_digits(x, (x - half, x + half), percent=percent) == said
    assert rows._to_two_digits(0.3, (0.0, 0.8), percent=True) == "30 (0–80)%"


def test_time_left_is_told_as_soon_as_something_is_done() -> None:
    now = [0.0]
    out = Console(width=80, file=io.StringIO(), force_terminal=True, color_system=None)
    bar = Progress(*progress.shares(), console=out, get_time=lambda: now[0])
    task = bar.add_task("", total=1.0)

    def shown() -> str:
        with out.capture() as said:
            out.print(bar.get_renderable())
        return " ".join(said.get().split())

    assert shown().startswith("0% ? left")
    now[0] = 30.0
    bar.update(task, completed=0.25)
    assert shown().startswith("25% 1 min 30 s left")
    now[0] = 40.0
    bar.update(task, completed=0.75)
    assert shown().startswith("75% 5 s left")  # what came before it moved says nothing
    bar.update(task, completed=1.0)
    assert shown().startswith("100% 0:00:40")


@pytest.mark.parametrize("width", [80, 120])
def test_names_above_columns_break_behind_signs_and_cells_do_not(
    record: Record, width: int
) -> None:
    out = Console(width=width, file=io.StringIO(), highlight=False)
    made = list(estimate.tables(estimates(record.scenario), out))
    above = [str(column.header) for table in made for column in table.columns]
    assert "a_much_\nlonger_\nname_than_\nothers" in above
    for table in made:
        with out.capture() as shown:
            out.print(table, markup=False)
        lines = shown.get().splitlines()
        rule = next(k for k, line in enumerate(lines) if set(line.strip()) == {"─"})
        assert rule <= 5  # a title, and names on four lines at most
        assert max(map(len, lines)) <= width


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time by which lines are written, to be set."""
    at = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: at[0])
    return at


def test_without_a_terminal_long_runs_say_how_far_they_are(now: list[float]) -> None:
    said: list[str] = []
    show = progress._plain_lines(said.append)
    for seconds, share in ((0, 0.0), (4, 0.1), (12, 0.25), (16, 0.5), (40, 0.8), (50, 1.0)):
        now[0] = seconds
        show("cloud", share)
    assert said == [
        "running cloud ...", "running cloud: 25%, 40 s left", "running cloud: 80%, 11 s left",
    ]  # fmt: skip


def test_what_has_hardly_begun_says_nothing_of_the_rest() -> None:
    pace = progress.Pace(0.0)
    assert pace.left_s(0.0, 50.0) is None
    assert pace.left_s(0.004, 55.0) is None  # compiling took all of it
    assert pace.left_s(0.02, 56.0) is None
    assert pace.left_s(0.054, 60.0) == pytest.approx(5.0 * 0.946 / 0.05)


def test_a_study_that_grows_run_by_run_says_so_now_and_then(now: list[float]) -> None:
    said: list[str] = []
    show = sweep._plain_lines(said.append)
    steps = [(0, 0, 8, 0.0), (1, 4, 8, 0.5), (2, 8, 8, 1.0), (3, 8, 40, 0.2), (4, 40, 40, 1.0)]
    steps += [(5 + k, 41 + k, 41 + k, 1.0) for k in range(12)]
    for now[0], done, runs, share in steps:
        show(sweep.Progress(done, runs, share, None))
    assert said == [
        "0 of 8 runs, 0%", "4 of 8 runs, 50%", "8 of 8 runs, 100%", "8 of 40 runs, 20%",
        "40 of 40 runs, 100%", "45 of 45 runs, 100%", "50 of 50 runs, 100%",
    ]  # fmt: skip


def test_a_line_above_a_narrow_table_is_whole() -> None:
    out = Console(width=200, file=io.StringIO())
    table = Titled("What is said of \x1b[1m a narrow table is longer than it")
    table.add_column("x")
    table.add_row("1")
    out.print(table)
    assert isinstance(out.file, io.StringIO)
    first = out.file.getvalue().splitlines()[0]
    assert first.endswith("a narrow table is longer than it")
    assert "\x1b" not in first
