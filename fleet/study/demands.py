"""What a scenario demands of its arms, as it stands beside the table of a study of it.

It is in the metadata of the table's schema, so that whoever has the table alone can tell who keeps
it. So are the arms that are bounds: nobody can build them, and nobody is told to take them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

import pyarrow as pa

from fleet.model.asking import ORACLE
from fleet.results.metrics import find
from fleet.scenario.arms import Equipment
from fleet.scenario.asking import parse_rule
from fleet.scenario.schema import ScenarioModel
from fleet.study.slo import SIGNS, Objective, keeps

_DEMANDS, _BOUNDS = b"fleet.demands", b"fleet.bounds"


class Demand(NamedTuple):
    """What is demanded of an arm.

    Attributes:
        text: as it is written in the scenario.
        arm: the arm it is for; None: all.
        metric: the name of a number.
        sign: one of < <= > >=.
        bound: after the sign, in the number's own unit, as a fraction.
    """

    text: str
    arm: str | None
    metric: str
    sign: str
    bound: str

    def kept(self, value: float | None) -> bool:
        """Return whether a value keeps it; what is not known is a miss."""
        return keeps(value, self.sign, Fraction(self.bound))


def said(objectives: Iterable[Objective]) -> dict[bytes, bytes]:
    """Return objectives as metadata of a schema."""
    rows = [Demand(o.text, o.arm, o.number.text, o.sign, str(o.bound)) for o in objectives]
    return _written(rows) if rows else {}


def bounding(model: ScenarioModel, arms: Iterable[str]) -> dict[bytes, bytes]:
    """Return those of some arms that are bounds, as metadata of a schema."""
    own = {
        name for name, arm in model.arms.items() if any(map(_is_oracle, (arm, *arm.per.values())))
    }
    return _named(arm for arm in arms if own & {arm, *(model.arms[arm].place or {}).values()})


def _is_oracle(equipment: Equipment) -> bool:
    """Return whether some equipment knows which frames servers answer better."""
    return equipment.ask is not None and parse_rule(equipment.ask.when).rule == ORACLE


def bounds(table: pa.Table) -> list[str]:
    """Return the arms of a study that nobody can build.

    Raises:
        ValueError: what stands there is damaged.
    """
    text = (table.schema.metadata or {}).get(_BOUNDS)
    names = json.loads(text) if text else []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("bounds are not the names of arms")
    return names


def _named(arms: Iterable[str]) -> dict[bytes, bytes]:
    names = list(arms)
    return {_BOUNDS: json.dumps(names, ensure_ascii=False).encode()} if names else {}


def _written(rows: Sequence[Demand]) -> dict[bytes, bytes]:
    return {_DEMANDS: json.dumps([row._asdict() for row in rows], ensure_ascii=False).encode()}


def demands(table: pa.Table) -> list[Demand]:
    """Return what is demanded of the arms of a study.

    Raises:
        AttributeError, TypeError, ValueError: what stands there is damaged.
    """
    text = (table.schema.metadata or {}).get(_DEMANDS)
    try:
        rows = [Demand(**row) for row in json.loads(text)] if text else []
    except RecursionError:
        raise ValueError("demands of demands of demands") from None
    if not all(map(_is_whole, rows)):
        raise ValueError("what is demanded is not said whole")
    return rows


def _is_whole(row: Demand) -> bool:
    words = (row.text, row.metric, row.sign, row.bound, row.arm or "")
    return (
        all(isinstance(word, str) for word in words)
        and find(row.metric) is not None
        and row.sign in SIGNS
        and re.fullmatch(r"-?\d{1,40}(/[1-9]\d{0,40})?", row.bound) is not None
    )


def in_words(table: pa.Table) -> str:
    """Return all that is demanded, in a line."""
    return " and ".join(dict.fromkeys(one.text for one in demands(table)))


def called(table: pa.Table, labels: Mapping[str, str]) -> pa.Table:
    """Return a table whose demands are of arms as they are called."""
    rows = [
        one if one.arm is None else one._replace(
            arm=labels.get(one.arm, one.arm),
            text=one.text.replace(f"{one.arm}:", f"{labels.get(one.arm, one.arm)}:", 1),
        )
        for one in demands(table)
    ]  # fmt: skip
    before: dict[bytes, bytes] = table.schema.metadata or {}
    told = (_written(rows) if rows else {}) | _named(labels.get(a, a) for a in bounds(table))
    return table.replace_schema_metadata({**before, **told}) if told else table
