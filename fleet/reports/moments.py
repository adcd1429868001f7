"""What the links that sites share did over time, for the slider of a map.

What a single sensor got is known for the whole run only. Over time a record knows links that
several sensors share, so a site has the numbers of those of its cell, or else of its own.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fleet.arrays import Floats
from fleet.errors import InputError
from fleet.reports.markup import Markup, tag
from fleet.reports.sites import Sites
from fleet.reports.tables import table
from fleet.results.metric import number
from fleet.results.record import Record
from fleet.scenario.city import read_sites
from fleet.show.seconds import Bins, bins_of

_MOMENTS = 60


class Moments(NamedTuple):
    """What shared links did over time: for a script, and by arm the most Mbit/s and frames."""

    data: dict[str, Any]
    most: dict[str, list[float]]
    bins: Bins


def moments_of(record: Record, sites: Sites, arms: Sequence[str]) -> Moments | None:
    """Return what the shared links of each site's cell did over time, None where none are known.

    Numbers are of 16 bits, as shares of the most of any arm, in base64: a city has many.
    """
    bins = bins_of(record, _MOMENTS)
    units, unit_of = _units(record, sites)
    if not units:
        return None
    by_arm = {arm: _by_unit(record, arm, units, bins) for arm in arms}
    most = [max(float(one[k].max()) for one in by_arm.values()) for k in (0, 1)]
    packed = {
        arm: [_packed(values, top) for values, top in zip(one, most, strict=True)]
        for arm, one in by_arm.items()
    }
    data = {
        "first": bins.first_s, "each": bins.each_s, "many": bins.many, "units": list(units),
        "unit": unit_of, "most": most, "arms": packed, "down": _down(record, units),
    }  # fmt: skip
    return Moments(data, {arm: [float(x.max()) for x in one] for arm, one in by_arm.items()}, bins)


def _units(record: Record, sites: Sites) -> tuple[dict[str, int], list[int]]:
    """Return the cells (or sites) that have shared links, by number, and that of each site."""
    rows = record.tables.series
    kinds = rows["kind"].to_numpy()
    names = dict.fromkeys(rows["name"].to_numpy()[kinds == "one link"].tolist())
    there = {name.partition("/")[2] for name in names} - {""}
    cells = _cells_of(record)
    units: dict[str, int] = {}
    unit_of = []
    for name in sites.names:
        unit = next((u for u in (cells.get(name, ""), name) if u in there), None)
        unit_of.append(-1 if unit is None else units.setdefault(unit, len(units)))
    return units, unit_of


def _cells_of(record: Record) -> dict[str, str]:
    model = record.scenario.model.city
    if model is None or model.sites is None:
        return {}
    try:
        return {one.id: one.cell for one in read_sites(record.scenario.file(model.sites))}
    except InputError:  # the table was not kept with the results
        return {}


def _by_unit(
    record: Record, arm: str, units: Mapping[str, int], bins: Bins
) -> tuple[Floats, Floats]:
    """Return (Mbit/s, most frames waiting) of each unit's shared links; shape (units, bins)."""
    rows, many = record.tables.of("series", arm), len(record.numbers[arm])
    kinds, names = rows["kind"].to_numpy(), rows["name"].to_numpy()
    chosen = (kinds == "one link") | (kinds == "queue of link")
    kinds, names = kinds[chosen], names[chosen]
    at, start_s = bins.of(rows["start_s"].to_numpy()[chosen]), rows["start_s"].to_numpy()[chosen]
    values = rows["value"].to_numpy()[chosen].astype(np.float64) / many
    known = {name: units.get(name.partition("/")[2], -1) for name in dict.fromkeys(names.tolist())}
    of = np.array([known[name] for name in names.tolist()], dtype=np.int64)
    shape = (len(units), bins.many)
    load, waiting = np.zeros(shape), np.zeros(shape)
    bits, queue = (kinds == "one link") & (of >= 0), (kinds == "queue of link") & (of >= 0)
    np.add.at(load, (of[bits], at[bits]), values[bits] / bins.each_s / 1e6)
    moments, moment = np.unique(start_s[queue], return_inverse=True)
    together = np.zeros((len(units), len(moments)))
    np.add.at(together, (of[queue], moment), values[queue])
    if len(moments):
        np.maximum.at(waiting.T, bins.of(moments), together.T)
    return load, waiting


def _packed(values: Floats, most: float) -> str:
    codes = np.rint(values / (most or 1.0) * 65535).astype("<u2")
    return base64.b64encode(codes.tobytes()).decode()


def _down(record: Record, units: Mapping[str, int]) -> list[list[Any]]:
    """Return which units had a link down: unit, from, until; arms and replications together."""
    outages = {
        (units[unit], event["time_s"], event["until_s"])
        for event in record.tables.events.to_pylist()
        if event["kind"] == "link_down"
        and (unit := (event["target"] or "").partition("/")[2]) in units
    }
    return [list(one) for one in sorted(outages)]


def busiest_cells(moments: Moments) -> Markup:
    """Return for those without the map what each arm's busiest cell had."""
    rows = [(arm, number(load), number(waiting)) for arm, (load, waiting) in moments.most.items()]
    head = ["arm", "most traffic of a cell's shared links, Mbit/s", "most frames waiting there"]
    each = f"in spans of {moments.bins.each_s:g} s"
    title = f"The most that the shared links of any cell carried and held, {each}"
    return tag("details", tag("summary", "Numbers of the cells"), table(title, head, rows))
