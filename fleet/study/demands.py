"""What a scenario demands of its arms, as it stands beside the table of a study of it.

It is in the metadata of the table's schema, so that whoever has the table alone can tell who keeps
it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

import pyarrow as pa

from fleet.results.metrics import find
from fleet.study.slo import SIGNS, Objective, keeps

_DEMANDS = b"fleet.demands"


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
    return table.replace_schema_metadata({**before, **_written(rows)}) if rows else table
