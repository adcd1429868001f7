"""Power from time in states: energy = Σ power · time, and the states of a part cover the run.

A sensor has four parts: the host (always on), the pixel array (sensing or idle), the processor
(DSP or encoder, computing or off) and the radio or port (sending, tail or idle). While a sensor is
down its host and its radio draw power, its pixel array and processor do not. Energies are exact
integers in femtojoule (µW · ns), so a sum over sensors does not depend on its order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fleet.arrays import Ints


@dataclass(frozen=True)
class StateEnergy:
    """One state of one component.

    Attributes:
        component: sensor, uplink, network, edge or cloud.
        state: such as 'sensing'.
        time_ns: total time of all devices in the state; 0 for energy per bit.
        energy_fj: femtojoule.
    """

    component: str
    state: str
    time_ns: int
    energy_fj: int


def states(
    component: str, spent_ns: dict[str, Ints], power_uw: dict[str, Ints]
) -> list[StateEnergy]:
    """Return the energy of each state of like devices.

    Args:
        component: what they are part of.
        spent_ns: time in each state by device.
        power_uw: power in each state by device.
    """
    return [
        StateEnergy(
            component, state, _total(spent_ns[state]), dot(spent_ns[state], power_uw[state])
        )
        for state in spent_ns
    ]


def _total(values: Ints) -> int:
    """Return an exact sum: halves of the numbers, of which none can overflow, are summed apart."""
    upper, lower = values >> 32, values & 0xFFFF_FFFF
    return (int(upper.sum()) << 32) + int(lower.sum())


def dot(spent_ns: Ints, power_uw: Ints) -> int:
    """Return the exact sum of amounts times power (or energy each), grouped so that it is fast."""
    total = 0
    for power in np.unique(power_uw):
        total += int(power) * _total(spent_ns[power_uw == power])
    return total
