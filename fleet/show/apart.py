"""What arms see where that is not compared: whose sight nobody measured, and what is published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fleet.results.metric import SHARE, Numbers
from fleet.results.metrics import known
from fleet.results.record import Record

_RECALL = known("accuracy.recall_of_all")


def sight_apart(record: Record) -> Iterator[str]:
    """Yield of which arms recall is not compared with the baseline, why, and what is known of it.

    Nothing where it is compared in all arms, or nobody is to see anything.
    """
    comparison = record.summary["comparison"]
    missing = [arm for arm, rows in comparison["arms"].items() if _RECALL.text not in rows]
    arms = {arm: record.arms[arm] for arm in (comparison["baseline"], *missing)}
    if missing and any(arm["stand_ins"] for arm in arms.values()):
        told = [*_reasons(arms, missing), *_found(arms), *_published(arms)]
        yield f"- not compared: recall of {', '.join(missing)} ({'; '.join(told)})"


def _reasons(arms: Mapping[str, Numbers], missing: list[str]) -> Iterator[str]:
    """Yield why recall is not known, and of whom if these are not the ones not compared."""
    by_why: dict[str, list[str]] = {}
    for arm, numbers in arms.items():
        if _RECALL.value(numbers) is None:
            by_why.setdefault(_RECALL.metric.why_unknown(numbers), []).append(arm)
    if not by_why:
        yield "its networks were measured for other sensors than the baseline's"
    for why, of in by_why.items():
        yield why if of == missing or len(of) == len(arms) else f"{', '.join(of)}: {why}"


def _found(arms: Mapping[str, Numbers]) -> Iterator[str]:
    """Yield what those find of whom it is known, and in which groups if not in all."""
    for arm, numbers in arms.items():
        recall, groups = _RECALL.value(numbers), numbers["groups"]
        if recall is not None:
            seeing = [name for name, group in groups.items() if not group["unseen"]]
            where = f" of {', '.join(seeing)}" if len(seeing) < len(groups) else ""
            yield f"{arm} finds {SHARE.show(recall)} of what is in view{where}"


def _published(arms: Mapping[str, Numbers]) -> Iterator[str]:
    """Yield what is published of the networks' sight, if it is of all and differs."""
    maps = {arm: sorted(set(one["accuracy"]["map_coco"].values())) for arm, one in arms.items()}
    if all(maps.values()) and len(set(map(tuple, maps.values()))) > 1:
        said = [f"{arm} {' and '.join(f'{100 * x:g}' for x in of)}" for arm, of in maps.items()]
        yield f"published mAP on COCO: {', '.join(said)}"
