"""The sensors of a scenario as columns: what they are called, and at which sites they stand."""

from __future__ import annotations

import bisect
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import overload

import numpy as np

from fleet import memory
from fleet.arrays import Floats, Ints
from fleet.scenario.city import Site, read_sites
from fleet.scenario.load import Scenario, did_you_mean
from fleet.scenario.sensors import At, SensorGroup
from fleet.telling import tell

MAX_SENSORS = 10_000_000
TOLD = 1_000_000
"""From so many on it is said that planning takes a while, and seen whether memory lasts."""
_PLANNED_S, _PLANNED_BYTES = 4e-6, 1600
"""What one sensor takes in the plan of one arm (measured)."""


@dataclass(frozen=True)
class Placed:
    """A sensor at its site.

    Attributes:
        name: unique; sensors are sorted by it.
        group: its group in the scenario.
        site: where it stands.
    """

    name: str
    group: str
    site: Site


@dataclass(frozen=True)
class Roster:
    """All sensors of a scenario as columns, sorted by name.

    Attributes:
        names: unique.
        groups: the groups of the scenario.
        group_of: group of each sensor.
        site_of: id of the site of each.
        units: for each thing that can share a link or servers, whose it is of each sensor: the
            sensor's own, its site's, its cell's, the city's; those that share have one number.
        cells: names of the cells, by number.
        lon, lat: where each stands; degrees, NaN for sites made up.
        footfall_rank: of each one's site.
        sites: the sites of each group.
        place_in_group: number of each one's site in its group.
    """

    names: list[str]
    groups: tuple[str, ...]
    group_of: Ints
    site_of: list[str]
    units: dict[str, Ints]
    cells: list[str]
    lon: Floats
    lat: Floats
    footfall_rank: Floats
    sites: tuple[Sequence[Site], ...]
    place_in_group: Ints

    def __len__(self) -> int:
        """Return the number of sensors."""
        return len(self.names)

    def __iter__(self) -> Iterator[Placed]:
        """Yield the sensors."""
        return map(self.sensor, range(len(self)))

    def sensor(self, index: int) -> Placed:
        """Return a sensor."""
        group = int(self.group_of[index])
        site = self.sites[group][int(self.place_in_group[index])]
        return Placed(self.names[index], self.groups[group], site)

    def group(self, index: int) -> str:
        """Return the group of a sensor."""
        return self.groups[int(self.group_of[index])]

    def of_group(self, group: str) -> Ints:
        """Return the sensors of a group."""
        return np.flatnonzero(self.group_of == self.groups.index(group))

    def concerns(self, name: str, group: str) -> bool:
        """Return whether a name is that of a group or of one of its sensors."""
        at = self.index(name)
        return name == group or (at >= 0 and self.group(at) == group)

    def index(self, name: str) -> int:
        """Return the sensor of a name, -1 if there is none."""
        at = bisect.bisect_left(self.names, name)
        return at if at < len(self) and self.names[at] == name else -1

    def present(self) -> list[str]:
        """Return the groups that have sensors, in the order of their first sensors."""
        return [self.groups[int(self.group_of[s])] for s in firsts(self.group_of)]

    def unit_name(self, shared_by: str, sensor: int) -> str:
        """Return the name of what shares: of the sensor, its site or cell; of the city nothing."""
        if shared_by == "cell":
            return self.cells[int(self.units["cell"][sensor])]
        if shared_by == "city":
            return ""
        return (self.names if shared_by == "sensor" else self.site_of)[sensor]


def firsts(values: Ints) -> Ints:
    """Return where each value stands first, in order."""
    return numbered(values)[0]


def numbered(values: Ints) -> tuple[Ints, Ints]:
    """Return (where each value stands first, in order; which of these each value is)."""
    _, first, which = np.unique(values, return_index=True, return_inverse=True)
    return np.sort(first), np.argsort(np.argsort(first))[which]


class _MadeUp(Sequence[Site]):
    """The sites of a group whose sensors are only counted."""

    def __init__(self, group: str, count: int, cells: int) -> None:
        """Make up so many sites in so many cells."""
        self.group, self.size, self.cells = group, count, cells
        self.width = len(str(count - 1))

    def __len__(self) -> int:
        """Return the number of sites."""
        return self.size

    def ids(self) -> list[str]:
        """Return the id of each site."""
        return [f"{self.group}-{i:0{self.width}d}" for i in range(self.size)]

    @overload
    def __getitem__(self, at: int) -> Site: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Site]: ...
    def __getitem__(self, at: int | slice) -> Site | Sequence[Site]:
        """Return a site, or some."""
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(self.size))]
        if not 0 <= at < self.size:
            raise IndexError(at)
        return Site(
            f"{self.group}-{at:0{self.width}d}", self.group, "", "", float("nan"), float("nan"),
            f"cell-{at * self.cells // self.size}", (at + 0.5) / self.size,
        )  # fmt: skip


def place_sensors(scenario: Scenario) -> Roster:
    """Return every sensor of a scenario, sorted by name.

    Raises:
        InputError: a group finds no site, there are no or too many sensors, or a name stands twice.
    """
    city = _city_sites(scenario)
    groups = {
        group: _group_sites(scenario, group, spec, city)
        for group, spec in scenario.model.sensors.items()
    }
    total = sum(
        len(sites) * scenario.model.sensors[group].per_site for group, sites in groups.items()
    )
    if total > MAX_SENSORS:
        raise scenario.error(
            ("sensors",), f"{total:,} sensors in all, more than {MAX_SENSORS:,}; use fewer"
        )
    if total > TOLD:
        memory.require(total * _PLANNED_BYTES, f"the plan of {total:,} sensors", "use fewer")
        tell(f"planning for {total:,} sensors, some {total * _PLANNED_S:.0f} s an arm ...")
    names: list[str] = []
    ids: list[str] = []
    numbers = _Numbers()
    parts = []
    for g, (group, sites) in enumerate(groups.items()):
        per_site = scenario.model.sensors[group].per_site
        own_ids = sites.ids() if isinstance(sites, _MadeUp) else [site.id for site in sites]
        names += _names(own_ids, group, sites, per_site)
        ids += own_ids if per_site == 1 else [i for i in own_ids for _ in range(per_site)]
        parts.append(np.repeat(numbers.columns(g, sites, own_ids), per_site, axis=1))
    order = sorted(range(len(names)), key=names.__getitem__)
    columns = np.concatenate(parts, axis=1)[:, order]
    names, ids = [names[i] for i in order], [ids[i] for i in order]
    group_of, site, cell, at = columns[:4].astype(np.int64)
    for s, (before, after) in enumerate(pairwise(names)):
        if before == after:
            group = list(groups)[group_of[s + 1]]
            raise scenario.error(
                ("sensors", group), f"sensor name '{after}' stands twice; rename a group"
            )
    units = {
        "sensor": np.arange(len(names)), "site": site, "cell": cell,
        "city": np.zeros(len(names), dtype=np.int64),
    }  # fmt: skip
    return Roster(
        names, tuple(groups), group_of.copy(), ids, units, list(numbers.cells),
        columns[4].copy(), columns[5].copy(), columns[6].copy(), tuple(groups.values()), at,
    )  # fmt: skip


def counts(scenario: Scenario) -> dict[str, int]:
    """Return how many sensors each group has.

    Raises:
        InputError: a group finds no site, or has too many.
    """
    city = _city_sites(scenario)
    return {
        group: len(_group_sites(scenario, group, spec, city)) * spec.per_site
        for group, spec in scenario.model.sensors.items()
    }


class _Numbers:
    """Numbers sites and cells by their names: groups may share them."""

    def __init__(self) -> None:
        """Know none."""
        self.sites: dict[str, int] = {}
        self.cells: dict[str, int] = {}

    def columns(self, group: int, sites: Sequence[Site], ids: Sequence[str]) -> Floats:
        """Return columns of some sites.

        They are: group, number, number of the cell, number in the group, longitude, latitude, rank.
        """
        count = len(sites)
        at = np.arange(count)
        if isinstance(sites, _MadeUp):
            cell = at * sites.cells // count
            used, which = np.unique(cell, return_inverse=True)
            names = [f"cell-{k}" for k in used]
            numbers = np.array([self.cells.setdefault(n, len(self.cells)) for n in names])
            nowhere = np.full(count, np.nan)
            rest = np.array([numbers[which], at, nowhere, nowhere, (at + 0.5) / count])
        else:
            cells = [self.cells.setdefault(site.cell, len(self.cells)) for site in sites]
            rest = np.array(
                [(c, i, s.lon, s.lat, s.footfall_rank)
                 for i, (c, s) in enumerate(zip(cells, sites, strict=True))]
            ).T  # fmt: skip
        number = [self.sites.setdefault(i, len(self.sites)) for i in ids]
        return np.vstack([np.full(count, group), number, rest])


def _names(ids: Sequence[str], group: str, sites: Sequence[Site], per_site: int) -> Sequence[str]:
    """Return the names of the sensors at some sites."""
    names = ids if isinstance(sites, _MadeUp) else [f"{i}-{group}" for i in ids]
    if per_site == 1:
        return names
    return [f"{name}-{i + 1}" for name in names for i in range(per_site)]


def _city_sites(scenario: Scenario) -> list[Site]:
    city = scenario.model.city
    if city is None or city.sites is None:
        return []
    file = scenario.file(city.sites, "city", "sites")
    return _sites(file, file.stat().st_size, file.stat().st_mtime_ns)


@functools.lru_cache(maxsize=4)
def _sites(file: Path, _size: int, _changed_ns: int) -> list[Site]:
    """Return the sites in a file; size and time of change are there to tell when it is another."""
    return read_sites(file)


def _group_sites(
    scenario: Scenario, group: str, spec: SensorGroup, sites: list[Site]
) -> Sequence[Site]:
    """Return the sites at which a group stands."""
    keys = ("sensors", group)
    chosen: Sequence[Site]
    if spec.at is None:
        chosen = _MadeUp(group, spec.count or 0, spec.cells)
    else:
        if scenario.model.city is None or scenario.model.city.sites is None:
            raise scenario.error((*keys, "at"), "needs 'city: {sites: ...}'; or use 'count'")
        chosen = [site for site in sites if _matches(site, spec.at)]
    if not chosen:
        raise scenario.error((*keys, "at"), _nothing_found(spec, sites))
    if len(chosen) * spec.per_site > MAX_SENSORS:
        raise scenario.error(keys, f"more than {MAX_SENSORS} sensors; use fewer")
    return chosen


def _matches(site: Site, at: At) -> bool:
    return (
        site.kind == at.kind and at.size in (None, site.size) and at.subtype in (None, site.subtype)
    )


def _nothing_found(spec: SensorGroup, sites: list[Site]) -> str:
    at = spec.at
    if at is None:
        return "has no sensors; give a count of at least 1"
    kinds = sorted({site.kind for site in sites})
    hint = did_you_mean(at.kind, kinds) if at.kind not in kinds else ""
    wanted = ", ".join(f"{k}: {v}" for k, v in at.model_dump(exclude_none=True).items())
    return f"no site has {{{wanted}}}{hint}; the kinds of sites are {', '.join(kinds) or 'none'}"
