"""The `fleet` command, also as `python -m fleet`: listens for Ctrl-C before what takes long."""

from fleet import interrupt


def main() -> None:
    """Listen, then import what the command line needs, and do what it says."""
    interrupt.listen()
    from fleet.cli import main as cli

    cli.main()


if __name__ == "__main__":
    main()
