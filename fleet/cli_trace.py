"""`fleet trace`: run a clip through codecs and models, and write down what each model sees."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fleet.errors import InputError

if TYPE_CHECKING:
    from fleet.eyes.clip import Clip

RENDERED = "rendered:"
USUAL_FRAMES, USUAL_RATE_FPS = 100, 10.0


def trace(
    clip: Annotated[
        str,
        typer.Argument(
            metavar="CLIP", help="A video file, or a drawn scene: rendered:VIEW/LIGHT[/SEED]."
        ),
    ],
    models: Annotated[
        str, typer.Option(metavar="NAMES", help="Networks, with commas: eye-small,eye-large.")
    ] = "eye-small,eye-large",
    codec: Annotated[
        list[str] | None,
        typer.Option(metavar="SETTING", help="Such as h264-crf28; may be given again."),
    ] = None,
    view: Annotated[
        str | None, typer.Option(help="Where the file's camera looked [street].")
    ] = None,
    light: Annotated[
        str | None, typer.Option(help="When the file was filmed: day, dusk, night, rain [day].")
    ] = None,
    frames: Annotated[
        int | None, typer.Option(min=1, help="Frames at most [all; of a drawn scene 100].")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write Parquet there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, no table.")] = False,
) -> None:
    """Show models the frames of a clip, raw and behind codecs, and count what they find."""
    import pyarrow as pa

    from fleet.eyes.codec import setting
    from fleet.eyes.detector import load
    from fleet.eyes.summary import summarise
    from fleet.eyes.trace import SCHEMA, watch, write
    from fleet.show.progress import progress_bar
    from fleet.show.terminal import console
    from fleet.show.trace import table

    settings = [setting(name) for name in codec or ()]
    seen = clip_of(clip, view, light, frames)
    finders = [load(name) for name in filter(None, models.split(","))]
    if not finders:
        raise InputError("--models names no network; write one such as eye-small")
    with progress_bar() as progress:

        def told() -> Iterator[Any]:
            done, total = 0, frames or len(seen)
            for batch in watch(seen, finders, settings, frames=frames):
                done += batch.num_rows // (len(finders) * (1 + len(settings)))
                progress(seen.name, min(1.0, done / total))
                yield batch

        rows = pa.Table.from_batches(told(), SCHEMA) if output is None else write(output, told())
    if not rows.num_rows:
        raise InputError(f"{clip}: holds no frames")
    found = summarise(rows)
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in found], indent=1))
        return
    title = (
        f"{seen.name}: {found[0].frames} frames at {seen.rate_fps:g} fps, {seen.view}, {seen.light}"
    )
    console().print(table(title, found), markup=False)


def clip_of(text: str, view: str | None, light: str | None, frames: int | None) -> Clip:
    """Return the clip that a user names.

    Args:
        text: a path, or `rendered:VIEW/LIGHT[/SEED]`.
        view: of a file; None for a street.
        light: of a file; None for day.
        frames: of a drawn scene; None for the usual number.

    Raises:
        InputError: there is no such file or scene.
    """
    if not text.startswith(RENDERED):
        from fleet.eyes.video import open_clip

        return open_clip(Path(text), view or "street", light or "day")
    if view is not None or light is not None:
        raise InputError(f"'{text}' names view and light itself; leave out --view and --light")
    return _drawn(text, frames or USUAL_FRAMES)


def _drawn(text: str, frames: int) -> Clip:
    from fleet.eyes.clip import LIGHTS, VIEWS
    from fleet.eyes.render import scene

    view, _, rest = text.removeprefix(RENDERED).partition("/")
    light, _, seed = rest.partition("/")
    if view not in VIEWS or light not in LIGHTS or not (seed or "1").isdecimal():
        raise InputError(
            f"'{text}' is no drawn scene; write {RENDERED}VIEW/LIGHT or {RENDERED}VIEW/LIGHT/SEED"
            f" with a view of {', '.join(VIEWS)}, a light of {', '.join(LIGHTS)} and a whole seed"
        )
    return scene(view, light, seed=int(seed or 1), frames=frames, rate_fps=USUAL_RATE_FPS)
