"""Scenarios for tests: small ones on made-up hardware, and random ones for Hypothesis."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from fleet.engine.executor import LocalExecutor, ReferenceExecutor
from fleet.engine.run import Options, Outcome, simulate
from fleet.plan.columns import Plan
from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.partition import partition
from fleet.scenario.load import Scenario, loads

HERE = Path(__file__).parent


def scenario(**changes: Any) -> dict[str, Any]:
    """Return a small scenario as plain data, with some top-level keys replaced."""
    base: dict[str, Any] = {
        "name": "test",
        "seed": 3,
        "start": "2024-05-16T17:00",
        "duration": "2 s",
        "catalogue": "catalogue",
        "city": None,
        "sensors": {"cam": {"count": 6, "cells": 2, "rate": "25 fps", "app": "watch", "uplink": "cell"}},
        "links": {
            "cell": {"technology": "test-cell", "shared_by": "cell", "to": "metro"},
            "metro": {"technology": "test-backhaul", "shared_by": "city", "to": "wan"},
            "wan": {"technology": "test-wan", "shared_by": "city", "to": "cloud"},
        },
        "cloud": {"server": "test-gpu", "servers": 2, "batch": {"max": 4, "wait": "3 ms"}},
        "arms": {
            "on_sensor": {"device": "test-ai", "model": "tiny"},
            "cloud": {"device": "test-camera", "codec": "test-codec", "model": "cloudy"},
        },
    }
    return {k: v for k, v in {**base, **changes}.items() if v is not None}


def load(data: dict[str, Any]) -> Scenario:
    """Return the checked scenario of plain data; files lie in the folder of the tests."""
    return loads(json.dumps(data), str(HERE / "made-up.yaml"))


def plan(data: dict[str, Any], arm: str, **kwargs: Any) -> Plan:
    """Return the plan of an arm of plain data."""
    loaded = load(data)
    return compile_plan(loaded, catalogue(loaded), arm, **kwargs)


def run(made: Plan, **options: Any) -> Outcome:
    """Run a plan in this process and keep its frames."""
    return simulate(made, Options(**{"executor": "local", "keep": True, **options}))
