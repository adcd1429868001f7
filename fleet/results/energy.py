"""The energy of an outcome: its account, which is made once, and what parts of it come to."""

from __future__ import annotations

from fleet.engine.energy import account, off_grid
from fleet.model.power import StateEnergy
from fleet.running.run import Outcome


def account_of(outcome: Outcome) -> list[StateEnergy]:
    """Return the account of a run, which is made once."""
    if "energy" not in outcome.reckoned:
        outcome.reckoned["energy"] = account(outcome.as_it_went, outcome.tally)
    rows: list[StateEnergy] = outcome.reckoned["energy"]
    return rows


def off_grid_of(outcome: Outcome) -> tuple[int, int]:
    """Return what batteries gave of it, of sensors and of uplinks, which is made once; fJ."""
    if "off grid" not in outcome.reckoned:
        outcome.reckoned["off grid"] = off_grid(outcome.as_it_went, outcome.tally)
    fed: tuple[int, int] = outcome.reckoned["off grid"]
    return fed
