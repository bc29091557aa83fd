"""Each address declares what it asks of those who use it, and is answered so."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from streamvision.web.access import EVERYBODY, Principal, access, level_of
from streamvision.web.app import create_app
from streamvision.web.live_service import LiveService
from streamvision.web.server import WebServer
from support.live_feed import LiveFeed, published_after
from support.web_client import eventually, opened, read_event, read_part

VIEWER = Principal("bob", frozenset({"view"}))
GUEST = Principal("eve", frozenset({"view"}), streams=frozenset({"yard"}))
SCRAPER = Principal("prometheus", frozenset({"metrics"}))
ADMIN = Principal("ann", frozenset({"view", "metrics", "admin"}))
WHO = {"stranger": None, "viewer": VIEWER, "guest": GUEST, "scraper": SCRAPER, "admin": ADMIN}
OWN_CHANGES: set[str] = set()
"""Endpoints that change something without being the administrators': what concerns who asks alone."""


@contextmanager
def asking_as(feed: LiveFeed, principal: Principal | None) -> Iterator[FlaskClient]:
    assert published_after(feed["gate"].channel, 0, 5) and published_after(feed["yard"].channel, 0, 5)
    live = LiveService(feed.view)
    try:
        yield create_app(feed.view, live=live, identify=lambda: principal).test_client()
    finally:
        live.stop()


def routes(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Yield endpoint, method and a path of each address."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        given = {name: "gate" if name == "stream_id" else "1" for name in rule.arguments}
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            yield rule.endpoint, method, adapter.build(rule.endpoint, given, method)


def status_of(client: FlaskClient, method: str, path: str) -> int:
    response: TestResponse = client.open(path, method=method, json={} if method not in ("GET", "DELETE") else None)
    response.close()
    return response.status_code


@pytest.mark.parametrize("who", WHO)
def test_every_address_answers_as_it_declares(feed: LiveFeed, who: str) -> None:
    principal = WHO[who]
    with asking_as(feed, principal) as client:
        for endpoint, method, path in routes(client.application):
            level = level_of(client.application, endpoint)
            status = status_of(client, method, path)
            if level == "public":
                assert status not in (401, 403), (who, method, path)
            elif principal is None:
                assert status == 401, (who, method, path)
            elif level not in principal.scopes or (who == "guest" and "gate" in path):
                assert status == 403, (who, method, path)
            else:
                assert status not in (401, 403), (who, method, path)


def test_whatever_changes_something_is_for_administrators(feed: LiveFeed) -> None:
    with asking_as(feed, VIEWER) as client:
        changing = {(e, method, path) for e, method, path in routes(client.application) if method != "GET"}
        assert changing
        for endpoint, method, path in changing:
            if level_of(client.application, endpoint) != "public" and endpoint not in OWN_CHANGES:
                assert status_of(client, method, path) == 403, (method, path)


def test_an_address_that_declares_nothing_is_the_administrators(feed: LiveFeed) -> None:
    for who, status in {"stranger": 401, "viewer": 403, "scraper": 403, "admin": 200}.items():
        with asking_as(feed, WHO[who]) as client:
            client.application.add_url_rule("/undeclared", view_func=lambda: "here")
            client.application.add_url_rule("/open", view_func=access("public")(lambda: "here"), endpoint="open")
            assert client.get("/undeclared").status_code == status
            assert client.get("/open").status_code == 200


def test_a_viewer_of_some_streams_is_told_of_no_other(feed: LiveFeed) -> None:
    with asking_as(feed, GUEST) as client:
        assert [one["id"] for one in client.get("/api/streams").get_json()["streams"]] == ["yard"]
        page = client.get("/").get_data(as_text=True)
        assert "yard" in page and "gate" not in page
        there, absent = (client.get(f"/streams/{name}/snapshot.jpg") for name in ("gate", "nowhere"))
        assert there.status_code == absent.status_code == 403
        assert there.get_json()["error"].replace("gate", "nowhere") == absent.get_json()["error"]
        assert client.get("/api/live?streams=yard,gate").status_code == 403
        assert client.get("/api/events?streams=gate").status_code == 403
        ready = client.get("/readyz").get_json()
        assert ready == {"ready": True}


def test_live_responses_carry_the_streams_that_may_be_seen(feed: LiveFeed, serve) -> None:
    server = serve(feed, identify=lambda: GUEST)
    with opened(server.port, "/api/events?detections=1") as response:
        told = [read_event(response) for _ in range(12)]
        while told[-1][0] != "status":
            told.append(read_event(response))
    assert {data["stream"] for name, data in told if name == "detections"} == {"yard"}
    assert all([one["id"] for one in data["streams"]] == ["yard"] for name, data in told if name == "status")


def test_live_responses_of_somebody_end_when_they_are_ended(feed: LiveFeed, serve) -> None:
    server: WebServer = serve(feed, identify=lambda: GUEST)
    with opened(server.port, "/streams/yard/mjpeg") as pictures, opened(server.port, "/api/events") as events:
        read_part(pictures), read_event(events)
        assert server.fanout.principals() == {GUEST}
        server.fanout.end(VIEWER)
        for _ in range(3):
            read_part(pictures)
        begin_s = time.monotonic()
        server.fanout.end(GUEST)
        pictures.read(), events.read()
        assert time.monotonic() - begin_s < 5
    assert eventually(lambda: server.fanout.connections == 0)


def test_programs_are_asked_for_a_token_and_browsers_without_a_window_of_their_own(feed: LiveFeed) -> None:
    with asking_as(feed, None) as client:
        program = client.get("/streams/gate/mjpeg", headers={"User-Agent": "Lavf/60.3.100"})
        browser = client.get("/api/streams", headers={"User-Agent": "Mozilla/5.0"})
        assert program.headers["WWW-Authenticate"].startswith("Basic realm=")
        assert browser.headers["WWW-Authenticate"].startswith("Bearer realm=")
        assert "a token, as Bearer" in program.get_json()["error"]


def test_without_users_everybody_may_do_everything(feed: LiveFeed) -> None:
    with asking_as(feed, EVERYBODY) as client:
        assert client.get("/metrics").status_code == 200
        assert client.post("/api/streams/gate/analytics", json={}).status_code == 200
        assert set(client.get("/readyz").get_json()) == {"ready", "missing", "newest_age_s"}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST"])
def test_other_sites_may_not_change_anything_by_whatever_method(feed: LiveFeed, method: str) -> None:
    with asking_as(feed, EVERYBODY) as client:
        client.application.add_url_rule("/change", view_func=lambda: "changed", methods=[method])
        body = None if method == "DELETE" else {}
        assert client.open("/change", method=method, json=body).status_code == 200
        assert client.open("/change", method=method, json=body, headers={"Origin": "https://e.vil"}).status_code == 403
        assert client.open("/change", method=method, data="{}", content_type="text/plain").status_code == 415
