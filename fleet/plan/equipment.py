"""What stands at each sensor: device, model or codec, publishing, protocol, as setup rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.catalog import Reader
from fleet.scenario.load import Scenario, did_you_mean
from fleet.scenario.schema import Equipment, parse_publish
from fleet.scenario.strict_yaml import Keys
from fleet.stages.camera import wire_bits
from fleet.stages.setup import Setups


@dataclass(frozen=True)
class Setup:
    """A row of the setup table, and what it was made from.

    Attributes:
        name: device with its model or codec, for people.
        device: catalogue item.
        model: catalogue item: on the sensor, or in the cloud.
        equipment: the complete choice; a rewrite changes its model.
        keys: where the scenario chose it.
        row: values by column of `fleet.stages.setup.Setups`.
    """

    name: str
    device: str
    model: str
    equipment: Equipment
    keys: Keys
    row: dict[str, int | float]

    @property
    def on_sensor(self) -> bool:
        """Return whether inference runs on the sensor."""
        return bool(self.row["on_sensor"])


def choose(scenario: Scenario, arm: str, group: str) -> Equipment:
    """Return the equipment of a group in an arm: the arm's, with the group's own on top."""
    spec = scenario.model.arms[arm]
    base = {f: getattr(spec, f) for f in Equipment.model_fields}
    own = spec.per.get(group)
    if own is not None:
        base.update({f: v for f, v in own.model_dump().items() if v is not None})
    return Equipment.model_construct(**base)


def build(
    scenario: Scenario, reader: Reader, equipment: Equipment, keys: Keys, fastest: Fraction
) -> Setup:
    """Return the setup row of some equipment.

    Args:
        scenario: for the places of errors.
        reader: the catalogue.
        equipment: what was chosen.
        keys: where.
        fastest: highest frame rate asked of it, frames per second.

    Raises:
        InputError: something is not in the catalogue, does not go together or does not fit.
    """
    device = equipment.device
    sensors, cameras = reader.items("sensors"), reader.items("cameras")
    if device is None:
        raise scenario.error(keys, "needs a device; see 'fleet catalog sensors' and 'cameras'")
    if device not in sensors + cameras:
        raise scenario.error(
            (*keys, "device"),
            f"no device '{device}'{did_you_mean(device, sensors + cameras)};"
            f" known: {', '.join(sensors + cameras)}",
        )
    kind = "sensors" if device in sensors else "cameras"
    sense_ns = reader.time_ns(kind, device, "sense")
    most = reader.frame_rate(kind, device, "frame_rate_max")
    if sense_ns:  # frames cannot come faster than their pixels are read out
        most = min(most, Fraction(1_000_000_000, sense_ns))
    if fastest > most:
        raise scenario.error(
            (*keys, "device"),
            f"'{device}' captures at most {float(most):g} fps, asked {float(fastest):g} fps;"
            " lower the rate or take another device",
        )
    build_kind = _ai_sensor if kind == "sensors" else _camera
    return build_kind(scenario, reader, equipment, keys)


def _ai_sensor(scenario: Scenario, reader: Reader, equipment: Equipment, keys: Keys) -> Setup:
    device, model = str(equipment.device), equipment.model
    if equipment.codec is not None:
        raise scenario.error((*keys, "codec"), f"'{device}' infers on the sensor; remove the codec")
    model = _known_model(scenario, reader, model, keys)
    _check_fit(scenario, reader, device, model, (*keys, "model"))
    every, interval_ns = parse_publish(equipment.publish or "every inference")
    tensor = (equipment.format or "message") == "tensor"
    base = "tensor" if tensor else "message_base"
    row = _row(reader, "sensors", device) | _protocol(scenario, reader, equipment, keys, "mqtt-tls")
    row |= {
        "on_sensor": 1,
        "compute_ns": compute_ns(reader, device, model),
        "fetch_ns": reader.time_ns("sensors", device, "fetch"),
        "publish_every": every,
        "publish_interval_ns": interval_ns,
        "metadata_base": reader.data_bit("models", model, base) // 8,
        "metadata_per_object": (
            0 if tensor else reader.data_bit("models", model, "message_per_object") // 8
        ),
        "metadata_most": reader.count("models", model, "max_detections"),
    }
    return Setup(f"{device} {model}", device, model, equipment, keys, row)


def compute_ns(reader: Reader, device: str, model: str) -> int:
    """Return the DSP time of a model: MACs / (MAC units · clock · utilisation), rounded up; ns."""
    macs = reader.number("models", model, "macs")
    units = reader.number("sensors", device, "mac_units")
    clock_hz = reader.number("sensors", device, "dsp_clock") * 1_000_000
    utilisation = reader.number("models", model, "utilisation")
    return -(-macs * 1_000_000_000 // (units * clock_hz * utilisation)).__floor__()


def _check_fit(scenario: Scenario, reader: Reader, device: str, model: str, keys: Keys) -> None:
    memory = reader.data_bit("sensors", device, "memory") // 8
    needed = sum(reader.data_bit("models", model, part) // 8 for part in ("weights", "working"))
    if needed > memory:
        raise scenario.error(
            keys,
            f"'{model}' needs {needed:,} B (weights and working memory) and '{device}' has"
            f" {memory:,} B: {needed - memory:,} B too many; take a smaller model",
        )
    side, most = (
        reader.count("models", model, "input"),
        reader.count("sensors", device, "input_max"),
    )
    if side > most:
        raise scenario.error(
            keys, f"'{model}' takes {side} px and '{device}' gives at most {most} px"
        )
    if not reader.has_parameter("models", model, "utilisation"):
        raise scenario.error(keys, f"'{model}' is a cloud model: its rate on a sensor is not known")


def _known_model(scenario: Scenario, reader: Reader, model: str | None, keys: Keys) -> str:
    known = reader.items("models")
    if model is None:
        raise scenario.error(keys, "needs a model; see 'fleet catalog models'")
    if model not in known:
        raise scenario.error(
            (*keys, "model"),
            f"no model '{model}'{did_you_mean(model, known)}; known: {', '.join(known)}",
        )
    return model


def _camera(scenario: Scenario, reader: Reader, equipment: Equipment, keys: Keys) -> Setup:
    device, codec = str(equipment.device), equipment.codec
    for field in ("publish", "format"):
        if getattr(equipment, field) is not None:
            raise scenario.error(
                (*keys, field), f"'{device}' sends video; '{field}' is for AI sensors, remove it"
            )
    known = reader.items("codecs")
    if codec is None or codec not in known:
        hint = did_you_mean(codec, known) if codec else ""
        raise scenario.error(
            (*keys, "codec") if codec else keys,
            f"'{device}' needs a codec, got {codec!r}{hint}; known: {', '.join(known)}",
        )
    model = _known_model(scenario, reader, equipment.model, keys)
    row = _row(reader, "cameras", device) | _protocol(scenario, reader, equipment, keys, "rtp")
    row |= _codec(reader, device, codec)
    row["compute_ns"] = reader.time_ns("cameras", device, "encode")
    return Setup(f"{device} {codec}", device, model, equipment, keys, row)


def _codec(reader: Reader, device: str, codec: str) -> dict[str, int | float]:
    """Return the codec columns: bytes measured at the reference size, scaled by pixels."""
    pixels = reader.count("cameras", device, "width") * reader.count("cameras", device, "height")
    measured = reader.count("codecs", codec, "reference_width") * reader.count(
        "codecs", codec, "reference_height"
    )
    scale = Fraction(pixels, measured)
    return {
        "i_bytes": float(scale * reader.data_bit("codecs", codec, "i_frame") / 8),
        "p_bytes": float(scale * reader.data_bit("codecs", codec, "p_frame") / 8),
        "gop": reader.count("codecs", codec, "gop"),
        "i_variation": float(reader.number("codecs", codec, "i_variation")),
        "p_variation": float(reader.number("codecs", codec, "p_variation")),
        "static_share": float(reader.number("codecs", codec, "static_share")),
        "reference_objects": float(reader.number("codecs", codec, "reference_objects")),
    }


def _row(reader: Reader, kind: str, device: str) -> dict[str, int | float]:
    """Return the columns that every device has; the others hold what changes nothing."""
    return {
        "on_sensor": 0, "fetch_ns": 0, "publish_every": 1, "publish_interval_ns": 0,
        "metadata_base": 0, "metadata_per_object": 0, "metadata_most": 0, "gop": 1,
        "i_bytes": 0.0, "p_bytes": 0.0, "i_variation": 0.0, "p_variation": 0.0,
        "static_share": 1.0, "reference_objects": 1.0,
        "sense_ns": reader.time_ns(kind, device, "sense"),
        "base_uw": reader.power_uw(kind, device, "base_power"),
        "sense_uw": reader.power_uw(kind, device, "sense_power"),
        "sense_idle_uw": reader.power_uw(kind, device, "sense_idle_power"),
        "compute_uw": reader.power_uw(kind, device, "compute_power"),
    }  # fmt: skip


def _protocol(
    scenario: Scenario, reader: Reader, equipment: Equipment, keys: Keys, default: str
) -> dict[str, int]:
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


def table(setups: Sequence[Setup]) -> Setups:
    """Return the setup table of some setups."""
    floats = {f for f, kind in Setups.__annotations__.items() if "Floats" in str(kind)}
    columns: dict[str, NDArray[Any]] = {
        field: np.array(
            [setup.row[field] for setup in setups],
            dtype=np.float64 if field in floats else np.int64,
        )
        for field in Setups._fields
    }
    return Setups(**columns)
