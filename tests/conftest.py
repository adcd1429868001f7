"""Settings that all tests share."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Examples are slow because each is a simulation; in CI they are the same in every run.
settings.register_profile(
    "fleet",
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=bool(os.environ.get("CI")),
    print_blob=True,
)
settings.load_profile("fleet")
