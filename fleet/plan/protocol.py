"""What messages are made of, and what protocols add to what is sent."""

from __future__ import annotations

from fleet.catalog import Reader
from fleet.model.camera import wire_bits
from fleet.scenario.arms import Equipment
from fleet.scenario.load import Scenario, did_you_mean
from fleet.scenario.strict_yaml import Keys


def message_row(reader: Reader, model: str) -> dict[str, int | float]:
    """Return the columns of a model's message: FlatBuffers in base64 inside a JSON envelope."""
    return {
        "metadata_envelope": reader.data_bit("models", model, "envelope") // 8,
        "metadata_base": reader.data_bit("models", model, "flatbuffer_base") // 8,
        "metadata_per_object": reader.data_bit("models", model, "flatbuffer_per_object") // 8,
        "metadata_base64": 1,
    }


def protocol_row(
    scenario: Scenario, reader: Reader, equipment: Equipment, keys: Keys, default: str
) -> dict[str, int]:
    """Return the columns of the protocol of some equipment, or of another if it names none.

    Raises:
        InputError: there is no such protocol.
    """
    protocol, known = equipment.protocol or default, reader.items("protocols")
    if protocol not in known:
        raise scenario.error(
            (*keys, "protocol"),
            f"no protocol '{protocol}'{did_you_mean(protocol, known)}; known: {', '.join(known)}",
        )
    return _overhead(reader, protocol)


def _overhead(reader: Reader, protocol: str) -> dict[str, int]:
    """Return what a protocol adds to a message: the arguments of `camera.wire_bits`; bytes."""
    return {
        parameter: reader.data_bit("protocols", protocol, parameter) // 8
        for parameter in ("per_message", "segment", "per_segment")
    }


def message_bits(reader: Reader, payload: int) -> int:
    """Return the bits on the wire of a message sent down by MQTT; payload in bytes."""
    return wire_bits(payload, *_overhead(reader, "mqtt-tls").values())
