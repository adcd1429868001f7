"""Where a network is cut in two, of which the sensor runs the first part and servers the second."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fleet.scenario.quantities import Layer, Model, says


class Split(Model):
    """A network that is cut in two: its first layers run on the AI sensor, the others on servers.

    What the last of the first layers has written, a tensor, is sent. The answer is that of the
    whole network.
    """

    after: Annotated[
        Layer,
        says("the last layer on the sensor, or `input` for none", "merge.sum"),
    ]
    bits: Annotated[int, Field(ge=1, le=32), says("bits of each number that is sent", 4)] = 8
    infer: Annotated[Literal["cloud", "edge"], says("where these servers are", "edge")] = "cloud"


def split_of(said: Split | str | None) -> Split | None:
    """Return where a network is cut, of which a scenario may state the layer alone."""
    return Split(after=said) if isinstance(said, str) else said
