"""What tells what the eye of each setup sees: a trace, all of which are one table, or a network."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fleet.catalog import Reader
from fleet.eyes import replay, user_traces
from fleet.eyes.clip import VIEWS
from fleet.eyes.eye import RAW_NAME, Eye, live_scenes
from fleet.eyes.packaged import packaged
from fleet.eyes.replay import Replay
from fleet.eyes.task_names import TASKS
from fleet.model import sight
from fleet.model.asking import NEED_SIGHT, UNSURE
from fleet.model.sight import Sights
from fleet.plan import crops, standins
from fleet.plan.apps import indoors, word
from fleet.plan.draft import Draft
from fleet.plan.equipment import Setup
from fleet.plan.groups import Eyes
from fleet.plan.standins import StandIn
from fleet.plan.traced import joined
from fleet.scenario.asking import Ask
from fleet.scenario.load import Scenario, did_you_mean
from fleet.scenario.strict_yaml import Keys


def eyes_of(reader: Reader, setup: Setup) -> list[Eye]:
    """Return the eyes that may stand for the model of a setup, the best first.

    Empty if the catalogue does not say where the app looks, or no network is fair. The view is the
    app's, the source `raw` on the sensor and the codec before a server.

    Raises:
        InputError: the app's view, or whether it is indoors, is nothing that is known.
    """
    app = setup.duty.app
    if not reader.has_parameter("apps", app, "view"):
        return []
    view = word(reader, app, "view", VIEWS)
    names = standins.names(reader, setup.model, setup.equipment.eye)
    return [
        Eye(view, source, name, indoors(reader, app))
        for name in names
        for source in _sources(setup)
    ]


def _sources(setup: Setup) -> tuple[str, ...]:
    """Return which pictures the network of a setup is shown, or those most like them first."""
    return (RAW_NAME,) if setup.on_sensor else setup.shown


def task_of(reader: Reader, app: str) -> str:
    """Return what an app is for (`fleet.lab.measures.tasks`), empty if nobody measures it.

    Raises:
        InputError: it is nothing that is known.
    """
    if not reader.has_parameter("apps", app, "task"):
        return ""
    task = word(reader, app, "task", (*TASKS, "none"))
    return "" if task == "none" else task


def build(draft: Draft) -> tuple[Eyes, tuple[Setup, ...]]:
    """Return (what the eyes of all setups see, the setups, whose rows say which is their own).

    A setup whose eye was not measured behind its codec has none; an encoder that is held to a
    bitrate has one, but its frames are as large as the bitrate says.

    Raises:
        InputError: the scenario's own traces, or a network, cannot be read; an `eye` that is asked
            for was never measured.
    """
    draft.setups = [replace(setup, row=dict(setup.row)) for setup in draft.setups]
    return _eyes(draft), tuple(draft.setups)


def _eyes(draft: Draft) -> Eyes:
    model = draft.scenario.model
    if model.inference == "constant":
        _check_asked(draft, (), "'inference: constant' shows nothing to a network; remove it")
        _check_crops(draft, None)
        _blind_both(draft)
        return _seen(draft, sight.none(), (), ())
    if model.inference == "live":
        _check_live(draft)
        return _live(draft)
    own = _own_traces(draft.scenario)
    traced = set(replay.known(own))
    named = sorted({name for _, _, name in traced})
    _check_asked(draft, named, f"there are traces of {', '.join(named)}")
    chosen = _chosen(draft, lambda eye: tuple(eye[:3]) in traced)
    _check_crops(draft, traced)
    _blind_both(draft)
    for setup in draft.setups:
        held = setup.equipment.bitrate is not None
        seen, coded = setup.row["sight"] >= 0, setup.row["i_day"] > 0.0
        setup.row["traced_bytes"] = int(seen and coded and not held)
    replays = [replay.load(*eye[:3], own) for eye in chosen]
    _pair(draft, chosen, replays)
    scenes = sorted(
        {(eye.view, name) for eye, one in zip(chosen, replays, strict=True) for name in one.scenes}
    )
    return _seen(draft, joined(chosen, replays, scenes), chosen, scenes)


def _seen(
    draft: Draft, traces: Sights, networks: Sequence[Eye], scenes: Sequence[tuple[str, str]]
) -> Eyes:
    """Return what the eyes of an arm see, and who stands for whom."""
    constant = draft.scenario.model.inference == "constant"
    return Eyes(
        sights=traces,
        networks=tuple(networks),
        scenes=tuple(scenes),
        stand_ins=() if constant else _stand_ins(draft, networks),
        looks_live=draft.scenario.model.inference == "live",
        tasks=tuple(task_of(draft.reader, setup.duty.app) for setup in draft.setups),
    )


def _own_traces(scenario: Scenario) -> Path | None:
    """Return where a scenario's own traces lie, if it has any."""
    named = scenario.model.traces
    if named is None:
        return None
    path = scenario.path(named, "traces")
    for file in user_traces.files_of(path):
        scenario.path(str(file), "traces")
    return path


def _live(draft: Draft) -> Eyes:
    """Return the networks that look live: those of the package, so that results are the same."""
    files = packaged()
    named = ", ".join(files)
    _check_asked(draft, files, f"{named} look live")
    chosen = _chosen(draft, lambda eye: eye.name in files)
    if not chosen:
        raise draft.scenario.error(
            ("inference",),
            f"'live': none of {named} stands for a model of arm '{draft.arm}'; ask for one with"
            " 'eye', such as eye: eye-small, or let the arm run one as its model",
        )
    eyes = tuple(
        eye._replace(sha256=hashlib.sha256(files[eye.name].read_bytes()).hexdigest())
        for eye in chosen
    )
    return _seen(draft, sight.none(), eyes, live_scenes())


def _check_asked(draft: Draft, known: Collection[str], help_: str) -> None:
    """Refuse a network that is asked for and was never measured."""
    for setup in draft.setups:
        asked = setup.equipment.eye
        if asked is not None and asked not in known:
            raise draft.scenario.error(
                (*setup.keys, "eye"),
                f"nobody sees as '{asked}'{did_you_mean(asked, list(known))}: {help_}",
            )


def _stand_ins(draft: Draft, chosen: Sequence[Eye]) -> tuple[StandIn, ...]:
    """Return who stands for the model of each setup, and why."""
    reader, out = draft.reader, []
    for setup in draft.setups:
        at, app = int(setup.row["sight"]), setup.duty.app
        known = reader.has_parameter("apps", app, "view")
        source = chosen[at].source if at >= 0 else _sources(setup)[0]
        place = f"{reader.text('apps', app, 'view')}, {source}" if known else ""
        name = chosen[at].name if at >= 0 else ""
        if at >= 0 and setup.equipment.bitrate is not None:
            draft.remarks.append(_held(setup, source))
        out.append(standins.told(reader, setup.model, place, name, setup.equipment.eye))
    return tuple(out)


def _held(setup: Setup, source: str) -> str:
    """Return what to say of the sight behind an encoder that is held to a bitrate."""
    held = float(setup.equipment.bitrate or 0) / 1e6
    return (
        f"A network behind '{setup.name}' at {held:g} Mbit/s is taken to see as behind {source},"
        " the traced quality whose bitrate by day is closest; of other lights nothing is known."
    )


def _chosen(draft: Draft, known: Callable[[Eye], bool]) -> list[Eye]:
    """Return the eyes of all setups; the row of each says which.

    For each the first that is known there, of those that are known behind every codec of the
    scenario's arms and before all, if any is: a model shall see alike wherever it runs.
    """
    arms = draft.scenario.model.arms.values()
    parts = [e for arm in arms for e in (arm, *arm.per.values())]
    sources = {RAW_NAME, *(e.codec for part in parts for e in (part, part.ask) if e and e.codec)}

    def everywhere(eye: Eye) -> bool:
        return all(known(eye._replace(source=source)) for source in sources)

    def first(setup: Setup) -> Eye | None:
        there = list(filter(known, eyes_of(draft.reader, setup)))
        return next(filter(everywhere, there), there[0] if there else None)

    firsts: list[Eye | None] = []
    for at, setup in enumerate(draft.setups):
        by = int(setup.row["asked_by"])
        if by >= 0 and crops.are_sent(draft.setups[by].equipment):
            finder = firsts[by]  # whose boxes are cut out
            shown = crops.source_of(finder.name if finder else None, ask_of(draft.setups[by]))
            draft.setups[at] = setup = replace(setup, shown=(shown,))
        firsts.append(first(setup))
    chosen = sorted({eye for eye in firsts if eye is not None})
    for setup, eye in zip(draft.setups, firsts, strict=True):
        if eye is not None:
            setup.row["sight"] = chosen.index(eye)
    return chosen


def _check_crops(draft: Draft, traced: Collection[tuple[str, ...]] | None) -> None:
    """Refuse crops of which no trace tells what is sent of a frame, and what servers see there.

    Args:
        draft: the arm.
        traced: view, source and network of all traces; None where nobody looks.

    Raises:
        InputError: there is none, with this margin, codec and these networks.
    """
    for setup, asked in _askers(draft):
        if not crops.are_sent(setup.equipment) or asked.row["sight"] >= 0:
            continue
        place = _place_of(setup, "ask", "crop_margin")
        if traced is None:
            raise draft.scenario.error(
                place,
                "crops are of what a measured network finds, and 'inference: constant' shows"
                " nothing to one; take 'inference: trace', or remove 'crop_margin'",
            )
        views = {eye.view for one in (setup, asked) for eye in eyes_of(draft.reader, one)}
        known = {(source, name) for view, source, name in traced if view in views}
        raise draft.scenario.error(
            place, crops.untraced(ask_of(setup), setup.model, asked.model, known)
        )


def _askers(draft: Draft) -> Iterator[tuple[Setup, Setup]]:
    """Yield (a setup that passes frames on, what these become)."""
    for setup in draft.setups:
        if setup.ask >= 0:
            yield setup, draft.setups[setup.ask]


def _check_live(draft: Draft) -> None:
    """Refuse networks that look live where two are to look at one frame."""
    for setup, _ in _askers(draft):
        if setup.cut is not None:
            raise draft.scenario.error(
                (*setup.keys, "split"),
                "a network that is cut in two does not look live; take 'inference: trace'",
            )
        raise draft.scenario.error(
            (*setup.keys, "ask"),
            "two networks look at the frames that are passed on, and live only one can; take"
            " 'inference: trace'",
        )


def _blind_both(draft: Draft) -> None:
    """Take a sensor and its servers to see what is there if one of them was never measured.

    Answers of which some are measured and some not cannot be counted together.

    Raises:
        InputError: the rule asks for what only a measured network tells.
    """
    for setup, asked in _askers(draft):
        if min(setup.row["sight"], asked.row["sight"]) >= 0:
            continue
        if setup.row["ask_rule"] in NEED_SIGHT:
            unseen = setup if setup.row["sight"] < 0 else asked
            raise draft.scenario.error(
                _place_of(setup, "ask", "when"),
                f"'{ask_of(setup).when}' goes by what networks find, and how '{unseen.model}' sees"
                " there was never measured, or nobody looks ('inference: constant'); name one that"
                " was with 'eye', or take another rule",
            )
        setup.row["sight"] = asked.row["sight"] = -1


def _place_of(setup: Setup, *keys: str) -> Keys:
    """Return where a scenario says what a setup asks; of a rewrite where its model stands."""
    return (*setup.keys, *keys) if setup.keys[:1] == ("arms",) else (*setup.keys, "model")


def ask_of(setup: Setup) -> Ask:
    """Return what a setup says of the frames that it passes on."""
    assert setup.equipment.ask is not None
    return setup.equipment.ask


def _pair(draft: Draft, chosen: Sequence[Eye], replays: Sequence[Replay]) -> None:
    """Check that two networks that look at one frame were measured on the same frames.

    Raises:
        InputError: their traces are of others, or do not say how sure the first was.
    """
    for setup, asked in _askers(draft):
        if setup.row["sight"] < 0:
            continue
        mine, theirs = (int(one.row["sight"]) for one in (setup, asked))
        own, other = replays[mine], replays[theirs]
        if not _same_frames(own, other):
            one, two = ("/".join(chosen[k][:3]) for k in (mine, theirs))
            raise draft.scenario.error(
                _place_of(setup, "ask"),
                f"the traces {one} and {two} are not of the same frames, so nobody knows what both"
                " see of one; trace both networks on the same clips",
            )
        if setup.row["ask_rule"] == UNSURE and (own.sure_ppm < 0).any():
            raise draft.scenario.error(
                _place_of(setup, "ask", "when"),
                f"the trace {'/'.join(chosen[mine][:3])} does not say how sure the network was;"
                " trace it anew, with 'fleet trace'",
            )


def _same_frames(one: Replay, other: Replay) -> bool:
    """Return whether two traces have the same frames, row by row."""
    return one.scenes == other.scenes and all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("start", "rows", "scene", "objects", "wanted")
    )
