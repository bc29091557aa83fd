"""HTTP cameras that are not as the specification has them: MJPEG as browsers read it, snapshots, passwords, pages."""

from __future__ import annotations

import base64
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.capture.probe import probe_source
from pipelines.capture.registry import parse_source
from streamvision.core.config.app import StreamConfig
from streamvision.core.frame import Frame
from streamvision.core.stream_state import StreamState
from support.capturing import capturing, take, wait_until, write_video
from support.odd_http_camera import MULTIPART, OddHttpCamera, Request, check_digest, number_of, picture

Habit = Callable[[Request], None]

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


def numbers(frames: list[Frame]) -> list[int]:
    return [number_of(float(frame.picture.to_bgr().mean())) for frame in frames]


@pytest.mark.parametrize("habit", HABITS)
def test_mjpeg_is_read_as_browsers_do(habit: str) -> None:
    with OddHttpCamera({"/video": lambda request: request.stream(**HABITS[habit])}) as camera:
        with capturing(f"http://{camera.address}/video") as capture:
            frames = take(capture, 6)
            assert capture.state.state is StreamState.LIVE
        assert len(camera.requests) == 1
    shown = numbers(frames)
    assert len(shown) == 6
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
        time.sleep(10)

    with OddHttpCamera({"/video": burst}) as camera, capturing(f"http://{camera.address}/video") as capture:
        wait_until(lambda: capture.frames_in == 120)
        assert capture.drops.by_cause()["decode_behind"] > 60


def test_a_slow_camera_is_left_alone() -> None:
    with (
        OddHttpCamera({"/video": lambda request: request.stream(interval_s=1.3)}) as camera,
        capturing(f"http://{camera.address}/video", read_timeout_s=0.4) as capture,
    ):
        assert len(take(capture, 4)) == 4
        assert capture.reconnects == 0


def test_data_without_a_picture_is_said() -> None:
    def noise(request: Request) -> None:
        request.head(MULTIPART + "frame")
        for _ in range(200):
            request.wfile.write(b"--frame\r\nContent-Type: text/plain\r\n\r\nhello\r\n")
            time.sleep(0.1)

    with (
        OddHttpCamera({"/video": noise}) as camera,
        capturing(f"http://{camera.address}/video", read_timeout_s=0.5) as capture,
    ):
        wait_until(lambda: capture.reconnects >= 1)
        assert "sends data, but no picture is in it" in capture.state.snapshot()[1]


def snapshots(**settings: Any) -> tuple[Habit, list[int]]:
    """Return a habit that gives a new picture each time, and what it has given."""
    given: list[int] = []

    def habit(request: Request) -> None:
        given.append(len(given))
        kind = settings.get("kind", ".jpg")
        body = picture(given[-1], kind=kind)
        content_type = settings.get("content_type", "image/jpeg")
        if "length" in settings:
            request.head(content_type, *[("Content-Length", str(len(body) + n)) for n in settings["length"]])
            request.wfile.write(body)
            time.sleep(settings.get("hangs_s", 0))
        else:
            request.answer(200, content_type, body, keep=True)

    return habit, given


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
        {"length": [50], "hangs_s": 1.0},
    ],
    ids=str,
)
def test_snapshot_addresses_are_asked_again(settings: dict[str, Any]) -> None:
    habit, _ = snapshots(**settings)
    with (
        OddHttpCamera({"/snap.cgi": habit}) as camera,
        capturing(f"http://{camera.address}/snap.cgi?channel=1", read_timeout_s=0.5) as capture,
    ):
        frames = take(capture, 4)
        assert capture.state.state is StreamState.LIVE
        assert capture.reconnects == 0
    assert numbers(frames) == [0, 1, 2, 3]
    assert all(b.pts_s > a.pts_s for a, b in pairwise(frames))
    assert len({frame.segment for frame in frames}) == 1


def test_a_second_picture_in_the_file_of_a_phone_is_left_out() -> None:
    numbered = iter(range(100))

    def habit(request: Request) -> None:
        body = picture(next(numbered)) + picture(49, (32, 24))
        request.answer(200, "image/jpeg", body, keep=True)

    with OddHttpCamera({"/shot.jpg": habit}) as camera, capturing(f"http://{camera.address}/shot.jpg") as capture:
        frames = take(capture, 3)
        assert capture.reconnects == 0
    assert numbers(frames) == [0, 1, 2]


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
        capturing(f"http://{camera.address}/snap.jpg", snapshot_fps=1.0) as capture,
    ):
        begin_s = time.monotonic()
        take(capture, 4)
        assert time.monotonic() - begin_s > 2.8
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
        begin_s = time.monotonic()
        capture.request_stop()
        capture.join(3.0)
        assert time.monotonic() - begin_s < 2.5
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
        assert len(take(capture, 6)) == 6
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


@pytest.mark.parametrize(
    "challenges",
    [
        ['Basic realm="cam"'],
        ['Digest realm="cam", nonce="abc", qop="auth"'],
        ['Digest realm="cam", nonce="abc"'],
        ['Digest realm="a, b=c", nonce="abc", qop="auth,auth-int", opaque="x=y", algorithm=MD5'],
        ['digest realm="cam",nonce="abc",qop=auth,algorithm=md5-sess'],
        ['Digest realm="cam", nonce="abc", qop="auth", algorithm=SHA-256'],
        ['Basic realm="cam"', 'Digest realm="cam", nonce="abc", qop="auth"'],
        ['Basic realm="cam", Digest realm="cam", nonce="abc", qop="auth"'],
    ],
)
def test_passwords_work_and_are_never_shown(challenges: list[str], caplog: pytest.LogCaptureFixture) -> None:
    password = "p@ss/1:#é"

    def guarded(request: Request) -> None:
        given = request.headers.get("Authorization", "")
        basic = f"Basic {base64.b64encode(f'bob:{password}'.encode()).decode()}"
        allows_basic = all(challenge.startswith("Basic") and "Digest" not in challenge for challenge in challenges)
        if (allows_basic and given == basic) or check_digest(given, "bob", password, request.path):
            request.stream()
        else:
            request.answer(401, "text/html", b"no", *[("WWW-Authenticate", text) for text in challenges])

    caplog.set_level("DEBUG")
    with OddHttpCamera({"/video.cgi": guarded}) as camera:
        with capturing(f"http://bob:p%40ss%2F1%3A%23%C3%A9@{camera.address}/video.cgi?q=a%20b&x=1") as capture:
            assert len(take(capture, 2)) == 2
        camera.requests.clear()
        with capturing(f"http://bob:hunter2@{camera.address}/video.cgi") as capture:
            assert take(capture) == []
        assert [bool(request.headers.get("Authorization")) for request in camera.requests] == [False, True]
    assert capture.failure is not None
    assert "refuses the user name or password" in capture.failure
    assert "hunter2" not in capture.failure + caplog.text
    assert "p@ss" not in caplog.text


def test_a_nonce_that_expires_is_renewed() -> None:
    nonces = iter(f"nonce{number}" for number in range(100))
    current = [next(nonces)]
    habit, _ = snapshots()
    uses = [0]

    def guarded(request: Request) -> None:
        given = request.headers.get("Authorization", "")
        if f'nonce="{current[0]}"' in given and check_digest(given, "bob", "pw", request.path) and uses[0] < 3:
            uses[0] += 1
            habit(request)
            return
        uses[0], current[0] = 0, next(nonces)
        request.answer(
            401, "text/html", b"", ("WWW-Authenticate", f'Digest realm="c", nonce="{current[0]}", qop="auth"')
        )

    with (
        OddHttpCamera({"/snap.jpg": guarded}) as camera,
        capturing(f"http://bob:pw@{camera.address}/snap.jpg", snapshot_fps=30) as capture,
    ):
        assert len(take(capture, 8)) == 8
        assert capture.reconnects == 0
        refused = sum("Authorization" not in request.headers for request in camera.requests)
        assert refused == 1, "the answer to the first challenge is kept"


def test_redirects_are_followed_without_giving_the_password_away() -> None:
    with OddHttpCamera({"/video": lambda request: request.stream()}) as other:
        seen: list[str | None] = []

        def target(request: Request) -> None:
            seen.append(request.headers.get("Authorization"))
            request.stream()

        other.habits["/video"] = target
        elsewhere = other.address.replace("127.0.0.1", "localhost")
        habits: dict[str, Habit] = {
            "/moved": lambda r: r.answer(302, "text/html", b"", ("Location", "/here?a=1")),
            "/here": lambda r: r.answer(307, "text/html", b"", ("Location", f"http://{elsewhere}/video")),
            "/round": lambda r: r.answer(302, "text/html", b"", ("Location", "/round")),
            "/nowhere": lambda r: r.answer(302, "text/html", b"", ("Location", "http://bob:secret@[::x/")),
            "/rtsp": lambda r: r.answer(302, "text/html", b"", ("Location", "rtsp://bob:pw@cam/live")),
        }
        with OddHttpCamera(habits) as camera:
            with capturing(f"http://bob:pw@{camera.address}/moved") as capture:
                assert len(take(capture, 2)) == 2
            for path, words in (("round", "circle of"), ("rtsp", "leads to rtsp://"), ("nowhere", "cannot be read")):
                with capturing(f"http://{camera.address}/{path}") as capture:
                    wait_until(lambda: capture.reconnects >= 1)
                    assert words in capture.state.snapshot()[1]
                    assert "secret" not in capture.state.snapshot()[1]
        assert seen == [None]


def test_chunks_that_are_none_are_said() -> None:
    def unchunked(request: Request) -> None:
        request.head(MULTIPART + "frame", ("Transfer-Encoding", "chunked"))
        request.wfile.write(b"--frame\r\n\r\n" + picture(1))

    with OddHttpCamera({"/": unchunked}) as camera, capturing(f"http://{camera.address}/") as capture:
        wait_until(lambda: capture.reconnects >= 1)
        assert "answers without a picture" in capture.state.snapshot()[1]


@pytest.mark.parametrize(
    "habit",
    [
        lambda r: r.answer(200, "text/html; charset=utf-8", b"<html><body>Log in</body></html>"),
        lambda r: r.answer(200, "text/plain", b"\r\n<!DOCTYPE html>\n<title>Camera</title>"),
        lambda r: r.answer(302, "text/html", b"", ("Location", "/login")),
    ],
)
@pytest.mark.parametrize("path", ["", "live.m3u8"])
def test_a_web_page_is_called_one(habit: Habit, path: str) -> None:
    habits = {f"/{path}": habit, "/login": lambda r: r.answer(200, "text/html", b"<html>")}
    with OddHttpCamera(habits) as camera, capturing(f"http://{camera.address}/{path}") as capture:
        assert take(capture) == []
    assert capture.failure is not None
    assert "is a web page; give the address of the picture or stream itself" in capture.failure


def test_a_certificate_of_the_cameras_own_is_taken(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the test's certificate: apt-get install openssl")
    certificate = tmp_path / "camera.pem"
    made = tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=camera", "-days", "2"]
    subprocess.run([*command, "-keyout", certificate, "-out", made], check=True, capture_output=True)
    certificate.write_bytes(certificate.read_bytes() + made.read_bytes())
    with (
        OddHttpCamera({"/video": partial(Request.stream)}, certificate=certificate) as camera,
        capturing(f"https://{camera.address}/video") as capture,
    ):
        assert len(take(capture, 3)) == 3


def test_what_does_not_speak_http_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1000)
                    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        threading.Thread(target=greet, daemon=True).start()
        with capturing(f"http://127.0.0.1:{server.getsockname()[1]}/") as capture:
            wait_until(lambda: capture.reconnects >= 1)
            assert "does not speak HTTP" in capture.state.snapshot()[1]


def test_headers_that_trickle_in_are_given_up() -> None:
    def trickle(request: Request) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(100):
            request.wfile.write(b"X-%d: y\r\n" % number)
            time.sleep(0.2)

    with (
        OddHttpCamera({"/": trickle}) as camera,
        capturing(f"http://{camera.address}/", open_timeout_s=1.0) as capture,
    ):
        wait_until(lambda: capture.reconnects >= 1, timeout_s=8)
        assert "did not answer within 1 s" in capture.state.snapshot()[1]


def test_a_name_that_cannot_be_looked_up_is_said() -> None:
    with capturing("http://no-such-camera.invalid/video") as capture:
        wait_until(lambda: capture.reconnects >= 1)
        assert "host 'no-such-camera.invalid' cannot be looked up (DNS)" in capture.state.snapshot()[1]


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
