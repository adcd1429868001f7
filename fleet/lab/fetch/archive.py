"""Files taken out of an archive that somebody else made: only those that are wanted, and no others.

Nothing is unpacked to disk, so nothing can land outside of a folder; what looks as if it should is
refused all the same.
"""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from fleet.errors import InputError
from fleet.interrupt import check

_CHUNK = 2**20
_DAMAGED = "{}: is damaged ({}); fetch it again"
_MISSING = "{}: has no file '{}'; it is not the one expected"


@dataclass(frozen=True)
class Member:
    """A file of an archive that is wanted.

    Attributes:
        path: in the archive.
        size: of the file, bytes.
        sha256: of the file.
        kept_as: what it is called afterwards.
        start: where the part that is kept begins, bytes.
    """

    path: str
    size: int
    sha256: str
    kept_as: str
    start: int = 0


def members(
    stream: IO[bytes],
    mode: Literal["r|", "r|gz"],
    wanted: Iterable[Member],
    name: str,
    most_bytes: int,
) -> dict[str, bytes]:
    """Return the wanted files by the names that they shall have.

    Args:
        stream: the archive, read once from front to end.
        mode: of `tarfile`: plain or compressed.
        wanted: the files.
        name: of the archive, for messages.
        most_bytes: what all files together may unpack to.

    Raises:
        InputError: the archive is damaged, reaches outside, unpacks to too much, or a file is
            missing or not the one that it should be.
    """
    left = {member.path: member for member in wanted}
    contents: dict[str, bytes] = {}
    unpacked = 0
    try:
        with tarfile.open(fileobj=stream, mode=mode) as tar:
            for entry in tar:
                check()
                _check_entry(entry, name)
                unpacked += entry.size
                if unpacked > most_bytes:
                    raise InputError(f"{name}: unpacks to more than {most_bytes:,} B; not used")
                member = left.pop(str(PurePosixPath(entry.name)), None)
                if member is not None:
                    contents[member.kept_as] = _content(tar, entry, member, name)
                if not left:
                    break
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise InputError(_DAMAGED.format(name, error)) from None
    if left:
        raise InputError(_MISSING.format(name, next(iter(left))))
    return contents


def zipped(package: Path, wanted: Iterable[Member], most_bytes: int) -> dict[str, bytes]:
    """Return the wanted files of a zip archive by the names that they shall have.

    Args:
        package: the archive.
        wanted: the files.
        most_bytes: what all files together may unpack to.

    Raises:
        InputError: the archive is damaged, unpacks to too much, or a file is missing or not the
            one that it should be.
    """
    name = package.name
    try:
        with zipfile.ZipFile(package) as opened:
            sizes = {entry.filename: entry.file_size for entry in opened.infolist()}
            if sum(sizes.values()) > most_bytes:
                raise InputError(f"{name}: unpacks to more than {most_bytes:,} B; not used")
            contents = {}
            for member in wanted:
                if member.path not in sizes:
                    raise InputError(_MISSING.format(name, member.path))
                right = sizes[member.path] == member.size
                data = opened.read(member.path) if right else b""
                contents[member.kept_as] = _checked(data, member, name)
            return contents
    except (zipfile.BadZipFile, EOFError, zlib.error, OSError) as error:
        raise InputError(_DAMAGED.format(name, error)) from None


def _check_entry(entry: tarfile.TarInfo, name: str) -> None:
    path = PurePosixPath(entry.name)
    shown = "".join(c for c in entry.name[:80] if c.isprintable())
    if path.is_absolute() or ".." in path.parts:
        raise InputError(f"{name}: '{shown}' lies outside of the archive; not used")
    if not (entry.isreg() or entry.isdir()):
        raise InputError(f"{name}: '{shown}' is a link or a device; not used")


def _content(tar: tarfile.TarFile, entry: tarfile.TarInfo, member: Member, name: str) -> bytes:
    opened = tar.extractfile(entry) if entry.isreg() and entry.size == member.size else None
    return _checked(b"" if opened is None else opened.read(), member, name)


def _checked(data: bytes, member: Member, name: str) -> bytes:
    """Return what is kept of a file, if it is the one expected."""
    if hashlib.sha256(data).hexdigest() != member.sha256:
        raise InputError(
            f"{name}: '{member.path}' is not the file expected (SHA-256 {member.sha256[:16]}...);"
            " not used"
        )
    return data[member.start :]


def sha256(stream: IO[bytes]) -> str:
    """Return the SHA-256 of a stream."""
    sha = hashlib.sha256()
    while chunk := stream.read(_CHUNK):
        sha.update(chunk)
    return sha.hexdigest()
