"""Train our detectors on rendered scenes, and write them as int8 ONNX files.

``python scripts/train_eyes.py`` trains the small one, then the large one, which begins with what
the small one has learnt. Needs ``pip install torch==2.13.0 onnx onnxruntime`` and some hours of
one core. The logs of the committed models are in `results/eyes/`. The same machine and versions
give the same bits.
"""

from __future__ import annotations

import argparse
import copy
import csv
import io
import math
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import torch
from eyes_network import STRIDE, Network, exported, metadata, multiplications
from eyes_pictures import TRAIN_SEED, Pictures, pictures
from eyes_threshold import balanced
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

ROOT = Path(__file__).parents[1]
RADIUS = 1.5
PART = 256, 320
"""Height and width of the parts of pictures that the large network is trained on; px."""
WHOLE = 4
"""Pictures of a batch of whole ones, which take about as long as a batch of parts."""

COUNT = 7000
STEPS = {"small": 1700, "large": 2800}
RATES = {"small": 2.5e-3, "large": 1.5e-3}
BATCH = 16


class Batch(NamedTuple):
    """Pictures, shape (n, 3, h, w), 0..255, and their objects as in Pictures."""

    pixels: Tensor
    objects: Tensor


class Targets(NamedTuple):
    """What each cell should say.

    Attributes:
        kind: of the object at the cell, -1 for none; shape (n, cells).
        boxes: of it; shape (n, cells, 4).
        excused: whether the cell lies on an object that need not be found.
    """

    kind: Tensor
    boxes: Tensor
    excused: Tensor


def cells(height: int, width: int) -> Tensor:
    """Return centres of cells (x, y) for a picture; shape (cells, 2)."""
    y, x = torch.meshgrid(
        torch.arange(height // STRIDE), torch.arange(width // STRIDE), indexing="ij"
    )
    return (torch.stack([x.flatten(), y.flatten()], 1) + 0.5) * STRIDE


def targets(objects: Tensor, middles: Tensor) -> Targets:
    """Give each cell the smallest object whose middle is near (centre sampling, as in FCOS)."""
    boxes, kind, must = objects[..., :4], objects[..., 4], objects[..., 5] > 0
    centre, side = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
    reach = (0.25 * side).clamp(0.5 * STRIDE + 1e-3, RADIUS * STRIDE)
    off = (middles[None, :, None] - centre[:, None]).abs()
    near = (off <= reach[:, None]).all(-1) & (kind >= 0)[:, None]
    inside = (off <= side[:, None] / 2 + 1).all(-1) & (kind >= 0)[:, None]
    size = (side[..., 0] * side[..., 1])[:, None].expand(near.shape)
    size = torch.where(near & must[:, None], size, torch.inf)
    smallest, which = size.min(-1)
    some = torch.isfinite(smallest)
    picked = torch.gather(kind, 1, which)
    excused = (inside & ~must[:, None]).any(-1) & ~some
    at = which[..., None].expand(-1, -1, 4)
    return Targets(
        torch.where(some, picked, torch.full_like(picked, -1)).long(),
        torch.gather(boxes, 1, at), excused,
    )  # fmt: skip


def giou(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return IoU and generalised IoU (Rezatofighi et al., CVPR 2019) of pairs of boxes."""
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    shared = (high - low).clamp(min=0).prod(1)
    both = (a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - shared
    around = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(1)
    iou = shared / both.clamp(min=1e-6)
    return iou, iou - (around - both) / around.clamp(min=1e-6)


def losses(net: Network, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the loss of the scores and of the boxes.

    Scores: the quality focal loss (Li et al., "Generalized focal loss", NeurIPS 2020), which wants
    a score as high as the found box fits. Boxes: 1 - GIoU.
    """
    logits, logs = net(batch.pixels)
    middles = cells(*batch.pixels.shape[2:])
    goal = targets(batch.objects, middles)
    logits, logs = logits.flatten(2).transpose(1, 2), logs.flatten(2).transpose(1, 2)
    some = goal.kind >= 0
    reach = torch.exp(logs[some].clamp(-4.0, 4.5)) * STRIDE
    at = middles[None].expand(len(logits), -1, -1)[some]
    iou, fit = giou(torch.cat([at - reach[:, :2], at + reach[:, 2:]], 1), goal.boxes[some])
    quality = torch.zeros_like(logits)
    quality[some, goal.kind[some]] = iou.detach().clamp(min=0.1)
    wrong = (quality - logits.detach().sigmoid()).abs()
    each = functional.binary_cross_entropy_with_logits(logits, quality, reduction="none") * wrong**2
    each = each * (~goal.excused)[..., None]
    positives = max(1, int(some.sum()))
    return each.sum() / positives, 2.0 * (1.0 - fit).sum() / positives


class Feeder:
    """Batches of pictures, changed a little each time.

    The small network sees pictures at half size as a sensor takes them. The large one sees them at
    full size: now parts around objects, as it would learn little from what is between, now fewer
    whole ones, as parts do not show what is large as it is. Two of three go through a JPEG encoder.
    """

    def __init__(self, data: Pictures, name: str, seed: int) -> None:
        self._chance = np.random.default_rng(seed)
        self._large = name == "large"
        self._data = data if self._large else halved(data)

    def batches(self, steps: int, size: int) -> Iterator[Batch]:
        """Yield so many batches."""
        count = len(self._data.objects)
        order = np.concatenate([
            self._chance.permutation(count) for _ in range(1 + steps * size // count)
        ])  # fmt: skip
        for step in range(steps):
            chosen = order[step * size : (step + 1) * size]
            in_parts = self._large and step % 2 == 0
            if self._large and not in_parts:
                chosen = chosen[:WHOLE]
            pairs = [self._one(int(n), in_parts) for n in chosen]
            pixels = torch.from_numpy(np.stack([p for p, _ in pairs])).permute(0, 3, 1, 2).float()
            yield Batch(self._toned(pixels), torch.from_numpy(np.stack([o for _, o in pairs])))

    def _one(self, n: int, in_parts: bool) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        pixels, objects = np.asarray(self._data.pixels[n]), self._data.objects[n].copy()
        if in_parts:
            pixels, objects = self._part(pixels, objects)
        if self._large and self._chance.random() < 0.67:
            pixels = jpeg(np.ascontiguousarray(pixels), int(self._chance.integers(25, 95)))
        if self._chance.random() < 0.5:
            pixels = pixels[:, ::-1]
            objects[:, [0, 2]] = pixels.shape[1] - objects[:, [2, 0]]
        return np.ascontiguousarray(pixels), objects

    def _part(
        self, pixels: NDArray[np.uint8], objects: NDArray[np.float32]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Return a part of a picture, three times of four around one of its objects."""
        (height, width), (high, wide) = pixels.shape[:2], PART
        x, y = (
            self._chance.integers(0, width - wide + 1),
            self._chance.integers(0, height - high + 1),
        )
        there = np.flatnonzero(objects[:, 5] > 0)
        if len(there) and self._chance.random() < 0.75:
            box = objects[self._chance.choice(there)]
            off = self._chance.uniform(-0.4, 0.4, 2)
            x = int(np.clip((box[0] + box[2]) / 2 - (0.5 + off[0]) * wide, 0, width - wide))
            y = int(np.clip((box[1] + box[3]) / 2 - (0.5 + off[1]) * high, 0, height - high))
        return pixels[y : y + high, x : x + wide], cut(objects, x, y)

    def _toned(self, pixels: Tensor) -> Tensor:
        """Return pictures somewhat brighter or darker, warmer or colder."""
        shape = (len(pixels), 1, 1, 1)
        gain = torch.from_numpy(self._chance.uniform(0.75, 1.3, shape).astype(np.float32))
        tint = torch.from_numpy(
            self._chance.uniform(0.93, 1.07, (len(pixels), 3, 1, 1)).astype(np.float32)
        )
        return (pixels * gain * tint).clamp(0, 255)


def cut(objects: NDArray[np.float32], x: int, y: int) -> NDArray[np.float32]:
    """Return the objects in the part of a picture that begins at (x, y).

    What is cut off by more than half need not be found.
    """
    kept, sides = objects.copy(), objects[:, 2:4] - objects[:, :2]
    kept[:, [0, 2]] = (objects[:, [0, 2]] - x).clip(0, PART[1])
    kept[:, [1, 3]] = (objects[:, [1, 3]] - y).clip(0, PART[0])
    left = (kept[:, 2:4] - kept[:, :2]).prod(1) / np.maximum(sides.prod(1), 1e-6)
    kept[left <= 0, 4] = -1
    kept[left < 0.5, 5] = 0
    return kept


def halved(data: Pictures) -> Pictures:
    """Return pictures at half the size, by the mean of four pixels."""
    count, height, width, _ = data.pixels.shape
    small = np.empty((count, height // 2, width // 2, 3), dtype=np.uint8)
    for n in range(count):
        four = data.pixels[n].reshape(height // 2, 2, width // 2, 2, 3).astype(np.uint16)
        small[n] = (four.sum((1, 3)) + 2) // 4
    return Pictures(small, data.objects * np.array([0.5, 0.5, 0.5, 0.5, 1, 1], dtype=np.float32))


def jpeg(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Return what is left of a picture after JPEG."""
    kept = io.BytesIO()
    Image.fromarray(pixels).save(kept, "JPEG", quality=quality)
    return np.asarray(Image.open(kept))


@torch.no_grad()
def follow(mean: Network, net: Network, share: float) -> None:
    """Move the mean of the weights by a share towards the newest."""
    pairs = zip(mean.state_dict().values(), net.state_dict().values(), strict=True)
    for kept, new in pairs:
        if kept.dtype.is_floating_point:
            kept.lerp_(new, share)
        else:
            kept.copy_(new)


def train(
    net: Network, feed: Feeder, steps: int, size: int, rate: float, log: Path, kept_at: Path
) -> Network:
    """Train with AdamW and a cosine schedule; return the moving average of the weights.

    Every 50 steps a line goes to the log, and the average to `kept_at`.
    """
    mean = copy.deepcopy(net)
    rest = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.02)
    began, sums = time.monotonic(), np.zeros(3)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["step", "score_loss", "box_loss", "learning_rate", "elapsed_s"])
        for step, batch in enumerate(feed.batches(steps, size)):
            now = rate * min(1.0, (step + 1) / 150) * 0.5 * (1 + math.cos(math.pi * step / steps))
            for group in rest.param_groups:
                group["lr"] = max(now, 1e-5)
            net.train()
            score, box = losses(net, batch)
            rest.zero_grad()
            (score + box).backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 8.0)
            rest.step()
            follow(mean, net, 1 - min(0.998, (step + 1) / (step + 10)))
            sums += [score.item(), box.item(), 1]
            if (step + 1) % 50 == 0:
                row = [f"{value:.4f}" for value in sums[:2] / sums[2]]
                out.writerow([step + 1, *row, f"{now:.2e}", f"{time.monotonic() - began:.0f}"])
                file.flush()
                torch.save(mean.state_dict(), kept_at)
                sums[:] = 0
    return mean


class _Calibration:
    """Pictures for onnxruntime to find the ranges of values on."""

    def __init__(self, data: Pictures, net: Network, count: int) -> None:
        small = net.name == "small"
        chosen = np.linspace(0, len(data.objects) - 1, count).astype(int)
        some = Pictures(np.asarray(data.pixels[chosen]), data.objects[chosen])
        self._rest = iter((halved(some) if small else some).pixels)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        pixels = next(self._rest, None)
        if pixels is None:
            return None
        return {"pixels": pixels.transpose(2, 0, 1)[None].astype(np.float32)}


def quantised(source: Path, path: Path, data: Pictures, net: Network, count: int = 120) -> None:
    """Write an int8 model; the head's convolution and what follows stay in floats."""
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    CalibrationDataReader.register(_Calibration)
    last = ["head.conv", "split", "scores", "shares", "distances"]
    quantize_static(
        source, path, _Calibration(data, net, count), quant_format=QuantFormat.QDQ,
        per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax, nodes_to_exclude=last,
    )  # fmt: skip


def made(name: str, given: argparse.Namespace) -> None:
    """Train one network and write it."""
    torch.manual_seed(given.seed)
    data = pictures(given.cache, given.count, TRAIN_SEED)
    net = Network(name)
    if name == "large":
        net.begin_with(torch.load(given.cache / "small.pt", weights_only=True))
    count = sum(p.numel() for p in net.parameters())
    macs = multiplications(net) / 1e6
    print(f"{name}: {count} parameters, {macs:.0f} million MAC a picture", flush=True)
    log = ROOT / "results" / "eyes" / f"training-{name}.csv"
    steps, kept_at = given.steps or STEPS[name], given.cache / f"{name}.pt"
    feed = Feeder(data, name, given.seed)
    net = train(net, feed, steps, BATCH, RATES[name], log, kept_at)
    torch.save(net.state_dict(), kept_at)
    path = written(net, given.cache / f"eye-{name}-float.onnx", data)
    print(f"wrote {path.relative_to(ROOT)}, {path.stat().st_size} B", flush=True)


def written(net: Network, floats: Path, data: Pictures) -> Path:
    """Write a network into the package, and in floats into a file beside its weights."""
    floats.write_bytes(exported(net).SerializeToString())
    path = ROOT / "fleet" / "eyes" / "models" / f"eye-{net.name}.onnx"
    path.parent.mkdir(exist_ok=True)
    half = floats.with_name(f"{path.stem}-int8.onnx")  # the package has it when it is whole
    quantised(floats, half, data, net)
    model = onnx.load(half)
    metadata(model, threshold=1.0)  # a guess, to look with
    onnx.save(model, half)
    metadata(model, balanced(half))
    onnx.save(model, half)
    shutil.copyfile(half, path)
    return path


def main() -> None:
    """Train the networks asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("small", "large"), help="the large one needs the other")
    parser.add_argument("--steps", type=int, help="of training, instead of the usual number")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--count", type=int, default=COUNT, help="pictures")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "eyes")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    for name in (given.only,) if given.only else ("small", "large"):
        made(name, given)


if __name__ == "__main__":
    main()
