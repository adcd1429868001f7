"""What the third account takes from the catalogue: devices, networks and links, worked out again.

Nothing here reads a plan. Fractions are exact until the last step, and are rounded down, as
`docs/MODEL.md` says.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from fleet.arrays import Ints
from fleet.catalog import Reader, round_trips
from fleet.plan.equipment import choose
from fleet.scenario.bursts import Bursts
from fleet.scenario.link_rate import RateTrace
from fleet.scenario.load import Scenario

SECOND_NS = 10**9
_YUV420_BITS, _RAW_BITS = 12, 10


@dataclass(frozen=True)
class Ran:
    """What a DSP or an encoder takes for a frame; times in ns, power in µW."""

    compute_ns: int
    fetch_ns: int
    power_uw: int


class Kit:
    """What stands at the sensors of a group: a device, and the networks or the codec that it runs.

    Attributes:
        on_sensor: whether it infers.
        read_ns, sense_ns: reading the pixel array out; that and processing its pixels.
        always_uw, sense_uw, idle_uw: power of host and interface; of the array while it is read,
            and between.
        reboot_ns: down time of a crash that does not say how long it lasts.
        at_site: whether results are made and used at the site.
        served_below: whether servers at an edge send results on in place of the frames.
        pixels: what pixels that are sent count as: crops (roi) or whole pictures (image).
    """

    def __init__(self, scenario: Scenario, reader: Reader, arm: str, group: str) -> None:
        """Read a device's rows; `arm` is the arm that equips the group."""
        self._read, self._chosen = reader, choose(scenario, arm, group)
        self._device, self._app = str(self._chosen.device), scenario.model.sensors[group].app
        chip = self._device in reader.items("sensors")
        self._kind = "sensors" if chip else "cameras"
        self.on_sensor = chip and self._chosen.infer is None
        host = self._chosen.host or reader.text(self._kind, self._device, "host")
        self._mode = ""
        if chip:
            mode = self._chosen.mode or reader.text("sensors", self._device, "default_mode")
            self._mode = f"_{mode}"
        self.read_ns = self._time(f"readout{self._mode}" if chip else "sense")
        self.sense_ns = self.read_ns + (self._time("process") if chip else 0)
        self.always_uw = self._power("base_power") + reader.power_uw("hosts", host, "power")
        self.sense_uw, self.idle_uw = self._power("sense_power"), self._power("sense_idle_power")
        self.reboot_ns = self._time("reboot")
        consumer = scenario.model.sensors[group].consumer
        self.at_site = self.on_sensor and consumer == "site"
        self.served_below = self._chosen.infer == "edge" and consumer == "cloud"
        self.pixels = "roi" if self._output == "roi" else "image"

    def _time(self, parameter: str) -> int:
        return self._read.time_ns(self._kind, self._device, parameter)

    def _power(self, parameter: str) -> int:
        return self._read.power_uw(self._kind, self._device, parameter)

    def ran(self, what: str) -> Ran:
        """Return what a network, or an encoder for a codec, takes for a frame."""
        if not self.on_sensor:
            return self._encoder(self._read.text("codecs", what, "family"))
        return self._network(what)

    def again(self, network: str, told: Ints) -> tuple[Ran, Ints] | None:
        """Return what a second network takes on each object, and how often it ran on some frames.

        None if the sensor runs none; `told` are the objects that the first network found.
        """
        then = self._chosen.pipeline
        if then is None or then.infer is not None or not self.on_sensor:
            return None
        return self._network(then.model), np.minimum(self._named(network, told), then.most)

    def _network(self, what: str) -> Ran:
        """Return what the DSP takes for a network."""
        read, device = self._read, self._device
        macs = read.number("models", what, "macs")
        units, clock = (read.number("sensors", device, p) for p in ("mac_units", "dsp_clock"))
        per_s = units * clock * 10**6
        work = macs / (per_s * read.number("sensors", device, "dsp_efficiency"))
        work += self._moving("moved", what, "dsp_bandwidth")
        work += self._moving("resized", what, "resize_bandwidth")
        layers = read.count("models", what, "layers") * self._time("layer_time")
        spent = max(1, work * SECOND_NS // 1 + layers)
        base, peak = self._power("dsp_power_base"), self._power("dsp_power_peak")
        busy = macs / (per_s * Fraction(spent, SECOND_NS))
        return Ran(spent, self._fetch_ns(), base + (peak - base) * busy // 1)

    def _encoder(self, family: str) -> Ran:
        """Return what the encoder takes: the camera's own, or that of another in a chip's body."""
        read, of = self._read, self._chosen.encoder or self._device
        spent, power = (
            read.time_ns("cameras", of, f"encode_{family}"),
            read.power_uw("cameras", of, f"power_{family}"),
        )
        if of != self._device:
            width, height = (read.count("cameras", of, side) for side in ("width", "height"))
            spent = spent * self._pixels() // (width * height)
        return Ran(spent, 0, power)

    def _moving(self, what: str, network: str, bandwidth: str) -> Fraction:
        bits = self._read.data_bit("models", network, what)
        return Fraction(bits, self._read.rate_bps("sensors", self._device, bandwidth))

    @property
    def _output(self) -> str:
        return self._chosen.output or "message"

    def _pixels(self) -> int:
        width, height = (
            self._read.count(self._kind, self._device, f"{side}{self._mode}")
            for side in ("width", "height")
        )
        return width * height

    def _picture_bytes(self) -> int:
        """Return the bytes of the whole picture that is put out, before any codec."""
        raw, whole = self._output == "raw", self._output.startswith("image")
        return self._pixels() * (_RAW_BITS if raw else _YUV420_BITS if whole else 0) // 8

    def _fetch_ns(self) -> int:
        lanes = self._read.count("sensors", self._device, "mipi_lanes")
        rate = lanes * self._read.rate_bps("sensors", self._device, "mipi_lane_rate")
        bits = 8 * self._picture_bytes()
        sending = max(1, bits * SECOND_NS // rate) if bits else 0
        return self._time("fetch") + sending

    def message(self, network: str, told: Ints) -> Ints:
        """Return the bytes of metadata about some objects; 0 if none is sent."""
        if not self.on_sensor or self._output in ("roi", "image", "raw"):
            return np.zeros_like(told)
        then = self._chosen.pipeline
        if self._output == "tensor":
            own = self._bytes(network, "tensor")
            if then is not None:
                most = int(self._named(network, np.array([then.most]))[0])
                own += most * self._bytes(then.model, "tensor")
            return np.full_like(told, own)
        each = self._bytes(network, "flatbuffer_per_object")
        if then is not None:
            each += self._bytes(then.model, "flatbuffer_per_object")
        content = self._bytes(network, "flatbuffer_base") + each * self._named(network, told)
        whole: Ints = self._bytes(network, "envelope") + -(-content // 3) * 4
        return whole

    def _named(self, network: str, told: Ints) -> Ints:
        most: Ints = np.minimum(told, self._read.count("models", network, "max_detections"))
        return most

    def _bytes(self, network: str, parameter: str) -> int:
        return self._read.data_bit("models", network, parameter) // 8

    def payload(self, network: str, told: Ints) -> Ints | None:
        """Return the bytes that are sent, None if a codec decides them."""
        if self._chosen.codec is not None:
            return None
        size = self.message(network, told) + self._picture_bytes()
        if self._output == "roi":
            share = self._read.number("apps", self._app, "crop_share")
            crop = int(share * self._pixels() * _YUV420_BITS / 8)
            size = size + crop * self._named(network, told)
        at_least: Ints = np.maximum(size, 1)
        return at_least

    def wire_bits(self, payload: Ints) -> Ints:
        """Return the bits on the wire of some payloads."""
        protocol = self._chosen.protocol or ("mqtt-tls" if self.on_sensor else "rtp")
        each, segment, header = (
            self._read.data_bit("protocols", protocol, parameter) // 8
            for parameter in ("per_message", "segment", "per_segment")
        )
        bits: Ints = 8 * (payload + each + -(-payload // segment) * header)
        return bits


@dataclass(frozen=True)
class Hop:
    """A link on the way of a group.

    Attributes:
        column: when a frame is at its far end.
        rate_bps: of the port.
        propagation_ns: of the wire.
        plain: whether it loses nothing and has no cap: a frame's bits are what it carries.
        steady: whether its rate stays.
        fixed: whether it is the fixed network's.
        mobile: whether it is the mobile network's.
        sending_uw: of the sensor's end, if it is the first.
        fj_per_bit: the same for each bit.
    """

    column: str
    rate_bps: int
    propagation_ns: int
    plain: bool
    steady: bool
    fixed: bool
    mobile: bool
    sending_uw: int
    fj_per_bit: int


def way(scenario: Scenario, reader: Reader, group: str) -> list[Hop]:
    """Return the links between a group's sensors and their region, the sensor's own first."""
    hops: list[Hop] = []
    at = scenario.model.sensors[group].uplink
    while at in scenario.model.links:
        hops += _hops(scenario, reader, at, first=not hops)
        at = scenario.model.links[at].to
    return hops


def _hops(scenario: Scenario, reader: Reader, name: str, *, first: bool) -> list[Hop]:
    """Return a link: two hops if sensors share a radio cell."""
    spec = scenario.model.links[name]
    item, alone = spec.technology, spec.shared_by == "sensor"
    stage = reader.text("links", item, "stage")
    column = {"backhaul": "backhaul_ns", "wan": "wan_ns"}.get(
        stage, "access_ns" if alone else "uplink_ns"
    )
    follows = isinstance(spec.rate, RateTrace)
    rate = spec.rate if isinstance(spec.rate, int) else reader.rate_bps("links", item, "rate")
    user = spec.user_rate or reader.rate_bps("links", item, "user_rate")
    loss = Fraction(1)  # of bursts: not plain, whatever it is
    if spec.loss is None:
        loss = reader.number("links", item, "loss")
    elif not isinstance(spec.loss, Bursts):
        loss = Fraction(spec.loss)
    plain = loss * 10**9 < 1 and not spec.cap
    wire_ns = spec.propagation
    if spec.distance is not None:
        ends = spec.distance
        wire_ns = reader.time_ns(round_trips.KIND, ends.begin, round_trips.parameter(ends.to)) // 2
    elif wire_ns is None:
        wire_ns = reader.time_ns("links", item, "propagation")
    steady = not follows and not any(
        event.link is not None and event.link.partition("/")[0] == name
        for event in scenario.model.events
    )
    mobile = reader.text("links", item, "access") == "mobile"
    power = (
        reader.power_uw("links", item, "active_base_power"),
        int(reader.energy_nj_per_bit("links", item, "active_power_per_rate") * 10**6),
    )
    if column == "access_ns" or not (first and user):
        own = min(rate, user) if user and column == "access_ns" else rate
        return [Hop(column, own, wire_ns, plain, steady, column == "wan_ns", mobile, *power)]
    radio = Hop("access_ns", min(rate, user), 0, plain, not follows, False, False, *power)
    return [radio, Hop(column, rate, wire_ns, True, steady, column == "wan_ns", mobile, *power)]
