"""The design of a study: the points of a grid over varied keys, each a scenario of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from fleet.errors import InputError
from fleet.scenario.load import Scenario
from fleet.scenario.strict_yaml import Value
from fleet.study.points import DRAWN, LIST, Drawing, drawn, positions, size_of
from fleet.study.vary import Varied, Vary, check_keys, parse_paired, read, texts_of
from fleet.study.where import condition

MOST_POINTS = 100_000
"""So many points a grid has at most."""
_OTHERS = {
    "replications": "use --replications",
    "seed": "points share their random numbers; use --replications for others",
    "name": "points have names of their own",
    "arms": "vary what an arm is made of, such as arms.cloud.model, and choose arms with --arm",
}
_ID_DIGITS = 12


@dataclass(frozen=True)
class Point:
    """One scenario of a study.

    Attributes:
        id: the first digits of the SHA-256 of what it says, whatever its layout.
        cells: the values that varied keys have, as they stand in tables.
        overrides: what replaces values of the study's scenario.
    """

    id: str
    cells: tuple[int | float | str, ...]
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Design:
    """The points of a study.

    Attributes:
        scenario: what does not vary.
        varied: what does.
        where: which points of the grid there are, as it was given; None: all.
        drawing: whether points are all of a grid, drawn, or a list.
        points: in the order of the grid, the last key first; of others, in theirs.
    """

    scenario: Scenario
    varied: tuple[Varied, ...]
    where: str | None
    drawing: Drawing
    points: tuple[Point, ...]

    def table(self) -> pa.Table:
        """Return a row a point: its id and a column for each varied key."""
        columns = {"point": [point.id for point in self.points]}
        for k, one in enumerate(self.varied):
            columns[one.column] = [point.cells[k] for point in self.points]  # type: ignore[misc]
        return pa.table(columns)


def design(
    scenario: Scenario, vary: Vary, where: str | None = None, drawing: Drawing | None = None
) -> Design:
    """Return the points of a study.

    Args:
        scenario: what does not vary.
        vary: which keys do, and what values they take.
        where: an expression over these keys, which holds at the points there are.
        drawing: which points; None: all of the grid.

    Raises:
        InputError: a key or a value is none of the scenario's, or there is no point.
    """
    drawing = drawing or Drawing()
    varied = tuple(_varied(vary, drawing))
    places = [_places(scenario, one) for one in varied]
    _check_apart(varied, places)
    size = size_of(varied, drawing)
    if size > MOST_POINTS:
        raise InputError(f"--vary: a grid of {size:,} points is more than {MOST_POINTS:,}")
    for one, mine in zip(varied, places, strict=True):
        for value in dict.fromkeys(one.texts):
            _changed(scenario, [f"{place}={value}" for place in mine], f"--vary {one.text}")
    every = _points(scenario, varied, places, (where, drawing))
    points = tuple({point.id: point for point in every}.values())  # what is drawn may be the same
    if not points:
        raise InputError(f"--where '{where}': holds at none of {size:,} points; widen it")
    return Design(scenario, varied, where, drawing, points)


def _varied(vary: Vary, drawing: Drawing) -> list[Varied]:
    """Return what varies: in a grid with its values, else with the value of every point."""
    if drawing.kind in DRAWN:
        varied = drawn([*texts_of(vary)], drawing)
    elif drawing.kind == LIST:
        values = (
            vary if isinstance(vary, Mapping) else dict(_listed(text) for text in texts_of(vary))
        )
        varied = [parse_paired(key, [*map(str, each)], key) for key, each in values.items()]
    else:
        return read(vary)
    check_keys(varied)
    return varied


def _listed(text: str) -> tuple[str, list[str]]:
    key, _, values = text.partition("=")
    return key, values.split(",")


def _points(
    scenario: Scenario,
    varied: Sequence[Varied],
    places: Sequence[Sequence[str]],
    chosen_by: tuple[str | None, Drawing],
) -> Iterator[Point]:
    keys, (where, drawing) = [one.key for one in varied], chosen_by
    holds = condition(where, keys) if where is not None else None
    for chosen in positions(varied, drawing):
        texts = [one.texts[k] for one, k in zip(varied, chosen, strict=True)]
        if holds is not None and not holds(dict(zip(keys, texts, strict=True))):
            continue
        overrides = tuple(
            f"{place}={text}"
            for mine, text in zip(places, texts, strict=True)
            for place in mine
        )  # fmt: skip
        at = ", ".join(f"{key}={text}" for key, text in zip(keys, texts, strict=True))
        point = _changed(scenario, overrides, f"--vary, at {at} (leave it out with --where)")
        cells = tuple(one.cells[k] for one, k in zip(varied, chosen, strict=True))
        yield Point(point.digest[:_ID_DIGITS], cells, overrides)


def _changed(scenario: Scenario, overrides: Sequence[str], place: str) -> Scenario:
    """Return the scenario of a point; what is wrong with it is told of the study's options."""
    try:
        return scenario.changed(*overrides)
    except InputError as error:
        raise InputError(f"{place}: {str(error).removeprefix('--set ')}") from None


def _places(scenario: Scenario, one: Varied) -> list[str]:
    """Return the paths that a key stands for: of a `*`, those of all keys at its place."""
    if one.key in _OTHERS:
        raise InputError(f"--vary {one.text}: '{one.key}' cannot vary: {_OTHERS[one.key]}")
    ways: list[tuple[str, Value, str]] = [("", scenario.data, one.key)]
    while any("*" in rest.split(".") for _, _, rest in ways):
        ways = [way for each in ways for way in _expanded(*each, one.text)]
    return [f"{before}{rest}" for before, _, rest in ways]


def _expanded(before: str, node: Value, rest: str, text: str) -> Iterator[tuple[str, Value, str]]:
    """Yield the ways on behind the first `*` of a path: what is before, what is there, the rest."""
    head, _, behind = f".{rest}".partition(".*")
    for key in [key for key in head.split(".") if key]:
        node = node.get(key) if isinstance(node, dict) else None
    if not isinstance(node, dict) or not node or not behind.startswith("."):
        where = f"{before}{head.removeprefix('.')}" or "the top"
        why = f"'{where}' holds no keys that it could stand for"
        raise InputError(
            f"--vary {text}: {why}; a * stands for every key of a mapping, with a key behind it:"
            " sensors.*.rate"
        )
    start = f"{before}{head.removeprefix('.')}"
    for key, inside in node.items():
        yield f"{start}.{key}.".removeprefix("."), inside, behind.removeprefix(".")


def _check_apart(varied: Sequence[Varied], places: Sequence[Sequence[str]]) -> None:
    """Refuse two keys that stand for the same place, or for one inside the other."""
    for (one, mine), (other, theirs) in itertools.combinations(zip(varied, places, strict=True), 2):
        for a, b in itertools.product(mine, theirs):
            if f"{a}.".startswith(f"{b}.") or f"{b}.".startswith(f"{a}."):
                raise InputError(
                    f"--vary {other.key}: is the same place as --vary {one.key}; vary one of them"
                )
