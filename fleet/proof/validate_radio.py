"""Radios against the SIGCOMM'21 measurements, and network energy against its sources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fleet.model.frames import DONE, INFER, READY, WAN
from fleet.proof.validate_bench import QUERY, Bench, Measured, scenario
from fleet.units import time_ns

_PHONE_W = 1.8  # of the Samsung S20U without its radio: assumed, in no file of the artifact
_BASE_MS = {"lte": 66, "nr_low": 62, "nr_mmwave": 59}  # round trip of the probes while awake


def measure(bench: Bench, name: str, _published: float) -> float:
    """Return what the model gives for a figure, by its id: what is measured, then of what."""
    test, _, rest = name.partition("-")
    return _TESTS[test](bench, rest)


def _technology(radio: str) -> str:
    return radio.replace("_", "-")


def _sure(bench: Bench, radio: str) -> Bench:
    """Return a bench whose radio loses nothing, so that a bit is sent once."""
    return bench.having(("links", _technology(radio), "loss", "0"))


def _phone_mw(bench: Bench, rest: str) -> float:
    """Return the power of a phone that sends all the time, as `RADIO-MBITS`."""
    return _radio_mw(bench, rest) + _PHONE_W * 1e3


def _radio_mw(bench: Bench, rest: str) -> float:
    """Return the power of a radio while it sends, without the time in its other states."""
    radio, _, rate = rest.partition("-")
    link = {
        "technology": _technology(radio), "rate": f"{rate} Mbit/s", "user_rate": f"{rate} Mbit/s",
    }  # fmt: skip
    arm = {**QUERY, "model": "resnet50", "bitrate": f"{1.3 * float(rate):.6f} Mbit/s"}
    run = _sure(bench, radio).run(scenario(20, {"rate": "200 fps"}, arm, link=link))
    sent = run.state("uplink", "sending", "bits sent")
    return sent.energy_fj * 1e-3 / sent.time_ns


def _messages(bench: Bench, radio: str, **more: Any) -> Measured:
    """Return a run of a sensor that sends a message a minute over a radio."""
    arm = {"device": "imx500", "model": "tinytracker", "publish": "every 60 s"}
    link = {"technology": _technology(radio), **more}
    return _sure(bench, radio).run(scenario(590, {"rate": "1 fps"}, arm, link=link))


def _tail_s(bench: Bench, radio: str) -> float:
    run = _messages(bench, radio)
    return run.state("uplink", "tail").time_ns * 1e-9 / len(run.rows)


def _promotion_ms(bench: Bench, radio: str) -> float:
    run = _messages(bench, radio)
    return run.state("uplink", "promotion").time_ns * 1e-6 / len(run.rows)


def _first_ms(bench: Bench, radio: str) -> float:
    """Return the round trip of the first packet of an idle radio that does not wait for paging.

    The sender begins, so nobody pages it: promotion, the way there and the way back.
    """
    way = f"{_BASE_MS[radio] * 500} us"
    run = _messages(bench, radio, propagation=way)
    return float(run.ms(READY, DONE).mean()) + _BASE_MS[radio] / 2


def _ping_ms(bench: Bench, rest: str) -> float:
    """Return the round trip of a frame of a radio that is awake, to a server near or far.

    As `RADIO-near` or `RADIO-national`; without the server's time.
    """
    radio, _, where = rest.partition("-")
    link = {"technology": _technology(radio), "rate": "10 Gbit/s", "user_rate": "10 Gbit/s"}
    arm = {**QUERY, "model": "resnet50"}
    data = scenario(10, {"rate": "20 fps", "consumer": "site"}, arm, link=link)
    if where == "national":
        data["links"]["port"]["to"] = "wan"
        data["links"]["wan"] = {"technology": "wan-national", "shared_by": "city", "to": "cloud"}
    run = _sure(bench, radio).run(data)
    return float(np.median(run.ms(READY, WAN) + run.ms(INFER, DONE)))


def _paged_ms(bench: Bench, rest: str) -> float:
    """Return the mean round trip of the artifact's probe, as `RADIO-idle` or `RADIO-connected`.

    Computed from the catalogue, not simulated: the probe comes down to the phone and waits for it
    to listen, uniform in a cycle; frames of sensors go up.
    """
    radio, _, state = rest.partition("-")

    def ms(parameter: str) -> float:
        return time_ns(bench.rows["links", _technology(radio), parameter].quantity) * 1e-6

    if state == "connected":
        return _BASE_MS[radio] + ms("drx_cycle") / 2
    return _BASE_MS[radio] + ms("promotion") + ms("paging_cycle") / 2


def _j_per_gb(bench: Bench, rest: str) -> float:
    """Return the operator's energy for what crosses a network, as `BOUNDARY-fixed` or `-mobile`."""
    boundary, _, kind = rest.partition("-")
    technology = {"fixed": "wan", "mobile": "lte"}[kind]
    state = {"fixed": "fixed", "mobile": "mobile access"}[kind]
    video = {"device": "ip-camera-1080p", "codec": "h264-crf28", "model": "yolo11m"}
    data = scenario(
        10, {"rate": "10 fps"}, video, link={"technology": technology}, network_energy=boundary
    )
    if kind == "fixed":
        data["links"]["port"]["shared_by"] = "city"
    run = bench.having(("links", technology, "loss", "0")).run(data)
    sent = run.outcome.tally.link_bins.sum() / 8e9
    return float(run.state("network", state).energy_fj * 1e-15 / sent)


_TESTS: dict[str, Callable[[Bench, str], float]] = {
    "phone": _phone_mw,
    "radio": _radio_mw,
    "tail": _tail_s,
    "promotion": _promotion_ms,
    "first": _first_ms,
    "ping": _ping_ms,
    "paged": _paged_ms,
    "energy": _j_per_gb,
}
