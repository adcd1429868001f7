"""What arms are expected to do: a table of them, what comes to each resource, and a run beside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from rich.console import Console

from fleet import doors
from fleet.results.metric import number
from fleet.scenario.load import Scenario
from fleet.show.expected import AS_IT_BEGINS
from fleet.show.wide import Titled, heading, in_tables
from fleet.sizing.beside import Beside
from fleet.sizing.door import Estimated
from fleet.sizing.estimate import in_short

_ROWS = (
    ("latency, mean", ("latency_ms", "mean"), "ms"), ("latency, p50", ("latency_ms", "p50"), "ms"),
    ("latency, p99", ("latency_ms", "p99"), "ms"), ("frames lost", ("lost",), "%"),
    ("frames skipped", ("skipped",), "%"), ("power, all", ("power_w", "total"), "W"),
    ("cost of a sensor and month", ("cost_usd_per_sensor_month", "total"), "USD"),
    ("CO2e of a sensor", ("carbon_kg_per_sensor_year",), "kg/year"),
)  # fmt: skip
GROWS = "grows"
_NONE_MS = 0.0005
_LITTLE = 1 / 11
"""A load that can be ten times as much on top."""


def tables(estimated: Estimated, out: Console) -> Iterator[Titled]:
    """Yield tables of all arms, as wide as there is room, then one of the resources of each."""
    yield from in_tables(lambda columns: _of_arms(estimated, columns), len(estimated.facts), out)
    for arm, one in estimated.arms.items():
        if arm in estimated.rungs:
            rungs = estimated.facts[arm]["rungs"]
            yield from in_tables(partial(_of_rungs, arm, rungs), len(rungs), out)
        yield _resources(arm, one.busiest)


def _of_arms(estimated: Estimated, columns: Sequence[int]) -> Titled:
    """Return the table of some arms."""
    names = [list(estimated.facts)[k] for k in columns]
    facts = [estimated.facts[name] for name in names]
    out = _table(f"{estimated.scenario.model.name}, in closed form", [*names, "unit"])
    _add_rows(out, facts)
    return out


def _of_rungs(arm: str, rungs: Sequence[Mapping[str, Any]], columns: Sequence[int]) -> Titled:
    """Return the table of an arm on some rungs of its ladder."""
    facts = [rungs[k] for k in columns]
    out = _table(
        f"{arm}: if all stood on one rung of the ladder all the time",
        [*(f"rung {one['rung']}" for one in facts), "unit"],
    )
    _add_rows(out, facts)
    return out


def _add_rows(out: Titled, facts: Sequence[Mapping[str, Any]]) -> None:
    """Add what is expected of some arms, or of one on some rungs, to their table."""
    for label, keys, unit in _ROWS:
        cells = [_cell(_at(arm, keys), unit, arm["growing"]) for arm in facts]
        if set(cells) != {"–"}:
            out.add_row(label, *cells, unit)
    for name in dict.fromkeys(name for arm in facts for name in arm["bandwidth_mbit_s"]):
        cells = [_cell(arm["bandwidth_mbit_s"].get(name), "Mbit/s", ()) for arm in facts]
        out.add_row(f"carried by {doors.terminal(name)}", *cells, "Mbit/s")


def _table(title: str, columns: Sequence[str]) -> Titled:
    out = Titled(title)
    out.add_column("", overflow="fold")
    for name in columns:
        out.add_column(heading(name), justify="right", overflow="fold")
    return out


def _at(arm: Mapping[str, Any], keys: Sequence[str]) -> float | None:
    node: Any = arm
    for key in keys:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node if node is None else float(node)


def _cell(value: float | None, unit: str, growing: Sequence[str]) -> str:
    if value is None:
        return GROWS if unit == "ms" and growing else "–"
    return number(100 * value if unit == "%" else value)


def _resources(arm: str, rows: Sequence[Mapping[str, Any]]) -> Titled:
    names = ["comes", "can do", "unit", "load", "wait, ms", "p99, ms", "lost"]
    out = _table(f"{arm}: what comes to the busiest of each kind", names)
    for row in sorted(rows, key=lambda row: -row["load"]):
        many = f" (one of {row['count']:,})" if row["count"] > 1 else ""
        waits = [_wait(row[k]) for k in ("wait_ms", "wait_ms_p99")]
        out.add_row(
            doors.terminal(f"{row['name']}{many}"), number(row["offered"]),
            number(row["possible"]), row["unit"], f"{row['load']:.1%}", *waits,
            f"{row['lost']:.2%}",
        )  # fmt: skip
    return out


def _wait(ms: float | None) -> str:
    return GROWS if ms is None else "0" if ms < _NONE_MS else number(ms)


def remarks(estimated: Estimated) -> Iterator[str]:
    """Yield in words what binds each arm, what grows, and what the estimate leaves out."""
    for arm, one in estimated.arms.items():
        yield f"{doors.terminal(arm)}: {short(in_short(one))}"
        if one.before_changes:
            yield f"{arm}: {AS_IT_BEGINS}."
        yield from battery_lines(arm, in_short(one))
        if arm in estimated.rungs:
            yield f"{doors.terminal(arm)}: {over_rungs(estimated.facts[arm]['rungs'])}"
    if any(one.in_mean_hours for one in estimated.arms.values()):
        yield (
            "CO2e and electricity are at the mean of the hours of the run; a run takes each hour's"
            " energy at that hour's own."
        )
    yield from without_events(estimated.scenario)
    yield from without_tenants(estimated.scenario)


def over_rungs(facts: Sequence[Mapping[str, Any]]) -> str:
    """Return in a line what an arm is expected to draw on its rungs, and how late results are."""
    watts = [one["power_w"]["total"] for one in facts]
    low, high = (watts.index(pick(watts)) for pick in (min, max))
    told = (
        f"this is of rung 0, its own settings; over the {len(facts)} rungs of its ladder it draws"
        f" {number(watts[low])} W (rung {low}) to {number(watts[high])} W (rung {high})"
    )
    growing = [str(one["rung"]) for one in facts if one["growing"]]
    if growing:
        many = "s" * (len(growing) > 1)
        return f"{told}; queues grow without end on rung{many} {', '.join(growing)}."
    late = [one["latency_ms"]["p99"] for one in facts if one["latency_ms"]["p99"] is not None]
    if not late:
        return f"{told}."
    return f"{told}, and 99 % of the results are there within {_span(min(late), max(late))} ms."


def _span(least: float, most: float) -> str:
    """Return from what to what, or what alone if that reads the same."""
    one, other = number(least), number(most)
    return one if one == other else f"{one} to {other}"


def without_tenants(scenario: Scenario) -> Iterator[str]:
    """Yield that a closed form knows nothing of priorities and weights, if there are any."""
    sensors = scenario.model.sensors.values()
    said = [key for key in ("priority", "weight") if any(getattr(g, key) for g in sensors)]
    if said:
        yield (
            f"Without the {' and '.join(said)} of groups: servers are taken to serve who comes"
            " first. What all wait in the mean is much the same; the latest wait longer and"
            " deadlines lose more, which a run shows."
        )


def without_events(scenario: Scenario) -> Iterator[str]:
    """Yield that a closed form knows nothing of events, if there are any."""
    many = len(scenario.model.events)
    if many:
        events = f"{many} event{'s' * (many > 1)}"
        yield f"Without the scenario's {events}: what they delay or lose, a run shows."


def battery_lines(arm: str, one: Mapping[str, Any]) -> Iterator[str]:
    """Yield how long the batteries of an arm are expected to last, as lines for people."""
    for each in one["batteries"]:
        sun = "no sun charges it" if each["sun_w"] is None else f"the sun {number(each['sun_w'])} W"
        took = f"a sensor of '{each['group']}' draws {number(each['power_w'])} W, {sun}"
        off = each["off_s"]
        lasts = "it lasts the run" if off is None else f"it goes off after {_lasting(off)}"
        name = f"{doors.terminal(arm)}, battery '{each['battery']}'"
        yield f"{name}: {took}; {lasts}, by expectation."


def _lasting(seconds: float) -> str:
    """Return a time in days, hours or a smaller unit."""
    for many, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * many:
            return f"{number(seconds / many)} {unit}"
    return f"{number(seconds)} s"


def short(one: Mapping[str, Any]) -> str:
    """Return in a line what binds, whether a queue grows, and how late results are expected."""
    binds, growing = one["binds"], ", ".join(map(doors.terminal, one["growing"]))
    power = f"{number(one['power_w'])} W in all"
    if binds is None:
        return f"nothing leaves the sensors; {power}."
    name, load = doors.terminal(binds["name"]), binds["load"]
    if growing:
        grows = f"{name} is asked for {load:.0%} of what it can do"
        return f"{grows}, so queues grow without end: {growing}."
    late = one["latency_ms_p99"]
    told = "" if late is None else f", 99 % of the results within {number(late)} ms"
    room = f"room for {1 / load - 1:.0%} more" if load > _LITTLE else "room for ten times more"
    return f"{name} is the busiest, at {load:.1%} ({room}){told}, {power}."


def beside_table(arm: str, rows: Sequence[Beside]) -> Titled:
    """Return what was expected of an arm beside what a run gave."""
    out = _table(f"{arm}: expected beside the run", ["expected", "run", "apart", "unit"])
    for row in rows:
        scale = row.unit.factor
        cells = [
            "–" if value is None else number(value * scale)
            for value in (row.expected, row.measured)
        ]
        apart = "" if row.apart is None else f"{row.apart:+.1%}"
        mark = " !" if row.disagrees else ""
        out.add_row(doors.terminal(row.name), *cells, f"{apart}{mark}", row.unit.printed)
    return out


def disagreement(rows: Mapping[str, Sequence[Beside]]) -> Iterator[str]:
    """Yield in a line for each arm how far theory and the run are apart."""
    for arm, mine in rows.items():
        wrong = [row for row in mine if row.disagrees]
        told = f"{len(mine) - len(wrong)} of {len(mine)} numbers agree to 10 % or within chance"
        names = ", ".join(doors.terminal(row.name) for row in wrong)
        yield f"{arm}: {told}" + (f"; not {names} (the run is right)." if wrong else ".")
