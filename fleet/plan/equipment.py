"""What stands at each sensor: device, model or codec, publishing, protocol, as setup rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from fleet.catalog import Reader
from fleet.eyes.eye import RAW_NAME
from fleet.model.setup import Setups
from fleet.model.sight import LIGHTS
from fleet.plan import asking, crops, cutting, dsp, pictures, video
from fleet.plan.cutting import Cut
from fleet.plan.limits import check_times
from fleet.plan.protocol import message_row, protocol_row
from fleet.scenario.arms import Equipment
from fleet.scenario.load import Scenario, did_you_mean
from fleet.scenario.publish import parse_publish
from fleet.scenario.strict_yaml import Keys


@dataclass(frozen=True)
class Duty:
    """What a group asks of its equipment.

    Attributes:
        rate: frames per second.
        fastest: the same, the highest of the run.
        app: what it looks for.
    """

    rate: Fraction
    fastest: Fraction
    app: str


@dataclass(frozen=True)
class Setup:
    """A row of the setup table, and what it was made from.

    Attributes:
        name: device with its model or codec, for people.
        kind: of the device: sensors or cameras.
        device: catalogue item.
        model: catalogue item: on the sensor, or in the cloud.
        equipment: the complete choice; a rewrite changes its model.
        duty: what it is asked to do.
        keys: where the scenario chose it.
        row: values by column of `fleet.model.setup.Setups`.
        shown: codecs behind whose pictures a server may be taken to see, the best first.
        cut: where its model is cut, None if it runs whole.
    """

    name: str
    kind: str
    device: str
    model: str
    equipment: Equipment
    duty: Duty
    keys: Keys
    row: dict[str, int | float]
    shown: tuple[str, ...] = ()
    cut: Cut | None = None

    @property
    def on_sensor(self) -> bool:
        """Return whether inference runs on the sensor."""
        return bool(self.row["on_sensor"])

    @property
    def served(self) -> str:
        """Return what servers run of its model, for people: all of it, or what follows a cut."""
        return self.model if self.cut is None else f"{self.model} behind {self.cut.after}"

    @property
    def ask(self) -> int:
        """Return the number of the setup of frames that are passed on to servers, -1 for none."""
        return int(self.row["ask"])


def choose(scenario: Scenario, arm: str, group: str) -> Equipment:
    """Return the equipment of a group in an arm: the arm's, with the group's own on top."""
    spec = scenario.model.arms[arm]
    base = {f: getattr(spec, f) for f in Equipment.model_fields}
    own = spec.per.get(group)
    if own is not None:
        base.update({f: getattr(own, f) for f in base if getattr(own, f) is not None})
    return Equipment.model_construct(**base)


def build(
    scenario: Scenario, reader: Reader, equipment: Equipment, keys: Keys, duty: Duty
) -> Setup:
    """Return the setup row of some equipment.

    Args:
        scenario: for the places of errors.
        reader: the catalogue.
        equipment: what was chosen.
        keys: where.
        duty: what it is asked to do.

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
    mode = _mode(scenario, reader, equipment, keys) if kind == "sensors" else ""
    _check_rate(scenario, reader, kind, device, mode, keys, duty.fastest)
    if kind == "sensors" and equipment.infer is None:
        setup = _ai_sensor(scenario, reader, equipment, keys, mode, duty)
    else:
        setup = _camera(scenario, reader, equipment, keys, kind, mode, duty)
    check_times(scenario, keys, setup.name, setup.row)
    return setup


def _mode(scenario: Scenario, reader: Reader, equipment: Equipment, keys: Keys) -> str:
    """Return how an AI sensor is read out, as the suffix of its parameters."""
    device = str(equipment.device)
    modes = reader.text("sensors", device, "modes").split()
    mode = equipment.mode or reader.text("sensors", device, "default_mode")
    if mode not in modes:
        raise scenario.error(
            (*keys, "mode"),
            f"'{device}' has no mode '{mode}'{did_you_mean(mode, modes)};"
            f" modes: {', '.join(modes)}",
        )
    return f"_{mode}"


def sense_ns(reader: Reader, kind: str, device: str, mode: str) -> int:
    """Return the time from the end of exposure to processed pixels: readout + processing; ns."""
    if kind == "cameras":
        return reader.time_ns(kind, device, "sense")
    return reader.time_ns(kind, device, f"readout{mode}") + reader.time_ns(kind, device, "process")


def _check_rate(
    scenario: Scenario, reader: Reader, kind: str, device: str, mode: str, keys: Keys,
    fastest: Fraction,
) -> None:  # fmt: skip
    most = reader.frame_rate(kind, device, f"frame_rate_max{mode}")
    read_ns = reader.time_ns(kind, device, f"readout{mode}" if mode else "sense")
    if read_ns > 1:  # frames cannot come faster than their pixels are read out, to the nanosecond
        most = min(most, Fraction(1_000_000_000, read_ns - 1))
    if fastest > most:
        how = f" in mode '{mode[1:]}'" if mode else ""
        told = _apart(float(most), float(fastest))
        raise scenario.error(
            (*keys, "device"),
            f"'{device}' captures at most {told[0]} fps{how}, asked {told[1]} fps; lower the rate"
            " or take another device",
        )


def _ai_sensor(
    scenario: Scenario, reader: Reader, equipment: Equipment, keys: Keys, mode: str, duty: Duty
) -> Setup:
    device = str(equipment.device)
    output = equipment.output or "message"
    for field in ("bitrate", "encoder"):
        if getattr(equipment, field) is not None:
            raise scenario.error(
                (*keys, field),
                f"'{device}' infers on the sensor; remove '{field}', or say with 'infer' where its"
                " pictures are inferred",
            )
    if equipment.codec is not None and not output.startswith("image"):
        raise scenario.error(
            (*keys, "codec"), f"output '{output}' of '{device}' is not encoded; remove the codec"
        )
    model = _known_model(scenario, reader, equipment.model, keys)
    cut = cutting.cut_of(scenario, reader, equipment, model, keys)
    if cut is None:
        dsp.check_fit(scenario, reader, device, model, (*keys, "model"))
    runs, kind = (model, "models") if cut is None else (cut.item, "cuts")
    every, interval_ns, change = parse_publish(equipment.publish or "every inference")
    rule = asking.rule(scenario, equipment, keys)
    compute = dsp.compute_ns(reader, device, runs, kind)
    row = _row(scenario, reader, "sensors", equipment, keys, mode)
    row |= protocol_row(scenario, reader, equipment, keys, "mqtt-tls")
    row |= {
        "on_sensor": 1,
        "compute_ns": compute,
        "compute_uw": dsp.dsp_uw(reader, device, runs, compute, kind),
        "occupy_ns": max(compute, dsp.least_gap_ns(reader, model)),
        "publish_every": every,
        "publish_interval_ns": interval_ns,
        "publish_change": int(change),
        "ask_rule": rule.rule,
        "ask_number": rule.number,
        "ask_interval_ns": rule.interval_ns,
        "metadata_most": reader.count("models", model, "max_detections"),
    }
    if cut is not None:
        row["pixels_base"] = cut.sent_bytes
    elif output in ("message", "image + message"):
        row |= message_row(reader, model)
    elif output == "tensor":
        row["metadata_base"] = reader.data_bit("models", model, "tensor") // 8
    row |= pictures.pixels_row(scenario, reader, equipment, keys, mode, duty.rate, duty.app)
    row["fetch_ns"] = reader.time_ns("sensors", device, "fetch") + pictures.transfer_ns(
        reader, device, row
    )
    return Setup(f"{device} {model}", "sensors", device, model, equipment, duty, keys, row, cut=cut)


def asked(scenario: Scenario, reader: Reader, of: Setup) -> Setup | None:
    """Return what frames become that a setup passes on to servers, None if it passes on none.

    That is a camera's picture, out of the same body, and always an I frame, or crops of it; or the
    tensor at which its network is cut, which nobody encodes.

    Raises:
        InputError: something is not in the catalogue or does not go together.
    """
    if of.cut is not None:
        return _rest(scenario, reader, of, of.cut)
    if of.equipment.ask is None:
        return None
    chosen = asking.camera(of.equipment)
    mode = _mode(scenario, reader, chosen, of.keys)
    setup = _camera(scenario, reader, chosen, (*of.keys, "ask"), "sensors", mode, of.duty)
    check_times(scenario, setup.keys, setup.name, setup.row)
    what = chosen.codec
    if crops.are_sent(of.equipment):
        crops.check(scenario, reader, of.model, of.equipment, of.keys)
        what = f"crops, {what}"
    return replace(setup, name=f"{of.name} → {what}", row=setup.row | {"gop": 1})


def _rest(scenario: Scenario, reader: Reader, of: Setup, cut: Cut) -> Setup:
    """Return what a frame becomes whose network servers finish: the tensor at the cut."""
    mode = _mode(scenario, reader, of.equipment, of.keys)
    row = _row(scenario, reader, "sensors", of.equipment, of.keys, mode)
    row |= protocol_row(scenario, reader, of.equipment, of.keys, "mqtt-tls")
    row |= {"compute_ns": 0, "compute_uw": 0, "pixels_base": cut.sent_bytes}
    row["metadata_most"] = of.row["metadata_most"]
    return replace(
        of, name=f"{of.name} → {cut.after}", row=row, shown=(RAW_NAME,),
        equipment=of.equipment.model_copy(update={"infer": cut.infer}),
    )  # fmt: skip


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


def _camera(
    scenario: Scenario, reader: Reader, equipment: Equipment, keys: Keys, kind: str, mode: str,
    duty: Duty,
) -> Setup:  # fmt: skip
    """Return the setup of a camera, or of an AI sensor whose pictures are encoded and sent."""
    device = str(equipment.device)
    if equipment.split is not None and kind == "sensors":
        raise scenario.error(
            (*keys, "split"),
            f"with 'infer' '{device}' sends video; say where the rest of the network runs in"
            " 'split: {after: LAYER, infer: edge}', and leave the arm's own 'infer' out",
        )
    for field in ("publish", "output", "ask", "split", *(("mode",) if kind == "cameras" else ())):
        if getattr(equipment, field) is not None:
            raise scenario.error(
                (*keys, field), f"'{device}' sends video; '{field}' is for AI sensors, remove it"
            )
    encoder = pictures.encoder_of(scenario, reader, equipment, keys, kind)
    model = _known_model(scenario, reader, equipment.model, keys)
    pixels = pictures.pixel_count(reader, kind, device, mode)
    row = _row(scenario, reader, kind, equipment, keys, mode)
    row |= protocol_row(scenario, reader, equipment, keys, "rtp")
    row |= video.codec_row(scenario, reader, equipment, keys, kind, pixels, duty.rate, duty.app)
    family = reader.text("codecs", str(equipment.codec), "family")
    row |= pictures.encoder_row(reader, device, encoder, family, pixels)
    shown = video.shown(reader, str(equipment.codec), pixels, duty.rate, equipment.bitrate)
    name = f"{device} {equipment.codec}"
    return Setup(name, kind, device, model, equipment, duty, keys, row, shown)


def _apart(one: float, other: float) -> tuple[str, str]:
    """Return two numbers that differ with as many digits as it takes to tell them apart."""
    digits = next(n for n in range(6, 18) if f"{one:.{n}g}" != f"{other:.{n}g}")
    return f"{one:.{digits}g}", f"{other:.{digits}g}"


_NOTHING: dict[str, int | float] = {
    "on_sensor": 0, "occupy_ns": 0, "fetch_ns": 0, "publish_every": 1, "publish_interval_ns": 0,
    "publish_change": 0, "ask": -1, "asked_by": -1, "ask_rule": 0, "ask_number": 0,
    "ask_interval_ns": 0, "metadata_most": 0, "metadata_base": 0, "metadata_per_object": 0,
    "metadata_base64": 0, "metadata_envelope": 0, "pixels_base": 0, "pixels_per_object": 0,
    "sight": -1, "traced_bytes": 0,
    **video.NOTHING,
}  # fmt: skip
"""Columns that change nothing: those that do not apply to a device keep these values."""


def _row(
    scenario: Scenario, reader: Reader, kind: str, equipment: Equipment, keys: Keys, mode: str
) -> dict[str, int | float]:
    """Return the columns that every device has, on top of those that change nothing."""
    device = str(equipment.device)
    host = equipment.host or reader.text(kind, device, "host")
    known = reader.items("hosts")
    if host not in known:
        raise scenario.error(
            (*keys, "host"),
            f"no host '{host}'{did_you_mean(host, known)}; known: {', '.join(known)}",
        )
    return _NOTHING | {
        "sense_ns": sense_ns(reader, kind, device, mode),
        "read_ns": reader.time_ns(kind, device, f"readout{mode}" if mode else "sense"),
        "base_uw": (
            reader.power_uw(kind, device, "base_power") + reader.power_uw("hosts", host, "power")
        ),
        "sense_uw": reader.power_uw(kind, device, "sense_power"),
        "sense_idle_uw": reader.power_uw(kind, device, "sense_idle_power"),
    }


def monthly_usd(reader: Reader, setup: Setup) -> float:
    """Return the price of what stands at a sensor, spread over its life; US dollars a month."""
    host = setup.equipment.host or reader.text(setup.kind, setup.device, "host")
    return sum(
        float(reader.number(k, item, "price") * MONTH_NS / reader.time_ns(k, item, "lifetime"))
        for k, item in ((setup.kind, setup.device), ("hosts", host))
    )


MONTH_NS = 30 * 86_400 * 10**9


def table(setups: Sequence[Setup]) -> Setups:
    """Return the setup table of some setups."""
    table = Setups.zeros(len(setups))
    for name in Setups.__annotations__:
        wide = name in Setups.WIDE
        names = [name.replace("bytes", light) for light in LIGHTS] if wide else [name]
        values = np.array([[setup.row[n] for n in names] for setup in setups])
        table[name] = values if wide else values[:, 0]
    return table
