"""What an arm is expected to do, in closed form and before it is run: in a second.

The numbers have the names of those of a run (`fleet.results.metrics`), so that objectives can be
held against them, and a run beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fleet.engine.told import Told
from fleet.plan import expected
from fleet.plan.expected import Flows
from fleet.plan.feedback import on_rung
from fleet.plan.plan import Plan
from fleet.results.metric import Numbers
from fleet.results.metrics import parts
from fleet.running.run import Outcome
from fleet.sizing import books
from fleet.sizing.lasting import Lasting, charged, lasting
from fleet.sizing.pools import Served
from fleet.sizing.ways import Crossed, Walk, walk

DECODERS_OF, SERVERS_OF = "decoders of ", "servers of "
_KNOWN = (
    "latency_ms.mean", "latency_ms.p50", "latency_ms.p95", "latency_ms.p99", "lost", "skipped",
    "results", "frames.lost", "frames.skipped", "frames.results", "stages_ms.", "power_w.",
    "cost_usd_per_sensor_month.", "carbon_kg_per_sensor_year", "delivered.", "bytes",
    "energy_mj_per_", "battery.",
)  # fmt: skip
_KNOWN_ENDS = (".mean", ".busiest_busy", ".busiest_offered", ".p50", ".p95", ".p99", ".results")


class _Told(Mapping[str, Any]):
    """The numbers of an arm, each computed when it is first asked for."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._known: dict[str, Any] = {}
        self._parts = {
            key: part
            for part in parts()
            for key in ([part.key] if part.key else [metric.key for metric in part.metrics])
        }

    def __getitem__(self, key: str) -> Any:
        if key not in self._known:
            part = self._parts[key]
            values = part(self._outcome)
            self._known |= values if part.key is None else {key: values}
        return self._known[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)


class Estimate(NamedTuple):
    """What an arm is expected to do.

    Attributes:
        numbers: as those of a run; what is not expected is zero or None (`expects`).
        ways: what comes to each distinct link and pool.
        before_changes: whether rates, demand or who is there change on the way: loads and waits are
            those of the start with all sensors there.
        sensors: how many the arm has.
        in_mean_hours: whether the grid or the price of electricity changes on the way, of which it
            takes the mean over the time of the run.
        lasting: how long batteries are expected to last.
    """

    numbers: Numbers
    ways: Walk
    before_changes: bool
    sensors: int
    in_mean_hours: bool
    lasting: tuple[Lasting, ...] = ()

    @property
    def growing(self) -> list[str]:
        """Return the resources that are asked for more than they can do."""
        return list(dict.fromkeys(row["name"] for row in self.rows if row["grows"]))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Return what comes to each distinct link, decoder and pool, and how it waits."""
        rows = [_link_row(link) for link in self.ways.links]
        for pool in self.ways.pools:
            if pool.decoding:
                rows.append(_decoder_row(pool))
            rows.append(_pool_row(pool))
        return rows

    @property
    def busiest(self) -> list[dict[str, Any]]:
        """Return of each class of links, and of servers and decoders, the row with most load."""
        most: dict[str, dict[str, Any]] = {}
        for row in self.rows:
            if row["name"] not in most or row["load"] > most[row["name"]]["load"]:
                most[row["name"]] = row
        return list(most.values())

    @property
    def binds(self) -> dict[str, Any] | None:
        """Return the row of the resource that is asked for most of what it can do."""
        return max(self.busiest, key=lambda row: row["load"], default=None)


def estimate(plan: Plan, of: Flows | None = None) -> Estimate:
    """Return what a plan is expected to do.

    Args:
        plan: of an arm.
        of: what its sensors bring, if that is known already.
    """
    of = expected.flows(plan) if of is None else of
    ways = walk(plan, of)
    queued_bits = np.zeros(len(plan.links.ids), dtype=np.int64)
    counts = books.tally(plan, of, ways)
    became = charged(plan, counts)
    outcome = Outcome(
        plan, counts, 0, queued_bits, 1, plan.end_ns, wall_s=0.0,
        told=Told.nothing()._replace(charged=became),
    )  # fmt: skip
    return Estimate(
        _Told(outcome), ways, expected.changes(plan), plan.size, bool(plan.money.by_hour),
        tuple(lasting(plan, counts, became)),
    )  # fmt: skip


def by_rung(plan: Plan) -> list[Estimate]:
    """Return what a plan is expected to do on each rung of its ladders but the top; none without.

    All sensors that have one stand on that rung all the time, or on the last of a shorter ladder.
    """
    if not plan.feedback.is_there:
        return []
    rungs = max(one.rungs for one in plan.feedback.controllers)
    return [estimate(on_rung(plan, rung)) for rung in range(1, rungs)]


def expects(name: str) -> bool:
    """Return whether the number of a name is expected: peaks, sight and uses are not."""
    if name.startswith(("accuracy.", "service.", "rewrites")) or "peak" in name:
        return False
    return name.startswith(_KNOWN) or name.endswith(_KNOWN_ENDS)


def facts(of: Mapping[str, Estimate]) -> dict[str, Any]:
    """Return some estimates as plain data, by arm."""
    return {arm: _facts(one) for arm, one in of.items()}


def rung_facts(one: Estimate, rung: int) -> dict[str, Any]:
    """Return what is expected on a rung, as plain data."""
    known = _facts(one)
    names = (
        "binds", "growing", "latency_ms", "lost", "skipped", "bandwidth_mbit_s", "power_w",
        "cost_usd_per_sensor_month", "carbon_kg_per_sensor_year",
    )  # fmt: skip
    return {"rung": rung, **{name: known[name] for name in names}}


def in_short(one: Estimate) -> dict[str, Any]:
    """Return what binds, what grows and how late results are, as plain data."""
    binds = one.binds
    return {
        "binds": None if binds is None else {"name": binds["name"], "load": binds["load"]},
        "growing": one.growing,
        "latency_ms_p99": one.numbers["latency_ms"]["p99"],
        "power_w": one.numbers["power_w"]["total"],
        "batteries": [battery._asdict() for battery in one.lasting],
    }


def _facts(one: Estimate) -> dict[str, Any]:
    numbers = one.numbers
    return {
        **in_short(one),
        "resources": one.rows,
        "before_changes": one.before_changes,
        "in_mean_hours": one.in_mean_hours,
        "latency_ms": _few(numbers["latency_ms"], ("mean", "p50", "p95", "p99")),
        "groups": {
            name: _few(group["latency_ms"], ("mean", "p50", "p95", "p99"))
            for name, group in numbers["groups"].items()
        },
        "stages_ms": numbers["stages_ms"],
        "lost": _share(numbers, "lost"),
        "skipped": _share(numbers, "skipped"),
        "bandwidth_mbit_s": {n: link["mean"] for n, link in numbers["bandwidth_mbit_s"].items()},
        "power_w": numbers["power_w"],
        "cost_usd_per_sensor_month": numbers["cost_usd_per_sensor_month"],
        "carbon_kg_per_sensor_year": numbers["carbon_kg_per_sensor_year"],
    }


def _few(numbers: Numbers, names: Sequence[str]) -> dict[str, Any]:
    return {name: numbers[name] for name in names}


def _share(numbers: Numbers, fate: str) -> float | None:
    frames = numbers["frames"]
    total = frames["captured"]
    return sum(frames[fate].values()) / total if total else None


def _link_row(one: Crossed) -> dict[str, Any]:
    return {
        "name": one.name,
        "kind": "link",
        "count": len(one.links),
        "sensors_each": one.sensors,
        "offered": one.offered_bps / 1e6,
        "possible": one.rate_bps / 1e6,
        "unit": "Mbit/s",
        "load": one.load,
        "wait_ms": None if one.grows else one.wait.mean_s * 1e3,
        "wait_ms_p99": None if one.grows else one.wait.quantile_s(0.99) * 1e3,
        "lost": one.lost if not one.grows else 1.0 - 1.0 / one.load,
        "grows": one.grows,
    }


def _pool_row(one: Served) -> dict[str, Any]:
    waits = one.waits
    return {
        "name": f"{SERVERS_OF}{one.pool.name}",
        "kind": "servers",
        "count": len(one.pools),
        "sensors_each": one.sensors,
        "offered": one.rate,
        "possible": one.rate / one.load if one.load else 0.0,
        "unit": "frames/s",
        "load": one.load,
        "wait_ms": None if one.load >= 1 else one.wait_s * 1e3,
        "wait_ms_p99": None if one.load >= 1 else sum(w.quantile_s(0.99) for w in waits) * 1e3,
        "lost": one.lost if one.load < 1 else 1.0 - 1.0 / one.load,
        "grows": one.load >= 1.0,
        "batch": one.size,
    }


def _decoder_row(one: Served) -> dict[str, Any]:
    grows = one.decoding >= 1.0
    return {
        "name": f"{DECODERS_OF}{one.pool.name}",
        "kind": "decoders",
        "count": len(one.pools),
        "sensors_each": one.sensors,
        "offered": one.px / 1e6,
        "possible": one.px / one.decoding / 1e6,
        "unit": "Mpx/s",
        "load": one.decoding,
        "wait_ms": None if grows else one.decoder_wait.mean_s * 1e3,
        "wait_ms_p99": None if grows else one.decoder_wait.quantile_s(0.99) * 1e3,
        "lost": 0.0 if not grows else 1.0 - 1.0 / one.decoding,
        "grows": grows,
    }
