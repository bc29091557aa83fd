"""A small RTSP camera whose clock the test sets: H.264 over RTP over TCP (RFC 2326, 3550, 6184), a thread a client.

with ClockCamera(leaps_s={60: -7200.0}) as camera:
    av.open(camera.url)
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Mapping
from fractions import Fraction
from types import TracebackType
from typing import Any

import av
import numpy as np

FPS = 25
NTP_EPOCH_S = 2_208_988_800
"""From 1900, where NTP begins to count, to 1970."""
_PAYLOAD_BYTES = 1200
_SSRC = 0x5EED


class ClockCamera:
    """Sends a key frame a second for ever, 25 frames a second by the real clock.

    Args:
        leaps_s: by frame, how far the camera's clock is set ahead of the real one from there on; negative is behind.
        unix_offset_s: how far the wall clock of its RTCP sender reports, one a second, is ahead of the real one; with
            ``None`` it sends no reports.
        rate: how fast the clock of its timestamps runs, in shares of real time.
        frames: after so many it breaks each connection off.
    """

    def __init__(
        self,
        *,
        leaps_s: Mapping[int, float] | None = None,
        unix_offset_s: float | None = None,
        rate: float = 1.0,
        frames: int = 100_000,
    ) -> None:
        self._leaps_s = dict(leaps_s or {})
        self._unix_offset_s = unix_offset_s
        self._rate = rate
        self._frames = frames
        self._units = _access_units()
        self._server = socket.create_server(("127.0.0.1", 0))
        self._closed = threading.Event()
        self.url = f"rtsp://127.0.0.1:{self._server.getsockname()[1]}/live"

    def __enter__(self) -> ClockCamera:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._server.close()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as requests:
            try:
                while line := requests.readline():
                    if self._answer(client, line.split()[0].decode(), _headers(requests)):
                        self._play(client)
                        return
            except (OSError, IndexError):
                return

    def _answer(self, client: socket.socket, method: str, headers: Mapping[str, str]) -> bool:
        """Answer one request; return whether it asked to play."""
        body = self._description() if method == "DESCRIBE" else ""
        lines = ["RTSP/1.0 200 OK", f"CSeq: {headers.get('cseq', '0')}", "Session: 1", "Public: DESCRIBE, SETUP, PLAY"]
        if body:
            lines += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
        if method == "SETUP":
            lines.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
        client.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        return method == "PLAY"

    def _description(self) -> str:
        return (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\na=range:npt=now-\r\n"
            "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:video\r\n"
        )

    def _play(self, client: socket.socket) -> None:
        begin_s, sequence, leap_s = time.monotonic(), 0, 0.0
        for index in range(self._frames):
            if self._closed.wait(max(0.0, begin_s + index / FPS - time.monotonic())):
                return
            leap_s = self._leaps_s.get(index, leap_s)
            ticks = int((1000 + self._rate * index / FPS + leap_s) * 90000) & 0xFFFFFFFF
            if self._unix_offset_s is not None and index % FPS == 0:
                _send(client, 1, _sender_report(time.time() + self._unix_offset_s, ticks))
            for payload, is_last in _payloads(self._units[index % len(self._units)]):
                head = struct.pack(">BBHII", 0x80, 96 | is_last << 7, sequence & 0xFFFF, ticks, _SSRC)
                _send(client, 0, head + payload)
                sequence += 1


def _headers(requests: Any) -> dict[str, str]:
    found = {}
    while line := requests.readline().decode().strip():
        name, _, value = line.partition(":")
        found[name.lower()] = value.strip()
    return found


def _send(client: socket.socket, channel: int, packet: bytes) -> None:
    client.sendall(struct.pack(">BBH", 0x24, channel, len(packet)) + packet)


def _sender_report(unix_s: float, ticks: int) -> bytes:
    seconds, fraction = divmod(unix_s + NTP_EPOCH_S, 1)
    return struct.pack(">BBHIIIIII", 0x80, 200, 6, _SSRC, int(seconds), int(fraction * 2**32), ticks, 0, 0)


def _payloads(unit: bytes) -> list[tuple[bytes, bool]]:
    """Split an Annex B access unit into RTP payloads, with whether each is the last."""
    payloads = []
    for nal in filter(None, (part.rstrip(b"\0") for part in unit.split(b"\0\0\x01"))):
        if len(nal) <= _PAYLOAD_BYTES:
            payloads.append(nal)
            continue
        starts = range(1, len(nal), _PAYLOAD_BYTES)
        for start in starts:
            flags = (start == starts[0]) << 7 | (start == starts[-1]) << 6
            head = bytes([nal[0] & 0xE0 | 28, flags | nal[0] & 31])
            payloads.append(head + nal[start : start + _PAYLOAD_BYTES])
    return [(payload, number == len(payloads) - 1) for number, payload in enumerate(payloads)]


def _access_units() -> list[bytes]:
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 320, 180, "yuv420p"
    encoder.framerate, encoder.time_base, encoder.gop_size = Fraction(FPS), Fraction(1, FPS), FPS
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency"}
    units = []
    for number in range(FPS):
        frame = av.VideoFrame.from_ndarray(np.full((180, 320, 3), 40 + 8 * number, np.uint8), format="rgb24")
        frame = frame.reformat(format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        units += [bytes(packet) for packet in encoder.encode(frame)]
    return units
