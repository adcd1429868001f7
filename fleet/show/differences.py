"""What comparisons of arms tell, in sentences below the table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fleet.results.metric import Numbers, Over
from fleet.results.metrics import known
from fleet.results.record import Record

Arms = Mapping[str, Numbers]
_LABELS = {
    "latency_ms.p99": "latency_ms.p99", "power_w.total": "power_w.total",
    "bytes": "bytes leaving sensors",
}  # fmt: skip

_OVER = {Over.REPLICATIONS: "", Over.SCENES: "over scenes ", Over.SITES: "over sites "}


def differences(record: Record) -> Iterator[str]:
    """Yield how arms differ from the baseline; numbers that differ alike share a line.

    With one replication only what eyes see and how well tasks are done is told, which is compared
    over scenes and sites.
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
    ones = [known(name) for name in rows]
    seen = [name for name in ("accuracy.recall", "accuracy.precision") if name in rows]
    seen += [one.text for one in ones if one.metric.compared is Over.SITES]
    links = [one.text for one in ones if one.metric.key == "bandwidth_mbit_s.mean"]
    return [*_LABELS, *links, *seen] if replicated else seen


def _why_not_compared(metric: str, arms: Arms) -> str:
    one = known(metric)
    for name, arm in arms.items():
        if one.value(arm) is None:
            return f"not compared ({name}: {one.metric.why_unknown(arm)})"
    return "not compared (not known in every replication)"


def _told(metric: str, row: Mapping[str, Any]) -> str:
    """Return what a comparison tells; never an interval that looks as if it had no width."""
    told = known(metric).metric
    unit, over = told.unit, _OVER[told.compared or Over.REPLICATIONS]
    difference = f"{unit.show_difference(row['difference'])} {unit.of_differences}"
    if row["ci95"] is None:
        return f"{difference}, {row['why_no_ci95']}" if row["difference"] else row["why_no_ci95"]
    low, high = (unit.show_difference(x) for x in row["ci95"])
    between = f"{low} .. {high}" if low != high else "within the last digit"
    verdict = "differs" if row["differs"] else "no difference shown"
    if not row["differs"] and not row["ci95"][0] <= 0 <= row["ci95"][1]:
        verdict += " among so many arms"
    return f"{difference} [95 % CI {over}{between}]: {verdict}"
