"""Damaged pictures are counted and never reach the network, and neither does what is predicted from them."""

from __future__ import annotations

import itertools
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from pipelines.capture.ffmpeg import damage
from pipelines.capture.ffmpeg.damage import HEALED_AFTER_FRAMES, DamageGuard
from streamvision.core.errors import SourceError
from streamvision.core.frame import Frame
from streamvision.core.stream_state import StreamState
from streamvision.core.telemetry import DropCounter
from support.capturing import capturing, take, wait_until
from support.free_ports import free_port
from support.http_folder import served
from support.odd_http_camera import MULTIPART, OddHttpCamera, Request

FRAMES, GOP = 75, 25
# One thread, since many wait for each other on a busy machine.
X265 = "-x265-params log-level=none:pools=none:frame-threads=1:wpp=0:scenecut=0"
ENCODERS = {
    "h264": ("libx264", "-g 25 -keyint_min 25 -bf 2 -x264-params scenecut=0"),
    "h264 in slices": ("libx264", "-g 25 -keyint_min 25 -bf 2 -slices 4 -x264-params scenecut=0"),
    "hevc": ("libx265", f"{X265}:keyint=25:min-keyint=25"),
}
_START = re.compile(rb"\x00\x00\x01")


def encode(path: Path, codec: str, *, options: str = "", seconds: float = 3) -> Path:
    """Write a film in which everything moves."""
    encoder, settings = ENCODERS[codec]
    picture = ["-f", "lavfi", "-i", f"testsrc2=s=320x256:r=25:d={seconds}", "-pix_fmt", "yuv420p"]
    settings = f"-preset ultrafast -threads 1 {settings} {options}"
    command = ["ffmpeg", "-v", "error", *picture, "-c:v", encoder, *settings.split(), path]
    subprocess.run(command, check=True, timeout=60)
    return path


def with_losses(data: bytes, codec: str, every: int) -> bytes:
    """Shorten every so manieth slice; where pictures have several, leave out every so manieth that is not the first."""
    kept, seen = [], 0
    for unit, is_slice, is_first in units(data, codec):
        counts = is_slice and not (is_first and "slices" in codec)
        seen += counts
        if not counts or seen % every:
            kept.append(unit)
        elif "slices" not in codec:
            kept.append(unit[: len(unit) // 2])
    return b"".join(kept)


def without_picture(data: bytes, codec: str, number: int) -> bytes:
    """Leave out one picture, in the order of coding."""
    kept, picture = [], -1
    for unit, is_slice, is_first in units(data, codec):
        picture += is_slice and is_first
        if not (is_slice and picture == number):
            kept.append(unit)
    return b"".join(kept)


def units(data: bytes, codec: str) -> Iterator[tuple[bytes, bool, bool]]:
    """Yield each unit with its start code, whether it is a slice, and whether it is the first of its picture."""
    starts = [found.start() for found in _START.finditer(data)] + [len(data)]
    for begin, end in itertools.pairwise(starts):
        unit = data[begin + 3 : end]
        is_slice = (unit[0] >> 1) & 63 < 32 if codec == "hevc" else unit[0] & 31 in (1, 5)
        yield data[begin:end], is_slice, bool(unit[2 if codec == "hevc" else 1] & 0x80)


def read(path: Path, **config: object) -> tuple[list[Frame], dict[str, int], int]:
    """Return frames, drops by cause, and how many frames the file had."""
    with capturing(path, **config) as capture:
        frames = take(capture)
    assert capture.state.state is StreamState.ENDED
    return frames, capture.drops.by_cause(), capture.frames_in


@pytest.mark.parametrize("codec", ["h264", "h264 in slices"])
def test_what_goes_on_is_as_good_as_without_the_loss(tmp_path: Path, codec: str) -> None:
    suffix = codec.split()[0]
    whole = encode(tmp_path / f"whole.{suffix}", codec)
    damaged = tmp_path / f"damaged.{suffix}"
    damaged.write_bytes(with_losses(whole.read_bytes(), codec, every=37))
    truth, drops, _ = read(whole)
    assert (len(truth), drops) == (FRAMES, {})
    frames, drops, frames_in = read(damaged)
    assert frames_in == FRAMES
    assert drops == {"damaged": FRAMES - len(frames)}
    assert 5 < len(frames) < FRAMES - 5
    places = [frame.place.frame for frame in frames if frame.place is not None]
    assert all(np.array_equal(f.picture.y, truth[n].picture.y) for n, f in zip(places, frames, strict=True))
    assert max(places) >= GOP  # it went on with a clean picture


def test_what_is_predicted_from_a_lost_picture_is_kept_back(tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.hevc", "hevc")
    truth, _, _ = read(whole)
    right = {frame.picture.y.tobytes() for frame in truth}
    for number in (30, 31, 32):  # at least one of them is a reference
        damaged = tmp_path / f"damaged-{number}.hevc"
        damaged.write_bytes(without_picture(whole.read_bytes(), "hevc", number))
        frames, drops, frames_in = read(damaged)
        assert frames_in == FRAMES - 1  # nothing in a raw stream tells of the one that is missing
        assert all(frame.picture.y.tobytes() in right for frame in frames)
        assert sum(drops.values()) == frames_in - len(frames)
        if drops:
            break
    assert drops["damaged"] > 0
    assert len(frames) > GOP


def test_a_decoder_that_gives_up_is_counted() -> None:
    frames, drops, frames_in = read(Path(__file__).with_name("damaged.hevc"))
    assert (len(frames), drops, frames_in) == (20, {"damaged": 30}, 50)


def test_damaged_pictures_may_be_used(tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.h264", "h264")
    damaged = tmp_path / "damaged.h264"
    damaged.write_bytes(with_losses(whole.read_bytes(), "h264", every=37))
    frames, drops, _ = read(damaged, damaged="use")
    assert (len(frames), drops) == (FRAMES, {})


def test_a_file_of_which_every_picture_is_damaged_says_so(tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.h264", "h264", seconds=1)
    bad = tmp_path / "bad.h264"
    bad.write_bytes(with_losses(whole.read_bytes(), "h264", every=1))
    with capturing(bad) as capture:
        assert take(capture) == []
    assert capture.failure is not None
    assert "are damaged; give --damaged use" in capture.failure


class Seen:
    """A frame as the guard sees it."""

    def __init__(self, *, is_corrupt: bool = False, key_frame: bool = False, pts: int | None = None) -> None:
        self.is_corrupt = is_corrupt
        self.key_frame = key_frame
        self.pts = pts


def test_a_stream_without_key_frames_heals_in_time() -> None:
    drops = DropCounter()
    guard = DamageGuard(drops, used=False, shown="camera")
    assert guard.passes(Seen(key_frame=True))
    assert not guard.passes(Seen(is_corrupt=True))
    passed = [guard.passes(Seen()) for _ in range(HEALED_AFTER_FRAMES + 5)]
    assert passed == [False] * HEALED_AFTER_FRAMES + [True] * 5
    assert drops.by_cause() == {"damaged": HEALED_AFTER_FRAMES + 1}


def test_a_key_frame_that_was_only_kept_back_ends_nothing() -> None:
    guard = DamageGuard(DropCounter(), used=False, shown="camera")
    assert guard.passes(Seen(key_frame=True))
    guard.suspect(20_000)
    assert not guard.passes(Seen(key_frame=True, pts=10_000))
    assert not guard.passes(Seen(key_frame=True, pts=20_000))
    assert not guard.passes(Seen(pts=30_000))
    assert guard.passes(Seen(key_frame=True, pts=40_000))
    guard.suspect(50_000_000)
    assert guard.passes(Seen(key_frame=True, pts=0))  # the camera counts anew


def test_what_cannot_be_decoded_before_the_first_picture_is_no_reason_to_begin_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(damage, "DECODED_WITHIN_S", 0.0)
    guard = DamageGuard(DropCounter(), used=False, shown="camera")
    for _ in range(20):
        guard.failed()
        guard.check()
    assert guard.passes(Seen(key_frame=True))


def test_a_source_that_sends_nothing_clean_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(damage, "CLEAN_WITHIN_S", 0.05)
    guard = DamageGuard(DropCounter(), used=False, shown="camera")
    guard.passes(Seen(is_corrupt=True))
    guard.check()
    time.sleep(0.1)
    guard.passes(Seen(is_corrupt=True, key_frame=True))
    with pytest.raises(SourceError, match=r"camera has sent no undamaged picture for 0\.05 s"):
        guard.check()


@contextmanager
def live_server(first: bytes, then: bytes) -> Iterator[str]:
    """Serve a transport stream for four seconds: to the first who comes ``first``, to others ``then``."""
    connections = iter(range(1000))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = first if next(connections) == 0 else then
            self.send_response(200)
            self.send_header("Content-Type", "video/mp2t")
            self.end_headers()
            pieces = 80
            step = len(data) // pieces // 188 * 188 + 188
            for begin in range(0, len(data), step):
                try:
                    self.wfile.write(data[begin : begin + step])
                except OSError:
                    return
                time.sleep(0.05)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/live.ts"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(60)


def test_a_live_stream_that_changes_its_codec_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(damage, "DECODED_WITHIN_S", 0.5)
    h264 = encode(tmp_path / "a.ts", "h264", seconds=2).read_bytes()
    hevc = encode(tmp_path / "b.ts", "hevc", options="-s 160x128", seconds=4).read_bytes()
    with live_server(h264 + hevc, hevc) as url, capturing(url) as capture:
        assert take(capture, 1)[0].picture.width_px == 320
        wait_until(lambda: capture.reconnects > 0, timeout_s=60)
        sizes: list[int] = []
        while 160 not in sizes and len(sizes) < 500:
            sizes += [frame.picture.width_px for frame in take(capture, 1, timeout_s=30)]
        assert 160 in sizes
    assert capture.drops.by_cause()["damaged"] > 0
    assert capture.failure is None


def _send(data: bytes, address: tuple[str, int], stop: threading.Event, *, lose_every: int) -> None:
    """Send a transport stream over and over, four seconds a time, without every so manieth datagram."""
    datagram = 7 * 188
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in itertools.count():
            begin = number * datagram % (len(data) // datagram * datagram)
            if number % lose_every:
                sender.sendto(data[begin : begin + datagram], address)
            if stop.wait(4 * datagram / len(data)):
                return


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("h264", "-g 10 -keyint_min 10"),
        ("hevc", f"{X265}:keyint=10:min-keyint=10"),
    ],
    ids=["h264", "hevc"],
)
def test_of_a_stream_that_loses_packets_only_clean_pictures_are_seen(tmp_path: Path, codec: str, options: str) -> None:
    film = encode(tmp_path / "film.ts", codec, options=f"{options} -b:v 1M -maxrate 1M -bufsize 1M", seconds=4)
    truth = {frame.picture.y.tobytes() for frame in read(film)[0]}
    port = free_port(socket.SOCK_DGRAM)
    stop = threading.Event()
    arguments = (film.read_bytes(), ("127.0.0.1", port), stop)
    sender = threading.Thread(target=_send, args=arguments, kwargs={"lose_every": 60}, daemon=True)
    sender.start()
    try:
        with capturing(f"udp://127.0.0.1:{port}", stream_id="udp") as capture:
            frames = take(capture, 20, timeout_s=300)
            drops = capture.drops.by_cause()
    finally:
        stop.set()
        sender.join(60)
    assert len(frames) == 20
    assert drops["damaged"] > 0
    assert all(frame.picture.y.tobytes() in truth for frame in frames)


def test_where_a_playlist_joins_its_segments_nothing_is_damaged(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    encode(film, "h264", seconds=1)
    playlist = ["#EXTM3U", "#EXT-X-TARGETDURATION:1"]
    for number in range(4):  # each by a muxer of its own, which begins to count its packets anew
        shifted = ["-c", "copy", "-muxdelay", "0", "-output_ts_offset", str(number), tmp_path / f"{number}.ts"]
        subprocess.run(["ffmpeg", "-v", "error", "-i", film, *shifted], check=True, timeout=60)
        playlist += ["#EXTINF:1.0,", f"{number}.ts"]
    (tmp_path / "live.m3u8").write_text("\n".join([*playlist, "#EXT-X-ENDLIST", ""]))
    with served(tmp_path) as url, capturing(f"{url}/live.m3u8") as capture:
        frames = take(capture)
    drops = capture.drops.by_cause()
    assert len(frames) + drops.get("newer_frame", 0) == 100  # a busy machine takes not all of a live stream
    assert "damaged" not in drops


def jpegs(count: int) -> list[bytes]:
    """Return pictures whose grey level says their number: each third is half there, one lacks only its end marker."""
    files = []
    for number in range(count):
        noise = np.random.default_rng(number).integers(-8, 9, (180, 320, 3))
        level = np.clip(40 + 5 * number + noise, 0, 255).astype(np.uint8)
        file = bytes(cv2.imencode(".jpg", level)[1])
        files.append(file[: len(file) // 2] if number % 3 == 2 else file)
    files[1] = files[1][:-2]
    return files


def film_of(path: Path, files: list[bytes]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuvj420p"
        container.start_encoding()
        for number, file in enumerate(files):
            packet = av.Packet(file)
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 25), True
            packet.pts = packet.dts = number
            container.mux(packet)
    return path


def levels(frames: list[Frame]) -> list[int]:
    return [round((float(frame.picture.to_bgr().mean()) - 40) / 5) for frame in frames]


@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".mov"])
def test_half_a_jpeg_in_a_film_is_damaged(tmp_path: Path, suffix: str) -> None:
    film = film_of(tmp_path / f"film{suffix}", jpegs(18))
    with capturing(film) as capture:
        assert levels(take(capture)) == [number for number in range(18) if number % 3 != 2]
    assert (capture.failure, capture.drops.by_cause()) == (None, {"damaged": 6})
    with capturing(film, damaged="use") as capture:
        assert len(take(capture)) == 18


def test_half_a_jpeg_of_a_camera_is_damaged() -> None:
    files = jpegs(18)

    def habit(request: Request) -> None:
        request.head(MULTIPART + "frame")
        for file in files:
            request.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + file + b"\r\n")
            time.sleep(0.1)

    with OddHttpCamera({"/video": habit}) as camera, capturing(f"http://{camera.address}/video") as capture:
        seen = levels(take(capture, 6))
        assert set(seen) <= {number for number in range(18) if number % 3 != 2}
        assert capture.drops.total > 0  # as damaged, or as overtaken by the next one, without which none has an end
