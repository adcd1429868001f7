"""The energy of an outcome: its account, which is made once, and what parts of it come to."""

from __future__ import annotations

from fleet.engine.energy import account
from fleet.model.power import StateEnergy
from fleet.running.run import Outcome


def account_of(outcome: Outcome) -> list[StateEnergy]:
    """Return the account of a run, which is made once."""
    if "energy" not in outcome.reckoned:
        outcome.reckoned["energy"] = account(outcome.plan, outcome.tally)
    rows: list[StateEnergy] = outcome.reckoned["energy"]
    return rows
