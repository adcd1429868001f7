"""The `fleet` command, also as `python -m fleet`: kept, and listening before what takes long."""

import gc
import os
import sys

from fleet import interrupt, keeper
from fleet.clock import since_began_s

_UTF8 = "FLEET_UTF8"
_NEW_OBJECTS = 100_000
"""So many, not Python's 700, before garbage is looked for: most of what is imported and drawn
stays, and to look at it again and again took a tenth of a small run."""


def main() -> None:
    """Listen, then import what the command line needs, and do what it says.

    Where the system's encoding is not UTF-8 this begins again in Python's UTF-8 mode, so that names
    of files and what is in them are taken for what they are.
    """
    if sys.getfilesystemencoding() != "utf-8" and _UTF8 not in os.environ:
        os.environ[_UTF8] = os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, sys.orig_argv)
    since_began_s()  # from here on
    keeper.keep()
    interrupt.listen()
    gc.set_threshold(_NEW_OBJECTS)
    try:
        from fleet.cli import main as cli
    except Exception as error:  # an installation that is not whole, or packages too old
        keeper.last_words(keeper.FAILED, [f"cannot start: {type(error).__name__}: {error}"])
        sys.exit(keeper.FAILED)
    cli.main()


if __name__ == "__main__":
    main()
