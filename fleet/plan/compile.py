"""From a scenario and a catalogue to the plan of one arm: every name resolved, every check made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from fleet.arrays import Ints
from fleet.catalog import Catalog
from fleet.chance import Stream, stream_keys
from fleet.model.frames import LEVELS
from fleet.plan import equipment, events, network, people, placing, pools, sights
from fleet.plan.clocks import clock_table, phases
from fleet.plan.common import Common
from fleet.plan.draft import Draft, add_setups
from fleet.plan.events import Deployment
from fleet.plan.grid import grid_of
from fleet.plan.groups import Links, Money, Notes, Sensors
from fleet.plan.light import tell_light
from fleet.plan.limits import check_length
from fleet.plan.place import Place
from fleet.plan.placing import Placement
from fleet.plan.plan import Plan
from fleet.plan.plant import Prices
from fleet.plan.stations import stations
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
    common: Common | None = None,
) -> Plan:
    """Return the plan of an arm in one replication.

    Args:
        scenario: what the user says.
        catalog: what hardware does.
        arm: which arm; with a placement, just its name.
        replication: number of the independent repetition, from 0.
        placement: chooses an arm's equipment for each sensor instead of the arm itself.
        deployments: models written by the user, besides the scenario's events.
        common: what other plans of the scenario have worked out; None: it is worked out anew.

    Raises:
        InputError: something in the scenario does not exist, fit or lead anywhere.
    """
    draft = _draft(scenario, catalog, arm, placement, common or Common(scenario))
    draft.replication = replication
    return _plan(draft, deployments)


def compile_plans(
    scenario: Scenario,
    catalog: Catalog,
    arm: str,
    *,
    placement: Placement | None = None,
    common: Common | None = None,
) -> Iterator[Plan]:
    """Yield the plans of an arm in all its replications, each as `compile_plan` returns it.

    They differ in what is drawn, so that only this is worked out again.

    Raises:
        InputError: something in the scenario does not exist, fit or lead anywhere.
    """
    draft = _draft(scenario, catalog, arm, placement, common or Common(scenario))
    first = _plan(draft, ())
    yield first
    for draft.replication in range(1, scenario.model.replications):
        control = events.build(draft, ())
        yield replace(
            first, replication=draft.replication, sensors=_sensors(draft), control=control
        )


def _draft(
    scenario: Scenario, catalog: Catalog, arm: str, placement: Placement | None, common: Common
) -> Draft:
    """Return an arm of which it is known what stands where, and over which links it sends."""
    if placement is None:
        placing.check_arm(arm, list(scenario.model.arms))
    check_length(scenario)
    reader = catalog.reader()
    draft = Draft(
        scenario, reader, arm, 0, common,
        *placing.arm_of_each(scenario, arm, common.roster, placement),
        network.build(scenario, reader, common.roster, pools.region_names(scenario)),
    )  # fmt: skip
    draft.remarks += draft.times.remarks
    add_setups(draft)
    return draft


def _plan(draft: Draft, deployments: Sequence[Deployment]) -> Plan:
    """Return the plan of a draft: group by group, and setups last, which others add to."""
    scenario, model = draft.scenario, draft.scenario.model
    control = events.build(draft, deployments)
    served = pools.build(draft)
    links, eyes = _links(draft), sights.build(draft)
    tell_light(draft)
    return Plan(
        scenario=model.name,
        scenario_digest=scenario.digest,
        arm=draft.arm,
        seed=model.seed,
        replication=draft.replication,
        end_ns=model.duration,
        warm_up_ns=_warm_up_ns(scenario),
        sensors=_sensors(draft),
        scene=people.scene(draft),
        links=links,
        pools=served,
        eyes=eyes,
        money=_money(draft, draft.common.place),
        control=control,
        stations=stations(links, served, model.duration),
        notes=_notes(draft),
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


def _sensors(draft: Draft) -> Sensors:
    """Return who the sensors are, what stands there, and when they capture."""
    scenario, roster = draft.scenario, draft.roster
    hashes = draft.common.hashes
    keys = {s: stream_keys(hashes, scenario.model.seed, draft.replication, s) for s in Stream}
    phase = phases(draft, keys[Stream.PHASE])
    return Sensors(
        ids=np.arange(len(roster)),
        names=tuple(roster.names),
        name_hash=hashes,
        capture_keys=keys[Stream.CAPTURE],
        scene_keys=keys[Stream.SCENE],
        size_keys=keys[Stream.SIZE],
        radio_keys=keys[Stream.RADIO],
        service_keys=keys[Stream.SERVICE],
        sight_keys=keys[Stream.SIGHT],
        loss_keys=np.array([keys[Stream.LOSS] ^ np.uint64(level) for level in range(LEVELS)]),
        group_names=roster.groups,
        group_of=roster.group_of,
        site_of=tuple(roster.site_of),
        lon=roster.lon,
        lat=roster.lat,
        setup_names=tuple(s.name for s in draft.setups),
        setup_of=draft.setup_of,
        setups=equipment.table(draft.setups),
        clocks=clock_table(draft, phase),
        phase=phase,
        trace_ns=draft.times.times_ns,
        to_site=_to_site(draft),
    )


def _to_site(draft: Draft) -> Ints:
    """Return 1 for each sensor whose results are used at the site."""
    groups = draft.scenario.model.sensors.values()
    used = np.array([spec.consumer == "site" for spec in groups], dtype=np.int64)
    to_site: Ints = used[draft.roster.group_of]
    return to_site


def _links(draft: Draft) -> Links:
    """Return the links on the ways of the sensors."""
    net = draft.net
    return Links(
        ids=np.arange(len(net.names)),
        class_names=tuple(c.name for c in net.classes),
        names=net.names,
        of=net.link_of,
        table=net.table(),
        class_of=net.class_of,
        level_of=net.level_of(),
        mobile=np.array([c.mobile for c in net.classes], dtype=np.int64),
        radios=tuple(c.radio for c in net.classes),
        radio_of=net.radio_of,
        cell_level=net.cell_level,
        region_names=pools.region_names(draft.scenario),
        region_of=net.region_of,
    )


def _money(draft: Draft, place: Place | None) -> Money:
    """Return whose electricity it is, what crossing the network draws, and what things cost."""
    boundaries = tuple(
        (name, _pj_per_bit(draft, name, "fixed"), _pj_per_bit(draft, name, "mobile"))
        for name in draft.reader.items("network")
    )
    chosen = draft.scenario.model.network_energy
    fixed, mobile = next((f, m) for name, f, m in boundaries if name == chosen)
    return Money(
        fixed, mobile, boundaries, grid_of(draft.scenario, draft.reader, place), _prices(draft)
    )


def _notes(draft: Draft) -> Notes:
    """Return what a reader should know; after all else, which reads the catalogue and remarks."""
    accuracy = _accuracy(draft)
    return Notes(accuracy, tuple(draft.reader.used), tuple(dict.fromkeys(draft.remarks)))


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
