"""What links carry: each that is distinct once, in the mean and in its busiest second."""

from __future__ import annotations

from fleet.reports.charts import Bar, bars
from fleet.reports.markup import Markup, join, tag
from fleet.reports.section import Section
from fleet.reports.tables import figure, table
from fleet.results.metric import Numbers, number
from fleet.results.record import Record
from fleet.show.links import distinct
from fleet.show.rows import EMPTY
from fleet.show.words import ends, said


def bandwidth(record: Record) -> Section:
    """Return the traffic of each distinct link and arm."""
    parts = []
    for names in distinct(record):
        title = " = ".join(f"{name}{_count(record, name)}" for name in names)
        rows, cells = [], []
        for i, (arm, numbers) in enumerate(record.arms.items()):
            link = numbers["bandwidth_mbit_s"].get(names[0])
            if link is None:
                continue
            load = numbers["load"][names[0]]
            path = f"bandwidth_mbit_s.{names[0]}.mean"
            ci95 = ends(record, arm, path)
            rows.append(Bar(arm, [link["mean"]], said(record, arm, path), [i], *ci95))
            cells.append(
                (arm, number(link["mean"]), number(link["peak_1s"]), f"{load['offered']:.2%}",
                 f"{load['busiest_offered']:.2%}")
            )  # fmt: skip
        text = f"Mean traffic of {title}."
        label = f"{text} " + "; ".join(f"{row.name}: {row.said}" for row in rows) + "."
        head = ["arm", "mean, Mbit/s", "busiest second, Mbit/s", "mean asked", "asked of busiest"]
        parts.append(figure(text, bars(rows, label), numbers=table(title, head, cells)))
    same = "Links that carry the same, as a chain without branches does, are shown once."
    return Section(
        "bandwidth", "Bandwidth by distinct link", join(tag("p", same), parts, _sent(record))
    )


def _count(record: Record, name: str) -> str:
    """Return how many links a class has, if there are several."""
    most = max(arm["load"].get(name, {}).get("count", 0) for arm in record.arms.values())
    return f" (all {number(most)})" if most > 1 else ""


def _sent(record: Record) -> Markup:
    kinds = list(dict.fromkeys(kind for arm in record.arms.values() for kind in arm["bytes"]))
    rows = [
        (arm, *(number(n["bytes"].get(kind, 0) / 1e6) for kind in kinds), _with_pixels(n))
        for arm, n in record.arms.items()
    ]
    head = ["arm", *(f"{kind}, MB" for kind in kinds), "frames with pixels"]
    return table("What left the sensors", head, rows)


def _with_pixels(numbers: Numbers) -> str:
    captured = numbers["frames"]["captured"]
    return f"{numbers['pixels_leaving_sensor_frames'] / captured:.2%}" if captured else EMPTY
