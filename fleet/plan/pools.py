"""The servers that some sensor sends frames to: a pool in each region, and those at the edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from fleet.catalog import Reader
from fleet.model.frames import LEVELS
from fleet.model.servers import CONSTANT, EXPONENTIAL, LARGEST_VARIATION, NEAR_NORMAL
from fleet.plan.equipment import Setup
from fleet.plan.network import Network
from fleet.plan.placing import Placed
from fleet.plan.plan import Autoscaling, Ints, Pool, ServerKind
from fleet.scenario.load import Scenario, did_you_mean
from fleet.scenario.schema import Autoscale, Cloud, Edge, Servers
from fleet.scenario.strict_yaml import Keys

MONTH_NS = 30 * 86_400 * 10**9
_LAWS = {"constant": CONSTANT, "near-normal": NEAR_NORMAL, "exponential": EXPONENTIAL}


def region_names(scenario: Scenario) -> tuple[str, ...]:
    """Return the regions: the cloud's own, then the others."""
    cloud = scenario.model.cloud.region
    return (cloud, *(name for name in scenario.model.regions if name != cloud))


@dataclass(frozen=True)
class Pools:
    """Pools of a plan and who uses them; see `fleet.plan.plan.Plan` for the fields."""

    pools: tuple[Pool | None, ...]
    pool_names: tuple[str, ...]
    pool_entry: Ints
    pool_row: Ints
    pool_of: Ints
    pool_level: Ints


def build(
    scenario: Scenario,
    reader: Reader,
    placed: Sequence[Placed],
    network: Network,
    setups: Sequence[Setup],
) -> Pools:
    """Return the pools that some sensors send frames to.

    Args:
        scenario: the scenario.
        reader: the catalogue.
        placed: the sensors.
        network: their links.
        setups: what stands at each of them.

    Raises:
        InputError: a server or its speed on a model is not known, a pool has two models, or no
            edge lies on the way of a sensor that wants one.
    """
    regions = region_names(scenario)
    names = list(regions)
    entries = list(range(len(regions)))
    used: list[dict[str, Setup]] = [{} for _ in (*regions, *scenario.model.edges)]
    edges = list(scenario.model.edges)
    known: dict[str, int] = {}
    pool_of = np.full(len(placed), -1, dtype=np.int64)
    pool_level = np.full(len(placed), LEVELS - 1, dtype=np.int64)
    for s, (sensor, setup) in enumerate(zip(placed, setups, strict=True)):
        if setup.on_sensor:
            continue
        entry = pool_of[s] = int(network.region_of[s])
        if setup.equipment.infer == "edge":
            edge, pool_level[s] = _edge_of(scenario, network, sensor.group, setup)
            name = _edge_pool(edge, scenario.model.edges[edge], sensor)
            if name not in known:
                known[name] = len(names)
                names.append(name)
                entries.append(len(regions) + edges.index(edge))
            pool_of[s] = known[name]
            entry = entries[known[name]]
        used[entry].setdefault(setup.model, setup)
    pools = tuple(
        _pool(scenario, reader, name, at, models) if models else None
        for at, (name, models) in enumerate(zip((*regions, *edges), used, strict=True))
    )
    rows = [0 if (pool := pools[e]) is None else len(pool.kinds) for e in entries]
    return Pools(
        pools, tuple(names), np.array(entries, dtype=np.int64),
        np.concatenate([[0], np.cumsum(rows)[:-1]]).astype(np.int64), pool_of, pool_level,
    )  # fmt: skip


def _edge_of(scenario: Scenario, network: Network, group: str, setup: Setup) -> tuple[str, int]:
    """Return the edge on the way of a group, and the level of the link in front of it."""
    way = {network.classes[c].name: network.classes[c].level for c in network.paths[group]}
    way = {name: level for name, level in way.items() if name in scenario.model.links}
    found = [name for name, edge in scenario.model.edges.items() if edge.after in way]
    if len(found) != 1:
        names = ", ".join(scenario.model.edges) or "none"
        raise scenario.error(
            (*setup.keys, "infer"),
            f"the way of '{group}' ({' → '.join(way)}) passes {len(found)} edges and must pass one;"
            f" edges: {names}; set 'after' of one to a link on the way",
        )
    level = way[scenario.model.edges[found[0]].after]
    if level == LEVELS - 1:
        raise scenario.error(
            ("edges", found[0], "after"), "lies behind a wan link: that is the region; use 'cloud'"
        )
    return found[0], level


def _edge_pool(name: str, edge: Edge, sensor: Placed) -> str:
    key = {"site": sensor.site.id, "cell": sensor.site.cell, "city": ""}[edge.shared_by]
    return f"{name}/{key}" if key else name


def _spec(scenario: Scenario, name: str, at: int) -> tuple[Servers, Keys]:
    """Return the settings of a region (its own on top of the cloud's) or edge, and their place."""
    model = scenario.model
    if at >= len(region_names(scenario)):
        return model.edges[name], ("edges", name)
    own = model.regions.get(name)
    if own is None:
        return model.cloud, ("cloud",)
    fields = {f: v for f in type(own).model_fields if (v := getattr(own, f)) is not None}
    return model.cloud.model_copy(update=fields), ("regions", name)


def _pool(scenario: Scenario, reader: Reader, name: str, at: int, models: dict[str, Setup]) -> Pool:
    spec, keys = _spec(scenario, name, at)
    if len(models) > 1:
        raise scenario.error(
            next(iter(models.values())).keys,
            f"'{name}' would run {', '.join(sorted(models))}; a pool runs one model,"
            " so send the groups to different regions or edges",
        )
    model, setup = next(iter(models.items()))
    kinds = tuple(
        _kind(scenario, reader, spec, keys, server, count, setup)
        for server, count in {spec.server: spec.servers, **spec.more}.items()
    )
    law, variation = _law(reader, model)
    return Pool(
        name=name,
        edge=isinstance(spec, Edge),
        model=model,
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
    spent_ns, held_ns = _batch_times(scenario, reader, server, setup.model, spec.batch.max)
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
    return 0.0, float(bought * Fraction(MONTH_NS, max(1, life_ns)))


def _batch_times(scenario: Scenario, reader: Reader, server: str, model: str, most: int) -> Ints:
    """Return t(b) = a + c·b and h(b) = s·a + c·b for b = 0..most; ns, shape (2, most + 1).

    Without a row for `s` nothing overlaps: h(b) = t(b).

    Raises:
        InputError: `s` is more than 1.
    """
    base_ns = reader.time_ns("models", model, f"{server}_batch_base")
    per_frame_ns = reader.time_ns("models", model, f"{server}_batch_per_frame")
    share, parameter = Fraction(1), f"{server}_batch_hold"
    if reader.has_parameter("models", model, parameter):
        share = reader.number("models", model, parameter)
        if share > 1:
            raise scenario.error(
                ("catalogue",),
                f"'{parameter}' of the model '{model}' is {float(share):g} and must be 0 to 1: the"
                f" share of '{server}_batch_base' for which a batch keeps its server from the next",
            )
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
    )
