"""The opening handshake of a WebSocket (RFC 6455, 4.2): a request that is decided like every other."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

from flask import request
from wsproto.utilities import generate_accept_token

from streamvision.web.refusal import refuse

VERSION = "13"
PROTOCOL = "streamvision.live"
"""The subprotocol that is chosen where it is offered: browsers give up where they offer some and none is chosen."""
KEY_BYTES = 16


@dataclass(frozen=True)
class Handshake:
    """A handshake that is agreed to."""

    accept: str
    """Proves to the client that its key was read."""
    protocol: str | None
    """The subprotocol that is spoken; ``None`` where the client offers none that is known."""

    def response(self) -> bytes:
        """Return the header of the answer, after which messages follow."""
        chosen = f"Sec-WebSocket-Protocol: {self.protocol}\r\n" if self.protocol else ""
        return (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {self.accept}\r\n{chosen}\r\n"
        ).encode()


def asks_websocket(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return whether a request with these headers, whose names are lower case, asks for a WebSocket."""
    upgrade = [value.strip().lower() for name, value in headers if name == b"upgrade"]
    connection = [
        token.strip().lower() for name, value in headers if name == b"connection" for token in value.split(b",")
    ]
    return upgrade == [b"websocket"] and b"upgrade" in connection


def agreed_handshake() -> Handshake:
    """Return the handshake that the present request begins.

    Raises:
        Refused: where it is none that the RFC allows.
    """
    headers = request.headers
    if request.method != "GET" or request.environ.get("SERVER_PROTOCOL") != "HTTP/1.1":
        refuse(HTTPStatus.BAD_REQUEST, "a WebSocket is opened by a GET request of HTTP/1.1")
    if headers.get("Sec-WebSocket-Version", "").strip() != VERSION:
        sentence = f"this version of WebSockets is not spoken; send Sec-WebSocket-Version: {VERSION}"
        refuse(HTTPStatus.UPGRADE_REQUIRED, sentence, {"Sec-WebSocket-Version": VERSION})
    key = headers.get("Sec-WebSocket-Key", "").strip()
    if not _is_key(key):
        refuse(HTTPStatus.BAD_REQUEST, f"Sec-WebSocket-Key must be {KEY_BYTES} bytes in Base64")
    offered = [token.strip() for token in headers.get("Sec-WebSocket-Protocol", "").split(",")]
    protocol = PROTOCOL if PROTOCOL in offered else None
    return Handshake(generate_accept_token(key.encode()).decode(), protocol)


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == KEY_BYTES
    except (binascii.Error, ValueError):
        return False
