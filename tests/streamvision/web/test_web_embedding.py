"""Pages of sites that were named may show live streams with a token, and have nothing else; others have nothing."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from streamvision.core.config.serve import ProxyConfig, ServeConfig
from streamvision.state.accounts import Accounts
from streamvision.state.database import Database
from streamvision.web.app import create_app
from streamvision.web.embedding import Embedding
from streamvision.web.live_service import LiveService
from streamvision.web.login import Login
from support.accounts import PASSWORD, People, people
from support.live_feed import LiveFeed, published_after
from support.web_client import eventually
from support.websocket_client import WebSocketClient

SHOP = "https://shop.example"
EVIL = "https://evil.example"
OFFERED = ("/api/live", "/api/streams", "/streams/gate/mjpeg", "/streams/gate/snapshot.jpg", "/static/view/draw.js")
"""All that a page of another site may have."""
NOT_OFFERED = (
    "/",
    "/streams/gate",
    "/api/events",
    "/api/me",
    "/api/streams/gate",
    "/api/users",
    "/metrics",
    "/static/app.js",
)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    with people(tmp_path_factory.mktemp("state")) as found:
        yield found


@contextmanager
def asking(feed: LiveFeed, known: People | None, *origins: str, **options: Any) -> Iterator[FlaskClient]:
    assert published_after(feed["gate"].channel, 0)
    login = Login(known.accounts, ServeConfig(proxy=options.get("proxy"))) if known else None
    live = LiveService(feed.view, credentials=login.credentials if login else None)
    try:
        yield create_app(feed.view, live=live, login=login, embed_origins=origins, **options).test_client()
    finally:
        live.stop()


def asked(client: FlaskClient, path: str, origin: str, headers: dict[str, str] | None = None, **more: Any) -> Any:
    """Return what a page's script gets, whose browser says where it comes from."""
    fetched = {"Origin": origin, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
    response = client.open(path, headers=fetched | (headers or {}), **more)
    response.close()
    return response


def preflight(client: FlaskClient, path: str, origin: str, method: str = "GET") -> Any:
    wanted = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization"}
    return asked(client, path, origin, wanted, method="OPTIONS")


def signed_in(client: FlaskClient, user: str) -> None:
    page = client.get("/login").get_data(as_text=True)
    csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
    form = urlencode({"user": user, "password": PASSWORD, "csrf": csrf})
    client.post("/login", data=form, content_type="application/x-www-form-urlencoded")
    assert client.get("/api/me").get_json()["user"] == user


@pytest.mark.parametrize("path", OFFERED)
def test_a_named_sites_page_reads_with_a_token_and_without_cookies(feed: LiveFeed, known: People, path: str) -> None:
    with asking(feed, known, SHOP) as client:
        told = preflight(client, path, SHOP)
        assert (told.status_code, told.headers["Access-Control-Allow-Headers"]) == (204, "Authorization")
        response = asked(client, path, SHOP, known.headers("bob"))
        assert response.status_code == 200
        for one in (told, response):
            assert one.headers["Access-Control-Allow-Origin"] == SHOP
            assert "Origin" in one.headers["Vary"]
            assert "Access-Control-Allow-Credentials" not in one.headers
        assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


@pytest.mark.parametrize("path", OFFERED[:4])
@pytest.mark.parametrize("origin", [EVIL, "null", "http://shop.example", f"{SHOP}.evil.example", "http://["])
def test_a_page_of_any_other_site_is_refused_with_every_token(
    feed: LiveFeed, known: People, path: str, origin: str
) -> None:
    with asking(feed, known, SHOP) as client:
        for sent in ({}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": ""}):
            refused = asked(client, path, origin, known.headers("ann") | sent)
            assert refused.status_code == 403 and "serve.embed_origins" in refused.get_json()["error"]
            assert "Access-Control-Allow-Origin" not in refused.headers
        assert "Access-Control-Allow-Origin" not in preflight(client, path, origin).headers


@pytest.mark.parametrize("path", NOT_OFFERED)
def test_all_else_is_refused_to_a_named_sites_page(feed: LiveFeed, known: People, path: str) -> None:
    with asking(feed, known, SHOP) as client:
        response = asked(client, path, SHOP, known.headers("ann"))
        assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in response.headers
        assert "Access-Control-Allow-Origin" not in preflight(client, path, SHOP).headers
        if path.startswith(("/api/", "/streams/")):
            assert response.status_code == 403


def test_nothing_can_be_changed_from_a_named_sites_page(feed: LiveFeed, known: People) -> None:
    with asking(feed, known, SHOP) as client:
        for path in ("/api/streams", "/api/streams/gate/analytics", "/api/users"):
            assert asked(client, path, SHOP, known.headers("ann"), method="POST", json={}).status_code in (403, 405)
            assert "Access-Control-Allow-Origin" not in preflight(client, path, SHOP, "POST").headers


def test_a_signed_in_admins_cookie_gives_a_named_sites_page_nothing(feed: LiveFeed, known: People) -> None:
    with asking(feed, known, SHOP) as client:
        signed_in(client, "ann")
        for path in OFFERED[:4]:
            for sent in ({}, {"Sec-Fetch-Site": "same-site"}, {"Sec-WebSocket-Protocol": "streamvision"}):
                refused = asked(client, path, SHOP, sent)
                assert refused.status_code == 401, path
                assert refused.headers["Access-Control-Allow-Origin"] == SHOP, "its script may read why"
        own = asked(client, "/api/streams", "http://localhost", {"Sec-Fetch-Site": "same-origin"})
        assert own.status_code == 200, "the page itself goes on"


def test_a_password_that_a_browser_remembers_and_a_proxys_word_count_no_more_than_a_cookie(
    feed: LiveFeed, known: People
) -> None:
    proxy = ProxyConfig(trusted=("127.0.0.1",), user_header="X-Remote-User")
    with asking(feed, known, SHOP, proxy=proxy) as client:
        basic: Any = {"auth": ("ann", known.tokens["ann"])}
        assert client.get("/api/streams", **basic).status_code == 200
        assert asked(client, "/api/streams", SHOP, **basic).status_code == 401
        named = {"X-Remote-User": "ann"}
        assert client.get("/api/streams", headers=named).status_code == 200
        assert asked(client, "/api/streams", SHOP, named).status_code == 401


def test_a_token_sees_its_users_streams_alone(feed: LiveFeed, known: People) -> None:
    with asking(feed, known, SHOP) as client:
        seen = asked(client, "/api/streams", SHOP, known.headers("eve"))
        assert [one["id"] for one in seen.get_json()["streams"]] == ["yard"]
        refused = asked(client, "/streams/gate/mjpeg", SHOP, known.headers("eve"))
        assert refused.status_code == 403 and "may not see 'gate'" in refused.get_json()["error"]
        wrong = asked(client, "/api/live", SHOP, {"Authorization": "Bearer svt_wrong"})
        assert wrong.status_code == 401 and wrong.headers["Access-Control-Allow-Origin"] == SHOP


def test_a_websocket_brings_its_token_as_a_protocol(feed: LiveFeed, known: People) -> None:
    def offered(protocols: str) -> int:
        return asked(client, "/api/streams", SHOP, {"Sec-WebSocket-Protocol": protocols}).status_code

    with asking(feed, known, SHOP) as client:
        token = known.tokens["bob"]
        assert offered(f"streamvision, token.{token}") == 200
        assert offered("streamvision") == offered(f"streamvision, token.{token[:-1]}") == offered("token.") == 401
        signed_in(client, "ann")
        wrong = {"Sec-WebSocket-Protocol": "streamvision, token.wrong"}
        assert client.get("/api/streams", headers=wrong).status_code == 401, "no other way is tried"


def test_where_nobody_signs_in_a_named_site_needs_no_token_and_an_unnamed_one_is_not_served(feed: LiveFeed) -> None:
    with asking(feed, None, SHOP) as client:
        assert asked(client, "/api/streams", SHOP).status_code == 200
        assert asked(client, "/api/streams", EVIL).status_code == 403
    with asking(feed, None, "*") as client:
        refused = asked(client, "/api/streams", EVIL)
        assert refused.status_code == 403 and "make a user" in refused.get_json()["error"]


def test_every_site_may_be_let_in_with_a_token(feed: LiveFeed, known: People) -> None:
    with asking(feed, known, "*") as client:
        for origin in (SHOP, EVIL, "null"):
            response = asked(client, "/api/live", origin, known.headers("bob"))
            assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (200, origin)
        signed_in(client, "ann")
        assert asked(client, "/api/live", EVIL).status_code == 401


def test_origins_are_compared_as_they_are() -> None:
    embedding = Embedding((SHOP, "http://192.168.1.5:3000"))
    assert embedding.may_embed(SHOP) and embedding.may_embed("http://192.168.1.5:3000")
    for other in ("", "null", "*", f"{SHOP}:8443", f"{SHOP}/", SHOP.upper(), "http://192.168.1.5"):
        assert not embedding.may_embed(other), other


def test_without_such_sites_no_answer_varies(feed: LiveFeed) -> None:
    with asking(feed, None) as client:
        assert "Vary" not in client.get("/api/streams").headers


def test_every_site_is_let_in_from_the_first_user_on(feed: LiveFeed, tmp_path: Path) -> None:
    database = Database.open(tmp_path)
    try:
        accounts = Accounts.of(database, ServeConfig())
        with asking(feed, People(accounts), "*") as client:
            assert asked(client, "/api/streams", EVIL).status_code == 403
            accounts.users.add("ann", PASSWORD)
            token = accounts.tokens.add("ann")[1]
            bearer = {"Authorization": f"Bearer {token}"}
            assert eventually(lambda: asked(client, "/api/streams", EVIL, bearer).status_code == 200)
    finally:
        database.close()


def test_a_websockets_handshake_is_decided_in_the_same_way_and_its_token_is_told_to_nobody(
    feed: LiveFeed, serve: Any, known: People, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(feed, login=Login(known.accounts, ServeConfig()), embed_origins=(SHOP,))
    token = known.tokens["bob"]

    def handshake(origin: str, *protocols: str, **headers: str) -> tuple[int, str | None]:
        offered = {"Sec-WebSocket-Protocol": ", ".join(("streamvision.live", *protocols))}
        with WebSocketClient(server.port, "/api/live?streams=gate", Origin=origin, **offered, **headers) as client:
            return client.status, client.headers.get("sec-websocket-protocol")

    with caplog.at_level("DEBUG"):
        assert handshake(SHOP, f"token.{token}") == (101, "streamvision.live"), "the token is not sent back"
        assert handshake(SHOP, "token.svt_wrong") == (401, None)
        assert handshake(SHOP) == (401, None)
        assert handshake(SHOP, Authorization="Basic " + b64encode(f"bob:{token}".encode()).decode()) == (401, None)
        assert handshake(EVIL, f"token.{token}") == (403, None)
        own = f"http://127.0.0.1:{server.port}"
        assert handshake(own, f"token.{token}") == (101, "streamvision.live"), "the page itself may, too"
    assert token not in caplog.text
