"""What a comparison says of each arm, as rows: bandwidth, latency, power, sight, frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import floor, log10
from typing import Any

from fleet.results.measures import number, value

Arms = Mapping[str, Mapping[str, Any]]
Row = tuple[str, str, list[str]]

EMPTY = "–"
"""What stands where an arm has no such number."""
_TITLES = {
    "sense": "sense", "compute": "compute / encode", "uplink": "uplink", "backhaul": "backhaul",
    "wan": "wan", "decode": "decoding", "queue": "server queue", "infer": "server inference",
    "return": "way back",
}  # fmt: skip


def _percent(x: float) -> str:
    return f"{x:.1%}"


_SERVED: dict[str, tuple[str, str, Callable[[float], str]]] = {
    "miscount_per_5_min": ("miscount of 5 minutes", "objects", number),
    "gaps_alerted_within_30_s": ("gaps alerted within 30 s", "of gaps", _percent),
    "time_to_alert_s": ("mean time to alert", "s", number),
    "map_error": ("error of the heat map", "of people", _percent),
    "ap50": ("average precision", "AP@0.5", _percent),
}


def sections(arms: Arms) -> Iterator[tuple[str, list[Row]]]:
    """Yield (title, rows) of the comparison: bandwidth, latency, power, frames."""
    yield "Bandwidth by link, mean", _bandwidth(arms, "mean")
    yield "Bandwidth, busiest second", _bandwidth(arms, "peak_1s")
    yield "Latency of results", _latency(arms)
    yield (
        "Mean latency by stage",
        [
            _row(arms, f"stages_ms.{stage}", title, "ms", number)
            for stage, title in _TITLES.items()
            if any(value(arm, f"stages_ms.{stage}") for arm in arms.values())
        ],
    )
    yield (
        "Power by component",
        [
            _row(arms, f"power_w.{part}", part, "W", number)
            for part in ("sensor", "uplink", "network", "edge", "cloud", "total")
            if part == "total" or any(value(arm, f"power_w.{part}") for arm in arms.values())
        ]
        + [
            _row(arms, f"energy_mj_per_{of}", f"energy per {of.replace('_', ' ')}", "mJ", number)
            for of in ("captured_frame", "inference", "result")
        ]
        + [
            _row(arms, "carbon_kg_per_sensor_year", "CO2e of a sensor", "kg/year", number),
        ],
    )
    if all(arm["cost_usd_per_sensor_month"] for arm in arms.values()):
        yield (
            "Cost of a sensor and month",
            [
                _row(arms, f"cost_usd_per_sensor_month.{part}", part, "USD", number)
                for part in ("device", "data", "compute", "storage", "energy", "total")
            ],
        )
    if any(arm["accuracy"]["by_light"] for arm in arms.values()):
        yield "What eyes see, ± over scenes", _sights(arms)
    served = [
        _row(arms, f"service.{measure}", label, unit, show)
        for measure, (label, unit, show) in _SERVED.items()
        if any(arm["service"][measure] is not None for arm in arms.values())
    ]
    if served:
        yield "What uses get of it", served
    if any(arm["rollout"]["requests"] for arm in arms.values()):
        yield "Model rewrites", _rollout(arms)
    yield "Frames by fate", _frames(arms)
    yield "Busiest resources", _busiest(arms)


def _row(arms: Arms, path: str, label: str, unit: str, show: Callable[[float], str]) -> Row:
    cells = [value(arm, path) for arm in arms.values()]
    return label, unit, [EMPTY if v is None else show(v) for v in cells]


def _latency(arms: Arms) -> list[Row]:
    """Return percentiles, the mean and what it is made of, and what of the frames due came in time.

    The median stands first: few late results can move the mean beyond every percentile.
    """
    return [
        *(
            _row(arms, f"latency_ms.{key}", label, "ms", number)
            for key, label in (
                ("p50", "median"), ("p95", "p95"), ("p99", "p99"), ("p999", "p99.9"),
                ("max", "max"), ("mean", "mean"),
            )
        ),
        *(
            _row(arms, path, label, unit, _percent)
            for path, label, unit in (
                ("mean_latency_share_of_slowest_permille", "from the slowest 0.1 %", "of mean"),
                ("delivered.within_100_ms", "result within 100 ms", "of due"),
                ("delivered.within_1_s", "result within 1 s", "of due"),
                ("delivered.never", "no result: skipped, lost", "of due"),
            )
        ),
    ]  # fmt: skip


def _bandwidth(arms: Arms, key: str) -> list[Row]:
    links = dict.fromkeys(name for arm in arms.values() for name in arm["bandwidth_mbit_s"])
    return [_row(arms, f"bandwidth_mbit_s.{x}.{key}", x, "Mbit/s", number) for x in links]


def _frames(arms: Arms) -> list[Row]:
    rows = [_row(arms, "frames.captured", "captured", "frames", _count)]
    if any(arm["frames"]["in_flight_before"] for arm in arms.values()):
        label = "in flight after the warm-up"
        rows.append(_row(arms, "frames.in_flight_before", label, "frames", _count))
    rows.append(_row(arms, "frames.results", "results", "frames", _count))
    for part in ("skipped", "lost"):
        causes = dict.fromkeys(c for arm in arms.values() for c in arm["frames"][part])
        rows += [
            _row(
                arms,
                f"frames.{part}.{cause}",
                f"{part}: {cause.replace('_', ' ')}",
                "frames",
                _count,
            )
            for cause in causes
            if any(arm["frames"][part][cause] for arm in arms.values())
        ]
    rows += [
        _row(arms, "frames.in_flight", "in flight at the end", "frames", _count),
        _row(arms, "inferences", "inferences", "frames", _count),
        _row(arms, "pixels_leaving_sensor_frames", "pixels left the sensor", "frames", _count),
        _row(arms, "pixels_to_cloud_frames", "pixels went to the cloud", "frames", _count),
    ]
    return rows


def _sights(arms: Arms) -> list[Row]:
    """Return what eyes see; with all frames alike only where that is another number."""
    rows = [
        (label, unit, [_known(arm["accuracy"], key, show) for arm in arms.values()])
        for key, label, unit, show in (
            ("recall", "recall in answered frames", "found", _percent),
            ("frames_alike.recall", "recall, frames alike", "found", _percent),
            ("recall_of_all", "recall in all frames", "found", _percent),
            ("precision", "precision", "right", _percent),
            ("miscount_per_frame", "miscount of a frame", "objects", number),
        )
    ]
    if rows[0][2] == rows[1][2]:
        del rows[1]
    for part in ("by_light", "by_group"):
        names = dict.fromkeys(n for arm in arms.values() for n in arm["accuracy"][part])
        if len(names) > 1:
            rows += [
                (
                    f"recall: {name}", "found",
                    [_known(arm["accuracy"], f"{part}.{name}.recall", _percent)
                     for arm in arms.values()],
                )
                for name in names
            ]  # fmt: skip
    return rows


def _known(found: Mapping[str, Any], path: str, show: Callable[[float], str]) -> str:
    """Return a measure and its interval over scenes, if it is known."""
    *parts, key = path.split(".")
    for part in parts:
        found = found.get(part, {})
    if found.get(key) is None:
        return EMPTY
    interval = found["ci95"][key]
    if not interval or interval[0] == interval[1]:
        return show(found[key])
    return _to_two_digits(found[key], interval, percent=show is _percent)


def _to_two_digits(x: float, interval: Sequence[float], *, percent: bool) -> str:
    """Return a number and its interval, with no more digits than the interval leaves it.

    That is half the interval, or both its ends where it is cut at what is possible.
    """
    scale, sign, most = (100, "%", 2) if percent else (1, "", 3)
    low, high = (end * scale for end in interval)
    half = (high - low) / 2
    digits = min(most, max(0, 1 - floor(log10(half))))
    if abs((low + high) / 2 - x * scale) > half * 1e-6:
        return f"{x * scale:.{digits}f} ({low:.{digits}f}–{high:.{digits}f}){sign}"
    return f"{x * scale:.{digits}f}±{half:.{digits}f}{sign}"


def _rollout(arms: Arms) -> list[Row]:
    rows = [
        _row(arms, f"rollout.{key}", label, "rewrites", _count)
        for key, label in (("written", "written"), ("from_cache", "of them from the cache"))
    ]
    rows.append(_row(arms, "rollout.downlink_bytes", "sent down", "B", _count))
    for key, label in (("wait_s", "longest wait for the bytes"), ("blind_s", "longest blind time")):
        longest = [arm["rollout"].get(key) for arm in arms.values()]
        rows.append((label, "s", [number(found["max"]) if found else EMPTY for found in longest]))
    return rows


def _busiest(arms: Arms, most: int = 5) -> list[Row]:
    """Return the utilisation of the resources that are busiest in any arm."""
    highest: dict[str, float] = {}
    for arm in arms.values():
        for name, used in arm["utilisation"].items():
            highest[name] = max(highest.get(name, 0.0), used or 0.0)
    chosen = sorted(highest, key=lambda name: -highest[name])[:most]
    return [
        (
            name,
            "busy",
            [
                _percent(arm["utilisation"][name]) if name in arm["utilisation"] else EMPTY
                for arm in arms.values()
            ],
        )
        for name in chosen
    ]


def _count(x: float) -> str:
    return f"{x:,.0f}"
