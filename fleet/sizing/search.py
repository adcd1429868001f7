"""The smallest plant that is enough: a search that trusts more to do no worse, and checks that.

It starts where theory expects the answer, goes up or down by 1, 2, 4, ... until the answer lies
between two values, and halves what is between them (Bentley and Yao 1976, "An almost optimal
algorithm for unbounded searching"). Several keys are found one after the other, in their order:
each as small as the values of those before it allow, while those behind it have twice what they are
expected to need.

Then two values above the answer are tried: if one of them misses, more does not always do no worse,
and that is told.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from fleet.sizing.keys import Ladder
from fleet.sizing.plant import Asking, Plants
from fleet.sizing.verdict import PILOT, Judged, Verdict, judge


@dataclass
class Found:
    """What a search found in an arm.

    Attributes:
        ladders: the keys.
        index: places of their values; those tried last if none is enough.
        enough: whether the plant is.
        matters: of each key, whether the arm depends on it.
        stands: how the plant stands.
        below: of each key that matters and is not at its end, how the plant with one less stands.
        odd: values above the answer that miss, as text.
    """

    ladders: Sequence[Ladder]
    index: list[int]
    enough: bool
    matters: list[bool]
    stands: Judged
    below: dict[int, Judged] = field(default_factory=dict)
    odd: list[str] = field(default_factory=list)

    def overrides(self, less: int | None = None) -> tuple[str, ...]:
        """Return what makes the plant, or one with one less of a key."""
        index = [i - (k == less) for k, i in enumerate(self.index)]
        return plant(self.ladders, index)


def plant(ladders: Sequence[Ladder], index: Sequence[int]) -> tuple[str, ...]:
    """Return what sets some values."""
    return tuple(
        override
        for ladder, i in zip(ladders, index, strict=True)
        for override in ladder.overrides(i)
    )


def search(plants: Plants, ladders: Sequence[Ladder]) -> Asking:
    """Look for the smallest plant of an arm; return what was `Found`."""
    guess = _expected(plants, ladders)
    matters = [_matters(plants, ladders, guess, k) for k in range(len(ladders))]
    outcome: Found = yield from _searched(plants, ladders, guess, matters)
    if not outcome.enough:  # to name the nearest objective that could be met
        outcome.stands = yield from plants.settled(outcome.overrides())
        outcome.enough = outcome.stands.verdict is Verdict.MEETS
    if outcome.enough:
        yield from _check(plants, outcome)
    return outcome


def search_near(plants: Plants, near: Found) -> Asking:
    """Look for the smallest plant from a like one on, without a check; return what was `Found`."""
    outcome: Found = yield from _searched(plants, near.ladders, near.index, near.matters)
    return outcome


def _searched(
    plants: Plants, ladders: Sequence[Ladder], guess: Sequence[int], matters: Sequence[bool]
) -> Asking:
    """Look for the smallest plant from a guess on."""
    index = [
        ladder.roomy(g) if matter else g
        for ladder, g, matter in zip(ladders, guess, matters, strict=True)
    ]
    for k in (k for k, matter in enumerate(matters) if matter):
        index[k] = guess[k]
        index[k] = yield from _smallest(plants, ladders, index, k)
    stands: Judged = yield from plants.judged(plant(ladders, index))
    return Found(ladders, index, stands.verdict is Verdict.MEETS, list(matters), stands)


def _expected(plants: Plants, ladders: Sequence[Ladder]) -> list[int]:
    """Return the places at which theory expects the answer."""
    tops = [ladder.top for ladder in ladders]

    def meets(index: Sequence[int]) -> bool:
        return plants.is_expected_to_meet(plant(ladders, index))

    index = _upwards(ladders, meets) if not ladders[0].most else _downwards(ladders, meets)
    if index == tops and not meets(index):
        return index
    for k in range(len(ladders)):
        index[k] = _least(functools.partial(_at, meets, index, k), index[k], ladders[k].most)
    return index


def _upwards(ladders: Sequence[Ladder], meets: Callable[[Sequence[int]], bool]) -> list[int]:
    """Return places at which something holds, found by doubling; the last if nowhere."""
    index = [0 for _ in ladders]
    while not meets(index) and index != [ladder.top for ladder in ladders]:
        index = [ladder.roomy(i) for ladder, i in zip(ladders, index, strict=True)]
    return index


def _downwards(ladders: Sequence[Ladder], meets: Callable[[Sequence[int]], bool]) -> list[int]:
    """Return the furthest places from the last at which something holds, found by doubling."""
    index, step = [ladder.top for ladder in ladders], 1
    while any(index):
        further = [max(0, ladder.top - step) for ladder in ladders]
        if not meets(further):
            break
        index, step = further, 2 * step + 1
    return index


def _at(meets: Callable[[Sequence[int]], bool], index: Sequence[int], k: int, i: int) -> bool:
    return meets([*index[:k], i, *index[k + 1 :]])


def _least(holds: Callable[[int], bool], high: int, near: bool) -> int:
    """Return the least place at which something holds that holds from some place up to `high`.

    With `near` it is looked for from there on: large fleets take long to be planned.
    """
    low, step = -1, 1
    while near and high > 0:
        at = max(0, high - step)
        if not holds(at):
            low = at
            break
        high, step = at, 2 * step
    while high - low > 1:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle
    return high


def _matters(plants: Plants, ladders: Sequence[Ladder], index: Sequence[int], key: int) -> bool:
    """Return whether a plant depends on a key: the arm has what it is about."""
    top = ladders[key].top
    other = [*index[:key], index[key] - 1 if index[key] else min(1, top), *index[key + 1 :]]
    one, two = (plants.plan(plant(ladders, each)) for each in (index, other))
    one = replace(one, scenario_digest=two.scenario_digest)
    return top == 0 or one.digest() != two.digest()


def _smallest(plants: Plants, ladders: Sequence[Ladder], index: Sequence[int], key: int) -> Asking:
    """Return the smallest place of a key at which the plant is enough, the last if none is."""
    top = ladders[key].top

    def is_enough(i: int) -> Asking:
        one: Judged = yield from plants.judged(plant(ladders, [*index[:key], i, *index[key + 1 :]]))
        return one.verdict is Verdict.MEETS

    low, high, at, step = -1, top + 1, index[key], 1
    while True:  # until the answer is above `low`, up to `high`
        if (yield from is_enough(at)):
            high = at
            if low >= 0 or at == 0:
                break
            at = max(0, at - step)
        else:
            low = at
            if high <= top or at == top:
                break
            at = min(top, at + step)
        step *= 2
    while high - low > 1:
        middle = (low + high) // 2
        if (yield from is_enough(middle)):
            high = middle
        else:
            low = middle
    return min(high, top)


def _check(plants: Plants, outcome: Found) -> Asking:
    """Try the plant with one less of each key, and two values above the answer."""
    chosen = [k for k, matter in enumerate(outcome.matters) if matter]
    for k in chosen:
        if outcome.index[k] > 0:
            one: Judged = yield from plants.judged(outcome.overrides(less=k))
            outcome.below[k] = one
    for k in chosen:
        ladder, at = outcome.ladders[k], outcome.index[k]
        top = ladder.top if ladder.given else ladder.roomy(at)
        for i in sorted({(at + top + 1) // 2, top} - {at}):
            overrides = plant(outcome.ladders, [*outcome.index[:k], i, *outcome.index[k + 1 :]])
            if overrides in plants.tried:
                misses = plants.tried[overrides].verdict is Verdict.MISSES
            elif plants.is_hopeless(overrides):
                misses = True
            else:
                runs = yield from plants.runs(overrides, range(PILOT))
                one = judge(plants.objectives, plants.arm, runs)
                misses = any(not s.kept for s in one.standings)
            if misses:
                outcome.odd.append(f"{ladder.key}={ladder.texts[i]}")
