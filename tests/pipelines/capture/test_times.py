"""Times of frames from real files and servers whose own times leap, wrap, stand in the wrong order or have gaps."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from pipelines.capture.ffmpeg import clock_rate
from streamvision.core.frame import Frame
from streamvision.core.stream_state import StreamState
from support.capturing import capturing, take, wait_until, write_video
from support.clock_camera import ClockCamera
from support.http_folder import served

HOUR_S = 3600.0
WRAP_S = 2**33 / 90000


def steps_s(frames: list[Frame]) -> np.ndarray:
    return np.diff([frame.pts_s for frame in frames])


def retimed(source: Path, target: Path, offset_s: Callable[[float], float]) -> Path:
    """Copy a film; each packet comes later by what ``offset_s`` gives for its own time."""
    with av.open(str(source)) as given, av.open(str(target), "w") as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.pts is None:
                continue
            ticks = round(offset_s(float(packet.pts * packet.time_base)) / packet.time_base)
            packet.pts, packet.dts, packet.stream = packet.pts + ticks, packet.dts + ticks, stream
            out.mux(packet)
    return target


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_video(tmp_path / "film.mp4", sizes=[(320, 180)], frames=50, reordered=True)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return write_video(tmp_path / "plain.mp4", sizes=[(320, 180)], frames=50)


@pytest.mark.parametrize(("codec", "suffix"), [("libx264", ".avi"), ("mpeg4", ".avi"), ("libx264", ".asf")])
def test_a_file_without_presentation_times_has_even_steps(tmp_path: Path, codec: str, suffix: str) -> None:
    film = write_video(tmp_path / f"film{suffix}", sizes=[(320, 180)], frames=50, codec=codec, reordered=True)
    with capturing(film) as capture:
        frames = take(capture)
    assert len(frames) == 50
    assert frames[0].pts_s == 0
    assert steps_s(frames) == pytest.approx(0.04)


def test_a_transport_stream_whose_times_begin_again_goes_on(film: Path, tmp_path: Path) -> None:
    wraps = retimed(film, tmp_path / "wraps.ts", lambda _: WRAP_S - 1.0)
    with capturing(wraps) as capture:
        frames = take(capture)
    assert len(frames) == 50
    assert frames[0].pts_s > 95_000
    assert steps_s(frames) == pytest.approx(0.04, abs=1e-4)


@pytest.mark.parametrize("starts_s", [(7200.0, 0.0), (80_000.0, 10.0), (40.0, 20.0, 0.0)])
def test_clips_joined_end_to_end_go_on_where_their_times_fall(
    film: Path, tmp_path: Path, starts_s: tuple[float, ...], caplog: pytest.LogCaptureFixture
) -> None:
    joined = tmp_path / "joined.ts"
    with joined.open("wb") as file:
        for number, start_s in enumerate(starts_s):
            file.write(retimed(film, tmp_path / f"{number}.ts", lambda _, start_s=start_s: start_s).read_bytes())
    with capturing(joined) as capture:
        frames = take(capture)
    assert len(frames) == 50 * len(starts_s)
    assert steps_s(frames) == pytest.approx(0.04, abs=1e-3)
    assert "its timestamps leapt back by" in caplog.text


def test_a_file_keeps_the_times_on_both_sides_of_a_gap(plain: Path, tmp_path: Path) -> None:
    gap = retimed(plain, tmp_path / "gap.mkv", lambda at_s: 7 * HOUR_S if at_s >= 1 else 0.0)
    with capturing(gap) as capture:
        frames = take(capture)
    assert sorted(steps_s(frames))[:-1] == pytest.approx([0.04] * 48)
    assert steps_s(frames)[24] == pytest.approx(7 * HOUR_S + 0.04)


def test_a_gap_of_an_hour_is_bridged_where_a_file_is_played_in_real_time(
    plain: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gap = retimed(plain, tmp_path / "gap.mp4", lambda at_s: HOUR_S if at_s >= 1 else 0.0)
    with capturing(gap, realtime=True) as capture:
        frames = take(capture)
    assert capture.state.state is StreamState.ENDED
    assert capture.frames_in == 50
    assert steps_s(frames).max() < 60
    assert "its timestamps leapt ahead by 1.0 h" in caplog.text


def test_a_slow_slide_show_keeps_its_rhythm_and_its_waits_are_shown(plain: Path, tmp_path: Path) -> None:
    slow = retimed(plain, tmp_path / "slow.mkv", lambda at_s: 49 * at_s)  # 2 s a frame
    with capturing(slow, realtime=True, read_timeout_s=0.5) as capture:
        begin_s, states = time.monotonic(), set()
        while capture.frames_in < 3 and time.monotonic() - begin_s < 60:
            states.add(capture.state.snapshot()[:2])
            time.sleep(0.02)
        played_s = time.monotonic() - begin_s
    assert played_s > 3.9
    assert any(state is StreamState.STALLED and "the next frame is" in reason for state, reason in states)


@pytest.mark.parametrize("leap_s", [2 * HOUR_S, -0.5, 3.0, -11 * HOUR_S])
def test_a_camera_that_sets_its_clock_goes_on_by_the_frame_interval(
    leap_s: float, caplog: pytest.LogCaptureFixture
) -> None:
    with ClockCamera(leaps_s={10: leap_s}) as camera, capturing(camera.url) as capture:
        frames = take(capture, 25)
    indices = np.diff([frame.index for frame in frames])
    assert np.median(steps_s(frames) / indices) == pytest.approx(0.04, abs=0.001)
    assert steps_s(frames).min() > 0
    assert steps_s(frames).max() < max(2.5, 2 * np.diff([frame.captured_at_s for frame in frames]).max())
    assert "its timestamps leapt" in caplog.text
    assert max(frame.age_s(frame.captured_at_s) for frame in frames) == 0
    assert capture.reconnects == 0


def test_a_clock_that_is_set_again_and_again_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    leaps_s = {index: HOUR_S * index for index in range(10, 35)}
    with ClockCamera(leaps_s=leaps_s) as camera, capturing(camera.url) as capture:
        frames = take(capture, 30)
    assert steps_s(frames).max() < HOUR_S / 60
    assert sum("its timestamps leapt" in record.message for record in caplog.records) <= 2


@pytest.mark.parametrize("rate", [0.6, 1.6, 0.0])
def test_a_camera_whose_clock_runs_at_the_wrong_rate_is_timed_by_arrival(
    rate: float, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(clock_rate, "SETTLE_S", 0.2)
    monkeypatch.setattr(clock_rate, "SPAN_S", 1.0)
    with ClockCamera(rate=rate) as camera, capturing(camera.url) as capture:
        wait_until(lambda: "times real time; arrival counts" in caplog.text, timeout_s=60)
        take(capture, 2)  # of which one may be older
        frames = take(capture, 25)
    assert steps_s(frames).min() >= 0
    seen_s = frames[-1].captured_at_s - frames[0].captured_at_s
    assert frames[-1].pts_s - frames[0].pts_s == pytest.approx(seen_s, abs=0.1)


def test_a_film_on_a_server_has_the_date_in_its_name(film: Path, tmp_path: Path) -> None:
    film.rename(tmp_path / "2024-01-01T12:30:05Z.mp4")
    with served(tmp_path) as url, capturing(f"{url}/2024-01-01T12%3A30%3A05Z.mp4") as capture:
        (frame,) = take(capture, 1)
    assert frame.wall_time == (1704112205, "file_name")


def test_a_film_that_is_fetched_faster_than_it_plays_keeps_its_times(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock_rate, "SETTLE_S", 0.0)
    monkeypatch.setattr(clock_rate, "SPAN_S", 1e-9)
    with served(tmp_path) as url, capturing(f"{url}/{film.name}") as capture:
        frames = take(capture)
    assert len(frames) == 50
    assert steps_s(frames) == pytest.approx(0.04)


@pytest.mark.parametrize("leap_s", [2 * HOUR_S, -2 * HOUR_S])
def test_hls_goes_on_at_a_discontinuity(tmp_path: Path, leap_s: float, caplog: pytest.LogCaptureFixture) -> None:
    film = write_video(tmp_path / "short.mp4", sizes=[(320, 180)], frames=25)
    starts_s = (3 * HOUR_S, 3 * HOUR_S + leap_s)
    for number, start_s in enumerate(starts_s):
        retimed(film, tmp_path / f"{number}.ts", lambda _, start_s=start_s: start_s)
    playlist = ["#EXTM3U", "#EXT-X-TARGETDURATION:1", "#EXTINF:1.0,", "0.ts", "#EXT-X-DISCONTINUITY"]
    (tmp_path / "live.m3u8").write_text("\n".join([*playlist, "#EXTINF:1.0,", "1.ts", "#EXT-X-ENDLIST", ""]))
    with served(tmp_path) as url, capturing(f"{url}/live.m3u8") as capture:
        frames = take(capture)
    assert (capture.failure, capture.frames_in, capture.reconnects) == (None, 50, 0)
    assert capture.state.state is StreamState.ENDED
    assert 1.7 < frames[-1].pts_s - frames[0].pts_s < HOUR_S / 60
    assert "its timestamps leapt" in caplog.text


def test_nothing_is_said_of_a_clock_that_runs_as_it_should(
    plain: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with capturing(plain, realtime=True) as capture:
        take(capture)
    with ClockCamera() as camera, capturing(camera.url) as capture:
        take(capture, 30)
    assert "leapt" not in caplog.text
