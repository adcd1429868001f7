"""Classes of links that are told apart: those that carry the same in every arm stand together."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.results.record import Record

_ALIKE = 5e-3
"""Links that carry the same but for such a share, in every arm, are told of together."""


def distinct(record: Record) -> list[list[str]]:
    """Return the classes of links, those together that carry the same in every arm."""
    names = list(dict.fromkeys(n for arm in record.arms.values() for n in arm["bandwidth_mbit_s"]))
    groups: list[list[str]] = []
    for name in names:
        mine = _means(record, name)
        fits = next((one for one in groups if _alike(_means(record, one[0]), mine)), None)
        if fits is None:
            groups.append([name])
        else:
            fits.append(name)
    return groups


def _means(record: Record, name: str) -> list[float]:
    arms = record.arms.values()
    return [arm["bandwidth_mbit_s"].get(name, {}).get("mean", -1.0) for arm in arms]


def _alike(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(abs(a - b) <= _ALIKE * max(abs(a), abs(b)) for a, b in zip(one, other, strict=True))
