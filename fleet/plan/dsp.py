"""The DSP of an AI sensor: how long a model takes, what it draws, and whether it fits."""

from __future__ import annotations

import math
from fractions import Fraction

from fleet.catalog import Reader
from fleet.scenario.load import Scenario
from fleet.scenario.strict_yaml import Keys


def compute_ns(reader: Reader, device: str, model: str, kind: str = "models") -> int:
    """Return the time that the DSP takes for a model, rounded down, at least 1; ns.

        MACs / (MAC units · clock · efficiency) + bytes moved / bandwidth
        + bytes resized / resize bandwidth + layers · time of a layer

    The constants are the device's, the features the model's (`docs/MODEL.md`, section 4), or with
    the kind `cuts` those of the layers before a cut.
    """

    def constant(parameter: str) -> Fraction:
        return reader.number("sensors", device, parameter)

    macs = reader.number(kind, model, "macs")
    macs_per_s = constant("mac_units") * constant("dsp_clock") * 1_000_000
    seconds = macs / (macs_per_s * constant("dsp_efficiency"))
    for feature, bandwidth in (("moved", "dsp_bandwidth"), ("resized", "resize_bandwidth")):
        seconds += Fraction(
            reader.data_bit(kind, model, feature), reader.rate_bps("sensors", device, bandwidth)
        )
    layers_ns = reader.count(kind, model, "layers") * reader.time_ns(
        "sensors", device, "layer_time"
    )
    return max(1, math.floor(seconds * 1_000_000_000) + layers_ns)


def least_gap_ns(reader: Reader, model: str) -> int:
    """Return the time between inferences at the highest rate that is published for a model; ns.

    Rounded down, as times of capture are, so that a sensor of that very rate is never early.
    """
    if not reader.has_parameter("models", model, "rate_max"):
        return 0
    return math.floor(1_000_000_000 / reader.frame_rate("models", model, "rate_max"))


def dsp_uw(reader: Reader, device: str, model: str, spent_ns: int, kind: str = "models") -> int:
    """Return the power of the DSP while it runs a model, or the layers before a cut; µW.

    base + (peak - base) · MACs / (MAC units · clock · time): it grows with the share of the MAC
    units that work.
    """
    units = reader.number("sensors", device, "mac_units")
    clock = reader.number("sensors", device, "dsp_clock") * 1_000_000
    used = reader.number(kind, model, "macs") * 1_000_000_000 / (units * clock * spent_ns)
    base = reader.power_uw("sensors", device, "dsp_power_base")
    return base + int((reader.power_uw("sensors", device, "dsp_power_peak") - base) * used)


def check_fit(scenario: Scenario, reader: Reader, device: str, model: str, keys: Keys) -> None:
    """Refuse a model that the memory or the input of a device cannot hold.

    Raises:
        InputError: it does not fit; says by how many bytes.
    """
    if not reader.has_parameter("models", model, "moved"):
        raise scenario.error(keys, f"'{model}' is a cloud model: its time on a sensor is not known")
    memory = memory_bytes(reader, device)
    weights, working = parts = needed_bytes(reader, model)
    needed = sum(parts)
    if needed > memory:
        raise scenario.error(
            keys,
            f"'{model}' needs {needed:,} B (weights {weights:,} B, working memory {working:,} B)"
            f" and '{device}' has {memory:,} B: {needed - memory:,} B too many; take a smaller"
            " model",
        )
    check_input(scenario, reader, device, model, keys)


def memory_bytes(reader: Reader, device: str) -> int:
    """Return the memory of an AI sensor."""
    return reader.data_bit("sensors", device, "memory") // 8


def needed_bytes(reader: Reader, model: str, kind: str = "models") -> tuple[int, int]:
    """Return (weights, working memory) of a model, or of the layers before a cut."""
    weights, working = (reader.data_bit(kind, model, part) // 8 for part in ("weights", "working"))
    return weights, working


def check_input(scenario: Scenario, reader: Reader, device: str, model: str, keys: Keys) -> None:
    """Refuse a model whose picture is larger than a device gives.

    Raises:
        InputError: it is.
    """
    side, most = (
        reader.count("models", model, "input"),
        reader.count("sensors", device, "input_max"),
    )
    if side > most:
        raise scenario.error(
            keys, f"'{model}' takes {side} px and '{device}' gives at most {most} px"
        )
