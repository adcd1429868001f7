"""What tells what the eye of each setup sees: a trace, all of which are one table, or a network."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from fleet.catalog import Reader
from fleet.eyes import replay
from fleet.eyes.eye import Eye
from fleet.eyes.replay import Replay
from fleet.plan.equipment import Setup
from fleet.plan.parts import Parts
from fleet.stages import sight
from fleet.stages.sight import LIGHTS, Sights

RAW = "raw"


def eye_of(reader: Reader, setup: Setup) -> Eye | None:
    """Return the eye of a setup; None if the catalogue does not say.

    The view is the app's, the network the one that stands for the model, the source `raw` on the
    sensor and the codec before a server.
    """
    app = setup.use.app
    if not reader.has_parameter("apps", app, "view"):
        return None
    if not reader.has_parameter("models", setup.model, "eye"):
        return None
    return Eye(
        view=reader.text("apps", app, "view"),
        source=RAW if setup.on_sensor else str(setup.equipment.codec),
        name=reader.text("models", setup.model, "eye"),
        indoors=reader.text("apps", app, "indoors") == "yes",
    )


def build(parts: Parts) -> tuple[Sights, tuple[Eye, ...]]:
    """Return (the traces of all setups, or else the networks that look live).

    Each setup's row learns which is its own. A setup whose eye was not measured behind its codec
    has none; an encoder that is held to a bitrate has one, but its frames are as large as the
    bitrate says.

    Raises:
        InputError: the scenario's own traces, or a network, cannot be read.
    """
    model = parts.scenario.model
    if model.inference == "constant":
        return sight.none(), ()
    own = None if model.traces is None else parts.scenario.folder / model.traces
    there = replay.known(own) if model.inference == "trace" else None
    order: dict[Eye, int] = {}
    for setup in parts.setups:
        eye = eye_of(parts.reader, setup)
        if eye is None or (there is not None and tuple(eye[:3]) not in there):
            continue
        setup.row["sight"] = order.setdefault(eye, len(order))
        coded = setup.row["i_bytes"] > 0.0 and there is not None
        setup.row["traced_bytes"] = int(coded and setup.equipment.bitrate is None)
    if there is not None:
        return _joined(list(order), own), ()
    return sight.none(), tuple(eye._replace(sha256=_network_sha256(eye.name)) for eye in order)


def _network_sha256(name: str) -> str:
    from fleet.eyes import detector

    return hashlib.sha256(detector.file_of(name).read_bytes()).hexdigest()


def _joined(wanted: list[Eye], own: Path | None) -> Sights:
    found = [one_of(replay.load(e.view, e.source, e.name, own), e.indoors) for e in wanted]
    begins = np.cumsum([0, *(len(one.rows) for one in found)])
    return (
        sight.none()
        if not found
        else Sights(
            start=np.concatenate([one.start + at for one, at in zip(found, begins, strict=False)]),
            many=np.concatenate([one.many for one in found]),
            rows=np.concatenate([one.rows for one in found]),
            usual=np.concatenate([one.usual for one in found]),
        )
    )


def one_of(traced: Replay, indoors: bool) -> Sights:
    """Return one trace as kernels take it: a light that was not traced is the first that was.

    Args:
        traced: the trace.
        indoors: there it is always day.
    """
    lights = np.arange(len(LIGHTS))
    there = traced.rows[:, 0] > 0
    takes = np.where(there & (not indoors or lights == 0), lights, np.argmax(there))
    light = np.zeros(len(traced.objects), dtype=np.int64)
    for k in np.flatnonzero(there):
        light[traced.start[k].min() : (traced.start[k] + traced.rows[k]).max()] = k
    columns = (
        light, traced.wanted, traced.true_positives, traced.false_positives,
        traced.i_permille, traced.p_permille,
    )  # fmt: skip
    usual = traced.objects[light == np.argmax(there)].mean()
    return Sights(
        traced.start[takes][None], traced.rows[takes][None], np.stack(columns, axis=1),
        np.array([usual]),
    )  # fmt: skip
