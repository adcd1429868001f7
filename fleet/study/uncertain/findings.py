"""What is found of two arms while numbers of the catalogue are uncertain."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from fleet.catalog.spread import Spread
from fleet.study.uncertain.indices import Index

_Z95 = 1.959964


class Effect(NamedTuple):
    """What one number of the catalogue does alone, all others as they stand there.

    Attributes:
        spread: the number.
        at_low, at_high: the difference of the arms with it at the ends of its range.
        mu_star: mean size of its effect over its range, wherever the others are (Morris).
    """

    spread: Spread
    at_low: float
    at_high: float
    mu_star: float

    def size(self, difference: float) -> float:
        """Return by how much it moves the difference at most, given that as all stand."""
        return max(abs(self.at_low - difference), abs(self.at_high - difference))


class Flip(NamedTuple):
    """From where on one number of the catalogue turns an answer over, all others as they stand.

    Attributes:
        spread: the number.
        at: in its unit; a run with it there gave `difference`.
        above: whether it turns above that number, else below.
        difference: of the arms there, on the other side of zero.
    """

    spread: Spread
    at: float
    above: bool
    difference: float


class Range(NamedTuple):
    """What an arm gives over all that the sources allow: quantiles of the draws."""

    p5: float
    p50: float
    p95: float


@dataclass(frozen=True)
class Finding:
    """What is found of an arm against another in a metric.

    Attributes:
        metric: its name.
        arm, baseline: the arms.
        values: of both with the catalogue as it stands, in the mean over replications.
        holds, draws: with how many draws of the catalogue, and of how many, the sign of the
            difference is the same.
        effects: of every number that was varied, the largest first.
        flips: what turns it over by itself.
        indices: by group of numbers, the share of the variance of the difference.
        estimates: groups of which the confidence is `estimate`.
        noise: share of that variance that is the chance of the simulation, not the catalogue; None
            with one replication.
        why: why there is nothing more than the values; empty if there is.
    """

    metric: str
    arm: str
    baseline: str
    values: tuple[float, float]
    holds: int = 0
    draws: int = 0
    effects: tuple[Effect, ...] = ()
    flips: tuple[Flip, ...] = ()
    indices: Mapping[str, Index] | None = None
    estimates: frozenset[str] = frozenset()
    noise: float | None = None
    why: str = ""

    @property
    def moving(self) -> list[Effect]:
        """Return the effects of those numbers that move the difference, the largest first."""
        return [one for one in self.effects if one.size(self.difference)]

    @property
    def difference(self) -> float:
        """Return the arm less the other one."""
        return self.values[0] - self.values[1]

    @property
    def share(self) -> float:
        """Return in what share of the draws the sign of the difference is the same."""
        return self.holds / self.draws

    @property
    def share_ci95(self) -> tuple[float, float]:
        """Return its interval (Wilson 1927, J. Am. Stat. Assoc. 22, 209-212)."""
        n, p, z = self.draws, self.share, _Z95
        middle, width = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2)
        return max(0.0, (middle - width) / (1 + z * z / n)), min(
            1.0, (middle + width) / (1 + z * z / n)
        )

    @property
    def on_estimates(self) -> float | None:
        """Return the share of total effects that rest on estimates; None if nothing has one."""
        totals = {name: max(0.0, index.total) for name, index in (self.indices or {}).items()}
        whole = math.fsum(totals.values())
        if not whole:
            return None
        return math.fsum(x for name, x in totals.items() if name in self.estimates) / whole


@dataclass(frozen=True)
class Sensitivity:
    """What an answer is worth while numbers of the catalogue are uncertain.

    Attributes:
        scenario: name of the scenario.
        arms: the arms, the baseline among them.
        varied: numbers that were varied.
        held: numbers with a range that stayed as they are, and why.
        findings: by metric, then by arm.
        ranges: by metric and arm, what the sources allow.
        draws: in how many draws all numbers were drawn at once.
        runs, simulated: arms with a draw in a replication; how many of them were simulated, as the
            others have the same counts and another account. What was done before is in neither.
    """

    scenario: str
    arms: tuple[str, ...]
    varied: tuple[Spread, ...]
    held: Mapping[str, str]
    findings: tuple[Finding, ...]
    ranges: Mapping[tuple[str, str], Range]
    draws: int
    runs: int
    simulated: int

    @property
    def effects(self) -> pa.Table:
        """Return a row for each number in each finding: what it does at the ends of its range."""
        rows = [
            {
                "metric": finding.metric, "arm": finding.arm, "baseline": finding.baseline,
                "number": effect.spread.name, "unit": effect.spread.row.unit,
                "low": effect.spread.ends[0], "value": effect.spread.value,
                "high": effect.spread.ends[1], "shape": effect.spread.shape.value,
                "confidence": effect.spread.row.confidence, "difference": finding.difference,
                "difference_at_low": effect.at_low, "difference_at_high": effect.at_high,
                "mu_star": effect.mu_star,
            }
            for finding in self.findings
            for effect in finding.effects
        ]  # fmt: skip
        return pa.Table.from_pylist(rows)

    @property
    def indices(self) -> pa.Table:
        """Return a row for each group of numbers in each finding: its share of the variance."""
        rows = [
            {
                "metric": finding.metric, "arm": finding.arm, "baseline": finding.baseline,
                "numbers": name, "is_estimate": name in finding.estimates, "first": index.first,
                "first_low": index.first_ci95[0], "first_high": index.first_ci95[1],
                "total": index.total, "total_low": index.total_ci95[0],
                "total_high": index.total_ci95[1], "told": index.told,
            }
            for finding in self.findings
            for name, index in (finding.indices or {}).items()
        ]  # fmt: skip
        return pa.Table.from_pylist(rows)


def most_moving(findings: Sequence[Finding], most: int) -> list[Spread]:
    """Return the numbers that move any of some findings most, as Morris' screening says."""
    scores: dict[Spread, float] = {}
    for finding in findings:
        whole = math.fsum(effect.mu_star for effect in finding.effects)
        for effect in finding.effects:
            score = effect.mu_star / whole if whole else 0.0
            scores[effect.spread] = max(score, scores.get(effect.spread, 0.0))
    ordered = sorted(scores, key=lambda spread: (-scores[spread], spread.key))
    return [spread for spread in ordered[:most] if scores[spread]]
