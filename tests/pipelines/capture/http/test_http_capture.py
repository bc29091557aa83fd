"""HTTP: MJPEG cameras, films and HLS, from a small server of the test."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import av
import cv2
import numpy as np
import pytest

from streamvision.core.stream_state import StreamState
from support.capturing import capturing, take, wait_until, write_video


class MjpegCamera(BaseHTTPRequestHandler):
    """25 pictures a second for ever; the grey level says which."""

    limit: ClassVar[int] = 10_000
    password: ClassVar[str | None] = None
    interval_s: ClassVar[float] = 0.04

    def do_GET(self) -> None:
        expected = f"Basic {base64.b64encode(f'bob:{self.password}'.encode()).decode()}"
        if self.password and self.headers.get("Authorization") != expected:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        try:
            for number in range(self.limit):
                picture = np.full((240, 320, 3), number % 200 + 20, np.uint8)
                jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                self.wfile.write(head.encode() + jpeg + b"\r\n")
                time.sleep(self.interval_s)
        except OSError:
            pass

    def log_message(self, format: str, *args: object) -> None:
        pass


class QuietFiles(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def serve(handler: object) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)  # type: ignore[arg-type]
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    yield from serve(MjpegCamera)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[str]:
    yield from serve(partial(QuietFiles, directory=str(tmp_path)))


def test_an_mjpeg_camera_is_live(camera: str) -> None:
    with capturing(f"http://{camera}/video") as capture:
        frames = take(capture, 15)
        assert capture.state.state is StreamState.LIVE
        assert frames[-1].age_s() < 60
    assert frames[0].picture.width_px == 320
    assert np.all(np.diff([frame.pts_s for frame in frames]) >= 0)


def test_pictures_without_times_have_those_of_their_arrival(camera: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MjpegCamera, "interval_s", 0.2)  # FFmpeg takes it for 25 fps, too
    with capturing(f"http://{camera}/video") as capture:
        frames = take(capture, 12)
    passed_s = frames[-1].captured_at_s - frames[4].captured_at_s
    assert frames[-1].pts_s - frames[4].pts_s == pytest.approx(passed_s, abs=0.3)
    assert passed_s > 1.0, "0.28 s at 25 fps"


def test_a_camera_that_hangs_up_is_reconnected(camera: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MjpegCamera, "limit", 10)
    with capturing(f"http://{camera}/video") as capture:
        frames = take(capture, 1)
        wait_until(lambda: capture.reconnects >= 1)
        wait_until(lambda: capture.state.state is StreamState.LIVE)
        frames += take(capture, 5)
    assert frames[-1].segment >= 1
    assert capture.failure is None


def test_a_password_of_any_characters_reaches_the_camera(camera: str, monkeypatch: pytest.MonkeyPatch) -> None:
    password = "p@s's/w #o%?r"
    monkeypatch.setattr(MjpegCamera, "password", password)
    with capturing(f"http://bob:{password}@{camera}/video") as capture:
        assert len(take(capture, 3)) == 3
        assert capture.spec.safe_uri == f"http://***@{camera}/video"


def test_a_wrong_password_fails_in_one_sentence(camera: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MjpegCamera, "password", "hunter2")
    with capturing(f"http://bob:hunter2@{camera}/video") as capture:
        assert len(take(capture, 2)) == 2
    with capturing(f"http://bob:hunter3@{camera}/video") as capture:
        assert take(capture) == []
    assert capture.failure is not None
    assert "refuses the user name or password" in capture.failure
    assert "hunter" not in capture.failure


def test_a_film_over_http_is_read_whole_and_a_missing_one_fails(files: str, tmp_path: Path) -> None:
    write_video(tmp_path / "film.mp4", sizes=[(320, 180)], frames=30)
    with capturing(f"http://{files}/film.mp4") as capture:
        assert len(take(capture)) == 30
    assert capture.state.state is StreamState.ENDED
    with capturing(f"http://{files}/nothing.mp4") as capture:
        assert take(capture) == []
    assert capture.failure is not None
    assert "404" in capture.failure


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "index.m3u8"])
def test_the_last_frames_of_a_film_that_is_reordered_come_over_http_too(files: str, tmp_path: Path, name: str) -> None:
    write_video(tmp_path / name, sizes=[(320, 180)], frames=50, reordered=True)
    with capturing(f"http://{files}/{name}", policy="file") as capture:
        frames = take(capture)
    assert len(frames) == 50
    assert (capture.failure, capture.drops.by_cause()) == (None, {})


def test_hls_plays_in_real_time_to_its_end(files: str, tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mp4", sizes=[(320, 180)], frames=40)  # at 25 a second
    with (
        av.open(str(film)) as given,
        av.open(
            str(tmp_path / "index.m3u8"), "w", format="hls", options={"hls_time": "1", "hls_list_size": "0"}
        ) as out,
    ):
        stream = out.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    with capturing(f"http://{files}/index.m3u8") as capture:
        begin_s = time.monotonic()
        take(capture)
        took_s = time.monotonic() - begin_s
    assert capture.failure is None
    assert capture.state.state is StreamState.ENDED
    assert capture.frames_in == 40
    assert took_s > 1.2


def test_silence_is_a_stall() -> None:
    class Silent(MjpegCamera):
        limit = 5

        def do_GET(self) -> None:
            super().do_GET()
            time.sleep(3)

    for address in serve(Silent):
        with capturing(f"http://{address}/video", read_timeout_s=0.5) as capture:
            take(capture, 1)
            wait_until(lambda: capture.state.state is StreamState.STALLED)
            assert "has sent nothing for 0.5 s" in capture.state.snapshot()[1]
