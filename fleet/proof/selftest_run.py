"""What the selftest's cases are made of: made-up worlds, and what is read off their runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import Ints
from fleet.catalog import Catalog
from fleet.chance import name_hash
from fleet.errors import RunError
from fleet.model import capture
from fleet.model.frames import (
    CAPTURE,
    DECODED,
    FATE,
    FRAME,
    INFER,
    PAYLOAD,
    READY,
    RESULT,
    SENSOR,
    START,
    UPLINK,
)
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.plan import Plan
from fleet.running.options import Engine, ExecutorKind, Options
from fleet.running.run import Outcome, simulate
from fleet.scenario.load import Scenario, loads

Data = dict[str, Any]
Sample = Callable[["Run"], float]
Pair = Callable[["Run"], tuple[int, int]]
MS = 1_000_000


@dataclass(frozen=True)
class Law:
    """A number that theory knows and a run estimates.

    Attributes:
        quantity: what it is.
        theory: its value.
        source: who found it.
        sample: reads it off one run.
    """

    quantity: str
    theory: float
    source: str
    sample: Sample


@dataclass(frozen=True)
class Identity:
    """Two whole numbers that must be equal in every run: what theory says, and what the run has."""

    quantity: str
    source: str
    pair: Pair


@dataclass(frozen=True)
class Case:
    """A made-up world with known numbers.

    Attributes:
        name: of the queue.
        data: a scenario as plain data; its only arm is run.
        long: simulated time of each replication by the columns engine.
        short: the same by the reference engine, which is slower.
        laws: what is estimated.
        identities: what is exact.
        window: part of the simulated time whose frames count for the laws.
        replications: (of the columns engine, of the reference engine).
    """

    name: str
    data: Data
    long: str
    short: str
    laws: tuple[Law, ...] = ()
    identities: tuple[Identity, ...] = ()
    window: tuple[float, float] = (0.1, 0.9)
    replications: tuple[int, int] = (20, 20)


@dataclass(frozen=True)
class Run:
    """One replication of a case, and its frames in order of capture."""

    outcome: Outcome
    window: tuple[float, float]
    rows: Ints = field(repr=False)
    scenario: Scenario = field(repr=False)

    @property
    def plan(self) -> Plan:
        """Return what was run."""
        return self.outcome.plan

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of every frame and count."""
        return self.outcome.tally.fingerprint()

    @cached_property
    def span_ns(self) -> tuple[int, int]:
        """Return the window; ns."""
        begin, end = (int(share * self.plan.end_ns) for share in self.window)
        return begin, end

    @cached_property
    def steady(self) -> Ints:
        """Return the frames captured in the window, every one of which has met its fate.

        Before it the queues fill; after it frames may be under way, and leaving those out would
        favour short waits.

        Raises:
            RunError: a frame of the window may be under way.
        """
        begin, end = self.span_ns
        at = self.rows[:, CAPTURE]
        if np.count_nonzero(at < end) != captures(self.plan, end):
            raise RunError("a frame of the selftest's window is still under way; end it earlier")
        rows: Ints = self.rows[(at >= begin) & (at < end)]
        return rows

    @property
    def served(self) -> Ints:
        """Return the frames of the window that became results."""
        results: Ints = self.steady[self.steady[:, FATE] == RESULT]
        return results


def captures(plan: Plan, until_ns: int) -> int:
    """Return how many frames are captured before a time, if no event changes a clock."""
    clocks = plan.sensors.clocks.copy()
    capture.begin(clocks, plan.sensors.capture_keys, plan.sensors.trace_ns)
    everyone = np.arange(plan.size)
    return int(
        capture.count(clocks, plan.sensors.capture_keys, plan.sensors.trace_ns, everyone, until_ns)
    )


def world(sensors: Data, arm: Data, **changes: Any) -> Data:
    """Return a scenario on the bare catalogue as plain data; `changes` replace top-level keys."""
    base: Data = {
        "name": "selftest",
        "start": "2024-05-16T17:00",
        "duration": "1 s",
        "catalogue": "textbook",
        "sensors": {n: {"app": "gaze", "uplink": "line"} | spec for n, spec in sensors.items()},
        "links": {"line": link("line")},
        "cloud": {"server": "server", "servers": 1, "decode": False},
        "arms": {"bare": {"protocol": "bare"} | arm},
    }
    return base | changes


def link(technology: str, **changes: str) -> Data:
    """Return a link of the bare catalogue, shared by all and leading to the region."""
    return {"technology": technology, "shared_by": "city", "to": "cloud"} | changes


def poisson(rate: str, count: int = 20) -> Data:
    """Return a group of sensors that capture at random."""
    return {"count": count, "rate": rate, "capture": "poisson"}


def sender(codec: str, **changes: Any) -> Data:
    """Return equipment that sends encoded pictures at once: what is behind the link stays idle."""
    chip = {"device": "instant-sensor", "model": "glance", "output": "image", "codec": codec}
    return chip | changes


def camera(codec: str, model: str) -> Data:
    """Return equipment that sends encoded pictures at once and has servers run a model."""
    return {"device": "instant-camera", "codec": codec, "model": model}


def plans(case: Case, duration: str, count: int) -> list[Plan]:
    """Return the plans of independent replications of a case."""
    scenario = _scenario(case, duration)
    arm = next(iter(case.data["arms"]))
    return [compile_plan(scenario, _bare(scenario), arm, replication=r) for r in range(count)]


def _scenario(case: Case, duration: str) -> Scenario:
    """Return the scenario of a case.

    Each case has its own seed: sensors of one name would capture at the same times in all cases.
    """
    seed = name_hash(case.name) >> 1
    text = json.dumps(case.data | {"duration": duration, "seed": seed})
    return loads(text, str(Path(__file__).parent / "selftest.yaml"))


_CATALOGS: list[Catalog] = []


def _bare(scenario: Scenario) -> Catalog:
    """Return the bare catalogue, which all cases share: reading it takes longer than some runs."""
    if not _CATALOGS:
        _CATALOGS.append(catalogue(scenario))
    return _CATALOGS[0]


def run(case: Case, plan: Plan, engine: Engine) -> Run:
    """Run a plan of a case in this process."""
    outcome = simulate(plan, Options(engine=engine, executor=ExecutorKind.local, keep=True))
    rows = outcome.tally.rows()
    order = np.lexsort((rows[:, FRAME], rows[:, SENSOR], rows[:, CAPTURE]))
    return Run(outcome, case.window, rows[order], _scenario(case, f"{plan.end_ns} ns"))


# What is read off a run -----------------------------------------------------------------------


def port_ms(rows: Ints) -> NDArray[np.float64]:
    """Return the waits at a line, which takes 1 ns for a byte; ms."""
    return (rows[:, UPLINK] - rows[:, READY] - rows[:, PAYLOAD]) / MS


def pool_ms(rows: Ints) -> NDArray[np.float64]:
    """Return the waits for servers; ms."""
    return (rows[:, START] - rows[:, DECODED]) / MS


def mean(of: Callable[[Ints], NDArray[np.float64]]) -> Sample:
    """Return a reader of a mean over the results of the window."""
    return lambda run: float(of(run.served).mean())


def above(of: Callable[[Ints], NDArray[np.float64]], least: float) -> Sample:
    """Return a reader of the share of the window's results that are above a value."""
    return lambda run: float((of(run.served) > least).mean())


def fate_share(fate: int) -> Sample:
    """Return a reader of the share of the window's frames with a fate."""
    return lambda run: float((run.steady[:, FATE] == fate).mean())


def busy(spent: Callable[[Ints], Ints], servers: int = 1) -> Sample:
    """Return a reader of the work that the window brings, for each server and unit of time."""
    return lambda run: float(spent(run.served).sum() / (run.span_ns[1] - run.span_ns[0]) / servers)


def present(enter: int, leave: int) -> Sample:
    """Return a reader of the mean number of frames between two columns, over the window."""

    def read(run: Run) -> float:
        begin, end = run.span_ns
        rows = run.rows[run.rows[:, CAPTURE] < end]  # all of these have met their fate
        inside = np.clip(rows[:, leave], begin, end) - np.clip(rows[:, enter], begin, end)
        return float(inside.sum() / (end - begin))

    return read


def little(enter: int, leave: int) -> Pair:
    """Return a reader of both sides of Little's law at a station: Σ stays, and ∫ number dt.

    The window begins at zero and ends when an arrival finds the station empty, so that every
    frame's stay lies in it whole. The number present is counted up and down moment by moment.
    """

    def read(run: Run) -> tuple[int, int]:
        assert len(run.steady)
        rows = run.rows[(run.rows[:, CAPTURE] < run.span_ns[1]) & (run.rows[:, FATE] == RESULT)]
        rows = rows[np.argsort(rows[:, enter], kind="stable")]
        gone = np.maximum.accumulate(rows[:, leave])
        last = int(np.flatnonzero(gone[:-1] <= rows[1:, enter])[-1]) + 1
        begins, ends = rows[:last, enter], rows[:last, leave]
        moments = np.concatenate([begins, ends])
        steps = np.concatenate([np.ones(last, dtype=np.int64), -np.ones(last, dtype=np.int64)])
        order = np.argsort(moments, kind="stable")
        number = np.cumsum(steps[order])[:-1]
        return int((ends - begins).sum()), int((number * np.diff(moments[order])).sum())

    return read


def serving(rows: Ints) -> Ints:
    """Return the service times at servers that take one frame at a time; ns."""
    spent: Ints = rows[:, INFER] - rows[:, START]
    return spent
