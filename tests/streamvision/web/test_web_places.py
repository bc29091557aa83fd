"""Those who watch share the places: no user takes them all, and an admin finds one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from streamvision.core.config.serve import ServeConfig
from streamvision.web import places
from streamvision.web.login import Login
from streamvision.web.server import WebServer
from support.accounts import People, people
from support.live_feed import LiveFeed
from support.web_client import eventually, silent_client


@contextmanager
def _served(feed: LiveFeed, folder: Path, *, max_viewers: int) -> Iterator[tuple[WebServer, People]]:
    with people(folder) as known:
        server = WebServer(feed.view, port=0, max_viewers=max_viewers, login=Login(known.accounts, ServeConfig()))
        server.start()
        try:
            yield server, known
        finally:
            server.stop()


def _watch(stack: ExitStack, server: WebServer, token: str, path: str = "/api/events") -> str:
    """Begin to watch, and return what is answered first."""
    ask = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
    before = server.fanout.connections
    client = stack.enter_context(silent_client(server.port, ask.encode()))
    answer = client.recv(4000).decode()
    while " 503 " in answer and "}" not in answer and (more := client.recv(4000)):
        answer += more.decode()
    assert " 503 " in answer or eventually(lambda: server.fanout.connections == before + 1)
    return answer


def test_one_user_takes_a_quarter_with_whatever_tokens(
    feed: LiveFeed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "MIN_OF_USER", 2)
    with _served(feed, tmp_path / "state", max_viewers=16) as (server, known), ExitStack() as stack:
        other = known.accounts.tokens.add("bob", name="other", scopes=["view"])[1]
        for token in (known.tokens["bob"], other, known.tokens["bob"], other):
            assert " 200 " in _watch(stack, server, token)
        for path in ("/api/events", "/api/live", "/streams/gate/mjpeg"):
            answer = _watch(stack, server, other, path)
            assert " 503 " in answer and "bob watches 4 times already" in answer
        assert " 200 " in _watch(stack, server, known.tokens["eve"])


def test_the_last_places_are_the_admins(feed: LiveFeed, tmp_path: Path) -> None:
    with _served(feed, tmp_path / "state", max_viewers=8) as (server, known), ExitStack() as stack:
        for who in ("bob", "eve", "bob", "eve", "bob", "eve", "bob"):
            assert " 200 " in _watch(stack, server, known.tokens[who])
        answer = _watch(stack, server, known.tokens["eve"])
        assert " 503 " in answer and "the administrators" in answer
        assert " 200 " in _watch(stack, server, known.tokens["ann"])
        assert "8 viewers are connected" in _watch(stack, server, known.tokens["ann"])


def test_who_ends_gives_the_place_back(feed: LiveFeed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "MIN_OF_USER", 1)
    with _served(feed, tmp_path / "state", max_viewers=4) as (server, known):
        for _ in range(3):
            with ExitStack() as stack:
                assert " 200 " in _watch(stack, server, known.tokens["bob"])
                assert " 503 " in _watch(stack, server, known.tokens["bob"])
            assert eventually(lambda: server.fanout.connections == 0)
