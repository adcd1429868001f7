"""A runner: carries jobs out one after the other, with an executor that is opened once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from fleet.running.checkpoint import EVERY_S
from fleet.running.choice import beside, settled
from fleet.running.options import ExecutorKind, Options
from fleet.running.run import Outcome, simulate
from fleet.running.trial import Trial
from fleet.running.unfinished import Unfinished


class Runner:
    """Carries jobs out, one after the other.

    Ray is started or joined for the first trial that needs it and serves all that follow. At the
    end of a `with` block it is left, unless the caller was in Ray before.

    Args:
        options: how everything here runs.
        every_s: wall time from one checkpoint to the next; infinite for none.
        results: folder in which results appear, each in a folder named after its job; None: only
            those of jobs for which a folder is named are written.
    """

    def __init__(
        self,
        options: Options | None = None,
        *,
        every_s: float = EVERY_S,
        results: Path | None = None,
    ) -> None:
        self.options = options or Options()
        self.every_s, self.results = every_s, results
        self._on_ray = self._leaves_ray = False

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        if self._leaves_ray:
            from fleet.running import ray_cluster

            ray_cluster.disconnect()
        self._on_ray = self._leaves_ray = False

    def outcome(
        self,
        trial: Trial,
        progress: Callable[[float], None],
        unfinished: Unfinished | None = None,
        options: Options | None = None,
    ) -> Outcome:
        """Run a trial, or return what was found before.

        Args:
            trial: what to run.
            progress: is called with the share of simulated time that is done.
            unfinished: the folder that may have the outcome, and in which what is done is kept;
                None: a crash of this process loses it.
            options: how; None: the runner's own.

        Raises:
            InputError: the options do not go together, or what was found is of another trial.
            RunError: the run broke a promise.
        """
        options = settled(options or self.options, [trial.plan])
        if unfinished is None:
            self.open(options)
            return simulate(trial.plan, options, progress)
        done = unfinished.finished(trial, keep=options.keep)
        if done is not None:
            progress(1.0)
            return done
        self.open(options)
        outcome = simulate(trial.plan, options, progress, unfinished.checkpoints(trial))
        unfinished.finish(trial, outcome)
        return outcome

    def beside(self, options: Options, trials: Sequence[Trial]) -> int:
        """Return how many of some trials run at a time on Ray, which is started; else 1.

        Args:
            options: settled ones.
            trials: what is to run.
        """
        if options.runs_on is not ExecutorKind.ray or len(trials) < 2:
            return 1
        self.open(options)
        from fleet.running import ray_cluster

        there = ray_cluster.connect(options.ray_address)
        cpus, memory_bytes = int(there.get("CPU", 1.0)), there.get("memory", 0.0)
        return beside(options, [trial.plan for trial in trials], cpus, memory_bytes)

    def open(self, options: Options) -> None:
        """Start or join Ray, if that is where it runs and this was not done before."""
        if options.runs_on is ExecutorKind.ray and not self._on_ray:
            from fleet.running import ray_cluster

            self._leaves_ray = not ray_cluster.connected()
            ray_cluster.connect(options.ray_address)
            self._on_ray = True
