"""The web: every address through Flask's test client, and raw bytes over a real socket."""

from __future__ import annotations

import json
import logging
import random
import socket
import time
from functools import cache
from pathlib import Path

from streamvision.datasets.labelling import FolderLabelling
from streamvision.web.app import create_app
from streamvision.web.live_service import LiveService
from streamvision.web.server import WebServer
from streamvision.web.wire import CONTENT_TYPES
from support.collection_folders import collection_with
from support.fuzzing.config_targets import ANALYTICS
from support.fuzzing.mutation import NAMES, Files, mutate_bytes, mutate_document
from support.fuzzing.target import Target
from support.live_feed import LiveFeed, published_after

PICTURE = "gate-1"
"""A picture that waits to be labelled."""
LABELS = {"version": "waiting", "by": "gate", "boxes": [{"class_name": "stop", "box_xyxy_px": [1, 2, 30.5, 40]}]}
"""What the labelling page sends."""
PATHS = (
    "/",
    "/streams/gate",
    "/streams/gate/mjpeg",
    "/streams/gate/mjpeg?boundary=early",
    "/streams/gate/snapshot.jpg",
    "/streams/gate/heat-map.png",
    "/api/streams",
    "/api/streams/gate",
    "/api/streams/gate/detections",
    "/api/streams/gate/analytics",
    "/api/streams/gate/analytics?form=yaml",
    "/api/live?streams=gate,yard",
    "/api/events?streams=gate&detections=1",
    "/api/label?by=gate",
    f"/api/label/pictures/{PICTURE}?by=gate",
    f"/api/label/pictures/{PICTURE}/picture.jpg",
    f"/api/label/pictures/{PICTURE}/accept",
    f"/api/label/pictures/{PICTURE}/refuse",
    f"/api/label/pictures/{PICTURE}/put-back",
    "/api/label/let-go",
    "/label",
    "/healthz",
    "/readyz",
    "/metrics",
    "/static/page.css",
    "/static/../app.py",
)
METHODS = ("GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "get", "X" * 300, "G\0T", "")
HEADERS = (
    "Accept: application/openmetrics-text; version=1.0.0; escaping=xx",
    "Accept: " + "a/b," * 2000,
    "Content-Type: application/json",
    "Content-Type: application/json; charset=none",
    "Content-Type: multipart/form-data; boundary=x",
    "Content-Type: application/x-www-form-urlencoded",
    "Content-Length: 2",
    "Content-Length: -5",
    "Content-Length: five",
    "Content-Length: 99999999999999",
    "Content-Length: " + "9" * 5000,
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip, chunked",
    "Expect: 100-continue",
    "Origin: http://evil",
    "Origin: http://[",
    "Origin: null",
    "Sec-Fetch-Site: cross-site",
    "Sec-Fetch-Site: same-origin",
    "Host: a b@c/",
    "Host: ",
    "Host: " + "a" * 5000,
    "Range: bytes=0-99999999999999",
    "Range: bytes=-" + "9" * 5000,
    "Cookie: " + "a=b;" * 3000,
    "If-None-Match: " + '"' * 2000,
    "If-Modified-Since: Mon, 99 Abc 99999 99:99:99 GMT",
    "If-Range: x",
    "Authorization: Basic %%%",
    "X: a\0b",
    "no colon",
    " folded",
    "X-Forwarded-For: 1",
    "Connection: keep-alive, close, upgrade",
    "Upgrade: h2c",
)
TOKENS = (
    b"\r\n",
    b"\n",
    b"\0",
    b"%0d%0a",
    b"%00",
    b"%",
    b"..",
    b"//",
    b"?",
    b"&",
    b"=",
    b"\xff",
    b"FFFFFFFFFFFFFFFF\r\n",
    b"-1\r\n",
    b"0\r\n\r\n",
    b"HTTP/1.1",
    b"HTTP/9.9",
    b" ",
    b"[" * 5000,
)


class _Errors(logging.Handler):
    """Keeps what is logged as an error, which no request may cause."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = logging.Formatter().format(record)
        self.seen.append(text)


@cache
def _served(place: Path) -> tuple[LiveFeed, WebServer, _Errors]:
    """Return what is asked; the pictures that are labelled lie in ``place``, beside the folder of each case."""
    labelled = collection_with(place / "labelled", hardness=[0.5, 0.4])
    for number, picture in enumerate(sorted(labelled.glob("waiting/*.jpg")), 1):
        for file in (picture, picture.with_suffix(".json")):
            file.rename(file.with_stem(f"gate-{number}"))
    feed = LiveFeed("gate", "yard", fps=5)
    feed.view.labelling = FolderLabelling(labelled)
    feed.__enter__()
    server = WebServer(feed.view, host="127.0.0.1", port=0)
    server.start()
    errors = _Errors()
    logging.getLogger().addHandler(errors)
    _OPEN.append((feed, server, errors))
    assert published_after(feed["gate"].channel, 0)
    return feed, server, errors


_OPEN: list[tuple[LiveFeed, WebServer, _Errors]] = []


def _close() -> None:
    _served.cache_clear()
    while _OPEN:
        feed, server, errors = _OPEN.pop()
        logging.getLogger().removeHandler(errors)
        server.stop()
        feed.__exit__(None, None, None)


def _path(rng: random.Random) -> str:
    path = rng.choice(PATHS)
    kind = rng.randrange(4)
    if kind == 0:
        return path.replace("gate", rng.choice(NAMES)) + rng.choice(("", "/", "?streams=" + ",".join(NAMES[:6])))
    if kind == 1:
        return path + rng.choice(("?form=", "?boundary=", "?streams=", "?detections=")) + rng.choice(NAMES)
    if kind == 2:
        changed = mutate_bytes(rng, path.encode(), TOKENS)
        return changed.decode("utf-8", "replace")
    return path


def _body(rng: random.Random) -> bytes:
    kind = rng.randrange(4)
    if kind == 0:
        return rng.choice((b"", b"null", b"{}", b"[" * 60_000, b"\xff", b" " * 65_537, b'{"lines":[],"lines":[]}'))
    document = json.loads(json.dumps(rng.choice((ANALYTICS, LABELS))))
    for _ in range(rng.choice((1, 1, 2, 4))):
        document = mutate_document(rng, document)
    try:
        content = json.dumps(document).encode()
    except (RecursionError, ValueError):
        content = b"[" * 900 + b"]" * 900
    return mutate_bytes(rng, content, TOKENS) if kind == 1 else content


def _run_client(folder: Path, rng: random.Random) -> list[str]:
    """Ask Flask's test client, without a socket; return the sentences of its errors."""
    feed, _, errors = _served(folder.parent)
    errors.seen.clear()
    live = LiveService(feed.view)
    client = create_app(feed.view, live=live).test_client()
    method = rng.choice(METHODS[:9])
    headers = [tuple(h.split(": ", 1)) for h in rng.sample(HEADERS, rng.choice((0, 1, 3))) if ": " in h]
    headers = [one for one in headers if one[0] not in ("Content-Length", "Host") and "\0" not in one[1]]
    body = _body(rng) if method != "GET" else b""
    path = "/" + _path(rng).lstrip("/").replace("\ud800", "?")
    kind = rng.choice(("application/json", "application/json", "text/plain", ""))
    with client.open(path, method=method, headers=headers, data=body, content_type=kind) as response:
        is_live = (response.content_type or "").startswith(tuple(CONTENT_TYPES.values()))
        said = next(iter(response.response), b"") if is_live else response.get_data()
        sentences = _judge(response.status_code, response.content_type or "", said, path)
    live.stop()
    return sentences + _logged(errors)


def _judge(status: int, content_type: str, body: bytes, path: str) -> list[str]:
    """Return the sentence of an error; what is wrong is an assertion."""
    assert status != 500, f"500 for {path[:100]!r}: {body[:200]!r}"
    if status < 400:
        if content_type == "application/json" and body:
            json.loads(body, parse_constant=_refuse_constant)
        return []
    if not body or content_type != "application/json":
        return []
    return [json.loads(body)["error"]]


def _refuse_constant(name: str) -> None:
    raise AssertionError(f"the answer has {name}, which is no JSON")


def _logged(errors: _Errors) -> list[str]:
    assert not errors.seen, f"logged: {errors.seen[0][-1500:]}"
    return []


def _run_socket(folder: Path, rng: random.Random) -> None:
    """Send bytes to the real server, and see that it still answers others."""
    _, server, errors = _served(folder.parent)
    errors.seen.clear()
    request = _request(rng)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.settimeout(rng.choice((0.05, 0.3)))
        answer = b""
        try:
            for at in range(0, len(request), 16384):
                connection.sendall(request[at : at + 16384])
            connection.shutdown(socket.SHUT_WR)
            until_s = time.monotonic() + 1.0
            while len(answer) < 200_000 and time.monotonic() < until_s and (more := connection.recv(65536)):
                answer += more
        except OSError:
            pass
    line = answer.partition(b"\r\n")[0]
    assert not line.startswith((b"HTTP/1.1 500", b"HTTP/1.0 500")), f"500 for {request[:300]!r}"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as other:
        other.settimeout(30)
        other.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        said = b""
        while more := other.recv(4096):
            said += more
    assert b" 200 " in said.partition(b"\r\n")[0] and b'"alive":true' in said, f"no answer after {request[:300]!r}"
    _logged(errors)


def _request(rng: random.Random) -> bytes:
    method = rng.choice(METHODS) if rng.random() < 0.3 else rng.choice(("GET", "POST"))
    body = _body(rng) if method != "GET" else b""
    headers = ["Host: localhost"] * rng.choice((0, 1, 1, 1, 2)) + rng.sample(HEADERS, rng.choice((0, 1, 2, 5)))
    if method == "POST" and rng.random() < 0.7:
        headers += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    version = rng.choice(("HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/9.9", "HTTP/x.y", ""))
    path = _path(rng).replace("\ud800", "?")
    text = "\r\n".join([f"{method} {path} {version}", *headers, "", ""])
    request = text.encode("utf-8", "replace") + body
    return mutate_bytes(rng, request, TOKENS) if rng.random() < 0.4 else request


def _unchanged(rng: random.Random, files: Files) -> Files:
    return files


WEB = [
    Target(
        name="web-client", group="web", seeds=lambda: [{}], make=_unchanged, run=_run_client, close=_close, seconds=5.0
    ),
    Target(
        name="web-socket", group="web", seeds=lambda: [{}], make=_unchanged, run=_run_socket, close=_close, seconds=10.0
    ),
]
