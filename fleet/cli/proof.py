"""`fleet selftest` and `fleet validate`: the model against theory and measurements."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from fleet import doors
from fleet.cli.run import MISSED


def selftest(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check both engines against queueing theory; exit code 1 on a miss."""
    from fleet.proof import selftest as theory
    from fleet.show import proof
    from fleet.show.console import console
    from fleet.show.progress import progress_bar

    with progress_bar() as progress:
        checks = theory.run(progress=progress)
    if as_json:
        typer.echo(doors.json_text([asdict(c) for c in checks]))
    else:
        console().print(proof.selftest_table(checks), markup=False)
        console().print(proof.verdict("Laws and identities", [c.passed for c in checks]))
    if not all(c.passed for c in checks):
        raise typer.Exit(MISSED)


def validate(
    group: Annotated[
        list[str] | None, typer.Option(help="Only this group of figures; may be given again.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare the model with what others published; exit code 1 if a figure is worse than known."""
    from fleet.proof import validate as published
    from fleet.show import proof
    from fleet.show.console import console
    from fleet.show.progress import progress_bar

    with progress_bar() as progress:
        rows = published.run(group, lambda share: progress("validate", share))
    if as_json:
        typer.echo(doors.json_text([asdict(r) for r in rows]))
    else:
        for part in proof.validate_table(rows):
            console().print(part, markup=False)
        console().print(proof.published_verdict(rows))
    if not all(r.passed for r in rows):
        raise typer.Exit(MISSED)
