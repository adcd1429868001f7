"""`fleet trace`: run a clip through codecs and models, and write down what each model sees."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from fleet import doors
from fleet.errors import InputError
from fleet.units import fraction

if TYPE_CHECKING:
    import pyarrow as pa

    from fleet.eyes.clip import Clip
    from fleet.lab.measures.codec import Setting
    from fleet.lab.measures.trace import Cut, Finder

RENDERED = "rendered:"
_SEED = re.compile(r"[0-9]{0,15}")
USUAL_FRAMES, USUAL_RATE_FPS = 100, 10.0

ClipText = Annotated[
    str,
    typer.Argument(
        metavar="CLIP",
        help="A video file, a fetched clip, or a drawn scene: rendered:VIEW/LIGHT[/SEED].",
    ),
]
Models = Annotated[str, typer.Option(metavar="NAMES", help="Networks, with commas between.")]
Codecs = Annotated[
    list[str] | None,
    typer.Option(metavar="SETTING", help="Such as h264-crf28; may be given again."),
]
Crops = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MARGIN",
        help="Show crops of what the first network finds, with this margin, such as 20%, to the"
        " others, behind each JPEG of --codec; may be given again.",
    ),
]
View = Annotated[
    str | None, typer.Option(help="Where the file's camera looked, as a label [street].")
]
Light = Annotated[
    str | None, typer.Option(help="The file's light, as a label: day, dusk, night, rain [day].")
]
Frames = Annotated[
    int | None, typer.Option(min=1, help="Frames at most [all; of a drawn scene 100].")
]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write Parquet there.")
]


def trace(
    clip: ClipText,
    models: Models = "eye-small,eye-large",
    codec: Codecs = None,
    crops: Crops = None,
    view: View = None,
    light: Light = None,
    frames: Frames = None,
    output: Output = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, no table.")] = False,
) -> None:
    """Show models the frames of a clip, raw and behind codecs, and count what they find."""
    from fleet.eyes.summary import summarise
    from fleet.lab.measures.codec import setting
    from fleet.lab.networks.detector import load
    from fleet.show.console import console
    from fleet.show.trace import table

    settings = [setting(name) for name in codec or ()]
    seen = clip_of(clip, view, light, frames)
    finders = [load(name) for name in filter(None, map(str.strip, models.split(",")))]
    if not finders:
        raise InputError("--models names no network; write one such as eye-small")
    watched = _Watched(seen, finders, settings, _cuts(crops or (), finders, settings), frames)
    summary = summarise(_traced(watched, output))
    if as_json:
        typer.echo(doors.json_text([asdict(row) for row in summary]))
        return
    taken = f"{summary[0].frames} frames at {seen.rate_fps:g} fps"
    title = f"{seen.name}: {taken}, {seen.view}, {seen.light}"
    console().print(table(title, summary, visitors=seen.view != "shelf"), markup=False)


class _Watched(NamedTuple):
    """What is traced: the arguments of `fleet.lab.measures.trace.watch`."""

    clip: Clip
    finders: Sequence[Finder]
    settings: Sequence[Setting]
    cuts: Sequence[Cut]
    frames: int | None


def _cuts(
    margins: Sequence[str], finders: Sequence[Finder], settings: Sequence[Setting]
) -> list[Cut]:
    """Return the crops that margins ask for: what the first network finds, behind each JPEG.

    Raises:
        InputError: nobody is there to look at crops, nothing encodes them, or a margin is none.
    """
    from fleet.lab.measures.crops import check
    from fleet.lab.measures.trace import Cut

    if not margins:
        return []
    if len(finders) < 2:
        raise InputError(
            f"--crops shows what '{finders[0].name}' finds to other networks, and --models names"
            " none; write --models eye-small,eye-large"
        )
    coded = [one for one in settings if one.family == "jpeg"]
    if not coded:
        raise InputError(
            "--crops needs a --codec that encodes pictures of any size: a JPEG such as jpeg-q60"
        )
    made = []
    for margin in margins:
        try:
            margin_ppm = int(fraction(margin) * 1_000_000)
        except InputError as error:
            raise InputError(f"--crops {error}") from None
        for one in coded:
            check(margin_ppm, one)
            made.append(Cut(finders[0], margin_ppm, one))
    return made


def _traced(watched: _Watched, output: Path | None) -> pa.Table:
    """Return the trace, written down too if a file is named; says how far it is."""
    import pyarrow as pa

    from fleet.eyes.trace_file import SCHEMA
    from fleet.lab.measures.trace import watch, write
    from fleet.show.progress import progress_bar

    clip, finders, settings, cuts, frames = watched
    total = len(clip) if frames is None else frames
    with progress_bar() as progress:

        def told() -> Iterator[pa.RecordBatch]:
            for batch in watch(clip, finders, settings, cuts, frames=frames):
                progress(clip.name, (batch["frame"][-1].as_py() + 1) / total)
                yield batch

        if output is not None:
            return write(output, told())
        return pa.Table.from_batches(told(), SCHEMA)


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
        from fleet.lab.fetch import assets
        from fleet.lab.measures.video import open_clip

        known = assets.clips()
        path = assets.path(text, known[text]) if text in known else Path(text)
        return open_clip(path, view or "street", light or "day")
    if view is not None or light is not None:
        raise InputError(f"'{text}' names view and light itself; leave out --view and --light")
    return _drawn(text, frames or USUAL_FRAMES)


def _drawn(text: str, frames: int) -> Clip:
    from fleet.eyes.clip import LIGHTS, VIEWS
    from fleet.lab.scenes.render import scene

    view, _, rest = text.removeprefix(RENDERED).partition("/")
    light, _, seed = rest.partition("/")
    if view not in VIEWS or light not in LIGHTS or not _SEED.fullmatch(seed):
        raise InputError(
            f"'{text}' is no drawn scene; write {RENDERED}VIEW/LIGHT or {RENDERED}VIEW/LIGHT/SEED"
            f" with a view of {', '.join(VIEWS)}, a light of {', '.join(LIGHTS)} and a whole seed"
            " of up to 15 digits"
        )
    return scene(view, light, seed=int(seed or 1), frames=frames, rate_fps=USUAL_RATE_FPS)
