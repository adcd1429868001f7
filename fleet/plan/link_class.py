"""What the links of a name are: their technology in numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from fleet.catalog import Reader
from fleet.model.link import Rate
from fleet.plan import link_traces
from fleet.plan.distance import way_ns
from fleet.plan.limits import check_buffer
from fleet.plan.plant import Radio
from fleet.scenario.bursts import Bursts
from fleet.scenario.link_rate import RateTrace
from fleet.scenario.load import Scenario, did_you_mean

_STAGE_LEVEL = {"backhaul": 2, "wan": 3}


@dataclass(frozen=True)
class LinkClass:
    """The links of one name: their technology in numbers.

    Attributes:
        shared_by: what has a link of its own: sensor, site, cell or city.
        level: place on the path, 0..LEVELS-1.
        rate_bps: up; of one that follows a file the highest in the run.
        downlink_rate_bps: down; 0 for a radio, to which its cell sends.
        propagation_ns: one way.
        most_bps: which it has at most, whatever its rate: that of one radio; 0 without such.
        buffer_bit: what waits and what is being sent.
        air_bps: of the radios below a shared cell, else 0.
        cap_bits: data after which a sender gets `throttled_bps`; 0 without a cap.
        renews: when that starts anew: never, daily or monthly.
        renews_bits: what it then is; 0 if it never does.
        loss_ppb: probability that a segment must be sent again, in the mean, in 10⁻⁹.
        retries: how often at most.
        retry_ns: what a round of that takes.
        mobile: whether the operator's network energy is that of a mobile network.
        radio: what the sensor's end draws.
        steps: of the file that its rate follows, if it does.
        bursts: in which segments are lost, if they are.
    """

    name: str
    shared_by: str
    level: int
    rate_bps: int
    most_bps: int
    downlink_rate_bps: int
    propagation_ns: int
    buffer_bit: int
    air_bps: int
    cap_bits: int
    renews: str
    renews_bits: int
    throttled_bps: int
    loss_ppb: int
    retries: int
    retry_ns: int
    mobile: bool
    radio: Radio
    steps: link_traces.Steps | None = None
    bursts: Bursts | None = None

    def at_rate(self, rate_bps: int) -> Rate:
        """Return what a link has when its rate is said to be another."""
        bps = min(rate_bps, self.most_bps or rate_bps)
        return Rate(bps, self.buffer_bit * 1_000_000_000 // bps)

    def row(self) -> list[int]:
        """Return the row of a link in the link table (`fleet.model.link`)."""
        buffer_ns = self.buffer_bit * 1_000_000_000
        throttled_ns = buffer_ns // self.throttled_bps if self.throttled_bps else 0
        return [
            self.rate_bps, buffer_ns // self.rate_bps, self.propagation_ns, self.air_bps,
            self.cap_bits, self.throttled_bps, throttled_ns, self.loss_ppb, self.retries,
            self.retry_ns, *self._bursts(), 0,
        ]  # fmt: skip

    def _bursts(self) -> tuple[int, int, int, int]:
        if self.bursts is None:
            return 0, 0, 0, 0
        one = self.bursts
        return int(one.good * 10**9), int(one.bad * 10**9), one.gap_ns, one.burst


def level_of(scenario: Scenario, reader: Reader, name: str) -> int:
    """Return the level of a link.

    Raises:
        InputError: its technology is not known.
    """
    spec = scenario.model.links[name]
    technology = spec.technology
    known = reader.items("links")
    if technology not in known:
        raise scenario.error(
            ("links", name, "technology"),
            f"no technology '{technology}'{did_you_mean(technology, known)};"
            f" known: {', '.join(known)}",
        )
    stage = reader.text("links", technology, "stage")
    return _STAGE_LEVEL.get(stage, 0 if spec.shared_by == "sensor" else 1)


def user_bps(scenario: Scenario, reader: Reader, name: str) -> int:
    """Return what one sender's radio can do; bit/s, 0 without a limit of its own."""
    spec = scenario.model.links[name]
    if spec.user_rate is not None:
        return spec.user_rate
    return reader.rate_bps("links", spec.technology, "user_rate")


def link_class(scenario: Scenario, reader: Reader, name: str) -> LinkClass:
    """Return what the links of a name are.

    Raises:
        InputError: its technology is not known, its rates do not fit each other or its buffer, or
            a file that its rate follows does not hold the run.
    """
    spec = scenario.model.links[name]
    item = spec.technology

    def own(value: int | None, read: Callable[[str, str, str], int], parameter: str) -> int:
        return value if value is not None else read("links", item, parameter)

    level = level_of(scenario, reader, name)
    stated, steps = spec.rate, None
    if isinstance(stated, RateTrace):
        steps = link_traces.read(scenario, name, stated)
        stated = steps.most_bps(scenario.model.duration)
    rate_bps = own(stated, reader.rate_bps, "rate")
    most_bps = user_bps(scenario, reader, name) if level == 0 else 0
    rate_bps = min(rate_bps, most_bps or rate_bps)
    if spec.throttled_rate is not None and spec.throttled_rate > rate_bps:
        raise scenario.error(
            ("links", name, "throttled_rate"),
            f"{spec.throttled_rate} bit/s is above the rate of {rate_bps} bit/s; lower it",
        )
    buffer_bit = own(spec.buffer, reader.data_bit, "buffer")
    least_bps = rate_bps if steps is None else min(bps for bps in steps.bps if bps)
    least_bps = min(least_bps, rate_bps)  # which a radio of its own may lower
    for slowest_bps in (least_bps, spec.throttled_rate or 0):
        check_buffer(scenario, name, buffer_bit, slowest_bps)
    bursts = spec.loss if isinstance(spec.loss, Bursts) else None
    loss = bursts.loss if bursts else _same_loss(scenario, reader, name)
    cap = spec.cap or 0
    return LinkClass(
        name=name,
        shared_by=spec.shared_by,
        level=level,
        rate_bps=rate_bps,
        most_bps=most_bps,
        downlink_rate_bps=own(spec.downlink_rate, reader.rate_bps, "downlink_rate"),
        propagation_ns=own(_way_ns(scenario, reader, name), reader.time_ns, "propagation"),
        buffer_bit=buffer_bit,
        air_bps=0,
        cap_bits=max(1, int(cap * (1 - spec.cap_used))) if cap else 0,
        renews=spec.cap_renews,
        renews_bits=0 if spec.cap_renews == "never" else cap,
        throttled_bps=spec.throttled_rate or 0,
        loss_ppb=int(loss * 10**9),
        retries=reader.count("links", item, "retries"),
        retry_ns=reader.time_ns("links", item, "retry_time"),
        mobile=reader.text("links", item, "access") == "mobile",
        radio=_radio(reader, item),
        steps=steps,
        bursts=bursts if int(loss * 10**9) else None,
    )


def _same_loss(scenario: Scenario, reader: Reader, name: str) -> Fraction:
    """Return the loss of a link that always loses as much: stated, or that of its technology."""
    stated: Any = scenario.model.links[name].loss
    if stated is None:
        return reader.number("links", scenario.model.links[name].technology, "loss")
    return Fraction(stated)


def _way_ns(scenario: Scenario, reader: Reader, name: str) -> int | None:
    """Return the time on the wire that a scenario says of a link, None if it says none; ns.

    Raises:
        InputError: the link is no WAN, or there are no such places.
    """
    spec = scenario.model.links[name]
    if spec.distance is None:
        return spec.propagation
    if level_of(scenario, reader, name) != _STAGE_LEVEL["wan"]:
        raise scenario.error(
            ("links", name, "distance"),
            f"is of the backbone between cloud regions, which '{spec.technology}' is not; say"
            " 'propagation' here, and 'distance' of the link of stage 'wan'",
        )
    return way_ns(scenario, reader, name, spec.distance)


def _radio(reader: Reader, item: str) -> Radio:
    def power(parameter: str) -> int:
        return reader.power_uw("links", item, parameter)

    def time(parameter: str) -> int:
        return reader.time_ns("links", item, parameter)

    nj_per_bit = reader.energy_nj_per_bit("links", item, "active_power_per_rate")
    return Radio(
        idle_uw=power("idle_power"),
        promotion_uw=power("promotion_power"),
        active_uw=power("active_base_power"),
        fj_per_bit=int(nj_per_bit * 1_000_000),
        tail_uw=power("tail_power"),
        tail_ns=time("tail"),
        promotion_ns=time("promotion"),
        drx_after_ns=time("drx_after"),
        drx_wait_ns=time("drx_uplink"),
        drx_cycle_ns=time("drx_cycle"),
        paging_cycle_ns=time("paging_cycle"),
    )
