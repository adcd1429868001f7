"""Unlucky numbers are answered or refused: some of them here, many by `scripts/fuzz.py`."""

from __future__ import annotations

import os
import random
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import extremes
import pytest
from pydantic import BaseModel

from fleet import units
from fleet.catalog import Catalog, ranges
from fleet.catalog.rows import TEXT
from fleet.scenario.schema import ScenarioModel

TRIED = 40
CORPUS = (Path(__file__).parent / "corpus.txt").read_text().splitlines()

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="trials are forked"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    assert [verdict.kind for verdict in extremes.warm_up()] == ["fine"] * len(extremes.WORLDS)


@pytest.mark.parametrize("line", [line for line in CORPUS if not line.startswith("#")])
def test_what_was_a_fault_is_none_any_more(line: str) -> None:
    trial = extremes.trial_of(line)
    assert str(trial) == line
    verdict = extremes.attempt(trial)
    assert not verdict.is_fault, verdict


@pytest.mark.slow
def test_unlucky_numbers_are_answered_or_refused() -> None:
    chance = random.Random(20_261_129)
    tried = [extremes.attempt(extremes.drawn(chance)) for _ in range(TRIED)]
    assert [verdict for verdict in tried if verdict.is_fault] == []
    kinds = {verdict.kind for verdict in tried}
    assert kinds == {"fine", "refused"}


def test_refusals_name_the_place_and_the_value() -> None:
    """File and line of the scenario or of the table, what stands there, and what may."""
    for line, words in (
        ("links.port.rate = 1e15 Mbit/s", "links.port.rate: '1e15 Mbit/s' is too large"),
        ("links.port.rate = 1e10 Mbit/s", "links.port.rate: '1e10 Mbit/s' is above 1000 Tbit/s"),
        ("duration = 50000 d", "'50000 d' is above 36500 d, the most that it may be"),
        ("links.port.buffer = 1000 TB", "buffer: 1000 TB at 30 Mbit/s are sent in 3,086 d, more"),
        ("catalogue links.test-port.loss = 0.7", "loss: 0.7 is above 0.5, the most that it can be"),
    ):
        verdict = extremes.attempt(extremes.trial_of(f"made-up: {line}"))
        assert verdict.kind == "refused"
        assert words in verdict.said
        assert re.search(r"(world\.yaml|links\.csv):\d+ ", verdict.said)


def fields(model: type[BaseModel], keys: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the places of numbers in a model, `*` for a name or a position."""
    for name, field in model.model_fields.items():
        yield from _inside(field.annotation, (*keys, name), bool(field.metadata))


def _inside(kind: Any, keys: tuple[str, ...], stated: bool) -> Iterator[tuple[str, ...]]:
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield from fields(kind, keys)
    elif kind in (int, float) or (kind is Any and stated):
        yield keys
    elif origin is typing.Annotated:
        yield from _inside(parts[0], keys, True)
    elif origin in (dict, list):
        yield from _inside(parts[-1], (*keys, "*"), stated)
    elif origin is not typing.Literal:
        for part in parts:
            yield from _inside(part, keys, stated)


NEVER = {("seed",), ("place", "lat"), ("place", "lon")}
"""Numbers of which any may be that the schema takes."""


def test_every_number_that_can_be_written_is_tried() -> None:
    """A new key of the schema must stand in a world of `extremes`."""
    wanted = set(map(_of_arm, fields(ScenarioModel))) - NEVER
    assert len(wanted) >= 60
    tried = set()
    for make in extremes.WORLDS.values():
        for keys, _ in extremes.numbers(make()):
            tried |= {place for place in wanted if _leads_to(_of_arm(keys), place)}
    assert sorted(".".join(place) for place in wanted - tried) == []


def _of_arm(keys: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return keys of equipment as if it were that of a whole arm."""
    return (*keys[:2], *keys[4:]) if keys[2:3] == ("per",) else keys


def _leads_to(keys: tuple[Any, ...], place: tuple[str, ...]) -> bool:
    """Return whether some keys lead to a place or below it."""
    alike = all(p in ("*", k) for k, p in zip(keys, place, strict=False))
    return alike and len(keys) >= len(place)


def test_ranges_of_the_catalogue_are_stated_in_its_units_and_hold_all_its_rows() -> None:
    known = Catalog.load()
    parameters = {
        row.parameter
        for kind in known.kinds()
        for item in known.items(kind)
        for row in known.rows(kind, item)
        if row.unit != TEXT
    }
    free = {"i_pixel_exponent", "p_pixel_exponent", "variation"}  # of users' rows only
    assert set(ranges._OF) - parameters <= free
    for like, _ in ranges._LIKE:
        assert any(like.fullmatch(parameter) for parameter in parameters), like
    for stated in (*ranges._OF.values(), *(stated for _, stated in ranges._LIKE)):
        least, most = stated
        measured = [d for d in ranges._USUAL if all(ranges._measures(t, d) for t in stated)]
        assert measured, stated
        assert units.parse(least, measured[0]) < units.parse(most, measured[0])
