"""Which trace tells what the eye of each setup sees, and all of them as one table."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fleet.catalog import Reader
from fleet.eyes import replay
from fleet.plan.equipment import Setup
from fleet.plan.parts import Parts
from fleet.stages import sight
from fleet.stages.sight import Sights

RAW = "raw"


def trace_of(reader: Reader, setup: Setup) -> tuple[str, str, str] | None:
    """Return (view, source, eye) of the trace of a setup; None if the catalogue does not say.

    The view is the app's, the eye the network that stands for the model, the source `raw` on the
    sensor and the codec before a server.
    """
    if not reader.has_parameter("apps", setup.use.app, "view"):
        return None
    if not reader.has_parameter("models", setup.model, "eye"):
        return None
    source = RAW if setup.on_sensor else str(setup.equipment.codec)
    view = reader.text("apps", setup.use.app, "view")
    return view, source, reader.text("models", setup.model, "eye")


def build(parts: Parts) -> Sights:
    """Return the traces of all setups; each setup's row learns which is its own.

    A setup whose eye was not measured behind its codec has none; an encoder that is held to a
    bitrate has one, but its frames are as large as the bitrate says.

    Raises:
        InputError: the scenario's own traces cannot be read.
    """
    model = parts.scenario.model
    if model.inference == "constant":
        return sight.none()
    own = None if model.traces is None else parts.scenario.folder / model.traces
    there = replay.known(own)
    order: dict[tuple[str, str, str, bool], int] = {}
    for setup in parts.setups:
        names = trace_of(parts.reader, setup)
        if names is None or names not in there:
            continue
        indoors = bool(parts.reader.count("apps", setup.use.app, "indoors"))
        setup.row["sight"] = order.setdefault((*names, indoors), len(order))
        coded = setup.row["i_bytes"] > 0.0
        setup.row["traced_bytes"] = int(coded and setup.equipment.bitrate is None)
    return _joined(list(order), own)


def _joined(wanted: list[tuple[str, str, str, bool]], own: Path | None) -> Sights:
    if not wanted:
        return sight.none()
    starts, many, rows, usual, at = [], [], [], [], 0
    for *names, indoors in wanted:
        one = replay.load(*names, path=own)
        light = np.zeros_like(one.start)
        light += np.arange(len(light))[:, None] if not indoors else 0
        bucket = np.arange(one.start.shape[1])
        starts.append(one.start[light, bucket] + at)
        many.append(one.many[light, bucket])
        rows.append(one.rows)
        usual.append(one.usual[0])
        at += len(one.rows)
    return Sights(np.stack(starts), np.stack(many), np.concatenate(rows), np.array(usual))
