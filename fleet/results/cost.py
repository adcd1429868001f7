"""What an arm costs: US dollars for each sensor and month, were every hour like those simulated.

device    price of camera, sensor and host over their life, and that of servers at the edge
data      GB over mobile access, and over the fixed line, times the price of a GB
compute   paid hours of cloud servers times the price of an hour
storage   GB of pictures a month that reach the cloud, kept for the retention time
energy    kWh of sensors, uplinks and edge, at the price of their hour; the cloud's is in its price
"""

from __future__ import annotations

import numpy as np

from fleet.engine.tally import Tally
from fleet.model.books import SENT_LINK_BITS, SENT_METADATA, SENT_PAYLOAD, SERVER_NS
from fleet.model.frames import LEVELS
from fleet.plan.equipment import MONTH_NS
from fleet.plan.plan import Plan
from fleet.plan.plant import Prices
from fleet.results.by_hour import KWH_FJ, paid_fj, spans_of, weighted
from fleet.results.metric import USD, Better, Metric, Section, part
from fleet.running.run import Outcome

_GB_BITS = 8e9

_PARTS = {
    "device": "Camera, sensor, host and servers at the edge", "data": "Data sent",
    "compute": "Hours of cloud servers", "storage": "Pictures kept", "energy": "Electricity",
}  # fmt: skip
_NO_BOOK = "the scenario names no price book, 'prices'"


@part(
    "cost_usd_per_sensor_month",
    *(
        Metric(
            f"cost_usd_per_sensor_month.{name}", USD, f"{what}, for each sensor and month",
            Better.LESS, Section.COST, name, compared=None, objective=False, why=_NO_BOOK,
        )
        for name, what in _PARTS.items()
    ),
    Metric(
        "cost_usd_per_sensor_month.total", USD, "All of it, for each sensor and month",
        Better.LESS, Section.COST, "total", why=_NO_BOOK,
    ),
)  # fmt: skip
def cost_usd_per_sensor_month(outcome: Outcome) -> dict[str, float] | None:
    """Return the cost of each sensor and month by part, None without a price book; USD."""
    plan, tally, prices = outcome.plan, outcome.tally, outcome.plan.money.prices
    if prices is None:
        return None
    months = plan.measured_ns / MONTH_NS
    parts = {
        "device": _devices(plan, prices),
        "data": _data(plan, tally, prices) / months,
        "compute": _compute(plan, tally) / months,
        "storage": _stored_gb(plan, tally) / months * _kept_months(prices) * prices.stored_gb_month,
        "energy": _electricity(outcome, prices, months),
    }
    parts = {name: usd / plan.size for name, usd in parts.items()}
    return {**parts, "total": sum(parts.values())}


def _devices(plan: Plan, prices: Prices) -> float:
    """Return what stands at the sensors and at the edge, for a month; USD."""
    edge = sum(
        kind.count * kind.monthly_usd
        for entry in plan.pools.entry
        if (pool := plan.pools.entries[entry]) is not None
        for kind in pool.kinds
    )
    return float(prices.device_month[plan.sensors.setup_of].sum()) + float(edge)


def _data(plan: Plan, tally: Tally, prices: Prices) -> float:
    sent = tally.links[:, SENT_LINK_BITS]
    mobile = sent[plan.links.mobile[plan.links.class_of] == 1].sum() / _GB_BITS
    wan = sent[plan.links.level_of == LEVELS - 1].sum() / _GB_BITS
    return float(mobile * prices.mobile_gb + wan * prices.fixed_gb)


def _compute(plan: Plan, tally: Tally) -> float:
    """Return what the hours of rented servers cost; USD."""
    total = 0.0
    for index, entry in enumerate(plan.pools.entry):
        pool = plan.pools.entries[entry]
        for row, kind in enumerate(() if pool is None else pool.kinds, int(plan.pools.row[index])):
            total += float(tally.servers[row, SERVER_NS]) / 3.6e12 * kind.hourly_usd
    return total


def _stored_gb(plan: Plan, tally: Tally) -> float:
    """Return the pictures that reach the cloud; GB."""
    at_edge = (plan.pools.of >= 0) & (plan.pools.level < LEVELS - 1)
    pixels = tally.sensors[:, SENT_PAYLOAD] - tally.sensors[:, SENT_METADATA]
    return float(np.where(at_edge, 0, pixels).sum()) / 1e9


def _kept_months(prices: Prices) -> float:
    return prices.retention_ns / MONTH_NS


def _electricity(outcome: Outcome, prices: Prices, months: float) -> float:
    """Return the electricity of a month that whoever owns the sensors pays; USD."""
    spans = spans_of(outcome)
    if prices.kwh_by_hour is not None:
        return weighted(spans, prices.kwh_by_hour, paid_fj) / months
    return sum(map(paid_fj, spans)) / KWH_FJ / months * prices.kwh
