"""The servers of each region that some sensor sends frames to."""

from __future__ import annotations

import numpy as np

from fleet.catalog import Reader
from fleet.plan.columns import Autoscaling, Ints, Pool
from fleet.plan.equipment import Setup
from fleet.scenario.load import Scenario, did_you_mean
from fleet.scenario.schema import Autoscale, Cloud
from fleet.scenario.strict_yaml import Keys


def region_names(scenario: Scenario) -> tuple[str, ...]:
    """Return the regions: the cloud's own, then the others."""
    cloud = scenario.model.cloud.region
    return (cloud, *(name for name in scenario.model.regions if name != cloud))


def build(scenario: Scenario, reader: Reader, used: dict[str, list[Setup]]) -> list[Pool | None]:
    """Return the pool of each region, None where no frame is sent.

    Args:
        scenario: the scenario.
        reader: the catalogue.
        used: by region, the camera setups that send frames there.

    Raises:
        InputError: a server or its speed on a model is not known, or a pool has two models.
    """
    return [
        _pool(scenario, reader, region, used[region]) if used.get(region) else None
        for region in region_names(scenario)
    ]


def _region(scenario: Scenario, region: str) -> tuple[Cloud, Keys]:
    """Return the settings of a region, its own on top of the cloud's, and their place."""
    cloud, own = scenario.model.cloud, scenario.model.regions.get(region)
    if own is None:
        return cloud, ("cloud",)
    fields = {f: v for f in type(own).model_fields if (v := getattr(own, f)) is not None}
    return cloud.model_copy(update=fields), ("regions", region)


def _pool(scenario: Scenario, reader: Reader, region: str, setups: list[Setup]) -> Pool:
    spec, keys = _region(scenario, region)
    models = {setup.model: setup for setup in setups}
    if len(models) > 1:
        raise scenario.error(
            next(iter(models.values())).keys,
            f"region '{region}' would run {', '.join(sorted(models))}; a pool runs one model,"
            " so send the groups to different regions",
        )
    model, setup = next(iter(models.items()))
    known = reader.items("servers")
    if spec.server not in known:
        raise scenario.error(
            (*keys, "server"),
            f"no server '{spec.server}'{did_you_mean(spec.server, known)};"
            f" known: {', '.join(known)}",
        )
    if not reader.has_parameter("models", model, f"{spec.server}_batch_base"):
        raise scenario.error(
            (*setup.keys, "model"), f"the time of '{model}' on server '{spec.server}' is not known"
        )
    host_uw = reader.power_uw("servers", spec.server, "host_power")
    return Pool(
        server=spec.server,
        model=model,
        servers=spec.servers,
        max_batch=spec.batch.max,
        wait_ns=spec.batch.wait,
        queue_max=spec.queue,
        service_ns=service_ns(reader, spec.server, model, spec.batch.max),
        idle_uw=reader.power_uw("servers", spec.server, "idle_power") + host_uw,
        busy_uw=reader.power_uw("servers", spec.server, "busy_power") + host_uw,
        pue_ppm=int(reader.number("servers", spec.server, "pue") * 1_000_000),
        autoscaling=_autoscaling(reader, spec.server, spec.autoscale),
    )


def service_ns(reader: Reader, server: str, model: str, max_batch: int) -> Ints:
    """Return t(b) = a + c·b for b = 0..max_batch; ns, shape (max_batch + 1,)."""
    base_ns = reader.time_ns("models", model, f"{server}_batch_base")
    per_frame_ns = reader.time_ns("models", model, f"{server}_batch_per_frame")
    return base_ns + per_frame_ns * np.arange(max_batch + 1, dtype=np.int64)


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
