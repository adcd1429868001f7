"""What stands at a sensor: one row a setup, shared by all sensors that have it."""

from __future__ import annotations

from fleet.arrays import Floats, Ints, Table
from fleet.model.sight import LIGHTS


class Setups(Table):
    """The setup table: one row a setup.

    Columns that do not apply (the codec of a sensor without pictures, the message of a camera) hold
    what changes nothing.
    """

    WIDE = dict.fromkeys(("i_bytes", "still_bytes", "moving_bytes"), len(LIGHTS))

    on_sensor: Ints  # 1 if inference runs on the sensor, 0 if the frame goes to servers
    sense_ns: Ints  # end of exposure to pixels processed
    read_ns: Ints  # of it, reading the pixel array out
    compute_ns: Ints  # DSP or encoder time of a frame
    occupy_ns: Ints  # from one inference to the next at least: its own time, 1 / highest rate
    fetch_ns: Ints  # reading the result out of the sensor
    publish_every: Ints  # publish every n-th inference; 0 if by time or change, -1 if none
    publish_interval_ns: Ints  # publish at most once in this time; 0 if by count or change
    publish_change: Ints  # 1: publish when the number of objects changes
    ask: Ints  # the setup of frames that are passed on to servers, -1 if none are
    asked_by: Ints  # of that setup the one that infers before it, else -1
    ask_rule: Ints  # which frames: a rule of `fleet.model.asking`
    ask_number: Ints  # its number: of objects, of inferences, in millionths
    ask_interval_ns: Ints  # its time, as that of publishing
    then: Ints  # of one whose DSP runs a second network behind it, that network's row, else -1
    then_of: Ints  # of that row the one that runs before it, else -1
    then_most: Ints  # objects of a frame that a second network looks at, wherever; 0 without one
    metadata_most: Ints  # objects that a message can hold
    metadata_base: Ints  # bytes of a message or tensor about nothing
    metadata_per_object: Ints  # bytes
    metadata_base64: Ints  # 1 if these bytes travel as base64: 4 characters for 3 bytes
    metadata_envelope: Ints  # bytes around them
    pixels_base: Ints  # bytes of a whole picture that is not encoded
    pixels_per_object: Ints  # bytes of an object's crop
    gop: Ints  # frames
    exponential_sizes: Ints  # 1 if frame sizes are exponential, 0 if near normal
    decode_px: Ints  # pixels of a whole picture to decode; 0 if it is not encoded
    sight: Ints  # trace of its eye, -1 if that was not measured
    traced_bytes: Ints  # 1 if the bytes of its frames vary as those of the trace
    per_message: Ints  # bytes
    segment: Ints  # bytes
    per_segment: Ints  # bytes
    base_uw: Ints  # host and interface, always on
    sense_uw: Ints  # while the pixel array is read out
    sense_idle_uw: Ints  # between readouts
    compute_uw: Ints  # while the DSP or the encoder runs
    i_bytes: Floats  # mean bytes of an I frame, in the order of `sight.LIGHTS`
    still_bytes: Floats  # of a P frame with nobody in view
    moving_bytes: Floats  # what each object in view adds to it
    i_variation: Floats  # coefficients of variation
    p_variation: Floats
