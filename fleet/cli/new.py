"""`fleet new`: a commented scenario that runs, to begin with."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from fleet import doors
from fleet.errors import InputError


def new(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where to write it, such as a.yaml.")
    ],
) -> None:
    """Write a small scenario with comments that runs as it is, and the schema for editors.

    A name without an ending gets '.yaml'.
    """
    from fleet.scenario.json_schema import FILE, json_schema
    from fleet.show.console import console

    file = file if file.suffix else file.with_suffix(".yaml")
    schema = file.parent / FILE
    text = _scenario(file.stem)
    _write(file, text, keep=False)
    _write(schema, doors.json_text(json_schema()) + "\n", keep=True)
    console().print(f"Wrote {file} and {schema}, which editors read. It runs:")
    console().print(f"  fleet run {file}")


def _scenario(name: str) -> str:
    """Return the scenario under another name, with the line that editors look for."""
    from fleet.scenario.json_schema import FILE
    from fleet.scenario.load import loads

    packaged = resources.files("fleet.scenario").joinpath("minimal.yaml").read_text("utf-8")
    text = f"# yaml-language-server: $schema={FILE}\n\n" + packaged.replace(
        "name: minimal", f"name: {name}"
    ).replace("FILE", f"{name}.yaml")
    loads(text, f"{name}.yaml")
    return text


def _write(file: Path, text: str, *, keep: bool) -> None:
    """Write a file where there is none; what is there is kept or is a mistake."""
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        if not keep:
            raise InputError(f"'{file}' is there already; name another file") from None
    except OSError as error:
        raise InputError(f"cannot write '{file}': {error.strerror}; name another") from None
