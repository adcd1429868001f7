"""What is measured: a city of cameras over fibre, and a textbook chain of queues."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fleet.plan.compile import catalogue, compile_plan
from fleet.plan.plan import Plan
from fleet.scenario.load import loads

Data = dict[str, Any]

CELL_SENSORS = 50
REGIONS = 2
"""Data centres of the city: so many shards need hand nothing over."""
PORT_NS = 8
"""What a frame of 1 MB takes at the highest rate that a link may have."""
_L4_FRAMES_S = 320  # that one server takes of this model with some room to spare
_MBIT_S, _MBIT_S_FPS = 0.5, 0.1
"""What a camera is given of the links that all share, and more for each frame a second: what moves
between two frames is sent whichever their distance is."""


def city(sensors: int, rate_fps: int, duration: str, regions: int = REGIONS) -> Data:
    """Return cameras with a port each, 50 at a passive optical network, and GPUs in the cloud.

    Every stage is at work: scene, capture, DSP or encoder, port, shared access, backhaul, WAN,
    decoding, batches of eight, and the result's way to its consumer. Each of the regions has its
    part of the cameras, a ring of metro Ethernet, a WAN and servers.
    """
    # Shared links grow with the city, so that every size is at the same load.
    counts = [(sensors + r) // regions for r in range(regions)]
    mbit_s = _MBIT_S + _MBIT_S_FPS * rate_fps
    rates = [f"{max(0.1, round(n * mbit_s / 1000, 1))} Gbit/s" for n in counts]
    servers = [max(1, -(-n * rate_fps // _L4_FRAMES_S)) for n in counts]
    links: Data = {}
    groups: Data = {}
    for r, (count, rate) in enumerate(zip(counts, rates, strict=True)):
        groups[f"camera-{r}"] = {
            "count": count, "cells": max(1, count // CELL_SENSORS), "rate": f"{rate_fps} fps",
            "app": "watch", "uplink": f"port-{r}",
        }  # fmt: skip
        links |= {
            f"port-{r}": {"technology": "poe", "shared_by": "sensor", "to": f"fibre-{r}"},
            f"fibre-{r}": {"technology": "gpon", "shared_by": "cell", "to": f"metro-{r}"},
            f"metro-{r}": {"technology": "metro-ethernet", "shared_by": "city", "to": f"wan-{r}",
                           "rate": rate},
            f"wan-{r}": {"technology": "wan", "shared_by": "city", "to": f"centre-{r}",
                         "rate": rate},
        }  # fmt: skip
    return {
        "name": f"bench-{sensors}",
        "seed": 7,
        "start": "2024-05-16T17:00",
        "light": "day",
        "duration": duration,
        "sensors": groups,
        "links": links,
        "cloud": {
            "region": "centre-0", "server": "l4", "servers": servers[0],
            "batch": {"max": 8, "wait": "5 ms"},
        },
        "regions": {f"centre-{r}": {"servers": servers[r]} for r in range(1, regions)},
        "arms": {
            "cloud": {
                "device": "ip-camera-1080p", "codec": "h264-crf28", "model": "yolo11m",
                "eye": "nanodet",
            },
            "on_sensor": {"device": "imx500", "model": "ssd-mobilenet-v2"},
        },
    }  # fmt: skip


def live(sensors: int, rate_fps: int, duration: str) -> Data:
    """Return a city in which our own networks look at rendered frames."""
    data = city(sensors, rate_fps, duration)
    for arm, eye in (("cloud", "eye-large"), ("on_sensor", "eye-small")):
        data["arms"][arm]["eye"] = eye
    return {**data, "inference": "live"}


def textbook(sensors: int, duration: str, *, ports: bool = False) -> Data:
    """Return equal frames of equal sensors through a FIFO cell, a FIFO backhaul and a FIFO pool.

    With `ports` each sensor has a port of its own before its cell, which every frame leaves
    `PORT_NS` after its capture: the same queues, a little later.
    """
    port = {"port": {"technology": "wire", "shared_by": "sensor", "to": "cell",
                     "rate": "1000 Tbit/s"}} if ports else {}  # fmt: skip
    cells, mbit_s = max(1, sensors // 20), 80 * sensors  # of frames of 1 MB ten times a second
    return {
        "name": f"textbook-{sensors}",
        "seed": 7,
        "start": "2024-05-16T17:00",
        "light": "day",
        "duration": duration,
        "catalogue": "../proof/textbook",
        "sensors": {
            "camera": {
                "count": sensors, "cells": cells, "rate": "10 fps", "app": "gaze",
                "uplink": "port" if ports else "cell",
            }
        },
        "links": port | {
            "cell": {"technology": "wire", "shared_by": "cell", "to": "backhaul",
                     "rate": f"{1.2 * mbit_s / cells:.3f} Mbit/s"},
            "backhaul": {"technology": "metro-ethernet", "shared_by": "city", "to": "cloud",
                         "rate": f"{1.1 * mbit_s:.3f} Mbit/s", "propagation": "0 ns",
                         "buffer": "1 TB"},
        },
        "cloud": {"server": "server", "servers": max(1, -(-sensors // 80)), "decode": False},
        "arms": {
            "cloud": {
                "device": "instant-camera", "codec": "constant", "model": "constant",
                "protocol": "bare",
            }
        },
    }  # fmt: skip


def plan(data: Data, arm: str) -> Plan:
    """Return the plan of an arm of a workload."""
    # The textbook's rows lie elsewhere, which only who asks for them may say.
    elsewhere = [f"catalogue={data['catalogue']}"] if "catalogue" in data else []
    scenario = loads(json.dumps(data), str(Path(__file__).parent / "workload.yaml"), elsewhere)
    return compile_plan(scenario, catalogue(scenario), arm)
