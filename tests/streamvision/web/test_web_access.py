"""Each address declares what it asks of those who use it, and is answered so."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from flask.testing import FlaskClient

from streamvision.core.config.serve import ServeConfig
from streamvision.web.access import access, level_of
from streamvision.web.app import create_app
from streamvision.web.live_service import LiveService
from streamvision.web.login import Login
from streamvision.web.setup_code import SetupCode
from support.accounts import People, people
from support.live_feed import LiveFeed, published_after
from support.web_client import eventually

RIGHTS = {
    None: set(),
    "bob": {"view"},
    "eve": {"view"},
    "reader": {"view"},
    "scraper": {"metrics"},
    "ann": {"view", "metrics", "admin"},
}
OWN_CHANGES = {"change_own_password"}
"""Endpoints that change something without being the administrators': what concerns who asks alone."""


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    with people(tmp_path_factory.mktemp("state")) as found:
        yield found


@contextmanager
def asking(feed: LiveFeed, known: People | None) -> Iterator[FlaskClient]:
    assert published_after(feed["gate"].channel, 0) and published_after(feed["yard"].channel, 0)
    login = Login(known.accounts, ServeConfig(), SetupCode()) if known else None
    live = LiveService(feed.view, credentials=login.credentials if login else None)
    try:
        yield create_app(feed.view, live=live, login=login).test_client(use_cookies=False)
    finally:
        live.stop()


def routes(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Yield endpoint, method and a path of each address."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        given = {name: "gate" if name == "stream_id" else "999999" for name in rule.arguments}
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            yield rule.endpoint, method, adapter.build(rule.endpoint, given, method)


def status_of(client: FlaskClient, method: str, path: str, headers: dict[str, str]) -> int:
    body = None if method in ("GET", "DELETE") else {}
    response = client.open(path, method=method, json=body, headers=headers)
    response.close()
    return response.status_code


@pytest.mark.parametrize("who", RIGHTS)
def test_every_address_answers_as_it_declares(feed: LiveFeed, known: People, who: str | None) -> None:
    with asking(feed, known) as client:
        for endpoint, method, path in routes(client.application):
            level = level_of(client.application, endpoint)
            status = status_of(client, method, path, known.headers(who))
            case = (who, method, path, status)
            if level == "public":
                assert status != 401, case
            elif who is None:
                assert status == 401, case
            elif level not in RIGHTS[who] or (who == "eve" and "gate" in path):
                assert status == 403, case
            elif endpoint not in OWN_CHANGES:
                assert status not in (401, 403), case
    assert [user.name for user in known.accounts.users.list()] == ["ann", "bob", "eve"], "the walk changed nothing"


@pytest.mark.parametrize("who", ["bob", "reader", "scraper"])
def test_whatever_changes_something_is_for_administrators(feed: LiveFeed, known: People, who: str) -> None:
    with asking(feed, known) as client:
        changing = {(e, method, path) for e, method, path in routes(client.application) if method != "GET"}
        assert len(changing) >= 8
        for endpoint, method, path in changing:
            if level_of(client.application, endpoint) != "public":
                assert status_of(client, method, path, known.headers(who)) == 403, (method, path)


def test_an_address_that_declares_nothing_is_the_administrators(feed: LiveFeed, known: People) -> None:
    with asking(feed, known) as client:
        client.application.add_url_rule("/undeclared", view_func=lambda: "here")
        client.application.add_url_rule("/open", view_func=access("public")(lambda: "here"), endpoint="open")
        for who, status in {None: 401, "bob": 403, "scraper": 403, "reader": 403, "ann": 200}.items():
            assert client.get("/undeclared", headers=known.headers(who)).status_code == status
            assert client.get("/open", headers=known.headers(who)).status_code == 200


def test_a_viewer_of_some_streams_is_told_of_no_other(feed: LiveFeed, known: People) -> None:
    headers = known.headers("eve")
    with asking(feed, known) as client:
        streams = client.get("/api/streams", headers=headers).get_json()["streams"]
        assert [one["id"] for one in streams] == ["yard"]
        page = client.get("/", headers=headers).get_data(as_text=True)
        assert "yard" in page and "gate" not in page
        there, absent = (client.get(f"/streams/{name}/snapshot.jpg", headers=headers) for name in ("gate", "nowhere"))
        assert there.status_code == absent.status_code == 403
        assert there.get_json()["error"].replace("gate", "nowhere") == absent.get_json()["error"]
        assert client.get("/api/live?streams=yard,gate", headers=headers).status_code == 403
        assert client.get("/api/events?streams=gate", headers=headers).status_code == 403
        assert client.get("/readyz", headers=headers).get_json() == {"ready": True}
        me = client.get("/api/me", headers=headers).get_json()
        assert me == {"user": "eve", "role": "viewer", "streams": ["yard"], "login": True}


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/streams/gate", 403, "Eve may not see &#39;gate&#39;; the streams to see are: yard."),
        ("/nope", 404, "There is nothing at /nope; begin at / or /api/streams."),
        ("/events", 404, "No events are kept here"),
    ],
)
def test_a_browser_is_refused_with_a_page_and_a_way_back(
    feed: LiveFeed, known: People, path: str, status: int, said: str
) -> None:
    with asking(feed, known) as client:
        headers = known.headers("eve")
        shown = client.get(path, headers={**headers, "Accept": "text/html,*/*;q=0.8"})
        page = shown.get_data(as_text=True)
        assert (shown.status_code, shown.mimetype) == (status, "text/html")
        assert said in page.replace("A token of eve", "Eve") and 'class="button main" href=".' in page
        assert client.get(path, headers=headers).get_json()["error"]
        assert client.get("/api/nope", headers={**headers, "Accept": "text/html"}).get_json()["error"]
        foreign = client.get(path, headers={**headers, "Accept": "text/html", "Host": "evil.example"})
        assert foreign.status_code == 421 and foreign.get_json()["error"]


def test_metrics_are_offered_to_those_alone_who_may_see_them(feed: LiveFeed, known: People) -> None:
    with asking(feed, known) as client:
        pages = {who: client.get("/", headers=known.headers(who)).get_data(as_text=True) for who in ("ann", "bob")}
        assert 'metrics">' in pages["ann"] and 'metrics">' not in pages["bob"]


def test_programs_are_asked_for_a_token_and_browsers_without_a_window_of_their_own(
    feed: LiveFeed, known: People
) -> None:
    with asking(feed, known) as client:
        program = client.get("/streams/gate/mjpeg", headers={"User-Agent": "Lavf/60.3.100"})
        browser = client.get("/api/streams", headers={"User-Agent": "Mozilla/5.0"})
        assert program.headers["WWW-Authenticate"].startswith("Basic realm=")
        assert browser.headers["WWW-Authenticate"].startswith("Bearer realm=")
        assert "a token, as Bearer" in program.get_json()["error"]
        page = client.get("/streams/gate?a=b", headers={"Accept": "text/html", "User-Agent": "Mozilla/5.0"})
        assert (page.status_code, page.headers["Location"]) == (303, "../login?next=%2Fstreams%2Fgate%3Fa%3Db")


def test_the_page_offers_only_what_its_reader_may_have(feed: LiveFeed, known: People) -> None:
    with asking(feed, known) as client:
        pages = {
            who: client.get("/", headers=known.headers(who)).get_data(as_text=True) for who in ("bob", "eve", "ann")
        }
    assert {who: ">Metrics</a>" in page for who, page in pages.items()} == {"bob": False, "eve": False, "ann": True}
    assert {who: "was given to you" in page for who, page in pages.items()} == {"bob": False, "eve": True, "ann": False}
    assert "streamvision run" not in pages["eve"], "a viewer of some streams gives it no source"


@pytest.mark.parametrize("form", ["bearer", "basic"])
def test_a_token_is_taken_in_both_forms(feed: LiveFeed, known: People, form: str) -> None:
    with asking(feed, known) as client:
        for secret, status in ((known.tokens["bob"], 200), (known.tokens["bob"][:-1], 401), ("", 401), ("\xff", 401)):
            given = (
                {"auth": ("whoever", secret)} if form == "basic" else {"headers": {"Authorization": f"Bearer {secret}"}}
            )
            assert client.get("/api/streams", **given).status_code == status
        assert client.get(f"/api/streams?token={known.tokens['bob']}").status_code == 401, "never in an address"


def test_without_users_everybody_may_do_everything(feed: LiveFeed) -> None:
    with asking(feed, None) as client:
        assert client.get("/metrics").status_code == 200
        assert client.post("/api/streams/gate/analytics", json={}).status_code == 200
        assert set(client.get("/readyz").get_json()) == {"ready", "missing", "newest_age_s"}
        assert client.get("/api/me").get_json() == {"user": None, "role": "admin", "streams": None, "login": False}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST"])
def test_other_sites_may_not_change_anything_by_whatever_method(feed: LiveFeed, method: str) -> None:
    with asking(feed, None) as client:
        client.application.add_url_rule("/change", view_func=lambda: "changed", methods=[method])
        body = None if method == "DELETE" else {}
        assert client.open("/change", method=method, json=body).status_code == 200
        assert client.open("/change", method=method, json=body, headers={"Origin": "https://e.vil"}).status_code == 403
        assert client.open("/change", method=method, data="{}", content_type="text/plain").status_code == 415


def test_a_generator_ends_when_its_viewer_may_watch_no_more(feed: LiveFeed, known: People) -> None:
    """As under a WSGI server, where each live response is a generator."""
    accounts = known.accounts
    token, secret = accounts.tokens.add("bob")
    with asking(feed, known) as client:
        response = client.get("/streams/gate/mjpeg", headers={"Authorization": f"Bearer {secret}"})
        parts = iter(response.response)
        assert next(parts) is not None
        accounts.tokens.remove(token.id)
        deadline_s = time.monotonic() + 30
        for _ in parts:
            assert time.monotonic() < deadline_s, "it goes on"
        response.close()
    assert eventually(lambda: feed["gate"].channel.viewers == 0)
