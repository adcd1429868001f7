"""A Ray cluster: one that is there is joined, else one is started that only this run can reach."""

from __future__ import annotations

import os
import secrets
from typing import Any

import ray
from ray._private import ray_constants
from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]

from fleet.errors import InputError
from fleet.interrupt import deaf, pressed

_TOKEN = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN")
_OBJECT_STORE_BYTES = 256 * 1024 * 1024
# The C library gives large blocks back to the system at once, and each window takes them again: the
# page faults cost a third of an actor's time. These let its processes keep what they have had.
_KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "67108864",
}
_ACTOR_BYTES = 130_000_000
"""Resident memory of a bare actor process (measured, Ray 2.60 on Linux)."""


def connected() -> bool:
    """Return whether this process is in Ray, whoever has brought it there."""
    return bool(ray.is_initialized())


def connect(address: str | None) -> dict[str, float]:
    """Start Ray on this machine, or join a cluster; return its resources.

    A local Ray listens on loopback only, knows nobody without a token that is made for it and kept
    nowhere but in the environment of its processes, and has no dashboard.

    Raises:
        InputError: the cluster cannot be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")  # the executor sees to them
    os.environ.setdefault("RAY_gcs_server_port_wait_time_s", "120")  # on a machine that is busy
    os.environ.setdefault("RAY_worker_niceness", "0")  # the actors are the run, not its background
    for name, size in _KEEP_MEMORY.items():
        os.environ.setdefault(name, size)
    address = address or os.environ.get("RAY_ADDRESS")
    if not connected():
        _keep_to_loopback(address is None)
        if address is None:
            _set_token("token", secrets.token_hex(32))
        common: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        try:
            with deaf():
                if address:
                    ray.init(address=address, **common)
                else:
                    ray.init(
                        address="local",  # its own, even where a cluster runs
                        include_dashboard=False,
                        object_store_memory=_OBJECT_STORE_BYTES,
                        **common,
                    )
        except Exception as error:  # of many kinds; some are plain ones
            _set_token(*_TOKEN_BEFORE)
            first = (str(error) or type(error).__name__).splitlines()[0]
            what = f"--ray-address {address}: cannot join Ray" if address else "cannot start Ray"
            raise InputError(f"{what}: {first}") from None
    return dict(ray.cluster_resources())


def _keep_to_loopback(alone: bool) -> None:
    """Let a Ray that starts here listen on 127.0.0.1 only, as it does on a Mac; not in a cluster.

    Its processes read the variable, and this process has read it when it imported Ray.
    """
    os.environ[ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR] = "0" if alone else "1"
    ray_constants.ENABLE_RAY_CLUSTER = not alone


_TOKEN_BEFORE = tuple(map(os.environ.get, _TOKEN))


def _set_token(*told: str | None) -> None:
    """Tell this process and those that it starts how a Ray knows its own, and by which token.

    This process has read the variables when it imported Ray, and remembers a token.
    """
    for name, text in zip(_TOKEN, told, strict=True):
        os.environ.pop(name, None)
        os.environ |= {} if text is None else {name: text}
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


def disconnect() -> None:
    """Leave Ray; a local one ends.

    After an interrupt it ends with this process: the interrupt may have ended some of Ray's, and
    then Ray waits for them or aborts.
    """
    if not pressed():
        ray.shutdown()
        _set_token(*_TOKEN_BEFORE)


def check_memory(actors: int) -> None:
    """Refuse more actors than memory can hold.

    Raises:
        InputError: names how many fit.
    """
    memory = float(ray.cluster_resources().get("memory", 0.0))
    fit = int(memory // _ACTOR_BYTES)
    if actors > fit:
        raise InputError(
            f"{actors} actors need about {actors * _ACTOR_BYTES / 1e9:.1f} GB and Ray has"
            f" {memory / 1e9:.1f} GB, enough for {fit}; use --shards {fit} or fewer, or more"
            " sensors per actor"
        )
