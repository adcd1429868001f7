"""A Ray cluster: one that is there is joined, else one is started that only this run can reach."""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import ray
from ray._private import ray_constants
from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]

from fleet import child, keeper
from fleet.errors import InputError, RunError
from fleet.interrupt import LOOK_S, deaf, end_failed, pressed
from fleet.passing import temporary
from fleet.running.choice import cluster
from fleet.running.guardian import guarded
from fleet.telling import tell

_TOKEN = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN")
_OBJECT_STORE_BYTES = 256 * 1024 * 1024
# The C library gives large blocks back to the system at once, and each window takes them again: the
# page faults cost a third of an actor's time. These let its processes keep what they have had.
_KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "67108864",
}
_LONGEST_FOLDER = 40
"""Bytes of the place of Ray's files: it makes sockets there, whose paths may have 107."""
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
        RunError: Ray does not start here.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")  # the executor sees to them
    os.environ.setdefault("RAY_gcs_server_port_wait_time_s", "120")  # on a machine that is busy
    os.environ.setdefault("RAY_worker_niceness", "0")  # the actors are the run, not its background
    for name, size in _KEEP_MEMORY.items():
        os.environ.setdefault(name, size)
    address = cluster(address)
    if not connected():
        _keep_to_loopback(address is None)
        _let_servers_speak(False)
        try:
            if address is None:
                tell("starting Ray, which takes some seconds ...")
                _start()
            else:
                _join(address)
        except BaseException:
            _leave()
            raise
    with deaths_told():
        return dict(ray.cluster_resources())


_COMMON: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}


def _start() -> None:
    """Start a Ray of our own, which ends with this process however that ends, and its files too.

    Raises:
        RunError: it does not start.
    """
    _set_token("token", secrets.token_hex(32))
    folder, lock = temporary()
    _ours.callback(os.close, lock)
    _ours.enter_context(guarded(folder))
    is_short = len(os.fsencode(folder)) <= _LONGEST_FOLDER
    own: dict[str, Any] = {"_temp_dir": str(folder)} if is_short else {}
    why = "Ray does not start on this machine"
    rest = "'--executor local' does without it"
    try:
        with keeper.blaming(f"{why} and has ended the process; {rest}"), deaf():
            ray.init(
                address="local",  # its own, even where a cluster runs
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE_BYTES,
                **own,
                **_COMMON,
            )
    except Exception as error:  # of many kinds; some are plain ones
        raise RunError(f"{why}: {_first_line(error)}; {rest}") from None
    _ours.enter_context(keeper.blaming("Ray has ended the process"))
    for name, what in _SERVERS.items():
        node: Any = ray._private.worker._global_node
        for info in node.all_processes.get(name, ()):
            _servers.append(info.process)
            watched = (info.process, what, _leaving)
            threading.Thread(target=_watch, args=watched, daemon=True).start()
            keeper.watch(info.process.pid, _died(what))


_ours = contextlib.ExitStack()
"""What ends with a Ray that we have started."""
_servers: list[subprocess.Popen[bytes]] = []
_SERVERS = {"gcs_server": "control server (GCS)", "raylet": "local server (raylet)"}


def _watch(server: subprocess.Popen[bytes], what: str, leaving: threading.Event) -> None:
    """Wait for the end of a server; if it is not we who end it, end this process with a word.

    Ray would do that by itself, at once or in a minute, without a word and with a code that means
    something else. Where it is before us, the keeper has the word.
    """
    with contextlib.suppress(OSError, AttributeError):  # none on a Mac: it is looked at below
        select.select([os.pidfd_open(server.pid)], [], [])
    while server.poll() is None:
        time.sleep(LOOK_S)
    if not (leaving.is_set() or pressed()):
        end_failed(f"the run failed: {_died(what)}")


def _died(what: str) -> str:
    return f"Ray's {what} died"


@contextlib.contextmanager
def deaths_told() -> Iterator[None]:
    """Where an error within is Ray's of a server that has died, let the process end for that.

    Raises:
        RunError: a server of a cluster that was joined has died.
    """
    try:
        yield
    except (RunError, OSError, ray.exceptions.RayError) as error:
        if isinstance(error, OSError) and not _servers:
            raise RunError(f"{_LOST}: {_first_line(error)}") from None
        until_s = time.monotonic() + _DYING_S
        while _servers and time.monotonic() < until_s and not pressed():
            if any(server.poll() is not None for server in _servers):
                until_s = float("inf")  # who watches it ends this process now
            time.sleep(LOOK_S)
        raise


_LOST = "a server of the Ray cluster died"
_DYING_S = 2.0
"""How long a server may take to be dead, when its connections are closed."""


def _join(address: str) -> None:
    """Join a cluster; with the token that is kept here, if it lets nobody in without one.

    One that asks for none has none: its processes would not be let in by us.

    Raises:
        InputError: nobody answers there, or not to us; says what to do.
    """
    if not _lets_in(address):
        kept = AuthenticationTokenLoader.instance().has_token(ignore_auth_mode=True)
        if kept and "RAY_AUTH_MODE" not in os.environ:
            _set_token("token", os.environ.get("RAY_AUTH_TOKEN"))
        if not kept or not _lets_in(address):
            raise InputError(
                f"--ray-address {address}: this Ray lets in who has its token, and the one here is"
                " missing or another: copy ~/.ray/auth_token from its head to the same place here,"
                " or set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN (docs/SCALING.md)"
            )
    try:
        with deaf():
            ray.init(address=address, **_COMMON)
    except Exception as error:
        raise InputError(
            f"--ray-address {address}: cannot join Ray: {_first_line(error)}"
        ) from None
    _ours.enter_context(keeper.blaming(f"{_LOST}, and Ray has ended the process"))


_QUESTION = """
import sys
from ray._private.services import canonicalize_bootstrap_address
from ray._raylet import GcsClient
print("@", flush=True)
GcsClient(address=canonicalize_bootstrap_address(sys.argv[1]) or sys.argv[1])
print("in", flush=True)
"""
_ANSWER_S = 18.0
"""How long a cluster may take to answer."""


def _lets_in(address: str) -> bool:
    """Ask a cluster whether it lets us in, in a process of its own: Ray would ask for minutes.

    Raises:
        InputError: nobody answers.
    """
    if "://" in address:
        return True  # Ray's client has another way in, and a limit of its own
    try:
        done = child.run([sys.executable, "-c", _QUESTION, address], wall_s=_ANSWER_S)
        out, said = done.stdout.decode(), done.stderr.decode(errors="replace")
    except subprocess.TimeoutExpired as error:
        out, said = (error.stdout or b"").decode(), (error.stderr or b"").decode(errors="replace")
    if out.endswith("in\n"):
        return True
    if "InvalidAuthToken" in said:
        return False
    raise InputError(
        f"--ray-address {address}: no Ray of this version ({ray.__version__}) answers there within"
        f" {_ANSWER_S:.0f} s; start one with 'ray start --head', or leave the address out (and"
        " RAY_ADDRESS unset) to run on this machine alone"
    )


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _keep_to_loopback(alone: bool) -> None:
    """Let a Ray that starts here listen on 127.0.0.1 only, as it does on a Mac; not in a cluster.

    Its processes read the variable, and this process has read it when it imported Ray.
    """
    os.environ[ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR] = "0" if alone else "1"
    ray_constants.ENABLE_RAY_CLUSTER = not alone


def _let_servers_speak(allowed: bool) -> None:
    """Let Ray's servers write lines into what this process says, or not.

    They write to the output, where an answer stands; what of theirs concerns a run is told by us.
    """
    ray._private.worker._worker_logs_enabled = allowed


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
    if pressed():
        return
    _leaving.set()
    keeper.unwatch()
    ray.shutdown()
    _leave()


_leaving = threading.Event()
"""Set when the Ray that we have started last ends because we leave it."""


@atexit.register
def _at_exit() -> None:
    """Ray's own servants at the exit end it: ours are called before, as this is imported later."""
    _leaving.set()


def _leave() -> None:
    """Put back what was changed for Ray, and end what is left of one that we have started."""
    global _leaving
    _leaving.set()
    keeper.unwatch()
    _servers.clear()
    _leaving = threading.Event()
    _set_token(*_TOKEN_BEFORE)
    _let_servers_speak(True)
    _ours.close()


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
