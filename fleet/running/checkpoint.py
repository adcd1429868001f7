"""Checkpoints: from time to time a run writes down where it is, to go on there after a crash.

A checkpoint is a folder with one file of arrays for each logical process and one that says of which
plan they are; each holds a sum of itself. It is written under another name and renamed, and all but
the one before it are removed then. If the newest turns out to be damaged, the one before it serves.
"""

from __future__ import annotations

import os
import shutil
import time
import warnings
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from fleet.engine.snapshot import State, read, sync_folder, write
from fleet.errors import InputError
from fleet.interrupt import whole
from fleet.passing import temporary
from fleet.plan.plan import Plan
from fleet.running import sealed

ABOUT, HOURS, FEEDBACK = "about.json", "hours", "feedback"
VERSION = f"{metadata.version('sensor-fleet')}/9"
"""Of fleet and of the layout of states: what another one wrote is not gone on from."""

EVERY_S = 60.0
"""Wall time from one checkpoint to the next, if nothing else is said."""


def passing() -> Checkpoints:
    """Return checkpoints in a place of their own, which goes when they do."""
    folder, number = temporary()
    return Checkpoints(folder, EVERY_S, lock=number)


class Checkpoints:
    """The checkpoints of the run of one plan, in a folder."""

    def __init__(self, folder: Path, every_s: float, *, lock: int | None = None) -> None:
        """Remember where they are; nothing is written before the first is due.

        Args:
            folder: where; made when needed.
            every_s: wall time from one to the next; 0 for one after every window.
            lock: of a folder that goes with this object, the file that holds its lock.
        """
        self.folder, self.every_s, self.lock = folder, every_s, lock
        self.wall_before_s = 0.0  # wall time of a run up to the checkpoint that it began from
        self._began_s = self._last_s = time.monotonic()

    def __del__(self) -> None:
        if self.lock is not None:
            self.forget()
            os.close(self.lock)

    def due(self) -> bool:
        """Return whether it is time for the next."""
        return time.monotonic() - self._last_s >= self.every_s

    def keep(self, plan: Plan, now_ns: int, states: Mapping[str, State]) -> None:
        """Write down all states at a time, and forget all but the one before.

        Args:
            plan: the plan.
            now_ns: the time.
            states: of all processes by name, `HOURS` (`fleet.engine.hours`), and `FEEDBACK`
                (`fleet.engine.feedback`) if there are controllers.
        """
        draft = self.folder / ".draft"
        try:
            self._write(draft, plan, now_ns, states)
        except OSError as error:  # a run does not end because its safety net does not hold
            shutil.rmtree(draft, ignore_errors=True)
            warnings.warn(f"no checkpoint: cannot write '{draft}': {error.strerror}", stacklevel=2)
        self._last_s = time.monotonic()

    def _write(self, draft: Path, plan: Plan, now_ns: int, states: Mapping[str, State]) -> None:
        before, path = self._all(), self.folder / f"at-{now_ns}"
        shutil.rmtree(draft, ignore_errors=True)
        with whole():  # in haste nobody makes the folder anew that is removed
            draft.mkdir(parents=True)
        for name, state in states.items():
            write(draft / f"{name}.npz", state)
        about = {
            "version": VERSION, "plan": plan.digest(), "now_ns": now_ns,
            "processes": sorted(states),
            "wall_s": self.wall_before_s + time.monotonic() - self._began_s,
        }  # fmt: skip
        sealed.write(draft / ABOUT, about)
        if path.exists():
            shutil.rmtree(path)
        draft.rename(path)
        sync_folder(self.folder)
        for old in [old for old in before if old != path][:-1]:
            shutil.rmtree(old, ignore_errors=True)

    def latest(self, plan: Plan) -> tuple[int, dict[str, State]] | None:
        """Return (time, states by process) of the last one of a plan that is whole.

        Returns:
            None if there is none.

        Raises:
            InputError: it is of another plan, or there are some and all are damaged.
        """
        last = self._last()
        if last is None:
            return None
        path, about, states = last
        if (about["plan"], about["version"]) != (plan.digest(), VERSION):
            raise InputError(
                f"{path} is of another plan than arm '{plan.arm}' has now: the scenario, its files"
                " or fleet itself have changed; run it anew"
            )
        self.wall_before_s = float(about["wall_s"])
        return int(about["now_ns"]), states

    def shards(self) -> int | None:
        """Return how many shards the last one that is whole is of, None if there is none.

        Raises:
            InputError: there are some and all are damaged.
        """
        last = self._last()
        return None if last is None else sum(name.startswith("shard-") for name in last[2])

    def _last(self) -> tuple[Path, dict[str, Any], dict[str, State]] | None:
        """Return (folder, what is said of it, states by process) of the last one that is whole."""
        damaged: list[InputError] = []
        for path in reversed(self._all()):
            try:
                about = _about(path)
                states = {name: read(path / f"{name}.npz") for name in about["processes"]}
            except InputError as error:
                damaged.append(error)
                continue
            for why in damaged:
                warnings.warn(f"{why}; the run goes on from the one before it", stacklevel=3)
            return path, about, states
        if damaged:
            raise InputError(f"{damaged[0]}; remove '{self.folder}' to begin this arm anew")
        return None

    def forget(self) -> None:
        """Remove all of them."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _all(self) -> list[Path]:
        folders = [p for p in self.folder.glob("at-*") if p.name[3:].isdigit()]
        return sorted(folders, key=lambda p: int(p.name[3:]))


def _about(path: Path) -> dict[str, Any]:
    """Return what a checkpoint says of itself.

    Raises:
        InputError: it is damaged.
    """
    try:
        return sealed.read(path / ABOUT)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: this checkpoint is damaged: {error}") from None
