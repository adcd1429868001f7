"""The chain in fleet: the textbook workload of `fleet bench`, in one process.

Reads {cameras, duration, engine, ports} instead of a chain, and answers like the other models. What
is timed of the fast engine is a run as a user has it, who keeps no frames. One more, whose
fingerprint must be the same, keeps them to be compared. With {times} it simulates so many times as
long, and tells of frames only how many were done.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable

from chain import Frame, Frames, Run, measure

from fleet.bench import peers, workloads
from fleet.model.books import CAPTURED
from fleet.running.options import Engine, ExecutorKind, Options
from fleet.running.run import Outcome, simulate


def build(
    cameras: int, duration: str, engine: Engine, ports: bool, times: int = 1
) -> tuple[Run, Frames]:
    """Return what runs it and what tells its frames."""
    number, unit = duration.split()
    data = workloads.textbook(cameras, f"{times * int(number)} {unit}", ports=ports)
    plan = workloads.plan(data, "cloud")
    outcomes: list[Outcome] = []

    def run(*, keep: bool = engine == Engine.reference) -> None:
        options = Options(engine=engine, executor=ExecutorKind.local, keep=keep)
        outcomes.append(simulate(plan, options))

    def frames() -> Iterable[Frame] | int:
        if times > 1:
            return int(outcomes[0].tally.sensors[:, CAPTURED].sum()) - outcomes[0].in_flight
        if engine != Engine.reference:
            run(keep=True)
        assert len({outcome.tally.fingerprint() for outcome in outcomes}) == 1
        passages = peers.passages(outcomes[-1].tally.rows())
        passages[:, 2] -= workloads.PORT_NS if ports else 0
        done: list[Frame] = passages.tolist()
        return done

    return run, frames


def main() -> None:
    """Run it, after a run that compiles kernels or reads them from disk, and tell."""
    asked = json.load(sys.stdin)
    if asked["engine"] == Engine.columns:
        build(**asked)[0]()
    measure([], lambda: build(**asked))


if __name__ == "__main__":
    main()
