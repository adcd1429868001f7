"""A cluster is joined as the documents say it, and a run outlives one of its nodes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import rays

from fleet.errors import InputError
from fleet.running import ray_cluster

pytestmark = [pytest.mark.ray, pytest.mark.skipif(not Path("/proc").is_dir(), reason="no /proc")]
OPTIONS = ["--no-figures", "--json"]


def whole(path: Path, folder: Path) -> str:
    """Return the fingerprint of a run that nothing befalls."""
    return rays.fingerprint(rays.fleet("run", path, "-o", folder, "--executor", "local", *OPTIONS))


@pytest.mark.slow
def test_a_run_outlives_a_node_and_strangers_are_not_let_in(tmp_path: Path) -> None:
    path, output = rays.scenario(tmp_path, "60 s"), tmp_path / "out"
    with rays.cluster(nodes=2) as cluster:
        joining = ["run", path, "--ray-address", cluster.address, *OPTIONS]
        stranger = rays.fleet(*joining, "-o", tmp_path / "s", HOME=str(tmp_path))
        _, said = stranger.communicate(timeout=rays.LONG_S)
        assert stranger.returncode == 2
        assert "copy ~/.ray/auth_token from its head" in said
        running = rays.fleet(
            *joining, "-o", output, "--shards", "2", "--checkpoint", "0 s", "--window", "100 ms",
            HOME=str(cluster.home),
        )  # fmt: skip
        folder = output.with_name("out.unfinished")
        rays.until(lambda: list(folder.glob("now/*/at-*")) or running.poll() is not None)
        cluster.kill(1)
        assert running.poll() is None
        assert rays.fingerprint(running) == whole(path, tmp_path / "whole")


@pytest.mark.slow
def test_the_death_of_the_head_is_told_and_the_run_goes_on_elsewhere(tmp_path: Path) -> None:
    path, output = rays.scenario(tmp_path, "60 s"), tmp_path / "out"
    with rays.cluster(nodes=1) as cluster:
        running = rays.fleet(
            "run", path, "-o", output, "--ray-address", cluster.address, "--checkpoint", "0 s",
            "--window", "100 ms", *OPTIONS, HOME=str(cluster.home),
        )  # fmt: skip
        folder = output.with_name("out.unfinished")
        rays.until(lambda: list(folder.glob("now/*/at-*")) or running.poll() is not None)
        cluster.kill(0)
        _, said = running.communicate(timeout=rays.LONG_S)
    assert running.returncode == 3, said
    assert "a server of the Ray cluster died" in said
    assert "fleet: go on with: fleet run --resume" in said
    assert "Traceback" not in said
    again = rays.fleet("run", "--resume", output, "--executor", "local", *OPTIONS)
    assert rays.fingerprint(again) == whole(path, tmp_path / "whole")


@pytest.mark.parametrize("by", ["option", "variable"])
def test_an_address_at_which_nobody_is_is_told_soon(by: str, tmp_path: Path) -> None:
    address = f"127.0.0.1:{rays.free_ports(1)[0]}"
    began = time.monotonic()
    given = ["--ray-address", address] if by == "option" else []
    running = rays.fleet(
        "run", rays.scenario(tmp_path, "1 s"), "-o", tmp_path / "out", *given,
        **({} if given else {"RAY_ADDRESS": address}),
    )  # fmt: skip
    _, said = running.communicate(timeout=rays.LONG_S)
    assert running.returncode == 2
    assert f"fleet: --ray-address {address}: no Ray of this version" in said
    assert time.monotonic() - began < 40  # 18 s, and what imports take on a machine that is busy
    assert not (tmp_path / "out.unfinished").exists()


def test_a_question_to_nobody_is_an_error_of_input() -> None:
    with pytest.raises(InputError, match=r"no Ray of this version"):
        ray_cluster._lets_in("127.0.0.1:1")
