"""All that a frame meets at its sensor: exposure, readout, DSP or encoder, radio, and its own port.

Nothing here is shared between sensors, so that a kernel takes one sensor after another through a
span of time, and each frame through all these stages at once. A frame that would do something at or
after the end of the span is *held*, with the stage in which it is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.arrays import Ints, Keys
from fleet.columns.crossing import ALL, Hop, as_plain, cross
from fleet.columns.spending import read_out, spend
from fleet.kernel import inlined, kernel
from fleet.model.asking import Inferred, asks, in_turn, other_sight
from fleet.model.books import (
    CAPTURED,
    SENT_BITS,
    SENT_FRAMES,
    SENT_METADATA,
    SENT_PAYLOAD,
    SENT_PIXEL_FRAMES,
    Books,
)
from fleet.model.camera import gop_start, message_part, metadata_part, payload_of, wire_bits
from fleet.model.capture import Clocks, expose, move_on
from fleet.model.dsp import Dsps, occupy, published, runs_again
from fleet.model.frames import (
    ACCESS,
    ARRIVING,
    BITS,
    CLOCK,
    COMPUTING,
    DONE,
    ENDED,
    FATE,
    FRAME,
    IN_FLIGHT,
    IN_PORT,
    NO_FRAMES,
    OBJECTS,
    ON_WIRE,
    PAYLOAD,
    READY,
    RESULT,
    SENSED,
    SENSING,
    SENSOR,
    SETUP,
    SIGHT,
    SKIP_NO_POWER,
    SKIP_NOT_PUBLISHED,
    SKIP_SENSOR_DOWN,
    Columns,
    Index,
)
from fleet.model.radio import Radios, wake
from fleet.model.scene import second_of
from fleet.model.setup import Setups
from fleet.model.sight import Sights, found, of_area, pick


class Held(NamedTuple):
    """Frames held at their sensors, sensor by sensor, and the oldest first; fields (frames,).

    Their stages are SENSING, COMPUTING, ARRIVING or IN_PORT.
    """

    slots: Index
    stages: Index


EMPTY = Held(NO_FRAMES, NO_FRAMES)


class States(NamedTuple):
    """What changes at sensors, in place; one row a sensor.

    Attributes:
        setup_of: setup that stands there now.
        clocks: clock table (`fleet.model.capture`).
        dsp: DSP table (`fleet.model.dsp`).
        down_until_ns: until when the sensor is down.
        radio_used_ns: when its radio took its last frame (`fleet.model.radio`).
        asked: what it has passed on to servers, as if that were publishing (`fleet.model.asking`).
        off: 1 while its battery is empty.
    """

    setup_of: Ints
    clocks: Clocks
    dsp: Dsps
    down_until_ns: Ints
    radio_used_ns: Ints
    asked: Dsps
    off: Ints


class Sensors(NamedTuple):
    """Some sensors as kernels take them; fields (sensors,) if nothing else is said.

    Attributes:
        mine: those to advance.
        capture_keys, size_keys, sight_keys: keys of the draws.
        to_site: 1 where results are used at the site.
        radios: of the sensors.
        trace_ns: capture times of all traces.
        setups: the table of setups.
        sights: the traces of what eyes see.
        states: what changes.
    """

    mine: Ints
    capture_keys: Keys
    size_keys: Keys
    sight_keys: Keys
    to_site: Ints
    radios: Radios
    trace_ns: Ints
    setups: Setups
    sights: Sights
    states: States


class Span(NamedTuple):
    """A span of time, and what is before the sensors in it.

    Attributes:
        until_ns: its end, which is not in it.
        first_second: second of `view[0]`.
        view: objects in view by second; shape (seconds, sensors to advance).
        lights: light by second; shape (seconds,) at least.
        live: what eyes saw of the frames due; empty if they take rows of traces.
    """

    until_ns: int
    first_second: int
    view: Ints
    lights: Ints
    live: Ints


@inlined
def _compute(columns: Columns, i: int, s: int, k: int, start: int, about: Sensors) -> int:
    """Take a frame whose pixels are there through the DSP or the encoder; return its stage.

    Sets FATE and DONE if the DSP skips it, else SETUP, READY, CLOCK, PAYLOAD and BITS. An inference
    that will not be sent keeps BITS 0: it costs its energy and then is skipped. A frame that is
    passed on to servers is encoded behind the inference, and from then on is what these will see.
    """
    setups, sights, dsp = about.setups, about.sights, about.states.dsp
    now, objects, sent = columns[SENSED, i], columns[OBJECTS, i], True
    told = found(sights.rows, columns[SIGHT, i], objects)
    if setups.on_sensor[k] == 0:
        columns[READY, i] = now + setups.compute_ns[k]
    else:
        spent, busy = setups.compute_ns[k], setups.occupy_ns[k]
        if setups.then[k] >= 0:
            spent += runs_again(setups, k, told) * setups.compute_ns[setups.then[k]]
            busy = max(busy, spent)
        fate = occupy(dsp, s, now, busy)
        columns[FATE, i] = fate
        if fate != IN_FLIGHT:
            columns[DONE, i] = now
            return ENDED
        begun = dsp.free_ns[s] - busy
        columns[READY, i] = begun + spent + setups.fetch_ns[k]
        sent = published(
            dsp, s, now, min(told, setups.metadata_most[k]), setups.publish_every[k],
            setups.publish_interval_ns[k], setups.publish_change[k],
        )  # fmt: skip
        if setups.ask[k] >= 0:
            frame = Inferred(
                s, now, about.size_keys[s], columns[FRAME, i], objects, columns[SIGHT, i]
            )
            if asks(setups, sights, k, about.states.asked, frame):
                sent, own, k = True, setups.sight[k], setups.ask[k]
                columns[SIGHT, i] = other_sight(sights, setups.sight[k], own, columns[SIGHT, i])
                columns[READY, i] += of_area(sights.rows, columns[SIGHT, i], setups.compute_ns[k])
            columns[READY, i] = in_turn(about.states.asked, s, columns[READY, i])
    columns[SETUP, i] = k
    if sent:
        payload = payload_of(
            setups, sights, k, about.size_keys[s], start, columns[FRAME, i], objects,
            columns[SIGHT, i],
        )  # fmt: skip
        columns[PAYLOAD, i] = payload
        columns[BITS, i] = wire_bits(
            payload, setups.per_message[k], setups.segment[k], setups.per_segment[k]
        )
    columns[CLOCK, i] = columns[READY, i]
    return COMPUTING


@inlined
def _leave(columns: Columns, i: int, s: int, about: Sensors, books: Books) -> int:
    """Count what was spent on a frame that is ready, and whether it is sent; return its stage.

    The setup is the one that computed it: another may stand there by now.
    """
    setups, sights, sensors = about.setups, about.sights, books.sensors
    ready, k = columns[READY, i], columns[SETUP, i]
    told = found(sights.rows, columns[SIGHT, i], columns[OBJECTS, i])
    ended, before, spent = ready - setups.fetch_ns[k], setups.asked_by[k], setups.compute_ns[k]
    if setups.then[k] >= 0:
        then, again = setups.then[k], runs_again(setups, k, told)
        ended = spend(s, then, ended, again * setups.compute_ns[then], again, setups, books)
    if before >= 0:
        spent = of_area(sights.rows, columns[SIGHT, i], spent)
    ended = spend(s, k, ended, spent, 1, setups, books)
    if before >= 0:
        ended -= setups.fetch_ns[before]
        spend(s, before, ended, setups.compute_ns[before], 1, setups, books)
    bits, payload = columns[BITS, i], columns[PAYLOAD, i]
    at_home = setups.on_sensor[k] == 1 and about.to_site[s] == 1
    if bits == 0 or at_home:
        columns[FATE, i] = SKIP_NOT_PUBLISHED if bits == 0 else RESULT
        columns[DONE, i] = ready
        return ENDED
    message = metadata_part(payload, message_part(setups, k, told))
    sensors[s, SENT_FRAMES] += 1
    sensors[s, SENT_PAYLOAD] += payload
    sensors[s, SENT_BITS] += bits
    sensors[s, SENT_METADATA] += message
    sensors[s, SENT_PIXEL_FRAMES] += payload > message
    return ARRIVING


@inlined
def _capture(
    columns: Columns, i: int, s: int, objects: int, sight: int, about: Sensors, sensors: Ints
) -> int:
    """Capture the frame that is due, and move the clock of the sensor on; return its stage."""
    states = about.states
    now = states.clocks.next_ns[s]
    expose(columns, i, s, states.clocks.next_frame[s], objects, sight, now)
    sensors[s, CAPTURED] += 1
    move_on(states.clocks, s, about.capture_keys[s], about.trace_ns)
    if states.off[s] == 1 or now < states.down_until_ns[s]:
        columns[FATE, i] = SKIP_NO_POWER if states.off[s] == 1 else SKIP_SENSOR_DOWN
        columns[DONE, i] = now
        return ENDED
    columns[SENSED, i] = now + about.setups.sense_ns[states.setup_of[s]]
    return SENSING


def advance(
    columns: Columns, fresh: Index, before: Held, span: Span, about: Sensors, hop: Hop, books: Books
) -> tuple[Index, Held]:
    """Take the frames of some sensors up to a time; return (those on the wire, those held).

    Frames that meet their fate have FATE and DONE set and are not returned. All frames come in
    order of sensors, and of each sensor the oldest first. Columns, states, ports and books are
    changed in place.

    Args:
        columns: the store's columns.
        fresh: free slots for the frames due; `capture.count(...)` of them.
        before: those held before.
        span: up to when, and what is before the sensors.
        about: the sensors.
        hop: the first level of links: each is one sensor's own.
        books: what is counted.
    """
    out = np.empty((3, len(before.slots) + len(fresh)), dtype=np.int64)
    take_through = _advance_plain if hop.plain else _advance_any
    m, n = take_through(columns, fresh, before, span, about, hop, books, out)
    return out[0, :m], Held(out[1, :n], out[2, :n])


@inlined
def _advance(
    columns: Columns, fresh: Index, before: Held, span: Span, about: Sensors, hop: Hop,
    books: Books, out: Ints,
) -> tuple[int, int]:  # fmt: skip
    """Do what `advance` says; return how many are on the wire and held."""
    until_ns, first_second, view, lights, live = span
    setups, clocks, mine = about.setups, about.states.clocks, about.mine
    older, stage_of = before
    f, h, m, n = 0, 0, 0, 0
    for j in range(len(mine)):
        s = mine[j]
        k, link = about.states.setup_of[s], hop.link_of[s]
        start, sending = gop_start(about.size_keys[s], setups.gop[k]), False
        while True:
            if h < len(older) and columns[SENSOR, older[h]] == s:
                i, stage = older[h], stage_of[h]
                h += 1
            elif clocks.next_ns[s] < until_ns:
                i, second = fresh[f], second_of(clocks.next_ns[s])
                f += 1
                objects, light = view[second - first_second, j], lights[second - first_second]
                sight = live[f - 1] if len(live) else pick(
                    about.sights, setups.sight[k], light, objects, about.sight_keys[s], second,
                    clocks.next_frame[s],
                )  # fmt: skip
                stage = _capture(columns, i, s, objects, sight, about, books.sensors)
            else:
                break
            if stage == SENSING and columns[SENSED, i] < until_ns:
                read_out(columns, i, s, setups.read_ns[k], books)
                stage = _compute(columns, i, s, k, start, about)
            if stage == COMPUTING and columns[READY, i] < until_ns:
                stage = _leave(columns, i, s, about, books)
                if stage == ARRIVING:
                    wake(columns, i, s, about.radios, link >= 0, sending, books)
            if link < 0 and stage == ARRIVING and columns[CLOCK, i] < until_ns:
                columns[ACCESS, i], stage = columns[CLOCK, i], ON_WIRE
            elif stage == IN_PORT or (stage == ARRIVING and columns[CLOCK, i] < until_ns):
                stage = cross(columns, i, hop, link, stage == ARRIVING, ALL, until_ns, books)
            if stage == ON_WIRE:
                out[0, m] = i
                m += 1
            elif stage != ENDED:
                out[1, n], out[2, n] = i, stage
                n += 1
                sending = sending or stage == IN_PORT
    return m, n


@kernel
def _advance_any(
    columns: Columns, fresh: Index, before: Held, span: Span, about: Sensors, hop: Hop,
    books: Books, out: Ints,
) -> tuple[int, int]:  # fmt: skip
    return _advance(columns, fresh, before, span, about, hop, books, out)


@kernel
def _advance_plain(
    columns: Columns, fresh: Index, before: Held, span: Span, about: Sensors, hop: Hop,
    books: Books, out: Ints,
) -> tuple[int, int]:  # fmt: skip
    return _advance(columns, fresh, before, span, about, as_plain(hop, True), books, out)
