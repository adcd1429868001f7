"""Simulate a city of AI image sensors, frame by frame: on-sensor against cloud inference.

::

    import fleet

    scenario = fleet.load("scenarios/smoke.yaml")
    record = fleet.run(scenario, executor="local")
    print(fleet.compare(record)["arms"]["on_sensor"]["power_w.total"])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet.errors import FleetError, InputError, RunError

if TYPE_CHECKING:
    from fleet.api import compare, figures, run, sensitivity, sweep
    from fleet.plan.roster import Placed
    from fleet.results.record import Record
    from fleet.scenario.load import Scenario, load
    from fleet.simulation import Simulation

__version__ = "0.1.0"
__all__ = [
    "FleetError",
    "InputError",
    "Placed",
    "Record",
    "RunError",
    "Scenario",
    "Simulation",
    "__version__",
    "compare",
    "figures",
    "load",
    "run",
    "sensitivity",
    "sweep",
]

_HOMES = {
    "compare": "fleet.api",
    "figures": "fleet.api",
    "run": "fleet.api",
    "sensitivity": "fleet.api",
    "sweep": "fleet.api",
    "load": "fleet.scenario.load",
    "Scenario": "fleet.scenario.load",
    "Simulation": "fleet.simulation",
    "Placed": "fleet.plan.roster",
    "Record": "fleet.results.record",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: `import fleet` stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'fleet' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
