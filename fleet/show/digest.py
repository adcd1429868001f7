"""The answer in some ten lines: objectives, what differs, what binds, what decides it, the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fleet import doors
from fleet.results.load import TARGET
from fleet.results.means import FRAMES
from fleet.results.metric import SHARE, rounded
from fleet.results.metrics import known, unit_of
from fleet.results.record import Record
from fleet.show.apart import sight_apart
from fleet.show.deciding import decides
from fleet.show.remarks import busiest, doubts, lifted
from fleet.show.rows import below, mean_and_interval

MOST_DIFFERENCES = 5
"""So many metrics are told of in which arms differ; the others are named."""
MOST_ARMS = 4
"""So many arms are named in a line."""
LITTLE, LITTLE_POINTS = 0.01, 0.001
"""Shares and differences of shares from which on a difference is told."""
_TIMES = 2.0
KEPT, MISSED = "✓", "✗"


class _Phrase(NamedTuple):
    """How a difference in a metric is said: "a sends 20 % fewer bytes", "b 3 times as many"."""

    metric: str
    verb: str
    less: str
    more: str
    times: str
    noun: str
    called: str

    @property
    def in_points(self) -> bool:
        """Return whether it is a share, of which differences are told in % points."""
        return not self.times


_PHRASES = (
    _Phrase("bytes", "sends", "fewer", "more", "as many", "bytes", "bytes"),
    _Phrase("power_w.total", "draws", "less", "more", "as much", "power", "power"),
    _Phrase(
        "latency_ms.p50", "takes", "less", "more", "as much", "time to the median result",
        "median latency",
    ),
    _Phrase(
        "latency_ms.p99", "takes", "less", "more", "as much", "time for 99 % of results",
        "p99 latency",
    ),
    _Phrase("delivered.never", "skips or loses", "fewer", "more", "", "of its frames", "losses"),
    _Phrase(
        "accuracy.recall_of_all", "finds", "less", "more", "", "of what is in view", "recall"
    ),
    _Phrase(
        "cost_usd_per_sensor_month", "costs", "less", "more", "as much", "a sensor and month",
        "cost",
    ),
)  # fmt: skip


def digest(record: Record) -> str:
    """Return the answer of a record in some ten lines, without line breaks inside of them.

    Arms are said to differ where their interval leaves out zero after Holm's correction; with one
    replication numbers are those of one run, and it says so.
    """
    return "\n".join(doors.terminal(line) for line in digest_lines(record))


def digest_lines(record: Record) -> Iterator[str]:
    """Yield the lines of a digest."""
    yield title(record.summary)
    yield from _verdict(record.summary["slo"])
    yield from _until(record.summary)
    yield from _unfinished(record)
    yield from _differences(record)
    yield _binds(record)
    yield from decides(record)
    yield from (f"Mind: {line}" for line in lifted(record))
    minded = list(doubts(record))
    if minded:
        more = f" (and {len(minded) - 1} more of this kind)" if len(minded) > 1 else ""
        yield f"Mind: {minded[0]}{more}"
    yield _rest(record)


def title(summary: Mapping[str, Any]) -> str:
    """Return what was run, in a line."""
    many, spent_s = summary["replications"], summary["warm_up_s"]
    measured = f" the last {summary['measured_s']:g} s measured," if spent_s else ""
    return (
        f"{summary['scenario']['name']}: {summary['sensors']:,} sensors,"
        f" {summary['simulated_s']:g} s simulated,{measured} seed {summary['seed']}"
        + (f", mean of {many} replications ± 95 % interval" if many > 1 else "")
    )


def _verdict(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield which objectives are missed and by whom, and which are kept."""
    missed: dict[str, list[str]] = {}
    for row in rows:
        if not row["kept"]:
            value = row["measured"]
            shown = "not measured" if value is None else unit_of(row["metric"]).show(value)
            demand = _demand(row).removeprefix(f"{row['arm']}: ")
            missed.setdefault(demand, []).append(f"{row['arm']} ({shown})")
    for demand, arms in missed.items():
        yield f"{MISSED} {demand}: missed by {_listed(arms)}"
    told = dict.fromkeys(map(_demand, rows))
    kept = [text for text in told if all(row["kept"] for row in rows if _demand(row) == text)]
    if kept:
        yield f"{KEPT} {', '.join(kept)}: kept{' by every arm' if len(rows) > len(kept) else ''}"
    if not rows:
        yield "No objectives are stated ('slo')."


def _unfinished(record: Record) -> Iterator[str]:
    """Yield of which arms many frames had no result yet when the run ended."""
    frames = {arm: numbers["frames"] for arm, numbers in record.arms.items()}
    many = [
        f"{each['in_flight']:,.0f} frames of {arm} ({each['captured']:,.0f} were captured)"
        for arm, each in frames.items()
        if each["in_flight"] > MOST_UNDER_WAY * each["captured"]
    ]
    if many:
        yield (
            f"Still without a result as the run ended: {_listed(many)}; losses and latencies are of"
            " the others"
        )


MOST_UNDER_WAY = 0.1
"""Frames under way at the end over those captured, above which it is told."""


def _demand(row: Mapping[str, Any]) -> str:
    """Return an objective as it is written, with the unit if it was left out."""
    text, unit = str(row["objective"]), unit_of(row["metric"])
    is_bare = unit.factor == 1 and text.rpartition(" ")[2].replace(".", "", 1).isdigit()
    return f"{text} {unit.printed}".rstrip() if is_bare else text


def _until(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yield whether intervals became as narrow as they were to be."""
    until = summary.get("until") or {"intervals": []}
    by_text: dict[str, list[Mapping[str, Any]]] = {}
    for row in until["intervals"]:
        by_text.setdefault(row["asked"], []).append(row)
    for text, rows in by_text.items():
        wide = [f"{row['arm']} ({_width(row)})" for row in rows if not row["reached"]]
        after = f"{summary['replications']} replications"
        if wide:
            yield f"{MISSED} {text}: not reached after {after}, the most allowed: {_listed(wide)}"
        else:
            yield f"{KEPT} {text}: reached after {after}"


def _width(row: Mapping[str, Any]) -> str:
    if row["half_width"] is None:
        return str(row["why_no_ci95"])
    share = f", {row['half_width'] / abs(row['mean']):.2%}" if row["mean"] else ""
    return f"±{unit_of(row['metric']).show(row['half_width'])}{share}"


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - MOST_ARMS
    return ", ".join(names[:MOST_ARMS]) + (f" and {rest} more" if rest > 0 else "")


def _differences(record: Record) -> Iterator[str]:
    """Yield how the arms differ from the baseline, or what the only arm does."""
    comparison, many = record.summary["comparison"], record.summary["replications"]
    base, others = comparison["baseline"], comparison["arms"]
    numbers = _in_short(record, base)
    if not others:
        yield f"{base}: {numbers}"
        return
    how = (
        f"with 95 % intervals over {many} replications"
        if many > 1
        else "in one run, without intervals (--replications 5 gives them)"
    )
    yield f"Against {base} ({numbers}), {how}:"
    told, alike, unclear = [], [], []
    for phrase in _PHRASES:
        rows = {arm: row[phrase.metric] for arm, row in others.items() if phrase.metric in row}
        shown = {arm: row for arm, row in rows.items() if row["differs"] is not False}
        large = {arm: row for arm, row in shown.items() if _size(phrase, row) is not None}
        if large:
            told.append((phrase, _difference(phrase, large)))
        elif shown:
            alike.append(phrase.called)
        elif rows:
            unclear.append(phrase.called)
    yield from (f"- {line}" for _, line in told[:MOST_DIFFERENCES])
    rest = [f"more differs: {', '.join(p.called for p, _ in told[MOST_DIFFERENCES:])}"]
    rest = rest if len(told) > MOST_DIFFERENCES else []
    rest += [f"the same within 1 %: {', '.join(alike)}"] if alike else []
    rest += [f"no difference shown: {', '.join(unclear)}"] if unclear else []
    if rest:
        yield f"- {'; '.join(rest)}"
    yield from sight_apart(record)


def _in_short(record: Record, arm: str) -> str:
    """Return what an arm does, in a few numbers."""
    said = {
        "latency_ms.p50": "median {}", "latency_ms.p99": "p99 {}", "power_w.total": "{}",
        "delivered.never": "{} skipped or lost",
    }  # fmt: skip
    rows = {name: record.summary["intervals"][arm][name] for name in said}
    parts = []
    for name, row in rows.items():
        if row["mean"] is not None:
            metric = known(name).metric
            share = metric.unit == SHARE
            unit = "" if share else f" {metric.unit.name}"
            if row["over"] == FRAMES:
                text = below(row["ci95"][1])
            else:
                text = mean_and_interval(metric, row["mean"], None if share else row["ci95"])
            parts.append(said[name].format(f"{text}{unit}"))
    return ", ".join(parts) or known("latency_ms.p50").metric.why_unknown(record.arms[arm])


def _size(phrase: _Phrase, row: Mapping[str, Any]) -> float | None:
    """Return how much an arm has more than the baseline, as a share of it; None if it is little.

    Of shares it is the difference.
    """
    if phrase.in_points:
        size = row["difference"]
        return size if abs(size) >= LITTLE_POINTS else None
    if row["ratio"] is None:
        return None
    size = row["ratio"] - 1
    return size if abs(size) >= LITTLE else None


def _difference(phrase: _Phrase, rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Return how some arms differ in a metric; the one that differs most comes first."""
    order = sorted(rows, key=lambda arm: -abs(_size(phrase, rows[arm]) or 0.0))
    parts: list[str] = []
    for arm in order[:MOST_ARMS]:
        how_much, interval = _said(phrase, rows[arm])
        first = not parts
        parts.append(
            f"{arm} {phrase.verb} {how_much} {phrase.noun}{interval}"
            if first
            else f"{arm} {how_much}{interval}"
        )
    rest = len(order) - MOST_ARMS
    return ", ".join(parts) + (f" and {rest} more" if rest > 0 else "")


def _said(phrase: _Phrase, row: Mapping[str, Any]) -> tuple[str, str]:
    """Return how much it is, such as '20 % fewer', and its interval in brackets."""
    size = _size(phrase, row) or 0.0
    ends = row["ci95"] if phrase.in_points else row.get("ratio_ci95")
    if not phrase.in_points and size >= _TIMES - 1:
        shown, between = _digits(size + 1, ends)
        return f"{shown} times {phrase.times}", f" ({between})" if between else ""
    word = phrase.more if size > 0 else phrase.less
    if ends is not None:
        ends = [100 * (x if phrase.in_points else x - 1) for x in ends]
        ends = sorted(x if size > 0 else -x for x in ends)
    shown, between = _digits(100 * abs(size), ends)
    unit = "% points" if phrase.in_points else "%"
    interval = f" ({between}{' %' if '–' in between else ''})" if between else ""
    return f"{shown} {unit} {word}", interval


def _digits(x: float, ends: Sequence[float] | None) -> tuple[str, str]:
    """Return a number in as many digits as its interval, and that; three if there is none.

    It is never rounded up to a whole hundred, which would be all.
    """
    least = next((d for d in range(2, 7) if x >= 100 or float(f"{x:.{d}g}") < 100), 7)
    if ends is None:
        return f"{x:.{max(3, least)}g}", ""
    for digits in range(least, max(4, least) + 1):
        low, high = (f"{end:.{digits}g}" for end in ends)
        if low != high:
            return f"{float(f'{x:.{digits}g}'):g}", f"{float(low):g}–{float(high):g}"
    return f"{x:.{digits}g}", "to the last digit"


def _binds(record: Record) -> str:
    """Return which link or pool is asked for most, and whether its queue grew."""
    worst = {arm: one for arm in record.arms if (one := busiest(record, arm)) is not None}
    bound = {
        arm: (name, load)
        for arm, (name, load) in worst.items()
        if load["grows"] or load["busiest_offered"] > TARGET
    }
    parts = [f"in {arm} '{name}', {_asked(load)}" for arm, (name, load) in bound.items()]
    if parts:
        return f"What binds: {'; '.join(parts[:MOST_ARMS])}"
    if not worst:
        return "What binds: nothing, no link or server was used"
    arm = max(worst, key=lambda arm: worst[arm][1]["busiest_offered"])
    name, load = worst[arm]
    return f"What binds: nothing; the busiest is '{name}' in {arm}, {_asked(load)}"


def _asked(load: Mapping[str, Any]) -> str:
    asked = f"asked for {100 * load['busiest_offered']:.0f} % of what it can do"
    if not load["grows"]:
        return asked
    if load["servers"] is None:
        need = f"{rounded(load['rate'] / TARGET, 3)} Mbit/s"
    else:
        need = f"{load['target_servers']:,} servers"
    return f"{asked}, so its queue grows ({need} for {TARGET:.0%} use)"


def _rest(record: Record) -> str:
    """Return where everything else is."""
    weak = sum(a["confidence"] == "estimate" for a in record.summary["assumptions"])
    total = len(record.summary["assumptions"])
    rests = f"{total} catalogue values were used, {weak} of them estimates"
    if record.folder is None:
        return f"{rests}; where results are kept (output=), 'fleet show' has all tables"
    return f"{rests}; all tables and remarks: fleet show {from_here(record.folder)} --full"


def from_here(path: Path) -> Path:
    """Return a path as it is from here, if it is below here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
