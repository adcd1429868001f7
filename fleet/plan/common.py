"""What all plans of a scenario have in common, each worked out once: when the first needs it."""

from __future__ import annotations

from functools import cached_property

from fleet.arrays import Ints, Keys
from fleet.chance import name_hashes
from fleet.plan import capture_times
from fleet.plan.capture_times import CaptureTimes
from fleet.plan.place import Place, place_of
from fleet.plan.roster import Roster, place_sensors
from fleet.plan.sun import lights
from fleet.scenario.city import Demand, read_demand
from fleet.scenario.load import Scenario


class Common:
    """What follows from a scenario alone, whatever the arm and the replication.

    The files that it names are read when they are first needed, and not again.

    Args:
        scenario: what the user says.

    Raises:
        InputError: from every attribute, if what the scenario says of it cannot be used.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario

    @cached_property
    def roster(self) -> Roster:
        """Return the sensors."""
        return place_sensors(self.scenario)

    @cached_property
    def hashes(self) -> Keys:
        """Return the hash of the name of each sensor."""
        return name_hashes(self.roster.names)

    @cached_property
    def times(self) -> CaptureTimes:
        """Return the capture times that come out of files."""
        return capture_times.read(self.scenario, self.roster)

    @cached_property
    def demand(self) -> Demand | None:
        """Return the city's table of demand, None if it has none."""
        city = self.scenario.model.city
        if city is None or city.demand is None:
            return None
        return read_demand(self.scenario.file(city.demand, "city", "demand"))

    @cached_property
    def place(self) -> Place | None:
        """Return where the scenario is, None if nobody knows."""
        return place_of(self.scenario, self.roster.lat, self.roster.lon)

    @cached_property
    def lights(self) -> tuple[Ints, Ints]:
        """Return when which light begins (`fleet.plan.sun.lights`)."""
        return lights(self.scenario, self.place)
