"""The folder of a run that is not finished: what was asked, what is done, and the last checkpoint.

It stands beside the result folder, as `NAME.unfinished`, and goes when that appears. `run.json`
says what was asked; `done/` has the counts of finished trials, `now/` the checkpoints of the one
that runs. All of them hold sums of themselves, and counts are audited when they are taken up. One
run at a time holds the folder.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fleet import paths
from fleet.engine.audit import audit
from fleet.engine.hours import Hours
from fleet.engine.snapshot import below, nest, read, write
from fleet.engine.tally import Tally
from fleet.engine.told import Told
from fleet.errors import InputError, RunError
from fleet.interrupt import in_haste, whole
from fleet.passing import passing_folder, remove
from fleet.running import sealed
from fleet.running.checkpoint import VERSION, Checkpoints
from fleet.running.executor import Effort
from fleet.running.lock import HOLDER, held
from fleet.running.run import Outcome
from fleet.running.trial import Trial
from fleet.scenario.load import Scenario, load

SCHEMA = "fleet-unfinished/4"
RUN = "run.json"
ENDING = ".unfinished"


@dataclass(frozen=True)
class Asked:
    """What a run was asked for, as it is kept while it is not finished.

    Attributes:
        scenario: path of the scenario.
        overrides: what replaced its values.
        digest: of the scenario with them.
        arms: the arms.
        placements: arms that are a script's own.
        output: the result folder.
        frames: folder for every frame, None for none.
        until, most: how long replications are added, and how many there are at most.
    """

    scenario: str
    overrides: tuple[str, ...]
    digest: str
    arms: tuple[str, ...]
    placements: tuple[str, ...]
    output: str
    frames: str | None
    until: tuple[str, ...] = ()
    most: int | None = None

    def load(self, given: Scenario | str | Path | None = None) -> Scenario:
        """Return the scenario as it was.

        Args:
            given: the scenario or its path; None: it is read again from where it was.

        Raises:
            InputError: it is not what it was.
        """
        if isinstance(given, Scenario):
            scenario = given.changed(*self.overrides)
        else:
            scenario = load(given or self.scenario, self.overrides)
        if scenario.digest != self.digest:
            raise InputError(
                f"{scenario.document.path} has changed since the run began, so the run cannot go"
                " on; run it anew, or put the file back as it was"
            )
        return scenario

    def check_placements(self, given: Collection[str]) -> None:
        """Refuse to go on without the arms that are a script's own.

        Raises:
            InputError: says which are not given.
        """
        missing = [name for name in self.placements if name not in given]
        if missing:
            raise InputError(
                f"the run has arms that a script places: {', '.join(missing)}; go on from that"
                " script, with fleet.run(..., placements=..., resume=...)"
            )

    @property
    def by_script(self) -> bool:
        """Return whether only a script can go on with it: the command line could not ask for it."""
        return bool(self.placements) or not Path(self.scenario).exists()


class Unfinished:
    """The folder of a run that is not finished."""

    def __init__(self, asked: Asked, every_s: float) -> None:
        """Remember where it is; `there` makes it.

        Args:
            asked: what is asked for.
            every_s: wall time between checkpoints.
        """
        output = Path(asked.output)
        self.path = output.with_name(output.name + ENDING)
        self.asked, self.every_s = asked, every_s

    @contextlib.contextmanager
    def there(self, *, anew: bool) -> Iterator[Unfinished]:
        """Have the folder there within the block: it goes then, or an error says how to go on.

        Args:
            anew: it is to be made, with nothing in it but what was asked; else it is there.

        Raises:
            InputError: it cannot be made, or holds something that must not be lost.
        """
        with contextlib.ExitStack() as until_then:
            with whole():
                made = anew and self._made()
                until_then.enter_context(held(self.path))
                if anew:
                    self._begin(made)
                until_then.enter_context(in_haste(self.way_on, if_lost=self._way()))
            try:
                yield self
                self.remove()
            except BaseException as error:
                way_on = self.way_on()
                if way_on is not None and not isinstance(error, InputError):
                    error.add_note(way_on)  # bad input says itself what to do
                raise

    def _made(self) -> bool:
        """Make the folder; return whether it was not there before."""
        if paths.exists(self.path):
            if paths.is_dir(self.path):
                return False
            raise InputError(f"'{self.path}' is there and is no folder; move it away")
        try:
            self.path.mkdir(parents=True)
        except OSError as error:
            if paths.is_dir(self.path):
                return False  # another run has made it since
            raise InputError(f"cannot write results to '{self.path}': {error.strerror}") from None
        return True

    def _begin(self, made: bool) -> None:
        """Write down what is asked, in place of a run that left nothing worth keeping."""
        if not made:
            self._check_worthless()
        try:
            for old in ("done", "now"):
                shutil.rmtree(self.path / old, ignore_errors=True)
            about = {"schema": SCHEMA, "version": VERSION, **vars(self.asked)}
            sealed.write(self.path / RUN, about)
        except OSError as error:
            raise InputError(f"cannot write results to '{self.path}': {error.strerror}") from None

    def _check_worthless(self) -> None:
        others = {path.name for path in self.path.iterdir()} - {HOLDER}
        if others and RUN not in others:
            raise InputError(f"'{self.path}' is there and is no unfinished run; move it away")
        if self.worth_keeping():
            raise InputError(
                f"'{self.path}' holds a run that was cut short; go on with: fleet run --resume"
                f" {self.path} or fleet.run(resume={str(self.path)!r}), or remove it"
            )

    @staticmethod
    @contextlib.contextmanager
    def passing() -> Iterator[Unfinished]:
        """Give a folder for what is finished that goes with the block: nothing is gone on from."""
        with passing_folder() as folder:
            asked = Asked("", (), "", (), (), output=str(folder / "run"), frames=None)
            unfinished = Unfinished(asked, float("inf"))
            unfinished.path.mkdir()
            yield unfinished

    def is_finished(self, trial: Trial) -> bool:
        """Return whether the outcome of a trial, or of one of its name, is there."""
        return self._done(trial).exists()

    def checkpoints(self, trial: Trial) -> Checkpoints:
        """Return the checkpoints of a trial."""
        return Checkpoints(self.path / "now" / trial.name, self.every_s)

    def finished(self, trial: Trial, *, keep: bool) -> Outcome | None:
        """Return the outcome of a trial, if it was finished before.

        Raises:
            InputError: the trial is another now, or the file is damaged.
        """
        path, plan = self._done(trial), trial.plan
        if not path.exists():
            return None
        state = read(path)
        if str(state["trial"]) != trial.identity:
            raise InputError(
                f"{path} is of another plan than arm '{trial.arm}' has now: the scenario's files or"
                " fleet itself have changed; remove the folder and run it anew"
            )
        in_flight, shards, window_ns, wall_ms, restarts, peak = (int(v) for v in state["counts"])
        try:
            tally = Tally.empty(plan, keep=keep)
            tally.load(below("tally", state))
            hours = Hours()
            hours.load(below("hours", state))
            told = Told.loaded(below("told", state))
            audit(plan, tally, in_flight, state["queued_bits"], plan.end_ns)
        except (RunError, LookupError, ValueError) as error:
            raise InputError(f"{path}: is no outcome of its trial: {error}; remove it") from None
        effort = Effort({}, restarts, peak)
        return Outcome(
            plan, tally, in_flight, state["queued_bits"], shards, window_ns, wall_ms / 1e3, effort,
            state["under_way"], hours, told,
        )  # fmt: skip

    def finish(self, trial: Trial, outcome: Outcome) -> None:
        """Write down the outcome of a trial, and forget its checkpoints."""
        path = self._done(trial)
        counts = np.array(
            [
                outcome.in_flight, outcome.shards, outcome.window_ns, round(outcome.wall_s * 1e3),
                outcome.effort.restarts, outcome.effort.peak_transfer_bytes,
            ]
        )  # fmt: skip
        about = {"trial": np.asarray(trial.identity), "counts": counts}
        state = {**about, "under_way": outcome.under_way, "queued_bits": outcome.queued_bits}
        state |= nest("tally", outcome.tally.save()) | nest("hours", outcome.hours.save())
        state |= nest("told", outcome.told.save())
        try:
            path.parent.mkdir(exist_ok=True)
            write(path, state)
        except OSError as error:
            raise RunError(f"cannot write '{path}': {error.strerror}") from None
        self.checkpoints(trial).forget()

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
            return self._way()
        self.remove()
        return None

    def _way(self) -> str:
        if self.asked.by_script:
            return f"go on with: fleet.run(..., resume={str(self.path)!r}), from the script"
        return f"go on with: fleet run --resume {self.path}"

    def _done(self, trial: Trial) -> Path:
        return self.path / "done" / f"{trial.name}.npz"


def asked_in(folder: Path) -> Asked:
    """Return what an unfinished run was asked for.

    Args:
        folder: its folder, or the result folder that it stands beside.

    Raises:
        InputError: there is no unfinished run.
    """
    folder = folder.resolve()
    path = folder
    if not folder.name.endswith(ENDING):
        path = folder.with_name(folder.name + ENDING)
        if paths.is_file(folder / RUN) and not paths.exists(path) and _is_ours(folder / RUN):
            folder.rename(path)  # somebody has renamed it, and its results will have that name
    try:
        said = sealed.read(path / RUN)
    except OSError:
        raise InputError(
            f"{folder}: no unfinished run here; give the folder that ends in {ENDING}, or the"
            " result folder that it stands beside"
        ) from None
    except ValueError as error:
        raise InputError(f"{path / RUN}: cannot be read: {error}; run it anew") from None
    try:
        said["output"] = str(path.with_name(path.name.removesuffix(ENDING)))  # wherever it is now
        if said.pop("schema") != SCHEMA:
            raise ValueError(f"its schema is not {SCHEMA}")
        if (version := said.pop("version")) != VERSION:
            raise ValueError(f"it is of fleet {version}, this is {VERSION}")
        said |= {name: tuple(said[name]) for name in ("overrides", "arms", "placements", "until")}
        return Asked(**said)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path / RUN}: cannot be read: {error}; run it anew") from None


def _is_ours(path: Path) -> bool:
    try:
        return str(sealed.read(path).get("schema", "")).startswith("fleet-unfinished/")
    except (OSError, ValueError):
        return False
