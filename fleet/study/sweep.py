"""Carry a study out: every run once, whatever stops it on the way, and one table at the end."""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from fleet import interrupt, paths
from fleet.errors import InputError
from fleet.passing import passing_folder
from fleet.plan import expected
from fleet.plan.compile import catalogue, compile_plan
from fleet.running.options import ExecutorKind
from fleet.scenario.load import Scenario
from fleet.study import looking, study_file, tidy
from fleet.study.design import Point
from fleet.study.hands import Hands
from fleet.study.job import Overrides, changes
from fleet.study.journal import Journal, Row, Run, locked, written
from fleet.study.study import JOURNAL, Study, asked_in, begin, make_folder, study
from fleet.study.task import Answer, Task
from fleet.study.until import Enough
from fleet.study.vary import Vary


class Progress(NamedTuple):
    """How far a study is.

    Attributes:
        done: runs that are done, those that failed too.
        runs: all of them, as far as is known.
        share: of the frames of all, how much is done.
        left_s: wall time that the rest is expected to take; None: not known yet.
        looks: whether there may be more, as it is looked whether these are enough.
    """

    done: int
    runs: int
    share: float
    left_s: float | None
    looks: bool = False


Told = Callable[[Progress], None]


class Swept(NamedTuple):
    """What a study gave.

    Attributes:
        study: what it is of.
        table: its numbers (`fleet.study.tidy`).
        ran_on: what carried it out; None: all was done already.
        intervals: how wide those are that were asked for (`fleet.study.looking.intervals`).
        folder: where it is written; None: nowhere.
    """

    study: Study
    table: pa.Table
    ran_on: ExecutorKind | None
    intervals: list[dict[str, Any]]
    folder: Path | None


def sweep(
    scenario: Scenario | str | Path | None = None,
    *,
    vary: Vary = (),
    where: str | None = None,
    arms: Sequence[str] | None = None,
    replications: int | None = None,
    until: str | Sequence[str] = (),
    overrides: Overrides | None = None,
    output: str | Path | None = None,
    resume: str | Path | None = None,
    results: Path | None = None,
    hands: Hands | None = None,
    told: Told | None = None,
) -> Swept:
    """Run a study, or go on with one.

    Args:
        scenario: what does not vary, or its path; with `resume` it may be left out.
        vary: see `fleet.study.study.study`, as the next four.
        where: which points there are.
        arms: arms to run.
        replications: how many of each.
        until: how narrow intervals are to be.
        overrides: what replaces values of the scenario.
        output: the folder; one that is there already is gone on with.
        resume: a folder that is there, to go on with as it was asked for.
        results: without these two, the folder in which one appears that is named after what was
            asked; None: nothing is kept.
        hands: see `carry_out`, as the next one.
        told: is called with how far it is.

    Raises:
        InputError: something that is asked for cannot be used.
    """
    hands = (hands or Hands()).checked()
    if resume is not None:
        others = (where, arms, replications, overrides, output)
        if vary or until or any(x is not None for x in others):
            raise InputError(
                "--resume goes on with what was asked before: leave out --vary, --where, --arm,"
                " --set, --replications, --until and --output"
            )
        folder = Path(resume)
        of = asked_in(folder, scenario)
    elif scenario is None:
        raise InputError("name a scenario or a study file, or a study with --resume DIR")
    else:
        given = {
            "vary": vary, "where": where, "arms": arms, "replications": replications,
            "until": [until] if isinstance(until, str) else list(until),
        }  # fmt: skip
        of = asked_of(scenario, given, overrides or ())
        if output is None and results is None:
            return Swept(of, *carry_out_here(of, hands=hands, told=told), None)
        folder = Path(output) if output is not None else (results or Path()) / of.name
    return Swept(of, *carry_out(of, folder.resolve(), hands=hands, told=told), folder)


def asked_of(
    asked: Scenario | str | Path, given: Mapping[str, Any] | None = None, overrides: Overrides = ()
) -> Study:
    """Return the study of a scenario, or that of a study file, of which some can be replaced.

    Args:
        asked: the scenario, or the path of one or of a study file.
        given: arguments of `fleet.study.study.study`, by name; None: none.
        overrides: what replaces values of the scenario.

    Raises:
        InputError: something in it cannot be used.
    """
    options = {key: value for key, value in (given or {}).items() if value not in (None, (), [])}
    replaced = [*changes(overrides)]
    if isinstance(asked, Scenario) or not study_file.is_study(asked):
        return study(asked, overrides=replaced, **{"vary": (), **options})
    if "vary" in options or "where" in options:
        raise InputError(
            f"'{asked}' is a study file and says what varies: leave out --vary and --where"
        )
    file = study_file.read(asked)
    of_file = {**study_file.as_options(file), "file": (str(file.path.resolve()), file.digest)}
    return study(
        file.scenario, overrides=[*changes(file.overrides), *replaced], **{**of_file, **options}
    )


def carry_out(
    of: Study, folder: Path, *, hands: Hands | None = None, told: Told | None = None
) -> tuple[pa.Table, ExecutorKind | None, list[dict[str, Any]]]:
    """Do what is not done yet of a study, and write its results.

    Args:
        of: the study.
        folder: its folder; what stands in its journal is not run again, but for what died.
        hands: who carries it out; None: as many processes as there are CPUs, or Ray for much work.
        told: is called with how far it is.

    Returns:
        the table of `fleet.study.tidy`, which does not depend on what it was interrupted by, nor on
        who carried it out; who did, None if all was done; and how wide intervals are.

    Raises:
        InputError: the folder is of another study, in use, or damaged.
    """
    if not paths.exists(folder / JOURNAL):
        _check_ends(of)
    make_folder(folder)
    with locked(folder):
        begin(folder, of)
        with way_on(f"go on with: fleet sweep --resume {shlex.quote(str(folder))}"):
            return _carried_out(of, folder, (hands or Hands()).checked(), told)


def carry_out_here(
    of: Study, *, hands: Hands | None = None, told: Told | None = None
) -> tuple[pa.Table, ExecutorKind | None, list[dict[str, Any]]]:
    """Do all of a study and keep nothing; see `carry_out`."""
    _check_ends(of)
    with passing_folder() as passing:
        return _carried_out(of, passing, (hands or Hands()).checked(), told)


def _carried_out(
    of: Study, folder: Path, hands: Hands, told: Told | None
) -> tuple[pa.Table, ExecutorKind | None, list[dict[str, Any]]]:
    journal = Journal(folder / JOURNAL)
    ran_on = _run(of, journal, hands, told or (lambda _: None))
    table, intervals = tidy.tidy(of, journal.rows), looking.intervals(of, journal.rows)
    if of.enough.asked:
        with written(folder / tidy.UNTIL):
            tidy.write_until(intervals, folder)
    with written(folder / tidy.RESULTS):
        tidy.write(table, folder)
    return table, ran_on, intervals


@contextlib.contextmanager
def way_on(how: str) -> Iterator[None]:
    """Say how to go on, if the block is cut short."""
    way = f"what is done is kept; {how}"
    with interrupt.in_haste(lambda: way, if_lost=way):
        try:
            yield
        except BaseException as error:
            if not isinstance(error, InputError):  # bad input says itself what to do
                error.add_note(way)
            raise


def _run(of: Study, journal: Journal, hands: Hands, told: Told) -> ExecutorKind | None:
    """Run what is not done, the longest first, look by look; return what ran it."""
    every = looking.runs(of, journal.rows)
    left = [run for run in every if _is_left(journal, run)]
    if not left:
        return None
    overrides = {point.id: point.overrides for point in of.design.points}
    frames = {point.id: _frames(of, point) for point in of.design.points}
    chosen = hands.for_work(sum(frames[run.point] for run in left), len(left))
    with chosen.open(of.design.scenario, max(len(left), of.enough.most)) as crew:
        tried: set[Run] = set()
        while left:
            left.sort(key=lambda run: -frames[run.point])  # those of one point stay in order
            tasks = {Task(overrides[run.point], run.arm, run.replication): run for run in left}
            clock = _Clock({run: frames[run.point] for run in every}, left, told, of.enough)
            for task, answer in crew.carry_out([*tasks]):
                journal.add(tasks[task], row_of(answer))
                clock.tell(tasks[task])
            tried.update(left)  # what died is for another time
            every = looking.runs(of, journal.rows)
            left = [run for run in every if run not in tried and _is_left(journal, run)]
    return chosen.executor


def _check_ends(of: Study) -> None:
    """Refuse a study of which neither the first point can run nor the last, in any arm.

    What a point alone cannot be is a failed run, and what none can be is a mistake.

    Raises:
        InputError: that of the first.
    """
    refused: list[InputError] = []
    for point in (of.design.points[0], of.design.points[-1]):
        for arm in of.arms:
            try:
                scenario = of.design.scenario.changed(*point.overrides)
                compile_plan(scenario, catalogue(scenario), arm)
                return
            except InputError as error:
                refused.append(error)
    raise refused[0]


def _is_left(journal: Journal, run: Run) -> bool:
    return not looking.is_done(journal.rows.get(run))


def _frames(of: Study, point: Point) -> float:
    """Return how many frames a run of a point is taken to have; of one that cannot run none."""
    try:
        return expected.frames_asked(of.design.scenario.changed(*point.overrides))
    except InputError:
        return 0.0


def row_of(answer: Answer) -> Row:
    """Return what a journal says of a run."""
    if answer.error:
        status = looking.DIED if answer.died else looking.FAILED
        return {"status": status, "error": answer.error, "frames": 0.0}
    return {
        "status": looking.DONE, "trial": answer.trial, "frames": answer.frames,
        "seconds": round(answer.seconds, 3), "values": answer.values,
    }  # fmt: skip


class _Clock:
    """Tells how far a study is: by frames, of which longer runs have more."""

    def __init__(
        self, frames: Mapping[Run, float], left: Sequence[Run], told: Told, enough: Enough
    ) -> None:
        """Begin with what is done already.

        Args:
            frames: of all runs.
            left: those that are not done.
            told: is told.
            enough: whether there may be more.
        """
        self._looks = bool(enough.asked)
        self._frames, self._told = frames, told
        self._runs, self._done = len(frames), len(frames) - len(left)
        self._all, self._now = sum(n + 1 for n in frames.values()), 0.0
        self._before = self._all - sum(frames[run] + 1 for run in left)
        self._began_s = time.monotonic()
        told(Progress(self._done, self._runs, self._before / self._all, None, self._looks))

    def tell(self, run: Run) -> None:
        """Tell that a run is done."""
        self._done, self._now = self._done + 1, self._now + self._frames[run] + 1
        rest = self._all - self._before - self._now
        spent_s = time.monotonic() - self._began_s
        share = (self._before + self._now) / self._all
        left_s = spent_s * rest / self._now
        self._told(Progress(self._done, self._runs, share, left_s, self._looks))
