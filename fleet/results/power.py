"""What an arm draws: power by component, inside boundaries, energy of a frame, carbon."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from fleet.engine.energy import COMPONENTS, network_bits
from fleet.model.books import CAPTURED
from fleet.results.by_hour import FED, Span, carbon_g, whole_fj
from fleet.results.energy import account_of, off_grid_of
from fleet.results.frames import inferences
from fleet.results.metric import KG_YEAR, MJ, Better, Metric, Section, W, part
from fleet.running.run import Outcome

_WHAT = (
    "sensors and their hosts", "the radios and ports of sensors", "the operator's network",
    "servers at the edge", "servers in the cloud",
)  # fmt: skip


@part(
    "power_w",
    *(
        Metric(
            f"power_w.{name}", W, f"Mean power of {what}", Better.LESS, Section.POWER, name,
            shown_if=f"power_w.{name}",
        )
        for name, what in zip(COMPONENTS, _WHAT, strict=True)
    ),
    Metric(
        "power_w.total", W, "Mean power of the whole arm", Better.LESS, Section.POWER, "total"
    ),
)  # fmt: skip
def power_w(outcome: Outcome) -> dict[str, float]:
    """Return the mean power of each component; W."""
    energy = account_of(outcome)
    parts = {
        c: sum(s.energy_fj for s in energy if s.component == c) / outcome.plan.measured_ns * 1e-6
        for c in COMPONENTS
    }
    return {**parts, "total": sum(parts.values())}


@part("power_states_w")
def power_states_w(outcome: Outcome) -> dict[str, dict[str, float]]:
    """Return the mean power of each state of each component; W."""
    out: dict[str, dict[str, float]] = {}
    for s in account_of(outcome):
        states = out.setdefault(s.component, {})
        watts = s.energy_fj / outcome.plan.measured_ns * 1e-6
        states[s.state] = states.get(s.state, 0.0) + watts
    return out


SCOPES = {
    "network": ("network",),
    "network and servers": ("network", "edge", "cloud"),
    "uplink, network and servers": ("network", "edge", "cloud", "uplink"),
    "everything": ("network", "edge", "cloud", "uplink", "sensor"),
}
"""What is counted inside wider and wider boundaries; all have the network."""


@part("power_by_boundary_w")
def power_by_boundary_w(outcome: Outcome) -> dict[str, dict[str, float]]:
    """Return the mean power inside wider and wider boundaries, for each value of network energy; W.

    Claims of savings differ by what they count: the network alone, servers too, the sender's radio
    or port too, or everything, cameras included.
    """
    plan, parts = outcome.plan, power_w(outcome)
    bits = network_bits(plan, outcome.tally)
    servers = parts["edge"] + parts["cloud"]
    out = {}
    for name, fixed_pj, mobile_pj in plan.money.boundaries:
        network = sum(bits.energy_fj(fixed_pj, mobile_pj)) / plan.measured_ns * 1e-6
        out[name] = {
            "network": network,
            "network and servers": network + servers,
            "uplink, network and servers": network + servers + parts["uplink"],
            "everything": network + servers + parts["uplink"] + parts["sensor"],
        }
    return out


_OF = {
    "captured_frame": "no results",
    "inference": "nothing was inferred",
    "result": "no results",
}
"""Of what energy is told, and why it may be unknown."""


@part(
    None,
    *(
        Metric(
            f"energy_mj_per_{of}", MJ, f"Energy of everything for each {of.replace('_', ' ')}",
            Better.LESS, Section.POWER, f"energy per {of.replace('_', ' ')}", why=why,
        )
        for of, why in _OF.items()
    ),
)  # fmt: skip
def energy_mj(outcome: Outcome) -> dict[str, float | None]:
    """Return the energy of everything divided by captured frames, inferences and results; mJ.

    What an arm infers and sends is its own choice, so the first is the one to compare arms by.
    """
    total = sum(s.energy_fj for s in account_of(outcome))
    per = {
        "captured_frame": int(outcome.tally.sensors[:, CAPTURED].sum()),
        "inference": inferences(outcome),
        "result": int(outcome.tally.latency.sum()),
    }
    return {
        f"energy_mj_per_{of}": total * 1e-12 / many if many else None for of, many in per.items()
    }


@part(
    "carbon_kg_per_sensor_year",
    Metric(
        "carbon_kg_per_sensor_year", KG_YEAR,
        "CO2-equivalent of the electricity of a sensor, were every hour like those simulated",
        Better.LESS, Section.POWER, "CO2e of a sensor",
    ),
)  # fmt: skip
def carbon_kg_per_sensor_year(outcome: Outcome) -> float:
    """Return the CO2-equivalent of the electricity, were every hour like these; kg."""
    watts = power_w(outcome)["total"] - _off_grid_w(outcome, COMPONENTS)
    return _kg_year(outcome, watts, whole_fj)


def _off_grid_w(outcome: Outcome, components: Iterable[str]) -> float:
    """Return the mean power that batteries give of some components; W."""
    fed = dict(zip(FED, off_grid_of(outcome), strict=True))
    return sum(fed.get(name, 0) for name in components) / outcome.plan.measured_ns * 1e-6


def _kg_year(outcome: Outcome, watts: float, energy_fj: Callable[[Span], int]) -> float:
    """Return the CO2-equivalent of a sensor and year; kg.

    Args:
        outcome: of an arm.
        watts: mean power of what is counted, from the grid.
        energy_fj: what of it is drawn in an hour; fJ.
    """
    plan = outcome.plan
    if plan.money.grid.by_hour is None:
        return watts * 8766 / 1000 * plan.money.grid.g_per_kwh / 1000 / plan.size
    hours = plan.measured_ns / 3.6e12
    return carbon_g(outcome, energy_fj) / 1000 / hours * 8766 / plan.size


@part("carbon_by_boundary_kg_per_sensor_year")
def carbon_by_boundary(outcome: Outcome) -> dict[str, dict[str, float]]:
    """Return the CO2-equivalent inside the boundaries of `power_by_boundary_w`; kg."""
    power, out = power_by_boundary_w(outcome), {}
    for name, fixed_pj, mobile_pj in outcome.plan.money.boundaries:
        out[name] = {
            scope: _kg_year(
                outcome,
                power[name][scope] - _off_grid_w(outcome, SCOPES[scope]),
                partial(_inside_fj, scope, fixed_pj, mobile_pj),
            )
            for scope in SCOPES
        }
    return out


def _inside_fj(scope: str, fixed_pj: int, mobile_pj: int, span: Span) -> int:
    """Return the energy inside a scope in an hour, given that of a bit in the network; fJ."""
    own = sum(span.grid_fj[c] for c in SCOPES[scope] if c != "network")
    return own + sum(span.bits.energy_fj(fixed_pj, mobile_pj))


@part("carbon_g")
def whole_carbon_g(outcome: Outcome) -> float:
    """Return the CO2-equivalent of the electricity of the whole arm while it is measured; g."""
    return carbon_g(outcome, whole_fj)
