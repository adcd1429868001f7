"""Simulate a city of AI image sensors, frame by frame: on-sensor against cloud inference.

::

    import fleet

    scenario = fleet.load("scenarios/smoke.yaml")
    record = fleet.run(scenario, executor="local")
    print(fleet.digest(record))
    print(fleet.compare(record)["arms"]["on_sensor"]["power_w.total"])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet.errors import FleetError, InputError, RunError

if TYPE_CHECKING:
    from fleet.api import (
        estimate,
        find,
        reproduce,
        run,
        sensitivity,
        sweep,
    )  # fmt: skip
    from fleet.plan.roster import Placed
    from fleet.reading import compare, diff, digest, figures, report
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
    "diff",
    "digest",
    "estimate",
    "figures",
    "find",
    "load",
    "report",
    "reproduce",
    "run",
    "sensitivity",
    "sweep",
]

_HOMES = {
    "compare": "fleet.reading",
    "diff": "fleet.reading",
    "digest": "fleet.reading",
    "report": "fleet.reading",
    "reproduce": "fleet.api",
    "estimate": "fleet.api",
    "find": "fleet.api",
    "figures": "fleet.reading",
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


def __dir__() -> list[str]:
    """Return the public names, so that editors and notebooks list the API."""
    return list(__all__)
