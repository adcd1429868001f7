"""Every mistake of a user is one line with a place and a remedy, and exit code 2."""

from __future__ import annotations

import copy
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import worlds

import fleet
from fleet.cli import main as cli
from fleet.errors import InputError
from fleet.plan.capture_times import CaptureTimes
from fleet.plan.capture_times import read as read_times
from fleet.plan.roster import place_sensors
from fleet.scenario.city import read_demand
from fleet.scenario.load import loads

Change = dict[str, Any]


def changed(**paths: Any) -> dict[str, Any]:
    """Return the small scenario with values replaced; `a__b` is the value b below a."""
    data = copy.deepcopy(worlds.scenario())
    for path, value in paths.items():
        *above, last = path.split("__")
        node = data
        for key in above:
            node = node.setdefault(key, {})
        if value is DELETE:
            del node[last]
        else:
            node[last] = value
    return data


DELETE = object()
AUTOSCALE = {"max": 4, "target": "70 %", "every": "1 s", "cooldown": "1 s"}
LINK = {"technology": "test-cell", "shared_by": "cell", "to": "metro"}
WAN = {"technology": "test-wan", "shared_by": "city", "to": "cloud"}
ENDS = {"from": "west-europe", "to": "east-us"}
CAPPED = {**LINK, "cap": "1 MB", "throttled_rate": "1 Mbit/s"}
BOX = {"after": "cell", "shared_by": "cell", "server": "test-gpu"}
HERE = {"lat": 60, "lon": 25, "km": 2}
REWRITE = {"at": "1 s", "rewrite": "cam", "model": "tiny"}


def at_edge(**edges: Any) -> dict[str, Any]:
    """Return the small scenario with cameras that want to be inferred at an edge."""
    return changed(edges=edges, arms__cloud__infer="edge")


BAD = [
    # unknown keys and missing keys
    (changed(sensers={}), "sensers: unknown key 'sensers' (did you mean 'sensors'?)"),
    (
        changed(sensors__cam__rat="5 fps"),
        "sensors.cam.rat: unknown key 'rat' (did you mean 'rate'?)",
    ),
    (changed(links__cell__bufer="1 MB"), "unknown key 'bufer' (did you mean 'buffer'?)"),
    (changed(duration=DELETE), "duration: is missing"),
    # units
    (changed(duration=10), "duration: 10 has no unit"),
    (changed(cloud__batch={"max": 2, "wait": 1}), "cloud.batch.wait: 1 has no unit"),
    (
        changed(
            sensors__cam__capture={"trace": {"file": "t.csv", "column": "t", "offset": "-1 s"}}
        ),
        "sensors.cam.capture.trace.offset: '-1 s' is negative",
    ),
    (changed(sensors__cam__priority=8), "sensors.cam.priority: 8"),
    (changed(sensors__cam__priority="high"), "sensors.cam.priority: 'high'"),
    (changed(sensors__cam__weight=0), "sensors.cam.weight: 0"),
    (changed(sensors__cam__weight="70 %"), "sensors.cam.weight: '70 %'"),
    (changed(sensors__cam__capture="period"), "sensors.cam.capture: 'period': input should be 'p"),
    (
        changed(sensors__cam__rate="10000.001 fps"),
        "at most 666.667 fps in mode 'full', asked 10000 fps",
    ),
    (
        changed(place=DELETE, timezone="UTC", light="sun"),
        "(no city is known for the time zone 'UTC'): add a 'place: {lat",
    ),
    (changed(place=DELETE, light="sun"), "where the sensors are: add a 'timezone', a 'place: {lat"),
    (
        changed(start="2026-03-29T03:30", timezone="Europe/Helsinki"),
        "start: 2026-03-29T03:30 is not there in Europe/Helsinki, whose clocks go from 03:00 to 04:"
        "00 then; write 2026-03-29T02:59 or 2026-03-29T04:00",
    ),
    (
        changed(start="2024-03-31T03:00", timezone="Europe/Helsinki"),
        "start: 2024-03-31T03:00 is not there in Europe/Helsinki, whose clocks go from 03:00 to",
    ),
    (
        changed(start="2024-10-27T03:30", timezone="Europe/Helsinki"),
        "start: 2024-10-27T03:30 is there twice in Europe/Helsinki, whose clocks go from 04:00 to"
        " 03:00 then; write 2024-10-27T03:30+03:00 for the first or 2024-10-27T03:30+02:00 for",
    ),
    (
        changed(start="2024-10-27T03:30+01:00", timezone="Europe/Helsinki"),
        "start: 2024-10-27T03:30 is there twice in Europe/Helsinki",
    ),
    (
        changed(start="2024-05-16T17:00+02:00", timezone="Europe/Helsinki"),
        "start: 2024-05-16T17:00+02:00 is not there in Europe/Helsinki; write 2024-05-16T17:00+03:"
        "00, or 2024-05-16T17:00",
    ),
    (
        changed(start="2024-05-16T17:00+03:00"),
        "'start' 2024-05-16T17:00+03:00 says how far clocks are ahead of UTC, for which it",
    ),
    (changed(start="2024-05-16T17:00Z"), "start: '2024-05-16T17:00Z' is not a local date and time"),
    # days
    (
        changed(days={"2024-02-30": "weekend"}),
        "'2024-02-30': day is out of range for month; write a",
    ),
    (changed(days={"6.12.2024": "weekend"}), "is not a date, such as '2024-12-06'"),
    (changed(days={"2024-12-06": "holiday"}), "days.2024-12-06: 'holiday' is not"),
    (changed(days={"2024-12-06": "weekend at"}), "write 'weekend' or 'weekday', how many people"),
    (changed(days={"2024-12-06": "-20 %"}), "days.2024-12-06: '-20 %' is negative"),
    (
        changed(days={"2024-12-06": "weekend at 2000000 %"}),
        "is above 100000 %, the most that it may",
    ),
    (changed(days=["2024-12-06"]), "days: "),
    (changed(warm_up="2 s"), "warm_up: 2 s leaves nothing to count of a run of 2 s"),
    (changed(warm_up="-1 s"), "warm_up: '-1 s'"),
    (changed(warm_up="half"), "warm_up: 'half'"),
    (changed(duration="10 fps"), "duration: '10 fps' is a frame rate, not a time"),
    (changed(links__cell__rate="fast"), "links.cell.rate: 'fast' is not a rate"),
    (changed(links__cell__rate="5 MB"), "'5 MB' is data, not a rate"),
    (changed(links__cell__rate="-5 Mbit/s"), "links.cell.rate"),
    (changed(links__cell__rate="inf Mbit/s"), "links.cell.rate"),
    (changed(links__cell__rate="0 bit/s"), "must be more than zero"),
    (changed(sensors__cam__rate="0 fps"), "must be more than zero"),
    (changed(duration="0 s"), "must be more than zero"),
    (changed(cloud__batch={"max": 2, "wait": "-1 ms"}), "cloud.batch.wait"),
    (changed(seed=-1), "seed"),
    (changed(seed=1.5), "seed"),
    (changed(cloud__servers=0), "cloud.servers"),
    # names
    (changed(arms__on_sensor__device="tset-ai"), "no device 'tset-ai' (did you mean 'test-ai'?)"),
    (changed(arms__on_sensor__model="tinny"), "no model 'tinny' (did you mean 'tiny'?)"),
    (changed(arms__cloud__codec="test-codek"), "did you mean 'test-codec'?"),
    (changed(arms__cloud__codec=DELETE), "needs a codec"),
    (changed(arms__on_sensor__codec="test-codec"), "remove the codec"),
    (changed(arms__cloud__publish="every inference"), "'publish' is for AI sensors"),
    (changed(arms__on_sensor__publish="sometimes"), "is not a publishing rule"),
    (changed(arms__on_sensor__publish="every 0 inferences"), "publish at least"),
    (changed(arms__cloud__model="tiny"), "the time of 'tiny' on server 'test-gpu' is not known"),
    (changed(cloud__server="test-gpo"), "no server 'test-gpo' (did you mean 'test-gpu'?)"),
    (changed(sensors__cam__app="wach"), "no app 'wach' (did you mean 'watch'?)"),
    (changed(links__cell__technology="test-sell"), "did you mean 'test-cell'?"),
    (changed(arms__on_sensor__protocol="mqt"), "no protocol 'mqt'"),
    (changed(arms__m={"place": {"cam": "clout"}}), "no arm 'clout' (did you mean 'cloud'?)"),
    (changed(arms__m={"place": {"can": "cloud"}}), "no group 'can' (did you mean 'cam'?)"),
    (changed(arms__m={"place": {}}), "says nothing about cam"),
    (changed(arms__m={"place": {"cam": "cloud"}, "device": "test-ai"}), "takes its equipment"),
    (changed(arms__cloud__eye="eye-sharpp"), "arms.cloud.eye: nobody sees as 'eye-sharpp'"),
    (
        changed(arms__cloud__eye="eye-small", inference="constant"),
        "'inference: constant' shows nothing to a network; remove it",
    ),
    (changed(inference="live"), "inference: 'live': none of eye-large, eye-small stands for"),
    (changed(grid="finn"), "grid: no grid 'finn' (did you mean 'fin'?); a country in three"),
    (
        changed(arms__cloud__rate="26 fps"),
        "arms.cloud.rate: 26 fps is above the 25 fps of 'cam', which it can only lower",
    ),
    (
        changed(arms__cloud__per={"cam": {"rate": "26 fps"}}),
        "arms.cloud.per.cam.rate: 26 fps is above the 25 fps of 'cam'",
    ),
    (changed(arms__cloud__rate="5.000000007 fps", duration="1 d"), "is too fine"),
    (changed(arms__on_sensor__infer="cloud"), "'test-ai' has no encoder; to infer elsewhere give"),
    (
        changed(
            arms__on_sensor={
                "device": "test-ai",
                "infer": "cloud",
                "model": "cloudy",
                "codec": "test-codec",
                "encoder": "test-camra",
            }
        ),
        "arms.on_sensor.encoder: 'test-ai' has no encoder; to infer elsewhere give 'encoder', not"
        " 'test-camra' (did you mean 'test-camera'?)",
    ),
    (changed(arms__on_sensor__encoder="test-camera"), "infers on the sensor; remove 'encoder', or"),
    (changed(arms__cloud__encoder="test-camera"), "'test-camera' has an encoder of its own"),
    (changed(baseline="clout"), "baseline: no arm 'clout' (did you mean 'cloud'?)"),
    # paths to a region
    (changed(sensors__cam__uplink="cel"), "no link or region 'cel' (did you mean 'cell'?)"),
    (changed(sensors__cam__uplink="cloud"), "'cloud' is a region; a sensor needs a link"),
    (changed(links__metro__to="nowhere"), "links.metro.to: no link or region 'nowhere'"),
    (changed(links__wan__to="metro"), "cannot come after"),
    (changed(links__metro__to="metro"), "cannot come after"),
    (
        changed(arms__cloud__per={"cem": {"rate": "3 fps"}}),
        "arms.cloud.per.cem: no group 'cem' (did you mean 'cam'?); groups: cam",
    ),
    # what does not fit
    (changed(arms__on_sensor__model="huge"), "49,100,000 B too many; take a smaller model"),
    (changed(arms__on_sensor__device="test-ai-small"), "B too many; take a smaller model"),
    (changed(sensors__cam__rate="20000 fps"), "captures at most"),
    (
        changed(events=[{"at": "1 s", "profile": "cam-3", "rate": "20000 fps"}]),
        "captures at most",
    ),
    (changed(sensors__cam__rate="29.97002999 fps", duration="1 d"), "is too fine"),
    (
        changed(cloud__autoscale={**AUTOSCALE, "target": "0.01 %"}),
        "cloud.autoscale.target: '0.01 %' is below 0.1 %, the least that it may be",
    ),
    (changed(cloud__autoscale={**AUTOSCALE, "min": 9}), "min 9 is above max 4"),
    (changed(cloud__autoscale={**AUTOSCALE, "min": 0}), "'min: 0' needs 'queue'"),
    (changed(cloud__autoscale={**AUTOSCALE, "min": -1}), "cloud.autoscale.min"),
    (changed(cloud__autoscale={**AUTOSCALE, "queue": 0}), "cloud.autoscale.queue"),
    (changed(cloud__autoscale={**AUTOSCALE, "stabilise": "-1 s"}), "cloud.autoscale.stabilise"),
    (changed(cloud__autoscale={**AUTOSCALE, "tolerance": "110 %"}), "cloud.autoscale.tolerance"),
    (changed(links__cell__buffer="1 kB"), "never holds a frame"),
    # how many
    (changed(sensors={}), "'sensors' is empty"),
    (changed(sensors__cam__count=0), "sensors.cam.count"),
    (changed(sensors__cam__count=DELETE), "give either 'at' (sites of the city) or 'count'"),
    (changed(arms={}), "'arms' is empty"),
    (changed(sensors__cam__at={"kind": "shop"}, sensors__cam__count=DELETE), "needs 'city"),
    # events and objectives
    (changed(events=[{"at": "1 s", "outage": "sell", "lasts": "1 s"}]), "did you mean 'cell'?"),
    (changed(events=[{"at": "1 s", "outage": "cell"}]), "outage needs lasts"),
    (changed(events=[{"outage": "cell", "mtbf": "1 s"}]), "outage needs 'at', or 'mtbf'"),
    (changed(events=[{"at": "1 s"}]), "give exactly one of outage, crash, failure, rewrite"),
    (
        changed(events=[{"at": "1 s", "link": "sell", "rate": "1 Mbit/s"}]),
        "events[0].link: no link 'sell' (did you mean 'cell'?)",
    ),
    (
        changed(events=[{"at": "1 s", "link": "cell", "rate": "5 fps"}]),
        "events[0]: the rate of a link is one of bits, such as '500 kbit/s'; 'profile' changes",
    ),
    (
        changed(events=[{"at": "1 s", "profile": "cam", "rate": "5 Mbit/s"}]),
        "events[0]: the rate of a profile is one of frames, such as '5 fps'; 'link' changes",
    ),
    (
        changed(events=[{"at": "1 s", "link": "cell", "rate": "0 bit/s"}]),
        "events[0].rate: '0 bit/s' must be more than zero",
    ),
    (
        changed(events=[{"at": "1 s", "link": "cell", "rate": "1 Mbit/s", "lasts": "1 s"}]),
        "events[0]: link at a stated time takes no lasts",
    ),
    (changed(events=[{"at": "1 s", "link": "cell"}]), "events[0]: link needs rate"),
    (changed(events=[{"at": "1 s", "crash": "kam"}]), "did you mean 'cam'?"),
    (
        changed(domains={"pole": {"shared_by": "city", "holds": []}}),
        "domains.pole.holds: ",
    ),
    (
        changed(domains={"pole": {"shared_by": "city", "holds": ["kam"]}}),
        "domains.pole.holds[0]: no group, link, edge or one of them 'kam' (did you mean 'cam'?)",
    ),
    (
        changed(events=[{"at": "1 s", "failure": "pole"}]),
        "events[0].failure: no domain, edge or region 'pole'; known: cloud",
    ),
    (
        changed(events=[{"at": "1 s", "join": "kam"}]),
        "events[0].join: no sensor or group 'kam' (did",
    ),
    (
        changed(events=[{"at": "1 s", "leave": "cell"}]),
        "events[0].leave: no sensor or group 'cell'",
    ),
    (
        changed(events=[{"at": "1 s", "leave": "cam", "cell": "cell-9"}]),
        "events[0].cell: no cell 'cell-9' (did you mean 'cell-",
    ),
    (
        changed(events=[{"at": "1 s", "leave": "cam", "lasts": "1 s"}]),
        "events[0]: leave at a stated time takes no lasts",
    ),
    (changed(events=[{"join": "cam"}]), "events[0]: join needs 'at'"),
    (changed(events=[{"at": "1 s", "join": "cam", "leave": "cam"}]), "give exactly one of outage"),
    (
        changed(events=[{"at": "9 s", "join": "cam"}]),
        "9 s from the start is not before the end of the run at 2 s",
    ),
    (
        changed(events=[{"at": "9 s", "crash": "cam"}]),
        "9 s from the start is not before the end of the run at 2 s",
    ),
    (changed(events=[{"at": "1 s", "rewrite": "cam", "model": "huge"}]), "B too many"),
    (changed(events=[{"at": "1 s", "profile": "cam"}]), "profile needs rate, demand or both"),
    (
        changed(events=[{"at": "1 s", "profile": "cam", "demand": 2, "lasts": "0 s"}]),
        "events[0].lasts: '0 s' must be more than zero",
    ),
    (
        changed(events=[{"at": "1 s", "profile": "cam", "demand": 2, "near": HERE}]),
        "events[0].near: no sensor of 'cam' stands within 2 km of 60, 25; sites made up with",
    ),
    (
        changed(events=[{"at": "1 s", "profile": "kam", "demand": 2, "near": HERE}]),
        "did you mean 'cam'?",
    ),
    (
        changed(events=[{"at": "1 s", "crash": "cam", "near": HERE}]),
        "events[0]: crash at a stated time takes no near",
    ),
    (
        changed(events=[{"at": "1 s", "profile": "cam", "demand": 2, "near": {**HERE, "km": 0}}]),
        "events[0].near.km",
    ),
    (changed(slo=["latency < 3"]), "no metric 'latency'"),
    (changed(slo=["quick!"]), "is not an objective"),
    (changed(slo=["lost < many"]), "slo[0]"),
    (changed(name="a/b"), "name: 'a/b' is not a name: up to 64 letters"),
    (changed(start="yesterday"), "start: 'yesterday' is not a local date and time, such as '2024-"),
    (changed(start="2024-13-40T10:00"), "start: '2024-13-40T10:00': month must be in 1..12"),
    # people
    (changed(sensors__cam__demand="300"), "demand: '300' has no unit; write a number with a unit"),
    (changed(sensors__cam__demand="3 fps"), "'3 fps' is a frame rate, not a number of people"),
    (changed(sensors__cam__demand="-1 /h"), "'-1 /h' is negative"),
    (changed(sensors__cam__demand="1e9 /h"), "'1e9 /h' is above 10,000,000 an hour"),
    (changed(sensors__cam__demand={}), "demand names no hour"),
    (changed(sensors__cam__demand={"7:30": "1 /h"}), "'7:30' is not a whole hour of the clock"),
    (changed(sensors__cam__demand={"07:00": "1 s"}), "07:00 '1 s' is a time, not a number"),
    (changed(sensors__cam__demand={"weekday": "1 /h"}), "needs both weekday and weekend"),
    (changed(sensors__cam__demand="9e6 /h"), "objects at once, more than 500; lower the demand"),
    (changed(slo=["lost < 5 ms"]), "slo[0]: '5 ms' is a time, not a fraction"),
    (changed(slo=["latency_ms.p99 < 20 %"]), "slo[0]: '20 %' is a fraction, not a time"),
    (changed(slo=["frames.lost < 1 %"]), "slo[0]: '1 %' is not in frames; write such as '5 fr"),
    (
        changed(slo=["bandwidth_mbit_s.wam.mean < 20"]),
        "no metric 'bandwidth_mbit_s.wam.mean' (did you mean 'bandwidth_mbit_s.wan.mean'?)",
    ),
    (changed(catalogue="nowhere"), "catalogue: folder 'nowhere' not found"),
    (changed(city={"sites": "../pyproject.toml"}), "is outside the scenario's folder"),
    (changed(city={"sites": "nowhere.csv"}), "file 'nowhere.csv' not found"),
    # how a sensor is read out, what it puts out, what stands beside it
    (
        changed(arms__on_sensor__mode="smal"),
        "arms.on_sensor.mode: 'test-ai' has no mode 'smal' (did you mean 'small'?);"
        " modes: full, small",
    ),
    (
        changed(arms__cloud__mode="full"),
        "arms.cloud.mode: 'test-camera' sends video; 'mode' is for AI sensors, remove it",
    ),
    (
        changed(arms__on_sensor__host="test-hots"),
        "arms.on_sensor.host: no host 'test-hots' (did you mean 'test-host'?); known: none",
    ),
    (changed(arms__cloud__host="pi-5"), "arms.cloud.host: no host 'pi-5'"),
    (
        changed(arms__on_sensor__output="jpeg"),
        "arms.on_sensor.output: 'jpeg': input should be 'message', 'tensor', 'roi', 'image'",
    ),
    (changed(arms__cloud__output="raw"), "arms.cloud.output: 'test-camera' sends video; 'output'"),
    (
        changed(arms__on_sensor__output="tensor", arms__on_sensor__codec="test-codec"),
        "arms.on_sensor.codec: output 'tensor' of 'test-ai' is not encoded; remove the codec",
    ),
    (
        changed(arms__on_sensor__output="image", arms__on_sensor__codec="test-codek"),
        "arms.on_sensor.codec: no codec 'test-codek' (did you mean 'test-codec'?)",
    ),
    (
        changed(arms__on_sensor__bitrate="1 Mbit/s"),
        "arms.on_sensor.bitrate: 'test-ai' infers on the sensor; remove 'bitrate'",
    ),
    (changed(arms__cloud__bitrate="1 MB"), "arms.cloud.bitrate: '1 MB' is data, not a rate"),
    (changed(arms__cloud__bitrate="0 bit/s"), "arms.cloud.bitrate: '0 bit/s' must be more than"),
    (
        changed(
            catalogue=None,
            sensors__cam__rate="60 fps",
            sensors__cam__uplink="lucid",
            links={"lucid": {"technology": "poe", "shared_by": "sensor", "to": "cloud"}},
            cloud={"server": "t4"},
            arms={"a": {"device": "lucid-triton", "mode": "binned4", "model": "tinytracker"}},
        ),
        "'lucid-triton' captures at most 30 fps in mode 'binned4', asked 60 fps",
    ),
    (changed(arms__on_sensor__publish="on changes"), "'on change', 'on change or every 60 s'"),
    (changed(arms__on_sensor__publish="on change or every 5"), "'5' has no unit"),
    # edges
    (
        changed(arms__on_sensor__infer="edge", edges={"box": BOX}),
        "'test-ai' has no encoder; to infer elsewhere give 'encoder', a camera whose encoder",
    ),
    (
        changed(arms__cloud__infer="sensor"),
        "arms.cloud.infer: 'sensor': input should be 'cloud' or 'edge'",
    ),
    (
        at_edge(),
        "arms.cloud.infer: the way of 'cam' (cell → metro → wan) passes 0 edges and must pass one;"
        " edges: none",
    ),
    (at_edge(a=BOX, b={**BOX, "after": "metro"}), "passes 2 edges and must pass one; edges: a, b"),
    (at_edge(a={**BOX, "after": "cel"}), "passes 0 edges and must pass one; edges: a"),
    (at_edge(a={**BOX, "after": "wan"}), "edges.a.after: lies behind a wan link"),
    (
        at_edge(a={**BOX, "shared_by": "sensor"}),
        "edges.a.shared_by: 'sensor': input should be 'site', 'cell' or 'city'",
    ),
    (at_edge(a={**BOX, "server": "test-gpo"}), "edges.a.server: no server 'test-gpo'"),
    (at_edge(a={**BOX, "autoscale": AUTOSCALE}), "edges.a.autoscale: unknown key 'autoscale'"),
    # servers
    (changed(cloud__more={"test-gpu": 1}), "cloud: 'more' names 'test-gpu' again; add to"),
    (changed(cloud__more={"test-gpi": 1}), "cloud.more: no server 'test-gpi' (did you mean"),
    (changed(cloud__more={"test-npu": 0}), "cloud.more.test-npu"),
    (
        changed(cloud__more={f"s{i}": 1 for i in range(8)}),
        "cloud: a pool has at most 8 kinds of servers",
    ),
    (
        changed(cloud__more={"coral": 1}),
        "arms.cloud.model: the time of 'cloudy' on server 'coral' is not known",
    ),
    (changed(cloud__decode="sometimes"), "cloud.decode: 'sometimes'"),
    (changed(cloud__deadline="5"), "cloud.deadline: '5' has no unit"),
    (changed(cloud__deadline="0 s"), "cloud.deadline: '0 s' must be more than zero"),
    (changed(regions={"far": {"deadline": "-1 s"}}), "regions.far.deadline"),
    # links
    (
        changed(links__cell__cap="1 MB"),
        "links.cell: 'cap' and 'throttled_rate' go together; give both or none",
    ),
    (changed(links__cell__throttled_rate="1 Mbit/s"), "links.cell: 'cap' and 'throttled_rate' go"),
    (changed(links__cell__cap_used="5 %"), "links.cell: 'cap_used' is a share of 'cap'"),
    (
        changed(links__cell={**CAPPED, "cap_used": "120 %"}),
        "links.cell.cap_used: '120 %' is above 100 %, the most that it may be",
    ),
    (
        changed(links__cell__cap_renews="monthly"),
        "links.cell: 'cap_renews' says when 'cap' starts anew; give that too",
    ),
    (
        changed(links__cell={**CAPPED, "cap_renews": "weekly"}),
        "links.cell.cap_renews: 'weekly': input should be 'never', 'daily' or 'monthly'",
    ),
    (changed(links__cell__loss="51 %"), "links.cell.loss: '51 %' is above 50 %, the most"),
    (changed(links__cell__loss={"mean": "1 %"}), "links.cell.loss.burst: is missing"),
    (changed(links__cell__loss={"burst": "1 s"}), "links.cell.loss: give either 'mean' (loss) or"),
    (
        changed(links__cell__loss={"burst": "1 s", "gap": "1 s", "mean": "1 %"}),
        "links.cell.loss: give either 'mean' (loss) or 'gap' (how long it is good)",
    ),
    (
        changed(links__cell__loss={"burst": "1 s", "gap": "1 s", "bad": "5 %", "good": "5 %"}),
        "links.cell.loss: 'good' of 0.05 is no less than 'bad' of 0.05; a link that always",
    ),
    (
        changed(links__cell__loss={"burst": "1 s", "mean": "30 %", "bad": "20 %"}),
        "links.cell.loss: 'mean' of 0.3 is not between 'good' of 0 and 'bad' of 0.2",
    ),
    (
        changed(links__cell__loss={"burst": "1 ms", "mean": "90 %"}),
        "links.cell.loss: between bursts of 1 ms it would be good for 0.111111 ms, which must be 1",
    ),
    (
        changed(links__cell__loss={"burst": "1 us", "gap": "1 s"}),
        "links.cell.loss.burst: '1 us' is",
    ),
    (
        changed(links__cell__loss={"burst": "1 s", "gap": "1 s", "bed": "5 %"}),
        "links.cell.loss.bed: unknown key 'bed' (did you mean 'bad'?)",
    ),
    (changed(links__cell__loss="2 ms"), "links.cell.loss: '2 ms' is a time, not a fraction"),
    (changed(links__cell__user_rate="3 MB"), "links.cell.user_rate: '3 MB' is data, not a rate"),
    (
        changed(links__wan__distance={"from": "west-eruope", "to": "east-us"}),
        "links.wan.distance.from: no cloud region 'west-eruope' (did you mean 'west-europe'?);"
        " nearest are west-europe, ",
    ),
    (
        changed(links__wan__distance={"from": "west-europe", "to": "mars"}),
        "links.wan.distance.to: no cloud region 'mars'; nearest are ",
    ),
    (
        changed(links__wan__distance={"from": "west-europe", "to": "west-europe"}),
        "links.wan.distance.to: no round trip from 'west-europe' to 'west-europe' is known; say",
    ),
    (changed(links__wan__distance={"to": "east-us"}), "links.wan.distance.from: is missing"),
    (
        changed(links__wan__distance={"form": "west-europe", "to": "east-us"}),
        "unknown key 'form' (did you mean 'from'?); allowed: from, to",
    ),
    (
        changed(links__wan={**WAN, "propagation": "1 ms", "distance": ENDS}),
        "links.wan: 'distance' says what 'propagation' is; give one of them",
    ),
    (
        changed(links__cell={**LINK, "distance": ENDS}),
        "links.cell.distance: is of the backbone between cloud regions, which 'test-cell' is not",
    ),
    # grid and prices
    (
        changed(grid="test-gird"),
        "grid: no grid 'test-gird' (did you mean 'test-grid'?); a country",
    ),
    (
        changed(prices="test-bok"),
        "prices: no price book 'test-bok' (did you mean 'test-book'?); known: usa-2025",
    ),
    (changed(retention="a month"), "retention: 'a month' is not a time"),
    # by the hour
    (
        changed(grid={"g_per_kwh": [100] * 23}),
        "grid.g_per_kwh: 23 numbers: write a list of 24 numbers, one for each hour of the day",
    ),
    (
        changed(grid={"g_per_kwh": [100] * 23 + [-1]}),
        "grid.g_per_kwh: hour 23: -1 is not between 0 and 1e+06",
    ),
    (changed(grid={"g_per_kwh": ["many"] * 24}), "grid.g_per_kwh: 'many' of hour 0 is not a num"),
    (changed(grid={}), "grid: give either 'g_per_kwh' (24 numbers) or 'file' (a CSV file)"),
    (
        changed(prices="test-book", tariff={"usd_per_kwh": [0.1] * 24, "file": "t.csv"}),
        "tariff: give either 'usd_per_kwh' (24 numbers) or 'file' (a CSV file)",
    ),
    (
        changed(tariff={"usd_per_kwh": [0.1] * 24}),
        "'tariff' says what electricity costs and needs 'prices' for the rest",
    ),
    (changed(grid={"file": "no.csv"}), "grid.file: file 'no.csv' not found beside the scenario"),
    # when things happen
    (
        changed(events=[{**REWRITE, "waves": 3}]),
        "events[0]: 'waves' of a rewrite and 'wave_every' go together; give both or none",
    ),
    (changed(events=[{**REWRITE, "wave_every": "1 s"}]), "events[0]: 'waves' of a rewrite and"),
    (changed(events=[{**REWRITE, "waves": 0}]), "events[0].waves"),
    (changed(events=[{**REWRITE, "at": "25:10"}]), "events[0].at: '25:10' is not a time of day"),
    (
        changed(events=[{**REWRITE, "at": "18:30"}]),
        "events[0].at: 5400 s from the start is not",
    ),
    (changed(events=[{**REWRITE, "at": "noon"}]), "events[0].at: 'noon' is not a time"),
    (changed(events=[{**REWRITE, "every": "0 s"}]), "events[0].every: '0 s' must be more than"),
    (
        changed(events=[{**REWRITE, "cell": "cell-9"}]),
        "events[0].cell: no cell 'cell-9' (did you mean 'cell-",
    ),
    (
        changed(events=[{"at": "1 s", "outage": "cell", "lasts": "1 s", "cell": "cell-0"}]),
        "events[0]: outage at a stated time takes no cell",
    ),
    (
        changed(events=[{"crash": "cam", "mtbf": "1 s", "mttr": "1 s", "every": "1 s"}]),
        "events[0]: crash needs 'at', or 'mtbf' and 'mttr' alone",
    ),
    (
        changed(events=[{"at": "1 s", "crash": "cam", "waves": 2, "wave_every": "1 s"}]),
        "events[0]: crash at a stated time takes no wave_every",
    ),
]


def explain(data: dict[str, Any]) -> str:
    """Return the error that a scenario gives when all its arms are planned."""
    from fleet.study.job import prepare

    with pytest.raises(InputError) as caught:
        prepare(worlds.load(data))
    return str(caught.value)


@pytest.mark.parametrize(("data", "expected"), BAD, ids=[expected[:50] for _, expected in BAD])
def test_mistakes_are_named(data: dict[str, Any], expected: str) -> None:
    message = explain(data)
    assert expected in message
    assert "\n" not in message
    assert (
        message.split(" ")[0].endswith(("made-up.yaml:1", ".csv:1", "'nowhere'")) or "--" in message
    )


def run_cli(*arguments: str) -> int:
    """Return the exit code of the command line."""
    with pytest.raises(SystemExit) as stop:
        cli.main(list(arguments))
    return int(stop.value.code or 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: x\nname: y\n", "already on line 1"),
        ("a: &x 1\nb: *x\n", "anchor"),
        ("- 1\n", "mapping"),
        ("", "empty"),
        ("a: [1\n", ":"),
        ("\x00", "character"),
    ],
)
def test_files_that_are_not_scenarios(
    text: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    assert run_cli("check", str(path)) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"fleet: {path}:")
    assert expected in shown.err
    assert shown.err.count("\n") == 1


def test_missing_and_huge_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli("check", str(tmp_path / "none.yaml")) == 2
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as file:
        file.truncate(100_000_000)
    assert run_cli("run", str(huge)) == 2
    assert capsys.readouterr().err.count("\n") == 2


def test_line_of_the_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = Path("scenarios/smoke.yaml").read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if "shared_by: city, to: wan" in line)
    lines[at] = lines[at].replace("to: wan", "to: van")
    path = tmp_path / "smoke.yaml"
    path.write_text("\n".join(lines))
    assert run_cli("check", str(path)) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"fleet: {path}:{at + 1} links.metro.to: no link or region 'van'")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--set", "cloud.servers"], "--set cloud.servers: write key.path=value"),
        (["--set", "cloud.servers=none"], "cloud.servers"),
        (["--set", "cloud.server.x=1"], "there is nothing below"),
        (["--set", "events.9.at=1 s"], "'9' is not one of the 4 positions"),
        (["--arm", "clout"], "no arm 'clout' (did you mean 'cloud'?)"),
        (["--window", "10"], "'10' has no unit"),
        (["--window", "0 s"], "must be more than zero"),
        (["--window", "1 h"], "longer than the lookahead"),
        (["--shards", "2", "--sensors-per-actor", "2"], "not both"),
        (["--frames", "x", "--set", "duration=20 d"], "--frames would keep about"),
    ],
)
def test_options_that_cannot_be_used(
    arguments: list[str], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--executor", "local", "-o", str(tmp_path / "out")]
    assert run_cli("run", "scenarios/smoke.yaml", *out, *arguments) == 2
    assert expected in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_folder_is_not_replaced(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("do not lose")
    assert run_cli("run", "scenarios/smoke.yaml", "--executor", "local", "-o", str(mine)) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]
    assert (mine / "thesis.txt").read_text() == "do not lose"


SITES = "id,kind,subtype,size,name,lon,lat,cell,footfall_rank\n"


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("id,kind\n", "sites.csv:1 has no column subtype, size"),
        (SITES + "a,shop,,,,1,1,c,0.5\na,shop,,,,1,1,c,0.5\n", "sites.csv:3 id 'a' stands twice"),
        (SITES + "a,shop,,,,x,1,c,0.5\n", "sites.csv:2 lon 'x' is not a number"),
        (SITES + "a,shop,,,,1,inf,c,0.5\n", "sites.csv:2 lat inf is not between"),
        (SITES + "a,shop,,,,1,1,c,1.5\n", "footfall_rank 1.5 is not between 0 and 1"),
        (SITES + "a,shop,,,,1,1,,0.5\n", "id and cell must not be empty"),
        (SITES + "a,shop\n", "sites.csv:2 has not 9 fields"),
        (SITES + "a,shoe,,,,1,1,c,0.5\n", "no site has {kind: shop} (did you mean 'shoe'?)"),
    ],
)
def test_tables_of_sites(table: str, expected: str, tmp_path: Path) -> None:
    from fleet.plan.roster import place_sensors
    from fleet.scenario.load import loads

    (tmp_path / "sites.csv").write_text(table)
    data = changed(
        city={"sites": "sites.csv"}, sensors__cam__at={"kind": "shop"}, sensors__cam__count=DELETE
    )
    with pytest.raises(InputError) as caught:
        place_sensors(loads(json.dumps(data), str(tmp_path / "s.yaml")))
    assert expected in str(caught.value)


HOURS_OF_A_WEEK = [(day, hour) for day in ("weekday", "weekend") for hour in range(24)]
LACKS = ("weekend", 22)
SENT = "counter,day,hour,mean_per_h\n"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["a,weekday,3,9"], "d.csv:50 counter 'a' weekday hour 3 stands twice, first in line 5;"),
        (["a,weekday,3.0,9"], "weekday hour 3.0 stands twice, first in line 5; keep one"),
        (["b,weekday,3.5,9"], "d.csv:50 hour 3.5 is not a whole hour from 0 to 23"),
        (["b,friday,3,9"], "d.csv:50 day 'friday' is neither weekday nor weekend"),
        (
            [f"b,{day},{hour},9" for day, hour in HOURS_OF_A_WEEK if (day, hour) != LACKS],
            "counter 'b' has 47 of 48 hours; it lacks weekend 22",
        ),
    ],
)
def test_tables_of_demand(rows: list[str], expected: str, tmp_path: Path) -> None:
    whole = [f"a,{day},{hour},1" for day, hour in HOURS_OF_A_WEEK]
    (tmp_path / "d.csv").write_text(SENT + "\n".join([*whole, *rows]) + "\n")
    with pytest.raises(InputError) as caught:
        read_demand(tmp_path / "d.csv")
    assert expected in str(caught.value)


def test_tables_from_a_spreadsheet(tmp_path: Path) -> None:
    rows = "\n".join(f"a,{day},{hour},1" for day, hour in HOURS_OF_A_WEEK)
    (tmp_path / "d.csv").write_text(SENT + rows + "\n", encoding="utf-8-sig")
    assert read_demand(tmp_path / "d.csv").counters == ("a",)
    (tmp_path / "d.csv").write_text((SENT + rows + "\n").replace(",", ";"))
    with pytest.raises(InputError, match=r"d\.csv:1 is cut at ';', not at commas"):
        read_demand(tmp_path / "d.csv")
    (tmp_path / "d.csv").write_text("counter,counter,day,hour,mean_per_h\n")
    with pytest.raises(InputError, match=r"d\.csv:1 has column counter more than once"):
        read_demand(tmp_path / "d.csv")


def times_of(rows: str, folder: Path, **trace: str) -> CaptureTimes:
    """Return the capture times of the small scenario's cameras from a file."""
    (folder / "t.csv").write_text(rows)
    data = changed(sensors__cam__capture={"trace": {"file": "t.csv", "column": "t_s", **trace}})
    loaded = loads(json.dumps(data), str(folder / "s.yaml"))
    return read_times(loaded, place_sensors(loaded))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("t_s,id\n1,cam-0\n1,cam-1\n1,cam-0\n", "t_s 1 of sensor 'cam-0' stands twice, in rows 1"),
        ("t_s,id\n-1,cam-0\n", "times count from the start"),
        ("t_s,id\n2024-05-16 12:00:01,cam-0\n", "'2024-05-16 12:00:01'; times are numbers that"),
        ("t_s,id\nnan,cam-0\n", "t_s in row 1 is empty or not a number"),
        ("t,id\n1,cam-0\n", "has no column t_s; it has t, id"),
        ("t_s;id\n1;cam-0\n", "has no column t_s, id; it has t_s;id"),
        ("t_s,id,id\n1,cam-0,cam-1\n", "has two columns id; rename or remove one"),
        ("t_s,id\n", "needs 1 to"),
        (
            "t_s,id\n1715860800.1,cam-0\n1715860801,cam-1\n",
            "none of the 2 rows of 't.csv' lies in the run of 2 s: the first, 1715860800.1, is"
            " 1,715,860,800.1 s after the start; 't_s' must count from the start of the run; these"
            " look like Unix times, so say 'offset: 1715860800 s'",
        ),
        ("t_s,id\n5,cam-0\n", "the first, 5, is 5.0 s after the start;"),
        (
            "t_s,id\n1,0\n1,1\n",
            "none of the 2 rows of 't.csv' is of a sensor of this group: 'id' has '0', '1', the"
            " group has 'cam-0', 'cam-1', 'cam-2', ...; use these names",
        ),
    ],
)
def test_capture_times(rows: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        times_of(rows, tmp_path, sensor="id")
    assert expected in str(caught.value)


def test_times_of_a_trace_have_no_rate_to_change(tmp_path: Path) -> None:
    events = [{"at": "1 s", "profile": "cam", "rate": "3 fps"}]
    with pytest.raises(InputError, match=r"events\[0\].rate: 'cam' captures at the times of a"):
        worlds.lone(tmp_path, [1, 2], {"technology": "test-port"}, events=events)


def test_capture_times_that_fit_in_part(tmp_path: Path) -> None:
    """They are read to the digits that stand in the file, whatever they count from."""
    rows = "t_s,id\n1715860800.1,cam-0\n1715860801.3,cam-0\n1715860807,cam-1\n1715860800,x\n"
    times = times_of(rows, tmp_path, sensor="id", offset="1715860800 s")
    assert times.times_ns.tolist() == [100_000_000, 1_300_000_000]
    assert times.spans == {"cam-0": (0, 2, 1_000_000), "cam-1": (2, 2, 1_000_000)}
    assert times.rates["cam"] == Fraction(2, 6 * 2)
    assert times.remarks == (
        "t.csv: 1 of 3 names fit no sensor of cam ('x'); their rows are not used.",
        "t.csv: 2 of 3 rows of cam lie in the run.",
        "t.csv: 5 of 6 sensors of cam capture nothing in the run ('cam-1', 'cam-2', 'cam-3', ...).",
    )


def test_a_replaced_value_is_named_by_its_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli("check", "scenarios/smoke.yaml", "--set", "cloud.server=t5") == 2
    assert "--set cloud.server=t5: cloud.server: no server 't5'" in capsys.readouterr().err
    assert run_cli("catalog", "show", "nix") == 2
    assert len(capsys.readouterr().err) < 150


def test_a_deployment_names_itself(tmp_path: Path) -> None:
    with (
        fleet.Simulation(worlds.load(worlds.scenario()), "on_sensor") as simulation,
        pytest.raises(InputError, match=r"^deploy\('cam-0', 'tinny'\): no model 'tinny'"),
    ):
        simulation.sensor("cam-0").deploy("tinny")
