"""`fleet reproduce` and `fleet diff`: results run again, and results beside others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleet.cli.run import MISSED, Arms
from fleet.errors import InputError
from fleet.running.options import ExecutorKind

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A result folder.")]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="DIR", help="Keep the new results there.")
]
Executor = Annotated[ExecutorKind, typer.Option(help="Ray for a city, else here.")]


def reproduce(
    folder: Folder, arm: Arms = None, executor: Executor = ExecutorKind.auto, output: Output = None
) -> None:
    """Run a result or study folder again; exit with 1 if anything is not as it was."""
    from fleet.show.again import lines
    from fleet.show.answer import say
    from fleet.show.folders import check_run
    from fleet.show.progress import progress_bar
    from fleet.study import door
    from fleet.study.again import reproduce as again
    from fleet.study.study_again import is_study

    if is_study(folder):
        _reproduce_study(folder, arm, executor, output)
        return
    check_run(folder)
    with door.runner(executor=executor) as runner, progress_bar() as progress:
        answer = again(folder, runner, arms=arm, output=output, progress=progress)
    say(lines(answer))
    if not answer.same:
        raise typer.Exit(MISSED)


def _reproduce_study(
    folder: Path, arms: list[str] | None, executor: ExecutorKind, output: Path | None
) -> None:
    from fleet.show.again import study_lines
    from fleet.show.answer import say
    from fleet.show.sweep import progress
    from fleet.study.hands import Hands
    from fleet.study.study_again import reproduce as again

    if arms:
        raise InputError("--arm chooses arms of one run; a study is run again whole")
    hands = Hands(None if executor is ExecutorKind.auto else executor)
    with progress() as told:
        answer = again(folder, hands=hands, output=output, told=told)
    say(study_lines(answer))
    if not answer.same:
        raise typer.Exit(MISSED)


def diff(
    one: Annotated[Path, typer.Argument(metavar="A", help="A result folder.")],
    other: Annotated[Path, typer.Argument(metavar="B", help="Another one.")],
    full: Annotated[bool, typer.Option("--full", help="Show all numbers that differ.")] = False,
) -> None:
    """Say in one screen what differs between two results: inputs, versions, code, numbers."""
    from fleet.results.origin import changes
    from fleet.results.record import Record, fitting
    from fleet.show import between as show
    from fleet.show.answer import say
    from fleet.show.console import console
    from fleet.show.folders import check_run
    from fleet.study.between import between

    for folder in (one, other):
        check_run(folder)
    records = [Record.load(folder) for folder in (one, other)]
    with fitting(records[0]), fitting(records[1]):
        compared = between(records[0], records[1])
        rows = show.chosen(compared, full=full)
        say(show.heads(records, changes(records[0], records[1])))
        if rows:
            console().print(show.table(records, rows))
        say(show.tails(records, compared, len(rows)))
