"""AI sensors and cameras against what was published: times, rates, power, bytes of a message."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fleet.errors import InputError
from fleet.model.frames import CAPTURE, OBJECTS, PAYLOAD, READY, SENSED
from fleet.proof.validate_bench import Bench, Measured, scenario

_FASTEST_FPS = 1000.0

# Networks of others that no scenario needs: multiplications, bytes moved, layers, counted by
# `fleet profile` on their public definitions.
LOGGED = {
    "cifar-baseline": (4_433_920, 155_026, 7),
    "cifar-deeper": (7_963_904, 269_970, 10),
    "cifar-baseline-5x5": (12_298_240, 205_714, 7),
    "cifar-mininet": (24_478_976, 509_202, 11),
    "cifar-nascifarnet": (36_180_992, 771_058, 15),
    "cifar-ressimplenet": (18_449_664, 701_714, 22),
}


def measure(bench: Bench, name: str, _published: float) -> float:
    """Return what the model gives for a figure, by its id: what is measured, then of what."""
    test, _, rest = name.partition("-")
    return _TESTS[test](bench, rest)


def _run(
    bench: Bench, model: str, device: str = "imx500", rate: str = "5 fps", **arm: str
) -> Measured:
    """Return a run of ten seconds of one AI sensor."""
    if model in LOGGED:
        features = map(str, LOGGED[model])
        costs = dict(zip(("macs", "moved", "layers"), features, strict=True))
        bench = bench.copied("models", "tinytracker", model, **costs)
    equipment = {"device": device, "model": model, **arm}
    return bench.run(scenario(10, {"rate": rate}, equipment))


def _inferences(run: Measured) -> int:
    return int((run.rows[:, READY] >= 0).sum())


def _dsp_ms(bench: Bench, model: str) -> float:
    run = _run(bench, model)
    return float(run.state("sensor", "computing").time_ns) * 1e-6 / _inferences(run)


def _dsp_mw(bench: Bench, model: str) -> float:
    state = _run(bench, model).state("sensor", "computing")
    return float(state.energy_fj) * 1e-3 / state.time_ns


def _dsp_mj(bench: Bench, model: str) -> float:
    run = _run(bench, model)
    return float(run.state("sensor", "computing").energy_fj) * 1e-12 / _inferences(run)


def _sense_ms(bench: Bench, mode: str) -> float:
    """Return the time from the end of exposure to processed pixels."""
    return float(_run(bench, "tinytracker", mode=mode).ms(CAPTURE, SENSED).mean())


def _readout_ms(bench: Bench, mode: str) -> float:
    """Return the time of readout alone: that of sensing with a processor that takes none."""
    return _sense_ms(bench.having(("sensors", "imx500", "process", "0")), mode)


def _fetch_ms(bench: Bench, model: str) -> float:
    return float(_run(bench, model).ms(SENSED, READY).mean()) - _dsp_ms(bench, model)


def _dnn_ms(bench: Bench, model: str) -> float:
    """Return the time from pixels that are read out to the end of an inference."""
    return _sense_ms(bench, "full") - _readout_ms(bench, "full") + _dsp_ms(bench, model)


def _end_ms(bench: Bench, model: str) -> float:
    return float(_run(bench, model).ms(CAPTURE, READY).mean())


def _end_mj(bench: Bench, model: str) -> float:
    """Return the energy of a frame until its result is there: sensing, computing, idling."""
    run = _run(bench, model)
    frames = _inferences(run)
    busy, sensing = (run.state("sensor", *s) for s in (("sensing", "computing"), ("sensing",)))
    idle = run.state("sensor", "sense_idle")
    rest_ns = float(run.ms(CAPTURE, READY).mean()) * 1e6 - sensing.time_ns / frames
    return (busy.energy_fj / frames + rest_ns * idle.energy_fj / idle.time_ns) * 1e-12


def _chip_mw(bench: Bench, rest: str) -> float:
    """Return the mean power of the chip alone, as `MODE-FPS` or `MODE-FPS-MODEL`."""
    mode, fps, *model = rest.split("-", 2)
    run = _run(bench, model[0] if model else "tinytracker", rate=f"{fps} fps", mode=mode)
    states = ("sensing", "sense_idle", *(("computing",) if model else ()))
    return float(run.watts("sensor", *states)) * 1e3


def _top_fps(bench: Bench, rest: str) -> float:
    """Return the highest rate that a device, `DEVICE-MODE`, is allowed; fps."""
    device, _, mode = rest.rpartition("-")
    low, high = 0.1, _FASTEST_FPS
    while high - low > 1e-3 * high:
        rate = (low + high) / 2
        low, high = (rate, high) if _allowed(bench, device, mode, rate) else (low, rate)
    return round(low, 1)


def _allowed(bench: Bench, device: str, mode: str, fps: float) -> bool:
    arm = {"device": device, "mode": mode, "model": "tinytracker"}
    try:
        bench.plan(scenario(1, {"rate": f"{fps:.6f} fps"}, arm))
    except InputError:
        return False
    return True


def _results_per_s(bench: Bench, rest: str) -> float:
    """Return the results a second of a device at its highest rate in a mode."""
    device, _, mode = rest.rpartition("-")
    rate = f"{_top_fps(bench, rest)} fps"
    run = _run(bench, "tinytracker", device, rate, mode=mode)
    return len(run.rows) / run.seconds


def _poe_w(bench: Bench, rest: str) -> float:
    """Return the power of a camera with its port, at its highest rate in a mode."""
    device, _, mode = rest.rpartition("-")
    run = _run(bench, "tinytracker", device, f"{_top_fps(bench, rest)} fps", mode=mode)
    return float(run.watts("sensor") + run.watts("uplink"))


def _transfer_ms(bench: Bench, rest: str) -> float:
    """Return the time that a raw frame takes on the sensor's lanes: fetching with it, less none."""
    device, _, mode = rest.rpartition("-")
    runs = [_run(bench, "tinytracker", device, mode=mode, output=o) for o in ("raw", "message")]
    return float(np.subtract(*(run.ms(SENSED, READY).mean() for run in runs)))


def _message_bytes(bench: Bench, rest: str) -> float:
    """Return the bytes of a message of a model about some objects, as `MODEL-OBJECTS`."""
    model, _, objects = rest.rpartition("-")
    at_least = str(max(int(objects), int(bench.rows["models", model, "max_detections"].value)))
    roomy = bench.having(("models", model, "max_detections", at_least))
    run = _run(roomy.seeing(max(1.0, int(objects))), model)
    return float(run.rows[run.rows[:, OBJECTS] == int(objects), PAYLOAD].mean())


def _map_bytes(bench: Bench, rest: str) -> float:
    """Return the bytes of a message with a map of so many cells: 102 and 6 for each, in base64."""
    small = ("models", "deeplab-v3plus", "flatbuffer_base", str(102 + 6 * int(rest)))
    return float(_run(bench.having(small), "deeplab-v3plus").rows[:, PAYLOAD].mean())


def _tensor_bytes(bench: Bench, model: str) -> float:
    return float(_run(bench, model, output="tensor").rows[:, PAYLOAD].mean())


_CAMERAS = {  # device, codec, frames per second
    "1080p-h264": ("ip-camera-1080p", "h264-crf28", 30),
    "1080p-h265": ("ip-camera-1080p", "h265-crf30", 30),
    "1080p-jpeg": ("ip-camera-1080p", "jpeg-q60", 20),
    "4k-h265": ("ip-camera-4k", "h265-crf30", 25),
    "module-h264": ("camera-module-1080p", "h264-crf28", 30),
}


def _camera_w(bench: Bench, rest: str) -> float:
    """Return the power of a camera without its port and without a host of its own."""
    device, codec, rate = _CAMERAS[rest]
    arm = {"device": device, "codec": codec, "model": "yolo11m", "host": "none"}
    return bench.run(scenario(10, {"rate": f"{rate} fps"}, arm)).watts("sensor")


_TESTS: dict[str, Callable[[Bench, str], float]] = {
    "dsp": _dsp_ms,
    "dnn": _dnn_ms,
    "dsp_power": _dsp_mw,
    "dsp_energy": _dsp_mj,
    "readout": _readout_ms,
    "sense": _sense_ms,
    "fetch": _fetch_ms,
    "end": _end_ms,
    "end_energy": _end_mj,
    "chip_power": _chip_mw,
    "top_rate": _top_fps,
    "results": _results_per_s,
    "poe_power": _poe_w,
    "transfer": _transfer_ms,
    "message": _message_bytes,
    "map": _map_bytes,
    "tensor": _tensor_bytes,
    "camera": _camera_w,
}
