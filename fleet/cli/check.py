"""`fleet check` and `fleet schema`: what a scenario holds, and what one may say."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet import doors
from fleet.cli.run import ScenarioPath, Sets


def check(
    scenario: ScenarioPath,
    set_: Sets = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check a scenario without running it, and say what it holds."""
    from fleet.show.console import console, say
    from fleet.show.estimate import battery_lines, short, without_events, without_tenants
    from fleet.show.plan import fact_lines
    from fleet.sizing.estimate import estimate, in_short
    from fleet.study.facts import plan_facts
    from fleet.study.job import prepare

    job = prepare(scenario, overrides=set_)
    plans = job.plans
    facts = plan_facts(plans)
    expected = {arm: in_short(estimate(each[0])) for arm, each in plans.items()}
    if as_json:
        typer.echo(doors.json_text({**facts, "expected": expected}))
        return
    out = console()
    out.print(f"{scenario} is fine.")
    for line in fact_lines(facts):
        say(out, line)
    out.print("  expected (fleet estimate tells more)")
    for arm, one in expected.items():
        say(out, f"    {arm}: {short(one)}")
        for line in battery_lines(arm, one):
            say(out, f"    {line}")
    for line in (*without_events(job.scenario), *without_tenants(job.scenario)):
        say(out, f"    {line}")


def schema() -> None:
    """Print the JSON Schema of scenario files, for editors."""
    from fleet.scenario.json_schema import json_schema

    typer.echo(doors.json_text(json_schema()))
