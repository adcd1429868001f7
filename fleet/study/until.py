"""How long replications are added: until intervals are narrow enough, in planned looks.

`latency_ms.p99 ± 5 %` asks for a 95 % interval whose ends are 5 % of the mean from it, at most, in
every arm. It is looked at after 10, 15, 23, 34 ... replications, half as many more each time; each
look spends less than the whole error (`fleet.results.interval`), so that coverage holds.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from fleet.errors import InputError
from fleet.results.means import Runs, estimate
from fleet.results.metric import SHARE, Over
from fleet.results.metrics import Named, summarise
from fleet.running.run import Outcome
from fleet.running.trial import Trial
from fleet.scenario.load import Scenario, did_you_mean
from fleet.study.job import Job, grown
from fleet.study.slo import demandable
from fleet.study.trials import Carried

FIRST, MORE = 10, Fraction(3, 2)
MOST = 114
"""So many replications are run at most, if nothing else is said."""
_FORM = re.compile(
    r"^(?:(?P<arm>[A-Za-z0-9_.\-]+):\s+)?(?P<metric>\w[\w.\- ]*?)\s*(?:±|\+/?-)\s*(?P<width>.+)$"
)
_POINTS = re.compile(r"^(?P<number>.+?)\s*(?:%\s*points?|points?)$")


@dataclass(frozen=True)
class Until:
    """How narrow an interval is to be.

    Attributes:
        text: as written.
        arm: of the arm; None: of all.
        number: of which number.
        width: half of it at most; of the mean if `relative`, else in the number's unit.
        relative: whether it is a share of the mean.
    """

    text: str
    arm: str | None
    number: Named
    width: Fraction
    relative: bool

    def found(self, arm: str, runs: Runs) -> dict[str, Any]:
        """Return how wide the interval of an arm is, and whether it is narrow enough."""
        one = estimate(runs, self.number.metric, self.number.text, looked=True)
        half, most = None, None
        if one.mean is not None:
            most = float(self.width) * (abs(one.mean) if self.relative else 1.0)
        if one.ci95 is not None:
            half = (one.ci95[1] - one.ci95[0]) / 2
        elif one.known == len(runs) and len(runs) > 1:
            half = 0.0  # the same in every replication
        return {
            "asked": self.text, "arm": arm, "metric": self.number.text, "mean": one.mean,
            "half_width": half, "at_most": most, "unit": self.number.metric.unit.name,
            "reached": half is not None and most is not None and half <= most,
            "why_no_ci95": None if half is not None else one.why_no_ci95,
        }  # fmt: skip


def read(scenario: Scenario, texts: Sequence[str]) -> tuple[Until, ...]:
    """Return what replications are added for.

    Raises:
        InputError: a text is not of the form '[ARM: ]METRIC ± WIDTH'.
    """
    return tuple(_read(scenario, text) for text in texts)


def _read(scenario: Scenario, text: str) -> Until:
    match = _FORM.match(text.strip())
    if match is None:
        raise InputError(f"--until '{text}': write such as 'latency_ms.p99 ± 5 %' (or '+- 5 %')")
    known, arm = demandable(scenario), match["arm"]
    metric = match["metric"]
    if metric not in known:
        raise InputError(f"--until '{text}': no metric '{metric}'{did_you_mean(metric, [*known])}")
    if arm is not None and arm not in scenario.model.arms:
        arms = ", ".join(scenario.model.arms)
        raise InputError(f"--until '{text}': no arm '{arm}'; arms: {arms}")
    number = known[metric]
    over = number.metric.compared or Over.REPLICATIONS
    if over is not Over.REPLICATIONS:
        raise InputError(
            f"--until '{text}': the interval of {metric} is over {over}, which more replications do"
            " not make narrower"
        )
    try:
        width, relative = _width(match["width"], number)
    except InputError as error:
        raise InputError(f"--until '{text}': {error}") from None
    if width <= 0:
        raise InputError(f"--until '{text}': the width must be more than zero")
    return Until(text, arm, number, width, relative)


def _width(text: str, number: Named) -> tuple[Fraction, bool]:
    unit, points = number.metric.unit, _POINTS.match(text)
    if points is not None and unit == SHARE:
        return unit.read(f"{points['number'].strip().removesuffix('%').strip()} %"), False
    if text.rstrip().endswith("%"):
        return SHARE.read(text), True
    return unit.read(text), False


@dataclass(frozen=True)
class Enough:
    """How long replications are added; with nothing asked there are as many as the job has.

    Attributes:
        asked: how narrow intervals are to be.
        most: how many replications there are at most.
    """

    asked: tuple[Until, ...] = ()
    most: int = MOST

    @property
    def suffix(self) -> str:
        """Return what the name of a job ends with, as that of its first look says too little."""
        if not self.asked:
            return ""
        text = f"{[one.text for one in self.asked]} {self.most}"
        return f"-until-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


ONCE = Enough()


def enough(scenario: Scenario, texts: Sequence[str], most: int | None) -> Enough:
    """Return how long replications are added.

    Args:
        scenario: of what.
        texts: how narrow intervals are to be, as '[ARM: ]METRIC ± WIDTH'.
        most: how many replications there are at most; None: MOST.

    Raises:
        InputError: a text is not of that form, or there may be fewer than the first look takes.
    """
    if texts and most is not None and most < FIRST:
        raise InputError(
            f"--replications {most}: with --until this is how many there are at most, and the first"
            f" look is after {FIRST}"
        )
    return Enough(read(scenario, texts), MOST if most is None else most)


class Done(NamedTuple):
    """A job that was carried out.

    Attributes:
        job: with as many replications as were run.
        outcomes: by arm, of each replication.
        numbers: of these.
        processes: how many ran at a time.
        until: what was asked of intervals and what became of it; None if nothing was.
    """

    job: Job
    outcomes: dict[str, list[Outcome]]
    numbers: dict[str, list[dict[str, Any]]]
    processes: int
    until: dict[str, Any] | None


def carry_out_until(
    job: Job, carry_out: Callable[[Sequence[Trial]], Carried], enough: Enough
) -> Done:
    """Carry a job out, and more replications of it until there are enough.

    Args:
        job: with the replications of the first look.
        carry_out: carries some trials out.
        enough: how long replications are added.
    """
    outcomes: dict[str, list[Outcome]] = {arm: [] for arm in job.plans}
    numbers: dict[str, list[dict[str, Any]]] = {arm: [] for arm in outcomes}
    processes = 1
    looked: list[int] = []
    for count in looks(enough.most) if enough.asked else [job.scenario.model.replications]:
        job = grown(job, count) if looked else job
        new = [trial for trial in job.trials if trial.replication >= len(outcomes[trial.arm])]
        carried = carry_out(new)
        processes = max(processes, carried.processes)
        for arm, runs in carried.outcomes.items():
            outcomes[arm] += runs
            numbers[arm] += [summarise(outcome) for outcome in runs]
        looked.append(count)
        rows = check(enough.asked, numbers)
        if all(row["reached"] for row in rows):
            break
    told = {
        "most": enough.most, "looks": looked, "reached": all(row["reached"] for row in rows),
        "intervals": rows,
    }  # fmt: skip
    return Done(job, outcomes, numbers, processes, told if enough.asked else None)


def looks(most: int) -> Iterator[int]:
    """Yield after how many replications it is looked whether they are enough, the last `most`."""
    at = Fraction(FIRST)
    while int(at) < most:
        yield int(at)
        at = Fraction(int(at * MORE + Fraction(1, 2)))
    yield most


def check(asked: Sequence[Until], arms: Mapping[str, Runs]) -> list[dict[str, Any]]:
    """Return what each demand is for each arm that it is of."""
    return [
        one.found(arm, runs)
        for one in asked
        for arm, runs in arms.items()
        if one.arm in (None, arm)
    ]
