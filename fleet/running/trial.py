"""A trial: one arm in one replication, which runs by itself and is known by what it depends on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from fleet.plan.plan import Plan
from fleet.running.checkpoint import VERSION


@dataclass(frozen=True)
class Trial:
    """One arm in one replication.

    Attributes:
        plan: what is run.
    """

    plan: Plan

    @property
    def arm(self) -> str:
        """Return the name of the arm."""
        return self.plan.arm

    @property
    def replication(self) -> int:
        """Return the number of the replication, from 0."""
        return self.plan.replication

    @property
    def name(self) -> str:
        """Return what its files are called within a job."""
        return f"{self.arm}-{self.replication}"

    @cached_property
    def identity(self) -> str:
        """Return the SHA-256 of all that its outcome depends on, as 64 hexadecimal digits.

        That is the version of fleet and the plan, whose digest covers what the scenario says
        whatever its layout, the files that it names, the catalogue's rows, arm and replication.
        """
        return hashlib.sha256(f"{VERSION};{self.plan.digest()}".encode()).hexdigest()
