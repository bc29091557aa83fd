"""Cameras that do not do everything at once, or at the usual pace."""

from __future__ import annotations

import logging
import time
from itertools import pairwise

import pytest

from pipelines.capture import silence
from pipelines.capture import stream as capture_stream
from pipelines.capture.reconnect import REFUSED_CAP_S, REFUSED_FIRST_S, Backoff, after_refusal
from pipelines.capture.registry import parse_source
from pipelines.capture.silence import STARTING_S, SilenceLimit
from pipelines.capture.stream import StreamCapture
from streamvision.core.config.stream import StreamConfig
from streamvision.core.stream_state import StreamState
from support.capturing import capturing, take, wait_until
from support.odd_rtsp_camera import OddRtspCamera


def patient(url: str) -> StreamCapture:
    return StreamCapture("s", parse_source(url), config=StreamConfig(source=url), on_ready=lambda: None, patient=True)


@pytest.mark.parametrize("only", ["tcp", "udp"])
@pytest.mark.parametrize("refusal", ["461 Unsupported transport", "400 Bad Request"])
def test_a_camera_of_one_transport_is_read_by_that(only: str, refusal: str, caplog: pytest.LogCaptureFixture) -> None:
    with OddRtspCamera(transports=(only,), refusal=refusal) as camera, capturing(camera.url) as capture:
        assert len(take(capture, 5)) == 5
        assert capture.state.state is StreamState.LIVE
    assert ("is read over UDP" in caplog.text) == (only == "udp")


@pytest.mark.parametrize(("asked", "other"), [("tcp", "udp"), ("udp", "tcp")])
def test_a_transport_that_was_asked_for_is_not_replaced(asked: str, other: str) -> None:
    with OddRtspCamera(transports=(other,)) as camera, capturing(camera.url, rtsp_transport=asked) as capture:
        wait_until(lambda: capture.reconnects >= 1)
        reason = capture.state.snapshot()[1]
    assert f"refuses RTP over {asked.upper()}" in reason
    assert f"to auto or {other}" in reason


@pytest.mark.parametrize("transports", [("tcp", "udp"), ("tcp",)])
def test_a_camera_that_sends_nothing_over_tcp_is_read_over_udp(
    transports: tuple[str, ...], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "STARTING_S", 0.5)
    odd = OddRtspCamera(transports=transports, silent=("tcp",))
    with odd as camera, capturing(camera.url, read_timeout_s=0.2) as capture:
        if "udp" in transports:
            assert len(take(capture, 5)) == 5
            assert capture.reconnects == 0
            assert "sends nothing over TCP and is read over UDP" in caplog.text
        else:
            wait_until(lambda: capture.reconnects >= 1)
            assert "has sent nothing for 0.5 s" in capture.state.snapshot()[1]


def test_a_slow_camera_is_left_alone() -> None:
    # Each read times out, and the picture comes all the same.
    with OddRtspCamera(interval_s=1.0) as camera, capturing(camera.url, read_timeout_s=0.2) as capture:
        frames = take(capture, 5, timeout_s=60)
        assert len(frames) == 5
        assert capture.state.state is StreamState.LIVE
        assert capture.reconnects == 0
        assert camera.sessions == 1
    assert frames[-1].pts_s - frames[1].pts_s > 3 * 1.0 - 0.8
    assert frames[-1].captured_at_s - frames[0].captured_at_s > 3.0


def test_silence_is_measured_by_the_rhythm_of_the_source() -> None:
    limit = SilenceLimit(2.0)
    assert limit.limit_s == STARTING_S, "nothing is known yet"
    for n in range(20):
        limit.arrived(n * 0.04)
    assert limit.limit_s == 2.0
    slow = SilenceLimit(2.0)
    for n in range(4):
        slow.arrived(n * 3.0)
    assert slow.limit_s == pytest.approx(9.0)
    assert "has sent nothing for 9 s" in slow.sentence("cam")
    assert "read_timeout_s (--read-timeout)" in slow.sentence("cam")


def test_a_path_that_is_not_there_yet_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    with OddRtspCamera(first_replies=("404 Not Found",) * 2) as camera:
        with capturing(camera.url) as alone:
            assert take(alone) == []
        assert alone.failure is not None
        assert "(404)" in alone.failure
        capture = patient(camera.url)
        capture.start()
        try:
            assert len(take(capture, 3)) == 3
        finally:
            capture.request_stop()
            capture.join(3.0)
    assert capture.failure is None
    assert len(camera.describes) == 3
    assert "(404)" in caplog.text
    assert "tried again in" in caplog.text
    assert "is back after" in caplog.text


def test_a_wrong_password_is_tried_again_slowly(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(
        capture_stream, "after_refusal", lambda *, worked_before: Backoff(first_s=0.5, cap_s=9.0, factor=4.0)
    )
    with OddRtspCamera(first_replies=("401 Unauthorized",) * 2) as camera:
        capture = patient(camera.url.replace("rtsp://", "rtsp://bob:hunter2@"))
        capture.start()
        try:
            assert len(take(capture, 1)) == 1
        finally:
            capture.request_stop()
            capture.join(3.0)
    waits_s = [later - earlier for earlier, later in pairwise(camera.describes)]
    assert waits_s[0] > 0.35
    assert waits_s[1] > 1.45
    assert "refuses the user name or password" in caplog.text
    assert "hunter2" not in caplog.text


def test_refusals_never_lock_an_account() -> None:
    waits = after_refusal(worked_before=False)
    at_s, tries = 0.0, [0.0]
    while at_s < 4 * 3600:
        at_s += waits.next_delay_s()
        tries.append(at_s)
    assert waits.next_delay_s() <= REFUSED_CAP_S
    assert tries[1] > 0.7 * REFUSED_FIRST_S
    assert all(len([t for t in tries if begin <= t < begin + 1800]) <= 4 for begin in tries)


def test_a_name_that_cannot_be_looked_up_is_said() -> None:
    with capturing("rtsp://no-such-camera.invalid/live") as capture:
        wait_until(lambda: capture.reconnects >= 1)
        reason = capture.state.snapshot()[1]
    assert "host 'no-such-camera.invalid' cannot be looked up (DNS)" in reason


def test_a_missing_camera_ends_its_own_stream_only(caplog: pytest.LogCaptureFixture) -> None:
    with capturing("/dev/video93") as alone:
        assert take(alone) == []
    assert alone.failure is not None
    assert "/dev/video93 is no camera of this machine" in alone.failure
    caplog.set_level(logging.WARNING)
    capture = patient("/dev/video93")
    capture.start()
    wait_until(lambda: capture.state.state is StreamState.RECONNECTING)
    time.sleep(0.1)
    capture.request_stop()
    capture.join(3.0)
    assert capture.failure is None


@pytest.mark.parametrize("request_name", ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"])
def test_a_camera_that_closes_the_connection_is_asked_again(request_name: str) -> None:
    with OddRtspCamera(closes_at=request_name) as camera, capturing(camera.url) as capture:
        wait_until(lambda: "closed the connection, or answers otherwise" in capture.state.snapshot()[1])
        assert len(take(capture, 3)) == 3


@pytest.mark.parametrize("request_name", ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"])
def test_a_camera_that_does_not_answer_is_called_so(request_name: str) -> None:
    with OddRtspCamera(hangs_at=request_name) as camera, capturing(camera.url, open_timeout_s=0.5) as capture:
        wait_until(lambda: "did not answer within 0.5 s" in capture.state.snapshot()[1])
        assert capture.failure is None
