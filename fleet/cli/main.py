"""The `fleet` command: progress on stderr, the answer on stdout.

Exit codes: 0 fine, 1 a stated objective was missed, 2 bad input, 3 something failed, 128 + n ended
by signal n (130 by Ctrl-C, 143 by SIGTERM). A reader that goes before the end of the answer, as
`head` does, changes nothing: what was asked is done and the code is that of the answer.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import fleet
from fleet.cli.again import diff, reproduce
from fleet.cli.artifact import artifact
from fleet.cli.bench import bench
from fleet.cli.catalog import catalog
from fleet.cli.check import check, schema
from fleet.cli.estimate import estimate
from fleet.cli.exit import code_of, leave, patient, told
from fleet.cli.eyes import app as eyes
from fleet.cli.figures import figures
from fleet.cli.new import new
from fleet.cli.plan import plan
from fleet.cli.profile import profile
from fleet.cli.proof import selftest, validate
from fleet.cli.report import report
from fleet.cli.run import run
from fleet.cli.sensitivity import sensitivity
from fleet.cli.show import show
from fleet.cli.sweep import sweep
from fleet.cli.table import table
from fleet.cli.trace import trace
from fleet.telling import heard_by

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Simulate a city of AI image sensors, frame by frame: on-sensor against cloud inference.",
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"fleet {fleet.__version__}")
        raise typer.Exit


@app.callback()
def _fleet(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Take what is said before a command."""


COMMANDS = (
    new, run, show, reproduce, diff, table, figures, report, artifact, sweep, sensitivity, plan,
    estimate, check, schema, catalog, selftest, validate, profile, trace, bench,
)  # fmt: skip

for command in COMMANDS:
    app.command()(command)
app.add_typer(eyes, name="eyes")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    sys.stdout, sys.stderr = patient(sys.stdout), patient(sys.stderr)
    with heard_by(told):
        code = code_of(lambda: app(arguments, standalone_mode=False))
    leave(code)
