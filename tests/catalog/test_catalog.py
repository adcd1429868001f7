import csv
import json
import re
from fractions import Fraction
from pathlib import Path

import pytest
import worlds

from fleet import units
from fleet.catalog import Catalog, Reader
from fleet.catalog.rows import COLUMNS, KINDS, Row, check
from fleet.errors import InputError
from fleet.model.setup import Setups
from fleet.plan.compile import catalogue, compile_plan
from fleet.scenario.load import loads

HEADER = ",".join(COLUMNS)
GOOD = "lte,rate,30,Mbit/s,20,40,my own measurement,2026,measured"
CAP_FPS = 30  # rates of the zoo end there
# The rates that are published for a network on the sensor: inference_rate in the zoo's files.
ZOO_FPS = {
    "ssd-mobilenet-v2": 26, "efficientdet-lite0": 23, "nanodet-plus-416": 23, "yolo11n": 17,
    "deeplab-v3plus": 19, "higherhrnet": 10, "posenet": 30, "mobilevit-xs": 22,
    "mobilevit-xxs": 26, "mobilenet-v2": 30,
}  # fmt: skip
# Times of a network on the sensor that were published by whoever measured them; ms.
DSP_MS = {"mobilenet-v1": 3.1, "tinytracker": 0.86, "picosam2": 14.3, "picosam3": 11.82}
CLOUD = ["ssd-mobilenet-v1", "ssd-resnet34", "retinanet", "resnet50", "yolo11m", "yolo11x"]
LARGE_PICTURES = ("ssd-resnet34", "retinanet")  # networks for more than a sensor gives
SENSORS = ["imx500", "imx501", "rpi-ai-camera", "lucid-triton"]
CHIP = ["mac_units", "dsp_clock", "memory", "input_max", "dsp_efficiency", "dsp_bandwidth"]
L4_TO_T4 = 12881.7 / 6035.6  # MLPerf ResNet-50 offline, frames per second

ITEMS = {
    "sensors": SENSORS,
    "cameras": ["ip-camera-1080p", "ip-camera-4k", "camera-module-1080p", "camera-module-4k"],
    "hosts": ["none", "mcu", "pi-zero", "pi-3b", "pi-4b", "camera-soc"],
    "codecs": ["h264-crf18", "h264-crf28", "h264-crf36", "h265-crf30", "jpeg-q60"],
    "links": [
        "poe", "gpon", "wifi", "lte", "lte-m", "nb-iot", "nr-low", "nr-mmwave", "metro-ethernet",
        "wan", "wan-national",
    ],
    "network": ["marginal", "average", "convention"],
    "servers": ["t4", "l4", "a10", "a2", "a100", "xavier-nx", "agx-orin", "coral", "hailo-8"],
    "models": [*ZOO_FPS, *DSP_MS, *CLOUD],
    "protocols": ["mqtt-tls", "rtp", "coap-dtls", "https", "rtsp-tcp", "srt"],
    "apps": ["count_visitors", "stock_shortage", "heat_map", "count_pedestrians", "watch"],
    "carbon": ["world", "fin", "jpn", "deu", "pol"],
    "prices": ["usa-2025", "jpn-2025", "deu-2025", "gbr-2025"],
    "eyes": ["ssd", "nanodet", "yolox", "fair"],
    "cuts": ["eye-small:input", "eye-small:join.conv", "eye-large:merge.sum"],
    "distances": ["west-europe", "east-us", "sweden-central", "japan-east"],
}  # fmt: skip
BY_LIGHT = [
    f"{number}_{light}" for light in ("dusk", "night", "rain")
    for number in ("i_share", "still_share", "moving_share", "i_added", "p_added")
]  # fmt: skip
# What every item of a kind says, by the getter that reads it.
GETTERS = {
    "sensors": {
        "text": ["kind", "host", "modes", "default_mode"],
        "count": ["mac_units", "input_max", "mipi_lanes"],
        "number": ["dsp_clock", "dsp_efficiency", "price", "noise_kept", *(
            f"supply_{rail}" for rail in ("analog", "core", "io")
        )],
        "data_bit": ["memory", "cache"],
        "time_ns": ["process", "fetch", "reboot", "layer_time", "lifetime"],
        "power_uw": [
            "sense_power", "sense_idle_power", "base_power", "dsp_power_base", "dsp_power_peak",
        ],
        "rate_bps": ["model_write_rate", "cached_write_rate", "mipi_lane_rate", "spi_rate",
                     "dsp_bandwidth", "resize_bandwidth"],
    },
    "cameras": {
        "text": ["kind", "host"], "count": ["width", "height"], "number": ["price", "noise_kept"],
        "time_ns": ["sense", "reboot", "lifetime", "encode_h264", "encode_h265", "encode_jpeg"],
        "frame_rate": ["frame_rate_max"],
        "power_uw": ["sense_power", "sense_idle_power", "base_power", "power_h264", "power_h265",
                     "power_jpeg"],
    },
    "hosts": {"power_uw": ["power"], "number": ["price"], "time_ns": ["lifetime"]},
    "codecs": {
        "text": ["family"], "count": ["reference_width", "reference_height", "gop"],
        "frame_rate": ["reference_rate"], "data_bit": ["i_frame", "p_frame"],
        "number": ["i_variation", "p_variation", "reference_objects", "static_share",
                   "rate_exponent", "i_rate_exponent", "psnr", *BY_LIGHT],
    },
    "links": {
        "text": ["stage", "access"], "rate_bps": ["rate", "user_rate", "downlink_rate"],
        "time_ns": ["propagation", "tail", "promotion", "drx_after", "drx_uplink", "drx_cycle",
                    "paging_cycle", "retry_time"],
        "data_bit": ["buffer"], "number": ["loss"], "count": ["retries"],
        "power_uw": ["idle_power", "active_base_power", "tail_power", "promotion_power"],
        "energy_nj_per_bit": ["active_power_per_rate"],
    },
    "network": {"energy_nj_per_bit": ["fixed_energy_per_bit", "mobile_energy_per_bit"]},
    "servers": {
        "text": ["kind"], "power_uw": ["idle_power", "busy_power", "host_power", "decode_power"],
        "time_ns": ["boot", "lifetime"], "number": ["pue", "price", "purchase"],
        "count": ["decoders", "decode_rate"],
    },
    "protocols": {"data_bit": ["per_message", "segment", "per_segment"]},
    "apps": {
        "number": ["share", "crop_share"], "time_ns": ["dwell"],
        "text": ["view", "indoors", "task"],
    },
    "carbon": {"number": ["intensity"]},
    "prices": {"number": ["electricity", "mobile_data", "fixed_data", "storage", "egress",
                          "ingress"]},
    "eyes": {"text": ["title", "family"], "count": ["input", "macs"], "number": ["map"]},
    "cuts": {
        "count": ["macs", "layers"],
        "data_bit": ["moved", "resized", "weights", "working", "tensor"],
    },
}  # fmt: skip
LIMITS = {"number": ["map_apart", "input_ratio", "macs_ratio"]}
MODE = {"count": ["width", "height"], "time_ns": ["readout"], "frame_rate": ["frame_rate_max"]}
OPTIONAL = {
    "i_pixel_exponent", "p_pixel_exponent", "quality", "quality_per_octave", "i_most",
}  # fmt: skip
_MODEL = {"text": ["task"], "count": ["input", "macs"], "data_bit": ["weights", "working"]}
GETTERS_ON_SENSOR = {
    "text": ["task"], "count": ["input", "macs", "layers", "max_detections"],
    "data_bit": ["weights", "working", "moved", "resized", "firmware", "tensor", "envelope",
                 "flatbuffer_base", "flatbuffer_per_object"],
}  # fmt: skip
GETTERS_CLOUD = _MODEL | {"data_bit": ["weights", "working", "result"], "number": ["variation"]}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.load()


@pytest.fixture
def reader(catalog: Catalog) -> Reader:
    return catalog.reader()


def value(catalog: Catalog, kind: str, item: str, parameter: str) -> float:
    return float(catalog.row(kind, item, parameter).value)


def on_sensor(catalog: Catalog) -> list[str]:
    return [m for m in catalog.items("models") if catalog.has("models", m, "moved")]


def in_cloud(catalog: Catalog) -> list[str]:
    return [m for m in catalog.items("models") if catalog.has("models", m, "t4_batch_base")]


def setups(
    catalog: Catalog, device: str, model: str, link: str = "poe", rate: str = "1 fps", **arm: str
) -> Setups:
    """Return the setup table of one packaged sensor on a packaged link to the region."""
    data = worlds.scenario(
        catalogue=None,
        sensors={"cam": {"count": 1, "rate": rate, "app": "watch", "uplink": "port"}},
        links={"port": {"technology": link, "shared_by": "sensor", "to": "cloud"}},
        cloud={"server": "t4"},
        arms={"on_sensor": {"device": device, "model": model, **arm}},
    )
    return compile_plan(loads(json.dumps(data), "own.yaml"), catalog, "on_sensor").sensors.setups


def dsp_ms(catalog: Catalog, model: str) -> float:
    return float(setups(catalog, "imx500", model).compute_ns[0]) * 1e-6


def load_own(folder: Path, *lines: str, stem: str = "links") -> Catalog:
    path = folder / f"{stem}.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n", "utf-8")
    return Catalog.load([path])


# What is in the packaged tables ---------------------------------------------------------------


@pytest.mark.parametrize("kind", ITEMS)
def test_expected_items_exist(catalog: Catalog, kind: str) -> None:
    assert set(ITEMS) == set(KINDS)
    assert set(ITEMS[kind]) <= set(catalog.items(kind))


@pytest.mark.parametrize("kind", GETTERS)
def test_every_item_has_the_parameters_of_its_kind_and_no_other(
    catalog: Catalog, kind: str
) -> None:
    for item in catalog.items(kind):
        getters = LIMITS if (kind, item) == ("eyes", "fair") else GETTERS[kind]
        if kind == "sensors":
            modes = catalog.row(kind, item, "modes").value.split()
            assert catalog.row(kind, item, "default_mode").value in modes
            getters = with_modes(getters, modes)
        read_all(catalog, kind, item, getters)
        named = {row.parameter for row in catalog.rows(kind, item)}
        assert named - OPTIONAL == {p for names in getters.values() for p in names}, item


def with_modes(getters: dict[str, list[str]], modes: list[str]) -> dict[str, list[str]]:
    suffixed = {
        get: [f"{p}_{mode}" for p in names for mode in modes] for get, names in MODE.items()
    }
    return {get: getters.get(get, []) + suffixed.get(get, []) for get in (*getters, *suffixed)}


def test_links_say_21_things(catalog: Catalog) -> None:
    for link in catalog.items("links"):
        assert len(catalog.rows("links", link)) == 21


def test_every_model_has_the_parameters_of_where_it_runs(catalog: Catalog) -> None:
    for model in catalog.items("models"):
        here, there = (model in group(catalog) for group in (on_sensor, in_cloud))
        assert here or there
        named = {row.parameter for row in catalog.rows("models", model)}
        known = {"map", "top1", "dsp_time", "rate_max", "eye", "family"}
        if here:
            read_all(catalog, "models", model, GETTERS_ON_SENSOR)
            known |= {p for names in GETTERS_ON_SENSOR.values() for p in names}
        if there:
            read_all(catalog, "models", model, GETTERS_CLOUD)
            known |= {p for names in GETTERS_CLOUD.values() for p in names}
        timed = {p for p in named if "_batch_" in p}
        servers = {p.split("_batch_")[0] for p in timed}
        assert servers <= set(catalog.items("servers"))
        assert timed == {f"{s}_batch_{p}" for s in servers for p in ("base", "per_frame", "hold")}
        assert named <= known | timed, model
        # Nobody has tried ours on COCO, but each is measured itself; what they find is in
        # results/eyes.
        ours = model in ("eye-small", "eye-large")
        detects = catalog.row("models", model, "task").value == "detection"
        assert catalog.has("models", model, "eye") == ours
        assert catalog.has("models", model, "map") == (detects and not ours)
        assert catalog.has("models", model, "family") == (detects and not ours)


def read_all(catalog: Catalog, kind: str, item: str, getters: dict[str, list[str]]) -> None:
    for getter, parameters in getters.items():
        for parameter in parameters:
            getattr(catalog.reader(), getter)(kind, item, parameter)


def test_every_number_has_a_range_and_recalled_ones_are_estimates(catalog: Catalog) -> None:
    """Where the range alone is recalled ("; high: ... (recalled)") the value may be better."""
    for kind in catalog.kinds():
        for row in (r for item in catalog.items(kind) for r in catalog.rows(kind, item)):
            assert (row.unit == "text") == (row.low == "") == (row.high == ""), row
            of_value = re.split(r"; (?:low|high|range)\b", row.source)[0]
            assert row.confidence == "estimate" or "recalled" not in of_value, row


def test_no_number_is_measured_or_said_by_a_vendor_without_a_source(catalog: Catalog) -> None:
    for kind in catalog.kinds():
        for row in (r for item in catalog.items(kind) for r in catalog.rows(kind, item)):
            of_value = re.split(r"; (?:low|high|range)\b", row.source)[0]
            if re.match(r"no (published |measured )?(source|number)\b", of_value):
                assert row.confidence == "estimate", row


def test_words_are_those_that_the_simulator_knows(catalog: Catalog) -> None:
    assert {catalog.row("sensors", i, "kind").value for i in SENSORS} == {"ai_sensor"}
    assert {catalog.row("cameras", i, "kind").value for i in ITEMS["cameras"]} == {"camera"}
    hosts = {catalog.row(k, i, "host").value for k in ("sensors", "cameras") for i in ITEMS[k]}
    assert hosts <= set(catalog.items("hosts"))
    families = {catalog.row("codecs", i, "family").value for i in catalog.items("codecs")}
    assert families == {"h264", "h265", "jpeg"}
    stages = {i: catalog.row("links", i, "stage").value for i in catalog.items("links")}
    assert {i for i in stages if stages[i] == "backhaul"} == {"metro-ethernet"}
    assert {i for i in stages if stages[i] == "wan"} == {"wan", "wan-national"}
    assert set(stages.values()) == {"uplink", "backhaul", "wan"}
    mobile = {i for i in stages if catalog.row("links", i, "access").value == "mobile"}
    assert mobile == {"lte", "lte-m", "nb-iot", "nr-low", "nr-mmwave"}


def test_every_radio_of_a_mobile_network_sleeps_and_every_wire_does_not(catalog: Catalog) -> None:
    timers = ("promotion", "promotion_power", "tail", "tail_power", "drx_after", "drx_uplink")
    for link in catalog.items("links"):
        numbers = [value(catalog, "links", link, p) for p in timers]
        if catalog.row("links", link, "access").value == "mobile":
            assert min(numbers) > 0, link
            assert value(catalog, "links", link, "user_rate") > 0
            assert value(catalog, "links", link, "drx_uplink") <= (
                value(catalog, "links", link, "drx_cycle")
            )
        elif link != "wifi":
            assert max(numbers) == 0, link


# Derived numbers follow from what they are derived from ---------------------------------------


@pytest.mark.parametrize("device", SENSORS)
@pytest.mark.parametrize("parameter", CHIP)
def test_all_sensors_are_one_chip(catalog: Catalog, device: str, parameter: str) -> None:
    first, other = (catalog.row("sensors", i, parameter) for i in ("imx500", device))
    assert (other.value, other.unit) == (first.value, first.unit)


def test_peak_rate_and_power_of_the_dsp(catalog: Catalog) -> None:
    """ISSCC 2021: 4.97 TOPS/W at the peak."""
    units_, clock = (value(catalog, "sensors", "imx500", p) for p in ("mac_units", "dsp_clock"))
    tops = 2 * units_ * clock * 1e6 / 1e12
    assert tops == pytest.approx(1.21, abs=0.005)
    peak = value(catalog, "sensors", "imx500", "dsp_power_peak")
    assert peak == round(1.21 / 4.97 * 1000) == 243


def test_energy_of_an_inference_is_the_measured_one(catalog: Catalog) -> None:
    """TinyTracker: 0.06 mJ in 0.86 ms, given with two digits."""
    row = setups(catalog, "imx500", "tinytracker")
    assert round(row.compute_uw[0] * row.compute_ns[0] * 1e-12, 2) == 0.06


def test_full_readout_and_processing_take_what_was_measured(catalog: Catalog) -> None:
    """TinyTracker: 17.9 ms from exposure to pixels; ISSCC 2021: 16.52 ms of readout."""
    row = setups(catalog, "imx500", "mobilenet-v1", mode="full")
    assert row.sense_ns[0] == 17_900_000
    fastest = value(catalog, "sensors", "imx500", "frame_rate_max_full")
    assert fastest <= 1000 / value(catalog, "sensors", "imx500", "readout_full")


@pytest.mark.parametrize("device", SENSORS)
def test_no_mode_is_faster_than_its_readout_and_more_pixels_take_longer(
    catalog: Catalog, device: str
) -> None:
    taken = []
    for mode in catalog.row("sensors", device, "modes").value.split():
        width, height, readout, rate = (
            value(catalog, "sensors", device, f"{p}_{mode}")
            for p in ("width", "height", "readout", "frame_rate_max")
        )
        assert rate * readout <= 1000
        taken.append((width * height, readout))
    taken.sort()
    assert [readout for _, readout in taken] == sorted(readout for _, readout in taken)


@pytest.mark.parametrize("device", SENSORS)
def test_lanes_carry_the_fastest_mode(catalog: Catalog, device: str) -> None:
    lanes, rate = (value(catalog, "sensors", device, p) for p in ("mipi_lanes", "mipi_lane_rate"))
    for mode in catalog.row("sensors", device, "modes").value.split():
        width, height, fps = (
            value(catalog, "sensors", device, f"{p}_{mode}")
            for p in ("width", "height", "frame_rate_max")
        )
        assert width * height * 10 * fps <= 1.001 * lanes * rate * 1e6, mode  # 10 bit a pixel


def test_sensing_power_is_the_whole_chip_less_what_computes(catalog: Catalog) -> None:
    power = value(catalog, "sensors", "imx500", "sense_power")
    assert value(catalog, "sensors", "imx500", "sense_idle_power") == round(power * 0.6)


def test_whole_poe_camera_with_its_port_and_host_draws_what_the_vendor_says(
    catalog: Catalog,
) -> None:
    """LUCID: 3.1 W over PoE, and the sum is all that is known."""
    own, sense, idle, read, rate = (
        value(catalog, "sensors", "lucid-triton", p)
        for p in (
            "base_power", "sense_power", "sense_idle_power", "readout_binned",
            "frame_rate_max_binned",
        )
    )  # fmt: skip
    reading = read * rate / 1000
    pixels = reading * sense + (1 - reading) * idle
    host = value(catalog, "hosts", catalog.row("sensors", "lucid-triton", "host").value, "power")
    port = value(catalog, "links", "poe", "idle_power")
    assert (own + pixels + host + port) / 1000 == pytest.approx(3.1, abs=0.002)
    row = setups(catalog, "lucid-triton", "mobilenet-v1")
    assert row.base_uw[0] == round((own + host) * 1000)


def test_module_is_rewritten_at_nine_clocks_a_byte(catalog: Catalog) -> None:
    rate = value(catalog, "sensors", "imx500", "model_write_rate")
    assert rate == pytest.approx(400 * 8 / 9, abs=0.05)


@pytest.mark.parametrize(("model", "ms"), DSP_MS.items())
def test_networks_take_what_was_published(catalog: Catalog, model: str, ms: float) -> None:
    """Four constants are fitted to these four times; two networks of them are nearly equal."""
    assert value(catalog, "models", model, "dsp_time") == ms
    allowed = 0.12 if model.startswith("picosam") else 0.05
    assert dsp_ms(catalog, model) == pytest.approx(ms, rel=allowed)


@pytest.mark.parametrize(("model", "fps"), ZOO_FPS.items())
def test_zoo_models_keep_their_rate(catalog: Catalog, model: str, fps: int) -> None:
    """A published rate bounds the time from above, and the rate is what the sensor gives."""
    assert value(catalog, "models", model, "rate_max") == fps <= CAP_FPS
    row = setups(catalog, "imx500", model)
    assert 0 < row.compute_ns[0] <= 1e9 / fps
    assert row.occupy_ns[0] == 1_000_000_000 // fps


def test_yolov8n_keeps_its_published_bound(catalog: Catalog) -> None:
    """It needs at most 40 ms (ultralytics pull request 14878)."""
    assert dsp_ms(catalog, "yolov8n") <= 40


def test_all_models_of_the_sensor_fit_it_and_cloud_models_do_not(
    catalog: Catalog, reader: Reader
) -> None:
    memory = reader.data_bit("sensors", "imx500", "memory") // 8
    assert memory == 8_388_480
    most = reader.count("sensors", "imx500", "input_max")
    for model in catalog.items("models"):
        needed = sum(reader.data_bit("models", model, part) for part in ("weights", "working")) // 8
        assert (needed <= memory) == (model in on_sensor(catalog)), model
        assert reader.count("models", model, "input") <= most or model in LARGE_PICTURES


@pytest.mark.parametrize(
    "model", ["ssd-mobilenet-v2", "efficientdet-lite0", "nanodet-plus-416", "yolo11n"]
)
def test_output_tensor_holds_the_most_detections(catalog: Catalog, model: str) -> None:
    # Boxes of 4 values and labels at 2 and scores at 1, 2 and 1 bytes, and a count of 2 bytes.
    most = value(catalog, "models", model, "max_detections")
    assert value(catalog, "models", model, "tensor") == most * (4 * 2 + 1 + 2) + 2


def test_message_of_two_boxes_is_the_sample_of_the_vendor(catalog: Catalog) -> None:
    """ObjectDetection_encoded.json of aitrios-sdk-deserialization-sample: 387 B, 152 before."""
    from fleet.model.camera import metadata_bytes

    envelope, base, each = (
        int(value(catalog, "models", "ssd-mobilenet-v2", p))
        for p in ("envelope", "flatbuffer_base", "flatbuffer_per_object")
    )
    assert base + 2 * each == 152
    assert metadata_bytes(2, base, each, 1, envelope) == 387


@pytest.mark.parametrize(
    ("model", "server", "single_ms", "offline_per_s"),
    [
        ("ssd-mobilenet-v1", "t4", 0.54, 7959.8),
        ("ssd-resnet34", "t4", 8.26, 135.5),
        ("ssd-mobilenet-v1", "a10", 0.337, 18445),
        ("ssd-mobilenet-v1", "a2", 0.443, 4856),
        ("ssd-mobilenet-v1", "xavier-nx", 1.417, 1539),
        ("ssd-mobilenet-v1", "agx-orin", 0.469, 6883),
    ],
)
def test_batch_curve_meets_both_ends_of_mlperf(
    catalog: Catalog, model: str, server: str, single_ms: float, offline_per_s: float
) -> None:
    base = value(catalog, "models", model, f"{server}_batch_base")
    per_frame = value(catalog, "models", model, f"{server}_batch_per_frame")
    assert base + per_frame == pytest.approx(single_ms, abs=6e-4)
    assert 1000 / per_frame == pytest.approx(offline_per_s, rel=1e-3)


def test_the_share_of_the_base_that_holds_a_server_is_told_or_the_median_of_what_is_told(
    catalog: Catalog,
) -> None:
    """Five pairs of MLPerf tell it; pipelines and what works one by one are known; else 0.36."""
    told = {
        ("resnet50", "t4"): 0.36, ("resnet50", "l4"): 0.18, ("retinanet", "l4"): 0,
        ("ssd-resnet34", "t4"): 1, ("ssd-resnet34", "a100"): 1,
    }  # fmt: skip
    median = sorted(told.values())[2]
    for model in in_cloud(catalog):
        for row in catalog.rows("models", model):
            if not row.parameter.endswith("_batch_hold"):
                continue
            server, share = row.parameter.removesuffix("_batch_hold"), float(row.value)
            assert 0 <= float(row.low) <= share <= float(row.high) <= 1
            if (model, server) in told:
                assert share == told[model, server]
            elif server in ("hailo-8", "coral") or model == "resnet50-tf":
                assert share in (0, 1)
            else:
                assert (share, row.low, row.high, row.confidence) == (median, "0", "1", "estimate")


@pytest.mark.parametrize(("rate", "cards", "most"), [(44_505, 8, 26), (12_204, 1, 16)])
def test_holds_allow_the_rates_that_mlperf_published(
    catalog: Catalog, rate: float, cards: int, most: int
) -> None:
    """h(B) <= n B / r, where t(B) is too long for that; ResNet-50 on T4 and L4."""
    server = "t4" if cards == 8 else "l4"
    base, per_frame, hold = (
        value(catalog, "models", "resnet50", f"{server}_batch_{p}")
        for p in ("base", "per_frame", "hold")
    )
    gap_ms = 1000 * cards * most / rate
    assert hold * base + per_frame * most < gap_ms < base + per_frame * most


@pytest.mark.parametrize(
    ("camera", "family", "mj"),
    [
        ("ip-camera-1080p", "h264", 10), ("ip-camera-1080p", "h265", 11),
        ("ip-camera-1080p", "jpeg", 7), ("ip-camera-4k", "h264", 30), ("ip-camera-4k", "h265", 33),
        ("ip-camera-4k", "jpeg", 21),
    ],
)  # fmt: skip
def test_energy_of_an_encoded_frame_does_not_follow_the_encoders_latency(
    catalog: Catalog, camera: str, family: str, mj: float
) -> None:
    """The sources tell an energy a frame; the row of power is that over the row of time."""
    ms, watts = (value(catalog, "cameras", camera, f"{p}_{family}") for p in ("encode", "power"))
    assert ms * watts == pytest.approx(mj, rel=1e-4)


@pytest.mark.parametrize(
    ("model", "single_ms"), [("yolo11n", 1.5), ("yolo11m", 4.7), ("yolo11x", 11.3)]
)
def test_batch_curve_of_yolo_has_the_share_of_ssd(
    catalog: Catalog, model: str, single_ms: float
) -> None:
    base = value(catalog, "models", model, "t4_batch_base")
    assert base + value(catalog, "models", model, "t4_batch_per_frame") == pytest.approx(single_ms)
    assert base / single_ms == pytest.approx(0.880 / 8.26, rel=1e-3)


def test_l4_is_faster_by_the_ratio_of_resnet(catalog: Catalog) -> None:
    """All but ResNet-50 and RetinaNet, which were measured there."""
    for model in in_cloud(catalog):
        if not catalog.has("models", model, "l4_batch_base") or model in ("resnet50", "retinanet"):
            continue
        for part in ("base", "per_frame"):
            t4, l4 = (value(catalog, "models", model, f"{s}_batch_{part}") for s in ("t4", "l4"))
            assert t4 / l4 == pytest.approx(L4_TO_T4, rel=2e-3), (model, part)


def test_servers_are_rented_or_bought_and_draw_more_when_busy(catalog: Catalog) -> None:
    for server in catalog.items("servers"):
        hourly, bought = (value(catalog, "servers", server, p) for p in ("price", "purchase"))
        assert (hourly > 0) != (bought > 0), server
        assert (catalog.row("servers", server, "kind").value == "cloud") == (hourly > 0)
        idle, busy = (value(catalog, "servers", server, f"{p}_power") for p in ("idle", "busy"))
        assert 0 < idle < busy, server
        assert value(catalog, "servers", server, "pue") >= 1


def test_t4_decodes_its_38_streams(catalog: Catalog) -> None:
    decoders, rate = (value(catalog, "servers", "t4", p) for p in ("decoders", "decode_rate"))
    assert decoders * rate == 38 * 1920 * 1080 * 30


def test_better_quality_takes_more_bytes(catalog: Catalog) -> None:
    for names in (
        ["h264-crf18", "h264-crf23", "h264-crf28", "h264-crf33", "h264-crf36"],
        ["h265-crf22", "h265-crf26", "h265-crf30", "h265-crf34", "h265-crf38"],
        ["jpeg-q85", "jpeg-q60", "jpeg-q30"],
    ):
        for parameter in ("i_frame", "psnr"):
            numbers = [value(catalog, "codecs", name, parameter) for name in names]
            assert numbers == sorted(numbers, reverse=True), (names, parameter)


def test_wired_port_draws_the_same_whether_it_sends_or_not(catalog: Catalog) -> None:
    idle, sending = (value(catalog, "links", "poe", f"{p}_power") for p in ("idle", "active_base"))
    assert idle == sending > 0
    assert value(catalog, "links", "poe", "active_power_per_rate") == 0


def test_marginal_energy_is_that_of_milliwatts_per_megabit(reader: Reader) -> None:
    fixed = reader.energy_nj_per_bit("network", "marginal", "fixed_energy_per_bit")
    mobile = reader.energy_nj_per_bit("network", "marginal", "mobile_energy_per_bit")
    assert float(fixed) == pytest.approx(30, rel=0.01)  # 0.03 W per Mbit/s
    assert float(mobile) == pytest.approx(1500, rel=0.01)


def test_lte_is_half_the_measured_round_trip_away(reader: Reader) -> None:
    assert reader.time_ns("links", "lte", "propagation") * 2 == units.time_ns("22 ms")


def test_radio_of_lte_wakes_as_measured(catalog: Catalog) -> None:
    """SIGCOMM 2021 artifact: first round trip 336 ms idle, 66 ms connected, tail 10.6 s."""
    assert value(catalog, "links", "lte", "promotion") == 336 - 66
    assert value(catalog, "links", "lte", "tail") == 10.6
    assert (
        value(catalog, "links", "lte", "drx_after") < value(catalog, "links", "lte", "tail") * 1e3
    )


def test_grids_differ_as_their_power_stations_do(catalog: Catalog) -> None:
    grams = {g: value(catalog, "carbon", g, "intensity") for g in catalog.items("carbon")}
    assert max(grams["nor"], grams["fra"], grams["fin"]) < grams["world"] < grams["pol"]
    assert 10 < min(grams.values()) < max(grams.values()) < 1500


# Look-up and typed getters --------------------------------------------------------------------


def test_getters_return_canonical_numbers(reader: Reader) -> None:
    assert reader.time_ns("sensors", "imx500", "readout_full") == 16_520_000
    assert reader.data_bit("sensors", "imx500", "memory") == 8_388_480 * 8
    assert reader.rate_bps("sensors", "imx500", "model_write_rate") == 355_600
    assert reader.power_uw("sensors", "imx500", "dsp_power_peak") == 243_000
    assert reader.energy_nj_per_bit("links", "lte", "active_power_per_rate") == Fraction("80.2")
    assert reader.frame_rate("cameras", "ip-camera-1080p", "frame_rate_max") == 30
    assert reader.number("sensors", "imx500", "dsp_clock") == Fraction("262.5")
    assert reader.number("prices", "usa-2025", "electricity") == Fraction("0.13")
    assert reader.count("codecs", "h264-crf28", "gop") == 50
    assert reader.text("links", "wan", "stage") == "wan"


def test_reader_remembers_what_was_used_once_and_in_order(catalog: Catalog) -> None:
    reader = catalog.reader()
    assert reader.used == {}
    for parameter in ("process", "fetch", "process"):
        reader.time_ns("sensors", "imx500", parameter)
    assert [row.parameter for row in reader.used.values()] == ["process", "fetch"]
    assert catalog.reader().used == {}


def test_has_looks_for_an_item_or_a_parameter(catalog: Catalog) -> None:
    assert catalog.has("links", "lte")
    assert catalog.has("links", "lte", "tail")
    assert not catalog.has("links", "5g")
    assert not catalog.has("links", "lte", "tale")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (("link", "lte", "rate"), "no kind 'link' (did you mean 'links'?); known: sensors"),
        (("links", "lt", "rate"), "no item in links 'lt' (did you mean 'lte'?); known: poe"),
        (("links", "lte", "rates"), "parameter of links 'lte' 'rates' (did you mean 'rate'?)"),
        (("links", "zzz", "rate"), "no item in links 'zzz'; known: poe, gpon, lte"),
    ],
)
def test_unknown_names_are_refused(
    catalog: Catalog, key: tuple[str, str, str], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        catalog.row(*key)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("getter", "parameter", "message"),
    [
        ("time_ns", "rate", "catalogue links lte rate: '20 Mbit/s' is a rate, not a time"),
        ("number", "tail", "catalogue links lte tail: '10.6 s' is a time, not a fraction"),
        ("count", "stage", "catalogue links lte stage: 'uplink' is not a count"),
        ("text", "rate", "catalogue links lte rate: must be a text"),
    ],
)
def test_getters_refuse_another_dimension(
    reader: Reader, getter: str, parameter: str, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        getattr(reader, getter)("links", "lte", parameter)
    assert message in str(caught.value)


# A user's own tables --------------------------------------------------------------------------


def test_a_users_row_replaces_the_packaged_one(catalog: Catalog, tmp_path: Path) -> None:
    own = load_own(tmp_path, GOOD)
    assert own.reader().rate_bps("links", "lte", "rate") == 30_000_000
    assert own.row("links", "lte", "tail") == catalog.row("links", "lte", "tail")
    assert own.items("links") == catalog.items("links")
    assert own.digest() != catalog.digest() == Catalog.load().digest()


def test_a_user_adds_items_and_servers(tmp_path: Path) -> None:
    lines = ["yolo11m,h100_batch_base,0.2,ms,,,my own measurement,2026,measured"]
    own = load_own(tmp_path, *lines, stem="models")
    assert own.reader().time_ns("models", "yolo11m", "h100_batch_base") == 200_000
    assert "5g" in load_own(tmp_path, GOOD.replace("lte", "5g")).items("links")


def test_a_later_file_wins(tmp_path: Path) -> None:
    paths = []
    for rate in (25, 35):
        (tmp_path / str(rate)).mkdir()
        paths.append(tmp_path / str(rate) / "links.csv")
        paths[-1].write_text(f"{HEADER}\n{GOOD.replace('30', str(rate))}\n", "utf-8")
    assert Catalog.load(paths).row("links", "lte", "rate").value == "35"


def test_files_as_spreadsheets_write_them_are_read(tmp_path: Path) -> None:
    path = tmp_path / "links.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([COLUMNS, GOOD.split(","), []])
    assert Catalog.load([path]).row("links", "lte", "rate").value == "30"


@pytest.mark.parametrize(
    ("stem", "row", "message"),
    [
        ("links", "lte,rate,0,Mbit/s", "lte rate: 0 Mbit/s must be above zero, 1 bit/s at least"),
        ("links", "lte,rate,0.5,bit/s", "lte rate: '0.5 bit/s' is too fine"),
        ("codecs", "h264-crf28,gop,0,count", "h264-crf28 gop: 0 must be above zero, 1 at least"),
        ("sensors", "imx500,dsp_clock,0,MHz", "imx500 dsp_clock: 0 must be above zero"),
        ("links", "lte,loss,0.6,1", "lte loss: 0.6 is above 0.5, the most that it can be"),
        ("links", "lte,loss,60,%", "lte loss: 60 % is above 0.5, the most that it can be"),
        ("links", "lte,tail,2000,d", "lte tail: 2000 d is above 1000 d, the most that it can be"),
        ("apps", "watch,dwell,1,us", "watch dwell: 1 us is below 1 ms, the least that it can be"),
        ("cameras", "ip-camera-1080p,noise_kept,2,1", "noise_kept: 2 is above 1, the most that"),
        ("servers", "t4,decoders,1e9,count", "is above 10000, the most that it can be"),
        ("models", "yolo11m,t4_batch_base,25,h", "25 h is above 1 d, the most that it can be"),
    ],
)
def test_numbers_beyond_sense_are_refused(
    tmp_path: Path, stem: str, row: str, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        load_own(tmp_path, f"{row},,,my own measurement,2026,measured", stem=stem)
    assert message in str(caught.value)


def test_names_of_files_may_end_in_capitals(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "LINKS.CSV").write_text(f"{HEADER}\n{GOOD}\n", "utf-8")
    data = {**worlds.scenario(), "catalogue": "own"}
    found = catalogue(loads(json.dumps(data), str(tmp_path / "s.yaml")))
    assert found.row("links", "lte", "rate").source == "my own measurement"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("lte,rate,30,Mbit/s", "links.csv:2 has 4 fields, not 9"),
        (GOOD.replace("30", "thirty"), "links.csv:2 lte rate: 'thirty' is not a number"),
        (GOOD.replace("30", "-30"), "'-30' is not a number, zero or more"),
        (GOOD.replace("30", "nan"), "'nan' is not a number"),
        (GOOD.replace("30", "1/3"), "'1/3' is not a number"),
        (GOOD.replace("30", ""), "value is empty"),
        (GOOD.replace("30", "50"), "low <= value <= high does not hold: 20 50 40"),
        (GOOD.replace("30", "10"), "low <= value <= high does not hold: 20 10 40"),
        (GOOD.replace("20,40", "x,40"), "'x' is not a number"),
        (GOOD.replace("Mbit/s", "Mbits"), "unknown unit 'Mbits'"),
        (GOOD.replace("Mbit/s", ""), "unit is empty"),
        (GOOD.replace("30,Mbit/s,20,40", "0.3,bit/s,,"), "too fine"),
        (GOOD.replace("30,Mbit/s", "30.5,px"), "too fine"),
        (GOOD.replace("measured", "sure"), "confidence 'sure' is not one of measured, vendor"),
        (GOOD.replace("2026", "26"), "year '26' is not a year"),
        (GOOD.replace("my own measurement", " "), "source is empty"),
        (GOOD.replace("Mbit/s", "text"), "a text has no range"),
        (GOOD.replace("lte", ""), "item is empty"),
        (GOOD.replace("rate", "speed"), "links.csv:2 the catalogue has no parameter of links"),
        (GOOD + "\n" + GOOD, "links.csv:3 lte rate stands twice"),
        ('lte,"rate', "links.csv:2 is not CSV: unexpected end of data"),
    ],
)
def test_rows_that_are_not_sound_are_refused(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_own(tmp_path, line)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "item,parameter\n", HEADER + ",more\n", HEADER[5:] + "\n", HEADER.replace(",", ";")],
)
def test_other_columns_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "links.csv").write_text(text, "utf-8")
    with pytest.raises(InputError, match=r"links\.csv:1 the columns must be item,parameter,value"):
        Catalog.load([tmp_path / "links.csv"])


def test_files_are_named_after_their_kind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"radios\.csv: a catalogue file is named after its kind"):
        load_own(tmp_path, GOOD, stem="radios")


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        Catalog.load([tmp_path / "links.csv"])
    (tmp_path / "links.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="cannot be read"):
        Catalog.load([tmp_path / "links.csv"])


@pytest.mark.parametrize("unit", ["nW", "pJ/bit", "%", "kWh/GB", "MiB", "h", "frame/d", "MHz"])
def test_units_of_every_size_are_known(unit: str) -> None:
    check(Row("a", "b", "1000", unit, "", "", "here", "2026", "estimate"), "here:1")


def test_kinds_are_those_of_the_tables(catalog: Catalog) -> None:
    assert catalog.kinds() == list(KINDS)
    assert all(catalog.items(kind) for kind in KINDS)
