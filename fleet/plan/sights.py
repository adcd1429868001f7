"""What tells what the eye of each setup sees: a trace, all of which are one table, or a network."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fleet.catalog import Reader
from fleet.eyes import replay
from fleet.eyes.clip import VIEWS
from fleet.eyes.eye import RAW_NAME, Eye
from fleet.eyes.replay import Replay
from fleet.eyes.tasks import TASKS
from fleet.plan.apps import indoors, word
from fleet.plan.equipment import Setup
from fleet.plan.parts import Parts
from fleet.stages import sight
from fleet.stages.sight import LIGHTS, Sights


def eyes_of(reader: Reader, setup: Setup) -> list[Eye]:
    """Return the eyes that may stand for the model of a setup, the best first.

    Empty if the catalogue does not say. The view is the app's, the source `raw` on the sensor and
    the codec before a server.

    Raises:
        InputError: the app's view, or whether it is indoors, is nothing that is known.
    """
    app = setup.use.app
    if not reader.has_parameter("apps", app, "view"):
        return []
    if not reader.has_parameter("models", setup.model, "eye"):
        return []
    view = word(reader, app, "view", VIEWS)
    source = RAW_NAME if setup.on_sensor else str(setup.equipment.codec)
    names = reader.text("models", setup.model, "eye").split()
    return [Eye(view, source, name, indoors(reader, app)) for name in names]


def task_of(reader: Reader, app: str) -> str:
    """Return what an app is for (`fleet.eyes.tasks`), empty if nobody measures it.

    Raises:
        InputError: it is nothing that is known.
    """
    if not reader.has_parameter("apps", app, "task"):
        return ""
    task = word(reader, app, "task", (*TASKS, "none"))
    return "" if task == "none" else task


def build(parts: Parts) -> tuple[Sights, tuple[Eye, ...]]:
    """Return (the traces of all setups, none if networks look live; whose sight they are).

    Each setup's row learns which is its own. A setup whose eye was not measured behind its codec
    has none; an encoder that is held to a bitrate has one, but its frames are as large as the
    bitrate says.

    Raises:
        InputError: the scenario's own traces, or a network, cannot be read.
    """
    model = parts.scenario.model
    if model.inference == "constant":
        return sight.none(), ()
    if model.inference == "live":
        return sight.none(), _networks(parts)
    own = None if model.traces is None else parts.scenario.folder / model.traces
    traced = set(replay.known(own))
    chosen = _chosen(parts, lambda eye: tuple(eye[:3]) in traced)
    for setup in parts.setups:
        held = setup.equipment.bitrate is not None
        seen, coded = setup.row["sight"] >= 0, setup.row["i_day"] > 0.0
        setup.row["traced_bytes"] = int(seen and coded and not held)
    return _joined(chosen, own), tuple(chosen)


def _networks(parts: Parts) -> tuple[Eye, ...]:
    """Return the networks that look live: those of the package, so that results are the same."""
    from fleet.eyes import detector

    files = detector.packaged()
    return tuple(
        eye._replace(sha256=hashlib.sha256(files[eye.name].read_bytes()).hexdigest())
        for eye in _chosen(parts, lambda eye: eye.name in files)
    )


def _chosen(parts: Parts, known: Callable[[Eye], bool]) -> list[Eye]:
    """Return the eyes of all setups, for each the first that is known; its row says which."""
    firsts = [next(filter(known, eyes_of(parts.reader, setup)), None) for setup in parts.setups]
    chosen = sorted({eye for eye in firsts if eye is not None})
    for setup, eye in zip(parts.setups, firsts, strict=True):
        if eye is not None:
            setup.row["sight"] = chosen.index(eye)
    return chosen


def _joined(wanted: list[Eye], own: Path | None) -> Sights:
    found = [one_of(replay.load(e.view, e.source, e.name, own), e.indoors) for e in wanted]
    if not found:
        return sight.none()
    begins = np.cumsum([0, *(len(one.rows) for one in found[:-1])])
    return Sights(
        start=np.concatenate([one.start + at for one, at in zip(found, begins, strict=True)]),
        many=np.concatenate([one.many for one in found]),
        rows=np.concatenate([one.rows for one in found]),
    )


def one_of(traced: Replay, indoors: bool) -> Sights:
    """Return one trace as kernels take it: a light that was not traced is the first that was.

    Args:
        traced: the trace.
        indoors: there it is always day.
    """
    there = traced.rows[:, 0] > 0
    shines = np.arange(1 if indoors else len(LIGHTS))
    takes = np.where(there[shines], shines, np.argmax(there))
    begins = traced.start[takes].min(axis=1)
    ends = (traced.start[takes] + traced.rows[takes]).max(axis=1)
    at = np.cumsum([0, *(ends - begins)[:-1]])
    columns = (
        traced.wanted, traced.true_positives, traced.false_positives, traced.i_ppm, traced.p_ppm,
    )  # fmt: skip
    rows = np.concatenate(
        [np.stack(columns, axis=1)[b:e] for b, e in zip(begins, ends, strict=True)]
    )
    light, shine = (np.repeat(of, ends - begins)[:, None] for of in (takes, shines))
    start, shape = traced.start[takes] + (at - begins)[:, None], traced.start.shape
    return Sights(
        np.broadcast_to(start, shape)[None], np.broadcast_to(traced.rows[takes], shape)[None],
        np.hstack((light, rows, shine)),
    )  # fmt: skip
