"""A run is handed in to a cluster as a job, as the documents say it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import rays

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(
        importlib.util.find_spec("aiohttp") is None,
        reason="jobs need ray[default]; .ci/versions has it",
    ),
]
ROOT = Path(__file__).parents[2]


def test_a_run_is_handed_in_as_a_job(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("fleet")
    with rays.cluster(nodes=1, has_dashboard=True) as cluster:
        done = subprocess.run(
            [rays.ray, "job", "submit", "--address", cluster.dashboard, "--working-dir",
             ROOT / "scenarios", "--", command, "run", "smoke.yaml", "--ray-address", "auto", "-o",
             tmp_path / "out"],
            env=cluster.environ(), capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    golden = json.loads((ROOT / "tests/golden/smoke.json").read_text())
    found = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert found["fingerprint"] == golden["fingerprint"]
