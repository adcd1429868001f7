"""Pixels that leave an AI sensor: pictures and crops, encoded or not, as setup columns."""

from __future__ import annotations

from fractions import Fraction

from fleet.catalog import Reader
from fleet.model.link import service_ns
from fleet.plan.video import codec_row
from fleet.scenario.arms import Equipment
from fleet.scenario.load import Scenario, did_you_mean
from fleet.scenario.strict_yaml import Keys

_RAW_BITS = 10  # of a pixel of the sensor (Sony: RAW10)
_YUV420_BITS = 12  # luma of each pixel, chroma of every fourth


def pixels_row(
    scenario: Scenario,
    reader: Reader,
    equipment: Equipment,
    keys: Keys,
    mode: str,
    rate: Fraction,
    app: str,
) -> dict[str, int | float]:
    """Return the columns of the pixels that an AI sensor puts out."""
    device, output = str(equipment.device), equipment.output or "message"
    pixels = pixel_count(reader, "sensors", device, mode)
    if output == "raw":
        return {"pixels_base": pixels * _RAW_BITS // 8}
    if output == "roi":
        return {"pixels_per_object": crop_bytes(reader, app, pixels)}
    if not output.startswith("image"):
        return {}
    if equipment.codec is None:
        return {"pixels_base": pixels * _YUV420_BITS // 8}
    return codec_row(scenario, reader, equipment, keys, "sensors", pixels, rate, app)


def transfer_ns(reader: Reader, device: str, row: dict[str, int | float]) -> int:
    """Return how long a picture crosses the sensor's MIPI lanes; ns, 0 without one."""
    lanes_bps = reader.count("sensors", device, "mipi_lanes") * reader.rate_bps(
        "sensors", device, "mipi_lane_rate"
    )
    pixels = int(row["pixels_base"]) * 8 or int(row["decode_px"]) * _YUV420_BITS
    return service_ns(pixels, lanes_bps) if pixels else 0


def crop_bytes(reader: Reader, app: str, pixels: int) -> int:
    """Return the bytes of an object's crop of a picture of so many pixels."""
    return int(reader.number("apps", app, "crop_share") * pixels * _YUV420_BITS / 8)


def sides(reader: Reader, kind: str, device: str, mode: str) -> tuple[int, int]:
    """Return (width, height) of a picture of a device in a mode; px."""
    return (
        reader.count(kind, device, f"width{mode}"),
        reader.count(kind, device, f"height{mode}"),
    )


def pixel_count(reader: Reader, kind: str, device: str, mode: str) -> int:
    """Return the pixels of a picture of a device in a mode."""
    width, height = sides(reader, kind, device, mode)
    return width * height


def encoder_of(
    scenario: Scenario, reader: Reader, equipment: Equipment, keys: Keys, kind: str
) -> str:
    """Return the camera whose encoder a device has: its own, or the one put into an AI sensor.

    Raises:
        InputError: there is no encoder, or one too many.
    """
    device, chosen, cameras = str(equipment.device), equipment.encoder, reader.items("cameras")
    if kind == "cameras":
        if chosen is not None:
            raise scenario.error(
                (*keys, "encoder"), f"'{device}' has an encoder of its own; remove 'encoder'"
            )
        return device
    if chosen is None or chosen not in cameras:
        hint = "" if chosen is None else f" not '{chosen}'{did_you_mean(chosen, cameras)},"
        raise scenario.error(
            keys if chosen is None else (*keys, "encoder"),
            f"'{device}' has no encoder; to infer elsewhere give 'encoder',{hint} a camera whose"
            f" encoder it takes: {', '.join(cameras)}",
        )
    return chosen


def encoder_row(
    reader: Reader, device: str, encoder: str, family: str, pixels: int
) -> dict[str, int | float]:
    """Return time and power of an encoder; in another body its time is scaled by the pixels."""
    encode_ns = reader.time_ns("cameras", encoder, f"encode_{family}")
    of = pixel_count(reader, "cameras", encoder, "")
    return {
        "compute_ns": encode_ns if encoder == device else encode_ns * pixels // of,
        "compute_uw": reader.power_uw("cameras", encoder, f"power_{family}"),
    }
