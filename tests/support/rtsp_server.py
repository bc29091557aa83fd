"""A real RTSP camera for tests: GStreamer's RTSP server in a process of its own, so that it can be killed and frozen.

The video is decoded and encoded again on the fly the way cameras do it (H.264, no B-frames, one key frame a second)
and repeated for ever at its own speed, or at ``fps``. All clients share one encoder.

    with RtspServer(data_dir / "videos" / "car-detection.mp4") as server:
        av.open(server.url)
        server.kill()       # as if the power had gone
        server.start()      # the same port again
        server.freeze()     # SIGSTOP: connections stay open, nothing comes
        server.thaw()
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import itertools
import os
import random
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

START_TIMEOUT_S = 90.0


def unavailable() -> str | None:
    """Say why no RTSP server can be run here, or ``None`` when one can; for ``pytest.skip``."""
    if importlib.util.find_spec("gi") is None:
        return "no RTSP server: apt-get install python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good"
    import gi

    try:
        gi.require_version("GstRtspServer", "1.0")
    except ValueError:
        return "no RTSP server: apt-get install gir1.2-gst-rtsp-server-1.0"
    return None


class RtspServer:
    """One camera at ``rtsp://127.0.0.1:PORT/live``."""

    def __init__(
        self,
        video: Path,
        *,
        port: int = 0,
        users: Mapping[str, str] | None = None,
        auth: str = "basic",
        fps: float | None = None,
        size: tuple[int, int] | None = None,
        sound: Literal["aac", "pcmu"] | None = None,
        sent: Path | None = None,
        copied: bool = False,
        times: Path | None = None,
        address: str = "127.0.0.1",
        within: Sequence[str] = (),
        shared: bool = True,
    ) -> None:
        """Prepare; ``users`` maps names to passwords, ``auth`` is ``basic`` or ``digest``, port 0 takes a free one.

        Of all that is sent, ``sent`` gets a line: ``video`` and the hash of the picture's slices, or ``sound`` and its
        bytes. ``copied`` sends the video's own packets of H.264, H.265 or JPEG, over and over, which costs the camera
        nothing. Of each packet ``times`` gets a line as it is sent: the number of its picture in the video, and
        ``time.monotonic()``. It listens at ``address``, and is started by ``within``, such as ``ip netns exec NAME``.
        Without ``shared`` each client has an encoder of its own, and one whose network is cut holds up no other.
        """
        self._address = address
        self._within = within
        self._shared = shared
        self._copied = copied
        self._times = times
        self.port = port
        self._video = Path(video)
        self._users = dict(users or {})
        self._auth = auth
        self._fps = fps
        self._size = size
        self._sound = sound
        self._sent = sent
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """The address, with the first user's name and password where the server asks for them."""
        user = next((f"{name}:{password}@" for name, password in self._users.items()), "")
        return f"rtsp://{user}{self._address}:{self.port}/live"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None, "the server does not run"
        return self._process.pid

    def start(self) -> RtspServer:
        """Start the process and return once it accepts connections; after the first time on the same port."""
        assert self._process is None, "the server runs already"
        command = [*self._within, sys.executable, __file__, "--video", str(self._video), "--port", str(self.port)]
        command += [f"--address={self._address}"]
        command += ["--auth", self._auth, *(f"--user={name}:{word}" for name, word in self._users.items())]
        command += [f"--fps={self._fps}"] if self._fps else []
        command += [f"--size={self._size[0]}x{self._size[1]}"] if self._size else []
        command += [f"--sound={self._sound}"] if self._sound else []
        command += [f"--sent={self._sent}"] if self._sent else []
        command += ["--copied"] if self._copied else []
        command += [] if self._shared else ["--unshared"]
        command += [f"--times={self._times}"] if self._times else []
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        readable, _, _ = select.select([process.stdout], [], [], START_TIMEOUT_S)
        line = process.stdout.readline() if readable else ""
        if not line.startswith("READY "):
            process.kill()
            process.wait()
            raise RuntimeError(f"the RTSP server did not start on port {self.port}")
        self.port = int(line.split()[1])
        self._process = process
        return self

    def kill(self) -> None:
        """End the process at once, without a word to its clients; harmless when it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdout:
                self._process.stdout.close()
            self._process = None

    def restart(self) -> None:
        """Kill and start on the same port."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Stop the process where it stands; its sockets stay open and silent."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        os.kill(self.pid, signal.SIGCONT)

    def __enter__(self) -> RtspServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


_PAYLOADERS = {
    "h264": "video/x-h264,stream-format=byte-stream,alignment=au ! h264parse ! rtph264pay config-interval=-1",
    "hevc": "video/x-h265,stream-format=byte-stream,alignment=au ! h265parse ! rtph265pay config-interval=-1",
    "mjpeg": "image/jpeg,framerate=0/1,width={width},height={height} ! rtpjpegpay",
}
_SOUND_SOURCE = "appsrc name=sound is-live=true format=time block=false max-bytes=400000 leaky-type=downstream caps="
_SOUND = {
    "pcmu": f"{_SOUND_SOURCE}audio/x-mulaw,rate=8000,channels=1 ! rtppcmupay name=pay1 pt=0 ",
    "aac": f"{_SOUND_SOURCE}audio/mpeg,mpegversion=4,stream-format=raw,rate=16000,channels=1,codec_data=(buffer)1408"
    " ! rtpmp4gpay name=pay1 pt=97 ",
}


def slices_hash(data: bytes) -> str:
    """Return the SHA-256 of an H.264 picture's slices, whatever stands between and before them."""
    if data.startswith(b"\0\0\0\1"):
        units = re.split(rb"\x00*\x00\x00\x01", data)[1:]
    else:
        units, place = [], 0
        while place < len(data):
            end = place + 4 + int.from_bytes(data[place : place + 4], "big")
            units.append(data[place + 4 : end])
            place = end
    return hashlib.sha256(b"".join(unit for unit in units if unit and unit[0] & 0x1F in (1, 5))).hexdigest()


def _serve(options: argparse.Namespace) -> None:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtsp", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtsp, GstRtspServer

    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address(options.address)
    server.set_service(str(options.port))
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_shared(not options.unshared)
    factory.set_launch(
        "( appsrc name=source is-live=true format=time block=false max-bytes=4000000 leaky-type=downstream"
        f" caps={_payloader(options)} name=pay0 pt=96 " + _SOUND.get(options.sound, "") + ")"
    )
    if options.user:
        _protect(server, factory, options, GstRtsp, GstRtspServer)
    factory.connect("media-configure", lambda _, media: _feed_media(media, options, Gst))
    server.get_mount_points().add_factory("/live", factory)
    if not server.attach(None):
        raise SystemExit(f"port {options.port} is taken")
    print(f"READY {server.get_bound_port()}", flush=True)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    GLib.MainLoop().run()


def _payloader(options: argparse.Namespace) -> str:
    """Return the caps of the packets that are sent, and the elements behind."""
    import av

    if not options.copied:
        return _PAYLOADERS["h264"]
    with av.open(options.video) as container:
        stream = container.streams.video[0]
        return _PAYLOADERS[stream.codec_context.name].format(width=stream.width, height=stream.height)


def _protect(server: Any, factory: Any, options: argparse.Namespace, rtsp: Any, rtsp_server: Any) -> None:
    auth = rtsp_server.RTSPAuth()
    token = rtsp_server.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    for pair in options.user:
        name, _, password = pair.partition(":")
        if options.auth == "digest":
            auth.set_supported_methods(rtsp.RTSPAuthMethod.DIGEST)
            auth.add_digest(name, password, token)
        else:
            auth.add_basic(rtsp_server.RTSPAuth.make_basic(name, password), token)
    permissions = rtsp_server.RTSPPermissions()
    for allowed in ("media.factory.access", "media.factory.construct"):
        permissions.add_permission_for_role("viewer", allowed, True)
    factory.set_permissions(permissions)
    server.set_auth(auth)


def _feed_media(media: Any, options: argparse.Namespace, gst: Any) -> None:
    source = media.get_element().get_by_name_recurse_up("source")
    over = threading.Event()
    media.connect("unprepared", lambda _: over.set())
    log = options.sent.open("a", buffering=1) if options.sent else None
    times = options.times.open("a", buffering=1) if options.times else None
    threading.Thread(target=_feed, args=(source, options, gst, over, log, times), daemon=True).start()
    if options.sound:
        sound = media.get_element().get_by_name_recurse_up("sound")
        threading.Thread(target=_feed_sound, args=(sound, options, gst, over, log), daemon=True).start()


def _feed(source: Any, options: argparse.Namespace, gst: Any, over: threading.Event, log: Any, times: Any) -> None:
    """Push access units into ``source`` at the video's own speed until the media is over."""
    begin_s = time.monotonic()
    for data, at_s, shown_s, number in _access_units(options):
        if over.wait(max(0.0, begin_s + at_s - time.monotonic())):
            return
        buffer = gst.Buffer.new_wrapped(data)
        buffer.pts, buffer.dts = int(shown_s * gst.SECOND), int(at_s * gst.SECOND)
        if times is not None:
            times.write(f"{number} {time.monotonic():.6f}\n")
        if source.emit("push-buffer", buffer) != gst.FlowReturn.OK:
            return
        if log is not None:
            log.write(f"video {slices_hash(data)}\n")


def _feed_sound(source: Any, options: argparse.Namespace, gst: Any, over: threading.Event, log: Any) -> None:
    """Push packets of sound into ``source`` at its own speed until the media is over."""
    begin_s = time.monotonic()
    for data, at_s in _coded_aac() if options.sound == "aac" else _noise():
        if over.wait(max(0.0, begin_s + at_s - time.monotonic())):
            return
        buffer = gst.Buffer.new_wrapped(data)
        buffer.pts = buffer.dts = int(at_s * gst.SECOND)
        if source.emit("push-buffer", buffer) != gst.FlowReturn.OK:
            return
        if log is not None:
            log.write(f"sound {data.hex()}\n")


def _noise() -> Any:
    """Yield (20 ms of G.711 noise, time in seconds) without end."""
    numbers = random.Random(1)
    for index in itertools.count():
        yield numbers.randbytes(160), index * 0.02


def _coded_aac() -> Any:
    """Yield (AAC packet of a rising tone, time in seconds) without end."""
    import av
    import numpy as np

    encoder: Any = av.CodecContext.create("aac", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 16000, "mono", "fltp"
    encoder.time_base = Fraction(1, 16000)
    sent = 0
    for index in itertools.count():
        at = np.arange(index * 1024, (index + 1) * 1024) / 16000
        wave = (0.3 * np.sin(2 * np.pi * (200 + 20 * (at % 20)) * at)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(wave[None, :], "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 16000, index * 1024, Fraction(1, 16000)
        for packet in encoder.encode(frame):
            yield bytes(packet), sent * 1024 / 16000
            sent += 1


def _copied_units(video: str) -> Any:
    """Yield the access units of a video as :func:`_access_units` does, over and over."""
    import av
    from av.bitstream import BitStreamFilterContext

    index = 0
    while True:
        with av.open(video) as container:
            stream = container.streams.video[0]
            rate, codec = float(stream.average_rate), stream.codec_context.name
            annex_b = BitStreamFilterContext("null" if codec == "mjpeg" else f"{codec}_mp4toannexb", stream)
            for packet in container.demux(stream):
                for unit in annex_b.filter(packet) if packet.size else ():
                    at_s, shown_s = index / rate, float((unit.pts - unit.dts) * stream.time_base)
                    number = round((unit.pts - (stream.start_time or 0)) * stream.time_base * rate)
                    yield bytes(unit), at_s, at_s + shown_s, number
                    index += 1


def _access_units(options: argparse.Namespace) -> Any:
    """Yield (access unit, when it is sent and when it is shown in seconds, number of its picture) without end."""
    import av

    if options.copied:
        yield from _copied_units(options.video)
    encoder: Any = None
    index = 0
    while True:
        with av.open(options.video) as container:
            stream = container.streams.video[0]
            rate = Fraction(options.fps).limit_denominator(1000) if options.fps else stream.average_rate
            if encoder is None:
                encoder = av.CodecContext.create("libx264", "w")
                width, height = options.size or (stream.width, stream.height)
                encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
                encoder.framerate, encoder.time_base = rate, 1 / rate
                encoder.gop_size = max(1, round(rate))
                encoder.thread_count = 1
                encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "26"}
            for frame in container.decode(stream):
                picture = frame.reformat(encoder.width, encoder.height, "yuv420p")
                picture.pts, picture.time_base, picture.pict_type = index, 1 / rate, 0
                for packet in encoder.encode(picture):
                    yield bytes(packet), index / float(rate), index / float(rate), index
                index += 1


def _end_with_parent(parent: int) -> None:
    """Leave when the test process is gone, however it went."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(0)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--video", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--unshared", action="store_true")
    parser.add_argument("--user", action="append", default=[], help="NAME:PASSWORD")
    parser.add_argument("--auth", choices=("basic", "digest"), default="basic")
    parser.add_argument("--fps", type=float)
    parser.add_argument("--size", type=_size)
    parser.add_argument("--sound", choices=tuple(_SOUND))
    parser.add_argument("--sent", type=Path)
    parser.add_argument("--copied", action="store_true")
    parser.add_argument("--times", type=Path)
    _serve(parser.parse_args())
