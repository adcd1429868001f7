"""`fleet artifact`: what a paper claims, for who evaluates it, and whether it comes out again."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Annotated

import typer

from fleet import doors
from fleet.cli.run import MISSED
from fleet.errors import InputError


def artifact(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE|DIR...]", help="A file of claims [artifact.yaml]."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Run what is claimed, compare.")] = False,
    claim: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Check this claim; may be repeated.")
    ] = None,
    draft: Annotated[
        bool, typer.Option("--draft", help="Print claims about the results in some folders.")
    ] = False,
) -> None:
    """Print the claims of a paper as a page, or check them; exit with 1 if one is missed."""
    from fleet.study import artifact as claims

    if draft:
        _draft(files or [])
        return
    if files is not None and len(files) > 1:
        raise InputError("name one file of claims, or several folders with --draft")
    of = claims.read(files[0] if files else Path("artifact.yaml"))
    for name in claim or ():
        if name not in of.claims:
            raise InputError(f"--claim {name}: there are {', '.join(of.claims)}")
    if not check and not claim:
        from fleet.show.artifact import page

        for line in page(of):
            typer.echo(line)
        return
    if not _check(of, claim or list(of.claims)):
        raise typer.Exit(MISSED)


def _draft(folders: list[Path]) -> None:
    import yaml

    from fleet.results.record import Record, fitting
    from fleet.study import artifact as claims

    if not folders:
        raise InputError("--draft takes folders of results; name one")
    records = [Record.load(folder) for folder in folders]
    with contextlib.ExitStack() as all_fit:
        for record in records:
            all_fit.enter_context(fitting(record))
        made = claims.draft(records)
    text = yaml.safe_dump(made, sort_keys=False, allow_unicode=True, width=1000)
    for line in text.splitlines():
        typer.echo(doors.terminal(line))


def _check(of: object, names: list[str]) -> bool:
    from fleet.show.answer import say
    from fleet.show.artifact import checked
    from fleet.show.progress import progress_bar
    from fleet.study import artifact as claims
    from fleet.study import door

    assert isinstance(of, claims.Artifact)
    kept = True
    with door.runner() as runner:
        for name in names:
            began = time.monotonic()
            with progress_bar() as progress:
                met, _ = claims.check(of, name, runner, progress)
            spent_s = time.monotonic() - began
            say(checked(name, of.claims[name].claim, met, spent_s))
            kept = kept and all(one.kept for one in met)
    return kept
