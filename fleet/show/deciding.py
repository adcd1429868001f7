"""What decides an answer: the hour, the light, the demand, and what is counted of the network."""

from __future__ import annotations

from collections.abc import Iterator

from fleet.results.metric import Numbers, rounded
from fleet.results.record import Record


def decides(record: Record) -> Iterator[str]:
    """Yield under what light and demand it is so, and how power hangs on the network's boundary."""
    lights = dict.fromkeys(
        light for arm in record.arms.values() for light in arm["accuracy"]["by_light"]
    )
    model = record.scenario.model
    when = model.start_time.strftime("%A %H:%M")
    people = " with the people of that hour" if model.city and model.city.demand else ""
    seen = f", seen by {' and '.join(lights)}" if lights else ""
    told = f"What decides it: {when}{people}{seen}"
    if record.summary["comparison"]["arms"]:
        told += f"; {_by_boundary(record)}"
    yield told


def _by_boundary(record: Record) -> str:
    """Return by how much an arm's power differs under each boundary.

    That is the first for which another boundary turns the difference over, else the first.
    """
    others = record.summary["comparison"]["arms"]
    shares = {arm: _shares(record, arm) for arm in others}
    turned = [arm for arm, each in shares.items() if len({x > 0 for x in each.values()}) > 1]
    arm = (turned or list(others))[0]
    here = record.summary["network_energy"]["boundary"]
    said = [f"{_more(x)} ({name}{', as here' * (name == here)})" for name, x in shares[arm].items()]
    what = "which turns power over" if turned else "power"
    return f"{what} by the network's energy: {arm} {', '.join(said)}"


def _more(share: float) -> str:
    return f"{rounded(abs(100 * share), 2)} % {'more' if share > 0 else 'less'}"


def _shares(record: Record, arm: str) -> dict[str, float]:
    """Return by boundary what share an arm draws more than the baseline."""
    base = record.arms[record.summary["comparison"]["baseline"]]
    return {
        name: _everything(record.arms[arm], name) / total - 1
        for name in base["power_by_boundary_w"]
        if (total := _everything(base, name))
    }


def _everything(arm: Numbers, boundary: str) -> float:
    return float(arm["power_by_boundary_w"][boundary]["everything"])
