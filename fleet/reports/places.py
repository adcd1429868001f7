"""The map: sites coloured by what they got, over streets, for the whole run or moment by moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fleet.arrays import Floats, Ints
from fleet.reports.fairness import Sensors
from fleet.reports.markup import Markup, join, tag
from fleet.reports.moments import busiest_cells, moments_of
from fleet.reports.section import Section
from fleet.reports.sites import Sites, late_ms, site_data, sites_of
from fleet.results.metric import number
from fleet.results.record import Record
from fleet.show.streets import CREDIT, Street, streets

_CLASSES, _FAR = 7, 3.0
_WIDTH, _MARGIN = 1000.0, 30.0
_METERS = 111_195.0
"""In a degree of latitude, of a sphere of 6371 km."""
_RULERS_M = (20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)


@dataclass(frozen=True)
class Frame:
    """Where places stand in the picture: a plane that is true in the middle of the sites."""

    west: float
    north: float
    per_lon: float
    per_lat: float
    height: float

    @staticmethod
    def around(lon: Floats, lat: Floats) -> Frame:
        """Return the frame around some places, `_WIDTH` wide."""
        shrink = float(np.cos(np.radians((lat.min() + lat.max()) / 2)))
        wide = max(float(np.ptp(lon)) * shrink, float(np.ptp(lat)) * 0.4, 1e-4)
        per_lat = (_WIDTH - 2 * _MARGIN) / wide
        height = float(np.ptp(lat)) * per_lat + 2 * _MARGIN
        left = (_WIDTH - float(np.ptp(lon)) * shrink * per_lat) / 2
        per_lon = per_lat * shrink
        return Frame(
            float(lon.min()) - left / per_lon, float(lat.max()) + _MARGIN / per_lat, per_lon,
            per_lat, height,
        )  # fmt: skip

    def x(self, lon: Floats) -> Floats:
        """Return how far from the left; units of the picture."""
        return (lon - self.west) * self.per_lon

    def y(self, lat: Floats) -> Floats:
        """Return how far from the top; units of the picture."""
        return (self.north - lat) * self.per_lat


def city(record: Record, fleet: Mapping[str, Sensors]) -> Section | None:
    """Return the map, None where no sensor has a place."""
    base = record.summary["comparison"]["baseline"]
    sites = sites_of(fleet[base])
    if not sites.names:
        return None
    frame, around = Frame.around(sites.lon, sites.lat), streets(sites.lon, sites.lat)
    data = site_data(sites, fleet)
    late = late_ms(data, base)
    edges = _edges(late)
    text = (
        f"{len(sites.names):,} sites with {sum(map(len, sites.rows.values())):,} sensors, coloured"
        f" by the mean latency of their results in {base}."
    )
    ends = f"from {number(edges[0])} to {number(edges[-1])} ms"
    dots = _dots(sites, frame, _class_of(late, edges))
    picture = _picture(frame, around, dots, f"{text[:-1]}: {ends}.")
    about = record.scenario.model.city
    credits_ = [CREDIT if around else "No streets are known here, so sites stand on blank paper."]
    credits_ += [about.attribution] if about is not None and about.attribution else []
    figure = tag(
        "figure", tag("figcaption", text), tag("div", class_="controls"),
        tag("div", picture, tag("div", class_="card", aria_live="polite"), class_="beside"),
        _legend(edges), [tag("p", credit, class_="credit") for credit in credits_],
    )  # fmt: skip
    moments = moments_of(record, sites, list(fleet))
    slider = "a slider over time, " if moments else ""
    more = f"other arms and metrics, {slider}and a site's own numbers on click or by its name"
    said = tag("p", f"With JavaScript on: {more}.", class_="no-script")
    below = None if moments is None else busiest_cells(moments)
    over_time = None if moments is None else moments.data
    told = {"base": base, "moments": over_time, **data}
    return Section("map", "Map", join(said, figure, below), told)


def _edges(values: Floats) -> Floats:
    """Return the edges of the classes that have a colour; shape (_CLASSES + 1,).

    Their steps are equal, or have equal ratios where the most is far from the least. The page's
    script does the same.
    """
    known = values[~np.isnan(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    high = high if high > low else low + 1.0
    spaced = np.geomspace if high > _FAR * low > 0 else np.linspace
    edges: Floats = spaced(low, high, _CLASSES + 1)
    return edges


def _class_of(values: Floats, edges: Floats) -> Ints:
    """Return the colour of each value, -1 of those that are not known."""
    classes = np.searchsorted(edges[1:-1], np.nan_to_num(values), side="right")
    return np.where(np.isnan(values), -1, classes)


def _dots(sites: Sites, frame: Frame, classes: Ints) -> list[Markup]:
    radius = float(np.clip(270 / np.sqrt(len(sites.names)), 5, 14).round(1))
    x, y = frame.x(sites.lon).round(1).tolist(), frame.y(sites.lat).round(1).tolist()
    return [
        tag("circle", cx=cx, cy=cy, r=radius, class_=f"q{c}" if c >= 0 else "qn")
        for cx, cy, c in zip(x, y, classes.tolist(), strict=True)
    ]


def _picture(frame: Frame, around: Sequence[Street], dots: Sequence[Markup], label: str) -> Markup:
    return tag(
        "svg", tag("g", _lines(frame, around), class_="streets"), tag("g", dots, class_="sites"),
        _ruler(frame), viewBox=f"0 0 {_WIDTH:g} {frame.height:.0f}", role="img", aria_label=label,
        class_="map",
    )  # fmt: skip


def _lines(frame: Frame, around: Sequence[Street]) -> list[Markup]:
    """Return a path for each kind of street, in whole units, each point from the last."""
    paths = []
    for kind in ("street", "main"):
        written = []
        for street in around:
            if street.kind == kind:
                x = np.rint(frame.x(street.points[:, 0])).astype(int)
                y = np.rint(frame.y(street.points[:, 1])).astype(int)
                steps = zip(np.diff(x).tolist(), np.diff(y).tolist(), strict=True)
                written.append(f"M{x[0]} {y[0]}" + "".join(f"l{a} {b}" for a, b in steps))
        if written:
            paths.append(tag("path", d="".join(written), class_=kind, fill="none", stroke="#8886"))
    return paths


def _ruler(frame: Frame) -> Markup:
    """Return a line of a round length, with what it is."""
    most = 0.35 * _WIDTH / frame.per_lat * _METERS
    length_m = max((m for m in _RULERS_M if m <= most), default=_RULERS_M[0])
    wide, foot = length_m / _METERS * frame.per_lat, frame.height - 12
    text = f"{length_m} m" if length_m < 1000 else f"{length_m // 1000} km"
    return tag(
        "g", tag("line", x1=20, x2=20 + wide, y1=foot, y2=foot, stroke="currentColor",
                 stroke_width=4),
        tag("text", text, x=20, y=foot - 12, font_size=28, fill="currentColor"), class_="ruler",
    )  # fmt: skip


def _legend(edges: Floats) -> Markup:
    items = []
    for k in range(_CLASSES):
        box = tag("svg", tag("rect", width=14, height=14, class_=f"q{k}"), width=14, height=14,
                  aria_hidden="true")  # fmt: skip
        end = " or more" if k == _CLASSES - 1 else f" to {number(edges[k + 1])}"
        items.append(tag("li", box, " ", tag("span", f"{number(edges[k])}{end} ms")))
    return tag("ul", items, class_="legend ramp")
