"""Whether a run again gave what its folder says, in some lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fleet.results.metrics import unit_of
from fleet.results.origin import CODE, INPUTS, KINDS, OF_STUDIES, Change
from fleet.show.digest import KEPT, MISSED, from_here
from fleet.study.again import Again, Matched, Other
from fleet.study.study_again import StudyAgain

_MOST = 8


def lines(answer: Again) -> Iterator[str]:
    """Yield what is as it was, what is not, and what else is another now."""
    summary, now = answer.record.summary, answer.again.summary
    assert answer.record.folder is not None  # it was read from there
    spent = [one["host"]["wall_s"] for one in (summary, now)]
    yield (
        f"{summary['run_id']}, run again from what {from_here(answer.record.folder)} holds"
        f" ({spent[0]:.1f} s then, {spent[1]:.1f} s now)"
    )
    yield from _fingerprints(answer)
    yield from _numbers(answer.numbers)
    for arm in answer.left_out:
        yield (
            f"{MISSED} {arm} was not run: a Python function places it; run its script again and"
            " compare with 'fleet diff', or choose others with --arm"
        )
    yield from made_of(answer.changes)


def _fingerprints(answer: Again) -> Iterator[str]:
    same = [arm for arm, (was, now) in answer.fingerprints.items() if was == now]
    for arm, (was, now) in answer.fingerprints.items():
        if was != now:
            yield f"{MISSED} {arm}: fingerprint {was[:16]} then, {now[:16]} now: frames are others"
    if len(same) == len(answer.record.numbers):
        was = answer.record.summary["fingerprint"]
        yield f"{KEPT} fingerprint {was[:16]}: every frame of {', '.join(same)} as it was"
    elif same:
        yield f"{KEPT} fingerprints: every frame of {', '.join(same)} as it was"


def study_lines(answer: StudyAgain) -> Iterator[str]:
    """Yield the same of a study."""
    yield f"{from_here(answer.folder)}, run again from where its scenario is"
    for run, was, now in answer.failures:
        yield f"{MISSED} {run}: {was or 'did not fail'} then, {now or 'did not fail'} now"
    yield from _numbers(answer.numbers)
    yield from made_of(answer.changes, kinds=OF_STUDIES)


def _numbers(numbers: Matched) -> Iterator[str]:
    many, others = f"{numbers.many:,}", numbers.others
    if not others:
        to = "the last bit"
        if numbers.last_bits:
            to = f"nine digits ({numbers.last_bits:,} of them differ behind these)"
        yield f"{KEPT} {many} numbers as they were, to {to}"
        return
    yield f"{MISSED} {len(others):,} of {many} numbers are others, the largest first:"
    order = sorted(others, key=lambda one: -one.share)
    yield from (f"  {_said(one)}" for one in order[:_MOST])
    if len(order) > _MOST:
        yield f"  and {len(order) - _MOST:,} more"


def _said(one: Other) -> str:
    key = one.key
    name = key.metric if key.group is None else f"groups.{key.group}.{key.metric}"
    short = one.share > 1e-3  # they can be told apart in four digits
    was, now = (
        "unknown" if x is None else unit_of(name).show(x) if short else f"{x!r} {key.unit}"
        for x in (one.was, one.now)
    )
    at = f"{key.point}, " if key.point else ""
    return f"{at}{key.arm}, replication {key.replication}: {name} {was} then, {now} now"


def made_of(
    changed: Sequence[Change], most: int = _MOST, kinds: Sequence[str] = KINDS
) -> Iterator[str]:
    """Yield what differs in what two results were made of: a line a kind, and its first ones."""
    same = []
    for kind in kinds:
        mine = [change for change in changed if change.kind == kind]
        if not mine:
            same.append(kind)
            continue
        shown = mine[: most if kind == INPUTS else most // 2]
        said = [f"{one.name} {_value(one, one.was)} → {_value(one, one.now)}" for one in shown]
        rest = f" and {len(mine) - len(shown)} more" if len(mine) > len(shown) else ""
        yield f"Other {kind}: {', '.join(said)}{rest}"
    if same:
        yield f"The same {' and '.join(', '.join(same).rsplit(', ', 1))}."


def _value(change: Change, value: str | None) -> str:
    if value is None:
        return "(not given)" if change.kind == INPUTS else "(none)"
    if change.kind == CODE:
        commit, _, dirty = value.partition("-")
        return commit[:12] + (f"-{dirty}" if dirty else "")
    return value if len(value) <= 60 else f"{value[:57]}..."
