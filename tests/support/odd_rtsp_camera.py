"""An RTSP camera with habits, in this process: it refuses a transport, comes late, or sends a picture now and then."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import av
import numpy as np

PAYLOAD_TYPE = 96
MAX_PAYLOAD = 1200


class OddRtspCamera:
    """One camera at ``rtsp://127.0.0.1:PORT/live`` that sends H.264 key frames.

    Args:
        transports: what SETUP accepts; anything else is answered with ``refusal``.
        interval_s: time from picture to picture.
        first_replies: status lines with which the first DESCRIBEs are answered, such as ``404 Not Found``.
        refusal: status line for another transport.
        silent: what SETUP accepts, too, but nothing is sent over.
        closes_at: the request, such as ``PLAY``, at which the first connection is closed unanswered.
        hangs_at: the request that is never answered.
    """

    def __init__(
        self,
        *,
        transports: tuple[str, ...] = ("tcp", "udp"),
        interval_s: float = 0.04,
        first_replies: tuple[str, ...] = (),
        refusal: str = "461 Unsupported transport",
        silent: tuple[str, ...] = (),
        closes_at: str | None = None,
        hangs_at: str | None = None,
    ) -> None:
        self.describes: list[float] = []
        """When each DESCRIBE came, on ``time.monotonic()``."""
        self.sessions = 0
        """How many have begun to play."""
        self._transports = transports
        self._interval_s = interval_s
        self._first_replies = list(first_replies)
        self._refusal = refusal
        self._silent = silent
        self._closes_at = closes_at
        self._hangs_at = hangs_at
        self._units = _nal_units()
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}/live"

    def __enter__(self) -> OddRtspCamera:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._listener.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        over = threading.Event()
        send: Callable[[bytes], Any] | None = None
        is_silent = False
        lock = threading.Lock()
        with connection, connection.makefile("rb") as requests:
            try:
                while request := _read_request(requests):
                    method, sequence, transport = request
                    if method == self._closes_at:
                        self._closes_at = None
                        return
                    if method == self._hangs_at:
                        self._closing.wait()
                        return
                    status, headers, body = self._reply(method, transport)
                    if method == "SETUP" and status.startswith("200"):
                        send, answer = _transport(connection, lock, transport)
                        is_silent = ("tcp" if "TCP" in transport else "udp") in self._silent
                        headers = [f"Transport: {answer}", "Session: 1"]
                    lines = [f"RTSP/1.0 {status}", f"CSeq: {sequence}", *headers, f"Content-Length: {len(body)}"]
                    with lock:
                        connection.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
                    if method == "PLAY" and send is not None:
                        self.sessions += 1
                        if is_silent:
                            continue
                        threading.Thread(target=self._play, args=(send, over), daemon=True).start()
            except OSError:
                pass
            over.set()

    def _reply(self, method: str, transport: str) -> tuple[str, list[str], str]:
        if method == "DESCRIBE":
            self.describes.append(time.monotonic())
            if self._first_replies:
                return self._first_replies.pop(0), [], ""
            return "200 OK", ["Content-Type: application/sdp"], _sdp()
        if method == "SETUP" and ("tcp" if "TCP" in transport else "udp") not in self._transports:
            return self._refusal, [], ""
        return "200 OK", ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN", "Session: 1"], ""

    def _play(self, send: Callable[[bytes], Any], over: threading.Event) -> None:
        sequence, stamp = 1, 0
        try:
            while not over.is_set() and not self._closing.is_set():
                for number, unit in enumerate(self._units):
                    for payload, ends in _payloads(unit):
                        marker = 0x80 if ends and number == len(self._units) - 1 else 0
                        send(struct.pack(">BBHII", 0x80, PAYLOAD_TYPE | marker, sequence & 0xFFFF, stamp, 7) + payload)
                        sequence += 1
                stamp = (stamp + round(90_000 * self._interval_s)) & 0xFFFFFFFF
                over.wait(self._interval_s)
        except OSError:
            pass


def _read_request(requests: Any) -> tuple[str, str, str] | None:
    """Return method, sequence number and transport of the next request; RTCP in between is skipped."""
    lines: list[str] = []
    while True:
        if not lines and requests.peek(1)[:1] == b"$":
            _, _, size = struct.unpack(">BBH", requests.read(4))
            requests.read(size)
            continue
        line = requests.readline()
        if not line:
            return None
        text = line.decode(errors="replace").strip()
        if text:
            lines.append(text)
        elif lines:
            break
    headers = dict(part.lower().split(": ", 1) for part in lines[1:] if ": " in part)
    return lines[0].split()[0], headers.get("cseq", "0"), headers.get("transport", "").upper()


def _transport(connection: socket.socket, lock: threading.Lock, asked: str) -> tuple[Callable[[bytes], Any], str]:
    """Return what sends a packet, and the Transport header of the answer."""
    if "TCP" in asked:

        def send_interleaved(packet: bytes) -> None:
            with lock:
                connection.sendall(struct.pack(">cBH", b"$", 0, len(packet)) + packet)

        return send_interleaved, "RTP/AVP/TCP;unicast;interleaved=0-1"
    ports = re.search(r"CLIENT_PORT=(\d+)", asked)
    assert ports is not None, asked
    target = (connection.getpeername()[0], int(ports[1]))
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.bind(("127.0.0.1", 0))
    own_port = own.getsockname()[1]
    answer = f"RTP/AVP;unicast;client_port={target[1]}-{target[1] + 1};server_port={own_port}-{own_port + 1}"
    return lambda packet: own.sendto(packet, target), answer


def _payloads(unit: bytes) -> list[tuple[bytes, bool]]:
    """Cut a NAL unit into RTP payloads (RFC 6184, FU-A); the flag says which is its last."""
    if len(unit) <= MAX_PAYLOAD:
        return [(unit, True)]
    parts = [unit[1:][at : at + MAX_PAYLOAD] for at in range(0, len(unit) - 1, MAX_PAYLOAD)]
    indicator, kind = (unit[0] & 0xE0) | 28, unit[0] & 31
    return [
        (
            bytes([indicator, (0x80 if n == 0 else 0) | (0x40 if n == len(parts) - 1 else 0) | kind]) + part,
            n == len(parts) - 1,
        )
        for n, part in enumerate(parts)
    ]


def _nal_units() -> list[bytes]:
    """Return parameter sets and slices of one key frame of 320x180."""
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.framerate = 320, 180, "yuv420p", 25
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency"}
    picture = np.random.default_rng(1).integers(0, 255, (180, 320, 3), np.uint8)
    packets = encoder.encode(av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p"))
    data = b"".join(bytes(packet) for packet in packets)
    return [unit.rstrip(b"\0") for unit in data.split(b"\0\0\1") if unit.strip(b"\0")]


def _sdp() -> str:
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=camera", "c=IN IP4 0.0.0.0", "t=0 0", "a=control:*"]
    video = [f"m=video 0 RTP/AVP {PAYLOAD_TYPE}", f"a=rtpmap:{PAYLOAD_TYPE} H264/90000"]
    return "\r\n".join([*lines, *video, f"a=fmtp:{PAYLOAD_TYPE} packetization-mode=1", "a=control:track"]) + "\r\n"
