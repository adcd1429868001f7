"""How busy links, DSPs, servers and decoders were: busy time over the time that there was."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Floats
from fleet.engine.energy import present_ns
from fleet.model.books import BUSY_NS, DECODING_NS, SERVED_NS, SERVER_NS
from fleet.results.metric import part
from fleet.running.run import Outcome


@part("utilisation")
def utilisation(outcome: Outcome) -> dict[str, float | None]:
    """Return busy time over available time: links (mean and busiest), DSPs, servers."""
    plan, tally = outcome.plan, outcome.tally
    busy = tally.links[:, BUSY_NS] / plan.measured_ns
    out: dict[str, float | None] = {}
    for c, name in enumerate(plan.links.class_names):
        _mean_and_most(out, name, busy[plan.links.class_of == c])
    infers = plan.on_sensor == 1
    if infers.any():
        spent_ns = tally.computing_ns[plan.sensors.setups.on_sensor == 1].sum()
        there_ns = int(present_ns(outcome.as_it_went)[infers].sum())
        out["dsp"] = int(spent_ns) / there_ns if there_ns else None
    for entry, pool in enumerate(plan.pools.entries):
        if pool is None:
            continue
        mine = np.flatnonzero(plan.pools.entry == entry)
        for k, kind in enumerate(pool.kinds):
            what = "servers" if len(pool.kinds) == 1 else kind.server
            counts = tally.servers[plan.pools.row[mine] + k]
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
