"""A local Ray lets in who has its token, and nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from fleet.running import ray_cluster

STRANGER = """
import sys
from ray._raylet import GcsClient
GcsClient(address=sys.argv[1])
print("let in", flush=True)
"""

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def started() -> Iterator[dict[str, str | None]]:
    before = {name: os.environ.get(name) for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN")}
    ray_cluster.connect(None)
    yield before
    ray_cluster.disconnect()
    assert {name: os.environ.get(name) for name in before} == before


def answer_to(client: dict[str, str], home: Path) -> str:
    """Return the first line that a client is told or says, given what its environment says."""
    env = {name: text for name, text in os.environ.items() if not name.startswith("RAY_")}
    env |= {"HOME": str(home), **client}  # where Ray would look for a token that is kept
    address = ray.get_runtime_context().gcs_address
    process = subprocess.Popen(
        [sys.executable, "-c", STRANGER, address], env=env, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        said = process.stdout.readline()
        process.kill()
    return said


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize(
    "client",
    [
        {},
        {"RAY_AUTH_MODE": "disabled"},
        {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64},
    ],
)
def test_who_has_no_token_is_refused(client: dict[str, str], tmp_path: Path) -> None:
    assert "InvalidAuthToken" in answer_to(client, tmp_path)


@pytest.mark.usefixtures("started")
def test_who_has_the_token_is_let_in_and_it_is_kept_in_the_environment_only(
    tmp_path: Path,
) -> None:
    token = os.environ["RAY_AUTH_TOKEN"]
    assert len(token) == 64
    client = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
    assert answer_to(client, tmp_path) == "let in\n"
    told = ray.get(ray.remote(lambda: dict(os.environ)).remote())
    assert told["RAY_AUTH_TOKEN"] == token
    kept = Path.home() / ".ray" / "auth_token"  # of somebody's cluster, if there is one
    assert not kept.exists() or kept.read_text() != token


def test_each_run_has_a_token_of_its_own(started: dict[str, str | None]) -> None:
    first = os.environ["RAY_AUTH_TOKEN"]
    ray_cluster.disconnect()
    assert os.environ.get("RAY_AUTH_TOKEN") == started["RAY_AUTH_TOKEN"]
    ray_cluster.connect(None)
    assert os.environ["RAY_AUTH_TOKEN"] != first
    assert ray.get(ray.remote(lambda: 1).remote()) == 1
