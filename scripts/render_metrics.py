"""Write the table of metrics in `docs/GLOSSARY.md` from the metrics themselves.

With `--check` it compares. Run it from the root of the project:
python scripts/render_metrics.py [--check]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from page import between, write_or_check

from fleet.results.metric import Metric, Scope
from fleet.results.metrics import metrics

PAGE = Path(__file__).parents[1] / "docs" / "GLOSSARY.md"
BEGIN, END = "<!-- metrics: made by scripts/render_metrics.py -->", "<!-- end of metrics -->"


def lines() -> Iterator[str]:
    """Yield the table: metrics in the order of the numbers of an arm."""
    yield "| Name | Unit | Better | Compared over | In `slo` | Meaning |"
    yield "|---|---|---|---|---|---|"
    for metric in metrics():
        over = "–" if metric.compared is None else metric.compared.value
        told = "yes" if metric.objective else "–"
        yield (
            f"| {', '.join(_names(metric))} | {metric.unit.name} | {metric.better.value} | {over} |"
            f" {told} | {metric.meaning}. |"
        )


def _names(metric: Metric) -> Iterator[str]:
    for scope in Scope:
        if path := metric.path(scope):
            yield f"`{path.replace('{}', scope.upper())}`"


def main() -> int:
    """Write or compare; return 1 if the page is not what the metrics give."""
    return write_or_check(PAGE, between(PAGE.read_text("utf-8"), BEGIN, END, lines()))


if __name__ == "__main__":
    sys.exit(main())
