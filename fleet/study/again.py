"""A folder of results run again from what it holds, and what then is not as it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from fleet.errors import InputError
from fleet.results.metric_table import metric_table
from fleet.results.origin import Change, changes, check_kept
from fleet.results.record import Record, fitting
from fleet.running.runner import Runner
from fleet.study import door
from fleet.study.trials import Progress

NINE_DIGITS = 1e-9
"""Numbers that differ by no more of themselves are the same: sums of fractions may end otherwise
on another machine."""


class Key(NamedTuple):
    """Which number of a folder; `group` is None for all sensors, `point` is of a study."""

    arm: str
    replication: int
    group: str | None
    metric: str
    unit: str
    point: str = ""


class Other(NamedTuple):
    """A number that is not as it was."""

    key: Key
    was: float | None
    now: float | None

    @property
    def share(self) -> float:
        """Return by what share of itself it differs."""
        if self.was is None or self.now is None:
            return float("inf")
        return abs(self.was - self.now) / max(abs(self.was), abs(self.now))


class Matched(NamedTuple):
    """Numbers beside those that they were.

    Attributes:
        many: how many were compared.
        others: those that are not the same to nine digits.
        last_bits: how many are the same to nine digits, but not to the last bit.
    """

    many: int
    others: list[Other]
    last_bits: int


Numbers = Mapping[Key, float | None]


def matched(was: Numbers, now: Numbers) -> Matched:
    """Return which numbers are not as they were."""
    keys = {**was, **now}
    differing = [
        Other(key, was.get(key), now.get(key)) for key in keys if was.get(key) != now.get(key)
    ]
    others = [other for other in differing if other.share > NINE_DIGITS]
    return Matched(len(keys), others, len(differing) - len(others))


class Again(NamedTuple):
    """What a folder says, and what running it again gave.

    Attributes:
        record: the folder's.
        again: that of the new run.
        fingerprints: by arm what it was and is.
        numbers: which are not as they were.
        left_out: arms that a Python function places, which no folder can run.
        changes: what it was made of that is another now.
    """

    record: Record
    again: Record
    fingerprints: dict[str, tuple[str, str]]
    numbers: Matched
    left_out: list[str]
    changes: list[Change]

    @property
    def same(self) -> bool:
        """Return whether all is as it was."""
        kept = all(was == now for was, now in self.fingerprints.values())
        return kept and not self.numbers.others and not self.left_out


def reproduce(
    folder: str | Path, runner: Runner, *, arms: Sequence[str] | None = None,
    output: Path | None = None, progress: Progress | None = None,
) -> Again:  # fmt: skip
    """Run a folder of results again from what it holds, and compare.

    Args:
        folder: of a run.
        runner: carries it out.
        arms: arms to run; None: all.
        output: the folder of the new results; None: they are not written.
        progress: is called with the name of an arm and the share of it that is done.

    Raises:
        InputError: the folder cannot be read or does not hold what was run.
        RunError: a run broke a promise.
    """
    record = Record.load(folder)
    with fitting(record):
        check_kept(record)
        own = record.scenario.model.arms
        placed = [arm for arm in record.numbers if arm not in own]
    for arm in arms or ():
        if arm not in record.numbers or arm in placed:
            runs = ", ".join(name for name in record.numbers if name in own)
            raise InputError(f"--arm {arm}: '{folder}' can run again: {runs or 'none of its arms'}")
    wanted = list(arms or (arm for arm in record.numbers if arm in own))
    if not wanted:
        raise InputError(
            f"'{folder}': Python functions place all of its arms; run their script again, and"
            " compare with 'fleet diff'"
        )
    if output is not None and output.resolve() == Path(folder).resolve():
        raise InputError(f"-o '{output}' is the folder that is compared with; choose another")
    base = record.scenario.model.baseline
    overrides = ["baseline=null"] if base in placed else []
    again = door.run(
        runner, record.scenario, arms=wanted, overrides=overrides, output=output, progress=progress
    )
    with fitting(record):
        return _compared(record, again, wanted, [] if arms else placed)


def _compared(record: Record, again: Record, arms: Sequence[str], left_out: list[str]) -> Again:
    prints = {
        arm: (record.arms[arm]["fingerprint"], again.arms[arm]["fingerprint"]) for arm in arms
    }
    numbers = matched(_numbers(record, arms), _numbers(again, arms))
    return Again(record, again, prints, numbers, left_out, changes(record, again))


def _numbers(record: Record, arms: Sequence[str]) -> dict[Key, float | None]:
    table = metric_table({arm: record.numbers[arm] for arm in arms})
    return {Key(*(row[name] for name in _NAMES)): row["value"] for row in table.to_pylist()}


_NAMES = ("arm", "replication", "group", "metric", "unit")
