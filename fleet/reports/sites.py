"""Sites of a map, and what the sensors at each of them got in the whole run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fleet.arrays import Floats
from fleet.reports.fairness import Sensors
from fleet.reports.timeline import plain


@dataclass(frozen=True)
class Sites:
    """The sites that have a place on the map, and which sensors stand at each.

    Attributes:
        names: of the sites.
        lon, lat: degrees.
        rows: by (site, group) the numbers of its sensors, in order.
    """

    names: list[str]
    lon: Floats
    lat: Floats
    rows: dict[tuple[int, str], list[int]]


def sites_of(one: Sensors) -> Sites:
    """Return the sites at which sensors stand that have a place."""
    here = np.flatnonzero(np.isfinite(one.lon) & np.isfinite(one.lat))
    number_of: dict[str, int] = {}
    first: list[int] = []
    rows: dict[tuple[int, str], list[int]] = {}
    for k in here.tolist():
        name = one.sites[k] or one.names[k]
        if name not in number_of:
            number_of[name] = len(first)
            first.append(k)
        rows.setdefault((number_of[name], one.groups[k]), []).append(k)
    return Sites(list(number_of), one.lon[first], one.lat[first], dict(sorted(rows.items())))


def site_data(sites: Sites, fleet: Mapping[str, Sensors]) -> dict[str, Any]:
    """Return for a script what the sensors of each site and group got in each arm."""
    groups = list(dict.fromkeys(group for _, group in sites.rows))
    rows = list(sites.rows.values())
    return {
        "sites": sites.names, "groups": groups,
        "site": [site for site, _ in sites.rows],
        "group": [groups.index(group) for _, group in sites.rows],
        "sensors": [len(ks) for ks in rows],
        "arms": {arm: _columns(one, rows) for arm, one in fleet.items()},
    }  # fmt: skip


def _columns(one: Sensors, rows: Sequence[Sequence[int]]) -> dict[str, list[float | None]]:
    """Return the numbers of the sensors of each row together."""
    start = np.cumsum([0, *(len(ks) for ks in rows)])[:-1]
    who = np.array([k for ks in rows for k in ks])

    def total(values: Floats) -> Floats:
        sums: Floats = np.add.reduceat(values[who], start)
        return sums

    results = total(one.results)
    with np.errstate(invalid="ignore", divide="ignore"):
        ms = total(np.nan_to_num(one.latency_ms) * one.results) / results
    slowest = np.maximum.reduceat(one.slowest_ms[who], start)
    return {
        "due": np.rint(total(one.due)).astype(int).tolist(),
        "results": np.rint(results).astype(int).tolist(),
        "ms": plain(np.where(results > 0, ms, np.nan)), "slowest": plain(slowest),
        "mbit_s": plain(total(one.mbit_s)),
    }  # fmt: skip


def late_ms(data: Mapping[str, Any], arm: str) -> Floats:
    """Return the mean latency of the results of each site; ms, NaN without any.

    It is made of the numbers that a script gets, so that both give a site the same colour.
    """
    columns, many = data["arms"][arm], len(data["sites"])
    results = np.array(columns["results"], dtype=np.float64)
    ms = np.nan_to_num(np.array(columns["ms"], dtype=np.float64))  # None is NaN

    def total(values: Floats) -> Floats:
        return np.bincount(data["site"], weights=values, minlength=many).astype(np.float64)

    late, came = total(ms * results), total(results)
    mean_ms: Floats = np.where(came > 0, late / np.maximum(came, 1), np.nan)
    return mean_ms
