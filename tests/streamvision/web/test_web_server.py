"""The server starts where it is told, says why it cannot, and leaves nothing behind."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from streamvision.core.errors import OutputError
from streamvision.web import server as server_module
from streamvision.web.server import WebServer
from support.live_feed import LiveFeed
from support.web_client import eventually, get, get_json, opened, raw_viewer, read_part


def test_stop_frees_the_port_and_closes_every_connection_within_two_seconds(feed: LiveFeed) -> None:
    threads_before = threading.active_count()
    server = WebServer(feed.view, port=0)
    server.start()
    with opened(server.port, "/streams/gate/mjpeg") as pictures, opened(server.port, "/api/events") as events:
        read_part(pictures)
        idle = socket.create_connection(("127.0.0.1", server.port))
        begin_s = time.monotonic()
        server.stop()
        assert time.monotonic() - begin_s < 2
        pictures.read(), events.read()  # both end
        idle.close()
    assert eventually(lambda: threading.active_count() <= threads_before, within_s=5)
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
        with socket.create_connection(("::1", server.port), timeout=5) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 200 OK")
    finally:
        server.stop()


def test_url_of_all_addresses_is_one_that_a_browser_can_open(feed: LiveFeed) -> None:
    assert WebServer(feed.view, host="0.0.0.0", port=8080).url == "http://127.0.0.1:8080/"
    assert WebServer(feed.view, host="::", port=8080).url == "http://[::1]:8080/"


def test_a_client_that_never_finishes_its_request_is_cut_off(
    feed: LiveFeed, serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "REQUEST_S", 0.5)
    server = serve(feed)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\n")
        assert client.recv(100) == b""


def test_too_many_requests_at_a_time_are_turned_away(feed: LiveFeed, serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "MAX_REQUESTS", 3)
    server = serve(feed)
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(3)]
    assert eventually(lambda: get(server.port, "/healthz")[0] == 503)
    for client in idle:
        client.close()
    assert eventually(lambda: get(server.port, "/healthz")[0] == 200)


def test_live_responses_hold_no_request_thread(feed: LiveFeed, serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "MAX_REQUESTS", 3)
    server = serve(feed)
    viewers = []
    for number in range(8):
        viewers.append(raw_viewer(server.port, "/api/events" if number % 2 else "/streams/gate/mjpeg"))
        assert eventually(lambda n=number: server.fanout.connections == n + 1)
    assert eventually(lambda: get(server.port, "/healthz")[0] == 200)
    for viewer in viewers:
        viewer.close()
