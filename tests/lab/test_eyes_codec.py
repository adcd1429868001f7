"""Codecs: what comes out, that it is the same each time, and what is refused."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fleet.catalog import Catalog
from fleet.errors import InputError
from fleet.eyes.clip import Pixels
from fleet.lab.measures import codec, video

av = pytest.importorskip("av", reason="needs the extra 'eyes'")

WIDTH, HEIGHT, RATE_FPS = 128, 96, 10.0


def pictures(count: int, width: int = WIDTH, height: int = HEIGHT) -> list[Pixels]:
    """Return a still, coloured background with a red square that moves over it."""
    rng = np.random.default_rng(5)
    coarse = rng.integers(40, 216, (height // 8, width // 8, 3), dtype=np.uint8)
    still = coarse.repeat(8, axis=0).repeat(8, axis=1)
    moving = []
    for k in range(count):
        moving.append(still.copy())
        moving[-1][20:50, 4 + 3 * k : 34 + 3 * k] = (250, 10, 10)
    return moving


VIDEO = ("h264-crf28-gop8", "h265-crf30-gop8", "av1-crf38-gop8")
ALL = (*VIDEO, "jpeg-q85", "raw")


@pytest.mark.parametrize("name", ALL)
def test_same_frames_give_the_same_bytes_and_pixels(name: str) -> None:
    one, two = (
        list(codec.encode(iter(pictures(12)), codec.setting(name), RATE_FPS)) for _ in range(2)
    )
    assert [c.data for c in one] == [c.data for c in two]
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.pixels, b.pixels)


@pytest.mark.parametrize("name", ALL)
def test_every_frame_comes_back_in_its_place_looking_like_itself(name: str) -> None:
    sent = pictures(12)
    got = list(codec.encode(iter(sent), codec.setting(name), RATE_FPS))
    assert len(got) == len(sent)
    for k, (old, new) in enumerate(zip(sent, got, strict=True)):
        assert new.pixels.shape == old.shape
        assert new.psnr_db == codec.psnr_db(old, new.pixels)
        others = [codec.psnr_db(other, new.pixels) for other in sent]
        assert int(np.argmax(others)) == k  # not a frame late
        # the square is red, the picture not blue: channels are in order
        red = new.pixels[30:40, 4 + 3 * k + 10 : 4 + 3 * k + 20].reshape(-1, 3).mean(axis=0)
        assert red[0] > 200
        assert red[1:].max() < 60


@pytest.mark.parametrize("name", VIDEO)
def test_groups_of_pictures_are_as_long_as_asked(name: str) -> None:
    got = list(codec.encode(iter(pictures(20)), codec.setting(name), RATE_FPS))
    assert [k for k, c in enumerate(got) if c.is_intra] == [0, 8, 16]
    sizes = np.array([len(c.data) for c in got])
    intra = np.array([c.is_intra for c in got])
    assert sizes[intra].min() > sizes[~intra].max()


@pytest.mark.parametrize(("fine", "coarse"), [("crf20", "crf40"), ("q90", "q30")])
def test_worse_quality_takes_fewer_bytes_and_looks_worse(fine: str, coarse: str) -> None:
    families = ("jpeg",) if fine.startswith("q") else ("h264", "h265", "av1")
    for family in families:
        good, bad = (
            list(codec.encode(iter(pictures(8)), codec.setting(f"{family}-{q}"), RATE_FPS))
            for q in (fine, coarse)
        )
        assert sum(len(c.data) for c in bad) < sum(len(c.data) for c in good)
        assert np.mean([c.psnr_db for c in bad]) < np.mean([c.psnr_db for c in good]) - 1


def test_a_clip_of_any_length_streams() -> None:
    """The first frames come out of an endless source: nothing waits for the end."""
    endless = itertools.cycle(pictures(4))
    for name in ALL:
        got = list(itertools.islice(codec.encode(endless, codec.setting(name), RATE_FPS), 5))
        assert len(got) == 5


@pytest.mark.parametrize("name", VIDEO)
def test_encoders_are_silent(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    list(codec.encode(pictures(3), codec.setting(name), RATE_FPS))
    stopped = codec.encode(pictures(9), codec.setting(name), RATE_FPS)
    next(stopped)
    del stopped
    assert capfd.readouterr() == ("", "")


def test_raw_is_every_byte_unchanged() -> None:
    (sent,) = pictures(1)
    (got,) = codec.encode([sent], codec.RAW, RATE_FPS)
    assert got.data == sent.tobytes()
    assert got.psnr_db == float("inf")
    assert got.is_intra


def test_no_frames_give_none() -> None:
    for name in ALL:
        assert list(codec.encode([], codec.setting(name), RATE_FPS)) == []


def test_psnr_by_hand() -> None:
    old = np.full((4, 4, 3), 100, np.uint8)
    assert codec.psnr_db(old, old + np.uint8(5)) == pytest.approx(10 * np.log10(255**2 / 25))
    green = old.copy()
    green[..., 1] += 10
    assert codec.psnr_db(old, green) == pytest.approx(10 * np.log10(255**2 / 5.87**2), rel=1e-5)


def test_names_are_those_of_the_catalogue() -> None:
    known = Catalog.load()
    for name in known.items("codecs"):
        found = codec.setting(name)
        assert found.name == name
        assert found.gop == int(known.row("codecs", name, "gop").value)
    for name in (*VIDEO, "raw"):
        assert codec.setting(name).name == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("h266-crf28", "codec 'h266-crf28' is not known; write one such as h264-crf28 (1 to 51)"),
        ("h264-q28", "codec 'h264-q28' is not known"),
        ("h264", "jpeg-q85 (1 to 95), raw"),
        ("h264-crf60", "crf of h264 is 1 to 51, not 60"),
        ("av1-crf0", "crf of av1 is 1 to 63, not 0"),
        ("jpeg-q96", "q of jpeg is 1 to 95, not 96"),
        ("jpeg-q85-gop5", "leave out -gop5"),
        ("h264-crf28-gop0", "gop is 1 to 1000, not 0"),
        ("h264-crf28;x", "is not known"),
    ],
)
def test_names_that_are_refused(name: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        codec.setting(name)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("width", "height"), [(129, 96), (128, 95), (32, 96), (8192, 4096)])
def test_sizes_that_are_refused(width: int, height: int) -> None:
    frame = np.zeros((height, width, 3), np.uint8)
    with pytest.raises(InputError, match=f"{width}x{height} px cannot be encoded"):
        list(codec.encode([frame], codec.setting("h264-crf28"), RATE_FPS))


def test_a_change_of_size_is_refused() -> None:
    frames = [*pictures(2), *pictures(1, width=160)]
    with pytest.raises(InputError, match="frame 2 has shape"):
        list(codec.encode(frames, codec.setting("h264-crf28"), RATE_FPS))


def write(path: Path, library: str = "libx264", count: int = 12, width: int = WIDTH) -> Path:
    """Write a video file of the pictures."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(library, rate=10)
        stream.width, stream.height, stream.pix_fmt = width, HEIGHT, "yuv420p"
        for pixels in pictures(count, width):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "library"),
    [("a.mp4", "libx264"), ("a.avi", "mpeg4"), ("a.mkv", "libvpx-vp9"), ("a.ts", "libx264")],
)
def test_a_file_is_a_clip(tmp_path: Path, name: str, library: str) -> None:
    clip = video.open_clip(write(tmp_path / name, library), "entrance", "night")
    assert (clip.name, clip.view, clip.light) == ("a", "entrance", "night")
    assert (clip.width, clip.height, clip.rate_fps, len(clip)) == (WIDTH, HEIGHT, 10.0, 12)
    for old, frame in zip(pictures(12), clip.frames(), strict=True):
        assert frame.truth is None
        assert codec.psnr_db(old, frame.pixels) > 28
    again = [frame.pixels for frame in clip.frames()]
    assert all(np.array_equal(a, b.pixels) for a, b in zip(again, clip.frames(), strict=True))


def test_a_file_is_not_held_in_memory(tmp_path: Path) -> None:
    clip = video.open_clip(write(tmp_path / "a.mp4"))
    frames = clip.frames()
    assert next(frames).pixels.shape == (HEIGHT, WIDTH, 3)
    frames.close()  # leaves the file


def test_files_that_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = write(tmp_path / "good.mp4")
    write(tmp_path / "lossless.mkv", "ffv1")
    (tmp_path / "text.mp4").write_text("not a video" * 100)
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "cut.mp4").write_bytes(good.read_bytes()[:-300])
    # a list of other files: must not be followed
    (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,\n{good}\n#EXT-X-ENDLIST\n")
    (tmp_path / "list.ffconcat").write_text(f"ffconcat version 1.0\nfile {good.name}\n")
    refused = {
        "text.mp4": "not a video that can be read",
        "empty.mp4": "not a video that can be read",
        "cut.mp4": "not a video that can be read",
        "list.m3u8": "not a video that can be read",
        "list.ffconcat": "not a video that can be read",
        "lossless.mkv": "codec 'ffv1' is not taken; take one of h264",
        "none.mp4": "there is no such file",
    }
    for name, message in refused.items():
        with pytest.raises(InputError) as error:
            video.open_clip(tmp_path / name)
        assert message in str(error.value), name
        assert "\n" not in str(error.value)
    monkeypatch.setattr(video, "MAX_FRAMES", 11)
    with pytest.raises(InputError, match="more than 11 frames"):
        len(video.open_clip(good))
    monkeypatch.setattr(video, "MAX_PIXELS", 1000)
    with pytest.raises(InputError, match="up to 1,000 px are taken"):
        video.open_clip(good)
    monkeypatch.setattr(video, "MAX_FILE_BYTES", 100)
    with pytest.raises(InputError, match="cut the clip"):
        video.open_clip(good)
    for words in (("roof", "day"), ("street", "noon")):
        with pytest.raises(InputError, match="is not one of"):
            video.open_clip(good, *words)


def test_damage_in_the_middle_ends_in_one_line_or_in_frames(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.avi", "mpeg4", count=20).read_bytes()
    for where in range(60, len(whole) - 40, 997):
        path = tmp_path / f"{where}.avi"
        path.write_bytes(whole[:where] + bytes(40) + whole[where + 40 :])
        said = ""
        try:
            assert len(video.open_clip(path)) <= 21
        except InputError as error:
            said = str(error)
        assert "\n" not in said


def test_without_the_extra_the_remedy_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4")
    script = """
import sys
from pathlib import Path
sys.modules["av"] = None
import numpy as np
from fleet.errors import InputError
from fleet.lab.measures import codec, video
frame = np.zeros((96, 128, 3), np.uint8)
assert len(list(codec.encode([frame], codec.setting("jpeg-q85"), 10.0))) == 1
for call in (
    lambda: list(codec.encode([frame], codec.setting("h264-crf28"), 10.0)),
    lambda: video.open_clip(Path("a.mp4")),
):
    try:
        call()
    except InputError as error:
        print(error)
"""
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert found.stdout.splitlines() == ["video needs PyAV: pip install 'sensor-fleet[eyes]'"] * 2
