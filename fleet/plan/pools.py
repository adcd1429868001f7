"""The servers that some sensor sends frames to: a pool in each region, and those at the edge."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from fleet.arrays import Ints
from fleet.catalog import Reader
from fleet.model.link import service_ns
from fleet.model.servers import CONSTANT, EXPONENTIAL, LARGEST_VARIATION, NEAR_NORMAL
from fleet.plan import equipment
from fleet.plan.draft import Draft
from fleet.plan.equipment import Setup
from fleet.plan.groups import Pools, first_rows, kinds_of
from fleet.plan.limits import check_times
from fleet.plan.plant import Autoscaling, Pool, ServerKind, Tenants, Then
from fleet.plan.protocol import message_bits
from fleet.plan.served import of_region, region_names
from fleet.plan.tenants import remarks, tenants_of
from fleet.scenario.event import Event
from fleet.scenario.load import Scenario, did_you_mean
from fleet.scenario.plant import Autoscale, Cloud, Edge, Region, Servers
from fleet.scenario.strict_yaml import Keys

_LAWS = {"constant": CONSTANT, "near-normal": NEAR_NORMAL, "exponential": EXPONENTIAL}


def build(draft: Draft) -> Pools:
    """Return the pools that some sensors send frames to, and the way back from them.

    Raises:
        InputError: a server or its speed on a model is not known, or a group has two models there.
    """
    scenario, served = draft.scenario, draft.served_by
    regions, edges = region_names(scenario), scenario.model.edges
    used: list[dict[str, Setup]] = [{} for _ in (*regions, *edges)]
    sharing: list[dict[str, str]] = [{} for _ in used]
    decode_px = np.zeros(len(draft.roster), dtype=np.int64)
    for mine, group, setup in draft.served_kinds():
        decode_px[mine] = int(setup.row["decode_px"])
        entry = int(served.entry[served.of[mine[0]]])
        used[entry].setdefault(setup.served, setup)
        if sharing[entry].setdefault(group, setup.served) != setup.served:
            raise scenario.error(
                setup.keys,
                f"sensors of '{group}' would send frames for {sharing[entry][group]} and for"
                f" {setup.served} to '{(*regions, *edges)[entry]}'; make two groups of them, or"
                " send them to different regions or edges",
            )
    pools = tuple(
        _pool(
            scenario, draft.reader, name, at, models,
            tenants_of(scenario, draft.roster.groups, sharing[at], list(models)),
        )
        if models
        else None
        for at, (name, models) in enumerate(zip((*regions, *edges), used, strict=True))
    )  # fmt: skip
    draft.remarks += remarks(scenario, pools, [set(mine) for mine in sharing])
    row = first_rows(kinds_of(pools, served.entry))
    return Pools(
        np.arange(len(served.names)), pools, served.names, served.entry, row, row, served.of,
        served.level, decode_px, *_results(draft, served.level),
    )  # fmt: skip


def _results(draft: Draft, pool_level: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the way back to the site, and what an edge sends on for each frame: bytes, bits.

    To the site: the result's service and propagation on each hop down; 0 where the consumer is in
    the cloud. Results are some hundred bytes and do not queue downwards (`docs/MODEL.md`).
    """
    back, payload, wire = np.zeros((3, len(draft.roster)), dtype=np.int64)
    for mine, group, setup in draft.served_kinds():
        content = draft.reader.data_bit("models", setup.answers, "result") // 8
        payload[mine] = content
        wire[mine] = bits = message_bits(draft.reader, content)
        if draft.scenario.model.sensors[group].consumer == "cloud":
            continue
        classes = [draft.net.classes[c] for c in draft.net.paths[group]]
        back[mine] = sum(
            service_ns(bits, c.downlink_rate_bps) + c.propagation_ns
            for c in classes
            if c.level <= pool_level[mine[0]] and c.downlink_rate_bps
        )
    return back, payload, wire


def _spec(scenario: Scenario, name: str, at: int) -> tuple[Servers, Keys]:
    """Return the settings of a region (its own on top of the cloud's) or edge, and their place."""
    model = scenario.model
    if at >= len(region_names(scenario)):
        return model.edges[name], ("edges", name)
    own = model.regions.get(name)
    if own is None:
        return model.cloud, ("cloud",)
    fields = {f: v for f in Region.model_fields if (v := getattr(own, f)) is not None}
    return model.cloud.model_copy(update=fields), ("regions", name)


def resized(scenario: Scenario, event: Event, keys: Keys) -> int:
    """Return the region whose number of servers an event changes.

    Raises:
        InputError: it is none, or its number follows load.
    """
    name, regions = event.target, region_names(scenario)
    if name not in regions:
        hint = did_you_mean(name, regions)
        raise scenario.error(
            (*keys, "resize"), f"no region '{name}'{hint}; regions: {', '.join(regions)}"
        )
    if of_region(scenario, name, "autoscale") is not None:
        place = f"regions.{name}" if name in scenario.model.regions else "cloud"
        raise scenario.error(
            (*keys, "resize"),
            f"the servers of '{name}' follow load; remove {place}.autoscale, or the event",
        )
    return regions.index(name)


def _pool(
    scenario: Scenario, reader: Reader, name: str, at: int, models: dict[str, Setup],
    tenants: Tenants | None,
) -> Pool:  # fmt: skip
    """Return a pool with the first of its networks, and with the others behind that."""
    spec, keys = _spec(scenario, name, at)
    first, *others = (
        _of_network(scenario, reader, (name, spec, keys), setup, tenants)
        for setup in models.values()
    )
    return replace(first, others=tuple(others))


def _of_network(
    scenario: Scenario, reader: Reader, about: tuple[str, Servers, Keys], setup: Setup,
    tenants: Tenants | None,
) -> Pool:  # fmt: skip
    """Return a pool as it is for one network; `about` are its name, settings and their place."""
    name, spec, keys = about
    kinds = tuple(
        _kind(scenario, reader, spec, keys, server, count, setup)
        for server, count in {spec.server: spec.servers, **spec.more}.items()
    )
    law, variation = _law(reader, setup.answers)
    then = _then(scenario, setup, kinds, spec.batch.max)
    return Pool(
        name=name,
        edge=isinstance(spec, Edge),
        model=setup.served,
        kinds=kinds,
        max_batch=spec.batch.max,
        wait_ns=spec.batch.wait,
        queue_max=spec.queue,
        deadline_ns=spec.deadline or 0,
        law=law,
        variation=variation,
        autoscaling=(
            _autoscaling(reader, spec.server, spec.autoscale) if isinstance(spec, Cloud) else None
        ),
        tenants=tenants,
        then=then,
    )


def _then(
    scenario: Scenario, setup: Setup, kinds: tuple[ServerKind, ...], frames: int
) -> Then | None:
    """Return the second network of a pool, None without one.

    Raises:
        InputError: a full batch with as many objects as may be would take too long.
    """
    if setup.then is None:
        return None
    most, batch = setup.then.most, setup.then.batch or frames
    batches = -(-frames * most // batch)
    for kind in kinds:
        objects_ns = batches * kind.then_base_ns + frames * most * kind.then_per_ns
        longest = {f"batches on '{kind.server}'_ns": int(kind.service_ns[-1]) + objects_ns}
        check_times(scenario, (*setup.keys, "pipeline"), setup.served, longest)
    return Then(most, batch)


def _law(reader: Reader, model: str) -> tuple[int, float]:
    """Return how the service times of a model vary, and their coefficient of variation."""
    law = CONSTANT
    if reader.has_parameter("models", model, "service_law"):
        law = _LAWS.get(reader.text("models", model, "service_law"), CONSTANT)
    if law == EXPONENTIAL or not reader.has_parameter("models", model, "variation"):
        return law, 0.0
    variation = min(float(reader.number("models", model, "variation")), LARGEST_VARIATION)
    return (NEAR_NORMAL, variation) if variation > 0 else (CONSTANT, 0.0)


def _kind(
    scenario: Scenario, reader: Reader, spec: Servers, keys: Keys, server: str, count: int,
    setup: Setup,
) -> ServerKind:  # fmt: skip
    known = reader.items("servers")
    if server not in known:
        where = "server" if server == spec.server else "more"
        raise scenario.error(
            (*keys, where),
            f"no server '{server}'{did_you_mean(server, known)}; known: {', '.join(known)}",
        )
    for model, place in _models(setup):
        if not reader.has_parameter("models", model, f"{server}_batch_base"):
            raise scenario.error(
                (*setup.keys, *place), f"the time of '{model}' on server '{server}' is not known"
            )
    host_uw = reader.power_uw("servers", server, "host_power")
    hourly, monthly = _prices(reader, server, isinstance(spec, Edge))
    spent_ns, held_ns = _batch_times(reader, server, setup, spec.batch.max)
    base_ns, hold_ns, per_ns = _second_times(reader, server, setup)
    return ServerKind(
        server=server,
        count=count,
        service_ns=spent_ns,
        hold_ns=held_ns,
        idle_uw=reader.power_uw("servers", server, "idle_power") + host_uw,
        busy_uw=reader.power_uw("servers", server, "busy_power") + host_uw,
        decoders=reader.count("servers", server, "decoders") if spec.decode else 0,
        decode_px_s=max(1, reader.count("servers", server, "decode_rate")),
        decode_uw=reader.power_uw("servers", server, "decode_power"),
        pue_ppm=int(reader.number("servers", server, "pue") * 1_000_000),
        hourly_usd=hourly,
        monthly_usd=monthly,
        then_base_ns=base_ns,
        then_hold_ns=hold_ns,
        then_per_ns=per_ns,
    )


def _models(setup: Setup) -> list[tuple[str, Keys]]:
    """Return the networks that servers run for a setup, and where its equipment names them."""
    first = [] if setup.sends_crops else [(setup.model, ("model",))]
    then = [] if setup.then is None else [(setup.then.model, ("pipeline", "model"))]
    return [*first, *then]


def _prices(reader: Reader, server: str, edge: bool) -> tuple[float, float]:
    """Return (US dollars an hour, US dollars a month) of a server: rented or bought."""
    hourly = float(reader.number("servers", server, "price"))
    bought = reader.number("servers", server, "purchase")
    if not edge and hourly:
        return hourly, 0.0
    life_ns = reader.time_ns("servers", server, "lifetime")
    return 0.0, float(bought * Fraction(equipment.MONTH_NS, max(1, life_ns)))


def _batch_times(reader: Reader, server: str, setup: Setup, most: int) -> Ints:
    """Return t(b) = a + c·b and h(b) = s·a + c·b for b = 0..most; ns, shape (2, most + 1).

    Without a row for `s`, which is at most 1, nothing overlaps: h(b) = t(b). Of a network that is
    cut `a` and `c` are its own times the share of its multiplications that is left, rounded down.
    Where servers get crops they are 0: the first network has run.
    """
    base_ns, hold_ns, per_frame_ns = 0, 0, 0
    if not setup.sends_crops:
        left = Fraction(1) if setup.cut is None else setup.cut.left
        base_ns, hold_ns, per_frame_ns = _times(reader, server, setup.model, left)
    bases = np.array([[base_ns], [hold_ns]], dtype=np.int64)
    return bases + per_frame_ns * np.arange(most + 1, dtype=np.int64)


def _second_times(reader: Reader, server: str, setup: Setup) -> tuple[int, int, int]:
    """Return a, s·a and c of the second network of a setup; 0 without one."""
    if setup.then is None:
        return 0, 0, 0
    return _times(reader, server, setup.then.model, Fraction(1))


def _times(reader: Reader, server: str, model: str, left: Fraction) -> tuple[int, int, int]:
    """Return a, s·a and c of a share that is left of a model on a server; ns, rounded down."""
    base_ns, per_frame_ns = (
        int(reader.time_ns("models", model, f"{server}_batch_{part}") * left)
        for part in ("base", "per_frame")
    )
    share, parameter = Fraction(1), f"{server}_batch_hold"
    if reader.has_parameter("models", model, parameter):
        share = reader.number("models", model, parameter)
    return base_ns, int(base_ns * share), per_frame_ns


def _autoscaling(reader: Reader, server: str, spec: Autoscale | None) -> Autoscaling | None:
    if spec is None:
        return None
    boot_ns = spec.boot if spec.boot is not None else reader.time_ns("servers", server, "boot")
    return Autoscaling(
        least=spec.min,
        most=spec.max,
        target_ppm=int(spec.target * 1_000_000),
        every_ns=spec.every,
        boot_ns=boot_ns,
        cooldown_ns=spec.cooldown,
        stabilise_ns=spec.stabilise,
        tolerance_ppm=int(spec.tolerance * 1_000_000),
        queue=spec.queue or 0,
    )
