"""Viewers over TLS come and go as all others do."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest

from streamvision.web.certificate import Certificate
from streamvision.web.self_signed import self_signed
from streamvision.web.server import WebServer
from support.live_feed import LiveFeed
from support.web_client import eventually


def tls_viewer(port: int) -> ssl.SSLSocket:
    context = ssl._create_unverified_context()
    viewer = context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=20))
    viewer.sendall(b"GET /streams/gate/mjpeg HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return viewer


def test_viewers_that_leave_disturb_nobody(feed: LiveFeed, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("cryptography")
    files = self_signed(tmp_path)
    server = WebServer(feed.view, port=0, certificate=Certificate(lambda: files))
    server.start()
    channel = feed["gate"].channel
    try:
        staying, *leaving = [tls_viewer(server.port) for _ in range(8)]
        assert eventually(lambda: channel.viewers == 8)
        for viewer in leaving:
            socket.socket.close(viewer)  # without a goodbye
        assert eventually(lambda: channel.viewers == 1)
        received = 0
        while received < 200_000:
            received += len(staying.recv(65536))
        staying.close()
        assert eventually(lambda: server.fanout.connections == 0)
    finally:
        server.stop()
    assert not [record for record in caplog.records if record.levelname == "ERROR"], caplog.text
