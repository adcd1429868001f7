"""What a paper claims: scenarios, numbers expected of them with tolerances, and whether they come.

A file of claims says, for each, what is claimed in words, which scenario shows it, how many minutes
that takes and what is expected::

    artifact: fleet-artifact/1
    title: ...
    claims:
      power:
        claim: Inference on the sensor draws less.
        scenario: scenarios/smoke.yaml
        minutes: 1
        expect:
          - "fingerprint = 0d742d3ba1a7"
          - "cloud: power_w.total = 273.9 W ± 1 %"
          - "on_sensor: power_w.total < cloud: power_w.total"

Nothing of it is run but scenarios.
"""

from __future__ import annotations

import operator
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from fleet import paths
from fleet.errors import InputError
from fleet.results.metric import SHARE
from fleet.results.metrics import Named, find
from fleet.results.record import Record
from fleet.running.runner import Runner
from fleet.scenario import strict_yaml
from fleet.scenario.load import did_you_mean
from fleet.scenario.quantities import Name
from fleet.study import door
from fleet.study.trials import Progress

SCHEMA = "fleet-artifact/1"
_SIDE = r"(?:(?P<{0}arm>[A-Za-z0-9_.\-]+):\s+)?(?P<{0}metric>\w[\w.\- ]*?)"
_FORM = re.compile(rf"^{_SIDE.format('')}\s*(?P<sign>[=<>])\s*(?P<rest>.+)$")
_OTHER = re.compile(rf"^{_SIDE.format('')}$")
_TOLERANCE = re.compile(r"^(?P<value>.+?)(?:\s*(?:±|\+-)\s*(?P<within>.+))?$")
_PRINT = "fingerprint"
_LEAST_PRINT = 8
_NINE_DIGITS = Fraction(1, 10**9)
_SIGNS = {"<": operator.lt, ">": operator.gt}


class Claim(BaseModel):
    """A claim: in words, by which scenario, in how many minutes, and what is expected."""

    model_config = ConfigDict(extra="forbid", strict=True)

    claim: Annotated[str, StringConstraints(min_length=1, max_length=400)]
    scenario: str
    set: list[str] = []
    replications: Annotated[int, Field(ge=1, le=1000)] | None = None
    minutes: Annotated[float, Field(gt=0, le=10_000, strict=False)]
    expect: Annotated[list[str], Field(min_length=1)]

    @property
    def command(self) -> str:
        """Return the command that does what is done to check it."""
        words = ["fleet", "run", self.scenario]
        words += [word for change in self.set for word in ("--set", change)]
        words += ["--replications", str(self.replications)] if self.replications else []
        return shlex.join(words)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    artifact: Literal["fleet-artifact/1"]
    title: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    claims: Annotated[dict[Name, Claim], Field(min_length=1)]


@dataclass(frozen=True)
class Artifact:
    """A file of claims.

    Attributes:
        path: where it is.
        title: of what.
        claims: by name.
    """

    path: Path
    title: str
    claims: Mapping[str, Claim]


@dataclass(frozen=True)
class Expected:
    """Something that is expected of a number.

    Attributes:
        text: as written.
        arm, number: of what; of the fingerprint both are None.
        sign: one of = < >.
        value: to the right, in the number's own unit; a text of the fingerprint; or another number.
        within: how far off it may be; None of what is not equal.
    """

    text: str
    arm: str | None
    number: Named | None
    sign: str
    value: Fraction | str | tuple[str, Named]
    within: Fraction | None


@dataclass(frozen=True)
class Met:
    """What came of something that was expected: whether it is so, and what was measured."""

    text: str
    kept: bool
    measured: str


def read(path: str | Path) -> Artifact:
    """Read a file of claims.

    Raises:
        InputError: it cannot be used.
    """
    document = strict_yaml.load(path)
    try:
        file = _File.model_validate(document.data)
    except ValidationError as error:
        first = error.errors()[0]
        keys = tuple(first["loc"])
        place = ".".join(map(str, keys))
        raise InputError(
            f"{document.path}:{document.line_of(keys)} {place}: {first['msg'].lower()}; see the"
            " claims in the project's own artifact.yaml"
        ) from None
    of = Artifact(Path(path), file.title, file.claims)
    for name, claim in file.claims.items():
        _scenario(of, name, claim)
        for text in claim.expect:
            expected(text, f"{document.path}: claims.{name}")
    return of


def _scenario(artifact: Artifact, name: str, claim: Claim) -> Path:
    """Return the scenario of a claim, which lies beside the file or below."""
    folder = artifact.path.resolve().parent
    path = (folder / claim.scenario).resolve()
    if not path.is_relative_to(folder) or not paths.is_file(path):
        raise InputError(
            f"{artifact.path}: claims.{name}.scenario: there is no '{claim.scenario}' beside it or"
            " in a folder below"
        )
    return path


def expected(text: str, place: str) -> Expected:
    """Return what a text expects.

    Raises:
        InputError: it is not of the form 'ARM: NUMBER = VALUE ± TOLERANCE', '< VALUE', '> VALUE' or
            with another 'ARM: NUMBER' at the right, nor 'fingerprint = HEX'.
    """
    match = _FORM.match(text.strip())
    if match is None:
        raise InputError(f"{place}: '{text}': write such as 'cloud: power_w.total = 270 W ± 1 %'")
    rest, sign = match["rest"].strip(), match["sign"]
    if match["metric"] == _PRINT and match["arm"] is None:
        if sign != "=" or not re.fullmatch(rf"[0-9a-f]{{{_LEAST_PRINT},64}}", rest):
            raise InputError(
                f"{place}: '{text}': write 'fingerprint = ' and {_LEAST_PRINT} to 64 hexadecimal"
                " digits"
            )
        return Expected(text, None, None, sign, rest, None)
    number = _number(match["metric"], text, place)
    arm = _arm(match["arm"], text, place)
    other = _OTHER.match(rest)
    if other is not None and other["arm"] is not None and sign != "=":
        right = (other["arm"], _number(other["metric"], text, place))
        return Expected(text, arm, number, sign, right, None)
    split = _TOLERANCE.match(rest)
    assert split is not None  # it has a letter
    try:
        value = number.metric.unit.read(split["value"].strip())
        within = _within(split["within"], value, number)
    except InputError as error:
        raise InputError(f"{place}: '{text}': {error}") from None
    return Expected(text, arm, number, sign, value, within if sign == "=" else None)


def _number(text: str, whole: str, place: str) -> Named:
    number = find(text)
    if number is None:
        raise InputError(f"{place}: '{whole}': no number '{text}'; docs/GLOSSARY.md lists all")
    return number


def _arm(arm: str | None, whole: str, place: str) -> str:
    if arm is None:
        raise InputError(f"{place}: '{whole}': say of which arm, as in 'cloud: {whole}'")
    return arm


def _within(text: str | None, value: Fraction, number: Named) -> Fraction:
    """Return a tolerance: in per cent of a value that is no share, else in its unit."""
    if text is None:
        return abs(value) * _NINE_DIGITS
    unit, stripped = number.metric.unit, text.strip()
    if stripped.endswith("%") and unit != SHARE:
        return SHARE.read(stripped) * abs(value)
    return unit.read(stripped.removesuffix(" points"))


def check(
    artifact: Artifact, name: str, runner: Runner, progress: Progress | None = None
) -> tuple[list[Met], Record]:
    """Run the scenario of a claim, and compare what it gives with what is expected.

    Args:
        artifact: the file.
        name: of the claim.
        runner: carries it out.
        progress: is called with the name of an arm and the share of it that is done.

    Raises:
        InputError: the scenario, or an arm that something is expected of, cannot be used.
        RunError: a run broke a promise.
    """
    claim = artifact.claims[name]
    record = door.run(
        runner, _scenario(artifact, name, claim), overrides=claim.set,
        replications=claim.replications, progress=progress,
    )  # fmt: skip
    return [met(one, record, f"claims.{name}") for one in each(artifact, name)], record


def each(artifact: Artifact, name: str) -> Iterator[Expected]:
    """Yield what is expected of a claim."""
    for text in artifact.claims[name].expect:
        yield expected(text, f"{artifact.path}: claims.{name}")


def met(one: Expected, record: Record, place: str) -> Met:
    """Return whether a record is as expected; `place` is named by errors."""
    if one.number is None or one.arm is None:
        held = str(record.summary["fingerprint"])
        return Met(one.text, held.startswith(str(one.value)), held[:16])
    unit, measured = one.number.metric.unit, _value(record, one.arm, one.number, one.text, place)
    if measured is None:
        return Met(one.text, False, "not measured")
    shown = unit.show(measured)
    if isinstance(one.value, tuple):
        arm, number = one.value
        other = _value(record, arm, number, one.text, place)
        if other is None:
            return Met(one.text, False, f"{shown}, the other was not measured")
        kept = bool(_SIGNS[one.sign](measured, other))
        return Met(one.text, kept, f"{shown} against {number.metric.unit.show(other)}")
    assert not isinstance(one.value, str)  # which only fingerprints are
    if one.within is None:
        return Met(one.text, bool(_SIGNS[one.sign](measured, one.value)), shown)
    return Met(one.text, abs(measured - float(one.value)) <= float(one.within), shown)


def _value(record: Record, arm: str, number: Named, text: str, place: str) -> float | None:
    if arm not in record.arms:
        near = did_you_mean(arm, list(record.arms))
        raise InputError(f"{place}: '{text}': no arm '{arm}'{near}; arms: {', '.join(record.arms)}")
    return number.value(record.arms[arm])


_DRAFTED = ("latency_ms.p50", "latency_ms.p99", "power_w.total", "delivered.never")


def draft(records: Sequence[Record]) -> dict[str, Any]:
    """Return claims about some results, to be put into words: numbers and fingerprints as they are.

    A number is expected to come within its 95 % interval, or within a thousandth of itself.

    Args:
        records: read from folders.
    """
    claims: dict[str, dict[str, Any]] = {}
    for record in records:
        made, summary = record.made, record.summary
        name = re.sub(r"[^A-Za-z0-9_-]", "-", str(summary["scenario"]["name"]))
        name = name if name not in claims else f"{name}-{len(claims) + 1}"
        claims[name] = {
            "claim": f"(in words) {summary['scenario']['name']}",
            "scenario": str(made["scenario_file"]),
            **({"set": list(made["overrides"])} if made["overrides"] else {}),
            "minutes": max(0.1, round(summary["host"]["wall_s"] / 60, 1)),
            "expect": [f"{_PRINT} = {summary['fingerprint'][:16]}", *_numbers(record)],
        }
    return {"artifact": SCHEMA, "title": "(of what)", "claims": claims}


def _numbers(record: Record) -> Iterator[str]:
    for arm in record.arms:
        for name in _DRAFTED:
            number = find(name)
            assert number is not None
            row, unit = record.summary["intervals"][arm][name], number.metric.unit
            if row["mean"] is None:
                continue
            half = abs(row["mean"]) * 1e-3
            if row["ci95"] is not None:
                half = max(half, (row["ci95"][1] - row["ci95"][0]) / 2)
            mean, within = (f"{x * unit.factor:.6g} {unit.printed}" for x in (row["mean"], half))
            yield f"{arm}: {name} = {mean} ± {within}"
