import csv
from fractions import Fraction
from pathlib import Path

import pytest

from fleet import units
from fleet.catalog import Catalog, Reader
from fleet.catalog.rows import COLUMNS, KINDS, Row, check
from fleet.errors import InputError

HEADER = ",".join(COLUMNS)
GOOD = "lte,rate,30,Mbit/s,20,40,my own measurement,2026,measured"
ZOO_FPS = {"ssd-mobilenet-v2": 26, "efficientdet-lite0": 23, "nanodet-plus-416": 23, "yolo11n": 17}
ON_SENSOR = [*ZOO_FPS, "mobilenet-v1"]
CLOUD = ["ssd-mobilenet-v1", "ssd-resnet34", "yolo11m", "yolo11x"]
SENSORS = ["imx500", "imx501", "imx501-poe-camera"]
L4_TO_T4 = 12881.7 / 6035.6  # MLPerf ResNet-50 offline, frames per second

ITEMS = {
    "sensors": SENSORS,
    "cameras": ["ip-camera-1080p", "camera-module-1080p"],
    "codecs": ["h264-crf18", "h264-crf28", "h264-crf36", "h265-crf30", "jpeg-q60"],
    "links": ["poe", "gpon", "lte", "metro-ethernet", "wan"],
    "network": ["marginal", "average", "convention"],
    "servers": ["t4", "l4"],
    "models": [*ON_SENSOR, *CLOUD],
    "protocols": ["mqtt-tls", "rtp"],
}
_POWERS = ["sense_power", "sense_idle_power", "compute_power", "base_power"]
GETTERS = {
    "sensors": {
        "text": ["kind"], "count": ["mac_units", "input_max"], "number": ["dsp_clock"],
        "data_bit": ["memory"], "time_ns": ["sense", "fetch", "reboot"],
        "frame_rate": ["frame_rate_max"], "power_uw": _POWERS, "rate_bps": ["model_write_rate"],
    },
    "cameras": {
        "text": ["kind"], "count": ["width", "height"], "time_ns": ["sense", "encode", "reboot"],
        "frame_rate": ["frame_rate_max"], "power_uw": _POWERS,
    },
    "codecs": {
        "count": ["reference_width", "reference_height", "gop"],
        "data_bit": ["i_frame", "p_frame"],
        "number": ["i_variation", "p_variation", "reference_objects", "static_share"],
    },
    "links": {
        "text": ["stage", "access"], "rate_bps": ["rate", "downlink_rate"],
        "time_ns": ["propagation", "tail"], "data_bit": ["buffer"],
        "power_uw": ["idle_power", "active_base_power", "tail_power"],
        "energy_nj_per_bit": ["active_power_per_rate"],
    },
    "network": {"energy_nj_per_bit": ["fixed_energy_per_bit", "mobile_energy_per_bit"]},
    "servers": {
        "power_uw": ["idle_power", "busy_power", "host_power"], "time_ns": ["boot"],
        "number": ["pue"],
    },
    "protocols": {"data_bit": ["per_message", "segment", "per_segment"]},
    "apps": {"number": ["share"], "time_ns": ["dwell"]},
}  # fmt: skip
_MODEL = {"text": ["task"], "count": ["input", "macs"], "data_bit": ["weights", "working"]}
GETTERS_ON_SENSOR = _MODEL | {
    "count": ["input", "macs", "max_detections"], "number": ["utilisation"],
    "data_bit": [
        "weights", "working", "firmware", "tensor", "message_base", "message_per_object",
    ],
}  # fmt: skip
GETTERS_CLOUD = _MODEL | {
    "number": ["map"],
    "data_bit": ["weights", "working", "result"],
    "time_ns": [
        f"{s}_batch_{p}" for s in ITEMS["servers"] for p in ("base", "per_frame")
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.load()


@pytest.fixture
def reader(catalog: Catalog) -> Reader:
    return catalog.reader()


def value(catalog: Catalog, kind: str, item: str, parameter: str) -> float:
    return float(catalog.row(kind, item, parameter).value)


def dsp_s(catalog: Catalog, model: str) -> float:
    per_s = value(catalog, "sensors", "imx500", "mac_units") * 262.5e6
    macs, share = (value(catalog, "models", model, p) for p in ("macs", "utilisation"))
    return macs / (per_s * share)


def load_own(folder: Path, *lines: str, stem: str = "links") -> Catalog:
    path = folder / f"{stem}.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n", "utf-8")
    return Catalog.load([path])


# What is in the packaged tables ---------------------------------------------------------------


@pytest.mark.parametrize("kind", ITEMS)
def test_expected_items_exist(catalog: Catalog, kind: str) -> None:
    assert set(ITEMS[kind]) <= set(catalog.items(kind))


@pytest.mark.parametrize("kind", GETTERS)
def test_every_item_has_the_parameters_of_its_kind(catalog: Catalog, kind: str) -> None:
    for item in catalog.items(kind):
        read_all(catalog, kind, item, GETTERS[kind])


@pytest.mark.parametrize("model", [*ON_SENSOR, *CLOUD])
def test_every_model_has_its_parameters(catalog: Catalog, model: str) -> None:
    read_all(catalog, "models", model, GETTERS_CLOUD if model in CLOUD else GETTERS_ON_SENSOR)
    assert catalog.has("models", model, "map") == (model != "mobilenet-v1")
    assert catalog.has("models", model, "utilisation") == (model in ON_SENSOR)


def read_all(catalog: Catalog, kind: str, item: str, getters: dict[str, list[str]]) -> None:
    for getter, parameters in getters.items():
        for parameter in parameters:
            getattr(catalog.reader(), getter)(kind, item, parameter)


def test_every_number_has_a_range_and_recalled_ones_are_estimates(catalog: Catalog) -> None:
    for kind in catalog.kinds():
        for row in (r for item in catalog.items(kind) for r in catalog.rows(kind, item)):
            assert (row.unit == "text") == (row.low == "") == (row.high == ""), row
            assert row.confidence == "estimate" or not row.source.startswith("recalled"), row


def test_words_are_those_that_the_simulator_knows(catalog: Catalog) -> None:
    assert {catalog.row("sensors", i, "kind").value for i in SENSORS} == {"ai_sensor"}
    stages = {i: catalog.row("links", i, "stage").value for i in catalog.items("links")}
    assert stages["lte"] == stages["poe"] == stages["gpon"] == "uplink"
    assert (stages["metro-ethernet"], stages["wan"]) == ("backhaul", "wan")
    mobile = [i for i in stages if catalog.row("links", i, "access").value == "mobile"]
    assert mobile == ["lte"]


# Derived numbers follow from what they are derived from ---------------------------------------


def test_peak_rate_and_power_of_the_dsp(catalog: Catalog) -> None:
    tops = 2 * value(catalog, "sensors", "imx500", "mac_units") * 262.5e6 / 1e12
    assert tops == pytest.approx(1.21, abs=0.005)
    assert value(catalog, "sensors", "imx500", "compute_power") == round(1.21 / 4.97 * 1000)


def test_sensing_power_repeats_the_measured_energy_of_a_frame(catalog: Catalog) -> None:
    sense, fetch = (value(catalog, "sensors", "imx500", p) for p in ("sense", "fetch"))
    power = value(catalog, "sensors", "imx500", "sense_power")
    assert power == round((4.9 - 0.06) / (sense + fetch) * 1000)
    assert value(catalog, "sensors", "imx500", "sense_idle_power") == round(power * 0.6)


def test_whole_poe_camera_with_its_port_draws_what_the_vendor_says(catalog: Catalog) -> None:
    parts = [value(catalog, "sensors", "imx501-poe-camera", p) for p in ("sense_power",)]
    parts.append(value(catalog, "links", "poe", "idle_power"))
    base = value(catalog, "sensors", "imx501-poe-camera", "base_power")
    assert base + sum(parts) / 1000 == pytest.approx(3.1)


def test_module_is_rewritten_at_nine_clocks_a_byte(catalog: Catalog) -> None:
    rate = value(catalog, "sensors", "imx500", "model_write_rate")
    assert rate == pytest.approx(400 * 8 / 9, abs=0.05)


def test_mobilenet_takes_what_the_vendor_announced(catalog: Catalog) -> None:
    assert dsp_s(catalog, "mobilenet-v1") == pytest.approx(3.1e-3, rel=1e-3)


@pytest.mark.parametrize(("model", "fps"), ZOO_FPS.items())
def test_zoo_models_keep_their_rate(catalog: Catalog, model: str, fps: int) -> None:
    assert 0.9 / fps < dsp_s(catalog, model) <= 1 / fps
    low = float(catalog.row("models", model, "utilisation").low)
    least = value(catalog, "models", model, "macs") * fps / (2304 * 262.5e6)
    assert low == pytest.approx(least, rel=2e-3)


@pytest.mark.parametrize("model", [*ON_SENSOR, *CLOUD])
def test_zoo_models_fit_the_sensor_and_cloud_models_do_not(reader: Reader, model: str) -> None:
    memory = reader.data_bit("sensors", "imx500", "memory")
    needed = sum(reader.data_bit("models", model, part) for part in ("weights", "working"))
    assert (needed <= memory) == (model in ON_SENSOR)
    side = reader.count("models", model, "input")
    assert side <= reader.count("sensors", "imx500", "input_max") or model == "ssd-resnet34"


@pytest.mark.parametrize("model", list(ZOO_FPS))
def test_output_tensor_holds_the_most_detections(catalog: Catalog, model: str) -> None:
    # Boxes of 4 values and labels at 2 and scores at 1, 2 and 1 bytes, and a count of 2 bytes.
    most = value(catalog, "models", model, "max_detections")
    assert value(catalog, "models", model, "tensor") == most * (4 * 2 + 1 + 2) + 2


@pytest.mark.parametrize(
    ("model", "single_ms", "offline_per_s"),
    [("ssd-mobilenet-v1", 0.54, 7959.8), ("ssd-resnet34", 8.26, 135.5)],
)
def test_batch_curve_meets_both_ends_of_mlperf(
    catalog: Catalog, model: str, single_ms: float, offline_per_s: float
) -> None:
    base = value(catalog, "models", model, "t4_batch_base")
    per_frame = value(catalog, "models", model, "t4_batch_per_frame")
    assert base + per_frame == pytest.approx(single_ms)
    assert 1000 / per_frame == pytest.approx(offline_per_s, rel=1e-3)


@pytest.mark.parametrize(("model", "single_ms"), [("yolo11m", 4.7), ("yolo11x", 11.3)])
def test_batch_curve_of_yolo_has_the_share_of_ssd(
    catalog: Catalog, model: str, single_ms: float
) -> None:
    base = value(catalog, "models", model, "t4_batch_base")
    assert base + value(catalog, "models", model, "t4_batch_per_frame") == pytest.approx(single_ms)
    assert base / single_ms == pytest.approx(0.880 / 8.26, rel=1e-3)


@pytest.mark.parametrize("model", CLOUD)
@pytest.mark.parametrize("part", ["base", "per_frame"])
def test_l4_is_faster_by_the_ratio_of_resnet(catalog: Catalog, model: str, part: str) -> None:
    t4, l4 = (value(catalog, "models", model, f"{server}_batch_{part}") for server in ("t4", "l4"))
    assert t4 / l4 == pytest.approx(L4_TO_T4, rel=2e-3)


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


# Look-up and typed getters --------------------------------------------------------------------


def test_getters_return_canonical_numbers(reader: Reader) -> None:
    assert reader.time_ns("sensors", "imx500", "sense") == 17_900_000
    assert reader.data_bit("sensors", "imx500", "memory") == 8_388_480 * 8
    assert reader.rate_bps("sensors", "imx500", "model_write_rate") == 355_600
    assert reader.power_uw("sensors", "imx500", "compute_power") == 243_000
    assert reader.energy_nj_per_bit("links", "lte", "active_power_per_rate") == Fraction("80.2")
    assert reader.frame_rate("cameras", "ip-camera-1080p", "frame_rate_max") == 30
    assert reader.number("sensors", "imx500", "dsp_clock") == Fraction("262.5")
    assert reader.count("codecs", "h264-crf28", "gop") == 50
    assert reader.text("links", "wan", "stage") == "wan"


def test_reader_remembers_what_was_used_once_and_in_order(catalog: Catalog) -> None:
    reader = catalog.reader()
    assert reader.used == []
    for parameter in ("sense", "fetch", "sense"):
        reader.time_ns("sensors", "imx500", parameter)
    assert [row.parameter for row in reader.used] == ["sense", "fetch"]
    assert catalog.reader().used == []


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


@pytest.mark.parametrize("text", ["", "item,parameter\n", HEADER + ",more\n", HEADER[5:] + "\n"])
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
