"""From a scenario and a catalogue to the plan of one arm: every name resolved, every check made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from fleet.catalog import Catalog, Reader
from fleet.chance import Stream, exp_minus, name_hashes, stream_keys, uniform
from fleet.errors import InputError
from fleet.plan import equipment, network, placing, pools, timetable
from fleet.plan.clocks import clock_table
from fleet.plan.columns import Ints, Plan
from fleet.plan.equipment import Setup
from fleet.plan.network import Network
from fleet.plan.placing import Placed, Placement
from fleet.plan.rollout import Request, Spans
from fleet.scenario.city import HOURS, Demand
from fleet.scenario.load import Scenario, did_you_mean
from fleet.stages.camera import wire_bits
from fleet.stages.frames import LEVELS
from fleet.stages.scene import MAX_MEAN
from fleet.stages.uplink import service_ns


@dataclass(frozen=True)
class Deployment:
    """A model that a user writes into a sensor while a run is going on."""

    at_ns: int
    sensor: str
    model: str


@dataclass
class _Parts:
    """What the steps of `compile_plan` hand to each other."""

    scenario: Scenario
    reader: Reader
    arm: str
    replication: int
    placed: list[Placed]
    arm_of: list[str]
    net: Network
    setups: list[Setup] = field(default_factory=list)
    setup_of: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @property
    def seed(self) -> int:
        return self.scenario.model.seed


def catalogue(scenario: Scenario) -> Catalog:
    """Return the catalogue of a scenario: the packaged rows and the user's own on top.

    Raises:
        InputError: the scenario names a folder that is not there, or a row is not sound.
    """
    folder = scenario.model.catalogue
    if folder is None:
        return Catalog.load()
    path = scenario.folder / folder
    if not path.is_dir():
        raise scenario.error(("catalogue",), f"folder '{folder}' not found beside the scenario")
    return Catalog.load(sorted(Path(path).glob("*.csv")))


def compile_plan(
    scenario: Scenario,
    catalog: Catalog,
    arm: str,
    *,
    replication: int = 0,
    placement: Placement | None = None,
    deployments: Sequence[Deployment] = (),
) -> Plan:
    """Return the plan of an arm.

    Args:
        scenario: what the user says.
        catalog: what hardware does.
        arm: which arm; with a placement, just its name.
        replication: number of the independent repetition, from 0.
        placement: chooses an arm's equipment for each sensor instead of the arm itself.
        deployments: models written by the user, besides the scenario's events.

    Raises:
        InputError: something in the scenario does not exist, fit or lead anywhere.
    """
    model = scenario.model
    if placement is None and arm not in model.arms:
        raise InputError(
            f"no arm '{arm}'{did_you_mean(arm, list(model.arms))}; arms: {', '.join(model.arms)}"
        )
    reader = catalog.reader()
    placed = placing.place_sensors(scenario)
    parts = _Parts(
        scenario, reader, arm, replication, placed,
        placing.arm_of_each(scenario, arm, placed, placement),
        network.build(scenario, reader, placed, pools.region_names(scenario)),
    )  # fmt: skip
    _add_setups(parts)
    return _plan(parts, deployments)


def _add_setups(parts: _Parts) -> None:
    """Make a setup for each (arm, group) that has sensors, and find each sensor's."""
    known: dict[tuple[str, str], int] = {}
    setup_of = np.empty(len(parts.placed), dtype=np.int64)
    for s, (sensor, arm) in enumerate(zip(parts.placed, parts.arm_of, strict=True)):
        key = (arm, sensor.group)
        if key not in known:
            known[key] = len(parts.setups)
            parts.setups.append(_setup(parts, arm, sensor.group))
        setup_of[s] = known[key]
    parts.setup_of = setup_of


def _setup(parts: _Parts, arm: str, group: str) -> Setup:
    scenario = parts.scenario
    chosen = equipment.choose(scenario, arm, group)
    names = {sensor.name for sensor in parts.placed if sensor.group == group}
    fastest = max(
        Fraction(rate)
        for rate in [
            scenario.model.sensors[group].rate,
            *(
                event.rate
                for event in scenario.model.events
                if event.rate is not None and event.target in (group, *names)
            ),
        ]
    )
    setup = equipment.build(scenario, parts.reader, chosen, ("arms", arm), fastest)
    _check_buffers(parts, setup, group)
    return setup


def _check_buffers(parts: _Parts, setup: Setup, group: str) -> None:
    """Refuse a frame that can never fit into a buffer on its way."""
    row = setup.row
    largest = max(row["i_bytes"], row["p_bytes"], row["metadata_base"])
    bits = wire_bits(int(largest), row["per_message"], row["segment"], row["per_segment"])
    for c in parts.net.paths[group]:
        kind = parts.net.classes[c]
        if bits > kind.buffer_bit:
            raise parts.scenario.error(
                ("links", kind.name),
                f"its buffer of {kind.buffer_bit // 8:,} B never holds a frame of {bits // 8:,} B"
                f" from '{group}' ({setup.name}); give it a larger 'buffer'",
            )


def _plan(parts: _Parts, deployments: Sequence[Deployment]) -> Plan:
    scenario, net, model = parts.scenario, parts.net, parts.scenario.model
    names = tuple(sensor.name for sensor in parts.placed)
    hashes = name_hashes(names)
    keys = {s: stream_keys(hashes, model.seed, parts.replication, s) for s in Stream}
    groups = tuple(model.sensors)
    events = _timetable(parts, deployments)
    phase = _phases(parts, keys[Stream.PHASE])
    clocks, trace_ns = clock_table(scenario, parts.placed, phase)
    demand = placing.city_demand(scenario)
    stay, share = _scene(parts, demand)
    region_pools = pools.build(scenario, parts.reader, _camera_setups(parts))
    energy = {
        kind: int(parts.reader.energy_nj_per_bit("network", model.network_energy, kind) * 1000)
        for kind in ("fixed_energy_per_bit", "mobile_energy_per_bit")
    }
    return Plan(
        scenario=model.name,
        scenario_digest=scenario.digest,
        arm=parts.arm,
        seed=model.seed,
        replication=parts.replication,
        end_ns=model.duration,
        bin_ns=1_000_000_000,
        names=names,
        name_hash=hashes,
        capture_keys=keys[Stream.CAPTURE],
        scene_keys=keys[Stream.SCENE],
        size_keys=keys[Stream.SIZE],
        group_names=groups,
        group_of=np.array([groups.index(s.group) for s in parts.placed], dtype=np.int64),
        site_of=tuple(s.site.id for s in parts.placed),
        lon=np.array([s.site.lon for s in parts.placed]),
        lat=np.array([s.site.lat for s in parts.placed]),
        setup_names=tuple(s.name for s in parts.setups),
        setup_of=parts.setup_of,
        setups=equipment.table(parts.setups),
        clocks=clocks,
        phase=phase,
        trace_ns=trace_ns,
        stay=stay,
        share=share,
        profile_of=np.array(
            [demand.profile(s.site.footfall_rank) if demand else 0 for s in parts.placed],
            dtype=np.int64,
        ),
        demand=demand.people_per_h if demand else np.zeros((1, HOURS)),
        first_hour=timetable.hour_column(model.start_time),
        class_names=tuple(c.name for c in net.classes),
        link_names=net.names,
        link_of=net.link_of,
        links=net.table(),
        class_of=net.class_of,
        level_of=net.level_of(),
        mobile_class=np.array([c.mobile for c in net.classes], dtype=np.int64),
        radios=tuple(c.radio for c in net.classes),
        radio_of=net.radio_of,
        region_names=pools.region_names(scenario),
        region_of=net.region_of,
        pools=tuple(region_pools),
        to_site=np.array(
            [model.sensors[s.group].consumer == "site" for s in parts.placed], dtype=np.int64
        ),
        return_ns=_return_ns(parts),
        timetable=events,
        lookahead_ns=model.duration,
        fixed_pj_per_bit=energy["fixed_energy_per_bit"],
        mobile_pj_per_bit=energy["mobile_energy_per_bit"],
        accuracy=_accuracy(parts),
        assumptions=tuple(parts.reader.used),
    )


def _camera_setups(parts: _Parts) -> dict[str, list[Setup]]:
    """Return by region the setups of the sensors that send frames there."""
    used: dict[str, dict[int, Setup]] = {}
    regions = pools.region_names(parts.scenario)
    for s in range(len(parts.placed)):
        setup = parts.setups[parts.setup_of[s]]
        if not setup.on_sensor:
            region = regions[parts.net.region_of[s]]
            used.setdefault(region, {})[int(parts.setup_of[s])] = setup
    return {region: list(setups.values()) for region, setups in used.items()}


def _accuracy(parts: _Parts) -> tuple[tuple[str, float], ...]:
    """Return the catalogue's accuracy (COCO mAP) of the models in use."""
    models = sorted({setup.model for setup in parts.setups})
    return tuple(
        (m, float(parts.reader.number("models", m, "map")))
        for m in models
        if parts.reader.has_parameter("models", m, "map")
    )


def _phases(parts: _Parts, keys: np.ndarray) -> np.ndarray:
    """Return each sensor's phase in [0, 1) periods; staggered: evenly over its group."""
    groups = parts.scenario.model.sensors
    total = {g: sum(s.group == g for s in parts.placed) for g in groups}
    seen = dict.fromkeys(groups, 0)
    phase = np.zeros(len(parts.placed))
    for s, sensor in enumerate(parts.placed):
        kind = groups[sensor.group].phase
        if kind == "random":
            phase[s] = uniform(keys[s], 0)
        elif kind == "staggered":
            phase[s] = seen[sensor.group] / total[sensor.group]
        seen[sensor.group] += 1
    return phase


def _scene(parts: _Parts, demand: Demand | None) -> tuple[np.ndarray, np.ndarray]:
    """Return (probability to stay a second, share of the footfall) of each sensor."""
    apps = {}
    for group, spec in parts.scenario.model.sensors.items():
        known = parts.reader.items("apps")
        if spec.app not in known:
            raise parts.scenario.error(
                ("sensors", group, "app"),
                f"no app '{spec.app}'{did_you_mean(spec.app, known)}; known: {', '.join(known)}",
            )
        dwell_s = parts.reader.time_ns("apps", spec.app, "dwell") / 1e9
        share = float(parts.reader.number("apps", spec.app, "share"))
        apps[group] = (exp_minus(1.0 / dwell_s), share)
        busiest = 0.0 if demand is None else float(demand.people_per_h.max())
        factor = max([1.0, *(float(e.demand) for e in parts.scenario.model.events if e.demand)])
        if busiest * share * factor / 3600 / (1 - apps[group][0]) > MAX_MEAN:
            raise parts.scenario.error(
                ("sensors", group, "app"),
                f"'{spec.app}' would see more than {MAX_MEAN:g} objects at once; lower its share"
                " or dwell in the catalogue",
            )
    both = np.array([apps[s.group] for s in parts.placed])
    return both[:, 0].copy(), both[:, 1].copy()


def _return_ns(parts: _Parts) -> Ints:
    """Return the way back to the site: the result's service and propagation on each hop down.

    Results are some hundred bytes and do not queue (`docs/MODEL.md`); 0 where the consumer is in
    the cloud.
    """
    out = np.zeros(len(parts.placed), dtype=np.int64)
    groups = parts.scenario.model.sensors
    for s, sensor in enumerate(parts.placed):
        setup = parts.setups[parts.setup_of[s]]
        if groups[sensor.group].consumer == "cloud" or setup.on_sensor:
            continue
        bits = _message_bits(parts, parts.reader.data_bit("models", setup.model, "result") // 8)
        for level in range(LEVELS):
            link = parts.net.link_of[level][s]
            if link >= 0:
                kind = parts.net.classes[parts.net.class_of[link]]
                out[s] += service_ns(bits, kind.downlink_rate_bps) + kind.propagation_ns
    return out


def _message_bits(parts: _Parts, payload: int) -> int:
    """Return the bits on the wire of a message sent down by MQTT."""
    overhead = [
        parts.reader.data_bit("protocols", "mqtt-tls", p) // 8
        for p in ("per_message", "segment", "per_segment")
    ]
    return int(wire_bits(payload, *overhead))


def _timetable(parts: _Parts, deployments: Sequence[Deployment]) -> Ints:
    model, net = parts.scenario.model, parts.net
    rows = timetable.hour_events(model.start_time, model.duration)
    link_spans: dict[int, list[tuple[int, int]]] = {}
    sensor_spans: dict[int, list[tuple[int, int]]] = {}
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
            held = link_spans if event.kind == "outage" else sensor_spans
            for target in found:
                name = net.names[target] if event.kind == "outage" else parts.placed[target].name
                lasts_ns = event.lasts or (
                    _reboot_ns(parts, target) if event.kind == "crash" else 0
                )
                held.setdefault(target, []).extend(
                    timetable.spans(
                        event, name, lasts_ns, model.duration, parts.seed, parts.replication
                    )
                )
    index = {sensor.name: s for s, sensor in enumerate(parts.placed)}
    for deployment in deployments:
        if deployment.sensor not in index:
            hint = did_you_mean(deployment.sensor, list(index))
            raise InputError(f"no sensor '{deployment.sensor}'{hint}")
        found = [index[deployment.sensor]]
        requests += _requests(parts, deployment.at_ns, found, deployment.model, ())
    link_down: dict[int, Spans] = {i: timetable.merge(p) for i, p in link_spans.items()}
    sensor_down: dict[int, Spans] = {i: timetable.merge(p) for i, p in sensor_spans.items()}
    return timetable.assemble(rows, link_down, sensor_down, requests, net, model.duration)


def _reboot_ns(parts: _Parts, sensor: int) -> int:
    setup = parts.setups[parts.setup_of[sensor]]
    kind = "sensors" if setup.on_sensor else "cameras"
    return parts.reader.time_ns(kind, setup.device, "reboot")


def _requests(
    parts: _Parts, at_ns: int, found: Sequence[int], model: str, keys: tuple[str | int, ...]
) -> list[Request]:
    """Return the rewrites of some sensors; cameras hold no model and are passed over."""
    out = []
    for sensor in found:
        old = parts.setups[parts.setup_of[sensor]]
        if not old.on_sensor:
            continue
        new = _setup_with_model(parts, old, model, keys)
        firmware_bit = parts.reader.data_bit("models", model, "firmware")
        rate_bps = parts.reader.rate_bps("sensors", old.device, "model_write_rate")
        bits = _message_bits(parts, firmware_bit // 8)
        out.append(Request(at_ns, sensor, new, bits, service_ns(firmware_bit, rate_bps)))
    return out


def _setup_with_model(parts: _Parts, old: Setup, model: str, keys: tuple[str | int, ...]) -> int:
    """Return the index of a setup like another one with another model, made if it is new."""
    chosen = old.equipment.model_copy(update={"model": model})
    for i, setup in enumerate(parts.setups):
        if setup.equipment == chosen:
            return i
    parts.setups.append(
        equipment.build(parts.scenario, parts.reader, chosen, keys, Fraction(1, 1_000_000))
    )
    return len(parts.setups) - 1
