"""All that a frame meets at its sensor: exposure, readout, DSP or encoder, radio, and its own port.

Nothing here is shared between sensors, so that a kernel takes one sensor after another through a
span of time, and each frame through all these stages at once. A frame that would do something at or
after the end of the span is *held*, with the stage in which it is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import Ints, Keys
from fleet.columns.crossing import ALL, cross
from fleet.columns.hop import Hop
from fleet.kernel import inlined, kernel
from fleet.model.books import (
    CAPTURED,
    COMPUTE_NS,
    SENSE_NS,
    SENT_BITS,
    SENT_FRAMES,
    SENT_METADATA,
    SENT_PAYLOAD,
    SENT_PIXEL_FRAMES,
    measured_ns,
)
from fleet.model.camera import gop_start, message_part, metadata_part, payload_of, wire_bits
from fleet.model.capture import Clocks, expose, move_on
from fleet.model.dsp import Dsps, occupy, published
from fleet.model.frames import (
    ACCESS,
    ARRIVING,
    BITS,
    CAPTURE,
    CLOCK,
    COMPUTING,
    DONE,
    ENDED,
    FATE,
    FRAME,
    IN_FLIGHT,
    IN_PORT,
    LOST_ACCESS_BUFFER,
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
    SKIP_NOT_PUBLISHED,
    SKIP_SENSOR_DOWN,
    Columns,
    Index,
)
from fleet.model.link import Ports
from fleet.model.radio import Timers, wake
from fleet.model.scene import second_of
from fleet.model.setup import Setups
from fleet.model.sight import Sights, found, pick


class Held(NamedTuple):
    """Frames held at their sensors, sensor by sensor, and the oldest first; fields (frames,).

    Their stages are SENSING, COMPUTING, ARRIVING or IN_PORT.
    """

    slots: Index
    stages: Index


EMPTY = Held(NO_FRAMES, NO_FRAMES)


class Sensors(NamedTuple):
    """What a plan says of its sensors, as kernels take it; fields (sensors,) but the last five.

    Attributes:
        capture_keys, size_keys, radio_keys, sight_keys: keys of the draws.
        ends_at_site: whether results are made and used at the site.
        timers: of the sensors' radios.
        trace_ns: capture times of all traces.
        setups: the table of setups.
        sights: the traces of what eyes see.
        end_ns: end of the run.
    """

    capture_keys: Keys
    size_keys: Keys
    radio_keys: Keys
    sight_keys: Keys
    ends_at_site: NDArray[np.bool_]
    timers: Timers
    trace_ns: Ints
    setups: Setups
    sights: Sights
    end_ns: int


class States(NamedTuple):
    """What changes at sensors, in place; one row a sensor.

    Attributes:
        setup_of: setup that stands there now.
        clocks: clock table (`fleet.model.capture`).
        dsp: DSP table (`fleet.model.dsp`).
        down_until_ns: until when the sensor is down.
        radio_used_ns: when its radio took its last frame (`fleet.model.radio`).
    """

    setup_of: Ints
    clocks: Clocks
    dsp: Dsps
    down_until_ns: Ints
    radio_used_ns: Ints


@inlined
def _read_out(columns: Columns, i: int, s: int, read_ns: int, since_ns: int, sensors: Ints) -> None:
    """Count what was spent on reading a frame out."""
    began = columns[CAPTURE, i]
    sensors[s, SENSE_NS] += measured_ns(began, began + read_ns, since_ns)


@inlined
def _compute(
    columns: Columns, i: int, s: int, k: int, setups: Setups, sights: Sights,
    key: np.uint64, start: int, dsp: Dsps,
) -> int:  # fmt: skip
    """Take a frame whose pixels are there through the DSP or the encoder; return its stage.

    Sets FATE and DONE if the DSP skips it, else SETUP, READY, CLOCK, PAYLOAD and BITS. An inference
    that will not be sent keeps BITS 0: it costs its energy and then is skipped.
    """
    now, objects, sent = columns[SENSED, i], columns[OBJECTS, i], True
    told = found(sights.rows, columns[SIGHT, i], objects)
    if setups.on_sensor[k] == 0:
        columns[READY, i] = now + setups.compute_ns[k]
    else:
        fate = occupy(dsp, s, now, setups.occupy_ns[k])
        columns[FATE, i] = fate
        if fate != IN_FLIGHT:
            columns[DONE, i] = now
            return ENDED
        begun = dsp.free_ns[s] - setups.occupy_ns[k]
        columns[READY, i] = begun + setups.compute_ns[k] + setups.fetch_ns[k]
        sent = published(
            dsp, s, now, min(told, setups.metadata_most[k]), setups.publish_every[k],
            setups.publish_interval_ns[k], setups.publish_change[k],
        )  # fmt: skip
    columns[SETUP, i] = k
    if sent:
        payload = payload_of(
            setups, sights, k, key, start, columns[FRAME, i], objects, columns[SIGHT, i]
        )
        columns[PAYLOAD, i] = payload
        columns[BITS, i] = wire_bits(
            payload, setups.per_message[k], setups.segment[k], setups.per_segment[k]
        )
    columns[CLOCK, i] = columns[READY, i]
    return COMPUTING


@inlined
def _leave(
    columns: Columns, i: int, s: int, setups: Setups, sights: Sights, at_site: bool, since_ns: int,
    sensors: Ints, spent: Ints,
) -> int:  # fmt: skip
    """Count what was spent on a frame that is ready, and whether it is sent; return its stage.

    The setup is the one that computed it: another may stand there by now.
    """
    ready, k = columns[READY, i], columns[SETUP, i]
    ended = ready - setups.fetch_ns[k]
    computing = measured_ns(ended - setups.compute_ns[k], ended, since_ns)
    sensors[s, COMPUTE_NS] += computing
    spent[k] += computing
    bits, payload = columns[BITS, i], columns[PAYLOAD, i]
    if bits == 0 or at_site:
        columns[FATE, i] = SKIP_NOT_PUBLISHED if bits == 0 else RESULT
        columns[DONE, i] = ready
        return ENDED
    told = found(sights.rows, columns[SIGHT, i], columns[OBJECTS, i])
    message = metadata_part(payload, message_part(setups, k, told))
    sensors[s, SENT_FRAMES] += 1
    sensors[s, SENT_PAYLOAD] += payload
    sensors[s, SENT_BITS] += bits
    sensors[s, SENT_METADATA] += message
    sensors[s, SENT_PIXEL_FRAMES] += payload > message
    return ARRIVING


@inlined
def _capture(
    columns: Columns, i: int, s: int, objects: int, sight: int, key: np.uint64, trace_ns: Ints,
    clocks: Clocks, down_until_ns: int, sense_ns: int, sensors: Ints,
) -> int:  # fmt: skip
    """Capture the frame that is due, and move the clock of the sensor on; return its stage."""
    now = clocks.next_ns[s]
    expose(columns, i, s, clocks.next_frame[s], objects, sight, now)
    sensors[s, CAPTURED] += 1
    move_on(clocks, s, key, trace_ns)
    if now < down_until_ns:
        columns[FATE, i], columns[DONE, i] = SKIP_SENSOR_DOWN, now
        return ENDED
    columns[SENSED, i] = now + sense_ns
    return SENSING


def advance(
    columns: Columns, fresh: Index, before: Held, mine: Ints, until_ns: int, first_second: int,
    view: Ints, lights: Ints, live: Ints, about: Sensors, states: States, hop: Hop, ports: Ports,
    counts: Ints, bins: Ints, sensors: Ints, spent: Ints, since_ns: int,
) -> tuple[Index, Held]:  # fmt: skip
    """Take the frames of some sensors up to a time; return (those on the wire, those held).

    Frames that meet their fate have FATE and DONE set and are not returned. All frames come in
    order of sensors, and of each sensor the oldest first. Columns, states, ports and books are
    changed in place.

    Args:
        columns: the store's columns.
        fresh: free slots for the frames due; `capture.count(...)` of them.
        before: those held before.
        mine: the sensors to advance; shape (n,).
        until_ns: end of the span (not in it).
        first_second: second of `view[0]`.
        view: objects in view by second; shape (seconds, n).
        lights: light by second; shape (seconds,) at least.
        live: what eyes saw of the frames due, like `fresh`; empty if they take rows of traces.
        about: the sensors.
        states: their states.
        hop: the first level of links: each is one sensor's own.
        ports: port table; shape (links,).
        counts: book of links, as in `hop.pass_hop`; so are the next three.
        bins: book of time bins.
        sensors: book of sensors.
        spent: takes the time that each setup spends inferring or encoding, added; ns.
        since_ns: since when times are booked: the end of the warm-up.
    """
    moved, held, stages = np.empty((3, len(before.slots) + len(fresh)), dtype=np.int64)
    m, n = _advance(
        columns, fresh, before, mine, until_ns, first_second, view, lights, live, about, states,
        hop, ports, counts, bins, sensors, spent, since_ns, moved, held, stages,
    )  # fmt: skip
    return moved[:m], Held(held[:n], stages[:n])


@kernel
def _advance(
    columns: Columns, fresh: Index, before: Held, mine: Ints, until_ns: int, first_second: int,
    view: Ints, lights: Ints, live: Ints, about: Sensors, states: States, hop: Hop, ports: Ports,
    counts: Ints, bins: Ints, sensors: Ints, spent: Ints, since_ns: int, moved: Index,
    held: Index, stages: Index,
) -> tuple[int, int]:  # fmt: skip
    """Do what `advance` says; return how many are on the wire and held."""
    setup_of, clocks, dsp, down, used = states
    capture_keys, size_keys, radio_keys, sight_keys, at_site, timers, trace_ns = about[:7]
    setups, sights, end_ns = about[7:]
    link_of, links, class_of, _, tail_ns, loss_keys, extras, _ = hop
    older, stage_of = before
    f, h, m, n = 0, 0, 0, 0
    for j in range(len(mine)):
        s = mine[j]
        k, link = setup_of[s], link_of[s]
        start, sending = gop_start(size_keys[s], setups.gop[k]), False
        while True:
            if h < len(older) and columns[SENSOR, older[h]] == s:
                i, stage = older[h], stage_of[h]
                h += 1
            elif clocks.next_ns[s] < until_ns:
                i, second = fresh[f], second_of(clocks.next_ns[s])
                f += 1
                objects, light = view[second - first_second, j], lights[second - first_second]
                sight = live[f - 1] if len(live) else pick(
                    sights, setups.sight[k], light, objects, sight_keys[s], second,
                    clocks.next_frame[s],
                )  # fmt: skip
                stage = _capture(
                    columns, i, s, objects, sight, capture_keys[s], trace_ns, clocks, down[s],
                    setups.sense_ns[k], sensors,
                )  # fmt: skip
            else:
                break
            if stage == SENSING and columns[SENSED, i] < until_ns:
                _read_out(columns, i, s, setups.read_ns[k], since_ns, sensors)
                stage = _compute(columns, i, s, k, setups, sights, size_keys[s], start, dsp)
            if stage == COMPUTING and columns[READY, i] < until_ns:
                stage = _leave(columns, i, s, setups, sights, at_site[s], since_ns, sensors, spent)
                if stage == ARRIVING:
                    wake(
                        columns, i, s, radio_keys[s], timers, link >= 0, sending, end_ns, used,
                        sensors,
                    )  # fmt: skip
            if link < 0 and stage == ARRIVING and columns[CLOCK, i] < until_ns:
                columns[ACCESS, i], stage = columns[CLOCK, i], ON_WIRE
            elif stage == IN_PORT or (stage == ARRIVING and columns[CLOCK, i] < until_ns):
                stage = cross(
                    columns, i, s, link, stage == ARRIVING, True, extras is None, False, ALL,
                    until_ns, since_ns, links, class_of, tail_ns, loss_keys, ports, counts, bins,
                    sensors, LOST_ACCESS_BUFFER, ACCESS,
                )  # fmt: skip
            if stage == ON_WIRE:
                moved[m] = i
                m += 1
            elif stage != ENDED:
                held[n], stages[n] = i, stage
                n += 1
                sending = sending or stage == IN_PORT
    return m, n
