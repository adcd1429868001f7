"""How parts of plans are made: each by one function, from what it states, and once for the same.

A step states what it reads: places of the scenario, files that are named there, and other parts. A
part is known by all of that, so that a plan which needs the same again takes the one that is there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from fleet.catalog import Catalog
from fleet.catalog.rows import Key, Row
from fleet.errors import InputError
from fleet.eyes import user_traces
from fleet.plan.draft import Draft
from fleet.scenario.load import Scenario
from fleet.scenario.strict_yaml import Keys, Value

T = TypeVar("T")
_MOST = 64
"""So many results of a step are kept at most."""
_ROOM = 1_000_000
"""So many sensors those of a step have together at most, but for the last."""


class Step(NamedTuple, Generic[T]):
    """How a part of a plan is made.

    Attributes:
        name: of the part.
        make: makes it; of the draft it reads what is stated here, and the catalogue.
        says: places of the scenario, `*` for every key of a mapping or position of a list; a `*` at
            the end stands for these alone, whatever they hold.
        files: places that name files or folders, of which it reads what they hold.
        after: other parts, or what is asked for: arm, replication, placement, deployments.
        is_plain: its part is known to others by what it is, all of which its `repr` tells, and not
            by what it was made from.
    """

    name: str
    make: Callable[[Draft], T]
    says: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    is_plain: bool = False


class Made(NamedTuple):
    """What a step gave.

    Attributes:
        value: the part; nobody changes it.
        rows: of the catalogue that were read, in order.
        remarks: what a reader should know of choices that were made for him.
    """

    value: Any
    rows: dict[Key, Row]
    remarks: tuple[str, ...]


class Memo:
    """Parts that were made before, by step; of one catalogue, and the last ones only."""

    def __init__(self) -> None:
        """Know none."""
        self._catalog: Catalog | None = None
        self._made: dict[str, dict[str, Made]] = {}

    def use(self, catalog: Catalog) -> None:
        """Forget everything that was made of another catalogue."""
        if self._catalog is not None and not self._catalog.holds_the_same(catalog):
            self._made.clear()
        self._catalog = catalog

    def find(self, step: str, key: str) -> Made | None:
        """Return what a step gave for the same before, None if that is not known."""
        made = self._made.get(step, {}).pop(key, None)
        if made is not None:
            self._made[step][key] = made  # the last used is the last to go
        return made

    def keep(self, step: str, key: str, made: Made, sensors: int) -> None:
        """Keep what a step gave, for a city of so many sensors."""
        mine = self._made.setdefault(step, {})
        mine[key] = made
        while len(mine) > max(1, min(_MOST, _ROOM // sensors)):
            del mine[next(iter(mine))]


class Maker:
    """Makes the parts of one plan, or takes them from those that were made before.

    Attributes:
        draft: what steps read.
        rows: of the catalogue that were read for all parts so far.
        remarks: of all of them.
    """

    def __init__(self, draft: Draft, catalog: Catalog, memo: Memo) -> None:
        """Begin a plan."""
        self.draft, self.rows, self.remarks = draft, dict[Key, Row](), list[str]()
        self._catalog, self._memo = catalog, memo
        memo.use(catalog)
        self._keys: dict[str, str | None] = {
            "arm": draft.arm,
            "replication": str(draft.replication),
            "placement": None if draft.placement else "",  # of a function nothing is known
            "deployments": repr(tuple(draft.deployments)),
        }

    def part(self, step: Step[T]) -> T:
        """Return a part; those that it comes after are there already.

        Raises:
            InputError: something in the scenario cannot be used.
        """
        key = self._keys[step.name] = self._key(step)
        made = None if key is None else self._memo.find(step.name, key)
        if made is None:
            self.draft.reader, self.draft.remarks = self._catalog.reader(), []
            value = step.make(self.draft)
            made = Made(value, self.draft.reader.used, tuple(self.draft.remarks))
            if key is not None:
                sensors = value if step.name == "roster" else self.draft.roster
                self._memo.keep(step.name, key, made, len(sensors))  # type: ignore[arg-type]
        self.rows |= made.rows
        self.remarks += made.remarks
        part: T = made.value
        if step.is_plain and key is not None:
            self._keys[step.name] = hashlib.sha256(repr(part).encode()).hexdigest()
        return part

    def _key(self, step: Step[Any]) -> str | None:
        """Return what a part is known by; None if it is not to be kept."""
        after = [self._keys[name] for name in step.after]
        try:
            held = [_held(self.draft.scenario, place) for place in step.files]
        except (InputError, OSError):
            return None  # the step says what is wrong
        if None in after:
            return None
        said = [stated(self.draft.scenario.data, place.split(".")) for place in step.says]
        return hashlib.sha256(json.dumps([after, held, said]).encode()).hexdigest()


def stated(node: Value, place: Sequence[str]) -> Any:
    """Return what some data say at a place, whose `*` stands for all keys or positions there."""
    if not place:
        return node
    head, *rest = place
    if head == "*":
        inside = list(_inside(node))
        return [[key, stated(one, rest)] for key, one in inside] if rest else [k for k, _ in inside]
    return stated(node.get(head), rest) if isinstance(node, dict) else None


def _inside(node: Value) -> Iterator[tuple[str | int, Value]]:
    if isinstance(node, dict):
        yield from node.items()
    elif isinstance(node, list):
        yield from enumerate(node)


def _held(scenario: Scenario, place: str) -> list[list[str]]:
    """Return the SHA-256 of each file that a scenario names at a place.

    Raises:
        InputError: one is missing, or may not be read.
        OSError: one cannot be read.
    """
    files = []
    for keys, name in _named(scenario.data, place.split(".")):
        for file in user_traces.files_of(scenario.path(name, *keys)):
            scenario.path(str(file), *keys)
            files.append([".".join(map(str, keys)), hashlib.sha256(file.read_bytes()).hexdigest()])
    return files


def _named(node: Value, place: Sequence[str], *above: str | int) -> Iterator[tuple[Keys, str]]:
    """Yield (where it stands, name) of each file that some data name at a place."""
    if not place:
        if isinstance(node, str):
            yield above, node
        return
    head, *rest = place
    for key, one in _inside(node):
        if head in ("*", key):
            yield from _named(one, rest, *above, key)
