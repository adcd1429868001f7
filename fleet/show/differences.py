"""What comparisons of arms tell, in sentences below the table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fleet.results.measures import unit_of, value, why_unknown
from fleet.results.record import Record

Arms = Mapping[str, Mapping[str, Any]]
_LABELS = {
    "latency_ms.p99": "latency_ms.p99", "power_w.total": "power_w.total",
    "bytes": "bytes leaving sensors",
}  # fmt: skip

_OVER = {"service": "over sites ", "accuracy": "over scenes "}


def differences(record: Record) -> Iterator[str]:
    """Yield how arms differ from the baseline; numbers that differ alike share a line.

    With one replication only what eyes see and how uses are served is told, which is compared over
    scenes and sites.
    """
    comparison, replicated = record.summary["comparison"], record.summary["replications"] > 1
    base = comparison["baseline"]
    for arm, rows in comparison["arms"].items():
        both = {name: record.arms[name] for name in (arm, base)}
        lines: dict[str, list[str]] = {}
        for metric in _told_of(rows, replicated):
            row = rows.get(metric)
            told = _why_not_compared(metric, both) if row is None else _told(metric, row)
            lines.setdefault(told, []).append(_LABELS.get(metric, metric))
        for told, labels in lines.items():
            yield f"{arm} − {base}, {', '.join(labels)}: {told}"


def _told_of(rows: Iterable[str], replicated: bool) -> list[str]:
    known = [m for m in ("accuracy.recall", "accuracy.precision") if m in rows]
    known += [m for m in rows if m.startswith("service.")]
    links = [m for m in rows if m.startswith("bandwidth_mbit_s.") and m.endswith(".mean")]
    return [*_LABELS, *links, *known] if replicated else known


def _why_not_compared(metric: str, arms: Arms) -> str:
    for name, arm in arms.items():
        if value(arm, metric) is None:
            return f"not compared ({name}: {why_unknown(arm, metric)})"
    return "not compared (not known in every replication)"


def _told(metric: str, row: Mapping[str, Any]) -> str:
    """Return what a comparison tells; never an interval that looks as if it had no width."""
    unit = unit_of(metric)
    difference = f"{unit.show_difference(row['difference'])} {unit.of_differences}"
    if row["ci95"] is None:
        return f"{difference}, {row['why_no_ci95']}" if row["difference"] else row["why_no_ci95"]
    low, high = (unit.show_difference(x) for x in row["ci95"])
    between = f"{low} .. {high}" if low != high else "within the last digit"
    over = _OVER.get(metric.split(".", 1)[0], "")
    verdict = "no difference shown" if row["ci95"][0] <= 0 <= row["ci95"][1] else "differs"
    return f"{difference} [95 % CI {over}{between}]: {verdict}"
