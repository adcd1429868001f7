"""Servers against MLPerf Inference and others: rates, latencies under load, energy of a frame.

The times a and c of t(b) = a + c·b are fitted on the Offline rate and the SingleStream latency, the
share of `a` that holds a server on the mean latency of a Server run where one tells it. All between
and beyond (batches in between, queues, several servers, percentiles, power) is prediction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from fleet.arrays import Floats, Ints
from fleet.model.frames import CAPTURE, INFER, START, WAN
from fleet.proof.validate_bench import QUERY, Bench, Measured, Value, scenario

_MODELS = {
    "r50": "resnet50", "ssd": "ssd-mobilenet-v1", "r34": "ssd-resnet34", "retina": "retinanet",
    "tf": "resnet50-tf", "yolo11m": "yolo11m",
}  # fmt: skip
_LARGEST_BATCH = 1024
_FRAMES = 270_000  # of a Server test, as MLPerf asks for
_SEARCH_FRAMES = 60_000  # of each step of the search for a rate


@dataclass(frozen=True)
class Load:
    """A Server test: frames by a Poisson process at several servers.

    Attributes:
        server: catalogue item.
        servers: how many.
        model: short name.
        rate: frames per second.
        batch: frames in a batch at most.
        wait_ms: how long the oldest frame waits for a batch to fill.
        limit_ms: what the 99th percentile may be.
        own: batch base and time per frame of that very machine in ms, if not the catalogue's.
    """

    server: str
    servers: int
    model: str
    rate: float
    batch: int
    wait_ms: float
    limit_ms: float
    own: tuple[str, str] | None = None


_LOADS = {
    "r34-t4x8": Load("t4", 8, "r34", 1030, 4, 30, 100),
    "r34-t4x8-own": Load("t4", 8, "r34", 1030, 4, 30, 100, ("1.0630", "7.1955")),
    "r34-t4x20": Load("t4", 20, "r34", 2520, 4, 30, 100),
    "r34-a10x8": Load("a10", 8, "r34", 2000, 8, 30, 100),
    "r34-a2x2": Load("a2", 2, "r34", 110, 2, 20, 100),
    "r34-a100x8": Load("a100", 8, "r34", 6468, 8, 30, 100),
    "retina-l4": Load("l4", 1, "retina", 200, 2, 30, 100),
    "r50-t4x8": Load("t4", 8, "r50", 44_505, 26, 2, 15),
    "r50-t4x20": Load("t4", 20, "r50", 111_500, 52, 2, 15),
    "r50-a10x8": Load("a10", 8, "r50", 88_000, 128, 2, 15),
    "r50-a2x2": Load("a2", 2, "r50", 5000, 16, 2, 15),
    "r50-a100x8": Load("a100", 8, "r50", 200_000, 128, 2, 15),
    "r50-a100x8-v30": Load("a100", 8, "r50", 236_000, 64, 2, 15),
    "r50-l4-v30": Load("l4", 1, "r50", 12_198, 16, 2, 15),
    "r50-l4": Load("l4", 1, "r50", 12_204, 16, 2, 15),
}


@dataclass(frozen=True)
class Burst:
    """A MultiStream test: so many cameras capture at one time, again and again; see `Load`."""

    server: str
    model: str
    frames: int
    batch: int
    own: tuple[str, str] | None = None


_BURSTS = {
    "r50-t4": Burst("t4", "r50", 272, 136),
    "r34-t4": Burst("t4", "r34", 8, 4),
    "r50-agx-xavier": Burst("agx-xavier", "r50", 96, 96),
    "r34-agx-xavier": Burst("agx-xavier", "r34", 2, 2),
    "r50-xavier-nx": Burst("xavier-nx", "r50", 50, 50, ("2.2273", "0.9688")),
    "ssd-xavier-nx": Burst("xavier-nx", "ssd", 60, 60, ("0.8711", "0.7894")),
}


@dataclass(frozen=True)
class Power:
    """An energy test: a server that always works, on batches, or with `alone` on frame after frame.

    `values` are the machine's own numbers where they are not the catalogue's: MLPerf measures
    power at a lower clock (MaxQ) than speed.
    """

    server: str
    model: str
    rate: float
    alone: bool = False
    values: Mapping[str, str] = field(default_factory=dict)


_MAXQ_ORIN = {"busy_power": "42.5"}
_MAXQ_A100 = {"busy_power": "200", "host_power": "33.1", "pue": "1"}
_POWERS = {
    "r50-agx-orin-off": Power("agx-orin", "r50", 6139),
    "ssd-agx-orin-off": Power("agx-orin", "ssd", 5331, False, {**_MAXQ_ORIN, "c": "0.1876"}),
    "r34-agx-orin-off": Power("agx-orin", "r34", 163, False, {**_MAXQ_ORIN, "c": "6.135"}),
    "r50-agx-orin-ss": Power(
        "agx-orin", "r50", 1096, True, {**_MAXQ_ORIN, "a": "0.7014", "c": "0.2105"}
    ),
    "ssd-xavier-nx-off": Power("xavier-nx", "ssd", 1539),
    "ssd-xavier-nx-ss": Power("xavier-nx", "ssd", 585, True, {"a": "1.0402", "c": "0.6698"}),
    "r50-a100x8": Power("a100", "r50", 26_383, False, {**_MAXQ_A100, "c": "0.0379"}),
    "r34-a100x8": Power("a100", "r34", 722, False, {**_MAXQ_A100, "c": "1.3846"}),
}


def measure(bench: Bench, name: str, published: float) -> float:
    """Return what the model gives for a figure, by its id: what is tested, then on what."""
    test, _, rest = name.partition("-")
    return _TESTS[test](bench, rest, published)


def _offline(bench: Bench, rest: str, published: float) -> float:
    model, _, server = rest.partition("-")
    return _rate(saturated(bench, server, _MODELS[model], published))


def _fixed_batch(bench: Bench, rest: str, published: float) -> float:
    """Return the rate with batches of a stated size, as `MODEL-SERVER-bSIZE`."""
    model, _, more = rest.partition("-")
    server, _, size = more.rpartition("-b")
    return _rate(saturated(bench, server, _MODELS[model], published, int(size)))


def saturated(
    bench: Bench, server: str, model: str, rate: float, batch: int | None = None
) -> Measured:
    """Return a run in which one server always has frames to work on, at a rate it is known for."""
    size = batch or int(min(max(rate, 16), _LARGEST_BATCH))
    seconds = max(32, 512 / size) * size / rate
    sensors = {"count": 20, "rate": f"{1.5 * rate / 20:.3f} fps", "phase": "staggered"}
    cloud = {"server": server, "batch": {"max": size}, "queue": 1_000_000}
    return bench.run(scenario(seconds, sensors, {**QUERY, "model": model}, cloud=cloud))


def _alone(bench: Bench, server: str, model: str, rate: float) -> Measured:
    """Return a run in which one server works on frame after frame: each comes as the last ends."""
    sensors = {"count": 1, "rate": f"{rate:.3f} fps"}
    arm = {**QUERY, "model": model}
    return bench.run(scenario(32, sensors, arm, cloud={"server": server, "batch": {"max": 1}}))


def _rate(run: Measured) -> float:
    """Return frames per second of a busy server: those of all batches but the last, start to start.

    The first third of the run is left out.
    """
    starts = run.rows[run.rows[:, START] >= run.outcome.plan.end_ns // 3, START]
    return float((starts < starts.max()).sum() * 1e9 / (starts.max() - starts.min()))


def _single(bench: Bench, rest: str, _published: float) -> float:
    model, _, server = rest.partition("-")
    cloud = {"server": server}
    arm = {**QUERY, "model": _MODELS[model]}
    run = bench.run(scenario(20, {"rate": "10 fps"}, arm, cloud=cloud))
    return float(run.ms(WAN, INFER).mean())


def _own_times(test: Load | Burst) -> list[Value]:
    if test.own is None:
        return []
    keys = (f"{test.server}_batch_base", f"{test.server}_batch_per_frame")
    return [("models", _MODELS[test.model], k, v) for k, v in zip(keys, test.own, strict=True)]


def loaded(bench: Bench, load: Load, rate: float, frames: int) -> Ints:
    """Return the sorted latencies of a Server test, without the first tenth; ns."""
    count = max(20, math.ceil(rate / 500))
    sensors = {"count": count, "rate": f"{rate / count:.3f} fps", "capture": "poisson"}
    cloud = {
        "server": load.server, "servers": load.servers, "queue": 1_000_000,
        "batch": {"max": load.batch, "wait": f"{load.wait_ms} ms"},
    }  # fmt: skip
    arm = {**QUERY, "model": _MODELS[load.model]}
    own = bench.having(*_own_times(load))
    run = own.run(scenario(frames / rate, sensors, arm, cloud=cloud))
    rows = run.rows[run.rows[:, CAPTURE] >= run.outcome.plan.end_ns // 10]
    return np.sort(rows[:, INFER] - rows[:, WAN])


def _server(bench: Bench, rest: str, _published: float) -> float:
    name, _, what = rest.rpartition("-")
    load = _LOADS[name]
    if what == "rate":
        return _largest_rate(bench, load)
    latencies = loaded(bench, load, load.rate, _FRAMES) * 1e-6
    return float(latencies.mean() if what == "mean" else np.percentile(latencies, int(what[1:])))


def _largest_rate(bench: Bench, load: Load) -> float:
    """Return the largest rate whose 99th percentile is within the limit, to about 0.5 %."""
    low, high = 0.6 * load.rate, 1.4 * load.rate
    while high - low > 0.01 * load.rate:
        rate = (low + high) / 2
        p99_ms = float(np.percentile(loaded(bench, load, rate, _SEARCH_FRAMES), 99)) * 1e-6
        low, high = (rate, high) if p99_ms <= load.limit_ms else (low, rate)
    return (low + high) / 2


def _multi(bench: Bench, rest: str, _published: float) -> float:
    return float(np.median(_bursts(bench, _BURSTS[rest])))


def _multi8(bench: Bench, rest: str, _published: float) -> float:
    model, _, server = rest.partition("-")
    return float(np.median(_bursts(bench, Burst(server, model, 8, 8))))


def _curve(bench: Bench, rest: str, _published: float) -> float:
    """Return the time of one batch, as `MODEL-SERVER-bSIZE`."""
    model, _, more = rest.partition("-")
    server, _, size = more.rpartition("-b")
    return float(_bursts(bench, Burst(server, model, int(size), int(size))).mean())


def _bursts(bench: Bench, burst: Burst) -> Floats:
    """Return how long each burst took until its last frame was done; ms, shape (bursts,)."""
    sensors = {"count": burst.frames, "rate": "2 fps", "phase": "synchronised"}
    cloud = {"server": burst.server, "batch": {"max": burst.batch}}
    arm = {**QUERY, "model": _MODELS[burst.model]}
    run = bench.having(*_own_times(burst)).run(scenario(20, sensors, arm, cloud=cloud))
    rows = run.rows[np.argsort(run.rows[:, CAPTURE], kind="stable")]
    firsts = np.flatnonzero(np.diff(rows[:, CAPTURE], prepend=-1))
    spent: Floats = (np.maximum.reduceat(rows[:, INFER], firsts) - rows[firsts, WAN]) * 1e-6
    return spent


def _energy(bench: Bench, rest: str, _published: float) -> float:
    """Return the energy of a frame of a server that always works; mJ."""
    test = _POWERS[rest]
    model = _MODELS[test.model]
    parameters = {"a": f"{test.server}_batch_base", "c": f"{test.server}_batch_per_frame"}
    own = bench.having(
        *(
            ("models", model, parameters[p], v)
            if p in parameters
            else ("servers", test.server, p, v)
            for p, v in test.values.items()
        )
    )
    run = (_alone if test.alone else saturated)(own, test.server, model, test.rate)
    return run.watts("cloud") / _rate(run) * 1e3


_TESTS: dict[str, Callable[[Bench, str, float], float]] = {
    "off": _offline,
    "batch": _fixed_batch,
    "ss": _single,
    "srv": _server,
    "ms": _multi,
    "ms8": _multi8,
    "curve": _curve,
    "pw": _energy,
}
