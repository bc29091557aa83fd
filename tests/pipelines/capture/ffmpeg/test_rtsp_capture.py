"""RTSP against a real server that is killed, frozen and brought back."""

from __future__ import annotations

import re
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame

from pipelines.capture import stream as capture_stream
from pipelines.capture.ffmpeg.frame_pictures import FramePictures
from pipelines.capture.reconnect import Backoff, is_reachable
from pipelines.capture.stream import StreamCapture
from streamvision.core.picture import YuvPicture
from streamvision.core.stream_state import StreamState
from support.capturing import capturing, take, wait_until
from support.rtsp_server import RtspServer, unavailable

pytestmark = pytest.mark.gstreamer


@pytest.fixture(scope="module")
def video(data_dir: Path) -> Path:
    if reason := unavailable():
        pytest.skip(reason)
    return data_dir / "videos" / "car-detection.mp4"


@pytest.fixture(scope="module")
def shared(video: Path) -> Iterator[RtspServer]:
    """One that nobody kills or freezes."""
    with RtspServer(video, fps=25, size=(384, 216)) as server:
        yield server


@pytest.fixture
def server(video: Path) -> Iterator[RtspServer]:
    with RtspServer(video, fps=25, size=(384, 216)) as server:
        yield server


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_frames_arrive_fresh(shared: RtspServer, transport: str) -> None:
    with capturing(shared.url, rtsp_transport=transport) as capture:
        first = take(capture, 1)
        ages = []
        for _ in range(20):
            (frame,) = take(capture, 1)
            ages.append(frame.age_s())
    print(f"{transport}: age p50 {statistics.median(ages):.3f} s, max {max(ages):.3f} s")
    assert min(ages) < 1.0
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


def test_a_path_that_is_not_served_fails_at_once(shared: RtspServer) -> None:
    with capturing(shared.url.replace("/live", "/nothing")) as capture:
        assert take(capture) == []
    assert capture.failure is not None
    assert "404" in capture.failure


def test_a_server_that_is_killed_and_comes_back(server: RtspServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_stream, "Backoff", lambda: Backoff(first_s=600.0, cap_s=600.0))
    monkeypatch.setattr(capture_stream, "is_reachable", lambda *args, **more: asked(is_reachable(*args, **more)))
    answers: list[bool | None] = []

    def asked(answer: bool | None) -> bool | None:
        answers.append(answer)
        return answer

    with capturing(server.url) as capture:
        before = take(capture, 10)
        server.kill()
        wait_until(lambda: capture.state.state is StreamState.RECONNECTING)
        while capture.buffer.get(0) is not None:
            pass
        wait_until(lambda: False in answers)
        server.start()
        wait_until(lambda: capture.state.state is StreamState.LIVE, timeout_s=120)  # before its wait is over
        after = take(capture, 10)
    assert capture.reconnects >= 1
    assert after[0].segment > before[-1].segment
    assert after[0].index > before[-1].index
    assert np.all(np.diff([frame.pts_s for frame in before + after]) >= 0)
    assert after[0].pts_s - before[-1].pts_s == pytest.approx(
        after[0].captured_at_s - before[-1].captured_at_s, abs=1.0
    )


def test_a_server_that_freezes_is_noticed_and_left_alone_streams_do_not_suffer(
    server: RtspServer, shared: RtspServer
) -> None:
    with capturing(shared.url) as other:
        with capturing(server.url, read_timeout_s=0.5, open_timeout_s=1.0) as capture:
            take(capture, 10)
            server.freeze()
            wait_until(lambda: capture.state.state is not StreamState.LIVE, timeout_s=60)
            states = {capture.state.state}
            wait_until(lambda: states.add(capture.state.state) or StreamState.RECONNECTING in states, timeout_s=60)
            assert len(take(other, 10)) == 10
            assert capture.state.state is not StreamState.LIVE
            server.thaw()
            wait_until(lambda: capture.state.state is StreamState.LIVE, timeout_s=60)
        assert other.state.state is StreamState.LIVE
        assert other.reconnects == 0
    assert StreamState.STALLED in states


def test_a_camera_that_is_off_is_tried_again_with_growing_waits(
    server: RtspServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.kill()
    with capturing(server.url) as capture:
        wait_until(lambda: capture.reconnects >= 2, timeout_s=60)
        assert capture.state.state is StreamState.RECONNECTING
        assert "nothing listens" in capture.state.snapshot()[1]
        server.start()
        assert len(take(capture, 3, timeout_s=60)) == 3
    assert capture.failure is None
    first_s, second_s, *_ = (float(wait) for wait in re.findall(r"tried again in (\S+) s", caplog.text))
    assert second_s > first_s > 0


def test_a_slow_consumer_gets_the_newest_frames_and_the_drops_are_counted(shared: RtspServer) -> None:
    with capturing(shared.url) as capture:
        take(capture, 1)
        behind = []
        for _ in range(5):
            time.sleep(0.3)
            came = capture.frames_in - capture.drops.by_cause().get("decode_behind", 0)
            (frame,) = take(capture, 1)
            behind.append(came - frame.index)
        assert max(behind) < 10, "of the 30 and more that came meanwhile"
        assert capture.drops.by_cause()["newer_frame"] >= 5


def test_a_decoder_that_is_too_slow_skips_and_stays_near(shared: RtspServer, monkeypatch: pytest.MonkeyPatch) -> None:
    made = FramePictures.picture

    def slow(pictures: FramePictures, frame: VideoFrame) -> YuvPicture:
        time.sleep(0.1)  # 10 fps at most, of 25
        return made(pictures, frame)

    monkeypatch.setattr(FramePictures, "picture", slow)
    with capturing(shared.url) as capture:
        taken, deadline_s = 0, time.monotonic() + 120
        while capture.drops.by_cause().get("decode_behind", 0) < 10 and time.monotonic() < deadline_s:
            taken += len(take(capture, 1))
        ages = [take(capture, 1)[0].age_s() for _ in range(10)]
    assert capture.drops.by_cause()["decode_behind"] >= 10
    total = taken + len(ages) + sum(capture.drops.by_cause().values())
    assert capture.frames_in == total, "what was never decoded came, too"
    assert min(ages) < 20
    assert capture.reconnects == 0


def test_stop_returns_in_time_in_every_state(server: RtspServer) -> None:
    def stop_time_s(capture: StreamCapture) -> float:
        begin_s = time.monotonic()
        capture.request_stop()
        return time.monotonic() - begin_s

    with capturing(server.url) as live:
        take(live, 3)
        assert stop_time_s(live) < 30
        assert live.finished
        assert live.state.state is StreamState.STOPPED
    with capturing(server.url, read_timeout_s=0.5) as stalled:
        take(stalled, 3)
        server.freeze()
        wait_until(lambda: stalled.state.state is not StreamState.LIVE, timeout_s=60)
        assert stop_time_s(stalled) < 30
        assert stalled.finished
    with capturing(server.url, open_timeout_s=60) as connecting:
        time.sleep(0.3)  # the frozen server accepts and never answers
        assert connecting.state.state is StreamState.CONNECTING
        assert stop_time_s(connecting) < 30
        assert connecting.finished
        server.thaw()
    server.kill()
    with capturing(server.url) as reconnecting:
        wait_until(lambda: reconnecting.reconnects >= 2)
        assert stop_time_s(reconnecting) < 30
        assert reconnecting.finished
    wait_until(lambda: not [one for one in threading.enumerate() if one.name == "capture-s"], timeout_s=60)
