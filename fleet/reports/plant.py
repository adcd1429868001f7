"""The chapter of a plan: the plant of each arm, what binds it, and how much room the rest has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fleet.reports.charts import Bar, bars
from fleet.reports.markup import Markup, join, tag
from fleet.reports.section import Chapter, Section
from fleet.reports.sources import texts
from fleet.reports.study import grid_table
from fleet.reports.tables import figure, table
from fleet.results.metric import SHARE, number
from fleet.show.digest import KEPT, MISSED
from fleet.show.folders import PlanFolder
from fleet.show.rows import EMPTY, chance_percent
from fleet.show.tables import called, grids, value_of

Answer = Mapping[str, Any]
_MOST = 8
"""So many resources are drawn; the busiest come first, and all stand in the table."""


def chapter(plan: PlanFolder, key: str) -> Chapter:
    """Return what a page tells of a plan."""
    data = plan.data
    sections = [
        Section("answer", "The answer", _answer(plan)),
        Section("slack", "What binds, and what has room", join(list(_slack(data["answers"])))),
        Section("sure", "How sure", join(list(_sure(data["answers"])))),
        Section("provenance", "Provenance", _provenance(data)),
    ]
    reserve = []
    if data["headroom"]:
        reserve.append(f" with {data['headroom']:.0%} more frames")
    if data["survive"]:
        reserve.append(f" without one {data['survive']}")
    what = "largest" if data["most"] else "smallest"
    facts = (
        f"The {what} {' and '.join(data['looked_for'])} for {', '.join(data['objectives'])}"
        f"{','.join(reserve)}, each arm its own; {data['runs']:,} runs. A plant is enough if it"
        " keeps all objectives with 95 % confidence."
    )
    return Chapter(key, f"{data['scenario']['name']}, a plan", facts, sections)


def _answer(plan: PlanFolder) -> Markup:
    answers = plan.data["answers"]
    enough = [one for one in answers if one["enough"]]
    look = "kept" if plan.data["enough"] else "missed"
    told = (
        f"{KEPT} {len(enough)} of {len(answers)} arms have a plant that is enough."
        if enough
        else f"{MISSED} Nothing in the ranges that were looked through is enough."
    )
    lines = [line for one in answers for line in _said(one, plan.data)]
    return join(
        tag("p", told, class_=f"verdict {look}"), tag("ul", lines, class_="digest"),
        [grid_table(grid) for grid in grids(plan)],
    )  # fmt: skip


def _said(answer: Answer, data: Mapping[str, Any]) -> Iterator[Markup]:
    name = called(answer)
    if not answer["enough"]:
        for one in answer["refused"]:
            what = f"{one['objective']} is missed: {one['why']}" if one["objective"] else one["why"]
            near = f"; it could keep {one['nearest']}" if one["nearest"] else ""
            yield tag("li", f"{MISSED} {name}: {what}{near}.", class_="missed")
        return
    plant = ", ".join(f"{key} {value_of(answer, key)}" for key in data["looked_for"])
    yield tag("li", f"{KEPT} {name}: {plant}.", class_="kept")
    step = "more" if data["most"] else "less"
    for key, bind in answer["binds"].items():
        if key in answer["one_less"]:
            text = f"{key}: {bind['name']} binds; with one {step} {bind['why']}."
            yield tag("li", text, class_="below")
    better = answer["dominated_by"]
    if better is not None:
        yield tag("li", f"{better['arm']} is no worse in any figure that is known.", class_="below")
    if answer.get("file"):
        yield tag("li", f"It runs as it is: {answer['file']}.", class_="below")


def _slack(answers: Sequence[Answer]) -> Iterator[Markup]:
    """Yield by arm of what it can do each resource is asked for, and what more it could take."""
    yield tag(
        "p", "Of what it can do, what each resource of the plant is asked for; at the right what"
        " could come on top before it is asked for all.",
    )  # fmt: skip
    for answer in answers:
        rooms = answer["slack"]
        if not rooms:
            yield tag("p", f"{called(answer)}: no plant is enough, so nothing has room.")
            continue
        rows = [_bar(room) for room in rooms[:_MOST]]
        bind = answer["binds"].get("busiest")
        busiest = f" Busiest: {bind['name']}; {bind['why']}." if bind else ""
        text = f"{called(answer)}: load of its resources, in per cent of what they can do.{busiest}"
        cells = [(room["name"], f"{100 * room['load']:.3g}", _more(room)) for room in rooms]
        numbers = table(text, ["resource", "load, %", "could come on top"], cells)
        label = f"{text} {'; '.join(f'{row.name}: {row.said}' for row in rows)}."
        yield figure(text, bars(rows, label, 100.0), numbers=numbers)


def _bar(room: Mapping[str, Any]) -> Bar:
    load = 100 * float(room["load"])
    return Bar(str(room["name"]), [min(load, 100.0)], f"{load:.3g} % (room: {_more(room)})", [0])


def _more(room: Mapping[str, Any]) -> str:
    if room["more"] is None:
        return EMPTY
    return f"{room['more']:+.0%}" if room["more"] < 10 else "more than ten times"


def _sure(answers: Sequence[Answer]) -> Iterator[Markup]:
    """Yield by arm how surely its plant keeps each objective, and how surely one less misses."""
    for answer in answers:
        rows = [(one["objective"], *_standing(one)) for one in answer["objectives"]]
        rows += [
            (f"with {key} {less['value']}: {one['objective']}", *_standing(one))
            for key, less in answer["one_less"].items()
            for one in less["objectives"]
        ]
        many = answer["replications"]
        head = ["objective", "mean and 95 % interval", "P(keeps it)"]
        yield table(
            f"{called(answer)}: {answer['verdict']}, over {many} replications; P(meets all)"
            f" {_share(answer['p_meets'])}", head, rows, words=(1,),
        )  # fmt: skip


def _standing(one: Mapping[str, Any]) -> tuple[str, str]:
    scale, unit = (100.0, "%") if one["unit"] == SHARE.name else (1.0, one["unit"])
    if one["mean"] is None:
        return "not known", _share(one["p_meets"])
    ends = "" if one["ci95"] is None else " to ".join(number(x * scale) for x in one["ci95"])
    between = f" ({ends})" if ends else ""
    return f"{number(one['mean'] * scale)}{between} {unit}", _share(one["p_meets"])


def _share(share: float | None) -> str:
    return EMPTY if share is None else f"{chance_percent(share)} %"


def _provenance(data: Mapping[str, Any]) -> Markup:
    left_out = ("answers", "labels", "enough", "most", "headroom", "survive")
    rows_asked = [
        ("scenario", data["scenario"]["name"]), ("digest of it", data["scenario"]["digest"]),
        ("seed", str(data["seed"])), ("headroom", f"{data['headroom']:.0%} more frames"),
        ("does without", data["survive"] or "nothing"),
        *texts({k: v for k, v in data.items() if k not in left_out}),
    ]  # fmt: skip
    parts: list[Markup] = [table("What was asked", ["what", "value"], rows_asked, words=(1,))]
    rows = {row["item"] + row["parameter"] + row["source"]: row
            for one in data["answers"] for row in one["catalogue_rows"]}  # fmt: skip
    cells = [
        (f"{row['item']}.{row['parameter']}", row["value"], row["unit"], row["confidence"],
         row["year"], row["source"])
        for _, row in sorted(rows.items())
    ]  # fmt: skip
    if cells:
        head = ["value of", "value", "unit", "confidence", "year", "source"]
        title = f"The {len(cells)} values of the catalogue that it rests on"
        parts.append(table(title, head, cells, words=(2, 3, 5), kind="long"))
    return join(parts)
