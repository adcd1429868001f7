"""A profiled network on a device: does it fit, how long does it take; its rows for scenarios."""

from __future__ import annotations

import errno
import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from fleet.catalog import Catalog
from fleet.catalog.rows import Key, Row, collect
from fleet.errors import InputError
from fleet.lab.costs import cuts
from fleet.lab.costs.profile import Profile, line
from fleet.lab.networks import operators
from fleet.passing import passing
from fleet.plan import dsp

KIND = "models"
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,39}")
# A message's bytes follow from its format, not from the network: as another model's.
_MESSAGE_LIKE = {"detection": "ssd-mobilenet-v2", "classification": "mobilenet-v2"}
_RESULT_LIKE = "ssd-mobilenet-v1"
_MESSAGE = ("max_detections", "flatbuffer_base", "flatbuffer_per_object", "envelope")
_INPUT_TYPES = ("float", "float16", "uint8", "int8")
"""Types of a picture's numbers: a converter turns each into eight bits."""
SLOW = {
    "dsp_efficiency": "low", "dsp_bandwidth": "low", "resize_bandwidth": "low",
    "layer_time": "high",
}  # fmt: skip
FAST = {key: "high" if side == "low" else "low" for key, side in SLOW.items()}
"""The ends of the ranges of a DSP's constants at which it is slow, and fast."""


@dataclass(frozen=True)
class OnDevice:
    """A network on a device.

    Attributes:
        device: an AI sensor of the catalogue.
        needed_bytes: weights and working memory, in eight bits.
        memory_bytes: that the device has.
        problems: why it does not fit; empty if it does.
        doubts: why it may not run all the same.
        time_ns: of one inference; then with the device's constants at their fast and slow ends.
        energy_uj: of one inference, for the same three.
        whole: whether all of the work is counted; if not, time and energy are lower bounds.
    """

    device: str
    needed_bytes: int
    memory_bytes: int
    problems: list[str]
    doubts: list[str]
    time_ns: tuple[int, int, int]
    energy_uj: tuple[float, float, float]
    whole: bool

    @property
    def fits(self) -> bool:
        """Return whether the network fits."""
        return not self.problems


def on_device(catalog: Catalog, profile: Profile, rows: list[Row], device: str) -> OnDevice:
    """Return what a network is on a device.

    Args:
        catalog: what devices are.
        profile: the network.
        rows: its rows, see `rows_of`.
        device: an AI sensor of the catalogue.

    Raises:
        InputError: there is no such AI sensor.
    """
    check_device(catalog, device)
    predictions = [_predicted(catalog, rows, device, ends) for ends in ({}, FAST, SLOW)]
    reader = catalog.reader()
    memory = reader.data_bit("sensors", device, "memory") // 8
    needed = profile.graph.total("weight_bytes") + profile.graph.working_bytes
    side_max = reader.count("sensors", device, "input_max")
    return OnDevice(
        device=device,
        needed_bytes=needed,
        memory_bytes=memory,
        problems=list(_problems(profile, needed, memory, side_max)),
        doubts=[
            f"operator {name} is not known to be supported"
            for name in operators.not_known(profile.graph.operators)
        ],
        time_ns=(predictions[0][0], predictions[1][0], predictions[2][0]),
        energy_uj=(predictions[0][1], predictions[1][1], predictions[2][1]),
        whole=profile.whole,
    )


def check_device(catalog: Catalog, device: str) -> None:
    """Check that a device is an AI sensor.

    Raises:
        InputError: it is not.
    """
    if not catalog.has("sensors", device, "mac_units"):
        known = [d for d in catalog.items("sensors") if catalog.has("sensors", d, "mac_units")]
        raise InputError(f"--device '{device}' is not an AI sensor; known: {', '.join(known)}")


def _problems(profile: Profile, needed: int, memory: int, side_max: int) -> Iterator[str]:
    if needed > memory:
        yield f"needs {needed:,} B of {memory:,} B: {needed - memory:,} B too many"
    shapes = profile.graph.inputs
    if len(shapes) != 1:
        yield f"has {len(shapes)} inputs; the sensor gives one picture"
    for name, shape in shapes.items():
        height, width, channels = picture_of(shape)
        if max(height, width) > side_max:
            yield f"takes {height} x {width} px at '{name}'; the sensor gives at most {side_max}"
        if channels not in (1, 3):
            yield f"takes an input '{name}' of size {shape}, no picture of one or three colours"
        if profile.graph.types[name] not in _INPUT_TYPES:
            yield (
                f"takes {profile.graph.types[name]} at '{name}', no numbers of a picture; use one"
                f" of {', '.join(_INPUT_TYPES)}"
            )


def picture_of(shape: list[int]) -> tuple[int, int, int]:
    """Return height, width and channels of an input; zeros if it is no picture."""
    if len(shape) != 4:
        return 0, 0, 0
    _, a, b, c = shape
    return (b, c, a) if a in (1, 3) else (a, b, c)


def _predicted(
    catalog: Catalog, rows: list[Row], device: str, ends: dict[str, str]
) -> tuple[int, float]:
    """Return time (ns) and energy (µJ) of an inference, some constants at ends of their range."""
    name = rows[0].item
    own: dict[Key, Row] = {(KIND, name, row.parameter): row for row in rows}
    for row in catalog.rows("sensors", device):
        end = getattr(row, ends.get(row.parameter, "value")) or row.value
        own["sensors", device, row.parameter] = replace(row, value=end)
    reader = Catalog(own).reader()
    spent_ns = dsp.compute_ns(reader, device, name)
    return spent_ns, dsp.dsp_uw(reader, device, name, spent_ns) * spent_ns / 1e9


def check_name(catalog: Catalog, name: str, *, written: bool) -> str:
    """Return the name of a model if rows can have it; that of another only if none are written.

    Raises:
        InputError: it has other signs than a name may, or the catalogue has such a model.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"--name '{name}' must be of small letters, digits, '-' and '.', at most 40; such as"
            " my-model"
        )
    if written and catalog.has(KIND, name):
        raise InputError(f"--name '{name}' is a model of the catalogue; choose another name")
    return name


def rows_of(catalog: Catalog, profile: Profile, server: str | None = None) -> list[Row]:
    """Return a network's rows for the catalogue.

    Args:
        catalog: where the sizes of messages stand.
        profile: the network.
        server: what a scenario calls this machine as a server; None leaves its times out.

    The row `eye` names the file, as traces of it do.
    """
    counted, year = profile.graph, str(date.today().year)
    file = f"{Path(profile.file).name} (SHA-256 {profile.sha256[:16]})"
    told, timed = f"{file}, counted by fleet profile", f"{file}, timed by fleet profile, one thread"
    weights = counted.total("weight_bytes")
    side = max(max(picture_of(shape)[:2]) for shape in counted.inputs.values())
    outputs = sum(_count(shape) for shape in counted.outputs.values())
    numbers = [
        ("input", side, "px", told),
        ("macs", counted.total("macs"), "MAC", told),
        ("weights", weights, "B", f"{told}: eight bits, biases 32"),
        ("working", counted.working_bytes, "B", f"{told}: most at a time, at {counted.working_at}"),
        ("firmware", weights, "B", f"{told}: as the weights"),
        ("tensor", outputs, "B", f"{told}: one byte a number"),
        ("moved", counted.moved_bytes, "B", f"{told}: read and written, layer by layer"),
        ("layers", len(counted.layers), "count", told),
        ("resized", counted.resized_bytes, "B", f"{told}: written by resizing"),
    ]
    task = "detection" if profile.family or len(counted.outputs) > 1 else "classification"
    rows = [Row(profile.name, "task", task, "text", "", "", told, year, "derived")]
    if profile.family:
        rows.append(
            Row(profile.name, "eye", Path(profile.file).stem, "text", "", "",
                f"itself: {file}, where a scenario's traces have it", year, "derived")
        )  # fmt: skip
    rows += [
        Row(profile.name, parameter, str(value), unit, "", "", source, year, "derived")
        for parameter, value, unit, source in numbers
    ]
    rows += _borrowed(catalog, profile.name, task)
    if server is not None:
        rows += _service(profile, server, timed, year)
    collect(KIND, [(profile.name, row) for row in rows])
    return rows


def cuts_of(profile: Profile) -> list[Row]:
    """Return the rows of the cuts of a network, in their order; none if it cannot be cut."""
    file = f"{Path(profile.file).name} (SHA-256 {profile.sha256[:16]})"
    return cuts.rows_of(profile.graph, profile.name, f"{file}, counted by fleet profile")


def _borrowed(catalog: Catalog, name: str, task: str) -> Iterator[Row]:
    """Yield the sizes of messages, which are the same for all models of a task."""
    like = _MESSAGE_LIKE[task]
    wanted = [(like, parameter) for parameter in _MESSAGE] + [(_RESULT_LIKE, "result")]
    for item, parameter in wanted:
        row = catalog.row(KIND, item, parameter)
        yield replace(row, item=name, source=f"as {item}: {row.source}")


def _service(profile: Profile, server: str, source: str, year: str) -> Iterator[Row]:
    """Yield t(b) = a + c·b on this machine; the range is that of single runs.

    Batches were timed one after another, so nothing of one overlaps with the next.
    """
    base, per_frame = line(profile.times)
    first = profile.times[1]
    shares = [t / first.median_ns for t in (first.low_ns, first.high_ns)]
    for parameter, ns in ((f"{server}_batch_base", base), (f"{server}_batch_per_frame", per_frame)):
        value, low, high = (f"{ns * share / 1e6:.6f}" for share in (1.0, *shares))
        yield Row(profile.name, parameter, value, "ms", low, high, source, year, "measured")
    one_by_one = f"{source}: one batch after another, nothing overlaps"
    yield Row(
        profile.name, f"{server}_batch_hold", "1", "1", "1", "1", one_by_one, year, "measured"
    )


def _count(shape: list[int]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def check_place(path: Path) -> None:
    """Check that rows can be written to a file, before there are any.

    Raises:
        InputError: the file is not called as its kind must be, or cannot be written.
    """
    if path.name != f"{KIND}.yaml":
        raise InputError(
            f"-o '{path}': a scenario reads models from a file '{KIND}.yaml' in its catalogue"
            f" folder; write to {path.parent / f'{KIND}.yaml'}"
        )
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "that is a folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise InputError(f"-o '{path}': cannot be written: {error.strerror}") from None


def write(rows: list[Row], path: Path, cut: list[Row] | None = None) -> None:
    """Write rows into a file that a scenario's `catalogue` folder may hold.

    Other models in the file stay as they are.

    Args:
        rows: of a model.
        path: of the file.
        cut: rows of its cuts, for the file `cuts.yaml` beside it.

    Raises:
        InputError: the file is not called as its kind must be, or cannot be written.
    """
    check_place(path)
    _replace(rows[0].item, rows, path)
    if cut is not None:
        _replace(rows[0].item, cut, path.with_name(f"{cuts.KIND}.yaml"))


def _replace(model: str, rows: list[Row], path: Path) -> None:
    """Have a file hold these rows of a model and no others of it."""
    try:
        before = path.read_text("utf-8") if path.exists() else ""
        if not before and not rows:
            return
        with passing(path.with_suffix(".part")) as half:
            half.write_text(_without(before, model) + as_yaml(rows), "utf-8")
            half.replace(path)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"-o '{path}': cannot be written: {error}") from None


def as_yaml(rows: list[Row]) -> str:
    """Return rows, those of an item together, in the form in which users write their own."""
    lines: list[str] = []
    item = ""
    for row in rows:
        if row.item != item:
            item = row.item
            lines.append(f"{_quoted(item)}:")
        value = row.value if row.unit in ("text", "1") else f"{row.value} {row.unit}"
        fields = {"value": value, "low": row.low, "high": row.high}
        told = ", ".join(f"{key}: {_quoted(text)}" for key, text in fields.items() if text)
        lines.append(
            f"  {row.parameter}: {{{told},\n    source: {_quoted(row.source)},"
            f" year: {row.year}, confidence: {row.confidence}}}"
        )
    return "".join(f"{line}\n" for line in lines)


def _quoted(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ./-]*", text) else json.dumps(text)


def _without(text: str, model: str) -> str:
    """Return a file of rows without those of a model and its cuts."""
    kept, inside = [], False
    for row in text.splitlines(keepends=True):
        if row[:1] not in (" ", "\n", "#"):
            inside = row.startswith((f"{model}:", f'"{model}:'))
        if not inside:
            kept.append(row)
    return "".join(kept)
