"""Records and scenarios in a notebook: a short table and a chart, without a script or a style.

What a notebook's host strips (scripts, styles) is not used, so that they look the same wherever the
notebook is shown.
"""

from __future__ import annotations

from fleet.errors import InputError
from fleet.reports.charts import Bar, bars
from fleet.reports.look import swatch
from fleet.reports.markup import Markup, tag
from fleet.reports.power import PARTS
from fleet.reports.tables import table
from fleet.results.metric import number
from fleet.results.metrics import known
from fleet.results.record import Record
from fleet.scenario.city import Site, read_sites
from fleet.scenario.load import Scenario
from fleet.scenario.sensors import SensorGroup
from fleet.show.labels import labelled
from fleet.show.rows import EMPTY

_SHOWN = ("latency_ms.p50", "latency_ms.p99", "delivered.never", "power_w.total", "accuracy.recall")


def record_html(record: Record) -> Markup:
    """Return the arms of a record by some numbers, and their power by component."""
    record = labelled(record)
    summary = record.summary
    rows = [
        (arm, *(EMPTY if (x := known(name).value(numbers)) is None
                else known(name).metric.unit.show(x) for name in _SHOWN))
        for arm, numbers in record.arms.items()
    ]  # fmt: skip
    watts = {arm: numbers["power_w"] for arm, numbers in record.arms.items()}
    used = [part for part in PARTS if any(one[part] for one in watts.values())]
    drawn = [
        Bar(arm, [one[part] for part in used], f"{number(one['total'])} W",
            [PARTS.index(part) for part in used])
        for arm, one in watts.items()
    ]  # fmt: skip
    missed = sum(not row["kept"] for row in summary["slo"])
    told = (
        f"{missed} of {len(summary['slo'])} objectives missed"
        if summary["slo"]
        else "no objectives"
    )
    title = f"{summary['run_id']}: {summary['sensors']:,} sensors, {told}"
    return _block(
        table(title, ["arm", "median", "99 %", "due, no result", "power", "recall"], rows),
        bars(drawn, "Mean power of the fleet by component."),
        tag("p", [(swatch(PARTS.index(part)), f" {part}  ") for part in used]),
    )


def scenario_html(scenario: Scenario) -> Markup:
    """Return the groups of sensors of a scenario, and the frames that they capture a second."""
    model = scenario.model
    sites = _sites(scenario)
    counts = {name: _count(group, sites) for name, group in model.sensors.items()}
    rows = [
        (name, EMPTY if counts[name] is None else number(counts[name] or 0),
         f"{number(float(group.rate))} fps", group.app, group.uplink)
        for name, group in model.sensors.items()
    ]  # fmt: skip
    drawn = [
        Bar(name, [fps], f"{number(fps)} frames/s", [0])
        for name, group in model.sensors.items()
        if (fps := float(group.rate) * (counts[name] or 0))
    ]
    arms = ", ".join(scenario.labels.values())
    title = f"{model.name}: {model.duration / 1e9:g} s, seed {model.seed}; arms: {arms}"
    chart = bars(drawn, "Frames captured a second by group.") if drawn else None
    head = ["group", "sensors", "rate", "app", "uplink"]
    return _block(table(title, head, rows, words=(3, 4)), chart)


def _block(*parts: Markup | None) -> Markup:
    return tag("div", parts)


def _sites(scenario: Scenario) -> list[Site] | None:
    """Return the sites of the scenario's city, None where they cannot be read."""
    city = scenario.model.city
    if city is None or city.sites is None:
        return None
    try:
        return read_sites(scenario.file(city.sites, "city", "sites"))
    except InputError:
        return None


def _count(group: SensorGroup, sites: list[Site] | None) -> int | None:
    """Return how many sensors a group has, None if its sites are not known."""
    if group.count is not None:
        return group.count * group.per_site
    if sites is None or group.at is None:
        return None
    wanted = group.at.model_dump(exclude_none=True)
    chosen = sum(all(getattr(site, key) == x for key, x in wanted.items()) for site in sites)
    return chosen * group.per_site
