"""What an answer is worth: the arms of a scenario while numbers of the catalogue are uncertain.

1. Each number alone, at both ends of its range: what it does, and whether it changes what is
   simulated or the account only. Where the scenario cannot be at an end, the number is held.
2. Morris' screening of all of them, with the others anywhere in their ranges.
3. Saltelli's design over all of them: those that move most one by one, the others in two groups.
   Its independent draws say how often the answer stays; Sobol's indices, what moves it.
4. Where a number alone turns the answer over, the value from which on, by search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from fleet.arrays import Floats
from fleet.catalog.spread import Spread
from fleet.errors import InputError
from fleet.study.uncertain.draws import BASE, Draw, draw_of
from fleet.study.uncertain.findings import Effect, Finding, Range, most_moving
from fleet.study.uncertain.flips import Search, search
from fleet.study.uncertain.indices import (
    morris_design,
    mu_star,
    sobol_design,
    sobol_indices,
)
from fleet.study.uncertain.sampler import Sampler

SURVIVORS = 8
ESTIMATES, OTHERS = "other estimates", "others"
_SAME = 1e-9


class Effort(NamedTuple):
    """How hard to look.

    Attributes:
        trajectories: of Morris' screening.
        samples: of Saltelli's design, a power of two.
        seed: of both.
    """

    trajectories: int
    samples: int
    seed: int


def draws_at(spreads: Sequence[Spread], design: Floats) -> list[Draw]:
    """Return a draw for each row of a design in [0, 1]; shape (draws, spreads)."""
    return [
        draw_of({s.key: s.at(s.quantile(float(u))) for s, u in zip(spreads, row, strict=True)})
        for row in design
    ]


def single(spread: Spread, value: float) -> Draw:
    """Return a draw in which one number is another one."""
    return draw_of({spread.key: spread.at(value)})


class Inquiry:
    """Asks the four questions above.

    Args:
        sampler: finds numbers of arms.
        spreads: numbers that have a range.
        baseline: the arm that others are set against.
        effort: how hard to look.
    """

    def __init__(
        self, sampler: Sampler, spreads: Sequence[Spread], baseline: str, effort: Effort
    ) -> None:
        self._sampler, self._baseline, self._effort = sampler, baseline, effort
        self._spreads, self.held = tuple(spreads), dict[str, str]()
        self._others = [arm for arm in sampler.arms if arm != baseline]

    def answer(self) -> tuple[list[Finding], dict[tuple[str, str], Range], tuple[Spread, ...]]:
        """Return what is found, what the sources allow, and which numbers were varied.

        Raises:
            InputError: some numbers of the catalogue cannot be together.
            RunError: a process died.
        """
        self._settle_ends()
        findings = self._begun()
        if any(not finding.why for finding in findings) and self._spreads:
            findings = self._with_effects(findings)
            findings, ranges = self._with_indices(findings)
            findings = self._with_flips(findings)
        else:
            ranges = {}
        return findings, ranges, self._spreads

    def free_draws(self) -> list[Draw]:
        """Return as many independent draws of all numbers as there are samples.

        Raises:
            InputError: the scenario cannot be as it stands.
            RunError: a process died.
        """
        self._settle_ends()
        if not self._spreads:
            return [BASE]
        groups = [OTHERS] * len(self._spreads)
        design = sobol_design(groups, self._effort.samples, self._effort.seed)
        return draws_at(self._spreads, design[::3])  # A of A, A with all of B, B

    def _differences(self, draws: Sequence[Draw]) -> Floats:
        """Return the arms less the baseline; shape (draws, findings, replications)."""
        values = self._sampler.values(draws)
        base = values[:, self._sampler.arms.index(self._baseline)]
        each = [values[:, self._sampler.arms.index(arm)] - base for arm in self._others]
        stacked: Floats = np.stack(each, axis=2)  # draws, metrics, arms, replications
        return stacked.reshape(len(draws), -1, self._sampler.replications)

    def _settle_ends(self) -> None:
        """Run each number at the ends of its range, and hold those that cannot be there."""
        ends = [single(s, end) for s in self._spreads for end in s.ends]
        self._sampler.run([BASE, *ends])
        problem = self._sampler.failure(BASE)
        if problem:
            raise InputError(problem)
        kept = []
        for spread, *pair in zip(self._spreads, ends[::2], ends[1::2], strict=True):
            why = next(filter(None, map(self._sampler.failure, pair)), "")
            if why:
                self.held[spread.name] = why
            else:
                kept.append(spread)
        self._spreads = tuple(kept)
        self._sampler.learn(single(s, end) for s in kept for end in s.ends)

    def _begun(self) -> list[Finding]:
        values = self._sampler.values([BASE])[0].mean(axis=2)
        at = self._sampler.arms.index
        findings = []
        for m, metric in enumerate(self._sampler.metrics):
            for arm in self._others:
                pair = float(values[at(arm), m]), float(values[at(self._baseline), m])
                one = Finding(metric, arm, self._baseline, pair)
                findings.append(replace(one, why=_why_nothing(one)))
        return findings

    def _with_effects(self, findings: Sequence[Finding]) -> list[Finding]:
        ends = self._differences([single(s, end) for s in self._spreads for end in s.ends])
        alone = ends.mean(axis=2).reshape(len(self._spreads), 2, -1)
        design = morris_design(len(self._spreads), self._effort.trajectories, self._effort.seed)
        moved = self._differences(draws_at(self._spreads, design)).mean(axis=2)
        out = []
        for k, finding in enumerate(findings):
            if finding.why or not np.isfinite(moved[:, k]).all():
                out.append(replace(finding, why=finding.why or "not known with every draw"))
                continue
            sizes = mu_star(design, dict(enumerate(moved[:, k].tolist())))
            effects = tuple(
                Effect(spread, float(alone[s, 0, k]), float(alone[s, 1, k]), float(sizes[s]))
                for s, spread in enumerate(self._spreads)
            )
            ordered = sorted(effects, key=lambda e: -e.size(finding.difference))
            out.append(replace(finding, effects=tuple(ordered)))
        return out

    def _with_indices(
        self, findings: Sequence[Finding]
    ) -> tuple[list[Finding], dict[tuple[str, str], Range]]:
        groups, estimates = _groups(self._spreads, most_moving(findings, SURVIVORS))
        samples = self._effort.samples
        design = sobol_design(groups, samples, self._effort.seed)
        draws = draws_at(self._spreads, design)
        differences, width = self._differences(draws), len(set(groups)) + 2
        free = [row for k in range(samples) for row in (k * width, (k + 1) * width - 1)]
        out = []
        for k, finding in enumerate(findings):
            if finding.why or not np.isfinite(differences[:, k]).all():
                out.append(replace(finding, why=finding.why or "not known with every draw"))
                continue
            means = differences[:, k].mean(axis=1)
            same = np.sign(means[free]) == np.sign(finding.difference)
            indices = sobol_indices(groups, dict(enumerate(means.tolist())), samples)
            out.append(
                replace(
                    finding, holds=int(same.sum()), draws=len(free), indices=indices,
                    estimates=estimates, noise=noise_share(differences[:, k]),
                )
            )  # fmt: skip
        return out, ranges_of(self._sampler, [draws[row] for row in free])

    def _with_flips(self, findings: Sequence[Finding]) -> list[Finding]:
        signs = [finding.difference > 0 for finding in findings]
        searches = [
            Search(k, effect.spread, effect.spread.value, end)
            for k, finding in enumerate(findings)
            for effect in finding.effects
            for end, there in zip(effect.spread.ends, (effect.at_low, effect.at_high), strict=True)
            if there * finding.difference < 0
        ]

        def run(wanted: Sequence[tuple[Spread, float]]) -> Sequence[Sequence[float]]:
            moved = self._differences([single(*one) for one in wanted]) if wanted else np.empty(0)
            return moved.mean(axis=-1).tolist() if wanted else []

        flips = search(searches, signs, run)
        return [
            replace(finding, flips=tuple(mine))
            for finding, mine in zip(findings, flips, strict=True)
        ]


def _why_nothing(finding: Finding) -> str:
    if not np.isfinite(finding.values).all():
        return "not known in both arms"
    if abs(finding.difference) <= _SAME * max(map(abs, finding.values)):
        return "the same in both arms"
    return ""


def _groups(spreads: Sequence[Spread], alone: Sequence[Spread]) -> tuple[list[str], frozenset[str]]:
    """Return the group of each number, and the groups that are estimates."""
    groups, estimates = [], set()
    for spread in spreads:
        is_estimate = spread.row.confidence == "estimate"
        group = spread.name if spread in alone else ESTIMATES if is_estimate else OTHERS
        groups.append(group)
        if is_estimate:
            estimates.add(group)
    return groups, frozenset(estimates)


def noise_share(values: Floats) -> float | None:
    """Return how much of the variance of means is chance that replications do not share.

    Args:
        values: shape (draws, replications); replications share their random numbers over draws, so
            what moves all draws alike is no noise.

    Returns:
        the mean square of what neither draw nor replication explains, for the mean over
        replications, as a share of the variance of means; None with one replication.
    """
    draws, replications = values.shape
    if replications < 2 or draws < 2:
        return None
    by_draw = values.mean(axis=1, keepdims=True)
    rest = values - by_draw - values.mean(axis=0, keepdims=True) + values.mean()
    error = float((rest**2).sum()) / ((draws - 1) * (replications - 1)) / replications
    variance = float(by_draw.var(ddof=1))
    return min(1.0, error / variance) if variance else 0.0


def ranges_of(sampler: Sampler, draws: Sequence[Draw]) -> dict[tuple[str, str], Range]:
    """Return by metric and arm the quantiles of what draws give, means over replications."""
    values = sampler.values(draws).mean(axis=3)
    return {
        (metric, arm): Range(*(float(x) for x in np.quantile(values[:, a, m], (0.05, 0.5, 0.95))))
        for m, metric in enumerate(sampler.metrics)
        for a, arm in enumerate(sampler.arms)
        if np.isfinite(values[:, a, m]).all()
    }
