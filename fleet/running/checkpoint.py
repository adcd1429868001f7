"""Checkpoints: from time to time a run writes down where it is, to go on there after a crash.

A checkpoint is a folder with one file of arrays for each logical process and one that says of which
plan they are. It is written under another name and renamed, and the one before it is removed then:
there is always one whole checkpoint, and never more than two.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
import warnings
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from fleet.engine.snapshot import State, read, sync_folder, write, write_text
from fleet.errors import InputError
from fleet.interrupt import whole
from fleet.plan.plan import Plan

ABOUT = "about.json"
VERSION = f"{metadata.version('sensor-fleet')}/3"
"""Of fleet and of the layout of states: what another one wrote is not gone on from."""

EVERY_S = 60.0
"""Wall time from one checkpoint to the next, if nothing else is said."""


def passing() -> Checkpoints:
    """Return checkpoints in a place of their own, which goes when they do."""
    return Checkpoints(Path(tempfile.mkdtemp(prefix="fleet-")), EVERY_S, passing=True)


class Checkpoints:
    """The checkpoints of the run of one plan, in a folder."""

    def __init__(self, folder: Path, every_s: float, *, passing: bool = False) -> None:
        """Remember where they are; nothing is written before the first is due.

        Args:
            folder: where; made when needed.
            every_s: wall time from one to the next; 0 for one after every window.
            passing: they go with this object.
        """
        self.folder, self.every_s, self.passing = folder, every_s, passing
        self.wall_before_s = 0.0  # wall time of a run up to the checkpoint that it began from
        self._began_s = self._last_s = time.monotonic()

    def __del__(self) -> None:
        if self.passing:
            self.forget()

    def due(self) -> bool:
        """Return whether it is time for the next."""
        return time.monotonic() - self._last_s >= self.every_s

    def keep(self, plan: Plan, now_ns: int, states: Mapping[str, State]) -> None:
        """Write down the states of all processes at a time, and forget those before."""
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
        write_text(draft / ABOUT, json.dumps(about))
        if path.exists():
            shutil.rmtree(path)
        draft.rename(path)
        sync_folder(self.folder)
        for old in before:
            if old != path:
                shutil.rmtree(old, ignore_errors=True)

    def latest(self, plan: Plan) -> tuple[int, dict[str, State]] | None:
        """Return (time, states by process) of the last one of a plan, None if there is none.

        Raises:
            InputError: it is of another plan, or damaged.
        """
        folders = self._all()
        if not folders:
            return None
        path = folders[-1]
        try:
            about = json.loads((path / ABOUT).read_text())
            digest, now_ns, names = about["plan"], int(about["now_ns"]), about["processes"]
            version, self.wall_before_s = about["version"], float(about["wall_s"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: this checkpoint is damaged: {error}; remove it") from None
        if (digest, version) != (plan.digest(), VERSION):
            raise InputError(
                f"{path} is of another plan than arm '{plan.arm}' has now: the scenario, its files"
                " or fleet itself have changed; run it anew"
            )
        return now_ns, {name: read(path / f"{name}.npz") for name in names}

    def shards(self) -> int | None:
        """Return how many shards the last one is of, None if there is none."""
        shards = [path for last in self._all()[-1:] for path in last.glob("shard-*.npz")]
        return len(shards) or None

    def forget(self) -> None:
        """Remove all of them."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _all(self) -> list[Path]:
        folders = [p for p in self.folder.glob("at-*") if p.name[3:].isdigit()]
        return sorted(folders, key=lambda p: int(p.name[3:]))
