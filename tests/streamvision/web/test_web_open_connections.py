"""Connections whose request does not come whole: how many of them may be open, and what is said of it."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack
from textwrap import dedent

import pytest

from streamvision.web import asgi, connections, open_connections
from streamvision.web import server as web_server
from support.live_feed import LiveFeed
from support.web_client import eventually, get_json, is_closed, silent_client

HALF_A_HEADER = b"GET / HTTP/1.1\r\n"
HALF_A_BODY = b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\na"

ASK_HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(autouse=True)
def no_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is closed here is closed to make room."""
    monkeypatch.setattr(connections, "HEADER_S", 120.0)
    monkeypatch.setattr(asgi, "REQUEST_S", 120.0)
    monkeypatch.setattr(web_server, "KEEP_ALIVE_S", 120)


@pytest.mark.parametrize("said", [HALF_A_HEADER, HALF_A_BODY])
def test_of_a_burst_only_so_many_stay_open(feed: LiveFeed, serve, said: bytes) -> None:
    server = serve(feed)
    with ExitStack() as stack:
        clients = [stack.enter_context(silent_client(server.port, said)) for _ in range(150)]
        surplus = clients[: 150 - open_connections.MAX_SILENT_OF_ADDRESS]
        assert eventually(lambda: all(map(is_closed, surplus))), "the oldest go, and nobody need connect"
        time.sleep(2 * open_connections.TRIM_S)
        assert not any(map(is_closed, clients[len(surplus) :]))
        assert get_json(server.port, "/healthz")[0] == 200


@pytest.mark.parametrize("said", [b"", HALF_A_HEADER, HALF_A_BODY])
def test_no_more_are_open_than_the_process_has_files_for(
    feed: LiveFeed, serve, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(web_server, "max_connections", lambda _viewers: 20)
    monkeypatch.setattr(open_connections, "SILENT_S", 120.0)
    server = serve(feed)
    with ExitStack() as stack:
        clients = [stack.enter_context(silent_client(server.port, said)) for _ in range(30)]
        assert eventually(lambda: sum(map(is_closed, clients)) >= 20)
        assert get_json(server.port, "/healthz")[0] == 200


def test_those_that_have_their_answer_make_room(feed: LiveFeed, serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_server, "max_connections", lambda _viewers: 20)
    server = serve(feed)
    with ExitStack() as stack:
        clients = []
        for _ in range(30):
            clients.append(stack.enter_context(silent_client(server.port, ASK_HEALTH)))
            assert clients[-1].recv(1000).startswith(b"HTTP/1.1 200 OK")
            time.sleep(0.02)
        assert eventually(lambda: sum(map(is_closed, clients)) >= 20)
        assert get_json(server.port, "/healthz")[0] == 200


def test_a_viewer_takes_no_place_of_other_connections(feed: LiveFeed, serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_server, "max_connections", lambda _viewers: 8)
    server = serve(feed)
    with ExitStack() as stack:
        for count in range(1, 13):
            ask = b"GET /streams/gate/mjpeg HTTP/1.1\r\nHost: localhost\r\n\r\n"
            stack.enter_context(silent_client(server.port, ask))
            assert eventually(lambda count=count: server.fanout.connections == count)  # type: ignore[misc]
        assert get_json(server.port, "/healthz")[0] == 200
        assert server.fanout.connections == 12


def test_where_no_file_is_left_it_is_said_once_and_the_server_goes_on() -> None:
    script = """
        import os, resource, sys
        from streamvision.core.live import LiveView
        from streamvision.web.server import WebServer
        server = WebServer(LiveView({}, statuses=list, stage_times=dict, model="none"), port=0, max_viewers=4)
        server.start()
        used = len(os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + 20, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        print(server.port, flush=True)
        sys.stdin.read()
        server.stop()
    """
    process = subprocess.Popen(
        [sys.executable, "-c", dedent(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with ExitStack() as stack:
            for _ in range(40):
                stack.enter_context(silent_client(port, HALF_A_HEADER))
            time.sleep(1.5)
        assert eventually(lambda: get_json(port, "/healthz")[0] == 200)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
    assert said.decode().count("no further connection can be accepted") == 1
    assert b"socket.accept()" not in said


def test_a_served_command_may_open_as_many_files_as_the_system_allows() -> None:
    script = """
        import resource
        from streamvision.web.open_files import default_max_viewers, max_connections, raise_limit
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))
        before = default_max_viewers(), max_connections(150)
        raise_limit()
        print(before, resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(hard, 65536) or hard < 0)
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(script)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "(150, 64) True\n"
