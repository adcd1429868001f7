"""The timetable of an arm: the events of its scenario and the models that a user writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fleet.errors import InputError
from fleet.plan import equipment, timetable
from fleet.plan.columns import Ints
from fleet.plan.parts import Parts, setup_with_model
from fleet.plan.rollout import Request, Spans
from fleet.scenario.load import did_you_mean
from fleet.scenario.schema import Event
from fleet.scenario.strict_yaml import Keys
from fleet.stages.uplink import service_ns

Down = dict[int, list[tuple[int, int]]]
"""Spans in which links or sensors are down, in any order; ns."""


@dataclass(frozen=True)
class Deployment:
    """A model that a user writes into a sensor while a run is going on."""

    at_ns: int
    sensor: str
    model: str


def build(parts: Parts, deployments: Sequence[Deployment]) -> Ints:
    """Return the timetable of an arm; rewrites add their setups to its parts.

    Raises:
        InputError: an event comes too late, or what it names does not exist or fit.
    """
    model, net = parts.scenario.model, parts.net
    rows = timetable.hour_events(model.start_time, model.duration)
    down: dict[str, Down] = {"outage": {}, "crash": {}}
    requests: list[Request] = []
    for i, event in enumerate(model.events):
        keys = ("events", i)
        if event.at is not None and event.at >= model.duration:
            raise parts.scenario.error(
                (*keys, "at"), "is not before the end of the run; make it earlier"
            )
        found = timetable.targets(parts.scenario, event, keys, parts.placed, net)
        if event.kind == "profile":
            rows += timetable.profile_rows(event, found)
        elif event.kind == "rewrite":
            requests += _requests(parts, event.at or 0, found, event.model or "", keys)
        else:
            _add_spans(parts, event, found, down[event.kind])
    requests += _deployed(parts, deployments)
    return timetable.assemble(
        rows, _merged(down["outage"]), _merged(down["crash"]), requests, net, model.duration
    )


def _add_spans(parts: Parts, event: Event, found: Sequence[int], down: Down) -> None:
    """Add when links or sensors are down because of an event."""
    model = parts.scenario.model
    for target in found:
        crash = event.kind == "crash"
        name = parts.placed[target].name if crash else parts.net.names[target]
        lasts_ns = event.lasts or (_reboot_ns(parts, target) if crash else 0)
        down.setdefault(target, []).extend(
            timetable.spans(event, name, lasts_ns, model.duration, model.seed, parts.replication)
        )


def _merged(down: Down) -> dict[int, Spans]:
    return {target: timetable.merge(spans) for target, spans in down.items()}


def _reboot_ns(parts: Parts, sensor: int) -> int:
    setup = parts.setup(sensor)
    kind = "sensors" if setup.on_sensor else "cameras"
    return parts.reader.time_ns(kind, setup.device, "reboot")


def _deployed(parts: Parts, deployments: Sequence[Deployment]) -> list[Request]:
    """Return the rewrites that a user asks for."""
    index = {sensor.name: s for s, sensor in enumerate(parts.placed)}
    out: list[Request] = []
    for deployment in deployments:
        if deployment.sensor not in index:
            hint = did_you_mean(deployment.sensor, list(index))
            raise InputError(f"no sensor '{deployment.sensor}'{hint}")
        found = [index[deployment.sensor]]
        out += _requests(parts, deployment.at_ns, found, deployment.model, ())
    return out


def _requests(
    parts: Parts, at_ns: int, found: Sequence[int], model: str, keys: Keys
) -> list[Request]:
    """Return the rewrites of some sensors; cameras hold no model and are passed over."""
    out = []
    for sensor in found:
        old = parts.setup(sensor)
        if not old.on_sensor:
            continue
        new = setup_with_model(parts, old, model, keys)
        firmware_bit = parts.reader.data_bit("models", model, "firmware")
        rate_bps = parts.reader.rate_bps("sensors", old.device, "model_write_rate")
        bits = equipment.message_bits(parts.reader, firmware_bit // 8)
        out.append(Request(at_ns, sensor, new, bits, service_ns(firmware_bit, rate_bps)))
    return out
