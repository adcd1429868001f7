"""The servers that some sensor sends frames to: a pool in each region, and those at the edge."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from fleet.arrays import Ints
from fleet.catalog import Reader
from fleet.model.frames import LEVELS
from fleet.model.link import service_ns
from fleet.model.servers import CONSTANT, EXPONENTIAL, LARGEST_VARIATION, NEAR_NORMAL
from fleet.plan import equipment
from fleet.plan.draft import Draft
from fleet.plan.equipment import Setup
from fleet.plan.groups import Pools, first_rows, kinds_of
from fleet.plan.network import Network
from fleet.plan.plant import Autoscaling, Pool, ServerKind
from fleet.plan.protocol import message_bits
from fleet.plan.roster import numbered
from fleet.scenario.event import Event
from fleet.scenario.load import Scenario, did_you_mean
from fleet.scenario.plant import Autoscale, Cloud, Edge, Region, Servers
from fleet.scenario.strict_yaml import Keys

_LAWS = {"constant": CONSTANT, "near-normal": NEAR_NORMAL, "exponential": EXPONENTIAL}


def region_names(scenario: Scenario) -> tuple[str, ...]:
    """Return the regions: the cloud's own, then the others."""
    cloud = scenario.model.cloud.region
    return (cloud, *(name for name in scenario.model.regions if name != cloud))


def build(draft: Draft) -> Pools:
    """Return the pools that some sensors send frames to, and the way back from them.

    Raises:
        InputError: a server or its speed on a model is not known, a pool has two models, or no
            edge lies on the way of a sensor that wants one.
    """
    scenario, regions = draft.scenario, region_names(draft.scenario)
    edges = scenario.model.edges
    used: list[dict[str, Setup]] = [{} for _ in (*regions, *edges)]
    pool_of = np.full(len(draft.roster), -1, dtype=np.int64)
    decode_px = np.zeros(len(draft.roster), dtype=np.int64)
    level = np.full(len(draft.roster), LEVELS - 1, dtype=np.int64)
    at_edges = []
    for mine, group, setup in draft.served_kinds():
        pool_of[mine] = draft.net.region_of[mine]
        decode_px[mine] = int(setup.row["decode_px"])
        entry = int(draft.net.region_of[mine[0]])
        if setup.equipment.infer == "edge":
            name, level[mine] = _edge_of(scenario, draft.net, group, setup)
            at_edges.append((mine, name))
            entry = len(regions) + list(edges).index(name)
        used[entry].setdefault(setup.served, setup)
    names, entries = _edge_pools(draft, at_edges, pool_of)
    pools = tuple(
        _pool(scenario, draft.reader, name, at, models) if models else None
        for at, (name, models) in enumerate(zip((*regions, *edges), used, strict=True))
    )
    entry_of = np.array(entries, dtype=np.int64)
    row = first_rows(kinds_of(pools, entry_of))
    return Pools(
        np.arange(len(names)), pools, names, entry_of, row, row, pool_of, level,
        decode_px, *_results(draft, level),
    )  # fmt: skip


def _edge_pools(
    draft: Draft, at_edges: Sequence[tuple[Ints, str]], pool_of: Ints
) -> tuple[tuple[str, ...], list[int]]:
    """Return (names, entries) of all pools; tell sensors at edges in `pool_of` which is theirs.

    Behind the regions pools are numbered by the first sensor that uses them.

    Args:
        draft: the sensors.
        at_edges: (sensors, name of their edge).
        pool_of: changed in place.
    """
    scenario, roster = draft.scenario, draft.roster
    regions, edges = region_names(scenario), list(scenario.model.edges)
    edge = np.full(len(roster), -1, dtype=np.int64)
    unit = np.zeros(len(roster), dtype=np.int64)
    for mine, name in at_edges:
        edge[mine] = edges.index(name)
        unit[mine] = roster.units[scenario.model.edges[name].shared_by][mine]
    users = np.flatnonzero(edge >= 0)
    pair = edge[users] * (len(roster) + 1) + unit[users]
    first, which = numbered(pair)
    pool_of[users] = len(regions) + which
    names, entries = list(regions), list(range(len(regions)))
    for s in users[first]:
        name = edges[int(edge[s])]
        own = roster.unit_name(scenario.model.edges[name].shared_by, int(s))
        names.append(f"{name}/{own}" if own else name)
        entries.append(len(regions) + int(edge[s]))
    return tuple(names), entries


def _results(draft: Draft, pool_level: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the way back to the site, and what an edge sends on for each frame: bytes, bits.

    To the site: the result's service and propagation on each hop down; 0 where the consumer is in
    the cloud. Results are some hundred bytes and do not queue downwards (`docs/MODEL.md`).
    """
    back, payload, wire = np.zeros((3, len(draft.roster)), dtype=np.int64)
    for mine, group, setup in draft.served_kinds():
        content = draft.reader.data_bit("models", setup.model, "result") // 8
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


def _edge_of(scenario: Scenario, network: Network, group: str, setup: Setup) -> tuple[str, int]:
    """Return the edge on the way of a group, and the level of the link in front of it."""
    way = {network.classes[c].name: network.classes[c].level for c in network.paths[group]}
    way = {name: level for name, level in way.items() if name in scenario.model.links}
    passed = [name for name, edge in scenario.model.edges.items() if edge.after in way]
    if len(passed) != 1:
        names = ", ".join(scenario.model.edges) or "none"
        raise scenario.error(
            (*setup.keys, "infer"),
            f"the way of '{group}' ({' → '.join(way)}) passes {len(passed)} edges and must pass"
            f" one; edges: {names}; set 'after' of one to a link on the way",
        )
    level = way[scenario.model.edges[passed[0]].after]
    if level == LEVELS - 1:
        raise scenario.error(
            ("edges", passed[0], "after"), "lies behind a wan link: that is the region; use 'cloud'"
        )
    return passed[0], level


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
    own, cloud = scenario.model.regions.get(name), scenario.model.cloud
    rule = cloud.autoscale if own is None or own.autoscale is None else own.autoscale
    if rule is not None:
        place = "cloud" if own is None else f"regions.{name}"
        raise scenario.error(
            (*keys, "resize"),
            f"the servers of '{name}' follow load; remove {place}.autoscale, or the event",
        )
    return regions.index(name)


def _pool(scenario: Scenario, reader: Reader, name: str, at: int, models: dict[str, Setup]) -> Pool:
    spec, keys = _spec(scenario, name, at)
    if len(models) > 1:
        raise scenario.error(
            next(iter(models.values())).keys,
            f"'{name}' would run {', '.join(sorted(models))}; a pool runs one model,"
            " so send the groups to different regions or edges",
        )
    (setup,) = models.values()
    kinds = tuple(
        _kind(scenario, reader, spec, keys, server, count, setup)
        for server, count in {spec.server: spec.servers, **spec.more}.items()
    )
    law, variation = _law(reader, setup.model)
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
    )


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
    if not reader.has_parameter("models", setup.model, f"{server}_batch_base"):
        raise scenario.error(
            (*setup.keys, "model"),
            f"the time of '{setup.model}' on server '{server}' is not known",
        )
    host_uw = reader.power_uw("servers", server, "host_power")
    hourly, monthly = _prices(reader, server, isinstance(spec, Edge))
    spent_ns, held_ns = _batch_times(reader, server, setup, spec.batch.max)
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
    )


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
    """
    model = setup.model
    base_ns = reader.time_ns("models", model, f"{server}_batch_base")
    per_frame_ns = reader.time_ns("models", model, f"{server}_batch_per_frame")
    if setup.cut is not None:
        base_ns, per_frame_ns = (int(ns * setup.cut.left) for ns in (base_ns, per_frame_ns))
    share, parameter = Fraction(1), f"{server}_batch_hold"
    if reader.has_parameter("models", model, parameter):
        share = reader.number("models", model, parameter)
    bases = np.array([[base_ns], [int(base_ns * share)]], dtype=np.int64)
    return bases + per_frame_ns * np.arange(most + 1, dtype=np.int64)


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
