"""The timetable of an arm: the events of its scenario and the models that a user writes."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from fleet.chance import Stream, mix64, name_hashes, stream_keys, uniform
from fleet.errors import InputError
from fleet.model.asking import EVERY
from fleet.model.events import LINK_RATE, SERVERS, SERVERS_DOWN
from fleet.plan import caps, domains, failures, followed, profiles, timetable
from fleet.plan.calendar import calendar_of, moments_ns
from fleet.plan.draft import Draft, setup_with_model
from fleet.plan.equipment import Setup
from fleet.plan.groups import Control
from fleet.plan.limits import check_buffer
from fleet.plan.network import RADIO
from fleet.plan.pools import resized
from fleet.plan.presence import (
    Absences,
    Coming,
    absences,
    away_or_down,
    by_sensor,
    down_while_there,
    presence_rows,
    remarks,
)
from fleet.plan.protocol import message_bits
from fleet.plan.rollout import Request, rollout_table, sending_ns, written_in
from fleet.scenario.event import Event
from fleet.scenario.load import did_you_mean
from fleet.scenario.strict_yaml import Keys

EventRow = timetable.EventRow


class _Asked(NamedTuple):
    """What events ask for: rows of the timetable, and what rows are yet to be made of.

    Attributes:
        rows: as they are.
        downs: when something is down.
        requests: rewrites.
        changes: of frame rates and demand.
        comings: who joins and leaves.
        domains: what can fail together.
    """

    rows: list[EventRow]
    downs: failures.Downs
    requests: list[Request]
    changes: list[profiles.Change]
    comings: list[Coming]
    domains: Mapping[str, domains.Instances]


def build(draft: Draft) -> tuple[Control, tuple[Setup, ...]]:
    """Return (control events of an arm, its setups with those that rewrites make).

    Raises:
        InputError: an event comes too late, or what it names does not exist or fit.
    """
    end_ns = draft.scenario.model.duration
    asked = _Asked([], failures.Downs({}, {}, {}), [], [], [], domains.instances(draft))
    draft.remarks += domains.remarks(draft, asked.domains)
    rows, requests, downs = asked.rows, asked.requests, asked.downs
    rows += timetable.hour_events(calendar_of(draft.scenario), end_ns)
    rows += followed.rows(draft, downs.links)
    rows += caps.rows(draft)
    for i, event in enumerate(draft.scenario.model.events):
        _add(draft, i, event, asked)
    rows += profiles.rows(draft, asked.changes)
    requests += _deployed(draft)
    requests.sort(key=lambda r: (r.at_ns, r.sensor, r.model))  # whoever stands first in the file
    links, sensors, pools = map(failures.merged, downs)
    absent = _absences(draft, asked.comings)
    written = written_in(requests, draft.net, links, away_or_down(sensors, absent))
    rows += presence_rows(absent)
    rows += timetable.down_rows(SERVERS_DOWN, pools, end_ns)
    control = Control(
        timetable.assemble(rows, links, down_while_there(sensors, absent), written, end_ns),
        rollout_table(written),
        end_ns,
    )
    return control, tuple(draft.setups)


def _add(draft: Draft, number: int, event: Event, asked: _Asked) -> None:
    """Add what an event asks for."""
    keys, moments = ("events", number), _moments(draft, event, ("events", number))
    if event.kind == "resize":
        region = resized(draft.scenario, event, keys)
        asked.rows.extend((at, SERVERS, region, event.servers or 1, 0) for at in moments)
        return
    if event.kind == "failure":
        failing = domains.failing(draft, event, keys, asked.domains)
        many = sum(len(part) for one in failing for part in one[1:])
        _check_rows(draft, event, moments, many, keys)
        failures.add_failures(draft, event, moments, failing, asked.downs)
        return
    targets = timetable.targets(draft.scenario, event, keys, draft.roster, draft.net)
    if event.kind == "ladder":
        return  # what it says is no row of the timetable: it has a way to go
    _check_rows(draft, event, moments, len(targets), keys)
    if event.kind == "profile":
        asked.changes.append(profiles.Change(event, moments, targets))
        profiles.check_rates(draft, asked.changes[-1], keys)
    elif event.kind == "link":
        asked.rows.extend(_rate_rows(draft, event, moments, targets, keys))
    elif event.kind in ("join", "leave"):
        joins = event.kind == "join"
        asked.comings.append(Coming(number, event.target, joins, targets, moments))
    elif event.kind == "rewrite":
        asked.requests.extend(_rollout(draft, event, moments, targets, keys))
    else:
        failures.add_own(draft, event, moments, targets, asked.downs)
        failures.remark_absence(draft, number, event, moments)


def _moments(draft: Draft, event: Event, keys: Keys) -> Sequence[int]:
    """Return when an event is stated to happen; ns.

    Raises:
        InputError: too often, or not before the end of the run.
    """
    _check_repeats(draft, event, keys)
    moments, end_ns = moments_ns(draft.scenario, event), draft.scenario.model.duration
    if moments and moments[0] >= end_ns:
        raise draft.scenario.error(
            (*keys, "at"),
            f"{moments[0] / 1e9:g} s from the start is not before the end of the run at"
            f" {end_ns / 1e9:g} s; make it earlier, run longer, or leave events out:"
            " --set 'events=[]'",
        )
    return moments


def _absences(draft: Draft, comings: Sequence[Coming]) -> Absences:
    """Return when sensors are not there, and remark on what may not be meant."""
    changes, end_ns = by_sensor(comings), draft.scenario.model.duration
    absent = absences(changes, end_ns)
    draft.remarks += remarks(comings, changes, absent)
    never = {sensor for sensor, spans in absent.items() if spans == [(0, end_ns)]}
    for g, group in enumerate(draft.roster.groups if never else ()):
        mine = set(np.flatnonzero(draft.roster.group_of == g).tolist())
        if mine and mine <= never:
            draft.remarks.append(f"Nobody of '{group}' is ever there, as 'events' have it.")
    return absent


def _rate_rows(
    draft: Draft, event: Event, moments: Sequence[int], links: Sequence[int], keys: Keys
) -> list[EventRow]:
    """Return the rows of a change of the rate of some links.

    Raises:
        InputError: they are the radios of a cell, whose rate is what one sender has, or follow a
            file, or are too slow for their buffers.
    """
    rows = []
    for c in np.unique(draft.net.class_of[list(links)]):
        kind = draft.net.classes[c]
        cell = kind.name.removesuffix(RADIO)
        if cell != kind.name:
            raise draft.scenario.error(
                (*keys, "link"),
                f"'{kind.name}' is what one sender's radio has, which stays; say 'link: {cell}',"
                " which all share",
            )
        if kind.steps is not None:
            raise draft.scenario.error(
                (*keys, "link"),
                f"the rate of '{kind.name}' follows a file; leave the event out, or the file",
            )
        check_buffer(draft.scenario, kind.name, kind.buffer_bit, event.bps)
        bps, buffer_ns = kind.at_rate(event.bps)
        mine = [link for link in links if draft.net.class_of[link] == c]
        rows += [(at, LINK_RATE, link, bps, buffer_ns) for at in moments for link in mine]
    return rows


MAX_REPEATS = 10_000
"""How often one event may be stated to happen."""
MAX_ROWS = 1_000_000
"""How often it may happen to all that it is about: each time is a row of the timetable."""


def _check_repeats(draft: Draft, event: Event, keys: Keys) -> None:
    """Refuse an event that is stated too often."""
    times = draft.scenario.model.duration // event.every if event.every else 1
    if times > MAX_REPEATS:
        raise draft.scenario.error(
            (*keys, "every"),
            f"would happen {times:,} times, more than {MAX_REPEATS:,}; make it longer",
        )


def _check_rows(draft: Draft, event: Event, moments: Sequence[int], many: int, keys: Keys) -> None:
    """Refuse an event that would happen too often to all that it is about, before it is drawn."""
    if event.at is None:
        key = "mtbf"
        times = draft.scenario.model.duration // ((event.mtbf or 1) + (event.mttr or 1)) + 1
    else:
        key, times = "every", len(moments)
    if times > 1 and times * many > MAX_ROWS:
        raise draft.scenario.error(
            (*keys, key),
            f"would happen some {times:,} times to {many:,} of '{event.target}', {times * many:,}"
            f" times in all, more than {MAX_ROWS:,}; make it longer, or name fewer",
        )


def _rollout(
    draft: Draft, event: Event, moments: Sequence[int], sensors: Sequence[int], keys: Keys
) -> list[Request]:
    """Return the rewrites of an event: in each of its moments, wave after wave."""
    waves = min(event.waves, max(1, len(sensors)))
    return [
        request
        for at in moments
        for wave in range(waves)
        for request in _requests(
            draft,
            at + wave * (event.wave_every or 0),
            sensors[len(sensors) * wave // waves : len(sensors) * (wave + 1) // waves],
            event.model or "",
            keys,
        )
    ]


def _deployed(draft: Draft) -> list[Request]:
    """Return the rewrites that a user asks for."""
    out: list[Request] = []
    for deployment in draft.deployments:
        sensor = draft.roster.index(deployment.sensor)
        if sensor < 0:
            hint = did_you_mean(deployment.sensor, draft.roster.names)
            raise InputError(f"no sensor '{deployment.sensor}'{hint}")
        asked = copy.copy(draft)  # which adds setups to both
        asks = f"deploy('{deployment.sensor}', '{deployment.model}')"
        asked.scenario = replace(draft.scenario, asks=asks)
        out += _requests(asked, deployment.at_ns, [sensor], deployment.model, ())
    return out


def _requests(
    draft: Draft, at_ns: int, sensors: Sequence[int], model: str, keys: Keys
) -> list[Request]:
    """Return the rewrites of some sensors; cameras hold no model and are passed over."""
    out = []
    read = draft.reader
    for sensor in sensors:
        old = draft.setup(sensor)
        if not old.on_sensor:
            continue
        if old.cut is not None:
            raise draft.scenario.error(
                keys,
                f"sensors of '{draft.roster.group(sensor)}' hold the first layers of '{old.model}',"
                " whose others servers run ('split'), and a rewrite changes sensors only; leave it"
                " out, or remove 'split'",
            )
        if old.then is not None and not old.then.infer:
            raise draft.scenario.error(
                keys,
                f"sensors of '{draft.roster.group(sensor)}' hold '{old.model}' and send what it"
                f" finds to '{old.then.model}' ('pipeline'): that one of two networks can be"
                " rewritten is in no source; leave it out, or remove 'pipeline'",
            )
        new = setup_with_model(draft, old, model, keys)
        if old.then is not None and draft.setups[new].then != old.then:
            raise draft.scenario.error(
                keys,
                f"'{model}' tells of fewer objects than '{old.model}', or of more, and servers look"
                f" at {old.then.most} of a frame at most; state a 'most' in 'pipeline' that both"
                " can tell of",
            )
        firmware_bit = read.data_bit("models", model, "firmware")

        def write_ns(parameter: str, device: str = old.device, bits: int = firmware_bit) -> int:
            return sending_ns(bits, read.rate_bps("sensors", device, parameter))

        out.append(
            Request(
                at_ns=at_ns,
                sensor=sensor,
                setup=new,
                model=model,
                old_model=old.model,
                old_bits=read.data_bit("models", old.model, "firmware"),
                firmware_bits=firmware_bit,
                bits=message_bits(read, firmware_bit // 8),
                write_ns=write_ns("model_write_rate"),
                cached_write_ns=write_ns("cached_write_rate"),
                cache_bits=read.data_bit("sensors", old.device, "cache"),
                page_ns=_page_ns(draft, sensor, old),
            )
        )
    return out


def _quiet_ns(setup: Setup, what: str) -> float | Fraction:
    """Return how long a sensor sends nothing by the rule of what it publishes, or asks about; ns.

    What goes by what is found counts as a message a period, but for the silence after which one is
    sent in any case. Infinite if it never does.
    """
    row, every = setup.row, 1
    if what == "publish":
        every = int(row["publish_every"])
    elif row["ask"] < 0:
        every = -1
    elif row["ask_rule"] == EVERY:
        every = int(row["ask_number"])
    if every < 0:
        return math.inf
    return max(row[f"{what}_interval_ns"], max(1, every) * 1_000_000_000 / setup.duty.rate)


def _page_ns(draft: Draft, sensor: int, setup: Setup) -> int:
    """Return how long a rewrite waits for a sensor's radio to listen; ns.

    A sensor that publishes more often than its radio's tail is long keeps it connected: the wait
    is uniform in a DRX cycle, or none if it never dozes. Else it is uniform in a paging cycle, and
    the radio is promoted.
    """
    radio = draft.net.classes[draft.net.radio_of[sensor]].radio
    quiet_ns = min(_quiet_ns(setup, "publish"), _quiet_ns(setup, "ask"))
    key = stream_keys(
        name_hashes([draft.roster.names[sensor]]), draft.scenario.model.seed, draft.replication,
        Stream.RADIO,
    )[0]  # fmt: skip
    listens = uniform(np.uint64(mix64(key)), 0)
    if quiet_ns > radio.tail_ns:
        return int(listens * radio.paging_cycle_ns) + int(radio.promotion_ns)
    return int(listens * radio.drx_cycle_ns) if quiet_ns > radio.drx_after_ns else 0
