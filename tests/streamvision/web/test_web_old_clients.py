"""Clients of HTTP/1.0 know no chunks: a live response ends with its connection, any other has a length."""

from __future__ import annotations

import socket

import simplejpeg
from flask import Flask

from streamvision.web.asgi import AsgiApp
from streamvision.web.server import WebServer
from support.live_feed import LiveFeed


def ask(port: int, path: str, *, method: str = "GET") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    client.sendall(f"{method} {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    return client


def header_and_rest(client: socket.socket) -> tuple[bytes, bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        received += client.recv(65536)
    header, _, rest = received.partition(b"\r\n\r\n")
    return header.lower(), rest


def test_live_pictures_come_without_chunks_until_the_connection_ends(feed: LiveFeed, server: WebServer) -> None:
    with ask(server.port, "/streams/gate/mjpeg") as client:
        header, body = header_and_rest(client)
        assert b"connection: close" in header
        assert b"transfer-encoding" not in header and b"content-length" not in header
        feed["gate"].enter("ended")
        while data := client.recv(65536):
            body += data
    assert body.startswith(b"--frame\r\nContent-Type: image/jpeg\r\n")
    assert body.endswith(b"--frame--\r\n")
    head, _, picture = body.partition(b"\r\n\r\n")
    length = int(head.rpartition(b" ")[2])
    assert simplejpeg.is_jpeg(picture[:length]) and picture[length:].startswith(b"\r\n--frame")


def test_a_body_of_unknown_length_is_measured_first(feed: LiveFeed, server: WebServer) -> None:
    application: AsgiApp = server._app
    flask: Flask = application._ordinary._wsgi.app
    flask.add_url_rule("/numbers", view_func=lambda: (str(number) for number in range(5)))
    with ask(server.port, "/numbers") as client:
        header, body = header_and_rest(client)
        while data := client.recv(65536):
            body += data
    assert b"content-length: 5" in header and b"transfer-encoding" not in header
    assert body == b"01234"


def test_ordinary_answers_and_heads_keep_their_length(server: WebServer) -> None:
    for method, expected in (("GET", True), ("HEAD", False)):
        with ask(server.port, "/healthz", method=method) as client:
            header, body = header_and_rest(client)
            while data := client.recv(65536):
                body += data
        assert b"content-length: 15" in header
        assert (body == b'{"alive":true}\n') is expected
