"""A stream's own packets, passed on: every frame names the packet that it was decoded from."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipelines.capture.timing import LagGuard
from pipelines.live_video import bitstream, packet_relay, passed_on
from support import rtsp_server
from support.capturing import wait_until, write_video
from support.http_folder import served
from support.odd_http_camera import OddHttpCamera, Request
from support.rtsp_server import RtspServer
from support.watching import WatchedStream, Watcher

SOME = 5
"""Frames of a live stream that even a busy machine takes of a hundred."""
needs_camera = pytest.mark.skipif(rtsp_server.unavailable() is not None, reason=str(rtsp_server.unavailable()))


def write(
    path: Path, *, frames: int = 100, codec: str = "libx264", size: tuple[int, int] = (320, 180), **given: Any
) -> Path:
    """Write a film at 100 frames a second whose pictures differ, a key frame each 25; ``given``: of the file."""
    options = given.pop("codec_options", {"preset": "ultrafast", "bf": "3", "g": "25", "sc_threshold": "0"})
    sound = given.pop("sound", None)
    with av.open(str(path), "w", **given) as output:
        stream = output.add_stream(codec, rate=100, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        heard = output.add_stream(sound, rate=48000, layout="mono") if sound else None
        for index in range(frames):
            picture = np.full((size[1], size[0], 3), (index * 7) % 200 + 20, np.uint8)
            picture[:, : index * 3 % size[0]] = index % 251
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 100)
            output.mux(stream.encode(frame))
            if heard is not None:
                wave = np.sin(np.arange(480) / 10, dtype=np.float32)[None] * 0.2
                part = av.AudioFrame.from_ndarray(wave, "fltp" if sound == "aac" else "flt", "mono")
                part.sample_rate, part.pts, part.time_base = 48000, index * 480, Fraction(1, 48000)
                output.mux(heard.encode(part))
        output.mux(stream.encode(None))
        if heard is not None:
            output.mux(heard.encode(None))
    return path


@contextmanager
def sent(data: bytes, *, name: str, seconds: float) -> Iterator[str]:
    """Serve a film over HTTP, which takes so long, and then nothing more."""

    def habit(request: Request) -> None:
        request.head("application/octet-stream")
        for at in range(0, len(data), size):
            request.wfile.write(data[at : at + size])
            time.sleep(seconds * size / len(data))
        time.sleep(30)

    size = max(len(data) // 400, 188)
    with OddHttpCamera({name: habit}) as server:
        yield f"http://{server.address}{name}"


@needs_camera
def test_every_frame_of_a_camera_is_the_picture_of_its_packet(data_dir: Path) -> None:
    with (
        RtspServer(data_dir / "videos" / "car-detection.mp4", fps=100, size=(320, 180)) as camera,
        WatchedStream(camera.url) as stream,
    ):
        wait_until(lambda: len(stream.frames) >= 150, timeout_s=60)
        late = Watcher()
        stream.passed_on.subscribe(late)
        wait_until(lambda: len(late.packets) > 110, timeout_s=60)
    same, frames = stream.matching()
    assert (same, stream.watcher.reasons) == (frames, [])
    assert frames >= 150
    video, *others = stream.watcher.formats.values()
    assert not others
    assert (video.codec[:5], video.width_px, video.height_px, video.way) == ("avc1.", 320, 180, "passed_on")
    assert not video.reorders
    assert late.begun[0] > 0
    assert late.packets[0].is_key
    assert late.packets == stream.watcher.packets[-len(late.packets) :]


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.flv", "film.ts", "film.avi"])
def test_every_frame_of_a_film_is_the_picture_of_its_packet(tmp_path: Path, name: str) -> None:
    with WatchedStream(str(write(tmp_path / name)), realtime=True) as stream:
        stream.wait_for(100)
    same, frames = stream.matching()
    assert same == frames > SOME
    video, *others = stream.watcher.formats.values()
    assert (video.reorders, others) == (True, [])
    handed_on_us = {one.packet: round(one.captured_at_s * 1e6) for one in stream.frames}
    ages_us = [
        handed_on_us[generation, at_us] - captured_us
        for generation, at_us, captured_us in ((p.generation, p.time_us, p.captured_us) for p in stream.watcher.packets)
        if (generation, at_us) in handed_on_us
    ]
    assert min(ages_us) == 0  # a packet comes with its picture, or with one that needs it
    assert sorted(ages_us)[len(ages_us) // 2] < 900_000


@pytest.mark.parametrize(
    ("codec", "name", "options"),
    [
        ("libx265", "film.mp4", {"preset": "ultrafast", "x265-params": "keyint=25:log-level=none"}),
        ("libvpx-vp9", "film.webm", {"deadline": "realtime", "cpu-used": "8", "g": "25"}),
        ("libvpx", "film.webm", {"deadline": "realtime", "cpu-used": "8", "g": "25"}),
    ],
)
def test_every_frame_in_other_codecs_is_the_picture_of_its_packet(
    tmp_path: Path, codec: str, name: str, options: dict[str, str]
) -> None:
    film = write(tmp_path / name, frames=80, codec=codec, codec_options=options)
    with WatchedStream(str(film), realtime=True) as stream:
        stream.wait_for(80)
    same, frames = stream.matching()
    assert same == frames > SOME


@pytest.mark.parametrize(
    ("name", "container"),
    [
        ("/film.ts", {}),
        ("/wrapping.ts", {"options": {"output_ts_offset": "95442.7"}}),  # a second before 33 bits of 90 kHz end
        ("/film.h264", {}),  # says no times
    ],
)
def test_every_frame_over_http_is_the_picture_of_its_packet(
    tmp_path: Path, name: str, container: dict[str, Any]
) -> None:
    data = write(tmp_path / name[1:], frames=150, **container).read_bytes()
    with sent(data, name=name, seconds=1.5) as url, WatchedStream(url) as stream:
        stream.wait_for(140)
    same, frames = stream.matching()
    assert same == frames > SOME
    times_us = [one.time_us for one in stream.watcher.packets]
    assert len(set(times_us)) == len(times_us)
    assert max(times_us) - min(times_us) < 60e6


@pytest.mark.parametrize("kind", ["mpegts", "fmp4"])
def test_every_frame_of_segments_over_http_is_the_picture_of_its_packet(tmp_path: Path, kind: str) -> None:
    options = {"hls_time": "0.5", "hls_segment_type": kind, "hls_list_size": "0"}
    write(tmp_path / "film.m3u8", format="hls", options=options)
    with served(tmp_path) as url, WatchedStream(f"{url}/film.m3u8") as stream:
        stream.wait_for(80)
    same, frames = stream.matching()
    assert same == frames > SOME


def test_damage_and_what_is_skipped_undecoded_puts_nothing_out_of_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytearray(write(tmp_path / "film.ts", frames=300).read_bytes())
    for at in range(len(data) // 3, len(data) // 3 + 4000, 97):
        data[at] ^= 0x55
    decoded = 0

    def skips(self: LagGuard, is_key: bool) -> bool:
        nonlocal decoded
        decoded += 1
        return 100 < decoded < 126 and not is_key

    monkeypatch.setattr(LagGuard, "skips", skips)
    with sent(bytes(data), name="/film.ts", seconds=3) as url, WatchedStream(url) as stream:
        stream.wait_for(250)
    drops = stream.capture.drops.by_cause()
    assert drops["decode_behind"] > 10
    assert drops["damaged"] > 0
    same, frames = stream.matching()
    assert frames > 30
    assert same >= frames - 30  # of the damaged group, another decoder makes other pictures
    assert stream.frames[-1].packet is not None


def test_a_film_that_is_played_again_goes_on_with_another_generation(tmp_path: Path) -> None:
    film = write(tmp_path / "film.mp4", frames=60)
    with WatchedStream(str(film), realtime=True, loop=True) as stream:
        stream.wait_for(150)
    same, frames = stream.matching()
    assert same == frames > SOME
    assert list(stream.watcher.formats)[:3] == [1, 2, 3]


def test_another_size_within_a_connection_is_another_generation(tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.h264", sizes=[(320, 180), (160, 120), (320, 180)], frames=50, fps=100)
    with sent(film.read_bytes(), name="/film.h264", seconds=2) as url, WatchedStream(url) as stream:
        stream.wait_for(140)
    same, frames = stream.matching()
    assert same == frames > SOME
    sizes = [(one.width_px, one.height_px) for one in stream.watcher.formats.values()]
    assert sizes == [(320, 180), (160, 120), (320, 180)]


def test_parameter_sets_stand_in_every_key_frame_even_if_a_camera_tells_them_once(tmp_path: Path) -> None:
    with WatchedStream(str(write(tmp_path / "film.mp4")), realtime=True) as stream:
        stream.wait_for(100)
    keys = [one.data for one in stream.watcher.packets if one.is_key]
    assert len(keys) >= 3
    for data in keys:
        kinds = [data[at + 3] & 0x1F for at in range(len(data) - 3) if data[at : at + 3] == b"\0\0\1"]
        assert kinds[:2] == [7, 8]
        assert kinds.count(7) == kinds.count(8) == 1


def turned(path: Path) -> Path:
    """Write a film that is to be turned by 90 degrees, as phones do."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=100)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.set_display_rotation(90)
        for _ in range(100):
            output.mux(stream.encode(av.VideoFrame(320, 180, "yuv420p")))
        output.mux(stream.encode(None))
    return path


def stretched(path: Path) -> Path:
    """Write a film whose pixels are twice as wide as high."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=100)
        stream.width, stream.height, stream.pix_fmt = 160, 180, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2, 1)
        for _ in range(100):
            output.mux(stream.encode(av.VideoFrame(160, 180, "yuv420p")))
        output.mux(stream.encode(None))
    return path


def motion_jpeg(path: Path) -> Path:
    """Write a film of JPEG files."""
    return write_video(path.with_suffix(".avi"), sizes=[(320, 180)], frames=50, codec="mjpeg")


def refreshed(path: Path) -> Path:
    """Write a film that has one key frame, and then pictures that are renewed column by column."""
    options = {"x264-params": "intra-refresh=1:keyint=25:bframes=0:scenecut=0:log-level=none"}
    return write(path.with_suffix(".ts"), frames=150, codec_options=options)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (turned, packet_relay.CHANGED),
        (stretched, packet_relay.CHANGED),
        (motion_jpeg, "its pictures come as mjpeg, which browsers cannot decode"),
        (refreshed, packet_relay.ODD_KEYS),
    ],
)
def test_what_a_browser_would_show_otherwise_is_not_passed_on(
    tmp_path: Path, make: Callable[[Path], Path], reason: str
) -> None:
    with WatchedStream(str(make(tmp_path / "film.mp4")), realtime=True) as stream:
        stream.wait_for(80)
        late = Watcher()
        stream.passed_on.subscribe(late)
    assert late.reasons == [reason]
    assert not late.packets
    assert stream.watcher.reasons == [reason]
    if make is not refreshed:
        assert not stream.watcher.packets


@pytest.mark.parametrize("source", ["synthetic:boxes?fps=20&size=160x120&frames=20", "film.mp4"])
def test_sources_without_packets_and_films_at_full_speed_say_so(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "film.mp4", frames=30)
    with WatchedStream(source) as stream:
        stream.wait_for(15)
    assert stream.watcher.reasons == [packet_relay.NO_PACKETS]
    assert not stream.watcher.packets
    assert all(one.packet is None for one in stream.frames)


def test_a_group_of_pictures_that_is_too_large_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passed_on, "MOST_KEPT_BYTES", 2000)
    options = {"preset": "ultrafast", "bf": "0", "g": "100", "sc_threshold": "0"}
    film = write(tmp_path / "film.mp4", frames=250, codec_options=options)
    with WatchedStream(str(film), realtime=True) as stream:
        stream.wait_for(60)
        late = Watcher()
        stream.passed_on.subscribe(late)
        assert late.begun == [0]
        stream.wait_for(210)
    assert late.packets[0].is_key
    assert late.packets == stream.watcher.packets[-len(late.packets) :]


@pytest.mark.parametrize(
    ("name", "sound", "codec", "rate_hz"),
    [
        ("film.mp4", "aac", "mp4a.40.2", 48000),
        ("film.ts", "aac", "mp4a.40.2", 48000),
        ("film.mkv", "libopus", "opus", 48000),
    ],
)
def test_sound_comes_with_its_format_and_by_the_clock_of_the_pictures(
    tmp_path: Path, name: str, sound: str, codec: str, rate_hz: int
) -> None:
    film = write(tmp_path / name, sound=sound)
    with WatchedStream(str(film), realtime=True) as stream:
        stream.wait_for(100)
    *_, video = stream.watcher.formats.values()
    assert video.sound is not None
    assert (video.sound.codec, video.sound.sample_rate_hz, video.sound.channels) == (codec, rate_hz, 1)
    heard = [one for one in stream.watcher.packets if one.track == "sound"]
    seen = [one for one in stream.watcher.packets if one.track == "video" and one.generation == video.generation]
    assert len(heard) > 25
    assert abs(heard[-1].time_us - seen[-1].time_us) < 300_000
    decoder: Any = av.CodecContext.create("aac" if sound == "aac" else "opus", "r")
    decoder.extradata, decoder.sample_rate = video.sound.description or None, rate_hz
    samples = sum(frame.samples for one in heard for frame in decoder.decode(av.Packet(one.data)))
    assert samples > 24000


def test_without_sound_for_viewers_none_is_read(tmp_path: Path) -> None:
    film = write(tmp_path / "film.mp4", frames=60, sound="aac")
    with WatchedStream(str(film), realtime=True, sound=False) as stream:
        stream.wait_for(60)
    assert {one.track for one in stream.watcher.packets} == {"video"}
    assert [one.sound for one in stream.watcher.formats.values()] == [None]


@needs_camera
def test_a_camera_that_comes_back_with_another_size_goes_on_with_another_generation(data_dir: Path) -> None:
    video = data_dir / "videos" / "car-detection.mp4"
    with RtspServer(video, fps=25, size=(320, 180)) as camera, WatchedStream(camera.url) as stream:
        wait_until(lambda: len(stream.watcher.packets) > 10)
        camera.kill()
        with RtspServer(video, port=camera.port, fps=25, size=(160, 120)):
            wait_until(lambda: len(stream.watcher.formats) > 1)
            before = len(stream.frames)
            wait_until(lambda: len(stream.frames) > before + 20)
    same, frames = stream.matching()
    assert same == frames
    assert [one.width_px for one in stream.watcher.formats.values()] == [320, 160]
    assert not stream.watcher.reasons


@needs_camera
def test_a_camera_with_sound_gives_it_to_those_who_watch(data_dir: Path) -> None:
    with (
        RtspServer(data_dir / "videos" / "car-detection.mp4", fps=25, size=(320, 180), sound="pcmu") as camera,
        WatchedStream(camera.url) as stream,
    ):
        wait_until(lambda: sum(one.track == "sound" for one in stream.watcher.packets) > 20)
    (video,) = stream.watcher.formats.values()
    assert video.sound is not None
    assert (video.sound.codec, video.sound.sample_rate_hz, video.sound.channels) == ("ulaw", 8000, 1)
    assert {len(one.data) for one in stream.watcher.packets if one.track == "sound"} == {160}
    assert stream.matching()[0] == len(stream.frames) > 0


def test_bytes_that_cannot_be_read_end_the_packets_but_not_the_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = bitstream.UnitStream.prepare
    seen = 0

    def fails_at_last(self: bitstream.UnitStream, data: bytes, *, is_key: bool) -> bitstream.Prepared | None:
        nonlocal seen
        seen += 1
        if seen == 30:
            raise IndexError("what nobody foresaw")
        return prepare(self, data, is_key=is_key)

    monkeypatch.setattr(bitstream.UnitStream, "prepare", fails_at_last)
    with WatchedStream(str(write(tmp_path / "film.mp4", frames=60)), realtime=True) as stream:
        stream.wait_for(60)
    assert stream.watcher.reasons == [packet_relay.UNREADABLE]
    assert seen == 30
