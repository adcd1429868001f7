"""Cases of the selftest that are estimated: queues with random arrivals.

A line takes 1 ns for a byte, so a picture of 1 MB takes 1 ms; rates are per ms.
"""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints
from fleet.model.books import BUSY_NS
from fleet.model.frames import (
    DECODED,
    INFER,
    LOST_CELL_BUFFER,
    LOST_CLOUD_QUEUE,
    LOST_DEADLINE,
    PAYLOAD,
    READY,
    SENSOR,
    START,
    UPLINK,
    WAN,
)
from fleet.proof import theory
from fleet.proof.selftest_run import (
    MS,
    Case,
    Data,
    Identity,
    Law,
    Run,
    Sample,
    above,
    busy,
    camera,
    fate_share,
    link,
    little,
    mean,
    poisson,
    pool_ms,
    port_ms,
    present,
    sender,
    serving,
    world,
)

SIZES = theory.whole_exponential(1e6, 64, 0.5)  # bytes, and nanoseconds on a line
SERVICE = theory.whole_exponential(1e6, 1, 0.0)  # ns at a server
ERLANG, KLEINROCK = "Erlang 1917", "Kleinrock 1975"
PK, LITTLE, JACKSON = "Pollaczek 1930, Khinchine 1932", "Little 1961", "Jackson 1957, Reich 1957"
WIRE = {"line": link("wire")}


def _ms(moments: theory.Moments) -> theory.Moments:
    return theory.Moments(moments.mean / MS, moments.square / MS**2)


def _pool(servers: int, **changes: object) -> dict[str, object]:
    return {"server": "server", "servers": servers, "decode": False} | changes


def _payload(rows: Ints) -> Ints:
    payloads: Ints = rows[:, PAYLOAD]
    return payloads


def _worked(run: Run) -> tuple[int, int]:
    """Return both sides of the utilisation law: a frame is a result as soon as it was sent."""
    return int(run.rows[:, PAYLOAD].sum()), int(run.outcome.tally.links[:, BUSY_NS].sum())


def single_queue() -> Case:
    """Return M/M/1: exponential pictures on a line."""
    load, s = 0.6, _ms(SIZES).mean
    return Case(
        "M/M/1 (link)", world({"cam": poisson("30 fps")}, sender("exponential")), "35 s", "2.7 s",
        (
            Law("mean wait, ms", theory.mmc_wait(1, load, s), KLEINROCK, mean(port_ms)),
            Law("P(wait > 0)", theory.mmc_tail(1, load, s, 0), KLEINROCK, above(port_ms, 0)),
            Law("P(wait > 2 ms)", theory.mmc_tail(1, load, s, 2), KLEINROCK, above(port_ms, 2)),
            Law("frames present", load * s / (1 - load * s), KLEINROCK, present(READY, UPLINK)),
            Law("load = λ E[S]", load * s, "utilisation law", busy(_payload)),
        ),
        (
            Identity("Σ stays = ∫ number dt, ns", LITTLE, little(READY, UPLINK)),
            Identity("busy time = Σ services, ns", "utilisation law", _worked),
        ),
    )  # fmt: skip


def constant_service() -> Case:
    """Return M/D/1: pictures of one size on a line."""
    return Case(
        "M/D/1 (link)", world({"cam": poisson("30 fps")}, sender("constant")), "35 s", "2.2 s",
        (
            Law("mean wait, ms", theory.pollaczek_khinchine(0.6, theory.Moments(1, 1)), PK,
                mean(port_ms)),
            Law("P(wait > 1 ms)", theory.md1_tail(0.6, 1), "Erlang 1909", above(port_ms, 1)),
            Law("P(wait > 1.5 ms)", theory.md1_tail(0.6, 1.5), "Erlang 1909", above(port_ms, 1.5)),
        ),
    )  # fmt: skip


def general_service() -> Case:
    """Return M/G/1 with sizes near normal."""
    moments = _ms(theory.four_lanes(1e6, 0.25))
    wait = theory.pollaczek_khinchine(0.6, moments)
    return Case(
        "M/G/1 near normal (link)", world({"cam": poisson("30 fps")}, sender("near-normal")),
        "35 s", "2.2 s",
        (
            Law("mean wait, ms", wait, PK, mean(port_ms)),
            Law("load = λ E[S]", 0.6 * moments.mean, "utilisation law", busy(_payload)),
        ),
    )  # fmt: skip


def mixed_service() -> Case:
    """Return M/H2/1: two groups whose sizes are exponential with means of 0.5 and 1.5 MB."""
    small = _ms(theory.whole_exponential(0.5e6, 64, 0.5))
    large = _ms(theory.whole_exponential(1.5e6, 64, 0.5))
    both = theory.Moments(*(0.8 * a + 0.2 * b for a, b in zip(small, large, strict=True)))
    arm = sender("exponential-small", per={"large": {"codec": "exponential-large"}})
    data = world({"small": poisson("30 fps"), "large": poisson("30 fps", 5)}, arm)
    wait = theory.pollaczek_khinchine(0.75, both)
    return Case("M/H2/1 (link)", data, "30 s", "3.5 s",
                (Law("mean wait, ms", wait, PK, mean(port_ms)),))  # fmt: skip


def tandem() -> Case:
    """Return M/M/1 → M/M/1: exponential pictures on a line, then one server."""
    load, first, second = 0.5, _ms(SIZES).mean, _ms(SERVICE).mean
    leave = 1 / first - load, 1 / second - load
    slow = theory.tandem_tail(*leave, 5.0)
    return Case(
        "tandem M/M/1 → M/M/1",
        world({"cam": poisson("25 fps")}, camera("exponential", "exponential")),
        "40 s", "4.2 s",
        (
            Law("mean wait at the link, ms", theory.mmc_wait(1, load, first), JACKSON,
                mean(port_ms)),
            Law("mean wait at the pool, ms", theory.mmc_wait(1, load, second), JACKSON,
                mean(pool_ms)),
            Law("P(both stays > 5 ms)", slow, JACKSON,
                above(lambda rows: (rows[:, INFER] - rows[:, READY]) / MS, 5.0)),
        ),
        (
            Identity("Σ stays = ∫ number dt at the link, ns", LITTLE, little(READY, UPLINK)),
            Identity("Σ stays = ∫ number dt at the pool, ns", LITTLE, little(DECODED, INFER)),
            Identity("Σ stays = ∫ number dt in both, ns", LITTLE, little(READY, INFER)),
        ),
    )  # fmt: skip


def many_servers() -> Case:
    """Return M/M/3 at a pool."""
    servers, rate, s = 3, 1.8, _ms(SERVICE).mean
    tail = theory.mmc_tail(servers, rate, s, 0.5)
    data = world({"cam": poisson("90 fps")}, camera("tiny", "exponential"), links=WIRE,
                 cloud=_pool(servers))  # fmt: skip
    return Case(
        "M/M/3 (pool)", data, "12 s", "1.3 s",
        (
            Law("P(wait > 0), Erlang C", theory.erlang_c(servers, rate * s), ERLANG,
                above(pool_ms, 0)),
            Law("mean wait, ms", theory.mmc_wait(servers, rate, s), ERLANG, mean(pool_ms)),
            Law("P(wait > 0.5 ms)", tail, ERLANG, above(pool_ms, 0.5)),
            Law("load of a server = λ E[S] / c", rate * s / servers, "utilisation law",
                busy(serving, servers)),
        ),
        (Identity("Σ stays = ∫ number dt, ns", LITTLE, little(DECODED, INFER)),),
    )  # fmt: skip


def many_constant_servers() -> Case:
    """Return M/D/2 at a pool."""
    data = world({"cam": poisson("60 fps")}, camera("tiny", "constant"), links=WIRE,
                 cloud=_pool(2))  # fmt: skip
    return Case("M/D/2 (pool)", data, "15 s", "1.4 s",
                (Law("mean wait, ms", theory.mdc_wait(2, 1.2, 1.0), "Crommelin 1932",
                     mean(pool_ms)),))  # fmt: skip


def blocking() -> Case:
    """Return M/M/3/4: three servers, one place to wait."""
    law = theory.mmck(3, 4, 2.6, _ms(SERVICE).mean)
    data = world({"cam": poisson("130 fps")}, camera("tiny", "exponential"), links=WIRE,
                 cloud=_pool(3, queue=1))  # fmt: skip
    return Case(
        "M/M/3/4 (pool)", data, "8 s", "0.35 s",
        (
            Law("share lost", law.lost, KLEINROCK, fate_share(LOST_CLOUD_QUEUE)),
            Law("mean wait of the others, ms", law.wait, KLEINROCK, mean(pool_ms)),
        ),
    )  # fmt: skip


def finite_buffer() -> Case:
    """Return M/D/1/3: a line whose buffer holds three pictures."""
    data = world({"cam": poisson("45 fps")}, sender("constant"),
                 links={"line": link("line", buffer="3 MB")})  # fmt: skip
    return Case("M/D/1/3 (link)", data, "20 s", "1 s",
                (Law("share lost", theory.md1k_lost(0.9, 3), "Brun and Garcia 2000",
                     fate_share(LOST_CELL_BUFFER)),))  # fmt: skip


def impatience() -> Case:
    """Return M/M/1 whose frames wait 2 ms at most."""
    lost = theory.impatient_lost(0.8, _ms(SERVICE).mean, 2.0)
    data = world({"cam": poisson("40 fps")}, camera("tiny", "exponential"), links=WIRE,
                 cloud=_pool(1, deadline="2 ms"))  # fmt: skip
    return Case("M/M/1 with a deadline (pool)", data, "20 s", "1 s",
                (Law("share lost", lost, "Barrer 1957", fate_share(LOST_DEADLINE)),))  # fmt: skip


def batches() -> Case:
    """Return M/M[1,3]/1: batches of up to three, exponential whatever their size."""
    law = theory.bulk_service(1.5, _ms(SERVICE).mean, 3)
    data = world({"cam": poisson("75 fps")}, camera("tiny", "bulk-exponential"), links=WIRE,
                 cloud=_pool(1, batch={"max": 3}))  # fmt: skip

    def batch(run: Run) -> float:
        rows = run.served
        return len(rows) / len(np.unique(rows[:, START]))

    source = "Bailey 1954, Neuts 1967"
    return Case(
        "M/M[1,3]/1, batches (pool)", data, "14 s", "1.2 s",
        (
            Law("mean wait, ms", law.wait, source, mean(pool_ms)),
            Law("P(wait > 0)", 1 - law.idle, source, above(pool_ms, 0)),
            Law("mean batch", law.batch, source, batch),
        ),
    )  # fmt: skip


def decoders() -> Case:
    """Return M/D/1 at a decoder, and a constant server behind it, where nobody waits."""
    pool = {"server": "decoder", "servers": 1}
    data = world({"cam": poisson("30 fps")}, camera("tiny", "constant"), links=WIRE, cloud=pool)
    wait = theory.pollaczek_khinchine(0.6, theory.Moments(1, 1))
    return Case(
        "M/D/1 → D/1 (decoder, server)", data, "30 s", "2 s",
        (Law("mean wait for the decoder, ms", wait, PK,
             mean(lambda rows: (rows[:, DECODED] - rows[:, WAN]) / MS - 1)),),
        (
            Identity("frames that do not wait for the server", "Friedman 1965",
                     lambda run: (len(run.served), int((pool_ms(run.served) == 0).sum()))),
            Identity("Σ stays = ∫ number dt at the decoder, ns", LITTLE, little(WAN, DECODED)),
        ),
    )  # fmt: skip


HIGH, LOW = 0.3, 0.4  # frames a ms of two groups


def _groups(high: Data, low: Data) -> Data:
    """Return M/M/1 at a pool that two groups share, given what is said of each."""
    groups = {"high": poisson("15 fps") | high, "low": poisson("20 fps") | low}
    return world(groups, camera("tiny", "exponential"), links=WIRE, cloud=_pool(1))


def _of_group(high: bool) -> Sample:
    """Return a reader of the mean wait of a group: the sensors of the first have lower numbers."""
    return mean(lambda rows: pool_ms(rows[(rows[:, SENSOR] < 20) == high]))


def _conserved(run: Run) -> float:
    """Return Σ load · mean wait over both groups; ms."""
    s = _ms(SERVICE).mean
    return HIGH * s * _of_group(True)(run) + LOW * s * _of_group(False)(run)


def _kept() -> Law:
    load = (HIGH + LOW) * _ms(SERVICE).mean
    theory_ms = load * theory.mmc_wait(1, HIGH + LOW, _ms(SERVICE).mean)
    return Law("Σ load · mean wait, ms", theory_ms, "Kleinrock 1965", _conserved)


def priorities() -> Case:
    """Return M/M/1 with two priorities, of which neither interrupts a frame."""
    high, low = theory.cobham((HIGH, LOW), _ms(SERVICE))
    data = _groups({"priority": 1}, {})
    return Case(
        "M/M/1, two priorities (pool)", data, "30 s", "4 s",
        (
            Law("mean wait of the higher, ms", high, "Cobham 1954", _of_group(True)),
            Law("mean wait of the lower, ms", low, "Cobham 1954", _of_group(False)),
            _kept(),
        ),
        (Identity("Σ stays = ∫ number dt, ns", LITTLE, little(DECODED, INFER)),),
    )  # fmt: skip


def weights() -> Case:
    """Return M/M/1 shared by weights: what is waited in all is that of any other order."""
    return Case(
        "M/M/1, weights 1 and 9 (pool)", _groups({}, {"weight": 9}), "30 s", "4 s", (_kept(),),
        (Identity("Σ stays = ∫ number dt, ns", LITTLE, little(DECODED, INFER)),),
    )  # fmt: skip


def random_phases() -> Case:
    """Return N*D/D/1: twenty periodic sensors with random phases on each of twenty lines."""
    group = {"count": 400, "cells": 20, "rate": "40 fps"}
    data = world({"cam": group}, sender("constant"),
                 links={"line": link("line", shared_by="cell")})  # fmt: skip
    source = "Roberts and Virtamo 1991"

    def again(run: Run) -> tuple[int, int]:
        rows = run.steady[np.argsort(run.steady[:, SENSOR], kind="stable")]
        waits = (rows[:, UPLINK] - rows[:, READY]).reshape(-1, 2)
        return len(waits), int((waits[:, 0] == waits[:, 1]).sum())

    return Case(
        "20*D/D/1, random phases (link)", data, "100 ms", "100 ms",
        (
            Law("mean wait, ms", theory.periodic_wait(19, 25.0), source, mean(port_ms)),
            Law("P(wait > 0)", theory.periodic_tail(19, 25.0, 0), source, above(port_ms, 0)),
            Law("P(wait > 1 ms)", theory.periodic_tail(19, 25.0, 1), source, above(port_ms, 1)),
            Law("P(wait > 1.5 ms)", theory.periodic_tail(19, 25.0, 1.5), source,
                above(port_ms, 1.5)),
        ),
        (Identity("sensors whose wait recurs each period", source, again),),
        window=(0.25, 0.75),  # the second and third of four periods
        replications=(60, 20),
    )  # fmt: skip


CASES = (
    single_queue(), constant_service(), general_service(), mixed_service(), random_phases(),
    finite_buffer(), tandem(), many_servers(), many_constant_servers(), blocking(), impatience(),
    batches(), decoders(), priorities(), weights(),
)  # fmt: skip
