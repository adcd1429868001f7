"""Networks that are cut in two: what the sensor runs, what is sent, and what is left to servers.

The idea is that of Neurosurgeon (Kang et al., ASPLOS 2017): the layers before a cut run where the
picture is, the tensor behind them travels, and whoever has more power runs the others. What lies
before each cut of a network stands in the catalogue (`cuts.csv`), as `fleet profile` counts it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from fleet.catalog import Reader
from fleet.plan import dsp
from fleet.scenario.arms import Equipment
from fleet.scenario.load import Scenario, did_you_mean
from fleet.scenario.split import split_of
from fleet.scenario.strict_yaml import Keys

_KIND = "cuts"
_TOLD = 12
"""So many cuts are listed at most; others are told of by their number."""


class Cut(NamedTuple):
    """A network that is cut.

    Attributes:
        item: of the catalogue's cuts.
        after: the last layer on the sensor.
        sent_bytes: of the tensor that travels.
        left: share of the multiplications that is left to servers.
        infer: where these are.
    """

    item: str
    after: str
    sent_bytes: int
    left: Fraction
    infer: str


def item_of(model: str, layer: str) -> str:
    """Return how the catalogue calls the cut of a model behind a layer."""
    return f"{model}:{layer}"


def cut_of(
    scenario: Scenario, reader: Reader, equipment: Equipment, model: str, keys: Keys
) -> Cut | None:
    """Return where the network of an AI sensor is cut, None if it runs whole.

    Raises:
        InputError: there is no such cut, what lies before it does not fit into the sensor, or the
            sensor is to do what needs an answer of its own.
    """
    said = split_of(equipment.split)
    if said is None:
        return None
    _check_alone(scenario, equipment, keys)
    place = (*keys, "split")
    known = _known(reader, model)
    if said.after not in known:
        raise scenario.error(place, _no_cut(reader, str(equipment.device), model, said.after))
    device, item = str(equipment.device), item_of(model, said.after)
    dsp.check_input(scenario, reader, device, model, (*keys, "model"))
    needed, memory = sum(dsp.needed_bytes(reader, item, _KIND)), dsp.memory_bytes(reader, device)
    if needed > memory:
        raise scenario.error(
            place,
            f"what lies before '{said.after}' of '{model}' needs {needed:,} B and '{device}' has"
            f" {memory:,} B: {needed - memory:,} B too many;"
            f" {_listed(_fitting(reader, device, model))}",
        )
    numbers = reader.data_bit(_KIND, item, "tensor") // 8
    return Cut(
        item=item,
        after=said.after,
        sent_bytes=(numbers * said.bits + 7) // 8,
        left=_left(scenario, reader, model, item, place),
        infer=said.infer,
    )


def _left(scenario: Scenario, reader: Reader, model: str, item: str, place: Keys) -> Fraction:
    """Return the share of a network's multiplications that lies behind a cut."""
    whole, before = reader.number("models", model, "macs"), reader.number(_KIND, item, "macs")
    if before > whole or not whole:
        raise scenario.error(
            place,
            f"the catalogue's '{item}' says {int(before):,} multiplications before the cut, and"
            f" '{model}' {int(whole):,} in all; count both anew with 'fleet profile'",
        )
    return 1 - before / whole


def _check_alone(scenario: Scenario, equipment: Equipment, keys: Keys) -> None:
    """Refuse what goes by an answer that a sensor with half a network does not have."""
    for field in ("ask", "publish", "output"):
        if getattr(equipment, field) is not None:
            raise scenario.error(
                (*keys, field),
                "with 'split' the sensor has no answer of its own and sends the tensor of every"
                f" frame that it takes; remove '{field}', or 'split' ('rate' lowers what it takes)",
            )


def _known(reader: Reader, model: str) -> list[str]:
    """Return the layers of a model behind which it can be cut, in their order."""
    begin = item_of(model, "")
    return [item.removeprefix(begin) for item in reader.items(_KIND) if item.startswith(begin)]


def _fitting(reader: Reader, device: str, model: str) -> list[str]:
    """Return those of which what lies before fits into an AI sensor."""
    memory = dsp.memory_bytes(reader, device)
    return [
        layer
        for layer in _known(reader, model)
        if sum(dsp.needed_bytes(reader, item_of(model, layer), _KIND)) <= memory
    ]


def _no_cut(reader: Reader, device: str, model: str, layer: str) -> str:
    """Return in words that a model cannot be cut behind a layer, and where it can."""
    known = _known(reader, model)
    if not known:
        models = dict.fromkeys(item.partition(":")[0] for item in reader.items(_KIND))
        return (
            f"where '{model}' can be cut is not known; take one of {', '.join(models)}, or let"
            " 'fleet profile FILE.onnx -o FOLDER/models.yaml' write the cuts of your own"
        )
    return (
        f"'{model}' cannot be cut behind '{layer}'{did_you_mean(layer, known)}: no layer of that"
        " name has one tensor behind it that holds all that follows;"
        f" {_listed(_fitting(reader, device, model))}"
    )


def _listed(layers: list[str]) -> str:
    """Return some cuts in words."""
    if not layers:
        return "no cut of it fits; take another device or model"
    shown = layers if len(layers) <= _TOLD else [*layers[: _TOLD - 1], layers[-1]]
    more = f" ({len(layers)} in all: 'fleet catalog cuts')" if len(shown) < len(layers) else ""
    return f"cuts that fit: {', '.join(shown)}{more}"
