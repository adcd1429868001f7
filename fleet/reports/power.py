"""Power, cost and CO2e by arm, inside the boundary that the reader chooses.

The choice is made by the page's style alone, without a script. What stands in it is computed from
the record: the power of the network under each published account of it, and four circles of what is
counted, from the network alone to everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan
from typing import Any

from fleet.reports.charts import Bar, bars
from fleet.reports.look import legend
from fleet.reports.markup import Markup, join, tag
from fleet.reports.section import Section
from fleet.reports.tables import figure, table
from fleet.results.metric import Numbers, number
from fleet.results.record import Record
from fleet.show.rows import EMPTY
from fleet.show.words import against, ends

PARTS = ("sensor", "uplink", "network", "edge", "cloud")
_COUNTED = {
    "network": ("network",),
    "network and servers": ("network", "edge", "cloud"),
    "uplink, network and servers": ("uplink", "network", "edge", "cloud"),
    "everything": PARTS,
}
_SAID = {
    "marginal": "marginal: what one more gigabyte costs",
    "average": "average: all energy of networks over all that they carry",
    "convention": "convention: what many published studies take",
}
_BOUNDARY = (
    "What an arm draws against another hangs on the boundary: which parts are counted, and which"
    " published account of the energy of networks is taken."
)
_KWH_YEAR = 8.766
"""kWh that a mean watt is in a year of 8766 hours, as in `results/power`."""


def power(record: Record, key: str) -> Section:
    """Return power and CO2e by arm inside each boundary, and cost.

    Choices of chapters with other keys are apart.
    """
    own = record.summary["network_energy"]["boundary"]
    energies = list(next(iter(record.arms.values()))["power_by_boundary_w"])
    scopes = list(_COUNTED)[::-1]
    panes = [
        tag("div", [tag("div", _pane(record, e, s), class_="by-scope") for s in scopes],
            class_="by-energy")
        for e in energies
    ]  # fmt: skip
    said = [_SAID.get(energy, energy) + _is_own(energy, own) for energy in energies]
    chosen = energies.index(own) if own in energies else 0
    boundary = tag(
        "div", _switch("Energy of networks", f"{key}-energy", said, chosen),
        _switch("What is counted", f"{key}-scope", scopes, 0), tag("div", panes), class_="boundary",
    )  # fmt: skip
    body = join(tag("p", _BOUNDARY), boundary, _all(record, energies, scopes), _cost(record))
    return Section("power", "Power, cost and CO₂e", body)


def _is_own(energy: str, own: str) -> str:
    return " (this run's own)" if energy == own else ""


def _switch(title: str, name: str, choices: Sequence[str], chosen: int) -> Markup:
    """Return a choice of one; the style shows the pane of what is chosen."""
    kind = name.rpartition("-")[2]
    boxes = []
    for k, choice in enumerate(choices):
        box = tag("input", type="radio", name=name, class_=f"{kind}-{k}", checked=k == chosen)
        boxes.append(tag("label", box, " ", choice))
    return tag("fieldset", tag("legend", title), boxes, class_="switch")


def parts_w(arm: Numbers, energy: str, scope: str) -> dict[str, float]:
    """Return the power of each part that is counted, with one account of networks; W."""
    network = arm["power_by_boundary_w"][energy]["network"]
    own = {**arm["power_w"], "network": network}
    return {part: own[part] for part in PARTS if part in _COUNTED[scope]}


def _pane(record: Record, energy: str, scope: str) -> Markup:
    watts = {arm: parts_w(numbers, energy, scope) for arm, numbers in record.arms.items()}
    used = [p for p in PARTS if any(w.get(p) for w in watts.values())]
    looks = [PARTS.index(p) for p in used]
    whole = scope == "everything" and energy == record.summary["network_energy"]["boundary"]
    rows = []
    for arm, w in watts.items():
        ci95 = ends(record, arm, "power_w.total") if whole else (nan, nan)
        parts = [w.get(p, 0.0) for p in used]
        rows.append(Bar(arm, parts, _said(record, arm, watts), looks, *ci95))
    text = f"Mean power of the fleet; counted: {scope}; network energy: {energy}."
    label = f"{text} " + "; ".join(f"{row.name}: {row.said}" for row in rows) + "."
    names = [p if p in used else "" for p in PARTS]
    head = [
        "arm",
        *(f"{p}, W" for p in used),
        "total, W",
        "kWh a year",
        "CO₂e, kg a sensor and year",
    ]
    cells = [
        (arm, *(number(w.get(p, 0.0)) for p in used), number(sum(w.values())),
         number(sum(w.values()) * _KWH_YEAR),
         number(record.arms[arm]["carbon_by_boundary_kg_per_sensor_year"][energy][scope]))
        for arm, w in watts.items()
    ]  # fmt: skip
    return figure(text, bars(rows, label), legend(names), numbers=table(text, head, cells))


def _said(record: Record, arm: str, watts: Mapping[str, Mapping[str, float]]) -> str:
    """Return what an arm draws, and how much that is against the baseline."""
    base, mine = record.summary["comparison"]["baseline"], sum(watts[arm].values())
    of = sum(watts[base].values())
    shown = f"{mine / 1e3:,.2f} kW" if mine >= 2e3 else f"{number(mine)} W"
    if arm == base:
        return f"{shown}, baseline" if len(watts) > 1 else shown
    return f"{shown} ({against(mine / of)})" if of else shown


def _all(record: Record, energies: Sequence[str], scopes: Sequence[str]) -> Markup:
    """Return the totals inside every boundary, so that print has them all."""
    rows = [
        (f"{scope}; {energy}",
         *(number(n["power_by_boundary_w"][energy][scope]) for n in record.arms.values()))
        for scope in scopes
        for energy in energies
    ]  # fmt: skip
    head = ["counted; network energy", *record.arms]
    return table("Total power inside every boundary; W", head, rows)


def _cost(record: Record) -> Markup:
    arms = {arm: n["cost_usd_per_sensor_month"] for arm, n in record.arms.items()}
    if any(cost is None for cost in arms.values()):
        return tag(
            "p", "Cost: the scenario names no price book, so no money is told of; name one with"
            " prices: in the scenario, or --set prices=NAME.",
        )  # fmt: skip
    rows, parts = [], list(dict.fromkeys(part for cost in arms.values() for part in cost))
    for arm, cost in arms.items():
        rows.append((arm, *(_usd(cost.get(part)) for part in parts)))
    return table("Cost of a sensor and month; USD", ["arm", *parts], rows)


def _usd(x: Any) -> str:
    return EMPTY if x is None else number(x)
