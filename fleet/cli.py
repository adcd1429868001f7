"""The `fleet` command: progress on stderr, the answer on stdout.

Exit codes: 0 fine, 1 a stated objective was missed, 2 bad input, 3 something failed, 128 + n ended
by signal n (130 by Ctrl-C, 143 by SIGTERM). A reader that goes before the end of the answer, as
`head` does, changes nothing: what was asked is done and the code is that of the answer.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fleet.cli_exit import code_of, leave, patient
from fleet.cli_eyes import app as eyes
from fleet.cli_profile import profile
from fleet.cli_run import MISSED, Sets, load_scenario, run
from fleet.cli_trace import trace
from fleet.errors import InputError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Simulate a city of AI image sensors, frame by frame: on-sensor against cloud inference.",
)


ScenarioPath = Annotated[Path, typer.Argument(metavar="SCENARIO", help="A scenario file (YAML).")]


app.command()(run)
app.command()(profile)
app.command()(trace)
app.add_typer(eyes, name="eyes")


@app.command()
def check(
    scenario: ScenarioPath,
    set_: Sets = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check a scenario without running it, and say what it holds."""
    from fleet.show.plan import fact_lines, plan_facts
    from fleet.show.terminal import console
    from fleet.study.experiment import plans
    from fleet.study.slo import objectives

    loaded = load_scenario(scenario, set_)
    objectives(loaded)
    facts = plan_facts(plans(loaded))
    if as_json:
        typer.echo(json.dumps(facts, indent=1, ensure_ascii=False))
        return
    out = console()
    out.print(f"{scenario} is fine.")
    for line in fact_lines(facts):
        out.print(line, soft_wrap=True, markup=False)


@app.command()
def schema() -> None:
    """Print the JSON Schema of scenario files, for editors."""
    from fleet.scenario.schema import ScenarioModel

    found = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "fleet scenario"}
    typer.echo(json.dumps(found | ScenarioModel.model_json_schema(), indent=1, ensure_ascii=False))


@app.command()
def catalog(
    kind: Annotated[
        str | None, typer.Argument(help="sensors, links, servers, models, ..., or 'show'")
    ] = None,
    item: Annotated[str | None, typer.Argument(help="One item, with its sources.")] = None,
    scenario: Annotated[
        Path | None, typer.Option(metavar="SCENARIO", help="With the rows of this scenario.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what the catalogue knows, with sources: 'fleet catalog show imx500'."""
    from fleet.catalog import Catalog
    from fleet.plan.compile import catalogue
    from fleet.show import catalog as show
    from fleet.show.terminal import console

    known = Catalog.load() if scenario is None else catalogue(load_scenario(scenario, None))
    kinds: list[str | None] = [kind]
    if kind == "show":
        if item is None:
            raise InputError("name an item: fleet catalog show imx500")
        kinds = list(known.kinds_of(item))
    if as_json:
        data = [row for k in kinds for row in show.as_data(known, k, item)]
        typer.echo(json.dumps(data, indent=1, ensure_ascii=False))
        return
    out = console()
    for of in kinds:
        for table in show.tables(known, of, item):
            out.print(table, soft_wrap=False, markup=False)


@app.command()
def selftest(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check both engines against queueing theory; exit code 1 on a miss."""
    from fleet.proof import selftest as theory
    from fleet.show import proof
    from fleet.show.progress import progress_bar
    from fleet.show.terminal import console

    with progress_bar() as progress:
        checks = theory.run(progress=progress)
    if as_json:
        typer.echo(json.dumps([asdict(c) for c in checks], indent=1, ensure_ascii=False))
    else:
        console().print(proof.selftest_table(checks), markup=False)
        console().print(proof.verdict("Laws and identities", [c.passed for c in checks]))
    if not all(c.passed for c in checks):
        raise typer.Exit(MISSED)


@app.command()
def validate(
    group: Annotated[
        list[str] | None, typer.Option(help="Only this group of figures; may be given again.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare the model with what others published; exit code 1 if a figure is worse than known."""
    from fleet.proof import validate as published
    from fleet.show import proof
    from fleet.show.progress import progress_bar
    from fleet.show.terminal import console

    with progress_bar() as progress:
        rows = published.run(group, lambda share: progress("validate", share))
    if as_json:
        typer.echo(json.dumps([asdict(r) for r in rows], indent=1, ensure_ascii=False))
    else:
        for part in proof.validate_table(rows):
            console().print(part, markup=False)
        console().print(proof.published_verdict(rows))
    if not all(r.passed for r in rows):
        raise typer.Exit(MISSED)


@app.command()
def bench(
    size: Annotated[str, typer.Option(help="smoke, standard or city-day.")] = "standard",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write JSON there too.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure how fast it is here; wrong answers fail, slow ones do not."""
    from fleet.bench.suite import Bench
    from fleet.show import bench as show
    from fleet.show.progress import progress_bar
    from fleet.show.terminal import console

    with progress_bar() as progress:
        report = Bench(size, progress).run()
    text = json.dumps(report.as_data(), indent=1, ensure_ascii=False)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text + "\n")
    if as_json:
        typer.echo(text)
        return
    for table in show.tables(report):
        console().print(table, markup=False)
    console().print(show.machine_line(report), style="dim", soft_wrap=True, markup=False)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    sys.stdout, sys.stderr = patient(sys.stdout), patient(sys.stderr)
    leave(code_of(lambda: app(arguments, standalone_mode=True)))
