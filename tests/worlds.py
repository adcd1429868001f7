"""Scenarios for tests: small ones on made-up hardware, and random ones for Hypothesis."""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from fleet.chance import bits64, name_hash
from fleet.engine.tally import Tally
from fleet.eyes.compact import SCHEMA
from fleet.eyes.crops import WHOLE_PPM
from fleet.model import frames
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.plan import Plan
from fleet.running.options import Options
from fleet.running.run import Outcome, simulate
from fleet.scenario.load import Scenario, loads

HERE = Path(__file__).parent
MANY = int(os.environ.get("FLEET_WORLDS", "300"))
"""Random scenarios on which the engines are compared."""


def scenario(**changes: Any) -> dict[str, Any]:
    """Return a small scenario as plain data, with some top-level keys replaced."""
    base: dict[str, Any] = {
        "name": "test",
        "seed": 3,
        "start": "2024-05-16T17:00",
        "place": {"lat": 45, "lon": 0},
        "duration": "2 s",
        "catalogue": "catalogue",
        "city": None,
        "sensors": {
            "cam": {"count": 6, "cells": 2, "rate": "25 fps", "app": "watch", "uplink": "cell"}
        },
        "links": {
            "cell": {"technology": "test-cell", "shared_by": "cell", "to": "metro"},
            "metro": {"technology": "test-backhaul", "shared_by": "city", "to": "wan"},
            "wan": {"technology": "test-wan", "shared_by": "city", "to": "cloud"},
        },
        "cloud": {"server": "test-gpu", "servers": 2, "batch": {"max": 4, "wait": "3 ms"}},
        "arms": {
            "on_sensor": {"device": "test-ai", "model": "tiny"},
            "cloud": {"device": "test-camera", "codec": "test-codec", "model": "cloudy"},
        },
    }
    return {k: v for k, v in {**base, **changes}.items() if v is not None}


def load(data: dict[str, Any]) -> Scenario:
    """Return the checked scenario of plain data; files lie in the folder of the tests.

    What lies elsewhere, as the made-up traces do, is named by who loads it.
    """
    places = {key: str(data.get(key, "")) for key in ("catalogue", "traces")}
    asked = [f"{key}={place}" for key, place in places.items() if place.startswith("/")]
    return loads(json.dumps(data), str(HERE / "made-up.yaml"), asked)


def plan(data: dict[str, Any], arm: str, **kwargs: Any) -> Plan:
    """Return the plan of an arm of plain data."""
    loaded = load(data)
    return compile_plan(loaded, catalogue(loaded), arm, **kwargs)


LOCAL = Options(executor="local")


def run(made: Plan, **options: Any) -> Outcome:
    """Run a plan in this process and keep its frames."""
    return simulate(made, Options(**{"executor": "local", "keep": True, **options}))


def finished(outcome: Outcome) -> list[list[int]]:
    """Return every finished frame of an outcome, sorted by sensor and number, without its clock."""
    return [row for row in captured(outcome) if row[frames.FATE] != frames.IN_FLIGHT]


def captured(outcome: Outcome) -> list[list[int]]:
    """Return every frame of an outcome, as `finished` does, those in flight among them."""
    rows = outcome.frames()
    rows[:, frames.CLOCK] = 0
    return rows.tolist()  # type: ignore[no-any-return]


def by_second(tally: Tally) -> list[Any]:
    """Return all that is counted second by second, which is in no fingerprint."""
    ends = [column.tolist() for column in tally.seconds.ends()]
    return [tally.link_bins.tolist(), tally.seconds.waiting().tolist(), ends]


def table(outcome: Outcome) -> np.ndarray:
    """Return what `finished` does as an array; shape (frames, WIDTH)."""
    return np.array(finished(outcome), dtype=np.int64).reshape(-1, frames.WIDTH)


ENGINES = ["columns", "reference"]
NO_LOSS = "0.00000001 %"
"""Less than one segment in 10⁹, which counts as none."""

FRAME_BITS = 8 * (1250 + 2 * 12)  # of `fixed-codec`, with the headers of its two segments
WIDE = {"rate": "100 Gbit/s", "propagation": "0 ns", "buffer": "1 GB"}


def lone(folder: Path, times_ns: list[int], uplink: dict[str, Any], **changes: Any) -> Plan:
    """Return the plan of one instant camera that captures at given times.

    Frames have FRAME_BITS. They cross the uplink, the link under test, then a wide one.
    """
    shutil.copytree(HERE / "catalogue", folder / "catalogue")
    (folder / "times.csv").write_text("t_ns\n" + "".join(f"{t}\n" for t in times_ns))
    trace = {"trace": {"file": "times.csv", "column": "t_ns"}}
    data = scenario(
        sensors={"cam": {"count": 1, "capture": trace, "app": "watch", "uplink": "first"}},
        links={
            "first": {"shared_by": "sensor", "to": "wan", **uplink},
            "wan": {"technology": "test-wan", "shared_by": "city", "to": "cloud", **WIDE},
        },
        arms={"cloud": {"device": "instant-camera", "codec": "fixed-codec", "model": "single"}},
    )
    loaded = loads(json.dumps({**data, **changes}), str(folder / "made-up.yaml"))
    return compile_plan(loaded, catalogue(loaded), "cloud")


def pool_of_instant_cameras(count: int, rate: str, **changes: Any) -> dict[str, Any]:
    """Return instant cameras that send frames of FRAME_BITS to servers over wide links."""
    cam = {"count": count, "rate": rate, "app": "watch", "uplink": "cell"}
    cell = {"technology": "test-cell", "shared_by": "cell", "to": "wan"}
    wan = {"technology": "test-wan", "shared_by": "city", "to": "cloud"}
    data = scenario(
        sensors={"cam": cam},
        links={"cell": {**cell, **WIDE}, "wan": {**wan, **WIDE}},
        arms={"cloud": {"device": "instant-camera", "codec": "fixed-codec", "model": "cloudy"}},
    )
    return {**data, **changes}


CROP_MARGINS = ["0%", "12.5%"]
"""Of crops in made-up traces."""
SCENES = 3
"""Of which the rows of made-up traces are."""


@functools.cache
def traces() -> str:
    """Return the path of made-up traces of what the eyes of the test catalogue see."""
    parts = []
    for source, model, lights, frames_of in (
        ("raw", "eye-dim", ("day", "night"), ""),
        ("test-codec", "eye-dim", ("day", "dusk", "night"), ""),
        ("test-codec", "eye-sharp", ("dusk", "rain"), ""),
        ("fixed-codec", "eye-sharp", ("day", "night"), "raweye-dim"),
        *(
            (f"crops:eye-dim:{m}:fixed-codec", "eye-sharp", ("day", "night"), "raweye-dim")
            for m in CROP_MARGINS
        ),
    ):
        key = np.uint64(name_hash(source + model))
        clip = np.uint64(name_hash(frames_of)) if frames_of else key
        rows = [
            (light, n, 40 * k + 7 * n + j)
            for k, light in enumerate(lights) for n in (0, 1, 3, 9) for j in range(1 + n)
        ]  # fmt: skip
        lights_of, objects, at = zip(*rows, strict=True)
        wanted = [n - int(bits64(clip, i) % 2) * (n > 0) for n, i in zip(objects, at, strict=True)]
        right = [int(bits64(key, 900 + i) % (w + 1)) for w, i in zip(wanted, at, strict=True)]
        columns = [
            [word] * len(rows) for word in ("street", source, model)
        ] + [list(lights_of), [f"scene-{i % SCENES}" for i in at]]  # fmt: skip
        columns += [list(objects), wanted, right]
        for first, least, span in (
            (2000, 0, 3), (3000, 0, 500), (4000, 0, 900), (5000, -300_000, 600_000),
            (6000, -40_000, 80_000), (7000, 0, 1_000_000),
        ):  # fmt: skip
            columns.append([least + int(bits64(key, first + i) % span) for i in at])
        crops = [int(bits64(key, 8000 + i) % 4) * 270_001 for i in at]  # of some frames none
        columns.append(crops if source.startswith("crops") else [WHOLE_PPM] * len(at))
        parts.append(pa.table(columns, names=SCHEMA.names).cast(SCHEMA))
    path = Path(tempfile.mkdtemp(prefix="fleet-traces-")) / "traces.parquet"
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    pq.write_table(pa.concat_tables(parts), path)
    return str(path)


# Random scenarios -----------------------------------------------------------------------------

_RATES = ["7 fps", "25 fps", "30 fps", "39.999 fps", "40 fps", "40.001 fps", "50 fps"]
_CAPTURES = ["periodic", "periodic", "poisson"] + [
    {"trace": {"file": "times.csv", "column": column}} for column in ("t_ms", "t_us", "t_s")
]  # 40 fps to a millisecond or a microsecond, 30 fps to a millisecond
_ms = st.integers(0, 1900).map(lambda n: f"{n} ms")
_lasts = st.sampled_from(["1 ns", "5 ms", "40 ms", "300 ms"])


def _group(uplinks: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "count": st.integers(1, 6),
            "cells": st.integers(1, 2),
            "per_site": st.integers(1, 2),
            "rate": st.sampled_from(_RATES),
            "phase": st.sampled_from(["random", "synchronised", "staggered"]),
            "capture": st.sampled_from(_CAPTURES),
            "app": st.just("watch"),
            "uplink": st.sampled_from(uplinks),
            "consumer": st.sampled_from(["cloud", "site"]),
        },
        optional={
            "demand": st.sampled_from(["9000 /h", {"07:00": "0 /h", "18:00": "400 /min"}]),
            "priority": st.sampled_from([0, 1, 7]),
            "weight": st.sampled_from([1, 2, 3, 70, 1000]),
        },
    )


_LINK_RATES: list[Any] = [
    *["300 kbit/s", "1 Mbit/s", "3 Mbit/s", "40 Mbit/s"] * 2,
    {"file": "rates.csv", "time": "t_ms", "column": "up_kbit_s", "repeat": True},
    {"packets": "packets.up", "every": "30 ms", "skip": "70 ms", "repeat": True, "begin": "random"},
]
"""The files are 0.689 s long and 0.21 s; for a time there is no rate in either."""


_LOSSES: list[Any] = [
    "2 %",
    {"gap": "60 ms", "burst": "40 ms", "bad": "70 %", "good": "1 %"},
    "40 %",
    {"gap": "9 ms", "burst": "3 ms", "bad": "90 %"},
    {"mean": "5 %", "burst": "30 ms"},
]


def _link(technologies: list[str], shared: list[str], to: list[str]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {
            "technology": st.sampled_from(technologies),
            "shared_by": st.sampled_from(shared),
            "to": st.sampled_from(to),
            "rate": st.sampled_from(_LINK_RATES),
            "propagation": st.sampled_from(["0 ns", "1 ns", "2 ms"]),
            "buffer": st.sampled_from(["14 kB", "60 kB"]),
        },
        optional={"loss": st.sampled_from(_LOSSES)},
    )


def _wan(to: list[str]) -> st.SearchStrategy[Any]:
    """Draw a WAN whose time on the wire is said, or that of a place to which it leads."""
    ends = {"from": st.just("uk-south"), "to": st.sampled_from(["uk-west", "france-central"])}
    near = st.tuples(_link(["test-wan"], ["city"], to), st.fixed_dictionaries(ends)).map(
        lambda both: {**both[0], "propagation": None, "distance": both[1]}
    )
    return _link(["test-wan"], ["city"], to) | near


_RENEWED = st.sampled_from([{"cap_renews": "daily"}, {"cap_renews": "monthly"}, {}])


def _capped(link: dict[str, Any], renewed: dict[str, str]) -> dict[str, Any]:
    """Return a link with a cap, which may start anew after the first second."""
    cap = {"cap": "20 kB", "cap_used": "30 %", "throttled_rate": "200 kbit/s"}
    return {**link, **cap, **renewed}


def _servers(kinds: list[dict[str, int]]) -> dict[str, st.SearchStrategy[Any]]:
    return {
        "server": st.just("test-gpu"),
        "servers": st.integers(1, 3),
        "more": st.sampled_from(kinds),
        "batch": st.fixed_dictionaries(
            {"max": st.integers(1, 5), "wait": st.sampled_from(["0 ns", "3 ms", "40 ms"])}
        ),
        "queue": st.sampled_from([1, 7, 1000]),
        "decode": st.booleans(),
    }


_DEADLINE = {"deadline": st.sampled_from(["1 ns", "5 ms", "50 ms"])}


def _cloud() -> st.SearchStrategy[dict[str, Any]]:
    autoscale = st.fixed_dictionaries(
        optional={
            "stabilise": st.sampled_from(["100 ms", "600 ms", "1 min"]),
            "tolerance": st.sampled_from(["10 %", "50 %"]),
            "queue": st.sampled_from([1, 3, 20]),
        },
        mapping={
            "min": st.integers(0, 2),
            "max": st.integers(2, 5),
            "target": st.sampled_from(["30 %", "70 %"]),
            "every": st.sampled_from(["100 ms", "250 ms"]),
            "boot": st.sampled_from(["1 ns", "100 ms", "330 ms"]),
            "cooldown": st.sampled_from(["100 ms", "600 ms"]),
        },
    ).map(lambda rule: rule if "queue" in rule else {**rule, "min": max(1, rule["min"])})
    return st.fixed_dictionaries(
        _servers([{}, {}, {"test-npu": 2}]), optional={"autoscale": autoscale, **_DEADLINE}
    ).map(_first_is_npu)


def _first_is_npu(pool: dict[str, Any]) -> dict[str, Any]:
    """Let half of the pools that decode have servers with decoders first."""
    if pool["decode"] and not pool["more"]:
        return {**pool, "server": "test-npu"}
    return pool


def _edge() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            **_servers([{}, {"test-npu": 1}]),
            "after": st.sampled_from(["port", "cell", "metro"]),
            "shared_by": st.sampled_from(["site", "cell", "city"]),
        },
        optional=_DEADLINE,
    ).map(_first_is_npu)


_SIZES = ("sensor", "site", "cell", "city")


def _domain(things: dict[str, str]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw a domain of some of these things, of which it is said whose they are."""

    def of(size: str) -> st.SearchStrategy[dict[str, Any]]:
        fit = [name for name, own in things.items() if _SIZES.index(own) <= _SIZES.index(size)]
        holds = st.lists(st.sampled_from(fit), min_size=1, max_size=4)
        return st.fixed_dictionaries({"shared_by": st.just(size), "holds": holds})

    return st.sampled_from(_SIZES[1:]).flatmap(of)


def _event() -> st.SearchStrategy[dict[str, Any]]:
    links = st.sampled_from(["port", "cell", "metro", "wan"])
    groups = st.sampled_from(["a", "b"])
    models = st.sampled_from(["tiny", "slow", "capped"])
    means = {"mtbf": st.just("400 ms"), "mttr": st.just("60 ms")}
    again = {"every": st.sampled_from(["210 ms", "400 ms"])}
    waves = {"waves": st.just(2), "wave_every": st.just("130 ms")}
    part = {"cell": st.just("cell-0")}
    failing = st.sampled_from(["cabinet", "box", "cloud", "far"])
    return st.one_of(
        st.fixed_dictionaries({"at": _ms, "outage": links, "lasts": _lasts}, optional=again),
        st.fixed_dictionaries({"outage": links, **means}),
        st.fixed_dictionaries(
            {
                "at": _ms,
                "link": links,
                "rate": st.sampled_from(["100 kbit/s", "999999 bit/s", "8 Mbit/s"]),
            },
            optional=again,
        ),
        st.fixed_dictionaries({"at": _ms, "crash": groups}, optional={"lasts": _lasts}),
        st.fixed_dictionaries({"crash": groups, **means}),
        st.fixed_dictionaries({"at": _ms, "failure": failing}, optional={"lasts": _lasts, **again}),
        st.fixed_dictionaries({"failure": failing, **means}),
        st.fixed_dictionaries({"at": _ms, "join": groups}, optional={**again, **part}),
        st.fixed_dictionaries({"at": _ms, "leave": groups}, optional={**again, **part}),
        st.fixed_dictionaries({"at": _ms, "rewrite": groups, "model": models}, optional=again),
        st.fixed_dictionaries({"at": _ms, "rewrite": groups, "model": models, **waves}),
        st.fixed_dictionaries(
            {"at": _ms, "resize": st.sampled_from(["cloud", "far"]), "servers": st.integers(1, 4)},
            optional=again,
        ),
        st.fixed_dictionaries(
            {"at": _ms, "profile": groups, "rate": st.sampled_from(_RATES)},
            optional={"demand": st.sampled_from(["0.2", "3"])},
        ),
    )


_PUBLISH = [
    "every inference", "every 3 inferences", "every 50 ms", "every 90 ms", "on change",
    "on change or every 200 ms",
]  # fmt: skip
ASK = [
    "found", "found 3", "on change", "on change or every 200 ms", "every 3 inferences",
    "every 90 ms", "random 30 %", "unsure below 50 %", "oracle",
]  # fmt: skip
_CROPS = [{}, *({"crop_margin": margin.replace("%", " %")} for margin in CROP_MARGINS)]
_OUTPUTS = ["message", "message", "tensor", "roi", "image", "raw", "image + message"]


_SERVED = st.sampled_from(["cloudy", "shaky", "piped"])
"""Models of servers: batches one after another; that overlap and vary; that overlap."""
_WARM_UPS: dict[str, list[str | None]] = {
    "300 ms": [None, "1 ns", "120 ms"],
    "1 s": [None, "300 ms", "999999999 ns"],
    "2 s": [None, "1 s", "1234567891 ns"],
}


def _pipeline(**more: Any) -> st.SearchStrategy[dict[str, Any] | None]:
    """Draw a second network behind a detector, or none."""
    second = st.fixed_dictionaries(
        {"model": st.just("glance"), "most": st.sampled_from([1, 3, 40])}
    )
    batch = (
        st.sampled_from([{}, {}, {"batch": 2}, {"batch": 5}]) if more.pop("batch") else st.just({})
    )
    there = st.tuples(second, batch).map(lambda both: {**both[0], **both[1], **more})
    return st.one_of(st.none(), st.none(), there)


@st.composite
def scenarios(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a scenario: overload, ties, drops, skips, batches, edges, regions, control events."""
    uplinks = ["port", "cell"]
    region = ["cloud", "cloud", "far"]
    links = {
        "port": draw(
            _link(["test-port", "test-radio"], ["sensor"], ["cell", "metro", "wan", "wan-b"])
        ),
        "cell": draw(
            _link(["test-cell", "test-radio"], ["cell", "site"], ["metro", "wan", "wan-b"])
        ),
        "metro": draw(_link(["test-backhaul"], ["cell", "city"], ["wan"])),
        "wan": draw(_wan(region)),
        "wan-b": draw(_wan(["far"])),
    }
    edge = draw(_edge())
    if edge["after"] == "metro":
        links["port"]["to"], links["cell"]["to"] = "metro", "metro"
    sensors = {"a": draw(_group(uplinks)), "b": draw(_group(uplinks))}
    starts = {group["uplink"] for group in sensors.values()}
    first = draw(st.sampled_from(uplinks))
    if draw(st.booleans()) and not (first == "cell" and _has_boxes(links, starts)):
        links[first] = _capped(links[first], draw(_RENEWED))
    infers = {"infer": "edge"} if all(_passes(links, s, edge["after"]) for s in starts) else {}
    inference = draw(st.sampled_from(["trace", "trace", "constant"]))
    asked = {} if inference == "constant" else {"eye": st.sampled_from(["eye-dim", "eye-sharp"])}
    lower = _lower(list(sensors.values()))
    eye = draw(st.fixed_dictionaries({}, optional={**asked, **lower}))
    rate = draw(st.fixed_dictionaries({}, optional=lower))
    camera = {"device": "test-camera", "codec": "test-codec", **eye}
    renews = any("cap_renews" in link for link in links.values())
    duration = "2 s" if renews else draw(st.sampled_from(list(_WARM_UPS)))
    cloud = draw(_cloud())
    things = {n: one["shared_by"] for n, one in {**links, "box": edge}.items()}
    things |= {"a": "sensor", "b": "sensor", "far": "city"}
    second, third = draw(_pipeline(batch=True)), draw(_pipeline(batch=False))
    when = draw(st.sampled_from(ASK if inference == "trace" else ASK[:-2]))
    near = draw(_SERVED)
    asked_model = near if near != "shaky" else "cloudy"  # whose eye has seen what sensors do
    crops = draw(st.sampled_from(_CROPS)) if inference == "trace" else {}
    told = "found" if crops else ("found", "on change")  # by frames that are not passed on
    silent = ["never", "never"] if when.startswith(told) else []
    world = scenario(
        seed=draw(st.integers(0, 2**32)),
        duration=duration,
        warm_up=draw(st.sampled_from(_WARM_UPS[duration])),
        start="2024-05-31T23:59:59" if renews else "2024-05-31T17:59:59",
        light=draw(st.sampled_from(["sun", "day", "dusk", "night"])),
        weather=draw(st.sampled_from(["clear", "rain"])),
        inference=inference,
        traces=traces(),
        city={"sites": "no-sites.csv", "demand": "demand.csv"},
        sensors=sensors,
        links=links,
        cloud=cloud,
        regions={"far": {"servers": 1}},
        edges={"box": edge},
        domains={"cabinet": draw(_domain(things))},
        arms={
            "on_sensor": {
                "device": "test-ai",
                "model": draw(st.sampled_from(["tiny", "slow", "capped"])),
                "publish": draw(st.sampled_from(_PUBLISH)),
                "output": draw(st.sampled_from(_OUTPUTS)),
                "mode": "small",
                "pipeline": third,
                **rate,
            },
            "cloud": {**camera, "model": draw(_SERVED), "pipeline": draw(_pipeline(batch=True))},
            "edge": {**camera, "model": near, "pipeline": second, **infers},
            "crops": {
                "device": "test-ai",
                "mode": "small",
                "model": draw(st.sampled_from(["tiny", "slow", "capped"])),
                "publish": draw(st.sampled_from([*_PUBLISH, "never"])),
                "pipeline": {
                    "model": "glance",
                    "most": draw(st.sampled_from([1, 3, 40])),
                    "batch": draw(st.sampled_from([None, 2])),
                    "infer": "cloud",
                    **infers,
                },
                **rate,
            },
            "matched": {
                **camera,
                "device": "test-ai",
                "mode": "small",
                "encoder": "test-camera",
                "infer": "cloud",
                "model": draw(_SERVED),
            },
            "asking": {
                "device": "test-ai",
                "mode": "small",
                "model": draw(st.sampled_from(["tiny", "slow", "capped"])),
                "publish": draw(st.sampled_from([*_PUBLISH, *silent])),
                "ask": {
                    "when": when,
                    "model": asked_model,
                    "codec": "fixed-codec",
                    "encoder": draw(st.sampled_from(["test-camera", "slow-camera"])),
                    "pipeline": second,
                    **infers,
                    **crops,
                },
                **rate,
            },
            "mixed": {
                "place": {"a": draw(st.sampled_from(["on_sensor", "asking"])), "default": "edge"}
            },
            "both": {"place": {"a": "cloud", "default": "matched"}},
        },
        events=[
            e
            for e in draw(st.lists(_event(), max_size=5))
            if _in_time(e) and _has_a_rate(e, sensors)
            if "link" not in e or isinstance(links[e["link"]]["rate"], str)  # follows no file
            if "resize" not in e or "autoscale" not in cloud  # whose servers follow load
        ],
    )
    if third is not None:  # who holds two networks is not rewritten
        world["events"] = [e for e in world["events"] if "rewrite" not in e]
    silent = world["arms"]["asking"]["publish"] == "never"  # then only what is found is passed on
    whens = [w for w in ASK if w.startswith(told if silent else _SAFE)]
    for name in draw(st.sets(st.sampled_from([*_LADDERS]), max_size=3)):
        rungs = st.fixed_dictionaries({}, optional=_rung(name, bool(lower), whens))
        home = any(group["consumer"] == "site" for group in sensors.values())
        at_edge = world["arms"][name].get("infer") == "edge" or "infer" in world["arms"][name].get(
            "ask", {}
        )
        fit = [rule for rule in _RULES if _comes(rule, results=not home, servers=not at_edge)]
        world["arms"][name]["adaptive"] = draw(_adaptive(rungs, fit))
        if name in ("on_sensor", "asking"):
            world["events"] = [e for e in world["events"] if "rewrite" not in e]
    rules = [arm["adaptive"]["rule"] for arm in world["arms"].values() if "adaptive" in arm]
    if "clock" in rules:
        told = draw(st.lists(_told, max_size=3))
        world["events"] += [event for event in told if _in_time(event)]
    return draw(_fed(world | (_BY_HOUR if rules else {})))


_BY_HOUR: dict[str, Any] = {
    "grid": {"g_per_kwh": [100 + 37 * (7 * hour % 11) for hour in range(24)]},
    "prices": "test-book",
    "tariff": {"usd_per_kwh": [0.1 + 0.03 * (5 * hour % 7) for hour in range(24)]},
}
"""What changes as an hour begins, which in worlds is after a second."""
_told = st.fixed_dictionaries(
    {"at": _ms, "ladder": st.sampled_from(["a", "b"]), "rung": st.integers(0, 1)},
    optional={"every": st.sampled_from(["210 ms", "400 ms"]), "cell": st.just("cell-0")},
)


_BATTERY = st.fixed_dictionaries(
    {
        "capacity": st.sampled_from(["100 mJ", "300 mJ", "1 J", "20 J"]),
        "charge": st.sampled_from(["100 %", "45 %", "0 %"]),
        "cut_off": st.sampled_from(["0 %", "10 %", "33.3 %"]),
        "recovery": st.sampled_from(["33.4 %", "80 %"]),
        "every": st.sampled_from(["10 ms", "33333333 ns", "90 ms", "250 ms"]),
    },
    optional={
        "efficiency": st.sampled_from(["90 %", "33.33 %"]),
        "solar": st.fixed_dictionaries(
            {"peak": st.sampled_from(["3 W", "12.345 W"])},
            optional={
                "tilt": st.just(40),
                "azimuth": st.just(270),
                "clearness": st.just("71.3 %"),
            },
        ),
    },
)


@st.composite
def _fed(draw: st.DrawFn, world: dict[str, Any]) -> dict[str, Any]:
    """Draw which sensors of a world live on batteries, into which no models are written then."""
    if draw(st.booleans()):
        return world
    world["batteries"] = {"small": draw(_BATTERY), "other": draw(_BATTERY)}
    for name in draw(st.sets(st.sampled_from(["a", "b"]))):
        world["sensors"][name]["battery"] = draw(st.sampled_from(["small", "other"]))
    for name in draw(st.sets(st.sampled_from(["on_sensor", "cloud", "edge", "asking"]))):
        world["arms"][name]["battery"] = draw(st.sampled_from(["small", "other", "mains"]))
    world["events"] = [e for e in world["events"] if "rewrite" not in e]
    return world


def unadapted(world: dict[str, Any]) -> dict[str, Any]:
    """Take controllers out of a world, and what is said to them."""
    for arm in world["arms"].values():
        arm.pop("adaptive", None)
    world["events"] = [event for event in world["events"] if "ladder" not in event]
    return world


def on_mains(world: dict[str, Any]) -> dict[str, Any]:
    """Return a world in which no sensor lives on a battery."""
    for one in (*world["sensors"].values(), *world["arms"].values()):
        one.pop("battery", None)
    return world


_SAFE = ("found", "on change", "every", "random")
_LADDERS = {"on_sensor": "publish", "asking": "when", "cloud": "codec", "edge": "codec"}
"""Arms that may adapt, and what their rungs change beside the rate."""


def _rung(arm: str, has_rate: bool, whens: list[str]) -> dict[str, st.SearchStrategy[str]]:
    """Return what may differ on a rung of an arm."""
    rates = {"rate": st.sampled_from(["5 fps", "4.999 fps", "2 fps"])} if has_rate else {}
    others = {
        "publish": st.sampled_from(_PUBLISH),
        "when": st.sampled_from(whens),
        "codec": st.sampled_from(["test-codec", "fixed-codec"]),
    }
    return {**rates, _LADDERS[arm]: others[_LADDERS[arm]]}


_RULES: list[dict[str, Any]] = [
    {"rule": "threshold", "high": "30 ms"},
    {"rule": "threshold", "watch": "latency", "high": "20 ms", "low": "5 ms", "calm": 1},
    {"rule": "threshold", "watch": "missing", "high": "30 %", "low": "0 %", "calm": 2},
    {"rule": "threshold", "watch": "waiting", "high": 2, "low": 0, "calm": 1},
    {"rule": "threshold", "watch": "waiting", "high": 0, "at": "site"},
    {"rule": "threshold", "watch": "dropped", "high": 1, "at": "site", "calm": 2},
    {"rule": "threshold", "watch": "dropped", "high": 0},
    {"rule": "back-pressure", "queue": 1},
    {"rule": "back-pressure", "queue": 2, "at": "site"},
    {"rule": "awstream", "high": "20 ms", "calm": 1},
    {"rule": "awstream"},
    {"rule": "carbon", "high": "150 g/kWh"},
    {"rule": "carbon", "high": "250 g/kWh", "low": "90 g/kWh", "at": "site"},
    {"rule": "price", "high": "0.2 USD/kWh"},
    {"rule": "clock", "hours": {"00:00": 1, "18:00": 0}},
    {"rule": "clock", "hours": {"weekday": {"00:00": 0, "18:00": 1}, "weekend": 1}, "at": "region"},
    {"rule": "clock"},
    {
        "rule": {
            "file": "follow.py",
            "function": "region",
            "reads": ["results", "expected", "waiting", "dropped", "missing_ppm", "latency_ns"],
        }
    },
    {
        "at": "site",
        "rule": {
            "file": "follow.py",
            "function": "site",
            "reads": [
                "captured", "sent_bits", "waiting_bits", "waiting", "dropped", "rung_bps",
                "period_ns", "backlog_ns", "clock_s", "weekday", "grid_mg_per_kwh",
                "price_usd_per_gwh",
            ],
        },
    },
]  # fmt: skip


def _comes(rule: dict[str, Any], *, results: bool, servers: bool) -> bool:
    """Return whether what a rule reads comes to its controller."""
    if rule.get("at") == "site" or rule["rule"] in ("awstream", "carbon", "price", "clock"):
        return True
    if isinstance(rule["rule"], dict):
        return results and servers
    watched = rule.get("watch", "waiting" if rule["rule"] == "back-pressure" else "latency")
    return results if watched in ("latency", "missing") else servers


def _adaptive(
    rungs: st.SearchStrategy[Any], rules: list[dict[str, Any]]
) -> st.SearchStrategy[dict[str, Any]]:
    """Draw a ladder, and a rule by which controllers stand sensors on its rungs."""
    more = st.fixed_dictionaries(
        {
            "every": st.sampled_from(["90 ms", "100 ms", "250 ms", "33333333 ns"]),
            "shared_by": st.sampled_from(_SIZES),
            "ladder": st.lists(rungs, min_size=1, max_size=3),
            "word": st.sampled_from(["64 B", "1 B", "40 kB"]),
        }
    )
    return st.tuples(st.sampled_from(rules), more).map(_within)


def _within(both: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    """Return a rule and more of a controller, which at a site has the sensors of one at most."""
    made = both[0] | _falling(both[1])
    for key in ("high", "low") if made["rule"] in ("carbon", "price") else ():
        if key in made:
            number, unit = made[key].split()
            made[key] = [
                f"{float(number) * (1 + k / 2):g} {unit}" for k in range(len(made["ladder"]))
            ]
    if made["rule"] == "clock":
        return {k: v for k, v in made.items() if k not in ("every", "shared_by")}
    if made.get("at") == "site" or made["rule"] == "awstream":
        made["shared_by"] = {"cell": "site", "city": "sensor"}.get(
            made["shared_by"], made["shared_by"]
        )
    return made


def _falling(adaptive: dict[str, Any]) -> dict[str, Any]:
    """Return a ladder whose rates, where rungs have them, fall from the top down."""
    rates = sorted((one["rate"] for one in adaptive["ladder"] if "rate" in one), reverse=True)
    left = iter(rates)
    ladder = [one | {"rate": next(left)} if "rate" in one else one for one in adaptive["ladder"]]
    return adaptive | {"ladder": ladder}


@st.composite
def plain_scenarios(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a scenario as `scenarios` does, of which a good part can run in lanes."""
    world = draw(scenarios())
    steady, sure = draw(st.booleans()), draw(st.booleans())
    for group in world["sensors"].values():
        group |= {"uplink": "port", "count": 3 * group["count"]}
        if draw(st.booleans()):
            group["capture"] = "periodic"
        if draw(st.booleans()):
            group["consumer"] = "cloud"
        if draw(st.integers(0, 3)):  # who shares servers by priority or weight is not plain
            group.pop("priority", None)
            group.pop("weight", None)
    for name, link in world["links"].items():
        for key in ("cap", "cap_used", "cap_renews", "throttled_rate", "loss") if sure else ():
            link.pop(key, None)
        if steady and not isinstance(link["rate"], str):
            link["rate"] = "3 Mbit/s"
        if name in ("port", "cell"):
            link["technology"] = f"test-{name}"
    if draw(st.booleans()):
        world["arms"]["on_sensor"]["publish"] = "every inference"
    world["arms"]["edge"].pop("infer", None)
    world["arms"].pop("mixed")
    world["arms"].pop("both")
    if draw(st.integers(0, 3)):  # neither is who runs a second network
        for arm in world["arms"].values():
            arm.pop("pipeline", None)
        world["arms"].pop("crops")
    return on_mains(world) if draw(st.integers(0, 3)) else world


PLAIN_ARMS = st.sampled_from(["on_sensor", "cloud", "edge", "matched"])


def _lower(groups: list[dict[str, Any]]) -> dict[str, st.SearchStrategy[str]]:
    """Return rates that an arm may set: below those of all groups, none if times are given."""
    if any(isinstance(group["capture"], dict) for group in groups):
        return {}
    slowest = min(_fps(group["rate"]) for group in groups)
    rates = [rate for rate in ("5 fps", "7 fps", "20 fps", "25 fps") if _fps(rate) <= slowest]
    return {"rate": st.sampled_from(rates)}


def _fps(rate: str) -> float:
    return float(rate.split()[0])


def _has_boxes(links: dict[str, Any], starts: set[str]) -> bool:
    """Return whether frames come to the cell from radios of sensors and from another link."""
    radios = links["cell"]["technology"] == "test-radio" and "cell" in starts
    return radios and "port" in starts and bool(links["port"]["to"] == "cell")


def _passes(links: dict[str, Any], start: str, after: str) -> bool:
    """Return whether the way that begins at a link passes another."""
    at, way = start, []
    while at in links:
        way.append(at)
        at = links[at]["to"]
    return after in way


def asks(world: dict[str, Any], arm: str) -> bool:
    """Return whether sensors of an arm pass frames on to servers."""
    of = arm, world["arms"][arm].get("place", {}).get("a")
    return "asking" in of or "crops" in of


ARMS = st.sampled_from(
    ["on_sensor", "cloud", "edge", "matched", "asking", "crops", "mixed", "both"]
)


def _has_a_rate(event: dict[str, Any], sensors: dict[str, dict[str, Any]]) -> bool:
    """Return whether an event may be: the frame rate of given times cannot change."""
    return "profile" not in event or not isinstance(sensors[event["profile"]]["capture"], dict)


def _in_time(event: dict[str, Any]) -> bool:
    return "at" not in event or int(event["at"].split()[0]) < 300
