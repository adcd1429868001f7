"""Cases of the selftest that are estimated: a busy DSP, lossy links and radios that sleep."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints
from fleet.model.books import SENT_FRAMES, SENT_LINK_BITS
from fleet.model.frames import ACCESS, CAPTURE, LOST_LINK, READY, SENSOR, SKIP_DSP_BUSY
from fleet.proof import theory
from fleet.proof.selftest_run import (
    MS,
    Case,
    Law,
    Run,
    fate_share,
    link,
    mean,
    poisson,
    sender,
    world,
)

SEGMENT_BITS = 12_000


def busy_chip() -> Case:
    """Return M/D/1/1: a DSP without a queue skips what comes while it is busy."""
    arm = {"device": "instant-sensor", "model": "stare"}
    data = world({"cam": poisson("700 fps")}, arm, links={"line": link("wire")})
    return Case("M/D/1/1 (DSP)", data, "1 s", "0.05 s",
                (Law("share skipped, Erlang B", theory.erlang_b(1, 0.7), "Erlang 1917",
                     fate_share(SKIP_DSP_BUSY)),))  # fmt: skip


def loss() -> Case:
    """Return selective repeat: ten segments, a fifth of them lost, sent again twice at most."""
    law = theory.resent(10, 0.2, 2)
    data = world({"cam": poisson("10 fps")}, sender("ten-segments"),
                 links={"line": link("lossy", shared_by="sensor")})  # fmt: skip
    source = "Bertsekas and Gallager 1992"

    def segments(run: Run) -> float:
        tally = run.outcome.tally
        sent = tally.links[:, SENT_LINK_BITS].sum() / SEGMENT_BITS
        return float(sent / tally.sensors[:, SENT_FRAMES].sum())

    return Case(
        "loss and sending again (link)", data, "60 s", "5 s",
        (
            Law("share lost", law.lost, source, fate_share(LOST_LINK)),
            Law("segments sent for a frame", law.segments, source, segments),
            Law("rounds of a frame that arrives", law.rounds, source,
                mean(lambda rows: np.floor((rows[:, ACCESS] - rows[:, READY]) / MS))),
        ),
    )  # fmt: skip


def _woken(run: Run) -> tuple[Ints, Ints]:
    """Return (quiet time since the last hand-over, wait) of each message of the window; ns."""
    begin, end = run.span_ns
    rows = run.rows[run.rows[:, CAPTURE] < end]
    rows = rows[np.lexsort((rows[:, READY], rows[:, SENSOR]))]
    first = np.diff(rows[:, SENSOR], prepend=-1) != 0
    quiet = np.where(first, end, rows[:, READY] - np.roll(rows[:, ACCESS], 1))
    chosen = rows[:, CAPTURE] >= begin
    waits: Ints = rows[:, ACCESS] - rows[:, READY]
    return quiet[chosen], waits[chosen]


def sleepy_radio() -> Case:
    """Return Poisson messages at a radio that dozes, sleeps and must be promoted."""
    law = theory.radio(1.0, 0.1, 1.0, 0.3, 0.04)
    data = world({"cam": poisson("1 fps", 50)}, {"device": "instant-sensor", "model": "glance"},
                 links={"line": link("radio", shared_by="sensor")})  # fmt: skip
    source = "renewal reward (Ross 1996), states of Huang 2012"

    def dozed(run: Run) -> float:
        quiet, waits = _woken(run)
        return float(waits[(quiet > 100 * MS) & (quiet <= 1000 * MS)].mean() / MS)

    def dozing(run: Run) -> float:
        quiet, _ = _woken(run)
        return float(((quiet > 100 * MS) & (quiet <= 1000 * MS)).mean())

    return Case(
        "radio that sleeps", data, "200 s", "15 s",
        (
            Law("share that is promoted", law.promoted, source,
                lambda run: float((run.served[:, ACCESS] - run.served[:, READY] >= 300 * MS)
                                  .mean())),
            Law("share that waits for DRX", law.dozing, source, dozing),
            Law("mean wait for DRX, ms", 20.0, "uniform in the cycle", dozed),
            Law("mean wait of all, ms", 1000 * law.wait, source,
                mean(lambda rows: (rows[:, ACCESS] - rows[:, READY]) / MS)),
        ),
    )  # fmt: skip


CASES = (busy_chip(), loss(), sleepy_radio())
