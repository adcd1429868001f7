"""The facts of a plan, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fleet.show.expected import load_lines
from fleet.study.facts import LOAD


def fact_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield the facts as lines for people."""
    for name, fact in facts.items():
        if name == "sight":
            for arm, texts in fact.items():
                yield from (f"  sight of {arm}: {text}" for text in texts)
            continue
        if name == "remarks":
            yield from (f"  ! {remark}" for remark in fact)
            continue
        if name == LOAD:
            yield "  expected load"
            for arm, load in fact.items():
                yield from (f"    {line}" for line in load_lines(arm, load))
            continue
        shown = fact
        if isinstance(fact, Mapping):
            shown = ", ".join(f"{k} {_short(v)}" for k, v in fact.items()) or "none"
        elif isinstance(fact, list):
            shown = ", ".join(fact)
        yield f"  {name.replace('_', ' ')}: {_short(shown)}"


def _short(value: object) -> str:
    if isinstance(value, str) and len(value) == 64 and value.isalnum():
        return value[:16]
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)
