"""Files: every frame, in order, to the end; and what happens when a file is not whole."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pipelines.capture.ffmpeg.frame_pictures import picture_from_frame
from pipelines.capture.ffmpeg.reader import PyAvReader
from pipelines.capture.registry import parse_source
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import SourceError
from streamvision.core.picture import YuvPicture
from streamvision.core.stream_state import StreamState
from streamvision.core.telemetry import DropCounter
from support.capturing import capturing, take, write_video


@pytest.mark.parametrize(("name", "count"), [("car-detection", 377), ("one-by-one-person-detection", 1394)])
def test_every_frame_of_a_real_film_arrives_in_order(data_dir: Path, name: str, count: int) -> None:
    with capturing(data_dir / "videos" / f"{name}.mp4") as capture:
        indices, times = [], []
        while not capture.finished:
            if frame := capture.buffer.get(0.2):
                indices.append(frame.index)
                times.append(frame.pts_s)
    assert indices == list(range(count))
    assert np.all(np.diff(times) > 0)
    assert (capture.expected_frames, capture.frames_in, capture.drops.by_cause()) == (count, count, {})
    assert capture.state.state is StreamState.ENDED
    assert capture.failure is None


def test_pictures_are_views_of_what_the_decoder_gave(data_dir: Path) -> None:
    film = data_dir / "videos" / "car-detection.mp4"
    with av.open(str(film)) as container:
        decoded = next(container.decode(video=0))
    picture = picture_from_frame(decoded)
    assert not picture.y.flags.owndata
    assert not picture.y.flags.writeable
    assert picture.owner is decoded
    difference = np.abs(picture.to_bgr().astype(int) - decoded.to_ndarray(format="bgr24"))
    assert difference.mean() < 1.5


@pytest.mark.parametrize(
    ("pixel_format", "size"),
    [
        ("yuv420p", (641, 361)),
        ("yuvj420p", (641, 361)),
        ("yuvj422p", (642, 362)),
        ("yuv420p10le", (640, 360)),
        ("nv12", (640, 360)),
        ("rgb24", (640, 360)),
        ("gray", (640, 360)),
    ],
)
def test_colours_survive_every_pixel_format(pixel_format: str, size: tuple[int, int]) -> None:
    width, height = size
    bgr = np.full((height, width, 3), 128, np.uint8)
    if pixel_format != "gray":
        bgr[:, : width // 2] = (40, 60, 200)
    frame = av.VideoFrame.from_ndarray(bgr, format="bgr24").reformat(format=pixel_format)
    picture = picture_from_frame(frame)
    assert (picture.width_px, picture.height_px) == size
    back = picture.to_bgr()
    for column in (width // 4, width - 4):
        assert np.abs(back[height // 2, column].astype(int) - bgr[height // 2, column]).max() <= 4


def test_colorimetry_is_that_of_the_stream_or_of_its_size() -> None:
    for size, colorspace, matrix in [
        ((640, 360), 2, "bt601"),
        ((1280, 720), 2, "bt709"),
        ((640, 360), 1, "bt709"),
        ((1280, 720), 6, "bt601"),
    ]:
        frame = av.VideoFrame(*size, "yuv420p")
        frame.colorspace = colorspace
        assert picture_from_frame(frame).matrix == matrix
    full = av.VideoFrame(640, 360, "yuv420p")
    full.color_range = 2
    assert picture_from_frame(full).full_range


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_truncated_file_gives_all_it_has_and_then_says_so(tmp_path: Path, suffix: str) -> None:
    whole = write_video(tmp_path / f"whole{suffix}", sizes=[(320, 180)], frames=100)
    data = whole.read_bytes()
    if suffix == ".mp4":
        data = _index_first(whole, tmp_path / "indexed.mp4").read_bytes()
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(data[: int(len(data) * 0.6)])
    with capturing(cut) as capture:
        frames = take(capture)
    assert 20 < len(frames) < 90
    assert capture.state.state is StreamState.FAILED
    assert capture.failure is not None
    assert f"is truncated: {len(frames)} of 100 frames could be read" in capture.failure


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
@pytest.mark.parametrize("share", [0.6, 0.9])
def test_a_short_matroska_film_is_called_truncated_too(tmp_path: Path, suffix: str, share: float) -> None:
    codec = "libvpx" if suffix == ".webm" else "libx264"
    data = write_video(tmp_path / f"whole{suffix}", sizes=[(320, 180)], frames=40, codec=codec).read_bytes()
    (cut := tmp_path / f"cut{suffix}").write_bytes(data[: int(len(data) * share)])
    with capturing(cut) as capture:
        frames = take(capture)
    assert 10 < len(frames) < 40
    assert f"is truncated: {len(frames)} of 40 frames could be read" in str(capture.failure)


def test_a_matroska_film_that_lost_its_index_alone_is_whole(tmp_path: Path) -> None:
    data = write_video(tmp_path / "whole.mkv", sizes=[(320, 180)], frames=40).read_bytes()
    (cut := tmp_path / "cut.mkv").write_bytes(data[:-8])
    with capturing(cut) as capture:
        assert len(take(capture)) == 40
    assert capture.failure is None


def test_a_truncated_real_film(data_dir: Path, tmp_path: Path) -> None:
    data = (data_dir / "videos" / "car-detection.mp4").read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: len(data) - 20_000])
    with capturing(cut) as capture:
        frames = take(capture)
    assert 370 <= len(frames) < 377
    assert capture.failure is not None
    assert f"{len(frames)} of 377" in capture.failure


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".ts"])
@pytest.mark.parametrize("seconds", [2, 600])
def test_a_film_whose_pictures_last_long_is_whole(tmp_path: Path, suffix: str, seconds: int) -> None:
    codec = "libvpx" if suffix == ".webm" else "libx264"
    film = write_video(tmp_path / f"slow{suffix}", sizes=[(64, 48)], frames=12, fps=Fraction(1, seconds), codec=codec)
    with capturing(film) as capture:
        assert len(take(capture)) == 12
    assert capture.failure is None


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".avi"])
def test_a_whole_file_is_never_called_truncated(tmp_path: Path, suffix: str) -> None:
    codec = "mpeg4" if suffix == ".avi" else "libx264"
    film = write_video(tmp_path / f"whole{suffix}", sizes=[(320, 180)], frames=50, codec=codec)
    with capturing(film) as capture:
        assert len(take(capture)) == 50
    assert capture.state.state is StreamState.ENDED


@pytest.mark.parametrize("codec", ["mjpeg", "mpeg4", "libx264"])
def test_a_cut_avi_is_called_truncated(tmp_path: Path, codec: str) -> None:
    whole = write_video(tmp_path / "whole.avi", sizes=[(320, 180)], frames=50, codec=codec).read_bytes()
    # Pictures grow, so that more of them are left than the share of the bytes, from which FFmpeg guesses the duration.
    data = _rewritten(whole, lambda number, picture: picture + bytes(2 * 20 * number))
    end = data.index(b"00dc", int(len(data) * 0.6)) - 10  # most of the last picture is still there
    (cut := tmp_path / "cut.avi").write_bytes(data[:end])
    (torn := tmp_path / "torn.avi").write_bytes(data[:end].ljust(len(data), b"\0"))
    for film in (cut, torn):
        with capturing(film) as capture:
            frames = take(capture)
        assert 20 < len(frames) < 49
        assert capture.failure is not None
        assert f"is truncated: {len(frames)} of 50 frames could be read" in capture.failure


@pytest.mark.parametrize("codec", ["mjpeg", "mpeg4"])
@pytest.mark.parametrize("empty", [range(20, 30), range(40, 50), range(0, 49, 2)])
def test_an_avi_with_empty_frames_is_whole(tmp_path: Path, codec: str, empty: range) -> None:
    whole = write_video(tmp_path / "whole.avi", sizes=[(320, 180)], frames=50, codec=codec).read_bytes()
    (film := tmp_path / "empty.avi").write_bytes(
        _rewritten(whole, lambda number, picture: b"" if number in empty else picture)
    )
    with capturing(film) as capture:
        frames = take(capture)
    assert len(frames) + capture.drops.by_cause().get("damaged", 0) == 50 - len(empty)
    assert (capture.failure, capture.state.state) == (None, StreamState.ENDED)


def test_a_file_without_its_index_or_that_is_no_video(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mp4", sizes=[(320, 180)])
    (headless := tmp_path / "alone" / "headless.mp4").parent.mkdir()
    headless.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    text = tmp_path / "text.mp4"
    text.write_text("I am no film.\n" * 100)
    for path in (headless, text):
        with capturing(path) as capture:
            assert take(capture) == []
        assert capture.failure is not None
        assert "is no video, or its header is damaged or missing" in capture.failure


def test_sound_without_a_picture_is_refused(tmp_path: Path) -> None:
    sound = tmp_path / "sound.wav"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), layout="mono")
        frame.sample_rate = 8000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    reader = PyAvReader(parse_source(str(sound)), config=StreamConfig(source=str(sound)), drops=DropCounter())
    with pytest.raises(SourceError, match="has no video") as caught:
        reader.open()
    assert caught.value.permanent
    reader.close()
    reader.close()


def test_damage_in_the_middle_costs_only_what_is_damaged(data_dir: Path, tmp_path: Path) -> None:
    data = bytearray((data_dir / "videos" / "one-by-one-person-detection.mp4").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 30_000] = bytes(30_000)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(data)
    with capturing(damaged) as capture:
        count = 0
        while not capture.finished:
            count += capture.buffer.get(0.2) is not None
    lost = capture.drops.by_cause().get("damaged", 0)
    assert capture.state.state is StreamState.ENDED
    assert 1394 - 60 < count <= 1394
    assert count + lost <= 1394


def test_a_change_of_resolution_midway_begins_a_new_segment(tmp_path: Path) -> None:
    film = write_video(tmp_path / "grows.h264", sizes=[(320, 180), (640, 360)], frames=20)
    with capturing(film) as capture:
        frames = take(capture)
    assert [(f.picture.width_px, f.segment) for f in frames] == [(320, 0)] * 20 + [(640, 1)] * 20
    assert capture.state.state is StreamState.ENDED
    assert np.all(np.diff([f.pts_s for f in frames]) > 0)


def test_a_frame_outlives_its_reader(tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mp4", sizes=[(320, 180)])
    with capturing(film, max_frames=1) as capture:
        (frame,) = take(capture)
    before = np.array(frame.picture.to_bgr())
    with capturing(film) as other:
        take(other)
    assert isinstance(frame.picture, YuvPicture)
    assert np.array_equal(before, frame.picture.to_bgr())


def test_a_limit_ends_the_stream_like_its_end(tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mp4", sizes=[(320, 180)], frames=30)
    with capturing(film, max_frames=7) as capture:
        assert len(take(capture)) == 7
    assert (capture.expected_frames, capture.state.state) == (7, StreamState.ENDED)


def test_a_looped_film_begins_again_with_a_new_segment(tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mp4", sizes=[(320, 180)], frames=10)
    with capturing(film, max_frames=25, loop=True) as capture:
        frames = take(capture)
    assert [frame.index for frame in frames] == list(range(25))
    assert [frame.segment for frame in frames] == [0] * 10 + [1] * 10 + [2] * 5
    assert np.all(np.diff([frame.pts_s for frame in frames]) > 0)
    assert (capture.state.state, capture.reconnects) == (StreamState.ENDED, 0)
    assert capture.failure is None


def test_realtime_plays_at_the_films_own_speed_and_drops_for_a_slow_consumer(tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mp4", sizes=[(320, 180)], frames=25, fps=25)
    with capturing(film, realtime=True) as capture:
        frames = take(capture)
    assert frames[-1].captured_at_s - frames[0].captured_at_s > 0.9
    with capturing(film, realtime=True) as slow:
        while not slow.finished:
            slow.buffer.get(0.2)
            time.sleep(0.1)
    assert slow.drops.by_cause()["newer_frame"] > 5


def _rewritten(avi: bytes, change: Callable[[int, bytes], bytes]) -> bytes:
    """Return the AVI with each picture's bytes changed, given its number; no bytes at all repeat the one before."""
    begin = avi.index(b"movi")
    position, kept, index = begin + 4, bytearray(b"movi"), bytearray()
    number = 0
    while avi[position : position + 4] == b"00dc":
        size = int.from_bytes(avi[position + 4 : position + 8], "little")
        picture = change(number, avi[position + 8 : position + 8 + size])
        size_bytes = len(picture).to_bytes(4, "little")
        index += b"00dc" + (16).to_bytes(4, "little") + len(kept).to_bytes(4, "little") + size_bytes
        kept += b"00dc" + size_bytes + picture + bytes(len(picture) % 2)
        position += 8 + size + size % 2
        number += 1
    head = avi[8 : begin - 4] + len(kept).to_bytes(4, "little")
    body = head + kept + b"idx1" + len(index).to_bytes(4, "little") + index
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _index_first(source: Path, target: Path) -> Path:
    """Rewrite an MP4 with its index in front, as cameras that stream to disk and web encoders do."""
    with av.open(str(source)) as given, av.open(str(target), "w", options={"movflags": "faststart"}) as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    return target
