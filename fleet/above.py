"""What stands above and is asked for from below: found by its name when it is called.

Rooms import only from below them (`docs/ARCHITECTURE.md`). A method of a record or a scenario that
shows it is a shorthand for a function of a room above, and says so by calling this.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def call(name: str, /, *arguments: Any) -> Any:
    """Call a function of a room above, such as `reports.notebook.scenario_html`."""
    module, _, function = name.rpartition(".")
    return getattr(import_module(f"fleet.{module}"), function)(*arguments)
