"""Which measured network stands for a model, and why: a rule over what is published of both.

Few networks can be shown frames here (`fleet.eyes`); most models of the catalogue are known by
their figures alone. A measured network stands for a model if published figures say that it sees
about as well: limits on mAP on COCO, side of the input and multiplications are rows of the
catalogue (`eyes`, item `fair`). Whoever wants another one anyway says so with `eye`, and is told
how far apart the two are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from fleet.catalog import Reader

KIND, LIMITS = "eyes", "fair"


class Facts(NamedTuple):
    """What is published of a network; None where nothing is."""

    name: str
    title: str
    family: str
    input_px: int | None
    macs: int | None
    map_coco: float | None


class StandIn(NamedTuple):
    """Whose sight a model has.

    Attributes:
        model: of the catalogue.
        eye: name of the measured network; empty for nobody's.
        map_apart: published mAP of the network less that of the model; None if either has none.
        text: all of it in a sentence, with the reason.
    """

    model: str
    eye: str
    map_apart: float | None
    text: str


def measured(reader: Reader) -> list[str]:
    """Return the names of the measured networks of which something is published."""
    return [name for name in reader.items(KIND) if name != LIMITS]


def facts(reader: Reader, kind: str, name: str) -> Facts:
    """Return what the catalogue says of a model (`models`) or a measured network (`eyes`)."""

    def there(parameter: str) -> bool:
        return reader.has_parameter(kind, name, parameter)

    return Facts(
        name,
        reader.text(kind, name, "title") if there("title") else name,
        reader.text(kind, name, "family") if there("family") else "",
        reader.count(kind, name, "input") if there("input") else None,
        reader.count(kind, name, "macs") if there("macs") else None,
        float(reader.number(kind, name, "map")) if there("map") else None,
    )


def names(reader: Reader, model: str, asked: str | None) -> list[str]:
    """Return the networks that may stand for a model, the best first; none for what finds nothing.

    That is the one that was asked for; or the one of the model's row `eye`, which was measured
    itself; or those that are fair by their published figures: of its family first, then of the
    nearest mAP.

    Args:
        reader: the catalogue.
        model: its item.
        asked: `eye` of the equipment.
    """
    if asked is not None:
        return [asked]
    if reader.has_parameter("models", model, "eye"):
        return [reader.text("models", model, "eye")]
    if not reader.has_parameter("models", model, "family"):
        return []
    mine = facts(reader, "models", model)
    fair = [other for name in measured(reader) if _fair(reader, mine, other := _eye(reader, name))]
    return [other.name for other in sorted(fair, key=lambda other: _rank(mine, other))]


def _eye(reader: Reader, name: str) -> Facts:
    """Return what is published of a measured network; it may be a model of the catalogue too."""
    for kind in (KIND, "models"):
        if name in reader.items(kind):
            return facts(reader, kind, name)
    return Facts(name, name, "", None, None, None)


def _fair(reader: Reader, model: Facts, eye: Facts) -> bool:
    """Return whether published figures say that a network sees about as well as a model."""
    apart = _apart(model, eye)
    if apart is None or not (model.input_px and model.macs and eye.input_px and eye.macs):
        return False
    map_apart, input_ratio, macs_ratio = limits(reader)
    return (
        abs(apart) <= map_apart + 1e-9
        and _ratio(model.input_px, eye.input_px) <= input_ratio
        and _ratio(model.macs, eye.macs) <= macs_ratio
    )


def limits(reader: Reader) -> tuple[float, float, float]:
    """Return how far apart mAP may be, and the ratios of inputs and of multiplications."""
    apart, inputs, macs = (
        float(reader.number(KIND, LIMITS, parameter))
        for parameter in ("map_apart", "input_ratio", "macs_ratio")
    )
    return apart, inputs, macs


def _rank(model: Facts, eye: Facts) -> tuple[bool, float, float, str]:
    apart = abs(_apart(model, eye) or 0.0)
    work = math.log(_ratio(model.macs or 1, eye.macs or 1))
    return eye.family != model.family, apart, work, eye.name


def _apart(model: Facts, eye: Facts) -> float | None:
    if model.map_coco is None or eye.map_coco is None:
        return None
    return eye.map_coco - model.map_coco


def _ratio(one: int, other: int) -> float:
    return max(one, other) / min(one, other)


def told(reader: Reader, model: str, place: str, eye: str, asked: str | None) -> StandIn:
    """Return whose sight a model has, in words.

    Args:
        reader: the catalogue.
        model: its item.
        place: where it looks, such as 'street, raw'; empty if what is seen there was never
            measured.
        eye: the network that stands for it; empty for none.
        asked: `eye` of the equipment.
    """
    mine, other = facts(reader, "models", model), _eye(reader, eye)
    apart = _apart(mine, other) if eye else None
    words = "; ".join(_sentence(reader, mine, other, place, asked))
    return StandIn(model, eye, apart, words)


def _sentence(
    reader: Reader, mine: Facts, other: Facts, place: str, asked: str | None
) -> Iterator[str]:
    may = names(reader, mine.name, asked)
    if not other.name:
        yield f"nobody stands for the sight of {_figures(mine)}{_why_not(reader, mine, may, place)}"
        yield "its accuracy is not known, and it reports all that is in view"
    elif other.name == mine.name:
        yield f"{mine.name} was measured itself"
    else:
        why = " because the scenario says so" if asked else ""
        yield f"{_figures(mine)} sees as {_figures(other)}{why}"
        apart = _apart(mine, other)
        if apart is None:
            yield "nobody has published mAP on COCO of both, so which sees better is not known"
        else:
            points = round(100 * apart, 1)
            yield (
                f"by published mAP {abs(points):g} points {'better' if points > 0 else 'worse'}"
                " than its model"
                if points
                else "by published mAP as good as its model"
            )


def _why_not(reader: Reader, mine: Facts, may: list[str], place: str) -> str:
    if not place:
        return ", for what its app looks at was not measured"
    if may:
        titles = " or ".join(_eye(reader, name).title for name in may)
        return f", for {titles} was not measured there ({place})"
    if not reader.has_parameter("models", mine.name, "family"):
        return ", for it is no detector"
    apart, inputs, macs = limits(reader)
    return (
        f", for no measured network is within {100 * apart:g} points of its mAP, {inputs:g} times"
        f" its input and {macs:g} times its work ('eye: NAME' asks for one all the same)"
    )


def _figures(of: Facts) -> str:
    known = [
        text
        for value, text in (
            (of.map_coco, f"COCO mAP {100 * (of.map_coco or 0):.1f}"),
            (of.input_px, f"{of.input_px} px"),
        )
        if value is not None
    ]
    return f"{of.title} ({', '.join(known)})" if known else of.title
