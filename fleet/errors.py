"""The errors that a user can cause or meet.

::

    FleetError
    ├── InputError        bad scenario, option, file or unit (exit code 2; also a ValueError)
    └── RunError          a run failed or broke one of its own promises (exit code 3)
"""

from __future__ import annotations


class FleetError(Exception):
    """Base of every error that `fleet` raises on purpose."""


class InputError(FleetError, ValueError):
    """Input that cannot be used: says where, what was given, what is allowed and what to do."""


def eyes_missing(what: str) -> InputError:
    """Return the error of something that needs a package of the extra `eyes`."""
    return InputError(f"{what}: pip install 'sensor-fleet[eyes]'")


def in_a_line(error: BaseException) -> str:
    """Return the kind of an error and what it says, in a line whatever that holds."""
    return " ".join(f"{type(error).__name__}: {error}".split())


class RunError(FleetError, RuntimeError):
    """A run that could not finish, or that broke a promise such as conservation of frames."""
