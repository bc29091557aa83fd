"""RTSP against a real server that is killed, frozen and brought back."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame

from pipelines.capture.ffmpeg.frame_pictures import FramePictures
from streamvision.core.picture import YuvPicture
from streamvision.core.stream_state import StreamState
from support.capturing import capturing, take, wait_until
from support.rtsp_server import RtspServer, unavailable

pytestmark = pytest.mark.gstreamer

SLACK_S = 2.0
"""On top of what is promised, for machines that are busy."""


@pytest.fixture
def video(data_dir: Path) -> Path:
    if reason := unavailable():
        pytest.skip(reason)
    return data_dir / "videos" / "car-detection.mp4"


@pytest.fixture
def server(video: Path) -> Iterator[RtspServer]:
    with RtspServer(video, fps=25, size=(384, 216)) as server:
        yield server


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_frames_arrive_soon_and_fresh(server: RtspServer, transport: str) -> None:
    begin_s = time.monotonic()
    with capturing(server.url, rtsp_transport=transport) as capture:
        first = take(capture, 1)
        first_s = time.monotonic() - begin_s
        ages = []
        for _ in range(50):
            (frame,) = take(capture, 1)
            ages.append(frame.age_s())
    print(f"{transport}: first frame {first_s:.3f} s, age p50 {statistics.median(ages):.3f} s, max {max(ages):.3f} s")
    assert first_s < 1.0 + SLACK_S
    assert statistics.median(ages) < 0.5
    assert max(ages) < 1.0
    assert first[0].picture.width_px == 384
    assert capture.spec.live


@pytest.mark.parametrize("auth", ["basic", "digest"])
def test_passwords(video: Path, auth: str, caplog: pytest.LogCaptureFixture) -> None:
    with RtspServer(video, users={"bob": "hunter2"}, auth=auth, size=(384, 216)) as server:
        with capturing(server.url) as capture:
            assert len(take(capture, 3)) == 3
        with capturing(server.url.replace("hunter2", "hunter3")) as capture:
            assert take(capture) == []
            assert capture.state.state is StreamState.FAILED
            assert capture.failure is not None
            assert "refuses the user name or password" in capture.failure
            assert "hunter" not in capture.failure + caplog.text + repr(capture.state.snapshot())


def test_a_path_that_is_not_served_fails_at_once(server: RtspServer) -> None:
    with capturing(server.url.replace("/live", "/nothing")) as capture:
        assert take(capture) == []
    assert capture.failure is not None
    assert "404" in capture.failure


def test_a_server_that_is_killed_and_comes_back(server: RtspServer) -> None:
    with capturing(server.url) as capture:
        before = take(capture, 10)
        server.kill()
        noticed_s = wait_until(lambda: capture.state.state is StreamState.RECONNECTING)
        time.sleep(4.0)  # by now the back-off is seconds long
        take(capture, timeout_s=0)
        while capture.buffer.get(0) is not None:
            pass
        server.start()
        back_s = wait_until(lambda: capture.state.state is StreamState.LIVE)
        after = take(capture, 10)
    print(f"killed: noticed after {noticed_s:.3f} s; live {back_s:.3f} s after the server")
    assert noticed_s < 1.0 + SLACK_S
    assert back_s < 2.0 + SLACK_S
    assert capture.reconnects >= 1
    assert after[0].segment > before[-1].segment
    assert after[0].index > before[-1].index
    assert np.all(np.diff([frame.pts_s for frame in before + after]) >= 0)
    assert after[0].pts_s - before[-1].pts_s == pytest.approx(
        after[0].captured_at_s - before[-1].captured_at_s, abs=1.0
    )


def test_a_server_that_freezes_is_noticed_and_left_alone_streams_do_not_suffer(server: RtspServer, video: Path) -> None:
    with RtspServer(video, fps=25, size=(320, 180)) as healthy, capturing(healthy.url) as other:
        with capturing(server.url, open_timeout_s=1.0) as capture:
            take(capture, 10)
            server.freeze()
            noticed_s = wait_until(lambda: capture.state.state is not StreamState.LIVE)
            states = {capture.state.state}
            before, begin_s = other.frames_in, time.monotonic()
            wait_until(lambda: states.add(capture.state.state) or StreamState.RECONNECTING in states)
            time.sleep(2.0)
            rate = (other.frames_in - before) / (time.monotonic() - begin_s)
            server.thaw()
            back_s = wait_until(lambda: capture.state.state is StreamState.LIVE)
        assert other.state.state is StreamState.LIVE
        assert other.reconnects == 0
    print(f"frozen: noticed after {noticed_s:.3f} s; live {back_s:.3f} s after the thaw; the other at {rate:.1f} fps")
    assert noticed_s < 3.0 + SLACK_S
    assert StreamState.STALLED in states
    assert rate > 18
    assert back_s < 8.0


def test_a_camera_that_is_off_is_tried_again_with_growing_waits(server: RtspServer) -> None:
    server.kill()
    with capturing(server.url) as capture:
        wait_until(lambda: capture.reconnects >= 2)
        time.sleep(3.0)
        assert capture.reconnects < 8
        assert capture.state.state is StreamState.RECONNECTING
        assert "nothing listens" in capture.state.snapshot()[1]
        server.start()
        assert len(take(capture, 3, timeout_s=10)) == 3
    assert capture.failure is None


def test_a_slow_consumer_gets_fresh_frames_and_the_drops_are_counted(server: RtspServer) -> None:
    with capturing(server.url) as capture:
        take(capture, 1)
        ages = []
        for _ in range(8):
            time.sleep(0.25)
            (frame,) = take(capture, 1)
            ages.append(frame.age_s())
    assert max(ages) < 0.5
    assert capture.drops.by_cause()["newer_frame"] > 20


def test_a_decoder_that_is_too_slow_skips_and_stays_near(server: RtspServer, monkeypatch: pytest.MonkeyPatch) -> None:
    made = FramePictures.picture

    def slow(pictures: FramePictures, frame: VideoFrame) -> YuvPicture:
        time.sleep(0.1)  # 10 fps at most, of 25
        return made(pictures, frame)

    monkeypatch.setattr(FramePictures, "picture", slow)
    with capturing(server.url) as capture:
        ages = []
        begin_s = time.monotonic()
        while time.monotonic() - begin_s < 8:
            (frame,) = take(capture, 1)
            ages.append(frame.age_s())
    assert capture.drops.by_cause()["decode_behind"] > 20
    assert capture.frames_in == len(ages) + sum(capture.drops.by_cause().values()), "what was never decoded came, too"
    assert max(ages[len(ages) // 2 :]) < 3.0
    assert capture.reconnects == 0


def test_stop_returns_in_time_in_every_state(server: RtspServer) -> None:
    def stop_time_s(capture: object) -> float:
        begin_s = time.monotonic()
        capture.request_stop()  # type: ignore[attr-defined]
        capture.join(3.0)  # type: ignore[attr-defined]
        return time.monotonic() - begin_s

    with capturing(server.url) as live:
        take(live, 3)
        assert stop_time_s(live) < 1.0 + SLACK_S
        assert live.finished
        assert live.state.state is StreamState.STOPPED
    with capturing(server.url, read_timeout_s=1.0) as stalled:
        take(stalled, 3)
        server.freeze()
        wait_until(lambda: stalled.state.state is not StreamState.LIVE)
        assert stop_time_s(stalled) < 3.5
    with capturing(server.url, open_timeout_s=30) as connecting:
        time.sleep(0.3)  # the frozen server accepts and never answers
        assert connecting.state.state is StreamState.CONNECTING
        assert stop_time_s(connecting) < 3.5
        assert connecting.finished
    server.thaw()
    server.kill()
    with capturing(server.url) as reconnecting:
        wait_until(lambda: reconnecting.reconnects >= 4)
        assert stop_time_s(reconnecting) < 1.0 + SLACK_S
    assert threading.active_count() < 50
