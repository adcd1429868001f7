"""A second network that looks at each object that the first has found."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fleet.scenario.quantities import Count, Model, Network, says

MOST_OBJECTS = 1000
"""Of a frame that a second network may look at; more never come into view."""


class Pipeline(Model):
    """A second network behind the arm's `model`, once for each object that this has found.

    It runs where the first runs: on the DSP of an AI sensor, one object after another, or on
    servers, where the objects of a batch of frames are put into batches of their own. With `infer`
    an AI sensor finds the objects, and servers get a crop of each.
    """

    model: Annotated[Network, says("network that looks at each object", "resnet50")]
    most: Annotated[
        int,
        Field(ge=1, le=MOST_OBJECTS),
        says("objects of a frame that it looks at, at most", 8),
    ]
    batch: Annotated[
        Count | None,
        says("objects in a batch of it on servers, at most", 16, "`batch.max` of the servers"),
    ] = None
    infer: Annotated[
        Literal["cloud", "edge"] | None,
        says("where servers are that get crops from an AI sensor", "edge", "where the first runs"),
    ] = None
