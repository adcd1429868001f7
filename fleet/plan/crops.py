"""Crops of what a sensor found, which it passes on in place of whole pictures."""

from __future__ import annotations

from collections.abc import Collection

from fleet.catalog import Reader
from fleet.eyes.crops import WHOLE_PPM, Crops, crops_named
from fleet.scenario.arms import Equipment
from fleet.scenario.asking import Ask
from fleet.scenario.load import Scenario
from fleet.scenario.strict_yaml import Keys

_FINDS = "detection"
_NOBODYS = "crops of what no measured network finds"


def are_sent(equipment: Equipment) -> bool:
    """Return whether some equipment passes crops on."""
    return equipment.ask is not None and equipment.ask.crop_margin is not None


def source_of(finder: str | None, ask: Ask) -> str:
    """Return what a trace calls crops of what a measured network finds; None if nobody was."""
    return _NOBODYS if finder is None else _cut(finder, ask).name


def _cut(finder: str, ask: Ask) -> Crops:
    return Crops(finder, int((ask.crop_margin or 0) * WHOLE_PPM), ask.codec)


def check(scenario: Scenario, reader: Reader, model: str, equipment: Equipment, keys: Keys) -> None:
    """Refuse crops that nobody can cut, encode or look at.

    Args:
        scenario: for the places of errors.
        reader: the catalogue.
        model: what the sensor runs.
        equipment: what passes them on.
        keys: where it was chosen.

    Raises:
        InputError: a network finds no boxes, or the codec needs pictures of one size.
    """
    ask = equipment.ask
    assert ask is not None
    for at, name, what in (
        ("crop_margin", model, "gives no boxes to cut out"),
        ("model", ask.model, "does not say where something is in crops"),
    ):
        known = reader.has_parameter("models", name, "task")
        task = reader.text("models", name, "task") if known else _FINDS
        if task != _FINDS:
            raise scenario.error(
                (*keys, "ask", at),
                f"'{name}' is for {task} and {what}; take a model for {_FINDS}, or remove"
                " 'crop_margin', so that whole pictures are sent",
            )
    if reader.count("codecs", ask.codec, "gop") != 1:
        raise scenario.error(
            (*keys, "ask", "codec"),
            f"'{ask.codec}' predicts pictures from those before, and crops, each of another size,"
            " stand alone; take JPEG, such as jpeg-q60",
        )


def untraced(ask: Ask, first: str, second: str, known: Collection[tuple[str, ...]]) -> str:
    """Return in words that no trace tells of crops, and of which there are some.

    Args:
        ask: how they are to be cut, and who looks at them.
        first: the model of the sensor.
        second: that of the servers.
        known: source and network of what was traced in the view.
    """
    cut = _cut("", ask)
    there = [f"{name} on {source}" for source, name in sorted(known) if crops_named(source)]
    told = f"there are {', '.join(there)}" if there else "there are none in this view"
    return (
        f"no trace tells what is sent and found where crops of what '{first}' finds have a margin"
        f" of {cut.margin}, behind {cut.codec}, and '{second}' looks at them; {told}. Take such, or"
        f" trace your own: fleet trace CLIP --models FIRST,SECOND --codec {cut.codec} --crops"
        f" {cut.margin}"
    )
