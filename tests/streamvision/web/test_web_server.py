"""The server starts where it is told, says why it cannot, and leaves nothing behind."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from streamvision.core.errors import OutputError
from streamvision.web import asgi, connections
from streamvision.web.server import WebServer
from support.live_feed import LiveFeed
from support.web_client import TIMEOUT_S, eventually, get, get_json, opened, raw_viewer, read_part


def test_stop_frees_the_port_and_closes_every_connection(feed: LiveFeed) -> None:
    threads_before = threading.active_count()
    server = WebServer(feed.view, port=0)
    server.start()
    with opened(server.port, "/streams/gate/mjpeg") as pictures, opened(server.port, "/api/events") as events:
        read_part(pictures)
        idle = socket.create_connection(("127.0.0.1", server.port))
        server.stop()
        pictures.read(), events.read()  # both end
        idle.close()
    assert eventually(lambda: threading.active_count() <= threads_before)
    assert feed["gate"].channel.viewers == 0
    server.stop()  # twice is harmless
    again = WebServer(feed.view, port=server.port)
    again.start()
    assert get_json(again.port, "/healthz")[0] == 200
    again.stop()


def test_stop_before_start_is_harmless(feed: LiveFeed) -> None:
    WebServer(feed.view, port=0).stop()


def test_port_in_use_is_an_error_that_names_port_and_option(feed: LiveFeed, server: WebServer) -> None:
    with pytest.raises(OutputError, match=rf"port {server.port} on 127\.0\.0\.1 is already in use.*--serve") as caught:
        WebServer(feed.view, port=server.port).start()
    assert isinstance(caught.value, OSError)
    assert get_json(server.port, "/healthz")[0] == 200, "the one that has it is unharmed"


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1"])
def test_address_of_another_machine_is_an_error(feed: LiveFeed, host: str) -> None:
    with pytest.raises(OutputError, match="--serve"):
        WebServer(feed.view, host=host, port=0).start()


def test_ipv6(feed: LiveFeed) -> None:
    server = WebServer(feed.view, host="[::1]", port=0)
    try:
        server.start()
    except OutputError as error:
        pytest.skip(f"no IPv6 here: {error}")
    try:
        assert server.url == f"http://[::1]:{server.port}/"
        with socket.create_connection(("::1", server.port), timeout=TIMEOUT_S) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: [::1]\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 200 OK")
    finally:
        server.stop()


def test_url_of_all_addresses_is_one_that_a_browser_can_open(feed: LiveFeed) -> None:
    assert WebServer(feed.view, host="0.0.0.0", port=8080).url == "http://127.0.0.1:8080/"
    assert WebServer(feed.view, host="::", port=8080).url == "http://[::1]:8080/"


@pytest.mark.parametrize("begin", [b"", b"GET / HTTP/1.1\r\n"])
def test_a_client_that_never_finishes_its_header_is_cut_off(
    feed: LiveFeed, serve, monkeypatch: pytest.MonkeyPatch, begin: bytes
) -> None:
    monkeypatch.setattr(connections, "HEADER_S", 0.5)
    server = serve(feed)
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S) as client:
        client.sendall(begin)
        assert _rest(client) == b""


def test_the_header_of_a_second_request_has_a_deadline_too(
    feed: LiveFeed, serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEADER_S", 1.0)
    server = serve(feed)
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\n")
        assert _rest(client).count(b"HTTP/1.1 200 OK") == 1


def test_a_client_that_never_finishes_its_body_is_cut_off(
    feed: LiveFeed, serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "REQUEST_S", 0.5)
    server = serve(feed)
    with half_a_body(server.port) as client:
        assert _rest(client) == b""


def test_too_many_requests_at_a_time_are_turned_away_but_health_answers(
    feed: LiveFeed, serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "MAX_REQUESTS", 3)
    server = serve(feed)
    released, statuses = threading.Event(), feed.view.statuses
    feed.view.statuses = lambda: statuses() if released.wait(30) else []
    clients = [raw_viewer(server.port, "/api/streams") for _ in range(3)]
    assert eventually(lambda: get(server.port, "/static/app.js")[0] == 503)
    assert get_json(server.port, "/healthz")[0] == 200
    released.set()
    assert eventually(lambda: get(server.port, "/static/app.js")[0] == 200)
    for client in clients:
        assert client.recv(100).startswith(b"HTTP/1.1 200 OK")
        client.close()


def test_a_hundred_viewers_that_come_at_once_are_all_served(feed: LiveFeed, server: WebServer) -> None:
    viewers = [raw_viewer(server.port, "/streams/gate/mjpeg") for _ in range(100)]
    assert eventually(lambda: feed["gate"].channel.viewers == 100)
    for viewer in viewers:
        viewer.close()


def test_live_responses_count_as_no_request(feed: LiveFeed, serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "MAX_REQUESTS", 3)
    server = serve(feed)
    viewers = []
    for number in range(8):
        viewers.append(raw_viewer(server.port, "/api/events" if number % 2 else "/streams/gate/mjpeg"))
        assert eventually(lambda n=number: server.fanout.connections == n + 1)
    assert eventually(lambda: get(server.port, "/api/streams")[0] == 200)
    for viewer in viewers:
        viewer.close()


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n"])
def test_two_hundred_silent_connections_shut_nobody_out(feed: LiveFeed, server: WebServer, said: bytes) -> None:
    silent = []

    def connect() -> bool:
        client = socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S)
        client.sendall(said)
        silent.append(client)
        return _is_closed(silent[0])

    for _ in range(200):
        connect()
    assert get_json(server.port, "/healthz")[0] == 200
    with opened(server.port, "/streams/gate/mjpeg") as response:
        read_part(response)
    assert eventually(connect), "the oldest of too many from one address is closed"
    for client in silent:
        client.close()


MALFORMED = {
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50) + b"\n\r\n\r\n",
    "unknown version": b"GET / HTTP/x.y\r\n\r\n",
    "header without colon": b"GET /healthz HTTP/1.1\r\nHost: a\r\nfoo\r\n\r\n",
    "NUL in a header": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
    "host with a space": b"GET /healthz HTTP/1.1\r\nHost: a b@c/\r\n\r\n",
    "large header": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
    "long address": b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "address that is not ASCII": b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "query that is not ASCII": b"GET /api/streams?a=\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "length that is a word": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: five\r\n\r\n{}",
    "negative length": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n{}",
    "two lengths": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n{}",
    "length and chunks": (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "huge chunk": b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n",
    "large body": (
        b"POST /api/streams/gate/analytics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n" + b" " * 0x10000 + b"\r\n") * 2 + b"0\r\n\r\n"
    ),
}


@pytest.mark.parametrize("request_bytes", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_requests_are_refused_without_noise(
    server: WebServer, caplog: pytest.LogCaptureFixture, request_bytes: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S) as client:
        client.sendall(request_bytes)
        answer = _rest(client)
    assert answer.startswith(b"HTTP/1.1 4"), answer
    assert answer.count(b"HTTP/1.1") == 1
    assert not caplog.records
    assert get_json(server.port, "/healthz")[0] == 200


@pytest.mark.parametrize("split", [0, 1, 3])
def test_a_body_that_comes_with_its_header_is_no_part_of_it(server: WebServer, split: int) -> None:
    header = b"POST /api/streams HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    header += b"Content-Length: 81920\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S) as client:
        if split:
            client.sendall(header[:-split])
            time.sleep(0.2)
        client.sendall(header[len(header) - split if split else 0 :] + b" " * 81920)
        assert client.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_header_that_is_too_large_is_refused(server: WebServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * connections.MAX_HEADER_BYTES)
        assert client.recv(100).startswith(b"HTTP/1.1 431 ")


def half_a_body(port: int) -> socket.socket:
    """Begin to post, and say no more."""
    client = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
    client.sendall(
        b"POST /api/streams/gate/analytics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 600\r\n\r\n{"
    )
    return client


def _is_closed(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def _rest(client: socket.socket) -> bytes:
    """Return all that comes until the server closes the connection."""
    received = b""
    try:
        while data := client.recv(65536):
            received += data
    except ConnectionError:
        pass
    return received
