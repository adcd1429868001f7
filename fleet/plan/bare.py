"""A plan without what only the account of a run reads: powers, energies and prices.

Two plans that are the same without it give the same counts. So what is counted once serves for all
values of these, and only the account is made again. Where the account is taken by the hour it is
part of what is counted (`fleet.engine.hours`), and a run serves for its own values only; so it is
where what sensors draw empties batteries.
"""

from __future__ import annotations

from dataclasses import replace

from fleet.plan.grid import Grid
from fleet.plan.groups import Money, Notes, Pools, Sensors
from fleet.plan.plan import Plan
from fleet.plan.plant import Pool, Radio, ServerKind

_OF_SETUP = ("base_uw", "sense_uw", "sense_idle_uw", "compute_uw")
_OF_RADIO = ("idle_uw", "promotion_uw", "active_uw", "fj_per_bit", "tail_uw")
_FREE = Money(0, 0, (), Grid("", "", 0.0), None)
_SILENT = Notes((), (), ())


def bare(plan: Plan) -> Plan:
    """Return a plan in which nothing draws power or costs anything; it gives the same counts.

    A plan whose account is taken by the hour keeps its powers and prices, and so does one with
    batteries; one whose controllers read the grid or the tariff keeps these.
    """
    if plan.marks_ns or plan.batteries.is_there:
        return replace(plan, notes=_SILENT)
    return replace(
        plan,
        sensors=_sensors(plan.sensors),
        links=replace(plan.links, radios=tuple(map(_radio, plan.links.radios))),
        pools=_pools(plan.pools),
        money=plan.money if plan.feedback.reads_money else _FREE,
        notes=_SILENT,
    )


def _sensors(sensors: Sensors) -> Sensors:
    setups = sensors.setups.copy()
    for column in _OF_SETUP:
        setups[column] = 0
    return replace(sensors, setups=setups)


def _radio(radio: Radio) -> Radio:
    return replace(radio, **dict.fromkeys(_OF_RADIO, 0))


def _pools(pools: Pools) -> Pools:
    entries = tuple(
        None if pool is None else replace(_pool(pool), others=tuple(map(_pool, pool.others)))
        for pool in pools.entries
    )
    return replace(pools, entries=entries)


def _pool(pool: Pool) -> Pool:
    return replace(pool, kinds=tuple(map(_server, pool.kinds)))


def _server(kind: ServerKind) -> ServerKind:
    return replace(
        kind, idle_uw=0, busy_uw=0, decode_uw=0, pue_ppm=0, hourly_usd=0.0, monthly_usd=0.0
    )
