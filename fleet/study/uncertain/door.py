"""The door for sensitivity: what is asked, where it is kept, and what is written of it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from fleet import doors
from fleet.catalog.spread import Spread, spreads
from fleet.engine.snapshot import drafted, write_text
from fleet.errors import InputError
from fleet.passing import passing_folder
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.placing import check_arm
from fleet.results.metrics import check_asked, unit_of
from fleet.running.choice import cpus
from fleet.scenario.load import Scenario, did_you_mean, load
from fleet.study.crew import DrawCrew
from fleet.study.job import Overrides, changes
from fleet.study.journal import Journal, locked, written
from fleet.study.study import CHANGED, JOURNAL, depends_on, make_folder, settle
from fleet.study.sweep import Progress, Told, way_on
from fleet.study.tidy import csv_text
from fleet.study.uncertain.findings import Range, Sensitivity
from fleet.study.uncertain.indices import check_power_of_two
from fleet.study.uncertain.sampler import Sampler
from fleet.study.uncertain.sensitivity import (
    SURVIVORS,
    Effort,
    Inquiry,
    ranges_of,
)

SCHEMA = "fleet-sensitivity/1"
TRAJECTORIES, SAMPLES = 10, 64
_CHANGED = {
    **CHANGED,
    "metrics": "it holds an inquiry into other metrics",
    "replications": "it holds an inquiry with another number of replications",
}
_MOST_SEED = 2**31


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        scenario: what is run.
        arms: which arms, the baseline among them.
        baseline: the arm that others are set against.
        metrics: names of numbers of arms.
        replications: how many of each.
        spreads: numbers of the catalogue that are used and have a range.
    """

    scenario: Scenario
    arms: tuple[str, ...]
    baseline: str
    metrics: tuple[str, ...]
    replications: int
    spreads: tuple[Spread, ...]

    def about(self) -> dict[str, Any]:
        """Return the contents of `study.yaml`."""
        labels = self.scenario.labels
        return {
            "schema": SCHEMA,
            "scenario": str(self.scenario.document.path.resolve()),
            "overrides": list(self.scenario.overrides),
            "arms": list(self.arms),
            "metrics": list(self.metrics),
            "replications": self.replications,
            **depends_on(self.scenario, [self.scenario]),
            **({"labels": labels} if any(a != b for a, b in labels.items()) else {}),
        }

    def name(self) -> str:
        """Return a name that follows from what is asked."""
        text = json.dumps(self.about(), sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        return f"{self.scenario.model.name}-sensitivity-{digest[:10]}"


def question(
    scenario: Scenario | str | Path,
    *,
    arms: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    replications: int | None = None,
    overrides: Overrides | None = None,
    hold: Sequence[str] = (),
) -> Question:
    """Return a question that can be answered.

    Args:
        scenario: what is run, or its path.
        arms: which arms; None: all.
        metrics: names of numbers of arms; None: power, delay, traffic, cost if there are prices.
        replications: how many of each; None: as the scenario says.
        overrides: what replaces values of the scenario.
        hold: numbers of the catalogue, `item.parameter`, that stay as they are.

    Raises:
        InputError: something in it cannot be used.
    """
    loaded = scenario if isinstance(scenario, Scenario) else load(scenario)
    replaced = [*changes(overrides or ())]
    if replications is not None:
        replaced.append(f"replications={replications}")
    loaded = loaded.changed(*replaced) if replaced else loaded
    known = list(loaded.model.arms)
    for arm in arms or ():
        check_arm(arm, known)
    chosen = tuple(dict.fromkeys(arms or known))
    base = next(arm for arm in (loaded.model.baseline, "cloud", *chosen) if arm in chosen)
    catalog = catalogue(loaded)
    used = {row for arm in chosen for row in compile_plan(loaded, catalog, arm).notes.assumptions}
    return Question(
        loaded, chosen, base, tuple(_metrics(loaded, metrics)), loaded.model.replications,
        _not_held(spreads(catalog, used), hold),
    )  # fmt: skip


def _not_held(every: tuple[Spread, ...], hold: Sequence[str]) -> tuple[Spread, ...]:
    names = [spread.name for spread in every]
    for name in hold:
        if name not in names:
            raise InputError(
                f"--hold {name}: no number with a range is called so{did_you_mean(name, names)};"
                " write ITEM.PARAMETER as 'fleet run' lists them"
            )
    return tuple(spread for spread in every if spread.name not in hold)


def _metrics(scenario: Scenario, metrics: Sequence[str] | None) -> Iterator[str]:
    if metrics:
        check_asked(metrics)
        yield from dict.fromkeys(metrics)
        return
    yield from ("power_w.total", "latency_ms.p50", "latency_ms.p99")
    links = list(scenario.model.links)
    if links:
        yield f"bandwidth_mbit_s.{'wan' if 'wan' in links else links[-1]}.mean"
    if scenario.model.prices is not None:
        yield "cost_usd_per_sensor_month.total"


def sensitivity(
    asked: Question,
    *,
    trajectories: int = TRAJECTORIES,
    samples: int = SAMPLES,
    output: str | Path | None = None,
    results: Path | None = None,
    workers: int | None = None,
    told: Told | None = None,
) -> tuple[Sensitivity, Path | None]:
    """Answer a question, or go on with what was cut short.

    Args:
        asked: the question.
        trajectories: of Morris' screening, 2 at least.
        samples: of Saltelli's design, a power of two.
        output: the folder; one that is there already is gone on with.
        results: without it, the folder in which one appears that is named after what was asked;
            None: nothing is kept.
        workers: how many processes run it; None: one for each CPU.
        told: is called with how far it is.

    Returns:
        what was found, and the folder in which it stands.

    Raises:
        InputError: something that is asked for cannot be used.
        RunError: a process died.
    """
    check_power_of_two(samples)
    if trajectories < 2:
        raise InputError(f"--trajectories {trajectories}: must be at least 2")
    if len(asked.arms) < 2:
        raise InputError("one arm cannot be compared; name two, or leave --arm out")
    effort = Effort(trajectories, samples, asked.scenario.model.seed % _MOST_SEED)
    with _sampler(asked, output, results, workers, told, effort) as (sampler, folder):
        inquiry = Inquiry(sampler, asked.spreads, asked.baseline, effort)
        findings, ranges, varied = inquiry.answer()
        answer = Sensitivity(
            asked.scenario.model.name, asked.arms, varied, inquiry.held, tuple(findings), ranges,
            2 * samples, sampler.runs, sampler.simulated,
        )  # fmt: skip
        if folder is not None:
            with written(folder / "sensitivity.json"):
                _write(answer, folder)
    return answer, folder


def uncertain(
    asked: Question, *, samples: int = SAMPLES, workers: int | None = None, told: Told | None = None
) -> dict[tuple[str, str], Range]:
    """Return by metric and arm what the sources allow: quantiles over draws of the catalogue.

    Args:
        asked: the question; numbers at whose ends the scenario cannot be are held.
        samples: how many draws, a power of two.
        workers: see `sensitivity`, as the next one.
        told: is called with how far it is.

    Raises:
        InputError: something that is asked for cannot be used.
        RunError: a process died.
    """
    check_power_of_two(samples)
    effort = Effort(0, samples, asked.scenario.model.seed % _MOST_SEED)
    with _sampler(asked, None, None, workers, told, effort) as (sampler, _):
        inquiry = Inquiry(sampler, asked.spreads, asked.baseline, effort)
        return ranges_of(sampler, inquiry.free_draws())


def write_ranges(ranges: Mapping[tuple[str, str], Range], folder: Path) -> None:
    """Write what `uncertain` gave into a folder, as `uncertain.csv`."""
    rows = [
        {"arm": arm, "metric": metric, "unit": unit_of(metric).name, **each._asdict()}
        for (metric, arm), each in ranges.items()
    ]
    with drafted(folder / "uncertain.csv") as draft:
        draft.write_text(csv_text(pa.Table.from_pylist(rows)), encoding="utf-8")


class _Counter:
    """Tells how far it is: by cells, of which about so many are expected."""

    def __init__(self, expected: int, told: Told) -> None:
        self._done, self._expected, self._told = 0, expected, told
        self._began_s = time.monotonic()

    def __call__(self, runs: int) -> None:
        self._done += runs
        expected = max(self._expected, self._done)
        share = self._done / expected
        spent_s = time.monotonic() - self._began_s
        left_s = spent_s * (1 - share) / share if share else None
        self._told(Progress(self._done, expected, share, left_s))


@contextlib.contextmanager
def _sampler(
    asked: Question,
    output: str | Path | None,
    results: Path | None,
    workers: int | None,
    told: Told | None,
    effort: Effort,
) -> Iterator[tuple[Sampler, Path | None]]:
    if workers is not None and workers < 1:
        raise InputError(f"--workers {workers}: must be at least 1")
    many = len(asked.spreads)
    in_design = SURVIVORS + 4 if effort.trajectories else 1
    draws = 1 + 2 * many + effort.trajectories * (many + 1) + effort.samples * in_design
    counter = _Counter(draws * len(asked.arms) * asked.replications, told or (lambda _: None))
    with contextlib.ExitStack() as until_then:
        if output is None and results is None:
            folder, kept = until_then.enter_context(passing_folder()), None
        else:
            kept = Path(output) if output is not None else (results or Path()) / asked.name()
            folder = kept.resolve()
            make_folder(folder)
            until_then.enter_context(locked(folder))
            settle(folder, asked.about(), _CHANGED)
            until_then.enter_context(way_on("the same command goes on"))
        journal = Journal(folder / JOURNAL)
        crew = until_then.enter_context(DrawCrew(asked.scenario, workers or cpus()))
        sampler = Sampler(
            asked.scenario, asked.arms, asked.metrics, asked.replications, journal, crew, counter
        )
        yield sampler, kept


def _write(answer: Sensitivity, folder: Path) -> None:
    for name, table in (("effects", answer.effects), ("indices", answer.indices)):
        if table.num_rows:
            with drafted(folder / f"{name}.csv") as draft:
                draft.write_text(csv_text(table), encoding="utf-8")
    with drafted(folder / "sensitivity.json") as draft:
        write_text(draft, doors.json_text(summary(answer)) + "\n")


def summary(answer: Sensitivity) -> dict[str, Any]:
    """Return what was found as plain data: the contents of `sensitivity.json`."""
    return {
        "schema": SCHEMA,
        "scenario": answer.scenario,
        "arms": list(answer.arms),
        "varied": {
            s.name: {
                "value": s.value, "low": s.ends[0], "high": s.ends[1], "unit": s.row.unit,
                "shape": s.shape.value, "confidence": s.row.confidence,
            }
            for s in answer.varied
        },
        "held": dict(answer.held),
        "draws": answer.draws,
        "findings": [
            {
                "metric": f.metric, "arm": f.arm, "baseline": f.baseline,
                "values": list(f.values), "why": f.why or None,
                "same_sign_in": f.share if f.draws else None,
                "ci95": list(f.share_ci95) if f.draws else None,
                "on_estimates": f.on_estimates, "noise": f.noise,
                "indices": {name: index._asdict() for name, index in (f.indices or {}).items()},
                "flips": [
                    {
                        "number": flip.spread.name, "above" if flip.above else "below": flip.at,
                        "unit": flip.spread.row.unit, "difference": flip.difference,
                    }
                    for flip in f.flips
                ],
            }
            for f in answer.findings
        ],
        "ranges": [
            {"metric": metric, "arm": arm, **each._asdict()}
            for (metric, arm), each in answer.ranges.items()
        ],
    }  # fmt: skip
