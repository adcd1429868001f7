"""What a comparison says of each arm, as rows: bandwidth, latency, power, sight, frames.

A row is a metric that has a section and a label (`fleet.results.metric`); what stands in it is the
mean over replications, with its interval if there are several.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, floor, log10

from fleet.results.means import FRAMES, Runs, estimate
from fleet.results.metric import SHARE, Metric, Numbers, Scope, Section, number, value
from fleet.results.metrics import known, metrics, names_in

Arms = Mapping[str, Runs]
"""The numbers of each arm, by replication."""
Row = tuple[str, str, list[str]]

EMPTY = "–"
"""What stands where an arm has no such number."""


def sections(arms: Arms, *, looked: bool = False) -> Iterator[tuple[str, list[Row]]]:
    """Yield (title, rows) of the comparison; rows of which no arm has anything are among them.

    Args:
        arms: their numbers.
        looked: the number of replications was chosen by looking (`fleet.results.interval`).
    """
    for section in Section:
        chosen = (metric for metric in metrics() if metric.section is section)
        rows = [row for metric in chosen for row in _of_metric(arms, metric, looked)]
        if section is Section.EYES:
            rows += _recall_of_each(arms, "by_light")
            rows += _recall_of_each(arms, "by_group")
        elif section is Section.FAIRNESS:
            rows += _of_each_group(arms, section, looked)
        elif section is Section.BUSIEST:
            rows += _busiest(arms, looked)
        yield section.value, rows


def _of_metric(arms: Arms, metric: Metric, looked: bool) -> list[Row]:
    """Return the row of a metric, or that of each class of links; none if it is not to be shown."""
    shown_if, names = metric.shown_if, [""]
    if shown_if and not any(value(run, shown_if) for run in _every(arms)):
        return []
    if not metric.whole:
        links = (name for run in _every(arms) for name in names_in(run)[Scope.LINK])
        names = list(dict.fromkeys(links))
    path = metric.path(Scope.ARM if metric.whole else Scope.LINK)
    rows = [_row(arms, metric, path.replace("{}", name), name, looked) for name in names]
    if metric.apart_from:
        apart = _row(arms, metric, metric.apart_from, looked=looked)[2]
        rows = [row for row in rows if row[2] != apart]
    return rows


def _every(arms: Arms) -> Iterator[Numbers]:
    return (run for runs in arms.values() for run in runs)


def _row(arms: Arms, metric: Metric, path: str, name: str = "", looked: bool = False) -> Row:
    """Return what stands at a path in the numbers of each arm, as the metric is shown."""
    label = metric.label.replace("{}", name)
    return (
        label,
        metric.of or metric.unit.name,
        [_cell(runs, metric, path, looked) for runs in arms.values()],
    )


def _cell(runs: Runs, metric: Metric, path: str, looked: bool) -> str:
    """Return a mean as it is shown, with its interval if that is wide enough to be seen."""
    estimated = estimate(runs, metric, path, looked=looked)
    if estimated.mean is None:
        return EMPTY
    return told(metric, estimated.mean, estimated.ci95, is_bound=estimated.over == FRAMES)


def told(
    metric: Metric, mean: float, ci95: Sequence[float] | None, *, is_bound: bool = False
) -> str:
    """Return a mean as it is shown, with its interval if that is wide enough to be seen.

    Args:
        metric: what it is of.
        mean: in its unit.
        ci95: its interval, if it has one.
        is_bound: it is a share of which there is nothing: below what it lies is shown (`BOUND`).
    """
    if is_bound and ci95 is not None:
        return below(ci95[1])
    return mean_and_interval(metric, mean, ci95)


BOUND = (
    "<: there was none; with 95 % the share lies below that, which is 3 over the number of frames,"
    " were these independent; full queues lose them in bursts."
)
"""What is to be known of a share of which there is nothing."""


def below(most: float) -> str:
    """Return below what a share lies, in per cent: two digits, rounded up."""
    percent = 100 * most
    digits = max(0, 1 - floor(log10(percent)))
    return f"<{ceil(percent * 10**digits - 1e-9) / 10**digits:.{digits}f}%"


def figure(figures: Mapping[str, float | None], name: str, scale: float) -> str:
    """Return a figure of a plan as it is shown; of a share that never was, below what it lies.

    Args:
        figures: of an answer, with such bounds under `NAME_below`.
        name: which.
        scale: by what it is multiplied.
    """
    value, most = figures.get(name), figures.get(f"{name}_below")
    if value is None:
        return EMPTY
    return number(value * scale) if most is None else below(most).removesuffix("%")


def mean_and_interval(metric: Metric, mean: float, ci95: Sequence[float] | None) -> str:
    """Return a mean as it is shown, with its interval if that is wide enough to be seen."""
    if ci95 is None or ci95[0] == ci95[1]:
        return metric.show(mean)
    shown = _to_two_digits(mean, ci95, percent=metric.unit == SHARE)
    _, sign, half = shown.partition("±")
    return metric.show(mean) if sign and not set(half) & set("123456789") else shown


def chance_percent(share: float) -> str:
    """Return a probability in per cent, of which none is rounded to never or always."""
    if share > 0.999:
        return "> 99.9"
    return "< 0.1" if share < 0.001 else f"{100 * share:.1f}"


def _recall_of_each(arms: Arms, part: str) -> list[Row]:
    """Return the recall in each light or group, if there are several."""
    names = dict.fromkeys(name for run in _every(arms) for name in run["accuracy"][part])
    if len(names) < 2:
        return []
    recall = known("accuracy.recall").metric
    rows = [_row(arms, recall, f"accuracy.{part}.{name}.recall") for name in names]
    return [
        (f"recall: {name}", unit, cells) for name, (_, unit, cells) in zip(names, rows, strict=True)
    ]


def _of_each_group(arms: Arms, section: Section, looked: bool) -> list[Row]:
    """Return the metrics of a section of each group, if there are several."""
    names = dict.fromkeys(name for run in _every(arms) for name in names_in(run)[Scope.GROUP])
    if len(names) < 2:
        return []
    chosen = [metric for metric in metrics() if metric.section is section and metric.group]
    return [
        (f"{metric.label}: {name}",
         *_row(arms, metric, metric.path(Scope.GROUP).replace("{}", name), looked=looked)[1:])
        for metric in chosen for name in names
    ]  # fmt: skip


def _to_two_digits(x: float, interval: Sequence[float], *, percent: bool) -> str:
    """Return a number and its interval, with no more digits than the interval leaves it.

    That is half the interval, or both its ends where it is cut at what is possible.
    """
    scale, sign, most = (100, "%", 2) if percent else (1, "", 3)
    low, high = (end * scale for end in interval)
    half = (high - low) / 2
    if x and half < 10**-most:
        most = max(most, most - floor(log10(abs(x * scale))))
    digits = min(most, max(0, 1 - floor(log10(half))))
    if abs((low + high) / 2 - x * scale) > half * 1e-6:
        return f"{x * scale:,.{digits}f} ({low:,.{digits}f}–{high:,.{digits}f}){sign}"
    return f"{x * scale:,.{digits}f}±{half:,.{digits}f}{sign}"


_BUSY = Metric("utilisation", SHARE, "Busy time over the time that there was", of="busy")


def _busiest(arms: Arms, looked: bool, most: int = 5) -> list[Row]:
    """Return the utilisation of the resources that are busiest in any arm."""
    highest: dict[str, float] = {}
    for runs in arms.values():
        for name in dict.fromkeys(name for run in runs for name in run["utilisation"]):
            used = estimate(runs, _BUSY, f"utilisation.{name}").mean or 0.0
            highest[name] = max(highest.get(name, 0.0), used)
    chosen = sorted(highest, key=lambda name: -highest[name])[:most]
    return [(name, *_row(arms, _BUSY, f"utilisation.{name}", looked=looked)[1:]) for name in chosen]
