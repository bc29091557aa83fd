"""A WebSocket client for the web tests, which can do what browsers never do."""

from __future__ import annotations

import json
import socket
import ssl
from collections import deque
from typing import Any

from wsproto.frame_protocol import Frame, FrameProtocol, Opcode

from support.web_client import TIMEOUT_S

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""What RFC 6455 answers to that key (1.3)."""


class WebSocketClient:
    """Connects, and reads the answer to the handshake."""

    def __init__(
        self,
        port: int,
        path: str,
        *,
        tls: ssl.SSLContext | None = None,
        name: str | None = None,
        receive_bytes: int = 0,
        **headers: str | None,
    ) -> None:
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(TIMEOUT_S)
        self.socket.connect(("127.0.0.1", port))
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname=name)
        fields = {
            "Host": f"127.0.0.1:{port}",
            "Upgrade": "websocket",
            "Connection": "keep-alive, Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": KEY,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
        self.socket.sendall("\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode())
        self._frames = FrameProtocol(client=True, extensions=[])
        self._received: deque[Frame] = deque()
        head = b""
        while b"\r\n\r\n" not in head:
            piece = self.socket.recv(4096)
            assert piece, head
            head += piece
        head, _, rest = head.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
        self.body = rest
        if self.status == 101:
            self._frames.receive_bytes(rest)

    def __enter__(self) -> WebSocketClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def refusal(self) -> str:
        """Return the sentence of a handshake that was refused."""
        size = int(self.headers["content-length"])
        while len(self.body) < size:
            self.body += self.socket.recv(4096)
        sentence: str = json.loads(self.body)["error"]
        assert self.is_over(), "the connection is closed"
        return sentence

    def frame(self) -> Frame:
        """Return the next frame, or part of one."""
        while not self._received:
            self._received.extend(self._frames.received_frames())
            if not self._received:
                data = self.socket.recv(65536)
                assert data, "the connection ended without a goodbye"
                self._frames.receive_bytes(data)
        return self._received.popleft()

    def record(self) -> tuple[dict[str, Any], bytes]:
        """Return the next record, which is one binary message."""
        data = b""
        while True:
            frame = self.frame()
            if frame.opcode is Opcode.CLOSE:
                raise ConnectionError(*frame.payload)
            assert frame.opcode is Opcode.BINARY, frame
            data += frame.payload
            if frame.message_finished:
                line, _, rest = data.partition(b"\n")
                header = json.loads(line)
                assert len(rest) == header.get("bytes", header.get("jpeg_bytes"))
                return header, rest

    def closed(self) -> tuple[int, str]:
        """Read to the end; return its code and reason."""
        while (frame := self.frame()).opcode is not Opcode.CLOSE:
            pass
        return int(frame.payload[0]), str(frame.payload[1])

    def is_over(self) -> bool:
        """Return whether the connection ends now; how is no matter, since what crossed its end may reset it."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def send(self, payload: str | bytes, *, fin: bool = True) -> None:
        """Send a message, or a fragment of one."""
        self.socket.sendall(self._frames.send_data(payload, fin=fin))

    def ping(self, payload: bytes) -> None:
        self.socket.sendall(self._frames.ping(payload))

    def close(self, code: int) -> None:
        self.socket.sendall(self._frames.close(code))
