"""The folder of a run that is not finished: what was asked, what is done, and the last checkpoint.

It stands beside the result folder, as `NAME.unfinished`, and goes when that appears. `run.json`
says what was asked; `done/` has the counts of finished arms, `now/` the checkpoint of the one that
runs.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fleet import paths
from fleet.engine.snapshot import below, nest, read, write
from fleet.engine.tally import Tally
from fleet.errors import InputError, RunError
from fleet.interrupt import whole
from fleet.passing import remove
from fleet.plan.plan import Plan
from fleet.running.checkpoint import VERSION, Checkpoints
from fleet.running.executor import Effort
from fleet.running.run import Outcome
from fleet.scenario.load import Scenario, load

SCHEMA = "fleet-unfinished/1"
ENDING = ".unfinished"


@dataclass(frozen=True)
class Asked:
    """What an unfinished run was asked for.

    Attributes:
        scenario: path of the scenario.
        overrides: what replaced its values.
        digest: of the scenario with them.
        arms: the arms, None for all.
        output: the result folder; None: named after the run.
        frames: folder for every frame, None for none.
    """

    scenario: str
    overrides: tuple[str, ...]
    digest: str
    arms: tuple[str, ...] | None
    output: str | None
    frames: str | None

    def load(self) -> Scenario:
        """Read the scenario again.

        Raises:
            InputError: it is not what it was.
        """
        found = load(self.scenario, self.overrides)
        if found.digest != self.digest:
            raise InputError(
                f"{self.scenario} has changed since the run began, so the run cannot go on; run it"
                " anew, or put the file back as it was"
            )
        return found


class Unfinished:
    """The folder of a run that is not finished."""

    def __init__(self, output: Path, every_s: float) -> None:
        """Remember where it is; `begin` makes it.

        Args:
            output: the result folder that will appear in its place.
            every_s: wall time between checkpoints.
        """
        self.path = output.with_name(output.name + ENDING)
        self.every_s = every_s

    def begin(self, asked: Asked) -> None:
        """Make the folder, empty but for what was asked.

        Raises:
            InputError: it cannot be made, or holds something that must not be lost.
        """
        self._make_room()
        text = json.dumps({"schema": SCHEMA, "version": VERSION, **vars(asked)}, indent=1)
        try:
            with whole():
                shutil.rmtree(self.path, ignore_errors=True)
                self.path.mkdir(parents=True)
                (self.path / "run.json").write_text(text)
        except OSError as error:
            raise InputError(f"cannot write results to '{self.path}': {error.strerror}") from None

    def _make_room(self) -> None:
        if not paths.exists(self.path):
            return
        if not (self.path / "run.json").is_file():
            raise InputError(f"'{self.path}' is there and is no unfinished run; move it away")
        if self.worth_keeping():
            raise InputError(
                f"'{self.path}' holds a run that was cut short; go on with: fleet run --resume"
                f" {self.path}, or remove it"
            )

    def checkpoints(self, arm: str, replication: int) -> Checkpoints:
        """Return the checkpoints of a run of an arm."""
        return Checkpoints(self.path / "now" / f"{arm}-{replication}", self.every_s)

    def finished(self, plan: Plan, *, keep: bool) -> Outcome | None:
        """Return the outcome of a plan, if it was finished before.

        Raises:
            InputError: the plan is another now, or the file is damaged.
        """
        path = self._done(plan)
        if not path.exists():
            return None
        state = read(path)
        if (str(state["plan"]), str(state["version"])) != (plan.digest(), VERSION):
            raise InputError(
                f"{path} is of another plan than arm '{plan.arm}' has now: the scenario's files or"
                " fleet itself have changed; remove the folder and run it anew"
            )
        tally = Tally.empty(plan, keep=keep)
        tally.load(below("tally", state))
        in_flight, shards, window_ns, wall_ms, restarts, peak = (int(v) for v in state["counts"])
        effort = Effort({}, restarts, peak)
        return Outcome(
            plan, tally, in_flight, shards, window_ns, wall_ms / 1e3, effort, state["under_way"]
        )

    def finish(self, outcome: Outcome) -> None:
        """Write down the outcome of a run of an arm, and forget its checkpoints."""
        path, plan = self._done(outcome.plan), outcome.plan
        counts = np.array(
            [
                outcome.in_flight, outcome.shards, outcome.window_ns, round(outcome.wall_s * 1e3),
                outcome.effort.restarts, outcome.effort.peak_transfer_bytes,
            ]
        )  # fmt: skip
        about = {"plan": np.asarray(plan.digest()), "version": np.asarray(VERSION)}
        state = {**about, "counts": counts, "under_way": outcome.under_way}
        state |= nest("tally", outcome.tally.save())
        try:
            path.parent.mkdir(exist_ok=True)
            write(path, state)
        except OSError as error:
            raise RunError(f"cannot write '{path}': {error.strerror}") from None
        self.checkpoints(plan.arm, plan.replication).forget()

    def worth_keeping(self) -> bool:
        """Return whether anything could be gone on from."""
        kept = [*self.path.glob("done/*.npz"), *self.path.glob("now/*/at-*")]
        return bool(kept)

    def remove(self) -> None:
        """Remove the folder, `run.json` last: what a killed process leaves of it can go on."""
        with whole():
            for path in (self.path / "now", self.path / "done", self.path):
                remove(path)

    def way_on(self) -> str | None:
        """Return how to go on, in words; where there is nothing to go on from the folder goes."""
        if self.worth_keeping():
            return f"go on with: fleet run --resume {self.path}"
        self.remove()
        return None

    def _done(self, plan: Plan) -> Path:
        return self.path / "done" / f"{plan.arm}-{plan.replication}.npz"


def asked_in(folder: Path) -> Asked:
    """Return what an unfinished run was asked for.

    Args:
        folder: its folder, or the result folder that it stands beside.

    Raises:
        InputError: there is no unfinished run.
    """
    folder = folder.resolve()
    path = folder if folder.name.endswith(ENDING) else folder.parent / (folder.name + ENDING)
    try:
        text = (path / "run.json").read_bytes()
    except OSError:
        raise InputError(
            f"{folder}: no unfinished run here; give the folder that ends in {ENDING}, or the"
            " result folder that it stands beside"
        ) from None
    try:
        said: dict[str, Any] = json.loads(text)
        if said.pop("schema") != SCHEMA:
            raise ValueError(f"its schema is not {SCHEMA}")
        if (version := said.pop("version")) != VERSION:
            raise ValueError(f"it is of fleet {version}, this is {VERSION}")
        arms = said.pop("arms")
        overrides = tuple(said.pop("overrides"))
        return Asked(overrides=overrides, arms=None if arms is None else tuple(arms), **said)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path / 'run.json'}: cannot be read: {error}; run it anew") from None
