"""Users, tokens and the audit over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from streamvision.core.config.serve import ServeConfig
from streamvision.web.app import create_app
from streamvision.web.login import Login
from support.accounts import PASSWORD, People, people
from support.live_feed import LiveFeed

NEW = {"name": "carl", "password": "a row of words"}


@pytest.fixture
def known(tmp_path: Path) -> Iterator[People]:
    with people(tmp_path) as found:
        yield found


@pytest.fixture
def client(known: People) -> FlaskClient:
    app = create_app(LiveFeed("gate", "yard").view, login=Login(known.accounts, ServeConfig()))
    return app.test_client(use_cookies=False)


def ask(
    client: FlaskClient, known: People, method: str, path: str, body: Any = None, who: str = "ann"
) -> tuple[int, Any]:
    response = client.open(path, method=method, json=body, headers=known.headers(who))
    return response.status_code, response.get_json(silent=True)


def test_users_come_change_and_go(client: FlaskClient, known: People) -> None:
    assert ask(client, known, "POST", "/api/users", {**NEW, "streams": ["gate"]})[0] == 201
    _, listed = ask(client, known, "GET", "/api/users")
    assert [(user["name"], user["role"], user["streams"]) for user in listed["users"]] == [
        ("ann", "admin", None), ("bob", "viewer", None), ("carl", "viewer", ["gate"]), ("eve", "viewer", ["yard"]),
    ]  # fmt: skip
    assert "password" not in json.dumps(listed)
    assert ask(client, known, "PATCH", "/api/users/carl", {"role": "viewer"})[1]["streams"] == ["gate"]
    assert ask(client, known, "PATCH", "/api/users/carl", {"streams": None})[1]["streams"] is None
    assert ask(client, known, "PATCH", "/api/users/carl", {"password": "other words in a row"})[0] == 200
    assert known.accounts.users.verify("carl", "other words in a row") is not None
    assert ask(client, known, "DELETE", "/api/users/carl") == (204, None)
    assert ask(client, known, "DELETE", "/api/users/carl")[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("POST", "/api/users", {"name": "ANN", "password": PASSWORD}, 409, "already"),
        ("POST", "/api/users", {"name": "a b", "password": PASSWORD}, 400, "cannot be the name"),
        ("POST", "/api/users", {"name": "carl", "password": "hush"}, 400, "4 characters"),
        ("POST", "/api/users", {"name": "carl"}, 400, "'password' is not accepted: Field required"),
        ("POST", "/api/users", {**NEW, "role": "boss"}, 400, "'role' is not accepted: give"),
        ("POST", "/api/users", {**NEW, "pasword": "row of words"}, 400, "'pasword' is not accepted: Extra inputs"),
        ("POST", "/api/users", ["carl"], 400, "no JSON object"),
        ("PATCH", "/api/users/ann", {"role": "viewer"}, 409, "only admin"),
        ("DELETE", "/api/users/ann", None, 409, "only admin"),
        ("PATCH", "/api/users/nobody", {}, 404, "no user 'nobody'"),
        ("GET", "/api/users/nobody/tokens", None, 404, "no user 'nobody'"),
        ("POST", "/api/users/bob/tokens", {"scopes": ["admin"]}, 400, "may not do that itself"),
        ("POST", "/api/users/bob/tokens", {"expires_days": -1}, 400, "ends after"),
        ("DELETE", "/api/tokens/999999", None, 404, "no token"),
        ("GET", "/api/audit?limit=0", None, 400, "limit"),
        ("GET", "/api/audit?before=x", None, 400, "before"),
        ("GET", f"/api/audit?before={2**63}", None, 400, "before"),
        ("POST", "/api/users", {"name": "carl", "password": "half a row \ud800 of words"}, 400, ""),
    ],
)
def test_what_is_not_accepted_is_one_sentence(
    client: FlaskClient, known: People, method: str, path: str, body: Any, status: int, said: str
) -> None:
    got, answer = ask(client, known, method, path, body)
    assert got == status and said in answer["error"] and "hush" not in answer["error"]
    assert [user.name for user in known.accounts.users.list()] == ["ann", "bob", "eve"]


def test_tokens_are_made_listed_and_removed(client: FlaskClient, known: People) -> None:
    status, made = ask(client, known, "POST", "/api/users/bob/tokens", {"name": "vlc", "expires_days": 7})
    assert status == 201 and made["scopes"] == ["view"] and made["user"] == "bob"
    assert client.get("/api/streams", headers={"Authorization": f"Bearer {made['token']}"}).status_code == 200
    _, listed = ask(client, known, "GET", "/api/users/bob/tokens")
    assert [token["name"] for token in listed["tokens"]] == ["bob", "scraper", "vlc"]
    assert made["token"] not in json.dumps(listed)
    assert ask(client, known, "DELETE", f"/api/tokens/{made['id']}")[0] == 204
    assert client.get("/api/streams", headers={"Authorization": f"Bearer {made['token']}"}).status_code == 401


def test_each_change_and_nothing_else_is_written_down(client: FlaskClient, known: People) -> None:
    ask(client, known, "POST", "/api/users", NEW)
    ask(client, known, "POST", "/api/users", NEW)
    ask(client, known, "GET", "/api/users")
    ask(client, known, "POST", "/api/streams/gate/analytics", {"lines": []})
    ask(client, known, "DELETE", "/api/users/bob", who="bob")
    _, audit = ask(client, known, "GET", "/api/audit")
    assert [(line["who"], line["action"], line["target"], line["details"]) for line in audit["audit"]] == [
        ("ann by token", "POST change", "/api/streams/gate/analytics", {"keys": ["lines"]}),
        ("ann by token", "POST add_user", "/api/users/carl", {"keys": ["name", "password"]}),
    ]
    assert audit["audit"][0]["address"] == "127.0.0.1" and audit["next"] is None
    assert "row of words" not in json.dumps(audit)
    _, page = ask(client, known, "GET", "/api/audit?limit=1")
    assert len(page["audit"]) == 1 and page["next"] == page["audit"][0]["id"]
    _, rest = ask(client, known, "GET", f"/api/audit?before={page['next']}")
    assert [line["action"] for line in rest["audit"]] == ["POST add_user"]


def test_signing_in_and_failing_to_is_written_down_without_what_was_typed(
    client: FlaskClient, known: People, caplog: pytest.LogCaptureFixture
) -> None:
    browser = client.application.test_client()
    csrf = browser.get("/login").get_data(as_text=True).partition('name="csrf" value="')[2][:43]
    for user, password in (("bob", "wrong"), ("my secret typed here", "x"), ("bob", PASSWORD)):
        browser.post("/login", data={"user": user, "password": password, "csrf": csrf})
    _, audit = ask(client, known, "GET", "/api/audit")
    assert [(line["who"], line["action"]) for line in audit["audit"]] == [
        ("bob", "signed in"), ("unknown name", "sign-in failed"), ("bob", "sign-in failed"),
    ]  # fmt: skip
    said = [record.getMessage() for record in caplog.records if "a sign-in of" in record.getMessage()]
    assert said == [f"a sign-in of {who} from 127.0.0.1 failed" for who in ("bob", "an unknown name")]


def test_ones_own_password_needs_the_one_until_now_and_ends_other_sign_ins(client: FlaskClient, known: People) -> None:
    here, there = client.application.test_client(), client.application.test_client()
    for browser in (here, there):
        csrf = browser.get("/login").get_data(as_text=True).partition('name="csrf" value="')[2][:43]
        browser.post("/login", data={"user": "bob", "password": PASSWORD, "csrf": csrf})
        assert browser.get("/api/me").status_code == 200
    new = "quite another row of words"
    assert here.post("/api/me/password", json={"current": "wrong", "password": new}).status_code == 403
    assert here.post("/api/me/password", json={"current": PASSWORD, "password": "short"}).status_code == 400
    assert here.post("/api/me/password", json={"current": PASSWORD, "password": new}).status_code == 204
    assert here.get("/api/me").status_code == 200 and there.get("/api/me").status_code == 401
    assert ask(client, known, "POST", "/api/me/password", {"current": new, "password": PASSWORD})[0] == 403, "by token"
