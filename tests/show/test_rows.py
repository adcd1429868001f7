"""How shares are shown: none is rounded to nothing or to all, and what never was has a bound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fleet.reports import delivered
from fleet.results.metric import SHARE, Metric
from fleet.show import rows
from fleet.show.folders import PlanFolder
from fleet.show.tables import grids

LOST = Metric("lost", SHARE, "Frames lost")


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0.0, "0.0%"), (0.5, "50.0%"), (0.0006, "0.1%"), (0.0005, "0.1%"), (0.00049, "0.05%"),
     (0.000123, "0.01%"), (2.6e-7, "0.00003%"), (1e-9, "0.0000001%")],
)  # fmt: skip
def test_small_shares_keep_a_digit(share: float, shown: str) -> None:
    assert LOST.show(share) == shown
    assert rows.told(LOST, share, None) == shown
    assert float(LOST.show(share).removesuffix("%")) > 0 or share == 0


@pytest.mark.parametrize(
    ("share", "half", "shown"),
    [(0.000123, 0.000011, "0.0123±0.0011%"), (2.6e-7, 1.2e-7, "0.000026±0.000012%"),
     (0.000123, 1e-9, "0.01%"), (0.0, 0.0, "0.0%")],
)  # fmt: skip
def test_intervals_of_small_shares_are_as_wide_as_they_are(
    share: float, half: float, shown: str
) -> None:
    assert rows.told(LOST, share, (share - half, share + half)) == shown


def test_of_a_share_that_never_was_only_the_bound_is_told() -> None:
    assert rows.told(LOST, 0.0, (0.0, 0.0012), is_bound=True) == "<0.12%"
    assert rows.told(LOST, 0.0, (0.0, 0.0012)) == "0.00 (0.00–0.12)%"


@pytest.mark.parametrize(
    ("share", "shown"),
    [(1.0, "100.00%"), (0.99999, "> 99.99%"), (0.99994, "> 99.99%"), (0.9999, "99.99%"),
     (0.5, "50.00%")],
)  # fmt: skip
def test_what_is_nearly_all_is_not_all(share: float, shown: str) -> None:
    assert delivered._most(share) == shown


def plan(figures: dict[str, dict[str, float]]) -> PlanFolder:
    """Return a plan with such figures of each arm."""
    answers: list[dict[str, Any]] = [
        {"arm": arm, "given": [], "enough": True, "values": {"cloud.servers": "2"},
         "p_meets": 0.98, "figures": of}
        for arm, of in figures.items()
    ]  # fmt: skip
    data = {
        "scenario": {"name": "shops"}, "seed": 7, "most": False, "answers": answers,
        "objectives": ["lost < 0.1 %"], "looked_for": {"cloud.servers": "1 to 4"},
    }  # fmt: skip
    return PlanFolder(Path("plan"), data)


def test_a_plan_tells_bounds_of_losses_that_never_were() -> None:
    none, few = {"lost": 0.0, "lost_below": 0.000121}, {"lost": 0.00004, "lost_below": None}
    (grid,) = grids(plan({"cloud": none, "edge": few, "other": {}}))
    (line,) = (line for line in grid.lines if line.names[0] == "frames lost")
    assert line.cells[0] == ("<0.013", 0.0, 0.0, pytest.approx(0.0121))
    assert line.cells[1][:1] + line.cells[1][2:] == ("0.004", None, None)
    assert line.cells[2].text == rows.EMPTY
    assert rows.BOUND in grid.notes
    (without,) = grids(plan({"edge": few}))
    assert rows.BOUND not in without.notes
