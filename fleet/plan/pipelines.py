"""Pipelines: a second network behind the first, once for each object that this has found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from fleet.arrays import Floats, Ints
from fleet.catalog import Reader
from fleet.plan import dsp, pictures
from fleet.plan.plant import Pool, ServerKind
from fleet.scenario.arms import Equipment
from fleet.scenario.load import Scenario, did_you_mean
from fleet.scenario.strict_yaml import Keys

FINDERS = ("detection", "pose")
"""Tasks of networks that say where objects are."""
_SIZES = 65
"""So many sizes of batches are reckoned with at most; between them is a line."""


class Second(NamedTuple):
    """A second network.

    Attributes:
        model: of the catalogue.
        most: objects of a frame that it looks at; no more than the first network tells of.
        batch: objects in a batch of it on servers; 0 for as many as frames.
        infer: where servers get crops of an AI sensor's; empty where it runs behind the first.
        crop_bytes: of each of these.
    """

    model: str
    most: int
    batch: int
    infer: str
    crop_bytes: int = 0


def second_of(
    scenario: Scenario, reader: Reader, equipment: Equipment, model: str, keys: Keys
) -> Second | None:
    """Return the second network of some equipment, None if the first is the only one.

    Raises:
        InputError: it is not known, or the first network finds nothing that can be counted.
    """
    said = equipment.pipeline
    if said is None:
        return None
    place, known = (*keys, "pipeline"), reader.items("models")
    if said.model not in known:
        raise scenario.error(
            (*place, "model"),
            f"no model '{said.model}'{did_you_mean(said.model, known)}; known: {', '.join(known)}",
        )
    if task_of(reader, model) not in FINDERS:
        raise scenario.error(
            place,
            f"'{model}' finds no objects that could be counted"
            f" ({task_of(reader, model) or 'its task is not known'}); take a first network that"
            " does, of the task detection or pose ('fleet catalog models'), or remove 'pipeline'",
        )
    most = said.most
    if reader.has_parameter("models", model, "max_detections"):
        most = min(most, reader.count("models", model, "max_detections"))
    return Second(said.model, most, said.batch or 0, said.infer or "")


def task_of(reader: Reader, model: str) -> str:
    """Return what a network of the catalogue does, empty if that is not known."""
    has = reader.has_parameter("models", model, "task")
    return reader.text("models", model, "task") if has else ""


def check_crops(
    scenario: Scenario, reader: Reader, second: Second, picture: tuple[int, int], keys: Keys
) -> None:
    """Refuse a second network whose picture is larger than the whole one that crops are cut from.

    Raises:
        InputError: it is, or how large it is is not known.
    """
    place = (*keys, "pipeline", "model")
    if not reader.has_parameter("models", second.model, "input"):
        raise scenario.error(
            place, f"how large a picture '{second.model}' takes is not known; give its row 'input'"
        )
    side = reader.count("models", second.model, "input")
    if side > max(picture):
        raise scenario.error(
            place,
            f"'{second.model}' takes {side} px, and crops are cut from {picture[0]} × {picture[1]}"
            " px: none is that large; take a network of smaller pictures, or larger pictures",
        )


def check_alone(scenario: Scenario, equipment: Equipment, keys: Keys) -> None:
    """Refuse on an AI sensor what does not go with a second network.

    Raises:
        InputError: it sends frames or tensors on, or crops of what is found are no answer.
    """
    said = equipment.pipeline
    assert said is not None
    for field in ("ask", "split"):
        if getattr(equipment, field) is not None:
            raise scenario.error(
                (*keys, field),
                "with 'pipeline' what the sensor finds goes to a second network, and with"
                f" '{field}' frames go to servers; leave one of them out"
                + (", or put the pipeline into 'ask'" if field == "ask" else ""),
            )
    if said.infer is None and said.batch is not None:
        raise scenario.error(
            (*keys, "pipeline", "batch"),
            f"the DSP of '{equipment.device}' takes one object after another; remove it",
        )
    if said.infer is not None and equipment.output not in (None, "message", "tensor"):
        raise scenario.error(
            (*keys, "output"),
            f"'{equipment.output}' sends pixels of every frame, and 'pipeline' with 'infer' crops"
            " of what is found; leave one of them out",
        )


def check_on_servers(scenario: Scenario, second: Second, device: str, keys: Keys) -> None:
    """Refuse crops from what sends video.

    Raises:
        InputError: there is no DSP that could find what is to be cut out.
    """
    if second.infer:
        raise scenario.error(
            (*keys, "pipeline", "infer"),
            f"'{device}' sends video and has no DSP at work that finds what crops are cut of; both"
            " networks run on servers, where the arm's own 'infer' says; remove it",
        )


def check_fit(
    scenario: Scenario, reader: Reader, device: str, models: tuple[str, str], keys: Keys
) -> None:
    """Refuse two networks that a device does not hold at a time.

    Raises:
        InputError: they do not fit together; says by how many bytes.
    """
    first, second = models
    place = (*keys, "pipeline", "model")
    dsp.check_fit(scenario, reader, device, second, place)
    memory = dsp.memory_bytes(reader, device)
    one, other = (sum(dsp.needed_bytes(reader, name)) for name in models)
    if one + other > memory:
        raise scenario.error(
            place,
            f"'{first}' needs {one:,} B and '{second}' {other:,} B, together {one + other:,} B, and"
            f" '{device}' has {memory:,} B: {one + other - memory:,} B too many. Changing them for"
            " every frame is not simulated: no source says that a sensor can, or how long it takes;"
            " take smaller networks, or let servers run the second ('infer')",
        )


def dsp_row(reader: Reader, device: str, second: Second) -> dict[str, int | float]:
    """Return what the DSP of a device takes for one object: its time and its power."""
    spent_ns = dsp.compute_ns(reader, device, second.model)
    uw = dsp.dsp_uw(reader, device, second.model, spent_ns)
    return {"compute_ns": spent_ns, "compute_uw": uw, "occupy_ns": spent_ns}


def on_objects(
    scenario: Scenario, reader: Reader, equipment: Equipment, model: str, keys: Keys,
    where: tuple[str, str],
) -> Second | None:  # fmt: skip
    """Return the network that looks at what an AI sensor finds.

    Args:
        scenario: for the places of errors.
        reader: the catalogue.
        equipment: what was chosen.
        model: the first network.
        keys: where.
        where: the sensor's mode and its app.

    Raises:
        InputError: it is not known, does not fit beside the first or does not go together.
    """
    then = second_of(scenario, reader, equipment, model, keys)
    if then is None:
        return None
    (mode, app), device = where, str(equipment.device)
    check_alone(scenario, equipment, keys)
    picture = pictures.sides(reader, "sensors", device, mode)
    if not then.infer:
        check_fit(scenario, reader, device, (model, then.model), keys)
    check_crops(scenario, reader, then, picture, keys)
    crop = pictures.crop_bytes(reader, app, picture[0] * picture[1])
    return then._replace(crop_bytes=crop) if then.infer else then


def answers_of_both(
    reader: Reader, then: Second, row: dict[str, int | float], output: str
) -> dict[str, int | float]:
    """Return what a second network on the sensor adds to its setup and to what is sent."""
    more: dict[str, int | float] = {"then_most": then.most}
    if output in ("message", "image + message"):
        each = reader.data_bit("models", then.model, "flatbuffer_per_object") // 8
        more["metadata_per_object"] = row["metadata_per_object"] + each
    elif output == "tensor":
        each = reader.data_bit("models", then.model, "tensor") // 8
        more["metadata_base"] = row["metadata_base"] + then.most * each
    return more


# What pools of servers do in the mean ----------------------------------------------------------


def law_of(objects: Floats, weight: Floats) -> Floats:
    """Return the chances of 0, 1, ... objects of a frame, from frames that were drawn."""
    many = np.bincount(objects.astype(np.int64), weight)
    chances: Floats = many / max(float(many.sum()), 1e-300)
    return chances


def law_with_mean(mean: float, most: int) -> Floats:
    """Return chances of 0, 1, ... most objects with a mean: binomial, as no more is known."""
    share = min(1.0, mean / max(1, most))
    chances: Floats = np.ones(1)
    for bit in f"{most:b}":  # n trials by doubling
        chances = np.convolve(chances, chances)
        if bit == "1":
            chances = np.convolve(chances, np.array([1.0 - share, share]))
    return chances


def loaded(pool: Pool, chances: Floats) -> Pool:
    """Return a pool whose batches take what they take in the mean, with their objects.

    Args:
        pool: its rules and servers.
        chances: of 0, 1, ... objects that the second network looks at in a frame.
    """
    if pool.then is None:
        return pool
    sizes = np.unique(np.linspace(0, pool.max_batch, _SIZES).round().astype(np.int64))
    both = _of_batches(chances, sizes, pool.then.batch)
    every = np.arange(pool.max_batch + 1)
    many, of_many = (np.interp(every, sizes, values) for values in both)

    def kind_of(kind: ServerKind) -> ServerKind:
        each = many * kind.then_per_ns
        spent, held = (each + of_many * ns for ns in (kind.then_base_ns, kind.then_hold_ns))
        return replace(
            kind,
            service_ns=kind.service_ns + spent.astype(np.int64),
            hold_ns=kind.hold_ns + held.astype(np.int64),
        )

    return replace(pool, kinds=tuple(map(kind_of, pool.kinds)))


class Networks(NamedTuple):
    """What comes to a pool for each of the networks that it runs.

    Attributes:
        pool: its rules and servers.
        laws: of each the chances of 0, 1, ... objects of a frame at which a second network looks.
        frames: how many come for each, in any unit.
    """

    pool: Pool
    laws: Sequence[Floats]
    frames: Floats | Ints

    @property
    def shares(self) -> list[float]:
        """Return the share of the frames that comes for each."""
        total = float(np.sum(self.frames))
        if total <= 0:
            return [1.0 / len(self.laws)] * len(self.laws)
        return [float(many) / total for many in self.frames]

    @property
    def objects(self) -> list[float]:
        """Return the mean objects of a frame for each."""
        return [float(law @ np.arange(len(law))) for law in self.laws]

    @property
    def each(self) -> list[Pool]:
        """Return the pool with each as it is in the mean over what is found."""
        return [loaded(of, law) for of, law in zip(self.pool.networks, self.laws, strict=True)]

    @property
    def mean(self) -> Pool:
        """Return a pool whose batches take what they take in the mean over its networks."""
        parts, shares = self.each, self.shares
        if len(parts) == 1:
            return parts[0]

        def mean_of(nth: int, name: str) -> Ints:
            times = [getattr(part.kinds[nth], name) for part in parts]
            mean: Ints = np.average(times, axis=0, weights=shares).astype(np.int64)
            return mean

        kinds = (
            replace(kind, service_ns=mean_of(nth, "service_ns"), hold_ns=mean_of(nth, "hold_ns"))
            for nth, kind in enumerate(self.pool.kinds)
        )
        return replace(self.pool, kinds=tuple(kinds))

    @property
    def spread(self) -> Spread:
        """Return how much the times of full batches differ, by network and by what is found."""
        parts, shares = self.each, np.array(self.shares)
        inside = [spread_of(of, law) for of, law in zip(self.pool.networks, self.laws, strict=True)]
        full = [np.mean([int(kind.hold_ns[-1]) for kind in part.kinds]) for part in parts]
        full_s = np.array(full) * 1e-9
        mean = float(full_s @ shares)
        variance = float(shares @ ((full_s - mean) ** 2 + [one.variance_s2 for one in inside]))
        longest = max(at + one.longest_s for at, one in zip(full_s, inside, strict=True))
        return Spread(variance, float(longest) - mean)


def _of_batches(chances: Floats, sizes: Ints, most: int) -> tuple[Floats, Floats]:
    """Return the mean objects of batches of some frames, and their mean batches of objects."""
    highest = len(chances) - 1
    length = 1 << int(highest * int(sizes.max()) + 1).bit_length()
    wave = np.fft.rfft(chances, length)
    whole = -(-np.arange(length) // most)
    objects = sizes * float(chances @ np.arange(highest + 1))
    batches = [float(np.fft.irfft(wave ** int(b), length) @ whole) for b in sizes]
    return objects.astype(np.float64), np.maximum(0.0, np.array(batches))


class Spread(NamedTuple):
    """How much the times of full batches differ by what is found: their variance, and most more."""

    variance_s2: float
    longest_s: float


def spread_of(pool: Pool, chances: Floats) -> Spread:
    """Return how much full batches of a pool differ, given the chances of objects of a frame."""
    if pool.then is None:
        return Spread(0.0, 0.0)
    each_s = float(np.mean([kind.then_per_ns for kind in pool.kinds])) * 1e-9
    many = np.arange(len(chances))
    mean = float(chances @ many)
    variance = float(chances @ (many - mean) ** 2) * pool.max_batch
    return Spread(variance * each_s**2, (len(chances) - 1 - mean) * pool.max_batch * each_s)
