"""The numbers of an arm, each computed in one place: the `arms` part of `summary.json`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fleet.model.books import (
    BIN_NS,
    BUSY_NS,
    CAPTURED,
    CAPTURED_BEFORE,
    COMPUTE_NS,
    DECODING_NS,
    ENDED_BEFORE,
    FATE_0,
    SENT_BITS,
    SENT_FRAMES,
    SENT_LINK_BITS,
    SENT_METADATA,
    SENT_PAYLOAD,
    SENT_PIXEL_FRAMES,
    SERVED_NS,
    SERVER_NS,
    STARTED,
)
from fleet.model.frames import LEVELS, LOST_CAUSES, RESULT, SKIP_CAUSES, SKIP_NOT_PUBLISHED
from fleet.model.setup import SIGHT
from fleet.plan.plan import (
    ARRIVED_NS,
    ASKED_NS,
    DOWN_BITS,
    TARGET,
    WRITE_FROM_NS,
    WRITTEN_NS,
    B,
    Floats,
    Ints,
)
from fleet.plan.standins import StandIn
from fleet.results.accuracy import accuracy
from fleet.results.cost import cost_usd_per_sensor_month
from fleet.results.energy import COMPONENTS, account, network_fj
from fleet.results.latency import delivered, latency_ms, share_of_slowest, stages_ms
from fleet.results.load import dsp_skips, loads
from fleet.results.service import service
from fleet.results.setups import writes
from fleet.results.steady import steadiness
from fleet.running.run import Outcome


def summarise(outcome: Outcome) -> dict[str, Any]:
    """Return the numbers of one arm; units are in the names."""
    return {
        "frames": frames(outcome),
        "inferences": inferences(outcome),
        "latency_ms": latency_ms(outcome),
        "mean_latency_share_of_slowest_permille": share_of_slowest(outcome),
        "delivered": delivered(outcome),
        "stages_ms": stages_ms(outcome),
        "bandwidth_mbit_s": bandwidth_mbit_s(outcome),
        "bytes": sent_bytes(outcome),
        "bytes_by_link": bytes_by_link(outcome),
        "utilisation": utilisation(outcome),
        "load": loads(outcome),
        "dsp_skips": dsp_skips(outcome),
        "steady": steadiness(outcome),
        "power_w": power_w(outcome),
        "power_states_w": power_states_w(outcome),
        "power_by_boundary_w": power_by_boundary_w(outcome),
        **energy_mj(outcome),
        "carbon_kg_per_sensor_year": carbon_kg_per_sensor_year(outcome),
        "cost_usd_per_sensor_month": cost_usd_per_sensor_month(outcome.plan, outcome.tally),
        "rollout": rollout(outcome),
        "stand_ins": stand_ins(outcome),
        "accuracy": accuracy(outcome),
        "service": service(outcome),
        "pixels_leaving_sensor_frames": pixels_leaving(outcome),
        "pixels_to_cloud_frames": pixels_to_cloud(outcome),
        "groups": groups(outcome),
        "fingerprint": outcome.tally.fingerprint(),
    }


def frames(outcome: Outcome) -> dict[str, Any]:
    """Return the frames by fate.

    captured + in flight before, when the warm-up ended = results + in flight + skipped + lost.
    """
    counts = outcome.tally.sensors.sum(axis=0)
    return {
        "captured": int(counts[CAPTURED]),
        "in_flight_before": int(counts[CAPTURED_BEFORE] - counts[ENDED_BEFORE]),
        "results": int(counts[FATE_0 + RESULT]),
        "in_flight": outcome.in_flight,
        "skipped": {name: int(counts[FATE_0 + f]) for f, name in SKIP_CAUSES.items()},
        "lost": {name: int(counts[FATE_0 + f]) for f, name in LOST_CAUSES.items()},
    }


def inferences(outcome: Outcome) -> int:
    """Return the inferences: those that ended on sensors, and those that began on servers."""
    plan, counts = outcome.plan, outcome.tally.sensors
    ended = counts[:, SENT_FRAMES] + counts[:, FATE_0 + SKIP_NOT_PUBLISHED]
    ended = ended + np.where(plan.ends_at_site, counts[:, FATE_0 + RESULT], 0)
    return int(ended[plan.on_sensor == 1].sum() + outcome.tally.servers[:, STARTED].sum())


def bandwidth_mbit_s(outcome: Outcome) -> dict[str, dict[str, float]]:
    """Return what each class of links carried: mean, and in its busiest bin of a second."""
    plan, bins = outcome.plan, outcome.tally.class_bins()
    return {
        name: {
            "mean": float(bins[c].sum()) * 1e3 / plan.measured_ns,
            "peak_1s": float(bins[c].max(initial=0)) * 1e3 / BIN_NS,
        }
        for c, name in enumerate(plan.class_names)
    }


def bytes_by_link(outcome: Outcome) -> dict[str, int]:
    """Return the bytes that each class of links sent on; a bit over is left out."""
    plan, sent = outcome.plan, outcome.tally.links[:, SENT_LINK_BITS]
    return {
        name: int(sent[plan.class_of == c].sum()) // 8 for c, name in enumerate(plan.class_names)
    }


def sent_bytes(outcome: Outcome) -> dict[str, int]:
    """Return the bytes that left the sensors, by kind: metadata, pixels (crops or pictures).

    What links carry behind servers at an edge is another number: `bytes_by_link`.
    """
    plan, counts = outcome.plan, outcome.tally.sensors
    crops = plan.setups.pixels_per_object[plan.setup_of] > 0
    pixels = counts[:, SENT_PAYLOAD] - counts[:, SENT_METADATA]
    total = int(counts[:, SENT_BITS].sum()) // 8
    return {
        "metadata": int(counts[:, SENT_METADATA].sum()),
        "roi": int(pixels[crops].sum()),
        "image": int(pixels[~crops].sum()),
        "protocol": total - int(counts[:, SENT_PAYLOAD].sum()),
    }


def utilisation(outcome: Outcome) -> dict[str, float | None]:
    """Return busy time over available time: links (mean and busiest), DSPs, servers."""
    plan, tally = outcome.plan, outcome.tally
    busy = tally.links[:, BUSY_NS] / plan.measured_ns
    out: dict[str, float | None] = {}
    for c, name in enumerate(plan.class_names):
        _mean_and_most(out, name, busy[plan.class_of == c])
    infers = plan.on_sensor == 1
    if infers.any():
        out["dsp"] = float(tally.sensors[infers, COMPUTE_NS].mean() / plan.measured_ns)
    for entry, pool in enumerate(plan.pools):
        if pool is None:
            continue
        mine = np.flatnonzero(plan.pool_entry == entry)
        for k, kind in enumerate(pool.kinds):
            what = "servers" if len(pool.kinds) == 1 else kind.server
            counts = tally.servers[plan.pool_row[mine] + k]
            paid = np.maximum(counts[:, SERVER_NS], 1)
            _mean_and_most(out, f"{what} of {pool.name}", counts[:, SERVED_NS] / paid)
            if kind.decoders and counts[:, DECODING_NS].any():
                decoding = counts[:, DECODING_NS] / (paid * kind.decoders)
                what = "decoders" if len(pool.kinds) == 1 else f"{kind.server} decoders"
                _mean_and_most(out, f"{what} of {pool.name}", decoding)
    return out


def _mean_and_most(out: dict[str, float | None], name: str, values: Floats) -> None:
    """Add the mean of some utilisations, and the highest if there are several."""
    out[name] = float(values.mean())
    if len(values) > 1:
        out[f"{name} (busiest)"] = float(values.max())


def carbon_kg_per_sensor_year(outcome: Outcome) -> float:
    """Return the CO2-equivalent of the electricity, were every hour like these; kg."""
    watts = power_w(outcome)["total"]
    return watts * 8766 / 1000 * outcome.plan.grid.g_per_kwh / 1000 / outcome.plan.size


def rollout(outcome: Outcome) -> dict[str, Any]:
    """Return how the model rewrites went that were not over when the warm-up ended.

    `blind_s` is how long a sensor sees nothing while it is written, `wait_s` from the request to
    the arrival of the bytes, `complete_s` from the first request to the last model in place;
    `downlink_bytes` have arrived in the measured time.
    """
    table, plan = outcome.plan.rollout, outcome.plan
    at = table[:, ARRIVED_NS]
    arrived = table[(at >= plan.warm_up_ns) & (at < plan.end_ns), DOWN_BITS]
    table = table[(table[:, ASKED_NS] < plan.end_ns) & (table[:, WRITTEN_NS] > plan.warm_up_ns)]
    done = table[table[:, WRITTEN_NS] <= plan.end_ns]
    out: dict[str, Any] = {
        "requests": len(table),
        "written": len(done),
        "from_cache": int((done[:, DOWN_BITS] == 0).sum()),
        "downlink_bytes": int(arrived.sum()) // 8,
    }
    if len(done):
        blind = (done[:, WRITTEN_NS] - done[:, WRITE_FROM_NS]) * 1e-9
        waits = (done[:, ARRIVED_NS] - done[:, ASKED_NS]) * 1e-9
        complete = int(done[:, WRITTEN_NS].max() - done[:, ASKED_NS].min())
        out |= {
            "blind_s": {"mean": float(blind.mean()), "max": float(blind.max())},
            "wait_s": {"mean": float(waits.mean()), "max": float(waits.max())},
            "complete_s": complete * 1e-9,
        }
    return out


def power_w(outcome: Outcome) -> dict[str, float]:
    """Return the mean power of each component; W."""
    energy = account(outcome.plan, outcome.tally)
    parts = {
        c: sum(s.energy_fj for s in energy if s.component == c) / outcome.plan.measured_ns * 1e-6
        for c in COMPONENTS
    }
    return {**parts, "total": sum(parts.values())}


def power_states_w(outcome: Outcome) -> dict[str, dict[str, float]]:
    """Return the mean power of each state of each component; W."""
    out: dict[str, dict[str, float]] = {}
    for s in account(outcome.plan, outcome.tally):
        states = out.setdefault(s.component, {})
        watts = s.energy_fj / outcome.plan.measured_ns * 1e-6
        states[s.state] = states.get(s.state, 0.0) + watts
    return out


def power_by_boundary_w(outcome: Outcome) -> dict[str, dict[str, float]]:
    """Return the mean power inside wider and wider boundaries, for each value of network energy; W.

    Claims of savings differ by what they count: the network alone, servers too, the sender's radio
    or port too, or everything, cameras included.
    """
    plan, parts = outcome.plan, power_w(outcome)
    servers = parts["edge"] + parts["cloud"]
    out = {}
    for name, fixed_pj, mobile_pj in plan.boundaries:
        network = network_fj(plan, outcome.tally, fixed_pj, mobile_pj) / plan.measured_ns * 1e-6
        out[name] = {
            "network": network,
            "network and servers": network + servers,
            "uplink, network and servers": network + servers + parts["uplink"],
            "everything": network + servers + parts["uplink"] + parts["sensor"],
        }
    return out


def energy_mj(outcome: Outcome) -> dict[str, float | None]:
    """Return the energy of everything divided by captured frames, inferences and results; mJ.

    What an arm infers and sends is its own choice, so the first is the one to compare arms by.
    """
    total = sum(s.energy_fj for s in account(outcome.plan, outcome.tally))
    per = {
        "captured_frame": int(outcome.tally.sensors[:, CAPTURED].sum()),
        "inference": inferences(outcome),
        "result": int(outcome.tally.latency.sum()),
    }
    return {
        f"energy_mj_per_{of}": total * 1e-12 / many if many else None for of, many in per.items()
    }


def pixels_leaving(outcome: Outcome) -> int:
    """Return the frames of which pixels left their sensor."""
    return int(outcome.tally.sensors[:, SENT_PIXEL_FRAMES].sum())


def pixels_to_cloud(outcome: Outcome) -> int:
    """Return the frames of which pixels were sent on beyond the edge, to the cloud."""
    plan = outcome.plan
    ends_at_edge = (plan.pool_of >= 0) & (plan.pool_level < LEVELS - 1)
    return int(outcome.tally.sensors[~ends_at_edge, SENT_PIXEL_FRAMES].sum())


def groups(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """Return captured frames, results, latency and eyes of each group of sensors.

    `eyes` are the networks whose sight stands for the group's models, also after rewrites, such as
    'nanodet behind h264-crf28'; none if nobody measured any, or none is asked for. `unseen` sensors
    have at least one model without.
    """
    plan, counts = outcome.plan, outcome.tally.sensors
    sensors, setups = _setups_over_time(outcome)
    sight, of = plan.setup_tables[0][setups, SIGHT], plan.group_of[sensors]
    return {
        name: {
            "sensors": int((plan.group_of == g).sum()),
            "captured": int(counts[plan.group_of == g, CAPTURED].sum()),
            "results": int(counts[plan.group_of == g, FATE_0 + RESULT].sum()),
            "latency_ms": latency_ms(outcome, g),
            "eyes": sorted({plan.eyes[e].title for e in np.unique(sight[of == g]) if e >= 0}),
            "unseen": len(np.unique(sensors[(of == g) & (sight < 0)])),
        }
        for g, name in enumerate(plan.group_names)
    }


def stand_ins(outcome: Outcome) -> list[dict[str, Any]]:
    """Return which measured network stands for each model, why, and in which groups.

    `eye` is None, and accuracy not known, where nobody does; `map_apart` is the published mAP of
    the network less that of the model. Empty if nobody was to see.
    """
    plan = outcome.plan
    if not plan.stand_ins:
        return []
    sensors, setups = _setups_over_time(outcome)
    of: dict[StandIn, list[str]] = {}
    for setup, group in sorted(
        set(zip(setups.tolist(), plan.group_of[sensors].tolist(), strict=True))
    ):
        of.setdefault(plan.stand_ins[setup], []).append(plan.group_names[group])
    return [
        {**found._asdict(), "eye": found.eye or None, "groups": list(dict.fromkeys(names))}
        for found, names in of.items()
    ]


def _setups_over_time(outcome: Outcome) -> tuple[Ints, Ints]:
    """Return (sensor, setup) of all sensors at the start and of all rewrites that begin."""
    plan, table = outcome.plan, writes(outcome.plan)
    sensors = np.concatenate([np.arange(plan.size), table[:, TARGET]])
    return sensors, np.concatenate([plan.setup_of, table[:, B]])
