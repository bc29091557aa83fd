"""HTTP cameras with the habits of real ones, in this process: each address has its own."""

from __future__ import annotations

import hashlib
import re
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from streamvision.core.frame import Frame

MULTIPART = "multipart/x-mixed-replace; boundary="
STEP = 4
"""Grey levels from picture to picture."""


def picture(number: int, size: tuple[int, int] = (320, 240), kind: str = ".jpg", **options: int) -> bytes:
    """Return the file of a grey picture whose level says its number."""
    grey = np.full((size[1], size[0], 3), 20 + STEP * (number % 50), np.uint8)
    noise = np.random.default_rng(number).integers(-2, 3, grey.shape)
    grey = np.clip(grey.astype(int) + noise, 0, 255).astype(np.uint8)
    return bytes(cv2.imencode(kind, grey, [getattr(cv2, k) for k in options] + [*options.values()])[1])


def number_of(level: float) -> int:
    """Return the number of a picture by its mean level."""
    return round((level - 20) / STEP)


class Request(BaseHTTPRequestHandler):
    """One request, and what answers are made of."""

    server: Any
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        camera: OddHttpCamera = self.server.camera
        camera.requests.append(self)
        self.at_s = time.monotonic()
        self.close_connection = True
        try:
            camera.habits[self.path.split("?")[0]](self)
        except (OSError, KeyError) as error:
            if isinstance(error, KeyError):
                self.answer(404, "text/html", b"<html>no</html>")

    def log_message(self, format: str, *args: object) -> None:
        pass

    def head(self, content_type: str | None, *headers: tuple[str, str], status: int = 200) -> None:
        """Send the headers."""
        self.send_response(status)
        for name, value in [("Content-Type", content_type)] * bool(content_type) + [*headers]:
            self.send_header(str(name), str(value))
        self.end_headers()

    def answer(
        self, status: int, content_type: str, body: bytes, *headers: tuple[str, str], keep: bool = False
    ) -> None:
        """Send a whole answer."""
        self.close_connection = not keep
        self.head(content_type, ("Content-Length", str(len(body))), *headers, status=status)
        self.wfile.write(body)

    def stream(
        self,
        *,
        content_type: str | None = MULTIPART + "frame",
        boundary: bytes = b"--frame",
        part: bytes = b"Content-Type: image/jpeg",
        line_end: bytes = b"\r\n",
        length_off_by: int | None = 0,
        first_boundary: bool = True,
        preamble: bytes = b"",
        trailer: bytes = b"",
        chunked: bool = False,
        without_end: bool = False,
        count: int = 1000,
        interval_s: float = 0.03,
    ) -> None:
        """Send pictures, each as a part; ``length_off_by=None`` gives no length."""
        self.head(content_type, *[("Transfer-Encoding", "chunked")] * chunked)
        self.wfile.write(preamble)
        for number in range(count):
            jpeg = picture(number)[: -2 if without_end else None]
            lines = [boundary] * (number > 0 or first_boundary) + [part] * bool(part)
            if length_off_by is not None:
                lines.append(b"Content-Length: %d" % (len(jpeg) + length_off_by))
            data = line_end.join([*lines, b"", b""]) + jpeg + trailer + line_end
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)
            time.sleep(interval_s)


class OddHttpCamera:
    """Serves each path by its own habit, a function that is given the :class:`Request`."""

    def __init__(self, habits: dict[str, Callable[[Request], None]], *, certificate: Path | None = None) -> None:
        self.habits = habits
        self.requests: list[Request] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Request)
        self._server.daemon_threads = True
        self._server.camera = self  # type: ignore[attr-defined]
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> OddHttpCamera:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def check_digest(header: str, user: str, password: str, target: str) -> bool:
    """Say whether an Authorization header answers a Digest challenge with this password (RFC 7616)."""
    given = {name: quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]*))', header)}
    algorithm = given.get("algorithm", "MD5").upper()
    new_hash = hashlib.sha256 if algorithm.startswith("SHA-256") else hashlib.md5

    def digest(*parts: str) -> str:
        return new_hash(":".join(parts).encode()).hexdigest()

    secret = digest(user, given.get("realm", ""), password)
    if algorithm.endswith("-SESS"):
        secret = digest(secret, given["nonce"], given["cnonce"])
    middle = [given["nc"], given["cnonce"], given["qop"]] if "qop" in given else []
    expected = digest(secret, given.get("nonce", ""), *middle, digest("GET", target))
    return header.startswith("Digest ") and given.get("username") == user and given.get("response") == expected


Habit = Callable[[Request], None]
"""How a camera answers a request."""


def numbers(frames: list[Frame]) -> list[int]:
    """Return the number of each picture, as it is drawn."""
    return [number_of(float(frame.picture.to_bgr().mean())) for frame in frames]


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
