"""What fails together: which sensors, links and servers each domain of a scenario holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from fleet.arrays import Ints
from fleet.plan.draft import Draft
from fleet.plan.served import region_names
from fleet.scenario.event import Event
from fleet.scenario.load import did_you_mean
from fleet.scenario.plant import Domain
from fleet.scenario.strict_yaml import Keys

_SIZES = ("sensor", "site", "cell", "city")
"""Whose things are, the smallest first."""


class Together(NamedTuple):
    """What fails at one instant: an instance of a domain, or one pool of servers.

    Attributes:
        name: its name, by which its failures are drawn.
        sensors, links, pools: what it holds, ascending.
    """

    name: str
    sensors: list[int]
    links: list[int]
    pools: list[int]


class _Held(NamedTuple):
    """Things of one kind in a domain.

    Attributes:
        field: of `Together`.
        things: which; shape (things,).
        users: a sensor that uses each; same shape.
        size: whose each of them is.
    """

    field: str
    things: Ints
    users: Ints
    size: str


Instances = Mapping[str, Together]
"""Of a domain by name; none where an arm has nothing of what it holds."""


def instances(draft: Draft) -> dict[str, Instances]:
    """Return the instances of all domains.

    Raises:
        InputError: one holds what is not there, or what others use too.
    """
    return {name: _instances(draft, name) for name in draft.scenario.model.domains}


def _instances(draft: Draft, name: str) -> Instances:
    spec = draft.scenario.model.domains[name]
    units, made = draft.roster.units[spec.shared_by], dict[int, Together]()
    for i, held in enumerate(spec.holds):
        keys = ("domains", name, "holds", i)
        for part in _named(draft, held, keys):
            _check_size(draft, spec, held, part, keys)
            for thing, user in zip(part.things.tolist(), part.users.tolist(), strict=True):
                unit = int(units[user])
                if unit not in made:
                    own = draft.roster.unit_name(spec.shared_by, user)
                    made[unit] = Together(f"{name}/{own}" if own else name, [], [], [])
                getattr(made[unit], part.field).append(thing)
    return {
        one.name: Together(one.name, *(sorted(set(part)) for part in one[1:]))
        for one in made.values()
    }


def _named(draft: Draft, name: str, keys: Keys) -> Iterator[_Held]:
    """Yield the things of a name: a group, a class of links, an edge, a region, or one of them.

    Raises:
        InputError: nothing has that name.
    """
    roster, net, model = draft.roster, draft.net, draft.scenario.model
    pools = draft.served_by.names
    known = [*model.sensors, *model.links, *model.edges, *region_names(draft.scenario)]
    there = name in {*known, *net.names, *pools} or roster.index(name) >= 0
    if not there and not _is_place(draft, name):
        hint = did_you_mean(name, [*known, *net.names, *pools, *roster.names])
        raise draft.scenario.error(
            keys, f"no group, link, edge or one of them '{name}'{hint}; known: {', '.join(known)}"
        )
    sensors = np.array([s for s in [roster.index(name)] if s >= 0], dtype=np.int64)
    if name in model.sensors:
        sensors = np.union1d(sensors, roster.of_group(name))
    yield _Held("sensors", sensors, sensors, "sensor")
    user_of = _users(net.link_of, len(net.names))
    own = np.array([link for link, other in enumerate(net.names) if other == name], dtype=np.int64)
    for c, kind in enumerate(net.classes):
        links = np.flatnonzero(net.class_of == c) if name == kind.name else own
        links = links[net.class_of[links] == c]
        yield _Held("links", links, user_of[links], kind.shared_by)
    mine_too, size = _pools(draft, name)
    user_of = _users(draft.served_by.of[None], len(pools))
    used = mine_too[user_of[mine_too] >= 0]
    yield _Held("pools", used, user_of[used], size)


def _is_place(draft: Draft, name: str) -> bool:
    """Return whether a name is that of a domain or an edge at one of the places that there are.

    An arm may have nothing there.
    """
    roster, model = draft.roster, draft.scenario.model
    of, _, place = name.partition("/")
    spec = model.domains.get(of) or model.edges.get(of)
    if spec is None or not place:
        return False
    first = np.unique(roster.units[spec.shared_by], return_index=True)[1]
    return place in {roster.unit_name(spec.shared_by, s) for s in first.tolist()}


def _pools(draft: Draft, name: str) -> tuple[Ints, str]:
    """Return (the pools of a name, whose each of them is): of an edge, or of a region."""
    edges, served = draft.scenario.model.edges, draft.served_by
    named = np.array([own == name for own in served.names], dtype=np.bool_)
    of = name.partition("/")[0]
    if of not in edges:
        return np.flatnonzero(named), _SIZES[-1]
    if name == of:
        named |= served.entry == len(region_names(draft.scenario)) + list(edges).index(name)
    return np.flatnonzero(named), edges[of].shared_by


def _users(of: Ints, many: int) -> Ints:
    """Return a sensor that uses each of so many things; -1 for none.

    Args:
        of: which of them each sensor uses, in some rows; -1 for none.
        many: how many there are.
    """
    user = np.full(many, -1, dtype=np.int64)
    for row in of:
        mine = np.flatnonzero(row >= 0)
        user[row[mine]] = mine
    return user


def _check_size(draft: Draft, spec: Domain, name: str, part: _Held, keys: Keys) -> None:
    """Refuse a thing in a domain that does not hold all who use it."""
    if len(part.things) and _SIZES.index(part.size) > _SIZES.index(spec.shared_by):
        raise draft.scenario.error(
            keys,
            f"'{name}' is of a {part.size}, and each '{keys[1]}' of a {spec.shared_by}, so that"
            f" several would hold it; say 'shared_by: {part.size}', or leave '{name}' out",
        )


def failing(
    draft: Draft, event: Event, keys: Keys, domains: Mapping[str, Instances]
) -> list[Together]:
    """Return what fails by an event, each by its own draws: all of a domain or edge, or one.

    Nothing where this arm uses nothing of it, which is remarked.

    Args:
        draft: the arm.
        event: with a failure.
        keys: where it stands.
        domains: their instances.

    Raises:
        InputError: there is none of that name.
    """
    name, model, pools = event.target, draft.scenario.model, draft.served_by.names
    known = [*model.domains, *model.edges, *region_names(draft.scenario)]
    of = name.partition("/")[0]
    every = domains.get(of)
    if every is None:
        every = {pools[p]: Together(pools[p], [], [], [p]) for p in _pools(draft, of)[0].tolist()}
    if name in known:
        return list(every.values())
    if name in every:
        return [every[name]]
    if _is_place(draft, name):
        draft.remarks.append(f"Nothing of '{name}' is used, so its failure changes nothing.")
        return []
    hint = did_you_mean(name, [*known, *every])
    raise draft.scenario.error(
        (*keys, "failure"), f"no domain, edge or region '{name}'{hint}; known: {', '.join(known)}"
    )


def remarks(draft: Draft, domains: Mapping[str, Instances]) -> Iterator[str]:
    """Yield which domains, of which the instances are given, hold nothing, and which never fail."""
    named = {
        event.target.partition("/")[0]
        for event in draft.scenario.model.events
        if event.failure is not None
    }
    for name, held in domains.items():
        if not held:
            yield f"Nothing that the domain '{name}' holds is used, so its failures change nothing."
        if name not in named:
            yield f"No event lets the domain '{name}' fail; add one with 'failure: {name}'."
