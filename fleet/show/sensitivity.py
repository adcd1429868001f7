"""What an answer is worth, in words first: how often it stays, and what turns it over."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from fleet import doors
from fleet.results.metric import Unit
from fleet.results.metrics import known
from fleet.show.wide import Titled
from fleet.study.uncertain.findings import Finding, Flip, Range, Sensitivity

_DOES = {
    "power_w.total": "draws less",
    "latency_ms.p50": "answers earlier in the median",
    "latency_ms.p99": "answers earlier at the 99th percentile",
    "cost_usd_per_sensor_month.total": "costs less",
    "carbon_kg_per_sensor_year": "emits less",
    "bandwidth_mbit_s.{}.mean": "sends less over {}",
}
_MOST_FLIPS, _MOST_MOVERS = 5, 4
_GIGA = 1e9


def words(answer: Sensitivity) -> Iterator[str]:
    """Yield what is found, two lines for each finding: the answer, and what it rests on."""
    for finding in answer.findings:
        if finding.why:
            yield f"{finding.arm}, {finding.baseline}: {finding.metric} is {finding.why}."
        elif not finding.draws:
            yield f"{_said(finding)}; no number of the catalogue that is used has a range."
        else:
            yield f"{_said(finding)} {_share(finding)}; {_turns(finding)}."
            yield f"  {_rests(finding)}"


def _said(finding: Finding) -> str:
    """Return which arm has less, by the catalogue as it stands."""
    one = known(finding.metric)
    less = finding.difference < 0
    winner, loser = (finding.arm, finding.baseline) if less else (finding.baseline, finding.arm)
    generic = one.metric.path(one.scope)
    does = _DOES.get(generic, f"has less {finding.metric}").replace("{}", one.name)
    low, high = (_in_unit(x, one.metric.unit) for x in sorted(finding.values))
    return f"{winner} {does} than {loser} ({low} against {high})"


def _share(finding: Finding) -> str:
    low, high = finding.share_ci95
    if finding.holds == finding.draws:
        least = f"{finding.draws} draws: in {math.floor(100 * low)} % at least"
        return f"in all of what the sources allow ({least})"
    between = f"{100 * low:.0f} to {100 * high:.0f} %"
    return f"in {100 * finding.share:.0f} % of what the sources allow ({between})"


def _turns(finding: Finding) -> str:
    """Return what turns an answer over by itself, or what comes closest."""
    if finding.flips:
        some = [_if(flip) for flip in finding.flips[:_MOST_FLIPS]]
        more = len(finding.flips) - len(some)
        rest = f", or by {more} more" if more > 0 else ""
        return f"it flips if {' or '.join(some)}{rest}"
    most = min(
        finding.effects,
        key=lambda e: min(x / finding.difference for x in (e.at_low, e.at_high)),
    )
    at_low = most.at_low / finding.difference < most.at_high / finding.difference
    left = min(most.at_low / finding.difference, most.at_high / finding.difference)
    end = most.spread.ends[0 if at_low else 1]
    return (
        f"no number turns it over by itself within its range: closest comes {most.spread.name} at"
        f" {quantity(end, most.spread.row.unit)}, which leaves {100 * left:.0f} % of the difference"
    )


def _if(flip: Flip) -> str:
    sign = ">=" if flip.above else "<="
    return f"{flip.spread.name} {sign} {quantity(flip.at, flip.spread.row.unit)}"


def _rests(finding: Finding) -> str:
    """Return on what the spread of a difference rests."""
    parts = []
    if finding.on_estimates is not None:
        parts.append(f"{100 * finding.on_estimates:.0f} % of its spread rests on estimates")
    indices = finding.indices or {}
    order = sorted(indices, key=lambda name: -indices[name].total)
    movers = [
        f"{name} {_percent(indices[name].total)} %"
        if indices[name].told
        else f"{name} {_percent(indices[name].total_ci95[0])} to"
        f" {_percent(indices[name].total_ci95[1])} %"
        for name in order[:_MOST_MOVERS]
        if indices[name].total > 0.01
    ]
    if movers:
        parts.append(f"it moves with {', '.join(movers)}")
    if finding.noise is None:
        parts.append("one replication: chance of the simulation is not told apart")
    else:
        parts.append(f"{100 * finding.noise:.1f} % is chance of the simulation")
    return "; ".join(parts) + "."


def _percent(share: float) -> str:
    return f"{100 * min(1.0, max(0.0, share)):.0f}"


def effort(answer: Sensitivity) -> Iterator[str]:
    """Yield what was varied, held and run."""
    kinds: dict[str, int] = {}
    for spread in answer.varied:
        kinds[spread.shape.value] = kinds.get(spread.shape.value, 0) + 1
    shapes = ", ".join(f"{many} {shape}" for shape, many in kinds.items())
    yield (
        f"{len(answer.varied)} numbers of the catalogue vary over their ranges ({shapes}), each"
        " drawn once for all arms."
    )
    for name, why in answer.held.items():
        yield f"{name} stays as it is: {doors.terminal(why)}"
    yield (
        f"{answer.runs:,} runs, of which {answer.simulated:,} were simulated; of the others only"
        " the account is another."
    )


def ranges_table(
    values: Mapping[tuple[str, str], float | None],
    ranges: Mapping[tuple[str, str], Range],
    arms: Sequence[str],
) -> Titled:
    """Return a row for each metric and a column for each arm: value, and its range beside.

    Args:
        values: by metric and arm, with the catalogue as it stands.
        ranges: likewise, what the sources allow.
        arms: the arms.
    """
    out = Titled("What the sources allow: 90 % of the draws")
    out.add_column("")
    for arm in arms:
        out.add_column(doors.terminal(arm), justify="right")
    out.add_column("unit")
    for metric in dict.fromkeys(metric for metric, _ in ranges):
        cells = [
            _beside(values.get((metric, arm)), ranges.get((metric, arm)), metric) for arm in arms
        ]
        unit = known(metric).metric.unit
        out.add_row(doors.terminal(metric), *cells, unit.printed)
    return out


def _beside(value: float | None, span: Range | None, metric: str) -> str:
    if value is None or span is None:
        return "–"
    scale = known(metric).metric.unit.factor
    middle, low, high = (_short(x * scale) for x in (value, span.p5, span.p95))
    return middle if low == high else f"{middle} ({low} .. {high})"


def _short(x: float) -> str:
    return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.3g}"


def _in_unit(x: float, unit: Unit) -> str:
    return f"{_short(x * unit.factor)} {unit.printed}"


def quantity(x: float, unit: str) -> str:
    """Return a number of the catalogue with its unit, as people say it."""
    if unit == "MAC" and x >= _GIGA / 1000:
        return f"{x / _GIGA:.3g} GMAC"
    return f"{x:.3g}" if unit in ("1", "count") else f"{x:.4g} {unit}"
