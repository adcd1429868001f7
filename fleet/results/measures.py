"""The numbers by which arms are compared and judged: their names, their units, why one is unknown.

A name is the dotted path of a number in an arm's part of `summary.json`, or the share of the
captured frames that met a fate (`SHARES`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import fleet.units as units
from fleet.errors import InputError
from fleet.results import accuracy, service
from fleet.results.latency import WITHIN_NS
from fleet.units import Dimension


class Unit(NamedTuple):
    """In what a number of the summary is.

    Attributes:
        name: as it is printed; of shares, which are printed in %, 'share'.
        dimension: in which people may write it, too; None: only in this unit.
        per: canonical units of the dimension in this one.
    """

    name: str
    dimension: Dimension | None = None
    per: int | Fraction = 1

    def read(self, text: str) -> Fraction:
        """Return a number that people wrote with a unit of the dimension, or bare in this one.

        Raises:
            InputError: it is neither.
        """
        if self == SHARE:
            return units.fraction(text)
        bare = text.removesuffix(self.name).strip()
        if bare[-1:].isdigit() or bare[-1:] == ".":
            return units.fraction(bare)
        if self.dimension is None:
            raise InputError(f"{text!r} is not in {self.name}; write such as '5 {self.name}'")
        return Fraction(units.parse(text, self.dimension)) / self.per

    def show(self, x: float) -> str:
        """Return a number in four digits, with the unit."""
        return f"{number(100 * x)} %" if self == SHARE else f"{number(x)} {self.name}"

    def show_difference(self, x: float) -> str:
        """Return a signed difference in four digits, without the unit."""
        return f"{100 * x if self == SHARE else x:+.4g}"

    @property
    def of_differences(self) -> str:
        """Return the unit of differences."""
        return "% points" if self == SHARE else self.name


SHARE = Unit("share", Dimension.FRACTION)
MS, S = Unit("ms", Dimension.TIME, 10**6), Unit("s", Dimension.TIME, 10**9)
W, MJ = Unit("W", Dimension.POWER, 10**6), Unit("mJ", Dimension.ENERGY, 10**6)
MBIT_S, BYTES = Unit("Mbit/s", Dimension.RATE, 10**6), Unit("B", Dimension.DATA, 8)
FRAMES, OBJECTS = Unit("frames"), Unit("objects")
KG_YEAR, USD = Unit("kg/year"), Unit("USD")

SHARES = dict.fromkeys(("lost", "skipped", "results", "in_flight"), SHARE)
PERCENTILES = tuple(f"latency_ms.{rank}" for rank in ("p50", "p95", "p99", "p999"))
_SEEN = [
    *accuracy.MEASURES,
    *(f"frames_alike.{m}" for m in accuracy.MEASURES if m != "recall_of_all"),
]
SERVED: dict[str, Unit] = {
    f"service.{m}": {"miscount_per_5_min": OBJECTS, "time_to_alert_s": S}.get(m, SHARE)
    for m in service.MEASURES
}
NUMBERS: dict[str, Unit] = {
    **dict.fromkeys((*PERCENTILES, "latency_ms.mean", "latency_ms.max"), MS),
    "mean_latency_share_of_slowest_permille": SHARE,
    **dict.fromkeys((f"delivered.{name}" for name in (*WITHIN_NS, "never")), SHARE),
    **dict.fromkeys(("frames.results", "frames.lost", "frames.skipped", "inferences"), FRAMES),
    "bytes": BYTES,
    **{f"power_w.{part}": W for part in ("sensor", "uplink", "network", "edge", "cloud", "total")},
    **{f"energy_mj_per_{of}": MJ for of in ("captured_frame", "inference", "result")},
    "carbon_kg_per_sensor_year": KG_YEAR,
    "cost_usd_per_sensor_month.total": USD,
    **dict.fromkeys(("pixels_leaving_sensor_frames", "pixels_to_cloud_frames"), FRAMES),
    **{f"accuracy.{m}": OBJECTS if m.endswith("miscount_per_frame") else SHARE for m in _SEEN},
}
"""What is compared over replications, beside what each class of links carries (`of_links`)."""


def of_links(links: Iterable[str]) -> dict[str, Unit]:
    """Return the numbers of some classes of links."""
    return {
        name: unit
        for link in links
        for name, unit in (
            (f"bandwidth_mbit_s.{link}.mean", MBIT_S),
            (f"bandwidth_mbit_s.{link}.peak_1s", MBIT_S),
            (f"bytes_by_link.{link}", BYTES),
        )
    }


def unit_of(name: str) -> Unit:
    """Return the unit of a number that is compared or judged."""
    if name.startswith("bandwidth_mbit_s."):
        return MBIT_S
    return BYTES if name.startswith("bytes_by_link.") else (SHARES | NUMBERS | SERVED)[name]


def value(arm: Mapping[str, Any], path: str) -> float | None:
    """Return a number of an arm's summary by its dotted path; a mapping counts as its sum.

    None where it is unknown, or there is no such number. Names of links may hold dots.
    """
    node: Any = arm
    while path and isinstance(node, Mapping):
        key = max((k for k in node if f"{path}.".startswith(f"{k}.")), key=len, default=None)
        if key is None:
            return None
        node, path = node[key], path[len(key) + 1 :]
    if path or node is None:
        return None
    return float(sum(node.values()) if isinstance(node, Mapping) else node)


def measured(arm: Mapping[str, Any], name: str) -> float | None:
    """Return what `value` does, or the share of the frames that met a fate.

    Frames are those captured, and those under way at the end of a warm-up.
    """
    if name not in SHARES:
        return value(arm, name)
    frames = arm["frames"]["captured"] + arm["frames"]["in_flight_before"]
    return (value(arm, f"frames.{name}") or 0.0) / frames if frames else None


def why_unknown(arm: Mapping[str, Any], name: str) -> str:
    """Return why a number of an arm is None."""
    if not arm["frames"]["captured"]:
        return "no frames were captured"
    part, _, rest = name.partition(".")
    if part == "service":
        return _why_not_served(arm, rest)
    if part == "accuracy":
        book = arm["accuracy"]["by_light"]
        return "nothing was to be found" if book else "nobody measured what its networks see"
    return {
        "cost_usd_per_sensor_month": "the scenario names no price book, 'prices'",
        "energy_mj_per_inference": "nothing was inferred",
        "delivered": "every frame was held back by a publishing rule",
        "bandwidth_mbit_s": "no sensor's path leads over this link",
        "bytes_by_link": "no sensor's path leads over this link",
    }.get(part, "no results")


def _why_not_served(arm: Mapping[str, Any], measure: str) -> str:
    groups = arm["service"]["groups"].values()
    if not groups:
        return "nobody measured what its networks see"
    if any(measure in group for group in groups):
        return "nothing ever came into view"
    if measure == "miscount_per_5_min" and any("window_s" in group for group in groups):
        return "the run is shorter than five minutes"
    return "no group has this use"


def number(x: float) -> str:
    """Return a number with four significant digits and thousands marked."""
    if x == 0:
        return "0"
    if abs(x) >= 1000:
        return f"{x:,.0f}"
    return f"{x:.4g}"
