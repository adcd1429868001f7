"""The trials of a job, carried out: in turn, some at a time in processes, or beside each other."""

from __future__ import annotations

import contextlib
import functools
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from fleet.errors import FleetError, RunError
from fleet.running.choice import longest_first, processes
from fleet.running.options import Options
from fleet.running.run import Outcome
from fleet.running.runner import Runner
from fleet.running.trial import Trial
from fleet.running.unfinished import Unfinished
from fleet.study.side_by_side import side_by_side
from fleet.study.team import Team, Tell

Progress = Callable[[str, float], None]


class Carried(NamedTuple):
    """What came of trials.

    Attributes:
        outcomes: by arm, of each replication.
        processes: how many ran at a time.
    """

    outcomes: dict[str, list[Outcome]]
    processes: int


def carry_out(
    trials: Sequence[Trial],
    runner: Runner,
    options: Options,
    unfinished: Unfinished | None,
    progress: Progress,
) -> Carried:
    """Carry trials out, or find what came of them before.

    Processes leave what is finished in the folder of the unfinished run, from where it is read: so
    what one does not hold in memory at a time is bounded, and a run is gone on with alike.

    Args:
        trials: every arm in every replication, arm by arm.
        runner: carries them out where that is here.
        options: settled ones.
        unfinished: see `Runner.outcome`.
        progress: is called with the name of an arm and the share of it that is done.

    Raises:
        InputError: see `Runner.outcome`.
        RunError: a run broke a promise, or its process died.
    """
    left = [trial for trial in trials if unfinished is None or not unfinished.is_finished(trial)]
    many = processes(options, [trial.plan for trial in left])
    beside = runner.beside(options, left)
    if many > 1 or beside > 1:
        left = longest_first(left, options.engine)
    told = _Shares(trials, progress)
    options = replace(options, beside=beside)
    ready: dict[str, Outcome] = {}
    outcomes: dict[str, list[Outcome]] = {}
    with _place(unfinished, many) as place:
        if many > 1:
            assert place is not None
            _at_once(left, place, options, many, told)

        def run(trial: Trial, tell: Tell) -> Outcome:
            return runner.outcome(trial, tell, place, options)

        if beside > 1:
            ready = {t.name: o for t, o in side_by_side(left, run, beside, told.tell)}
        for trial in trials:
            outcome = ready.get(trial.name) or run(trial, functools.partial(told.tell, trial))
            outcomes.setdefault(trial.arm, []).append(outcome)
    return Carried(outcomes, max(many, beside))


@contextlib.contextmanager
def _place(unfinished: Unfinished | None, many: int) -> Iterator[Unfinished | None]:
    """Give the folder of an unfinished run, or one that passes where processes need one."""
    if unfinished is not None or many == 1:
        yield unfinished
        return
    with Unfinished.passing() as passing:
        yield passing


class _Shares:
    """How far the arms are, of whose replications several may run at a time."""

    def __init__(self, trials: Sequence[Trial], progress: Progress) -> None:
        self._progress = progress
        self._of = {(trial.arm, trial.replication): 0.0 for trial in trials}

    def tell(self, trial: Trial, share: float) -> None:
        """Tell of the share of a trial that is done."""
        self._of[trial.arm, trial.replication] = share
        mine = [done for (arm, _), done in self._of.items() if arm == trial.arm]
        self._progress(trial.arm, sum(mine) / len(mine))


class _Sent:
    """A trial that can be sent to another process.

    Its arrays go beside it, so that what cannot be written comes out as arrays that cannot: kernels
    are compiled for these.
    """

    def __init__(self, trial: Trial) -> None:
        self.trial = trial

    def __reduce__(self) -> tuple[Callable[..., _Sent], tuple[bytes, list[bytes]]]:
        arrays: list[pickle.PickleBuffer] = []
        rest = pickle.dumps(self.trial, protocol=5, buffer_callback=arrays.append)
        return _arrived, (rest, [bytes(array.raw()) for array in arrays])


def _arrived(rest: bytes, arrays: Sequence[bytes]) -> _Sent:
    trial: Trial = pickle.loads(rest, buffers=arrays)
    return _Sent(trial)


class _Given(NamedTuple):
    """What all trials share: how they run, and where what is finished is left."""

    options: Options
    unfinished: Unfinished


def _at_once(
    trials: Sequence[Trial], unfinished: Unfinished, options: Options, many: int, told: _Shares
) -> None:
    """Run trials in some processes, begun in order."""
    with Team(_run, _Given(options, unfinished), lambda _, how: RunError(how), many) as team:
        tasks = [_Sent(trial) for trial in trials]
        for task, error in team.carry_out(tasks, lambda task, share: told.tell(task.trial, share)):
            if error is not None:
                raise error
            told.tell(task.trial, 1.0)


def _run(given: _Given, sent: _Sent, tell: Tell) -> Exception | None:
    """Run a trial in a process of its own; return what went wrong."""
    try:
        Runner(given.options).outcome(sent.trial, tell, given.unfinished)
    except FleetError as error:
        return error
    except Exception as error:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return None
