"""From a scenario and a catalogue to the plan of one arm: every name resolved, every check made."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.catalog import Catalog
from fleet.plan import placing, steps
from fleet.plan.draft import Deployment, Draft
from fleet.plan.feedback import with_rates
from fleet.plan.groups import Notes
from fleet.plan.limits import check_length
from fleet.plan.memo import Maker, Memo
from fleet.plan.placing import Placement
from fleet.plan.plan import Plan
from fleet.scenario import user_rows
from fleet.scenario.load import Scenario
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
    memo: Memo | None = None,
) -> Plan:
    """Return the plan of an arm.

    Args:
        scenario: what the user says.
        catalog: what hardware does.
        arm: which arm; with a placement, just its name.
        replication: number of the independent repetition, from 0.
        placement: chooses an arm's equipment for each sensor instead of the arm itself.
        deployments: models written by the user, besides the scenario's events.
        memo: parts of plans made before; those of this plan are kept in it. The plan is the same
            with it and without.

    Raises:
        InputError: something in the scenario does not exist, fit or lead anywhere.
    """
    if placement is None:
        placing.check_arm(arm, list(scenario.model.arms))
    check_length(scenario)
    draft = Draft(scenario, arm, replication, placement, deployments)
    maker = Maker(draft, catalog, Memo() if memo is None else memo)
    _prepare(maker, draft)
    return _plan(maker, draft)


def _prepare(maker: Maker, draft: Draft) -> None:
    """Make what groups are made from: the sensors, and what stands there at the start."""
    draft.roster = maker.part(steps.ROSTER)
    draft.arms, draft.arm_of = maker.part(steps.ARMS)
    draft.net = maker.part(steps.NETWORK)
    draft.times = maker.part(steps.TIMES)
    setups, draft.setup_of, draft.ladders = maker.part(steps.FIRST_SETUPS)
    draft.setups = list(setups)
    draft.served_by = maker.part(steps.SERVED)
    draft.place = maker.part(steps.PLACE)
    draft.lights = maker.part(steps.LIGHTS)


def _plan(maker: Maker, draft: Draft) -> Plan:
    """Return the plan of a draft, group by group; rewrites add setups, and eyes add to them."""
    scenario, model = draft.scenario, draft.scenario.model
    draft.control, setups = maker.part(steps.CONTROL)
    draft.setups = list(setups)
    maker.part(steps.SETUPS)
    draft.pools = maker.part(steps.POOLS)
    draft.links = maker.part(steps.LINKS)
    eyes, setups = maker.part(steps.EYES)
    draft.setups = list(setups)
    maker.part(steps.LIGHT)
    warm_up_ns = _warm_up_ns(scenario)
    draft.draws = maker.part(steps.DRAWS)
    sensors, scene = maker.part(steps.SENSORS), maker.part(steps.SCENE)
    draft.money = maker.part(steps.MONEY)
    plan = Plan(
        scenario=model.name,
        scenario_digest=scenario.digest,
        arm=draft.arm,
        seed=model.seed,
        replication=draft.replication,
        end_ns=model.duration,
        warm_up_ns=warm_up_ns,
        sensors=sensors,
        scene=scene,
        links=draft.links,
        pools=draft.pools,
        eyes=eyes,
        money=draft.money,
        control=draft.control,
        feedback=maker.part(steps.FEEDBACK),
        batteries=maker.part(steps.BATTERIES),
        stations=maker.part(steps.STATIONS),
        notes=_notes(maker),
    )
    return with_rates(plan)


def _warm_up_ns(scenario: Scenario) -> int:
    """Return until when nothing is counted; ns."""
    warm_up_ns, end_ns = scenario.model.warm_up_ns, scenario.model.duration
    if warm_up_ns >= end_ns:
        raise scenario.error(
            ("warm_up",),
            f"{format_time_ns(warm_up_ns)} leaves nothing to count of a run of"
            f" {format_time_ns(end_ns)}; make it shorter than 'duration'",
        )
    return warm_up_ns


def _notes(maker: Maker) -> Notes:
    """Return what a reader should know; after all else, which reads the catalogue and remarks."""
    accuracy = maker.part(steps.ACCURACY)
    return Notes(accuracy, tuple(maker.rows.values()), tuple(dict.fromkeys(maker.remarks)))
