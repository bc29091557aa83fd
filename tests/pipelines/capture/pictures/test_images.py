"""Folders and globs of images as films."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from pipelines.capture.pictures import picture_file
from pipelines.capture.pictures.picture_header import read_header
from streamvision.core.frame import FilePlace
from streamvision.core.stream_state import StreamState
from streamvision.core.upright import MAX_FILE_BYTES
from support.capturing import capturing, take


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in (1, 2, 10):
        cv2.imwrite(str(tmp_path / f"photo{number}.png"), np.full((20, 30, 3), number * 10, np.uint8))
    (tmp_path / "notes.txt").write_text("no image")
    return tmp_path


@pytest.mark.parametrize("pattern", ["", "*.png", "photo[0-9]*.png"])
def test_every_image_in_natural_order(folder: Path, pattern: str) -> None:
    with capturing(folder / pattern) as capture:
        frames = take(capture)
    assert [int(frame.picture.to_bgr()[0, 0, 0]) for frame in frames] == [10, 20, 100]
    assert [frame.pts_s for frame in frames] == pytest.approx([0.0, 0.1, 0.2])
    assert (capture.expected_frames, capture.state.state) == (3, StreamState.ENDED)
    assert not capture.spec.live


def test_an_unreadable_image_is_skipped_counted_and_named(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "photo3.png").write_bytes(b"broken")
    with capturing(folder) as capture:
        frames = take(capture)
    assert len(frames) == 3
    assert capture.drops.by_cause() == {"unreadable": 1}
    assert "photo3.png" in caplog.text
    assert frames[-1].pts_s == pytest.approx(0.3)


def test_a_file_larger_than_any_picture_is_not_read(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with (folder / "photo3.png").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)  # it takes no room
    with capturing(folder) as capture:
        frames = take(capture)
    assert (len(frames), capture.drops.by_cause()) == (3, {"unreadable": 1})
    assert "photo3.png cannot be read (File too large)" in caplog.text


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tiff", "ppm"])
@pytest.mark.parametrize("side", [16_000, 40_000])
def test_a_picture_larger_than_memory_is_skipped_and_counted(
    folder: Path, caplog: pytest.LogCaptureFixture, suffix: str, side: int
) -> None:
    if suffix == "webp":
        side = 16_000  # its sides have 14 bits
    lossy = [cv2.IMWRITE_WEBP_QUALITY, 80]
    cv2.imwrite(str(folder / f"photo3.{suffix}"), np.full((20, 30, 3), 90, np.uint8), lossy)
    enlarge(folder / f"photo3.{suffix}", side)
    with capturing(folder) as capture:
        frames = take(capture)
    assert [frame.place.name for frame in frames if frame.place] == ["photo1.png", "photo2.png", "photo10.png"]
    assert (capture.failure, capture.drops.by_cause()) == (None, {"unreadable": 1})
    assert f"photo3.{suffix} has {side}x{side} pixels" in caplog.text


def enlarge(path: Path, side: int) -> None:
    """Make a picture of 30x20 say that it is a far larger square."""
    data = bytearray(path.read_bytes())
    if path.suffix == ".png":
        data[16:24] = struct.pack(">II", side, side)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    elif path.suffix == ".jpg":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", side, side)
    elif path.suffix == ".webp":
        data[26:30] = struct.pack("<HH", side, side)
    elif path.suffix == ".bmp":
        data[18:26] = struct.pack("<ii", side, -side)
    elif path.suffix == ".tiff":
        at = struct.unpack_from("<I", data, 4)[0] + 2
        data[at : at + 24] = struct.pack("<HHIIHHII", 256, 4, 1, side, 257, 4, 1, side)
    else:
        data = bytearray(bytes(data).replace(b"30 20", b"%d %d" % (side, side)))
    path.write_bytes(data)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tiff", "ppm"])
def test_the_size_of_a_picture_is_known_from_its_header(tmp_path: Path, suffix: str) -> None:
    cv2.imwrite(str(tmp_path / f"a.{suffix}"), np.full((20, 30, 3), 90, np.uint8))
    assert read_header(tmp_path / f"a.{suffix}") == (30, 20, False)
    (tmp_path / "b").write_bytes((tmp_path / f"a.{suffix}").read_bytes()[:7])
    assert read_header(tmp_path / "b") is None


@pytest.mark.parametrize("name", ["a.webp", "a.png", "a.apng", "a.gif"])
def test_every_picture_of_an_animation(tmp_path: Path, name: str) -> None:
    path = animation(tmp_path / name, levels=range(20, 220, 20))
    with capturing(path) as capture:
        frames = take(capture)
    levels = [float(frame.picture.to_bgr().mean()) for frame in frames]
    assert levels == pytest.approx(list(range(20, 220, 20)), abs=4)
    assert [frame.pts_s for frame in frames] == pytest.approx([0.04 * number for number in range(10)])
    assert [frame.place for frame in frames] == [FilePlace(name, n, pytest.approx(0.04 * n)) for n in range(10)]
    assert (capture.failure, capture.drops.by_cause()) == (None, {})


def test_a_long_animation_is_decoded_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_file, "ANIMATION_BYTES", 4 * 64 * 48 * 3)
    path = animation(tmp_path / "a.webp", levels=range(20, 220, 20))
    with capturing(path) as capture:
        levels = [float(frame.picture.to_bgr().mean()) for frame in take(capture)]
    assert levels == pytest.approx(list(range(20, 220, 20)), abs=4)


def test_animations_among_pictures_and_videos(folder: Path) -> None:
    animation(folder / "photo3.webp", levels=(30, 40))
    (folder / "photo4.webp").write_bytes((folder / "photo3.webp").read_bytes()[:60])
    with capturing(folder) as capture:
        frames = take(capture)
    expected = [("photo1.png", 0), ("photo2.png", 0), ("photo3.webp", 0), ("photo3.webp", 1), ("photo10.png", 0)]
    assert [frame.place[:2] for frame in frames if frame.place] == expected
    assert [frame.pts_s for frame in frames] == pytest.approx([0, 0.1, 0.2, 0.24, 0.38])
    assert capture.expected_frames is None
    assert capture.drops.by_cause() == {"unreadable": 1}


def animation(path: Path, *, levels: Iterable[int]) -> Path:
    """Write pictures of these grey levels, 25 a second."""
    pictures = [np.full((48, 64, 4), (level, level, level, 255), np.uint8) for level in levels]
    if path.suffix in (".webp", ".png"):
        made = cv2.Animation()
        made.frames, made.durations = pictures, np.full(len(pictures), 40)
        assert cv2.imwriteanimation(str(path), made)
        return path
    with av.open(str(path), "w") as container:
        codec, pixels = ("gif", "rgb8") if path.suffix == ".gif" else ("apng", "rgb24")
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture[..., :3], format="bgr24").reformat(format=pixels)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_a_folder_where_none_is_readable_fails(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"broken")
    with capturing(tmp_path) as capture:
        assert take(capture) == []
    assert capture.failure is not None
    assert "none of the 1 images" in capture.failure


def test_real_photographs(data_dir: Path) -> None:
    with capturing(data_dir / "coco_val" / "images") as capture:
        assert len(take(capture)) == 64
    assert capture.drops.by_cause() == {}
