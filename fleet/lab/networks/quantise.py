"""A network in eight bits, and what that changes in what it finds."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from fleet.errors import InputError
from fleet.eyes.boxes import Detections, matched
from fleet.eyes.clip import Pixels
from fleet.lab.convert.onnx_writer import onnx_package
from fleet.lab.networks import apart
from fleet.lab.networks.detector import Detector
from fleet.lab.networks.session import Array, quantiser
from fleet.passing import passing_folder

_LEAST_IOU = 0.5
_CALIBRATION = 20
"""Pictures that the ranges of a network are taken from."""


@dataclass(frozen=True)
class Effect:
    """What eight bits change, over pictures that the ranges were not taken from.

    Attributes:
        pictures: how many.
        found: objects a picture that the network finds as it is.
        found_int8: those that it finds in eight bits.
        kept: share of the first that are among the second: the same kind, half overlapping.
        new: share of the second that are not among the first.
    """

    pictures: int
    found: float
    found_int8: float
    kept: float
    new: float


def quantised(data: bytes, name: str, samples: Sequence[Array]) -> bytes:
    """Return a model in eight bits: weights by channel, tensors by the ranges seen in a few runs.

    The model runs in this process, so that of a stranger must be given to `apart.in_eight_bits`.

    Args:
        data: content of an ONNX file of one input.
        name: of the file, for messages.
        samples: inputs of one picture each.

    Raises:
        InputError: it cannot be done.
    """
    onnx, tools = onnx_package(), quantiser()
    model = onnx.load_from_string(data)
    held = {tensor.name for tensor in model.graph.initializer}
    port = next(p.name for p in model.graph.input if p.name not in held)
    with passing_folder() as folder, _silent():
        path = folder / "int8.onnx"
        try:
            tools.quantize_static(
                model, path, _reader(tools, port, samples),
                quant_format=tools.QuantFormat.QDQ, per_channel=True,
            )  # fmt: skip
        except Exception as error:  # the tools raise whatever comes their way
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise InputError(f"{name}: cannot be turned into eight bits: {reason}") from None
        made = onnx.load_from_string(path.read_bytes())
    del made.metadata_props[:]
    made.metadata_props.extend(model.metadata_props)
    small: bytes = made.SerializeToString(deterministic=True)
    return small


def effect(detector: Detector, data: bytes, pictures: Sequence[Pixels]) -> tuple[bytes, Effect]:
    """Return a detector's model in eight bits, and what that changes.

    Args:
        detector: the network as it is.
        data: content of its file.
        pictures: every other one gives the ranges, the rest are compared.

    Raises:
        InputError: there are fewer than two pictures, or it cannot be done.
    """
    if len(pictures) < 2:
        raise InputError(f"{detector.name}: {len(pictures)} pictures are too few; give two or more")
    samples = [detector.tensor([p]) for p in pictures[::2][:_CALIBRATION]]
    small = apart.in_eight_bits(data, detector.name, samples, apart.THOROUGH)
    coarse = Detector(small, f"{detector.name} (int8)", detector.threshold)
    shown = pictures[1::2]
    return small, compared(detector.find(shown), coarse.find(shown))


def compared(before: Sequence[Detections], after: Sequence[Detections]) -> Effect:
    """Return how two lists of detections of the same pictures differ."""
    both = sum(
        int((matched(b, a.boxes, a.kinds, _LEAST_IOU) >= 0).sum())
        for a, b in zip(before, after, strict=True)
    )
    found, again = (sum(len(d.scores) for d in some) for some in (before, after))
    return Effect(
        pictures=len(before),
        found=found / len(before),
        found_int8=again / len(before),
        kept=both / found if found else 1.0,
        new=1 - both / again if again else 0.0,
    )


def _reader(tools: object, port: str, samples: Sequence[Array]) -> object:
    """Return what the tools want of samples: an object that hands out one after the other."""
    base: type = tools.CalibrationDataReader  # type: ignore[attr-defined]
    waiting = iter([{port: np.asarray(sample)} for sample in samples])
    return type("Samples", (base,), {"get_next": lambda _: next(waiting, None)})()


@contextmanager
def _silent() -> Iterator[None]:
    """Keep the tools from giving advice on stderr."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
