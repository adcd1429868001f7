"""Remarks on load: queues that grow, resources that are busy, runs that were not steady."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fleet.results.load import BUSY, TARGET
from fleet.results.metric import number, rounded
from fleet.results.record import Record
from fleet.show.expected import answer_line, box_line
from fleet.study.experiment import SKIPPED


def load_remarks(record: Record) -> Iterator[str]:
    """Yield what is overloaded or nearly so, what a DSP skips, and which arms were not steady."""
    many = record.summary["replications"]
    worst = f", the worst of {many} replications" if many > 1 else ""
    for arm, numbers in record.arms.items():
        for name in numbers["load"]:
            load = _worst([run["load"][name] for run in record.numbers[arm] if name in run["load"]])
            if load["growing"] or load["busiest_offered"] > BUSY:
                yield f"{arm}{worst}: {_told(name, load, record.summary['simulated_s'])}"
        for name, box in numbers["edge_boxes"].items():
            yield f"{arm}: {box_line(name, box)}."
        yield from _skipped(arm, numbers["dsp_skips"], numbers["dsp_limits"])
        yield from _oscillates(arm, record.numbers[arm])
        yield from _went_off(arm, record.numbers[arm])
    yield from (f"{line[0].upper()}{line[1:]}." for line in lifted(record))
    yield from doubts(record)


def doubts(record: Record) -> Iterator[str]:
    """Yield why some of the numbers may not be what they look like."""
    yield from _warm_up(record.summary)
    for arm in record.arms:
        yield from _uncaptured(record, arm)
        yield from _unsteady(record, arm)
        yield from _too_short(record, arm)


_MUCH = 0.05
"""Share of the mean latency that the slowest 1 % of results make, from which on it is told."""
_SHORT = 0.01
"""Share of the energy drawn that batteries did not have, from which on it is told."""


def lifted(record: Record) -> Iterator[str]:
    """Yield of which arms a few late results lift the mean latency above the 99th percentile."""
    said = []
    for arm, numbers in record.arms.items():
        late = numbers["latency_ms"]
        share = numbers.get("mean_latency_share_of_slowest_percent") or 0.0
        if share > _MUCH and late["mean"] > late["p99"]:
            said.append(
                f"{arm} ({number(late['mean'])} against {number(late['p99'])} ms, {share:.0%} of it"
                " from the slowest 1 % of results)"
            )
    if said:
        yield f"the mean latency lies above the 99th percentile in {', '.join(said)}"


def _warm_up(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yield that a warm-up that was looked for did not end within half of the run."""
    warm_up = summary.get("warm_up")
    if warm_up and warm_up["past_half"]:
        yield (
            f"the warm-up that was looked for ({warm_up['by']}) did not end within half of the run"
            f" by {warm_up['metric']} of {warm_up['arm']}; half is cut, and a longer 'duration' is"
            " needed."
        )


def _too_short(record: Record, arm: str) -> Iterator[str]:
    """Yield that runs hold too few of the times for which a queue remembers."""
    short = record.summary.get("too_short", {}).get(arm)
    if short is not None:
        many = record.summary["replications"]
        of = f"for {many} replications it takes" if many > 1 else "it takes"
        yield (
            f"{arm}: the 99th percentile of latency is not to be trusted, nor its interval:"
            f" '{short['resource']}' is asked for {short['offered']:.0%} and remembers its queue"
            f" for {rounded(short['relaxation_s'], 2)} s, so that {of} runs of"
            f" {rounded(short['needed_s'], 3)} s, not {record.summary['measured_s']:g}; in shorter"
            " ones it is too low in the mean, and only longer ones help."
        )


def busiest(record: Record, arm: str) -> tuple[str, Mapping[str, Any]] | None:
    """Return which link or pool of an arm was asked for most, by name; None if there is none."""
    names = dict.fromkeys(name for run in record.numbers[arm] for name in run["load"])
    loads = {
        name: _worst([run["load"][name] for run in record.numbers[arm] if name in run["load"]])
        for name in names
    }
    if not loads:
        return None
    name = max(loads, key=lambda name: (loads[name]["grows"], loads[name]["busiest_offered"]))
    return (name if loads[name]["count"] == 1 else loads[name]["busiest"]), loads[name]


def _worst(loads: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the load of the replication in which most was asked for; its numbers are of one."""
    return max(loads, key=lambda load: (load["growing"], load["busiest_offered"]))


def _uncaptured(record: Record, arm: str) -> Iterator[str]:
    """Yield which groups never captured a frame, and why."""
    spent = f"in the {record.summary['measured_s']:g} s that count"
    for group in record.numbers[arm][0]["groups"]:
        runs = [run["groups"][group] for run in record.numbers[arm]]
        if not any(run.get("there", 1) for run in runs):
            yield f"{arm}: nobody of '{group}' is there {spent}, as 'events' have it."
        elif not any(run["captured"] for run in runs):
            yield (
                f"{arm}: '{group}' captured no frame {spent}, so there is nothing to compare;"
                " let the run be longer, or the rate higher."
            )


def _skipped(
    arm: str, skips: Mapping[str, float], limits: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """Yield which DSPs skip frames, and why if that was to be expected."""
    for group, share in skips.items():
        if share > SKIPPED and group in limits:
            yield f"{arm}: {answer_line(group, limits[group])}."
        elif share > SKIPPED:
            yield f"{arm}: {share:.1%} of the frames of '{group}' come while the DSP is at work."


def _oscillates(arm: str, runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield which controllers go up and down again and again, in the worst replication."""
    adaptive = [run["adaptive"] for run in runs if run.get("adaptive", {}).get("oscillating")]
    if adaptive:
        worst = max(adaptive, key=lambda one: one["turns_per_look"]["max"])
        yield (
            f"{arm}: {worst['oscillating']:,} of {worst['controllers']:,} controllers oscillate:"
            f" that of '{worst['worst']}' turns around after {worst['turns_per_look']['max']:.0%}"
            " of its looks, more than a third; levels further apart, more 'calm' looks or a longer"
            " 'every' help."
        )


def _went_off(arm: str, runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield whose batteries came to their cut-off, in the replication with most of them."""
    worst = max((run.get("battery", {}) for run in runs), key=lambda one: one.get("went_off", 0))
    if not worst.get("went_off"):
        return
    short = ""
    if worst["short_wh"] > _SHORT * worst["drawn_wh"]:
        short = (
            f" {worst['short_wh'] / worst['drawn_wh']:.1%} of what was drawn came from batteries"
            " that had no more: they are looked at too seldom for their size, so lower 'every'."
        )
    yield (
        f"{arm}: {worst['went_off']:,} of {worst['sensors']:,} sensors on batteries went off, the"
        f" first after {number(worst['first_off_s'])} s; they were on for {worst['time_on']:.1%} of"
        f" the time.{short}"
    )


def _told(name: str, load: Mapping[str, Any], end_s: float) -> str:
    """Return what is to be said of a resource that is asked for nearly all that it can do."""
    which = name if load["count"] == 1 else f"{load['busiest']}, the busiest of {load['count']:,},"
    if load["count"] > 1 and not load["busiest"].startswith(name):
        which = f"{name}: {which}"
    asked = f"{which} is asked for {load['busiest_offered']:.0%} of what it can do"
    if not load["grows"]:
        empty = f"last empty {end_s - load['since_s']:.3g} s before the end"
        return f"{asked}: busy, but its queue does not grow ({empty}){_lost(load)}."
    grown = load["waiting"] / max(end_s - load["since_s"], 1e-9)
    growth = ""
    if load["waiting"] > 0 and not load["lost"]:
        growth = f", by {grown:.3g} {load['unit']} a second, to {load['waiting']:,.4g}"
    others = f" So do {load['growing'] - 1:,} more." if load["growing"] > 1 else ""
    return (
        f"{asked}: its queue has not been empty since {load['since_s']:.3g} s{growth}{_lost(load)}."
        f"{others} Latencies then say how long the run was. {_cure(load)}"
    )


def _lost(load: Mapping[str, Any]) -> str:
    return f", and {load['lost']:.1%} is lost" if load["lost"] > 0 else ""


def _cure(load: Mapping[str, Any]) -> str:
    if load["servers"] is None:
        rate = load["rate"]
        enough, usual = rounded(rate, 3), rounded(rate / TARGET, 3)
        return f"It takes {enough} Mbit/s, and {usual} for {TARGET:.0%} use."
    return (
        f"It takes {load['enough']:,} servers instead of {load['servers']:.3g}, and"
        f" {load['target_servers']:,} for {TARGET:.0%} use."
    )


def _unsteady(record: Record, arm: str) -> Iterator[str]:
    """Yield in which groups the halves of a run differ, in more than a quarter of replications.

    Chance alone makes less than one in twenty differ.
    """
    runs = [run["steady"] for run in record.numbers[arm]]
    for group, halves in record.arms[arm]["steady"].items():
        many = sum(run[group]["differs"] for run in runs if group in run)
        if many * 4 > len(runs):
            of = f" in {many} of {len(runs)} replications" if len(runs) > 1 else ""
            yield (
                f"{arm}: the latency of '{group}' was not steady{of}: mean"
                f" {halves['first_half_ms']:.4g} ms in the first half and"
                f" {halves['second_half_ms']:.4g} ms in the second; a longer 'warm_up' helps where"
                " queues only had to fill."
            )
