"""Whose electricity it is, what crossing the network draws, and what things cost."""

from __future__ import annotations

import numpy as np

from fleet.plan import equipment
from fleet.plan.draft import Draft
from fleet.plan.grid import grid_of
from fleet.plan.groups import Money
from fleet.plan.hours import own_steps
from fleet.plan.plant import Prices
from fleet.scenario.load import did_you_mean


def money(draft: Draft) -> Money:
    """Return what energy and things cost in a plan.

    Raises:
        InputError: there is no such grid or price book.
    """
    boundaries = tuple(
        (name, _pj_per_bit(draft, name, "fixed"), _pj_per_bit(draft, name, "mobile"))
        for name in draft.reader.items("network")
    )
    chosen = draft.scenario.model.network_energy
    fixed, mobile = next((f, m) for name, f, m in boundaries if name == chosen)
    grid = grid_of(draft.scenario, draft.reader, draft.place)
    return Money(fixed, mobile, boundaries, grid, _prices(draft))


def _pj_per_bit(draft: Draft, boundary: str, kind: str) -> int:
    nj = draft.reader.energy_nj_per_bit("network", boundary, f"{kind}_energy_per_bit")
    return int(nj * 1000)


def _prices(draft: Draft) -> Prices | None:
    """Return the price book of the scenario, if it names one."""
    book, known = draft.scenario.model.prices, draft.reader.items("prices")
    if book is None:
        return None
    if book not in known:
        raise draft.scenario.error(
            ("prices",), f"no price book '{book}'{did_you_mean(book, known)}; known:"
            f" {', '.join(known)}"
        )  # fmt: skip

    def price(parameter: str) -> float:
        return float(draft.reader.number("prices", book, parameter))

    tariff = draft.scenario.model.tariff
    hours = None
    if tariff is not None:
        hours = own_steps(draft.scenario, tariff, ("tariff",), "usd_per_kwh")
    span = draft.scenario.model.warm_up_ns, draft.scenario.model.duration
    return Prices(
        book=book,
        kwh=hours.mean(*span) if hours else price("electricity"),
        mobile_gb=price("mobile_data"),
        fixed_gb=price("fixed_data"),
        stored_gb_month=price("storage"),
        retention_ns=draft.scenario.model.retention or 0,
        device_month=np.array([equipment.monthly_usd(draft.reader, s) for s in draft.setups]),
        kwh_by_hour=hours,
    )
