"""HTTP addresses that give one picture at a time, asked again and again as cameras want it."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pipelines.capture.probe import probe_source
from pipelines.capture.registry import parse_source
from streamvision.core.config.stream import StreamConfig
from streamvision.core.stream_state import StreamState
from support.capturing import capturing, take, wait_until, write_video
from support.odd_http_camera import Habit, OddHttpCamera, Request, numbers, picture, snapshots


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"content_type": "image/jpg"},
        {"content_type": "application/octet-stream"},
        {"content_type": "text/plain"},
        {"kind": ".png", "content_type": "image/png"},
        {"kind": ".webp", "content_type": "image/webp"},
        {"kind": ".bmp", "content_type": "image/x-windows-bmp"},
        {"length": []},
        {"length": [50]},
        {"length": [50], "hangs_s": 0.4},
    ],
    ids=str,
)
def test_snapshot_addresses_are_asked_again(settings: dict[str, Any]) -> None:
    habit, given = snapshots(**settings)
    rate = {"snapshot_fps": 10.0} if settings else {}
    with (
        OddHttpCamera({"/snap.cgi": habit}) as camera,
        capturing(f"http://{camera.address}/snap.cgi?channel=1", read_timeout_s=0.2, **rate) as capture,
    ):
        frames = take(capture, 3)
        assert capture.state.state is StreamState.LIVE
        assert capture.reconnects == 0
    shown = numbers(frames)
    assert len(shown) == 3
    assert shown == sorted(set(shown)), "every picture whole, once and in order"
    assert set(shown) <= set(given)
    assert all(b.pts_s > a.pts_s for a, b in pairwise(frames))
    assert len({frame.segment for frame in frames}) == 1


def test_a_second_picture_in_the_file_of_a_phone_is_left_out() -> None:
    numbered = iter(range(100))

    def habit(request: Request) -> None:
        body = picture(next(numbered)) + picture(49, (32, 24))
        request.answer(200, "image/jpeg", body, keep=True)

    with OddHttpCamera({"/shot.jpg": habit}) as camera, capturing(f"http://{camera.address}/shot.jpg") as capture:
        frames = take(capture, 2)
        assert capture.reconnects == 0
    assert numbers(frames) == sorted(set(numbers(frames)) - {49})


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.0 200 OK\n\n",
        b"HTTP/1.1 200\r\nServer camera\r\nContent-Type: multipart/x-mixed-replace;boundary=x\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=x\r\nContent-Length: 99999999\r\n\r\n",
    ],
)
def test_odd_heads_are_taken(head: bytes) -> None:
    def habit(request: Request) -> None:
        request.wfile.write(head)
        for number in range(200):
            request.wfile.write(b"--x\nContent-type:image/jpeg\n\n" + picture(number) + b"\n")
            time.sleep(0.03)

    with OddHttpCamera({"/": habit}) as camera, capturing(f"http://{camera.address}/") as capture:
        assert len(take(capture, 4)) == 4
        assert capture.reconnects == 0


def test_the_rate_of_snapshots_is_set_and_one_connection_is_enough() -> None:
    habit, given = snapshots()
    with (
        OddHttpCamera({"/snap.jpg": habit}) as camera,
        capturing(f"http://{camera.address}/snap.jpg", snapshot_fps=2.0) as capture,
    ):
        begin_s = time.monotonic()
        take(capture, 4)
        assert time.monotonic() - begin_s > 1.4
        assert len(given) <= 5
        assert len({request.client_address for request in camera.requests}) == 1


def test_an_unchanged_picture_is_not_fetched_and_no_new_frame() -> None:
    now = [0]
    sent = []

    def habit(request: Request) -> None:
        etag = f'"{now[0]}"'
        if request.headers.get("If-None-Match") == etag:
            request.close_connection = False
            request.head(None, ("ETag", etag), ("Content-Length", "0"), status=304)
            return
        sent.append(now[0])
        request.answer(200, "image/jpeg", picture(now[0]), ("ETag", etag), keep=True)

    with (
        OddHttpCamera({"/snap.jpg": habit}) as camera,
        capturing(f"http://{camera.address}/snap.jpg", snapshot_fps=20) as capture,
    ):
        frames = take(capture, 1)
        wait_until(lambda: len(camera.requests) > 8)
        assert capture.frames_in == 1
        assert capture.state.state is StreamState.LIVE
        now[0] = 7
        frames += take(capture, 1)
        capture.request_stop()
        capture.join(30.0)
        assert not capture._thread.is_alive(), "though the address may be asked again much later"
    assert numbers(frames) == [0, 7]
    assert sent == [0, 7]


def test_an_identical_picture_is_no_new_frame() -> None:
    with (
        OddHttpCamera({"/snap.jpg": lambda r: r.answer(200, "image/jpeg", picture(3))}) as camera,
        capturing(f"http://{camera.address}/snap.jpg", snapshot_fps=20) as capture,
    ):
        wait_until(lambda: len(camera.requests) > 5)
        assert capture.frames_in == 1


def test_a_snapshot_that_fails_now_and_then_is_borne_with() -> None:
    habit, _ = snapshots()
    count = [0]

    def moody(request: Request) -> None:
        count[0] += 1
        if count[0] % 3 == 0:
            request.answer(503, "text/html", b"busy")
        else:
            habit(request)

    with (
        OddHttpCamera({"/snap.jpg": moody}) as camera,
        capturing(f"http://{camera.address}/snap.jpg", snapshot_fps=20) as capture,
    ):
        assert len(take(capture, 5)) == 5
        assert capture.reconnects == 0


def test_what_an_address_is_can_be_asked(tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mp4", sizes=[(320, 180)]).read_bytes()
    habits: dict[str, Habit] = {
        "/video": lambda r: r.stream(),
        "/snap": lambda r: r.answer(200, "image/jpeg", picture(1)),
        "/film": lambda r: r.answer(200, "video/mp4", film),
    }
    with OddHttpCamera(habits) as camera:
        sources = {path: f"http://{camera.address}{path}" for path in habits}
        found = {path: probe_source(parse_source(text), StreamConfig(source=text)) for path, text in sources.items()}
    assert (found["/video"].container, found["/snap"].container) == ("mjpeg", "snapshots")
    assert len(found["/film"].tracks) == 1


def test_read_as_a_file_a_snapshot_is_one_picture() -> None:
    habit, _ = snapshots()
    with (
        OddHttpCamera({"/photo.jpg": habit}) as camera,
        capturing(f"http://{camera.address}/photo.jpg", policy="file") as capture,
    ):
        assert len(take(capture)) == 1
    assert capture.state.state is StreamState.ENDED
