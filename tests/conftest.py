"""Settings that all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Threads of linear algebra wait for each other in turns where workers and simulations have all the
# cores: a system of 121 equations took a minute. numpy reads this as it is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Examples are slow because each is a simulation; in CI they are the same in every run.
settings.register_profile(
    "fleet",
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=bool(os.environ.get("CI")),
    print_blob=True,
)
settings.load_profile("fleet")


def drop_stale_kernels(package: Path) -> int:
    """Delete numba's cached kernels of a package if a source is newer; return how many.

    numba looks at the file of a function only. A constant or function that it takes from another
    file is compiled into the kernel, so that the kernel must go when any source changes.
    """
    edited = max((path.stat().st_mtime_ns for path in package.rglob("*.py")), default=0)
    kernels = [path for kind in ("*.nbi", "*.nbc") for path in package.rglob(kind)]
    if all(path.stat().st_mtime_ns > edited for path in kernels):
        return 0
    for path in kernels:
        path.unlink(missing_ok=True)
    return len(kernels)


if "PYTEST_XDIST_WORKER" not in os.environ:  # once, before any worker compiles
    drop_stale_kernels(Path(__file__).parents[1] / "fleet")


@pytest.fixture(scope="module")
def ray_started() -> Iterator[None]:
    """Have a cluster of this machine while tests of a module run."""
    from fleet.running import ray_cluster  # which takes a while

    ray_cluster.connect(None)
    yield
    ray_cluster.disconnect()
