"""From a scenario and a catalogue to the plan of one arm: every name resolved, every check made."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from fleet.catalog import Catalog
from fleet.chance import Stream, name_hashes, stream_keys, uniform
from fleet.errors import InputError
from fleet.model.frames import LEVELS
from fleet.model.link import service_ns
from fleet.plan import capture_times, equipment, events, network, people, placing, pools
from fleet.plan.clocks import clock_table
from fleet.plan.draft import Draft, add_setups
from fleet.plan.events import Deployment
from fleet.plan.grid import grid_of
from fleet.plan.light import lights, tell_light
from fleet.plan.place import place_of
from fleet.plan.placing import Placement
from fleet.plan.plan import Floats, Ints, Keys, Plan, Prices
from fleet.plan.sights import build as build_sights
from fleet.plan.sights import task_of
from fleet.scenario import user_rows
from fleet.scenario.load import Scenario, did_you_mean
from fleet.units import format_time_ns


def catalogue(scenario: Scenario) -> Catalog:
    """Return the catalogue of a scenario: the packaged rows and the user's own on top.

    Raises:
        InputError: the scenario names a folder that is not there, or a row is not sound.
    """
    folder = scenario.model.catalogue
    if folder is None:
        return Catalog.load()
    rows = scenario.files(folder, (".yaml", ".yml"), "catalogue")
    own = dict(user_rows.read(file) for file in rows)
    return Catalog.load(scenario.files(folder, (".csv",), "catalogue"), own)


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
    parts = Draft(
        scenario, reader, arm, replication, placed,
        placing.arm_of_each(scenario, arm, placed, placement),
        network.build(scenario, reader, placed, pools.region_names(scenario)),
        capture_times.read(scenario, placed),
    )  # fmt: skip
    parts.remarks += parts.times.remarks
    add_setups(parts)
    return _plan(parts, deployments)


def _plan(draft: Draft, deployments: Sequence[Deployment]) -> Plan:
    scenario, model = draft.scenario, draft.scenario.model
    found = events.build(draft, deployments)  # first: rewrites add setups
    served = pools.build(
        scenario, draft.reader, draft.placed, draft.net,
        [draft.setup(s) for s in range(len(draft.placed))],
    )  # fmt: skip
    seen = build_sights(draft)  # before the table of setups is made: it says whose is which
    lon, lat = (np.array([getattr(s.site, at) for s in draft.placed]) for at in ("lon", "lat"))
    place = place_of(scenario, lat, lon)
    tell_light(draft, place)
    light_from_s, light_then = lights(scenario, place)
    return Plan(
        scenario=model.name,
        scenario_digest=scenario.digest,
        arm=draft.arm,
        seed=model.seed,
        replication=draft.replication,
        end_ns=model.duration,
        warm_up_ns=_warm_up_ns(scenario),
        lookahead_ns=model.duration,
        timetable=found.timetable,
        rollout=found.rollout,
        **_sensor_columns(draft),
        **people.scene_columns(draft),
        **_region_columns(draft),
        **vars(served),
        **_link_columns(draft),
        **_results(draft, served.pool_level),
        lon=lon,
        lat=lat,
        **seen._asdict(),
        looks_live=model.inference == "live",
        tasks=tuple(task_of(draft.reader, setup.use.app) for setup in draft.setups),
        light_from_s=light_from_s,
        light_then=light_then,
        grid=grid_of(scenario, draft.reader, place),
        prices=_prices(draft),
        accuracy=_accuracy(draft),
        assumptions=tuple(draft.reader.used),
        remarks=tuple(dict.fromkeys(draft.remarks)),
    )


def _warm_up_ns(scenario: Scenario) -> int:
    """Return until when nothing is counted; ns."""
    warm_up_ns, end_ns = scenario.model.warm_up, scenario.model.duration
    if warm_up_ns >= end_ns:
        raise scenario.error(
            ("warm_up",),
            f"{format_time_ns(warm_up_ns)} leaves nothing to count of a run of"
            f" {format_time_ns(end_ns)}; make it shorter than 'duration'",
        )
    return warm_up_ns


def _prices(draft: Draft) -> Prices | None:
    """Return the price book of the scenario, if it names one."""
    book, known = draft.scenario.model.prices, draft.reader.items("prices")
    if book is None:
        return None
    if book not in known:
        raise draft.scenario.error(
            ("prices",), f"no price book '{book}'{did_you_mean(book, known)}; known:"
            f" {', '.join(known)}"
        )  # fmt: skip

    def price(parameter: str) -> float:
        return float(draft.reader.number("prices", book, parameter))

    return Prices(
        book=book,
        kwh=price("electricity"),
        mobile_gb=price("mobile_data"),
        fixed_gb=price("fixed_data"),
        stored_gb_month=price("storage"),
        retention_ns=draft.scenario.model.retention or 0,
        device_month=np.array([equipment.monthly_usd(draft.reader, s) for s in draft.setups]),
    )


def _sensor_columns(draft: Draft) -> dict[str, Any]:
    """Return who the sensors are, what stands there, and when they capture."""
    scenario, placed = draft.scenario, draft.placed
    names = tuple(sensor.name for sensor in placed)
    hashes = name_hashes(names)
    keys = {s: stream_keys(hashes, scenario.model.seed, draft.replication, s) for s in Stream}
    groups = tuple(scenario.model.sensors)
    phase = _phases(draft, keys[Stream.PHASE])
    return {
        "names": names,
        "name_hash": hashes,
        "capture_keys": keys[Stream.CAPTURE],
        "scene_keys": keys[Stream.SCENE],
        "size_keys": keys[Stream.SIZE],
        "radio_keys": keys[Stream.RADIO],
        "service_keys": keys[Stream.SERVICE],
        "sight_keys": keys[Stream.SIGHT],
        "loss_keys": np.array([keys[Stream.LOSS] ^ np.uint64(level) for level in range(LEVELS)]),
        "group_names": groups,
        "group_of": np.array([groups.index(s.group) for s in placed], dtype=np.int64),
        "site_of": tuple(s.site.id for s in placed),
        "setup_names": tuple(s.name for s in draft.setups),
        "setup_of": draft.setup_of,
        "setups": equipment.table(draft.setups),
        "decode_px": np.array(
            [draft.setup(s).row["decode_px"] for s in range(len(placed))], dtype=np.int64
        ),
        "clocks": clock_table(
            scenario,
            placed,
            [draft.setup(s).use.rate for s in range(len(placed))],
            phase,
            draft.times,
        ),
        "phase": phase,
        "trace_ns": draft.times.times_ns,
    }


def _region_columns(draft: Draft) -> dict[str, Any]:
    """Return where frames and results go, and what is there."""
    scenario, groups = draft.scenario, draft.scenario.model.sensors
    return {
        "region_names": pools.region_names(scenario),
        "region_of": draft.net.region_of,
        "to_site": np.array(
            [groups[s.group].consumer == "site" for s in draft.placed], dtype=np.int64
        ),
    }


def _link_columns(draft: Draft) -> dict[str, Any]:
    """Return the links on the way, and the energy of what crosses them."""
    net, chosen = draft.net, draft.scenario.model.network_energy
    boundaries = tuple(
        (name, *(_pj_per_bit(draft, name, kind) for kind in ("fixed", "mobile")))
        for name in draft.reader.items("network")
    )
    fixed, mobile = next((f, m) for name, f, m in boundaries if name == chosen)
    return {
        "class_names": tuple(c.name for c in net.classes),
        "link_names": net.names,
        "link_of": net.link_of,
        "links": net.table(),
        "class_of": net.class_of,
        "level_of": net.level_of(),
        "mobile_class": np.array([c.mobile for c in net.classes], dtype=np.int64),
        "radios": tuple(c.radio for c in net.classes),
        "radio_of": net.radio_of,
        "cell_level": net.cell_level,
        "boundaries": boundaries,
        "fixed_pj_per_bit": fixed,
        "mobile_pj_per_bit": mobile,
    }


def _pj_per_bit(draft: Draft, boundary: str, kind: str) -> int:
    nj = draft.reader.energy_nj_per_bit("network", boundary, f"{kind}_energy_per_bit")
    return int(nj * 1000)


def _accuracy(draft: Draft) -> tuple[tuple[str, float], ...]:
    """Return the catalogue's accuracy (COCO mAP) of the models in use."""
    models = sorted({setup.model for setup in draft.setups})
    return tuple(
        (m, float(draft.reader.number("models", m, "map")))
        for m in models
        if draft.reader.has_parameter("models", m, "map")
    )


def _phases(draft: Draft, keys: Keys) -> Floats:
    """Return each sensor's phase in [0, 1) periods; staggered: evenly over its group."""
    groups = draft.scenario.model.sensors
    total = {g: sum(s.group == g for s in draft.placed) for g in groups}
    seen = dict.fromkeys(groups, 0)
    phase = np.zeros(len(draft.placed))
    for s, sensor in enumerate(draft.placed):
        kind = groups[sensor.group].phase
        if kind == "random":
            phase[s] = uniform(keys[s], 0)
        elif kind == "staggered":
            phase[s] = seen[sensor.group] / total[sensor.group]
        seen[sensor.group] += 1
    return phase


def _results(draft: Draft, pool_level: Ints) -> dict[str, Any]:
    """Return the way back to the site, and what an edge sends on for each frame.

    To the site: the result's service and propagation on each hop down; 0 where the consumer is in
    the cloud. Results are some hundred bytes and do not queue downwards (`docs/MODEL.md`).
    """
    size = len(draft.placed)
    back, payload, wire = (np.zeros(size, dtype=np.int64) for _ in range(3))
    groups = draft.scenario.model.sensors

    @functools.cache
    def sizes(model: str) -> tuple[int, int]:
        content = draft.reader.data_bit("models", model, "result") // 8
        return content, equipment.message_bits(draft.reader, content)

    for s, sensor in enumerate(draft.placed):
        setup = draft.setup(s)
        if setup.on_sensor:
            continue
        payload[s], wire[s] = sizes(setup.model)
        if groups[sensor.group].consumer == "cloud":
            continue
        for level in range(int(pool_level[s]) + 1):
            link = draft.net.link_of[level][s]
            if link < 0:
                continue
            kind = draft.net.classes[draft.net.class_of[link]]
            if kind.downlink_rate_bps:
                back[s] += service_ns(int(wire[s]), kind.downlink_rate_bps) + kind.propagation_ns
    return {"return_ns": back, "result_bytes": payload, "result_bits": wire}
