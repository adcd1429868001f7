"""How far a link goes: from one place of the catalogue to another."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fleet.scenario.quantities import Model, Region, says


class Distance(Model):
    """The two ends of a link of the backbone, each near a cloud region of the catalogue.

    Its time on the wire is half of the round trip between them. How a sensor comes to the first end
    is what the links below are for.
    """

    begin: Annotated[
        Region,
        Field(alias="from"),
        says("cloud region near which the link begins", "sweden-central"),
    ]
    to: Annotated[Region, says("cloud region that it leads to", "west-europe")]
