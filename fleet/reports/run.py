"""The chapter of a run: its sections in order, the answer first."""

from __future__ import annotations

from pathlib import Path

from fleet.reports.answer import answer
from fleet.reports.bandwidth import bandwidth
from fleet.reports.delivered import delivered
from fleet.reports.fairness import fairness, sensors
from fleet.reports.latency import comparison, latency
from fleet.reports.places import city
from fleet.reports.power import power
from fleet.reports.section import Chapter
from fleet.reports.sources import assumptions, provenance
from fleet.reports.timeline import timeline
from fleet.reports.uses import uses
from fleet.results.record import Record
from fleet.show.seconds import bins_of, course


def chapter(record: Record, key: str) -> Chapter:
    """Return what a page tells of a record."""
    bins = bins_of(record)
    courses = {arm: course(record, arm, bins) for arm in record.arms}
    fleet = {arm: sensors(record, arm) for arm in record.arms}
    map_ = city(record, fleet)
    sections = [
        answer(record), delivered(record), latency(record), bandwidth(record), power(record, key),
        timeline(record, bins, courses), *([map_] if map_ is not None else []),
        fairness(record, fleet), uses(record), comparison(record), assumptions(record),
        provenance(record),
    ]  # fmt: skip
    return Chapter(key, record.summary["scenario"]["name"], _facts(record), sections)


def _facts(record: Record) -> str:
    """Return a line about what was run."""
    summary = record.summary
    many = summary["replications"]
    arms = ", ".join(record.arms)
    return (
        f"{summary['sensors']:,} sensors; {summary['simulated_s']:g} s simulated, the last"
        f" {summary['measured_s']:g} s measured; {many} replication{'s' if many > 1 else ''}, seed"
        f" {summary['seed']}; fingerprint {summary['fingerprint'][:16]}. Arms, each a way to equip"
        f" and serve the same sensors: {arms}."
    )


def kept(record: Record) -> Record:
    """Return a record as its folder holds it, if it has one: that says how it was made."""
    if record.folder is not None and not record.made and Path(record.folder, "run.json").is_file():
        return Record.load(record.folder)
    return record
