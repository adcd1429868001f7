"""How often pixels left sensors: a measure of privacy."""

from __future__ import annotations

from fleet.model.books import SENT_PIXEL_FRAMES
from fleet.model.frames import LEVELS
from fleet.results.metric import FRAMES, Better, Metric, Section, part
from fleet.running.run import Outcome


@part(
    "pixels_leaving_sensor_frames",
    Metric(
        "pixels_leaving_sensor_frames", FRAMES, "Frames of which pixels left their sensor",
        Better.LESS, Section.FRAMES, "pixels left the sensor",
    ),
)  # fmt: skip
def pixels_leaving(outcome: Outcome) -> int:
    """Return the frames of which pixels left their sensor."""
    return int(outcome.tally.sensors[:, SENT_PIXEL_FRAMES].sum())


@part(
    "pixels_to_cloud_frames",
    Metric(
        "pixels_to_cloud_frames", FRAMES,
        "Frames of which pixels were sent on beyond the edge, to the cloud", Better.LESS,
        Section.FRAMES, "pixels went to the cloud",
    ),
)  # fmt: skip
def pixels_to_cloud(outcome: Outcome) -> int:
    """Return the frames of which pixels were sent on beyond the edge, to the cloud."""
    plan = outcome.plan
    ends_at_edge = (plan.pools.of >= 0) & (plan.pools.level < LEVELS - 1)
    return int(outcome.tally.sensors[~ends_at_edge, SENT_PIXEL_FRAMES].sum())
