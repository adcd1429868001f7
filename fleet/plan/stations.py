"""Which links and pools are told of one by one, second by second, and which by their class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fleet.arrays import Ints
from fleet.model.books import BIN_NS
from fleet.plan.groups import Frozen, Links, Pools

SPANS = 3600
"""So many spans of time a run has at most; of a longer one they are longer than a second."""
_ROOM = 1 << 22
"""Numbers that the series of links, and those of pools, may take: 32 MiB."""
_NONE = -1


@dataclass(frozen=True)
class Stations(Frozen):
    """The links and pools that are told of one by one.

    They are the links that several sensors share, and all pools to which frames go. Where these are
    too many for a long run, whole classes of links and whole edges are left out, those with most of
    them first.

    Attributes:
        links: indices of the links.
        link_classes: their classes.
        pools: indices of the pools.
        bin_of: row of each link of the plan in the book of bins: one row a class, for its links
            that are not told of one by one, then one for each that is; shape (all links,).
        link_rows: rows of the book of bins.
        row_of_link, row_of_pool: row of each link and pool of the plan in `BySecond.changes`, -1
            for none: links first; shapes (all links,), (all pools,).
    """

    links: Ints
    link_classes: Ints
    pools: Ints
    bin_of: Ints
    link_rows: int
    row_of_link: Ints
    row_of_pool: Ints


def stations(links: Links, pools: Pools, end_ns: int) -> Stations:
    """Return those of a plan with these links and pools."""
    used = links.of[1:]
    sharers = np.bincount(used[used >= 0], minlength=len(links.ids))
    shared = _few(np.flatnonzero(sharers > 1), links.class_of, _ROOM // bins(end_ns))
    served = np.unique(pools.of[pools.of >= 0])
    served = _few(served, pools.entry, _ROOM // spans(end_ns)[1])
    classes = len(links.class_names)
    bin_of = links.class_of.copy()
    bin_of[shared] = classes + np.arange(len(shared))
    row_of_link = np.full(len(links.ids), _NONE, dtype=np.int64)
    row_of_pool = np.full(len(pools.ids), _NONE, dtype=np.int64)
    row_of_link[shared] = np.arange(len(shared))
    row_of_pool[served] = len(shared) + np.arange(len(served))
    return Stations(
        shared, links.class_of[shared], served, bin_of, classes + len(shared), row_of_link,
        row_of_pool,
    )  # fmt: skip


def _few(things: Ints, kind_of: Ints, room: int) -> Ints:
    """Return the things of as many kinds as there is room for, kinds with few of them first."""
    kinds, many = np.unique(kind_of[things], return_counts=True)
    order = np.argsort(many, kind="stable")
    fit = kinds[order][np.cumsum(many[order]) <= room]
    return things[np.isin(kind_of[things], fit)]


def bins(end_ns: int) -> int:
    """Return the number of seconds of a run, a part of one too."""
    return -(-end_ns // BIN_NS)


def spans(end_ns: int) -> tuple[int, int]:
    """Return (length of a span in s, number of spans) of a run."""
    each_s = -(-bins(end_ns) // SPANS)
    return each_s, -(-bins(end_ns) // each_s)
