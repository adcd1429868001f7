"""Claims of a paper: what is expected is read, checked, and told as it is."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cities
import pytest
import typer.testing
import yaml

import fleet
from fleet.cli.main import app
from fleet.errors import InputError
from fleet.study import artifact

ROOT = Path(__file__).parents[2]


def command(*words: str) -> tuple[int, str]:
    done = typer.testing.CliRunner().invoke(app, ["artifact", *words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


@pytest.mark.parametrize(
    ("text", "sign", "value", "within"),
    [
        ("a: power_w.total = 2 kW ± 1 %", "=", Fraction(2000), Fraction(20)),
        ("a: power_w.total = 273.9 W +- 0.1 W", "=", Fraction("273.9"), Fraction("0.1")),
        ("a: power_w.total = 1000", "=", Fraction(1000), Fraction(1, 10**6)),
        ("a: lost = 2 % ± 1 %", "=", Fraction("0.02"), Fraction("0.01")),
        ("a: lost = 2 % ± 1 % points", "=", Fraction("0.02"), Fraction("0.01")),
        ("a: latency_ms.p99 < 1 s", "<", Fraction(1000), None),
        ("fingerprint = 0d742d3ba1a7", "=", "0d742d3ba1a7", None),
    ],
)
def test_what_is_expected_is_read(
    text: str, sign: str, value: object, within: Fraction | None
) -> None:
    one = artifact.expected(text, "here")
    assert (one.sign, one.value, one.within) == (sign, value, within)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("power", "write such as"), ("power_w.total = 1 W", "of which arm"),
        ("a: nothing = 1", "no number 'nothing'"), ("a: power_w.total = 1 ms", "1 ms"),
        ("fingerprint = xyz", "hexadecimal"), ("fingerprint > 0d742d3ba1a7", "hexadecimal"),
        ("a: latency_ms.p50 < b: nothing", "no number 'nothing'"),
        ("a: latency_ms.p50 = b: latency_ms.p50", "b: latency"),
    ],
)  # fmt: skip
def test_what_cannot_be_expected(text: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        artifact.expected(text, "here")


def written(path: Path, **changes: object) -> Path:
    claim = {"claim": "| *less* <b>", "scenario": "city.yaml", "minutes": 1, **changes}
    data = {"artifact": artifact.SCHEMA, "title": "T", "claims": {"one": claim}}
    path.write_text(yaml.safe_dump(data))
    return path


def test_claims_are_checked_and_told_as_they_are(tmp_path: Path) -> None:
    cities.city(tmp_path, ("a", "b"), replications=1)
    record = fleet.run(tmp_path / "city.yaml", executor="local")
    watts = record.arms["cloud"]["power_w"]["total"]
    expect = [
        f"fingerprint = {record.summary['fingerprint'][:12]}",
        f"cloud: power_w.total = {watts:.6g} W ± 0.01 %",
        "on_sensor: power_w.total < cloud: power_w.total",
    ]
    file = written(tmp_path / "claims.yaml", expect=expect)
    code, said = command(str(file), "--check")
    assert code == 0, said
    assert said.count("✓") == 4
    wrong = [f"cloud: power_w.total = {1.5 * watts:.6g} W ± 1 %", "fingerprint = 00000000"]
    file = written(tmp_path / "claims.yaml", expect=[*expect, *wrong])
    code, said = command(str(file), "--claim", "one")
    assert code == 1
    assert said.count("✗") == 3
    code, page = command(str(file))
    assert code == 0
    assert r"\| \*less\* &lt;b&gt;" in page
    assert "fleet run city.yaml" in page


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"scenario": "../x.yaml"}, "there is no '../x.yaml'"), ({"minutes": 0}, "minutes"),
        ({"expect": []}, "expect"), ({"run": "rm -r ."}, "run"),
        ({"expect": ["a: b"]}, "write such as"), ({"replications": "two"}, "replications"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_used(changes: dict[str, object], why: str, tmp_path: Path) -> None:
    (tmp_path / "city.yaml").write_text("name: x\n")
    changes = {"expect": ["cloud: lost < 1 %"], **changes}
    with pytest.raises(InputError, match=why):
        artifact.read(written(tmp_path / "claims.yaml", **changes))


def test_an_arm_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    cities.city(tmp_path, ("a",), replications=1, duration="2 s", events=[])
    of = artifact.read(written(tmp_path / "c.yaml", expect=["clod: lost < 1 %"]))
    from fleet.study import door

    with pytest.raises(InputError, match="did you mean 'cloud'"):
        artifact.check(of, "one", door.runner(executor="local"))


def test_a_draft_is_a_file_of_claims() -> None:
    record = cities.small()
    code, said = command("--draft", str(record.folder))
    assert code == 0
    claims = yaml.safe_load(said)["claims"]
    (claim,) = claims.values()
    assert claim["expect"][0] == f"fingerprint = {record.summary['fingerprint'][:16]}"
    for text in claim["expect"]:
        artifact.expected(text, "here")


def test_the_own_claims_are_those_of_the_results_that_are_kept() -> None:
    of = artifact.read(ROOT / "artifact.yaml")
    held = fleet.Record.load(ROOT / "results" / "helsinki")
    met = [artifact.met(one, held, "here") for one in artifact.each(of, "helsinki")]
    assert [one.text for one in met if not one.kept] == []


def test_the_citation_names_this_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert cited["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "version", "license"} <= set(cited)
    assert cited["version"] == fleet.__version__
