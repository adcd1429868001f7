"""What the user says: the schema, strict YAML, cities and sites."""

from fleet.scenario.load import Scenario, load

__all__ = ["Scenario", "load"]
