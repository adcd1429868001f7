"""The answer on one screen: a table with a column for each arm."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fleet.study.compare import value
from fleet.study.experiment import Record

Arms = Mapping[str, Mapping[str, Any]]
Row = tuple[str, str, list[str]]

_TITLES = {
    "sense": "sense", "compute": "compute / encode", "uplink": "uplink", "backhaul": "backhaul",
    "wan": "wan", "decode": "decoding", "queue": "server queue", "infer": "server inference",
    "return": "way back",
}  # fmt: skip


def _number(x: float) -> str:
    """Return a number with four significant digits and thousands marked."""
    if x == 0:
        return "0"
    if abs(x) >= 1000:
        return f"{x:,.0f}"
    return f"{x:.4g}"


def _percent(x: float) -> str:
    return f"{x:.1%}"


_EMPTY = "–"
_SERVED: dict[str, tuple[str, str, Callable[[float], str]]] = {
    "miscount_per_5_min": ("miscount of 5 minutes", "objects", _number),
    "gaps_alerted_within_30_s": ("gaps alerted within 30 s", "of gaps", _percent),
    "time_to_alert_s": ("mean time to alert", "s", _number),
    "map_error": ("error of the heat map", "of people", _percent),
    "ap50": ("average precision", "AP@0.5", _percent),
}


def console(*, stderr: bool = False) -> Console:
    """Return a console that is plain when it is not a terminal; NO_COLOR is honoured."""
    return Console(stderr=stderr, highlight=False)


def comparison_table(record: Record) -> Table:
    """Return the comparison of all arms of a record."""
    summary, arms = record.summary, record.arms
    table = Table(
        box=box.SIMPLE_HEAD,
        title=f"{summary['scenario']['name']}: {summary['sensors']:,} sensors,"
        f" {summary['simulated_s']:g} s simulated, seed {summary['seed']}"
        + (f", first of {many} replications" if (many := summary["replications"]) > 1 else ""),
        title_style="bold",
        title_justify="left",
    )
    table.add_column("")
    base = summary["comparison"]["baseline"] if len(arms) > 1 else None
    for name in arms:
        table.add_column(f"{name}\n(baseline)" if name == base else name, justify="right")
    table.add_column("unit", style="dim")
    for title, rows in sections(arms):
        table.add_section()
        table.add_row(Text(title, style="bold"))
        for label, unit, cells in rows:
            table.add_row(f"  {label}", *cells, unit)
    return table


def sections(arms: Arms) -> Iterator[tuple[str, list[Row]]]:
    """Yield (title, rows) of the comparison: bandwidth, latency, power, frames."""
    yield "Bandwidth by link, mean (busiest second)", _bandwidth(arms)
    yield (
        "Latency from capture to consumer",
        [
            _row(arms, f"latency_ms.{key}", label, "ms", _number)
            for key, label in (
                ("mean", "mean"), ("p50", "p50"), ("p95", "p95"), ("p99", "p99"),
                ("p999", "p99.9"), ("max", "max"),
            )
        ],
    )  # fmt: skip
    yield (
        "Mean latency by stage",
        [
            _row(arms, f"stages_ms.{stage}", title, "ms", _number)
            for stage, title in _TITLES.items()
            if any(value(arm, f"stages_ms.{stage}") for arm in arms.values())
        ],
    )
    yield (
        "Power by component",
        [
            _row(arms, f"power_w.{part}", part, "W", _number)
            for part in ("sensor", "uplink", "network", "edge", "cloud", "total")
            if part == "total" or any(value(arm, f"power_w.{part}") for arm in arms.values())
        ]
        + [
            _row(arms, "energy_mj_per_result", "energy per result", "mJ", _number),
            _row(arms, "carbon_kg_per_sensor_year", "CO2e of a sensor", "kg/year", _number),
        ],
    )
    if all(arm["cost_usd_per_sensor_month"] for arm in arms.values()):
        yield (
            "Cost of a sensor and month",
            [
                _row(arms, f"cost_usd_per_sensor_month.{part}", part, "USD", _number)
                for part in ("device", "data", "compute", "storage", "energy", "total")
            ],
        )
    if any(arm["accuracy"]["by_light"] for arm in arms.values()):
        yield "What eyes see, ± 95 % over scenes if there are several", _sights(arms)
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
    return label, unit, [_EMPTY if v is None else show(v) for v in cells]


def _bandwidth(arms: Arms) -> list[Row]:
    links = list(dict.fromkeys(name for arm in arms.values() for name in arm["bandwidth_mbit_s"]))
    rows = []
    for link in links:
        cells = []
        for arm in arms.values():
            rate = arm["bandwidth_mbit_s"].get(link)
            cells.append(
                f"{_number(rate['mean'])} ({_number(rate['peak_1s'])})" if rate else _EMPTY
            )
        rows.append((link, "Mbit/s", cells))
    return rows


def _frames(arms: Arms) -> list[Row]:
    rows = [
        _row(arms, f"frames.{key}", label, "frames", _count)
        for key, label in (("captured", "captured"), ("results", "results"))
    ]
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
    rows.append(_row(arms, "frames.in_flight", "in flight at the end", "frames", _count))
    rows += [
        _row(arms, "pixels_leaving_sensor_frames", "pixels left the sensor", "frames", _count),
        _row(arms, "pixels_to_cloud_frames", "pixels went to the cloud", "frames", _count),
    ]
    return rows


def _sights(arms: Arms) -> list[Row]:
    rows = [
        (label, unit, [_known(arm["accuracy"], key, show) for arm in arms.values()])
        for key, label, unit, show in (
            ("recall", "recall in answered frames", "found", _percent),
            ("recall_of_all", "recall in all frames", "found", _percent),
            ("precision", "precision", "right", _percent),
            ("miscount_per_frame", "miscount of a frame", "objects", _number),
        )
    ]
    lights = dict.fromkeys(light for arm in arms.values() for light in arm["accuracy"]["by_light"])
    if len(lights) > 1:
        for light in lights:
            found = [arm["accuracy"]["by_light"].get(light) for arm in arms.values()]
            cells = [_EMPTY if seen is None else _known(seen, "recall", _percent) for seen in found]
            rows.append((f"recall: {light}", "found", cells))
    return rows


def _known(found: Mapping[str, Any], key: str, show: Callable[[float], str]) -> str:
    """Return a measure and its interval over scenes, if it is known."""
    if found[key] is None:
        return _EMPTY
    interval = found["ci95"][key]
    half = f" ± {show((interval[1] - interval[0]) / 2)}" if interval else ""
    return f"{show(found[key])}{half}"


def _rollout(arms: Arms) -> list[Row]:
    rows = [
        _row(arms, f"rollout.{key}", label, "rewrites", _count)
        for key, label in (("written", "written"), ("from_cache", "of them from the cache"))
    ]
    rows.append(_row(arms, "rollout.downlink_bytes", "sent down", "B", _count))
    for key, label in (("wait_s", "longest wait for the bytes"), ("blind_s", "longest blind time")):
        longest = [arm["rollout"].get(key) for arm in arms.values()]
        rows.append((label, "s", [_number(found["max"]) if found else _EMPTY for found in longest]))
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
                _percent(arm["utilisation"][name]) if name in arm["utilisation"] else _EMPTY
                for arm in arms.values()
            ],
        )
        for name in chosen
    ]


def verdicts(rows: Sequence[Mapping[str, Any]], replications: int = 1) -> Iterator[Text]:
    """Yield a line for each objective and arm: kept or missed, and what was measured."""
    worst = f"worst of {replications}: " if replications > 1 else ""
    for row in rows:
        measured, demand = row["measured"], row["objective"].removeprefix(f"{row['arm']}: ")
        shown = "was not measured" if measured is None else f"is {worst}{measured:.4g}"
        mark, style = ("✓", "green") if row["kept"] else ("✗", "red")
        yield Text.assemble((f"{mark} ", style), f"{row['arm']}: {demand}", (f"  ({shown})", "dim"))


def remarks(record: Record) -> Iterator[str]:
    """Yield what a reader should know before trusting the table."""
    if record.scenario.model.replications == 1:
        yield (
            "One replication: no intervals over replications, so arms are not ranked but in what"
            " they see and how they serve uses, which is compared over scenes and sites; use"
            " --replications 5 or more."
        )
    yield from _differences(record.summary["comparison"])
    yield from _eyes(record.arms)
    network = record.summary["network_energy"]
    yield (
        f"Network energy is {network['boundary']}: {network['fixed_kwh_per_gb']:.2g} kWh/GB over"
        f" the fixed network and {network['mobile_kwh_per_gb']:.2g} more over mobile access;"
        " published values differ a thousandfold (--set network_energy=marginal)."
    )
    grid = record.summary["grid"]
    yield (
        f"Electricity is that of grid {grid['name']}, {grid['co2e_g_per_kwh']:.4g} gCO2e/kWh"
        f" ({grid['from']})."
    )
    weak = [a for a in record.summary["assumptions"] if a["confidence"] == "estimate"]
    total = len(record.summary["assumptions"])
    yield (
        f"{total} catalogue values were used, {len(weak)} of them estimates without a good source;"
        " summary.json lists them all."
    )


def _differences(comparison: Mapping[str, Any]) -> Iterator[str]:
    base = comparison["baseline"]
    for arm, metrics in comparison["arms"].items():
        served = [metric for metric in metrics if metric.startswith("service.")]
        seen = [metric for metric in ("accuracy.recall", "accuracy.precision") if metric in metrics]
        for metric in ("latency_ms.p99", "power_w.total", "bytes", *seen, *served):
            row = metrics.get(metric)
            if row is None or row["ci95"] is None:
                continue
            low, high = row["ci95"]
            verdict = "no difference shown" if low <= 0 <= high else "differs"
            over = " over sites" if metric in served else " over scenes" if metric in seen else ""
            yield (
                f"{arm} − {base}, {metric}: {row['difference']:+.4g}"
                f" [95 % CI{over} {low:+.4g} .. {high:+.4g}]: {verdict}"
            )


def _eyes(arms: Arms) -> Iterator[str]:
    """Yield whose sight stands for each arm's models and why, and where nobody's does."""
    for name, arm in arms.items():
        for found in arm["stand_ins"]:
            yield f"{name} ({', '.join(found['groups'])}): {found['text']}."
        blind = {n: g["unseen"] for n, g in arm["groups"].items() if g["unseen"]}
        if blind and arm["stand_ins"]:
            yield (
                f"No network was measured for {sum(blind.values()):,} sensors of {name}"
                f" ({', '.join(blind)}): they find all that is in view, and what eyes see and uses"
                " get is of the others only."
            )


def _count(x: float) -> str:
    return f"{x:,.0f}"
