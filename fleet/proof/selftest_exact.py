"""Cases of the selftest that are exact: sensors in phase, bursts, saturation, and energy.

Powers and times stand here once more, as numbers: what is checked must not be read from the plan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from fleet.arrays import Ints
from fleet.engine.energy import account
from fleet.model.frames import (
    ACCESS,
    BITS,
    DECODED,
    INFER,
    READY,
    SENSED,
    SENSOR,
)
from fleet.proof import theory
from fleet.proof.account import compared
from fleet.proof.selftest_run import (
    MS,
    Case,
    Data,
    Identity,
    Run,
    camera,
    link,
    poisson,
    port_ms,
    sender,
    world,
)
from fleet.results.metrics import summarise
from fleet.results.tables import frame_table

MW, W = 1_000, 1_000_000  # µW; a µW for a nanosecond is a femtojoule
TAIL_NS, PROMOTION_NS, FETCH_NS = 1000 * MS, 300 * MS, MS // 10
CHIP_READS_NS, CAMERA_READS_NS = 3 * MS // 2, 3 * MS
TWICE = (2, 2)


def _periodic(phase: str, count: int, rate: str) -> Data:
    return {"count": count, "rate": rate, "phase": phase}


def in_phase() -> Case:
    """Return synchronised sensors: the k-th of N waits for k services."""
    data = world({"cam": _periodic("synchronised", 20, "40 fps")}, sender("constant"))

    def each(run: Run) -> tuple[int, int]:
        waits = port_ms(run.rows)
        return len(waits), int((waits == run.rows[:, SENSOR]).sum())

    def total(run: Run) -> tuple[int, int]:
        bursts = len(run.rows) // 20
        return bursts * 20 * 19 // 2 * MS, round(port_ms(run.rows).sum() * MS)

    return Case(
        "20 sensors in phase (link)", data, "4 s", "1 s",
        identities=(
            Identity("frames that wait for k services", "by hand", each),
            Identity("Σ waits = (N - 1)/2 services each, ns", "by hand", total),
        ),
        replications=TWICE,
    )  # fmt: skip


def staggered() -> Case:
    """Return evenly staggered sensors, which never wait."""
    data = world({"cam": _periodic("staggered", 20, "40 fps")}, sender("constant"))

    def free(run: Run) -> tuple[int, int]:
        return len(run.rows), int((port_ms(run.rows) == 0).sum())

    return Case("20 sensors staggered (link)", data, "4 s", "1 s",
                identities=(Identity("frames that do not wait", "by hand", free),),
                replications=TWICE)  # fmt: skip


def burst() -> Case:
    """Return bursts of 23 frames on two servers with batches of four, t(b) = 2 + b ms."""
    data = world(
        {"cam": _periodic("synchronised", 23, "10 fps")}, camera("tiny", "batch"),
        links={"line": link("wire", shared_by="sensor")},
        cloud={"server": "server", "servers": 2, "decode": False, "batch": {"max": 4}},
    )  # fmt: skip

    def each(run: Run) -> tuple[int, int]:
        steps = [theory.burst_steps(k, 23, 2, 4) for k in range(23)]
        due = np.array([(6 * before + 2 + size) * MS for before, size in steps])
        rows = run.rows
        return len(rows), int((rows[:, INFER] - rows[:, DECODED] == due[rows[:, SENSOR]]).sum())

    return Case("burst of 23 on 2 servers, batches of 4", data, "4 s", "1 s",
                identities=(Identity("frames that end on time", "by hand", each),),
                replications=TWICE)  # fmt: skip


def saturation() -> Case:
    """Return an overloaded pool: two servers with batches of four give 2 · 4 / t(4)."""
    data = world(
        {"cam": poisson("200 fps")}, camera("tiny", "batch"), links={"line": link("wire")},
        cloud={"server": "server", "servers": 2, "decode": False, "batch": {"max": 4}},
    )  # fmt: skip

    def served(run: Run) -> tuple[int, int]:
        begin = run.plan.end_ns // 2
        times = run.plan.end_ns // 4 // (6 * MS)
        ends = run.rows[:, INFER]
        inside = (ends >= begin) & (ends < begin + times * 6 * MS)
        return times * 2 * 4, int(inside.sum())

    return Case("saturated pool, batches of 4", data, "2 s", "0.5 s",
                identities=(Identity("frames served = c b / t(b) · time", "by hand", served),),
                replications=TWICE)  # fmt: skip


# Energy ---------------------------------------------------------------------------------------

Energies = dict[tuple[str, str], int]


@dataclass
class RadioTimes:
    """Time that one radio spends in each state, from when its messages were ready and sent; ns."""

    sending: int = 0
    promotion: int = 0
    tail: int = 0
    handed: int | None = field(default=None, repr=False)
    sent: int | None = field(default=None, repr=False)

    def message(self, ready: int, sent: int, service: int) -> None:
        """Take the next message; the tail ends when it begins, or by itself (Huang 2012)."""
        begin = sent - service
        if self.handed is None or ready - self.handed > TAIL_NS:
            self.promotion += PROMOTION_NS
        if self.sent is not None:
            self.tail += min(begin - self.sent, TAIL_NS)
        if self.handed is None or self.sent is None or begin > self.sent:
            self.handed = begin
        else:  # it queued: it was handed over while the one before was sent
            self.handed = max(ready, self.handed + 1)
        self.sent = sent
        self.sending += service

    def close(self, end: int) -> None:
        """End the last tail."""
        if self.sent is not None:
            self.tail += min(end - self.sent, TAIL_NS)


def expected(run: Run) -> Energies:
    """Return the energy of each state, Σ power · time, from the frames alone; fJ."""
    plan, rows = run.plan, run.rows
    is_camera = np.array([name.startswith("cams") for name in plan.sensors.names])
    pictures = is_camera[rows[:, SENSOR]]
    return (
        _devices(rows[~pictures], rows[pictures], int(is_camera.sum()), plan.size, plan.end_ns)
        | _radios(rows[~pictures], np.flatnonzero(~is_camera), plan.end_ns)
        | _servers(rows[pictures], plan.end_ns)
    )


def _devices(chips: Ints, pictures: Ints, cameras: int, devices: int, end: int) -> Energies:
    sensing = CHIP_READS_NS * len(chips), CAMERA_READS_NS * len(pictures)
    chip, encoder = (int((rows[:, READY] - rows[:, SENSED]).sum()) for rows in (chips, pictures))
    chip -= FETCH_NS * len(chips)
    on = (devices - cameras) * end, cameras * end
    return {
        ("sensor", "host"): 601 * MW * on[0] + 2003 * MW * on[1],
        ("sensor", "sensing"): 97 * MW * sensing[0] + 101 * MW * sensing[1],
        ("sensor", "sense_idle"): 9 * MW * (on[0] - sensing[0]) + 11 * MW * (on[1] - sensing[1]),
        ("sensor", "computing"): 311 * MW * chip + 307 * MW * encoder,
    }


def _radios(chips: Ints, sensors: Ints, end: int) -> Energies:
    """Return the energy of the radios, which send 1 Mbit/s."""
    radios = {int(s): RadioTimes() for s in sensors}
    for row in chips[np.lexsort((chips[:, READY], chips[:, SENSOR]))].tolist():
        radios[row[SENSOR]].message(row[READY], row[ACCESS], row[BITS] * 1000)
    for radio in radios.values():
        radio.close(end)
    sending, promotion, tail = (
        sum(getattr(radio, state) for radio in radios.values())
        for state in ("sending", "promotion", "tail")
    )
    bits = int(chips[:, BITS].sum())
    return {
        ("uplink", "sending"): 1201 * MW * sending,
        ("uplink", "promotion"): 809 * MW * promotion,
        ("uplink", "tail"): 503 * MW * tail,
        ("uplink", "idle"): 13 * MW * (len(radios) * end - sending - promotion - tail),
        ("uplink", "bits sent"): 7_000_000 * bits,
        ("network", "mobile access"): 11_000_000 * bits,
    }


def _servers(pictures: Ints, end: int) -> Energies:
    """Return the energy of two servers: t(b) is 2 + b ms, and 1 ms of it for each frame is busy."""
    busy = len(pictures) * MS
    return {
        ("cloud", "busy"): busy * 76 * W * 11 // 10,
        ("cloud", "idle"): (2 * end - busy) * 15 * W * 11 // 10,
    }


def _booked(component: str, state: str) -> Callable[[Run], tuple[int, int]]:
    def pair(run: Run) -> tuple[int, int]:
        booked = sum(
            e.energy_fj
            for e in account(run.plan, run.outcome.tally)
            if (e.component, e.state) == (component, state)
        )
        return expected(run)[component, state], booked

    return pair


STATES = (
    *(("sensor", state) for state in ("host", "sensing", "sense_idle", "computing")),
    *(("uplink", state) for state in ("sending", "promotion", "tail", "idle", "bits sent")),
    ("network", "mobile access"), ("cloud", "busy"), ("cloud", "idle"),
)  # fmt: skip


def energy() -> Case:
    """Return radios that stay awake, doze and sleep, and cameras whose pictures are served."""
    radio = {"uplink": "radio"}
    sensors = {
        "awake": _periodic("staggered", 4, "20 fps") | radio,
        "dozing": _periodic("staggered", 4, "2 fps") | radio,
        "asleep": _periodic("staggered", 4, "0.25 fps") | radio,
        "cams": _periodic("synchronised", 6, "10 fps"),
    }
    arm = {
        "device": "slow-sensor", "model": "stare",
        "per": {"cams": {"device": "slow-camera", "codec": "exponential", "model": "batch"}},
    }  # fmt: skip
    data = world(
        sensors, arm,
        links={"line": link("line"), "radio": link("slow-radio", shared_by="sensor")},
        cloud={
            "server": "server", "servers": 2, "decode": False, "batch": {"max": 4, "wait": "1 ms"},
        },
    )  # fmt: skip
    idle = Identity("frames in flight at the end", "by hand", lambda r: (0, r.outcome.in_flight))
    return Case(
        "energy = Σ power · time", data, "20 s", "8 s",
        identities=(
            idle,
            *(Identity(f"{c}: {s}, fJ", "by hand", _booked(c, s)) for c, s in STATES),
        ),
        replications=TWICE,
    )  # fmt: skip


# A rewrite ------------------------------------------------------------------------------------

HAUL_NS, STARE_NS = 2 * MS, MS  # the first moves 1 MB too, and uses half of the units
HAUL, STARE = 207 * MW, 311 * MW


def _ran(run: Run, spent_ns: int) -> int:
    """Return the frames on which the DSP spent a time."""
    return int((run.rows[:, READY] - run.rows[:, SENSED] - FETCH_NS == spent_ns).sum())


def rewritten() -> Case:
    """Return a network that is rewritten after 3 s: each frame costs what its own network does.

    Writing 1 kB takes 8 ms.
    """
    data = world(
        {"cam": _periodic("staggered", 4, "20 fps")}, {"device": "slow-sensor", "model": "haul"},
        events=[{"at": "3 s", "rewrite": "cam", "model": "stare"}],
    )  # fmt: skip

    def after(run: Run) -> tuple[int, int]:
        return int((run.rows[:, SENSED] > 3009 * MS).sum()), _ran(run, STARE_NS)

    def computing(run: Run) -> tuple[int, int]:
        spent = HAUL * HAUL_NS * _ran(run, HAUL_NS) + STARE * STARE_NS * _ran(run, STARE_NS)
        return spent, sum(
            e.energy_fj for e in account(run.plan, run.outcome.tally) if e.state == "computing"
        )

    def third(run: Run) -> tuple[int, int]:
        frames, arm = frame_table(run.outcome), run.plan.arm
        lines = compared(summarise(run.outcome), frames, run.scenario, arm, run.plan.replication)
        return len(lines), sum(line.agrees for line in lines)

    return Case(
        "model rewrite", data, "20 s", "8 s",
        identities=(
            Identity("frames inferred by the new network", "by hand", after),
            Identity("sensor: computing, fJ", "by hand", computing),
            Identity("numbers that the third account has too", "frames and catalogue", third),
        ),
        replications=TWICE,
    )  # fmt: skip


CASES = (in_phase(), staggered(), burst(), saturation(), energy(), rewritten())
