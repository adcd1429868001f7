"""What an arm sent: what its links carried, and what left its sensors."""

from __future__ import annotations

from fleet.model.books import (
    BIN_NS,
    SENT_BITS,
    SENT_LINK_BITS,
    SENT_METADATA,
    SENT_PAYLOAD,
)
from fleet.results.metric import BYTES, MBIT_S, Better, Metric, Section, part
from fleet.running.run import Outcome

_NO_LINK = "no sensor's path leads over this link"


@part(
    "bandwidth_mbit_s",
    Metric(
        "bandwidth_mbit_s.mean", MBIT_S, "What a class of links carried, in the mean", Better.LESS,
        Section.BANDWIDTH, "{}", whole=False, link="bandwidth_mbit_s.{}.mean", why=_NO_LINK,
    ),
    Metric(
        "bandwidth_mbit_s.peak_1s", MBIT_S, "What a class of links carried in its busiest second",
        Better.LESS, Section.BUSIEST_SECOND, "{}", whole=False,
        link="bandwidth_mbit_s.{}.peak_1s", why=_NO_LINK,
    ),
)  # fmt: skip
def bandwidth_mbit_s(outcome: Outcome) -> dict[str, dict[str, float]]:
    """Return what each class of links carried: mean, and in its busiest bin of a second."""
    plan, bins = outcome.plan, outcome.tally.class_bins()
    return {
        name: {
            "mean": float(bins[c].sum()) * 1e3 / plan.measured_ns,
            "peak_1s": float(bins[c].max(initial=0)) * 1e3 / BIN_NS,
        }
        for c, name in enumerate(plan.links.class_names)
    }


@part(
    "bytes",
    Metric(
        "bytes", BYTES, "Bytes that left sensors: metadata, crops, pictures, protocol", Better.LESS
    ),
)
def sent_bytes(outcome: Outcome) -> dict[str, int]:
    """Return the bytes that left the sensors, by kind: metadata, pixels (crops or pictures).

    What links carry behind servers at an edge is another number: `bytes_by_link`.
    """
    plan, counts = outcome.plan, outcome.tally.sensors
    crops = plan.sensors.setups.pixels_per_object[plan.sensors.setup_of] > 0
    pixels = counts[:, SENT_PAYLOAD] - counts[:, SENT_METADATA]
    total = int(counts[:, SENT_BITS].sum()) // 8
    return {
        "metadata": int(counts[:, SENT_METADATA].sum()),
        "roi": int(pixels[crops].sum()),
        "image": int(pixels[~crops].sum()),
        "protocol": total - int(counts[:, SENT_PAYLOAD].sum()),
    }


@part(
    "bytes_by_link",
    Metric(
        "bytes_by_link", BYTES, "Bytes that a class of links sent on", Better.LESS, whole=False,
        link="bytes_by_link.{}", why=_NO_LINK,
    ),
)  # fmt: skip
def bytes_by_link(outcome: Outcome) -> dict[str, int]:
    """Return the bytes that each class of links sent on; a bit over is left out."""
    plan, sent = outcome.plan, outcome.tally.links[:, SENT_LINK_BITS]
    return {
        name: int(sent[plan.links.class_of == c].sum()) // 8
        for c, name in enumerate(plan.links.class_names)
    }
