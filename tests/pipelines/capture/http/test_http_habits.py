"""HTTP cameras that are not as the specification has them: MJPEG as browsers read it, snapshots, passwords, pages."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from pipelines.capture import silence
from pipelines.capture.http import pictures
from streamvision.core.stream_state import StreamState
from support.capturing import capturing, take, wait_until
from support.odd_http_camera import MULTIPART, OddHttpCamera, Request, numbers, picture

RUBBISH = b"RUBBISH\xff\xff\xd9\xff" * 10
HABITS: dict[str, dict[str, Any]] = {
    "plain": {},
    "no first boundary": {"first_boundary": False},
    "no part type": {"part": b""},
    "image/jpg": {"part": b"Content-Type: image/jpg"},
    "boundary without dashes": {"content_type": MULTIPART + "myboundary", "boundary": b"myboundary"},
    "dashes in the announced boundary": {"content_type": MULTIPART + "--myboundary", "boundary": b"--myboundary"},
    "another boundary than announced": {"content_type": MULTIPART + "one", "boundary": b"--other"},
    "no boundary announced": {"content_type": "multipart/x-mixed-replace"},
    "quoted boundary": {"content_type": MULTIPART + '"my boundary"', "boundary": b"--my boundary"},
    "too long": {"length_off_by": 7},
    "too short": {"length_off_by": -300},
    "no length": {"length_off_by": None},
    "length 0": {"length_off_by": -len(picture(0))},
    "rubbish behind the picture": {"trailer": RUBBISH},
    "rubbish and no length": {"trailer": RUBBISH, "length_off_by": None},
    "preamble": {"preamble": b"This is a preamble.\r\n" * 20},
    "line feeds": {"line_end": b"\n"},
    "chunks": {"chunked": True},
    "mixed": {"content_type": "multipart/mixed; boundary=frame"},
    "octets": {"content_type": "application/octet-stream"},
    "octets and no first boundary": {"content_type": "application/octet-stream", "first_boundary": False},
    "no type": {"content_type": None},
    "no end markers": {"without_end": True},
    "bare pictures": {"content_type": "video/x-motion-jpeg", "boundary": b"", "part": b"", "length_off_by": None},
}


@pytest.mark.parametrize("habit", HABITS)
def test_mjpeg_is_read_as_browsers_do(habit: str) -> None:
    with OddHttpCamera({"/video": lambda request: request.stream(**HABITS[habit])}) as camera:
        with capturing(f"http://{camera.address}/video") as capture:
            frames = take(capture, 4)
            assert capture.state.state is StreamState.LIVE
        assert len(camera.requests) == 1
    shown = numbers(frames)
    assert len(shown) == 4
    assert shown == sorted(set(shown)), "every picture whole, once and in order"
    assert capture.drops.by_cause().get("damaged", 0) == 0
    assert all(frame.age_s() < 60 for frame in frames)


def test_only_the_newest_of_what_has_come_is_decoded() -> None:
    def burst(request: Request) -> None:
        request.head(MULTIPART + "frame")
        for begin in range(0, 120, 40):
            parts = [b"--frame\r\n\r\n" + picture(number) + b"\r\n" for number in range(begin, begin + 40)]
            request.wfile.write(b"".join(parts))
            time.sleep(0.3)
        time.sleep(3)

    with OddHttpCamera({"/video": burst}) as camera, capturing(f"http://{camera.address}/video") as capture:
        wait_until(lambda: capture.frames_in == 120)
        assert capture.drops.by_cause()["decode_behind"] > 20


def test_a_slow_camera_is_left_alone() -> None:
    with (
        OddHttpCamera({"/video": lambda request: request.stream(interval_s=0.7)}) as camera,
        capturing(f"http://{camera.address}/video", read_timeout_s=0.2) as capture,
    ):
        assert len(take(capture, 4)) == 4
        assert capture.reconnects == 0


def test_data_without_a_picture_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "STARTING_S", 0.5)

    def noise(request: Request) -> None:
        request.head(MULTIPART + "frame")
        for _ in range(200):
            request.wfile.write(b"--frame\r\nContent-Type: text/plain\r\n\r\nhello\r\n")
            time.sleep(0.1)

    with (
        OddHttpCamera({"/video": noise}) as camera,
        capturing(f"http://{camera.address}/video", read_timeout_s=0.2) as capture,
    ):
        wait_until(lambda: capture.reconnects >= 1)
        assert "sends data, but no picture is in it" in capture.state.snapshot()[1]


def test_a_picture_that_claims_to_be_huge_is_damaged_and_no_more() -> None:
    good = picture(0)
    at = good.index(b"\xff\xc0") + 5
    huge = good[:at] + b"\xff\xf0\xff\xf0" + good[at + 4 :]

    def stream(request: Request) -> None:
        request.head(MULTIPART + "frame")
        for number in range(200):
            request.wfile.write(b"--frame\r\n\r\n" + (huge if number % 2 else picture(number)) + b"\r\n")
            time.sleep(0.05)

    with OddHttpCamera({"/": stream}) as camera, capturing(f"http://{camera.address}/") as capture:
        frames = take(capture, 3)
        wait_until(lambda: capture.drops.by_cause().get("damaged", 0) >= 2)
    assert {frame.picture.width_px for frame in frames} == {320}
    assert np.all(np.array(numbers(frames)) % 2 == 0)


@pytest.mark.parametrize("size", [b"\xff\xff\xff\xff", b"\0\0\0\0"], ids=["huge", "empty"])
def test_a_camera_of_damaged_pictures_alone_is_opened_again_and_can_be_stopped(
    monkeypatch: pytest.MonkeyPatch, size: bytes
) -> None:
    good = picture(0)
    at = good.index(b"\xff\xc0") + 5
    damaged = good[:at] + size + good[at + 4 :]

    def stream(request: Request) -> None:
        request.head(MULTIPART + "frame")
        for _ in range(2000):
            request.wfile.write(b"--frame\r\n\r\n" + damaged + b"\r\n")
            time.sleep(0.02)

    monkeypatch.setattr(pictures, "CLEAN_WITHIN_S", 0.5)
    with OddHttpCamera({"/": stream}) as camera, capturing(f"http://{camera.address}/") as capture:
        wait_until(lambda: "has sent no undamaged picture for 0.5 s" in capture.state.snapshot()[1])
        capture.request_stop()
        wait_until(lambda: capture.finished)
