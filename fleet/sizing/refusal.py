"""Why no plant of a range is enough, and the nearest objectives that its last could keep."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from fleet.sizing.answer import Answer
from fleet.sizing.verdict import SURE, Standing


class Missed(NamedTuple):
    """What the last plant of a range misses.

    Attributes:
        objective: as written; empty for a resource that is asked for more than it can do.
        nearest: the objective that it could keep, empty if there is none.
        why: what was found instead.
    """

    objective: str
    nearest: str
    why: str


def refusal(answer: Answer) -> list[Missed]:
    """Return what the last plant of an arm misses; the worst first."""
    standings = answer.found.stands.standings
    if not standings:
        return _overfull(answer)
    missed = sorted((one for one in standings if one.chance < SURE), key=lambda one: one.chance)
    return [_missed(one) for one in missed]


def _overfull(answer: Answer) -> list[Missed]:
    """Return what is asked for more than it can do, as theory says: it was not even run."""
    rows = [row for row in answer.expected.busiest if row["load"] >= 1.0]
    if not rows:
        return [Missed("", "", "a pool has one server only, and nothing is left without it")]
    return [
        Missed(
            "", "",
            f"{row['name']} is asked for {row['load']:.0%} of what it can do"
            f" ({row['offered']:,.4g} of {row['possible']:,.4g} {row['unit']})",
        )
        for row in sorted(rows, key=lambda row: -row["load"])
    ]  # fmt: skip


def _missed(one: Standing) -> Missed:
    if one.grows and one.mean is not None:
        resource = one.text.removeprefix("no queue of ").removesuffix(" grows")
        return Missed("", "", f"{resource} is asked for {one.mean:.1%} of what it can do")
    if one.mean is None:
        return Missed(one.text, "", f"{one.name} is not known: there are no results")
    less = one.sign.startswith("<")
    far = one.mean if one.ci95 is None else one.ci95[1 if less else 0]
    nearest = f"{one.name} {one.sign} {one.unit.show(_rounded(far, up=less))}"
    return Missed(one.text, nearest, f"it is {one.unit.show(one.mean)}")


def _rounded(value: float, *, up: bool) -> float:
    """Return a value of two digits on the safe side of another."""
    if value == 0 or not math.isfinite(value):
        return value
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    # a hair more than rounding: what stands on a step itself would be missed by '<'
    steps = math.floor(value / step + 1e-9) + 1 if up else math.ceil(value / step - 1e-9) - 1
    return float(f"{steps * step:.3g}")


def data(answer: Answer) -> list[dict[str, Any]]:
    """Return it as plain data; empty if a plant is enough."""
    return [] if answer.enough else [one._asdict() for one in refusal(answer)]
