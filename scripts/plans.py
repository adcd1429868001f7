"""Are plans right? Plants whose answers are known, by theory or by brute force, are planned.

    python scripts/plans.py --jobs 2 [--plants 200] [--seed 1] [--out plans.csv]
    python scripts/plans.py --binding

A plant is drawn from a seed: a queue of the textbook catalogue with loads, sizes and a bound by
chance, or a chain of links and batching servers. Its answer is the first value of a range at which
theory keeps the objective; or, where theory has no formula, at which the mean of 20 other
replications does. Told is how often `fleet plan` gives that value, or the one above it (below it
where the most are looked for), and the frames that it simulates over those of brute force: every
value of the range in the 20 replications that a plan makes of one at most. With `--binding` twenty
plants are planned of which it is known what binds.
"""

from __future__ import annotations

import argparse
import csv
import functools
import json
import math
import multiprocessing
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import fleet
from fleet.plan.expected import frames_asked
from fleet.proof import theory
from fleet.proof.selftest_run import camera, link, poisson, sender, world
from fleet.proof.theory import Moments
from fleet.scenario.load import Scenario, loads
from fleet.sizing.answer import Answer
from fleet.sizing.keys import FIND, MOST, ladders
from fleet.sizing.planning import answer, question
from fleet.sizing.verdict import LOOKS
from fleet.study.slo import objectives
from fleet.study.task import Answer as Done
from fleet.study.task import Rows, Shared, Task, carry_out

FRAMES, BRUTE = 24_000, 20
"""Frames of a replication, about; replications of brute force that tell the truth."""
PLACE = Path(fleet.__file__).parent / "proof" / "made-up.yaml"
WIRE = {"line": link("wire")}
MEANS = theory.whole_exponential(1e6, 1, 0.0).mean / 1e6


class Plant(NamedTuple):
    """A plant whose answer is known.

    Attributes:
        kind: of queue.
        data: the scenario.
        key: which is looked for, with its range.
        slo: the objective.
        keeps: whether theory keeps it at a value; None: nobody knows without runs.
        most: whether the most is looked for.
    """

    kind: str
    data: dict[str, Any]
    key: str
    slo: str
    keeps: Callable[[float], bool] | None
    most: bool = False


class Here:
    """Carries runs out in this process."""

    def __init__(self, scenario: Scenario, draws: Mapping[str, Rows] | None = None) -> None:
        """Do nothing yet; see `fleet.study.task.Shared`."""
        self._shared = Shared(scenario, draws)

    def carry_out(self, tasks: Sequence[Task]) -> Iterable[tuple[Task, Done]]:
        """Yield what comes of some tasks."""
        return ((task, carry_out(self._shared, task, lambda _: None)) for task in tasks)


def _world(rate_per_ms: float, arm: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a world of twenty sensors that together bring so many frames a millisecond."""
    group = poisson(f"{rate_per_ms * 1000 / 20:.9g} fps")
    return _timed(world({"cam": group}, arm, **changes), rate_per_ms)


def _load(chance: random.Random, low: float, high: float) -> float:
    """Return a load, in frames a millisecond, whose frames come at whole fractions of a second."""
    return round(chance.uniform(low, high), 3)


def _timed(data: dict[str, Any], rate_per_ms: float) -> dict[str, Any]:
    seconds = FRAMES / rate_per_ms / 1000
    return data | {"duration": f"{seconds * 1.25:.3f} s", "warm_up": f"{seconds * 0.25:.3f} s"}


def _pool(**changes: Any) -> dict[str, Any]:
    return {"server": "server", "servers": 1, "decode": False} | changes


# Plants whose answer theory knows ---------------------------------------------------------------


def servers_mean(chance: random.Random) -> Plant:
    """Return M/M/c: how many servers for a mean latency."""
    load, bound = _load(chance, 1.0, 9.0), chance.uniform(1.1, 2.5)
    return Plant(
        "M/M/c, servers for the mean", _world(
            load, camera("tiny", "exponential"), links=WIRE, cloud=_pool()
        ), "cloud.servers=1..24", f"latency_ms.mean < {bound:.6g} ms",
        lambda c: load * MEANS < c and theory.mmc_wait(int(c), load, MEANS) + MEANS < bound,
    )  # fmt: skip


def _stays_longer(servers: int, load: float, time: float) -> float:
    """Return P(stay > time) in M/M/c, services of mean 1 (Kleinrock 1975, exercise 3.11)."""
    waits, spare = theory.erlang_c(servers, load), servers - load - 1.0
    if abs(spare) < 1e-9:
        return math.exp(-time) * (1.0 + waits * time)
    return math.exp(-time) * (1.0 + waits * (1.0 - math.exp(-spare * time)) / spare)


def servers_p99(chance: random.Random) -> Plant:
    """Return M/M/c: how many servers for the 99th percentile of the latency."""
    load, bound = _load(chance, 1.0, 9.0), chance.uniform(4.8, 9.0)
    return Plant(
        "M/M/c, servers for p99", _world(
            load, camera("tiny", "exponential"), links=WIRE, cloud=_pool()
        ), "cloud.servers=1..24", f"latency_ms.p99 < {bound:.6g} ms",
        lambda c: load * MEANS < c and _stays_longer(int(c), load * MEANS, bound / MEANS) < 0.01,
    )  # fmt: skip


def constant_servers(chance: random.Random) -> Plant:
    """Return M/D/c: how many servers for a mean latency."""
    load, bound = _load(chance, 1.0, 9.0), chance.uniform(1.03, 1.6)
    return Plant(
        "M/D/c, servers for the mean", _world(
            load, camera("tiny", "constant"), links=WIRE, cloud=_pool()
        ), "cloud.servers=1..24", f"latency_ms.mean < {bound:.6g} ms",
        # nearer to 1 the wait is beyond any bound, and Crommelin's sum takes hours
        lambda c: load < 0.99 * c and theory.mdc_wait(int(c), load, 1.0) + 1.0 < bound,
    )  # fmt: skip


def blocking(chance: random.Random) -> Plant:
    """Return M/M/c/K: how many servers for a share lost."""
    load, queue = _load(chance, 1.0, 8.0), chance.randint(1, 4)
    bound = 10.0 ** chance.uniform(-2.5, -1.0)
    return Plant(
        "M/M/c/K, servers for losses", _world(
            load, camera("tiny", "exponential"), links=WIRE, cloud=_pool(queue=queue)
        ), "cloud.servers=1..24", f"lost < {100 * bound:.6g} %",
        lambda c: load < c and theory.mmck(int(c), int(c) + queue, load, MEANS).lost < bound,
    )  # fmt: skip


def line_rate(chance: random.Random) -> Plant:
    """Return M/D/1 or M/M/1: how fast a line for a mean latency."""
    codec = chance.choice(["constant", "exponential"])
    load, bound = _load(chance, 0.3, 0.9), chance.uniform(0.5, 3.0)
    sizes = {"constant": Moments(1.0, 1.0), "exponential": Moments(1.0, 2.0)}[
        codec
    ]  # MB, and ms at 8 Gbit/s

    def keeps(rate: float) -> bool:
        s = 8.0 / rate
        moments = Moments(sizes.mean * s, sizes.square * s * s)
        return load * s < 1 and theory.pollaczek_khinchine(load, moments) + moments.mean < bound

    return Plant(
        f"M/{'D' if codec == 'constant' else 'M'}/1, rate of a line", _world(load, sender(codec)),
        "links.line.rate=2..32+2 Gbit/s", f"latency_ms.mean < {bound:.6g} ms", keeps,
    )  # fmt: skip


def most_sensors(chance: random.Random) -> Plant:
    """Return M/D/1: how many sensors a line carries at a mean latency."""
    each, bound = _load(chance, 0.02, 0.05), chance.uniform(1.1, 3.0)
    data = _timed(world({"cam": poisson(f"{each * 1000:.9g} fps")}, sender("constant")), 20 * each)
    return Plant(
        "M/D/1, most sensors", data, "sensors.cam.count=1..40",
        f"latency_ms.mean < {bound:.6g} ms",
        lambda n: n * each < 1 and theory.pollaczek_khinchine(n * each, Moments(1, 1)) + 1 < bound,
        most=True,
    )  # fmt: skip


def impatient(chance: random.Random) -> Plant:
    """Return M/M/1 with a deadline: how many sensors at a share lost."""
    each, patience = _load(chance, 0.02, 0.05), chance.uniform(1.0, 5.0)
    bound = 10.0 ** chance.uniform(-2.3, -0.8)
    data = _timed(world(
        {"cam": poisson(f"{each * 1000:.9g} fps")}, camera("tiny", "exponential"), links=WIRE,
        cloud=_pool(deadline=f"{patience:.6f} ms"),
    ), 20 * each)  # fmt: skip
    return Plant(
        "M/M/1 with a deadline, most sensors", data, "sensors.cam.count=1..40",
        f"lost < {100 * bound:.6g} %",
        lambda n: n * each < 1 and theory.impatient_lost(n * each, MEANS, patience) < bound,
        most=True,
    )  # fmt: skip


def periodic(chance: random.Random) -> Plant:
    """Return N*D/D/1: how many periodic sensors share a line at a mean latency."""
    rate, bound = chance.randint(25, 66), chance.uniform(1.2, 2.4)
    period = 1000 / rate
    group = {"count": 200, "per_site": 10, "rate": f"{rate} fps"}
    data = world({"cam": group}, sender("constant"), links={"line": link("line", shared_by="site")})
    return Plant(
        "N*D/D/1, most sensors", _timed(data, 2000 / period), "sensors.cam.per_site=1..36",
        f"latency_ms.mean < {bound:.6g} ms",
        lambda n: n < period and (n == 1 or 1 + theory.periodic_wait(int(n) - 1, period) < bound),
        most=True,
    )  # fmt: skip


# Plants whose answer brute force tells ------------------------------------------------------------


def batching(chance: random.Random) -> Plant:
    """Return a pool that batches: how many servers for the 99th percentile."""
    load, most, wait = _load(chance, 1.0, 5.0), chance.choice([2, 4, 8]), chance.uniform(0.0, 3.0)
    group = {"count": 50, "rate": f"{load * 20:.9g} fps"}
    cloud = _pool(batch={"max": most, "wait": f"{wait:.6f} ms"})
    data = world({"cam": group}, camera("tiny", "batch"), links=WIRE, cloud=cloud)
    bound = chance.uniform(1.2, 3.0) * (2 + most) + wait
    return Plant(
        "batches, servers for p99", _timed(data, load), "cloud.servers=1..10",
        f"latency_ms.p99 < {bound:.6g} ms", None,
    )  # fmt: skip


def chain(chance: random.Random) -> Plant:
    """Return a line before a pool: how fast a line for the 99th percentile, or for losses."""
    load = _load(chance, 0.3, 0.8)
    buffer = chance.choice(["3 MB", "10 MB", "1 GB"])
    arm = camera(chance.choice(["constant", "exponential", "near-normal"]), "constant")
    slo = chance.choice([f"latency_ms.p99 < {chance.uniform(3, 9):.6g} ms",
                         f"lost < {10 ** chance.uniform(-1, 1):.6g} %"])  # fmt: skip
    data = _world(load, arm, links={"line": link("line", buffer=buffer)}, cloud=_pool(servers=2))
    return Plant(
        "a line before a pool, its rate", data, "links.line.rate=2..20+2 Gbit/s", slo, None
    )


KINDS = (
    servers_mean, servers_p99, constant_servers, blocking, line_rate, most_sensors, impatient,
    periodic, batching, chain,
)  # fmt: skip


def drawn(seed: int, number: int) -> tuple[Plant, Scenario]:
    """Return a plant and its scenario: kinds take turns."""
    chance = random.Random(f"{seed}/{number}")
    plant = KINDS[number % len(KINDS)](chance)
    data = plant.data | {"seed": chance.getrandbits(40), "slo": [plant.slo]}
    return plant, loads(json.dumps(data), str(PLACE))


def planned(plant: Plant, scenario: Scenario) -> Answer:
    """Return the answer of a plan."""
    keys, none = [plant.key], list[str]()
    wanted, most = (none, keys) if plant.most else (keys, none)
    return answer(question(scenario, wanted, most=most), Here(scenario)).answers[0]


def truth(plant: Plant, scenario: Scenario) -> int | None:
    """Return the place of the right answer in the range, None if there is none."""
    ladder = ladders(scenario, [plant.key], MOST if plant.most else FIND)[0]
    keeps = functools.partial(_by_force, scenario) if plant.keeps is None else plant.keeps
    for i, text in enumerate(ladder.texts):
        value = text if plant.keeps is None else float(text.split()[0])
        if keeps(f"{ladder.key}={value}" if plant.keeps is None else value):  # type: ignore[arg-type]
            return i
    return None


def _by_force(scenario: Scenario, override: str) -> bool:
    """Return whether the mean of many replications keeps the objective, and nothing is overfull."""
    arm, objective = next(iter(scenario.model.arms)), objectives(scenario)[0]
    shared = Shared(scenario)
    runs = [
        carry_out(shared, Task((override,), arm, r), lambda _: None)
        for r in range(100, 100 + BRUTE)  # others than those of the plan
    ]
    names = [n for n in runs[0].values or {} if n.endswith(".busiest_offered")]
    means = {
        name: sum((run.values or {})[name][0] or 0.0 for run in runs) / BRUTE
        for name in (objective.number.text, *names)
    }
    bound = float(objective.bound)
    return means[objective.number.text] < bound and all(means[name] < 1.0 for name in names)


def brute_frames(plant: Plant, scenario: Scenario) -> float:
    """Return the frames of every value of the range in the most replications of a plan."""
    ladder = ladders(scenario, [plant.key], MOST if plant.most else FIND)[0]
    values = [float(text.split()[0]) for text in ladder.texts]
    frames = frames_asked(scenario.changed(f"{ladder.key}={ladder.texts[-1]}"))
    return LOOKS[-1] * frames * (sum(values) / values[-1] if plant.most else len(values))


class Row(NamedTuple):
    """What came of a plant: places in its range, and frames."""

    number: int
    kind: str
    slo: str
    right: int | None
    found: int | None
    meets: float
    replications: int
    plants: int
    frames: float
    brute: float

    @property
    def off(self) -> int:
        """Return how many places the answer is above the right one."""
        right, found = (10_000 if at is None else at for at in (self.right, self.found))
        return found - right


def tried(seed: int, number: int) -> Row:
    """Return what comes of a plant."""
    plant, scenario = drawn(seed, number)
    answer, right = planned(plant, scenario), truth(plant, scenario)
    found = answer.found.index[0] if answer.enough else None
    return Row(
        number, plant.kind, plant.slo, right, found, answer.found.stands.meets,
        answer.found.stands.runs, answer.tried, answer.frames, brute_frames(plant, scenario),
    )  # fmt: skip


def told(rows: Sequence[Row]) -> Iterator[str]:
    """Yield what is to be said of some plants, by kind and in all."""
    yield "| Plants | Number | Right | One above | Further above | Below | Frames of brute force |"
    yield "|---|---|---|---|---|---|---|"
    for kind in [*dict.fromkeys(row.kind for row in rows), "all"]:
        mine = [row for row in rows if kind in (row.kind, "all")]
        off = Counter(min(2, max(-1, row.off)) for row in mine)
        share = sum(row.frames for row in mine) / sum(row.brute for row in mine)
        yield (
            f"| {kind} | {len(mine)} | {off[0]} | {off[1]} | {off[2]} | {off[-1]} | {share:.1%} |"
        )


# Plants of which it is known what binds -------------------------------------------------------


_WIDE = {"rate": "90 Gbit/s", "propagation": "0 ns", "buffer": "1 GB"}


def _street(**changes: Any) -> dict[str, Any]:
    """Return forty cameras in ten shops, with servers at the shops and in the cloud.

    Nothing is asked for a fiftieth of what it can do until it is made small: so that binds.
    """
    data = world(
        {"cam": {"count": 10, "per_site": 4, "rate": "25 fps", "uplink": "port"}},
        camera("near-normal", "constant"),
        links={
            "port": {**link("line", shared_by="sensor", rate="2 Gbit/s"), "to": "shop"},
            "shop": {**link("line", shared_by="site", rate="50 Gbit/s"), "to": "metro"},
            "metro": {**link("metro-ethernet", **_WIDE), "to": "wan"},
            "wan": link("wan", **_WIDE),
        },
        cloud={"server": "server", "servers": 80, "decode": False},
        duration="4 s", warm_up="1 s",
    )  # fmt: skip
    for path, value in changes.items():
        node = data
        *above, last = path.split("__")
        for key in above:
            node = node.setdefault(key, {})
        node[last] = value
    return data


_DECODING = {"server": "decoder", "servers": 80}
_BOX = {"after": "port", "shared_by": "site", "server": "server", "servers": 8, "decode": False}
_AT_EDGE = {"edges__box": _BOX, "arms__bare__infer": "edge"}
_LATE, _LOST = "latency_ms.p99 < 25 ms", "lost < 1 %"
BOUND: tuple[tuple[str, dict[str, Any], str, bool, str], ...] = (
    ("servers of cloud", _street(), "cloud.servers=1..80", False, _LATE),
    ("servers of cloud", _street(cloud__queue=5), "cloud.servers=1..80", False, _LOST),
    ("servers of cloud", _street(cloud__deadline="5 ms"), "cloud.servers=1..80", False, _LOST),
    ("servers of cloud", _street(cloud__servers=2), "sensors.cam.count=1..60", True, _LATE),
    ("servers of cloud", _street(cloud__servers=3), "sensors.*.rate=5..200+5 fps", True, _LATE),
    ("servers of box", _street(**_AT_EDGE, sensors__cam__per_site=60), "edges.box.servers=1..8",
     False, "latency_ms.p99 < 9 ms"),
    ("servers of box", _street(**_AT_EDGE, edges__box__servers=1), "sensors.cam.per_site=1..40",
     True, _LATE),
    ("servers of box", _street(**_AT_EDGE, edges__box__servers=1, edges__box__queue=2),
     "sensors.cam.per_site=1..40", True, _LOST),
    ("decoders of cloud",
     _street(cloud=_DECODING | {"more": {"server": 40}}, sensors__cam__count=16),
     "cloud.servers=1..80", False, _LATE),
    ("decoders of cloud", _street(cloud={"server": "decoder", "more": {"server": 40}}),
     "sensors.cam.count=1..60", True, _LATE),
    ("port", _street(), "links.port.rate=100..2000+100 Mbit/s", False, _LATE),
    ("port", _street(links__port__rate="1 Gbit/s"), "sensors.*.rate=5..200+5 fps", True, _LATE),
    ("port", _street(links__port__buffer="2500 kB"), "links.port.rate=100..2000+100 Mbit/s", False,
     _LOST),
    ("shop", _street(), "links.shop.rate=500..9000+500 Mbit/s", False, _LATE),
    ("shop", _street(links__shop__rate="2 Gbit/s"), "sensors.cam.per_site=1..40", True, _LATE),
    ("metro", _street(), "links.metro.rate=1..40 Gbit/s", False, _LATE),
    ("metro", _street(links__metro__buffer="20 MB"), "links.metro.rate=1..40 Gbit/s", False, _LOST),
    ("wan", _street(), "links.wan.rate=1..40 Gbit/s", False, _LATE),
    ("wan", _street(links__wan__rate="12 Gbit/s"), "sensors.cam.count=1..60", True, _LATE),
    ("the sensors themselves", world(
        {"cam": {"count": 4, "rate": "10 fps"}}, {"device": "slow-sensor", "model": "haul"},
        duration="4 s",
    ), "sensors.*.rate=20..1000+20 fps", True, "skipped < 1 %"),
)  # fmt: skip
"""What binds, a world, the key that is looked for, whether its most is, and the objective."""


def binding() -> bool:
    """Plan them, and print what each says; return whether one is wrong."""
    wrong = 0
    for resource, data, key, most, slo in BOUND:
        scenario = loads(json.dumps(data | {"slo": [slo]}), str(PLACE))
        answer = planned(Plant("", data, key, slo, None, most), scenario)
        binds = answer.binds.get(0)
        wrong += binds is None or binds.name != resource
        value = next(iter(answer.values.values()))
        print(f"| {key} | {slo} | {resource} | {value} | {binds and binds.name} |", flush=True)
    print(f"{len(BOUND) - wrong} of {len(BOUND)}")
    return wrong > 0


def main() -> None:
    """Plan the plants, and say how right the plans are; exit 1 if they are not enough so."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plants", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--binding", action="store_true")
    given = parser.parse_args()
    if given.binding:
        sys.exit(binding())
    with multiprocessing.get_context("fork").Pool(given.jobs) as pool:
        rows = []
        for row in pool.imap_unordered(
            functools.partial(tried, given.seed), range(given.plants), chunksize=1
        ):
            rows.append(row)
            print(f"{len(rows)}/{given.plants} {row.off:+d} {row}", file=sys.stderr, flush=True)
    rows.sort()
    if given.out is not None:
        with given.out.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*Row._fields, "off"])
            writer.writerows([*row, row.off] for row in rows)
    print("\n".join(told(rows)))
    good = sum(row.off in (0, 1) for row in rows)
    frames = sum(row.frames for row in rows) / sum(row.brute for row in rows)
    sys.exit(good < 0.95 * len(rows) or frames > 0.25)


if __name__ == "__main__":
    main()
