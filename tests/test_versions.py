"""What the package asks for has no advisory that bears on it, and is what the tests run with."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ALL = [
    Requirement(text)
    for part in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for text in part
]
PINNED = {
    name.lower(): version
    for name, version in re.findall(
        r"^([A-Za-z0-9_.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE
    )
}

FIRST_SOUND = {
    # FFmpeg before 8.1 in the wheels: CVE-2026-40962
    "av": "17.1",
    # reads of files outside by links: CVE-2026-27489, CVE-2026-34446, CVE-2026-34447
    "onnx": "1.21",
    # 1.24 and 1.27: external data confined, for bytes and sparse tensors too (pull requests 26776,
    # 27430, 28408, 28709); 1.31: reads and writes out of bounds while a graph is loaded (32609,
    # 32611, 32633)
    "onnxruntime": "1.31",
    # out-of-bounds writes: CVE-2026-59197 to -59200; CVE-2026-42308, CVE-2026-55798
    "pillow": "12.3",
    # CVE-2025-4565, CVE-2026-0994
    "protobuf": "6.33.5",
    # CVE-2023-47248, CVE-2026-25087
    "pyarrow": "23.0.1",
    # 2.52: tokens (CVE-2025-62593); CVE-2026-27482, CVE-2026-41486, CVE-2026-57516
    "ray": "2.56",
}
"""The first version of a package without known advisories for what is used of it, and which."""


def least(requirement: Requirement) -> Version:
    """Return the lowest version that a requirement lets in."""
    bounds = [s.version for s in requirement.specifier if s.operator == ">="]
    assert len(bounds) == 1, f"{requirement} has no lower bound"
    return Version(bounds[0])


@pytest.mark.parametrize("requirement", ALL, ids=str)
def test_bounds_let_in_what_is_tested_and_nothing_with_known_flaws(
    requirement: Requirement,
) -> None:
    name = requirement.name.lower()
    if name in PINNED:
        assert requirement.specifier.contains(PINNED[name]), f"{name}=={PINNED[name]}"
    assert least(requirement) >= Version(FIRST_SOUND.get(name, "0"))


def test_what_is_asked_for_is_pinned() -> None:
    """But the package that only makes tables of cities, and is not installed for tests."""
    assert {r.name.lower() for r in ALL} - set(PINNED) == {"osmium"}


def test_every_package_with_advisories_is_asked_for() -> None:
    assert set(FIRST_SOUND) <= {r.name.lower() for r in ALL}


def test_bounds_of_one_package_are_the_same_everywhere() -> None:
    bounds: dict[str, set[Version]] = {}
    for requirement in ALL:
        bounds.setdefault(requirement.name.lower(), set()).add(least(requirement))
    assert {name: found for name, found in bounds.items() if len(found) > 1} == {}
