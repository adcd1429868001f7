"""All numbers of an arm and all metrics in them: who tells of metrics selects from these.

A number has a name, by which comparisons, objectives and files know it: the dotted path of it in an
arm's part of `summary.json`, such as `latency_ms.p99`, `bandwidth_mbit_s.wan.mean` or
`groups.cam.latency_ms.p99`. It is made of a metric, a scope, and the name of what it is of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from types import ModuleType
from typing import Any, NamedTuple

from fleet.errors import InputError
from fleet.results import (
    accuracy,
    battery,
    by_hour,
    cost,
    fairness,
    frames,
    groups,
    latency,
    load,
    pixels,
    power,
    rollout,
    rungs,
    steady,
    tasks,
    traffic,
    utilisation,
)
from fleet.results.metric import Metric, Numbers, Part, Scope, Unit, inside, total
from fleet.running.run import Outcome

MODULES: tuple[ModuleType, ...] = (
    frames, latency, fairness, traffic, utilisation, load, steady, power, cost, battery,
    by_hour, rollout, rungs, accuracy, tasks, pixels, groups,
)  # fmt: skip
"""Where formulas are, in the order of the numbers of an arm."""
Names = Mapping[Scope, Iterable[str]]
"""What there is in each scope; an arm as a whole has no name and is always there."""


class Named(NamedTuple):
    """A metric of one thing in a scope; of a whole arm the name is empty."""

    metric: Metric
    scope: Scope = Scope.ARM
    name: str = ""

    @property
    def text(self) -> str:
        """Return its name."""
        return self.metric.path(self.scope).replace("{}", self.name)

    def value(self, arm: Numbers) -> float | None:
        """Return it of the numbers of an arm; None where it is not known, or not there."""
        return look_up(arm, *self)


@cache
def parts() -> tuple[Part[Any], ...]:
    """Return all formulas, in order."""
    return tuple(
        thing for module in MODULES for thing in vars(module).values() if _is_own(thing, module)
    )


def _is_own(thing: object, module: ModuleType) -> bool:
    """Return whether something is a formula of a module, and not one that it uses."""
    return isinstance(thing, Part) and thing.formula.__module__ == module.__name__


def metrics() -> list[Metric]:
    """Return all metrics, in order."""
    return [metric for part in parts() for metric in part.metrics]


def summarise(outcome: Outcome) -> dict[str, Any]:
    """Return the numbers of one arm; units are in the names."""
    numbers: dict[str, Any] = {}
    for part in parts():
        values = part(outcome)
        numbers |= values if part.key is None else {part.key: values}
    return {**numbers, "fingerprint": outcome.tally.fingerprint()}


def look_up(
    arm: Numbers, metric: Metric | str, scope: Scope = Scope.ARM, name: str = ""
) -> float | None:
    """Return a value of the numbers of an arm; None where it is not known, or not there.

    Args:
        arm: of `summary.json`, or of a replication of a record (`Record.numbers`).
        metric: the metric, or its key.
        scope: whether it is of the whole arm, of a group, a class of links or a pool.
        name: of that.
    """
    if isinstance(metric, str):
        metric = next(known for known in metrics() if known.key == metric)
    path = metric.path(scope)
    if not path:
        return None
    if metric.read is not None:
        return metric.read(arm)
    return total(inside(arm, [key.replace("{}", name) for key in path.split(".")]))


def named(
    names: Names, chosen: Callable[[Metric], object], scopes: Iterable[Scope] = Scope
) -> Iterator[Named]:
    """Yield the numbers of some metrics: of the whole arm first, then of what has a name.

    Args:
        names: what there is.
        chosen: says which metrics.
        scopes: which scopes, in order.
    """
    picked = [metric for metric in metrics() if chosen(metric)]
    for scope in scopes:
        for name in [""] if scope is Scope.ARM else names.get(scope, ()):
            yield from (Named(metric, scope, name) for metric in picked if metric.path(scope))


def names_in(arm: Numbers) -> Names:
    """Return the groups, classes of links and pools that the numbers of an arm are of."""
    servers = (name for name in arm["load"] if name.startswith(load.SERVERS_OF))
    return {
        Scope.LINK: list(arm["bandwidth_mbit_s"]),
        Scope.POOL: [name.removeprefix(load.SERVERS_OF) for name in servers],
        Scope.GROUP: list(arm["groups"]),
    }


def flat(arm: Numbers) -> dict[str, tuple[float | None, str]]:
    """Return all numbers of an arm side by side: by name, value (None: not known) and unit."""
    names = names_in(arm)
    ones = _named_all(*(tuple(names[scope]) for scope in (Scope.LINK, Scope.POOL, Scope.GROUP)))
    return {text: (one.value(arm), one.metric.unit.name) for text, one in ones}


@lru_cache(maxsize=64)
def _named_all(*names: tuple[str, ...]) -> tuple[tuple[str, Named], ...]:
    """Return all numbers by name, given the links, pools and groups that there are."""
    there = dict(zip((Scope.LINK, Scope.POOL, Scope.GROUP), names, strict=True))
    return tuple((one.text, one) for one in named(there, lambda _: True))


def find(text: str) -> Named | None:
    """Return which number has a name, whether or not there is such a group, link or pool."""
    fits = []
    for metric in metrics():
        for scope in Scope:
            before, braces, after = metric.path(scope).partition("{}")
            if not braces and text == before:
                return Named(metric, scope)
            name = text.removeprefix(before).removesuffix(after)
            if braces and name and text == f"{before}{name}{after}":
                fits.append((len(before), Named(metric, scope, name)))
    return max(fits, key=lambda fit: fit[0])[1] if fits else None


def check_asked(names: Iterable[str]) -> None:
    """Refuse names of numbers that there are not, as `--metric` gives them.

    Raises:
        InputError: one of them is none.
    """
    for name in names:
        if find(name) is None:
            raise InputError(
                f"--metric {name}: there is no such metric; docs/GLOSSARY.md lists all"
            )


def known(text: str) -> Named:
    """Return what `find` does of a name that is known to be one.

    Raises:
        LookupError: it is none; it stood in a file that somebody has changed.
    """
    one = find(text)
    if one is None:
        raise LookupError(f"there is no metric {text!r}")
    return one


def unit_of(text: str) -> Unit:
    """Return the unit of the number of a name."""
    return known(text).metric.unit
