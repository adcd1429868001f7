"""`fleet profile`: what a user's own network costs, on a sensor and here, as rows for scenarios."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fleet import doors

if TYPE_CHECKING:
    from fleet.lab.costs.profile import Profile
    from fleet.lab.costs.rows import OnDevice

_MOST_LAYERS = 12


def profile(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL.onnx", help="A network (ONNX), or the name of one of fleet's."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="models.yaml", help="Write rows for scenarios."),
    ] = None,
    device: Annotated[str, typer.Option(help="An AI sensor of the catalogue.")] = "imx500",
    name: Annotated[
        str | None, typer.Option(help="What scenarios call it; otherwise as the file is called.")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(metavar="HxW", help="Size of its pictures, where the file leaves it open."),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Pictures for eight bits, instead of rendered ones."),
    ] = None,
    server: Annotated[
        str | None, typer.Option(help="Add its times here as those of a server of this name.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Count, time and try a network, and say whether it fits an AI sensor."""
    from fleet.catalog import Catalog
    from fleet.errors import InputError
    from fleet.lab.costs import profile as costs
    from fleet.lab.costs import rows as catalogue_rows
    from fleet.lab.networks import detector
    from fleet.lab.networks.session import read
    from fleet.show.console import console, say

    catalog = Catalog.load()
    if server is not None and output is None:
        raise InputError(f"--server {server} adds rows to a file; say which: -o models.yaml")
    called = catalogue_rows.check_name(
        catalog, _name_of(model) if name is None else name, written=output is not None
    )
    catalogue_rows.check_device(catalog, device)
    if output is not None:
        detector.own_name(model)
        catalogue_rows.check_place(output)
    shown = None if pictures is None else costs.pictures_in(pictures)
    file = detector.file_of(str(model)) if str(model) in detector.names() else model
    measured = costs.measure(read(file), called, str(model), size=_size(size), pictures=shown)
    rows = catalogue_rows.rows_of(catalog, measured, server)
    fit = catalogue_rows.on_device(catalog, measured, rows, device)
    if output is not None:
        catalogue_rows.write(rows, output, catalogue_rows.cuts_of(measured))
    if as_json:
        typer.echo(doors.json_text(as_data(measured, fit)))
        return
    out = console()
    for line in lines(measured, fit):
        say(out, line)


def _size(text: str | None) -> tuple[int, int] | None:
    """Return height and width of a picture as the option says them."""
    from fleet.errors import InputError

    if text is None:
        return None
    match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if match is None:
        raise InputError(f"--size '{text}' is no size of a picture; write height x width: 320x320")
    return int(match[1]), int(match[2])


def _name_of(model: Path) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", model.stem.lower()).strip("-.")[:40] or "model"


def as_data(measured: Profile, fit: OnDevice) -> dict[str, Any]:
    """Return a profile as JSON can hold it."""
    from fleet.lab.costs.cuts import cuts

    graph = measured.graph
    return {
        "name": measured.name, "file": measured.file, "sha256": measured.sha256,
        "file_bytes": measured.file_bytes, "family": measured.family, "inputs": graph.inputs,
        "outputs": graph.outputs, "macs": graph.total("macs"),
        "parameters": graph.total("parameters"), "weight_bytes": graph.total("weight_bytes"),
        "working_bytes": graph.working_bytes, "working_at": graph.working_at,
        "moved_bytes": graph.moved_bytes, "resized_bytes": graph.resized_bytes,
        "operators": dict(graph.operators),
        "layers": [asdict(layer) for layer in graph.layers],
        "cuts": [asdict(cut) for cut in cuts(graph)],
        "on_device": asdict(fit) | {"fits": fit.fits},
        "times": {str(b): asdict(t) for b, t in measured.times.items()},
        "int8_bytes": measured.int8_bytes,
        "int8_times": {str(b): asdict(t) for b, t in measured.int8_times.items()},
        "int8_effect": None if measured.effect is None else asdict(measured.effect),
        "remarks": measured.remarks,
    }  # fmt: skip


def lines(measured: Profile, fit: OnDevice) -> list[str]:
    """Return a profile as lines for people."""
    graph = measured.graph
    total = max(1, graph.total("macs"))
    shapes = ", ".join(f"{n} {'x'.join(map(str, s))}" for n, s in graph.inputs.items())
    told = [
        f"{measured.name} ({measured.file}, {measured.file_bytes:,} B)",
        f"  input: {shapes}",
        f"  work: {total / 1e6:,.1f} million MACs in {len(graph.layers)} layers",
        f"  weights: {graph.total('parameters'):,}, {graph.total('weight_bytes'):,} B in int8",
        f"  working memory: {graph.working_bytes:,} B at most, at {graph.working_at}",
        *_fit_lines(fit),
        *_time_lines(measured),
        *_cut_lines(measured),
        *(f"  remark: {remark}" for remark in measured.remarks),
        "  largest layers:",
    ]
    told += [
        f"    {layer.name} ({layer.operator}): {layer.macs / 1e6:,.1f} million MACs"
        f" ({layer.macs / total:.1%}), {layer.parameters:,} weights,"
        f" {layer.written_bytes:,} B written"
        for layer in sorted(graph.layers, key=lambda x: -x.macs)[:_MOST_LAYERS]
    ]
    return told


def _cut_lines(measured: Profile) -> list[str]:
    """Return where a network can be cut in two: how often, and where least is sent."""
    from fleet.lab.costs.cuts import cuts

    graph = measured.graph
    known, total = cuts(graph), max(1, graph.total("macs"))
    if not known:
        return ["  cuts: none, nowhere does one tensor hold all that follows"]
    least = min(known, key=lambda cut: (cut.tensor, cut.layers))
    return [
        f"  cuts: {len(known)} places where one tensor holds all that follows; the smallest has"
        f" {least.tensor:,} B in int8, behind {least.after} ({least.macs / total:.1%} of the MACs)"
    ]


def _fit_lines(fit: OnDevice) -> list[str]:
    ms = [f"{ns / 1e6:.1f}" for ns in fit.time_ns]
    mj = [f"{uj / 1e3:.1f}" for uj in fit.energy_uj]
    verdict = "fits" if fit.fits else "does not fit"
    least, why = ("", "") if fit.whole else ("at least ", "; not all of its work is counted")
    return [
        f"  {fit.device}: {verdict}; {fit.needed_bytes:,} of {fit.memory_bytes:,} B",
        *(f"    it {problem}" for problem in fit.problems),
        *(f"    {doubt}" for doubt in fit.doubts),
        f"    predicted: {least}{ms[0]} ms ({ms[1]} to {ms[2]}) and {least}{mj[0]} mJ ({mj[1]} to"
        f" {mj[2]}) an inference{why}",
    ]


def _time_lines(measured: Profile) -> list[str]:
    told = []
    for what, times in (("here", measured.times), ("here in eight bits", measured.int8_times)):
        for batch, t in times.items():
            told.append(
                f"  {what}, {batch} at once, one thread: {t.median_ns / 1e6:.1f} ms"
                f" ({t.low_ns / 1e6:.1f} to {t.high_ns / 1e6:.1f}, the middle half)"
            )
    effect = measured.effect
    if effect is not None:
        told.append(
            f"  eight bits, over {effect.pictures} pictures: {effect.found_int8:.2f} objects a"
            f" picture instead of {effect.found:.2f}; {effect.kept:.1%} found again,"
            f" {effect.new:.1%} new; file {measured.int8_bytes:,} B"
        )
    return told
