"""A process that runs one trial of a study after the other: `python -m fleet.study.worker FD PID`.

It is a program of its own, so that a script which starts a study is not begun again in it. It
talks with who started it over a socket, and goes when that is gone.
"""

from __future__ import annotations

import signal
import sys
from multiprocessing.connection import Connection

from fleet.scenario.load import Scenario
from fleet.study.task import Answer, Task, carry_out
from fleet.study.uncertain import draws
from fleet.study.uncertain.draws import DrawAnswer, DrawTask


def main(fd: int, parent: int) -> None:
    """Do what comes over a socket until it is closed.

    Args:
        fd: of the socket, over which first the scenario comes, then tasks.
        parent: the process that sends them.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who waits for us
    with Connection(fd) as asked:
        try:
            scenario: Scenario = asked.recv()
            while True:
                asked.send(_done(scenario, asked.recv(), parent))
        except (EOFError, OSError):
            return


def _done(scenario: Scenario, task: Task | DrawTask, parent: int) -> Answer | DrawAnswer:
    if isinstance(task, DrawTask):
        return draws.carry_out(scenario, task, parent)
    return carry_out(scenario, task, parent)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
