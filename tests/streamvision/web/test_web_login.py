"""Signing in and out, the first admin's link, limits of tries, and what ends when somebody may do no more."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from streamvision.core.config.serve import ServeConfig
from streamvision.state.accounts import Accounts
from streamvision.state.database import Database
from streamvision.web import attempts, setup_code
from streamvision.web.login import Login
from streamvision.web.server import WebServer
from streamvision.web.setup_code import SetupCode
from support.accounts import PASSWORD, People, people
from support.live_feed import LiveFeed, published_after
from support.web_client import TIMEOUT_S, eventually, read_part


class Browser:
    """Keeps cookies and sends what a browser sends."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}
        self.flags: dict[str, str] = {}

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        try:
            response = self.open(connection, method, path, body, **headers)
            return response.status, {k.title(): v for k, v in response.getheaders()}, response.read().decode()
        finally:
            connection.close()

    def open(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: Any = None, **headers: str
    ) -> http.client.HTTPResponse:
        fields = {
            "Accept": "text/html",
            "User-Agent": "Mozilla/5.0",
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        if self.cookies:
            fields["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        data = None
        if body is not None:
            is_form = path.partition("?")[0] in ("/login", "/setup", "/logout")
            fields["Content-Type"] = "application/x-www-form-urlencoded" if is_form else "application/json"
            data = urlencode(body) if is_form else json.dumps(body)
        connection.request(method, path, data, fields)
        response = connection.getresponse()
        for line in response.headers.get_all("Set-Cookie") or ():
            name, _, rest = line.partition("=")
            value, _, flags = rest.partition(";")
            self.flags[name] = flags
            self.cookies[name] = value
            if "Max-Age=0" in flags:
                del self.cookies[name]
        return response

    def sign_in(self, user: str, password: str = PASSWORD, target: str = "/", **headers: str) -> tuple[int, dict, str]:
        _, _, page = self.ask("GET", "/login")
        csrf = re.search(r'name="csrf" value="([^"]+)"', page)
        assert csrf
        form = {"user": user, "password": password, "csrf": csrf[1], "next": target}
        return self.ask("POST", "/login", form, **headers)

    @property
    def session(self) -> str | None:
        return next((value for name, value in self.cookies.items() if "session" in name), None)


@pytest.fixture
def known(tmp_path: Path) -> Iterator[People]:
    with people(tmp_path / "state") as found:
        yield found


@pytest.fixture
def guarded(feed: LiveFeed, known: People, serve) -> WebServer:
    assert published_after(feed["gate"].channel, 0)
    return serve(feed, login=Login(known.accounts, ServeConfig()))


@pytest.fixture
def browser(guarded: WebServer) -> Browser:
    return Browser(guarded.port)


def test_one_signs_in_sees_the_page_and_signs_out(browser: Browser) -> None:
    status, headers, _ = browser.ask("GET", "/streams/gate")
    assert (status, headers["Location"]) == (303, "../login?next=%2Fstreams%2Fgate")
    status, headers, _ = browser.sign_in("bob", target="/streams/gate")
    assert (status, headers["Location"]) == (303, "./streams/gate")
    assert browser.ask("GET", "/streams/gate")[0] == 200
    assert json.loads(browser.ask("GET", "/api/me")[2]) == {
        "user": "bob", "role": "viewer", "streams": None, "login": True,
    }  # fmt: skip
    before = dict(browser.cookies)
    assert browser.ask("POST", "/logout", {})[0] == 303
    assert browser.session is None
    browser.cookies = before
    assert browser.ask("GET", "/api/me")[0] == 401, "the cookie of before is worth nothing"


def test_cookies_are_hidden_from_scripts_and_of_this_port_alone(browser: Browser) -> None:
    browser.sign_in("bob")
    names = {f"streamvision-{purpose}-{browser.port}" for purpose in ("session", "form")}
    assert names == set(browser.flags)
    for flags in browser.flags.values():
        assert "HttpOnly" in flags and "SameSite=Lax" in flags and "Path=/" in flags and "Secure" not in flags


def test_each_sign_in_has_a_new_secret_and_ends_the_one_before(browser: Browser, known: People) -> None:
    browser.cookies[f"streamvision-session-{browser.port}"] = "chosen-by-somebody-else"
    browser.sign_in("bob")
    first = browser.session
    assert first and first != "chosen-by-somebody-else" and len(first) == 43
    browser.sign_in("bob")
    assert browser.session != first
    other = Browser(browser.port)
    other.cookies[f"streamvision-session-{browser.port}"] = first
    assert other.ask("GET", "/api/me")[0] == 401


@pytest.mark.parametrize("user", ["bob", "nobody", "", "x" * 5000, "bob\0", "böb"])
def test_wrong_names_and_passwords_are_answered_alike(browser: Browser, user: str) -> None:
    status, _, page = browser.sign_in(user, "not the password")
    assert status == 401 and "This name and password do not fit together." in page and browser.session is None


def test_a_form_that_is_not_ours_signs_nobody_in(browser: Browser) -> None:
    form = {"user": "bob", "password": PASSWORD}
    assert browser.ask("POST", "/login", form)[0] == 400
    assert browser.ask("POST", "/login", {**form, "csrf": "x" * 43})[0] == 400
    assert browser.sign_in("bob", Origin="https://evil.example")[0] == 403
    assert browser.sign_in("bob", Sec_Fetch_Site="cross-site")[0] == 403
    assert browser.session is None


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "",
        "/..//evil.example",
        "/streams/../../x",
        "/%2e%2E/x",
        "/./x?a",
    ],
)
def test_signing_in_leads_nowhere_else(browser: Browser, target: str) -> None:
    assert browser.sign_in("bob", target=target)[1]["Location"] == "./"


def test_changes_with_a_cookie_come_from_the_page_alone(browser: Browser, known: People) -> None:
    browser.sign_in("ann")
    new = {"name": "carl", "password": "a row of words"}
    assert browser.ask("POST", "/api/users", new, Origin="https://evil.example")[0] == 403
    assert browser.ask("POST", "/api/users", new, Sec_Fetch_Site="same-site")[0] == 403
    assert browser.ask("POST", "/api/users", new, Origin=f"http://127.0.0.1:{browser.port}")[0] == 201
    assert known.accounts.users.find("carl") is not None


def test_tries_are_limited_by_name_and_address(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = attempts.Attempts()
    for number in range(attempts.OF_PAIR.failures):
        assert tries.wait_s("192.0.2.1", "bob") == 0, number
        tries.failed("192.0.2.1", "Bob")
    assert 0 < tries.wait_s("192.0.2.1", "bob") <= attempts.OF_PAIR.every_s
    assert tries.wait_s("192.0.2.2", "bob") == 0, "somebody else is not locked out"
    for number in range(attempts.OF_ADDRESS.failures - attempts.OF_PAIR.failures):
        tries.failed("192.0.2.1", f"user {number}")
    assert tries.wait_s("192.0.2.1", "whoever") > 0
    for number in range(attempts.OF_NAME.failures):
        tries.failed(f"2001:db8:{number:x}::1", "ann")
    assert tries.wait_s("203.0.113.9", "ann") > 0
    for number in range(attempts.OF_PAIR.failures):
        tries.failed(f"2001:db8:ffff::{number:x}", "eve")
    assert tries.wait_s("2001:db8:ffff::abcd", "eve") > 0, "one person has a whole network of IPv6"


def test_a_success_takes_back_what_was_noted_and_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "MAX_KEPT", 50)
    tries = attempts.Attempts()
    for _ in range(100):
        tries.failed("192.0.2.1", "bob")
        tries.succeeded("192.0.2.1", "bob")
    assert tries.wait_s("192.0.2.1", "bob") == 0
    for number in range(500):
        tries.failed(f"10.0.{number // 256}.{number % 256}", f"user {number}")
    assert all(len(counters._until_s) <= 50 for counters in tries._counters.values())


def test_a_browser_that_must_wait_is_told_for_how_long(guarded: WebServer, browser: Browser) -> None:
    statuses = [browser.sign_in("bob", "wrong")[0] for _ in range(attempts.OF_PAIR.failures)]
    assert statuses == [401] * attempts.OF_PAIR.failures
    status, headers, page = browser.sign_in("bob", PASSWORD)
    assert status == 429 and int(headers["Retry-After"]) > 0 and "Please wait" in page and browser.session is None
    assert Browser(guarded.port).sign_in("ann")[0] == 303, "others from there are not"


def _watch(browser: Browser, path: str) -> http.client.HTTPResponse:
    response = browser.open(http.client.HTTPConnection("127.0.0.1", browser.port, timeout=TIMEOUT_S), "GET", path)
    assert response.status == 200
    return response


def _end(responses: list[http.client.HTTPResponse]) -> None:
    """Read them to their ends; one that goes on fails, since its pictures do not end either."""
    until_s = time.monotonic() + TIMEOUT_S
    for response in responses:
        with suppress(http.client.IncompleteRead):  # who reads slowly is broken off
            while response.read1(1 << 16):
                assert time.monotonic() < until_s, "it goes on"
        response.close()


@pytest.mark.parametrize("how", ["signs out", "is removed", "new password", "new role", "fewer streams"])
def test_what_is_watched_ends_when_somebody(
    feed: LiveFeed, guarded: WebServer, browser: Browser, known: People, tmp_path: Path, how: str
) -> None:
    """In another process, too: what happens there is only in the database."""
    elsewhere = Database.open(tmp_path / "state")
    users = Accounts.of(elsewhere, ServeConfig()).users
    browser.sign_in("bob")
    other = Browser(guarded.port)
    other.sign_in("ann")
    watched = [_watch(browser, path) for path in ("/streams/gate/mjpeg", "/api/live", "/api/events")]
    others = _watch(other, "/streams/gate/mjpeg")
    read_part(others)
    changes: dict[str, Callable[[], object]] = {
        "signs out": lambda: browser.ask("POST", "/logout", {}),
        "is removed": lambda: users.remove("bob"),
        "new password": lambda: users.change("bob", password="another row of words"),
        "new role": lambda: users.change("bob", role="admin"),
        "fewer streams": lambda: users.change("bob", streams=["yard"]),
    }
    changes[how]()
    _end(watched)
    for _ in range(3):
        read_part(others)
    others.close()
    elsewhere.close()


def test_a_token_that_is_removed_or_expires_ends_what_it_watches(guarded: WebServer, known: People) -> None:
    token, secret = known.accounts.tokens.add("bob")
    _, brief = known.accounts.tokens.add("bob", expires_days=3 / 86400)
    watched = []
    for one in (secret, brief):
        connection = http.client.HTTPConnection("127.0.0.1", guarded.port, timeout=TIMEOUT_S)
        connection.request("GET", "/streams/gate/mjpeg", headers={"Authorization": f"Bearer {one}"})
        watched.append(connection.getresponse())
        read_part(watched[-1])
    known.accounts.tokens.remove(token.id)
    _end(watched)


def test_without_users_this_machine_is_open_until_there_is_one(feed: LiveFeed, serve, tmp_path: Path) -> None:
    database = Database.open(tmp_path)
    accounts = Accounts.of(database, ServeConfig())
    server = serve(feed, login=Login(accounts, ServeConfig()))
    browser = Browser(server.port)
    assert json.loads(browser.ask("GET", "/api/me")[2])["login"] is False
    watched = _watch(browser, "/streams/gate/mjpeg")
    read_part(watched)
    status, _, body = browser.ask("POST", "/api/users", {"name": "ann", "password": PASSWORD})
    assert status == 201 and json.loads(body)["role"] == "admin"
    assert eventually(lambda: browser.ask("GET", "/api/me")[0] == 401)
    _end([watched])
    browser.sign_in("ann")
    assert json.loads(browser.ask("GET", "/api/me")[2])["login"] is True
    database.close()


def test_where_nobody_signs_in_users_change_nothing(feed: LiveFeed, serve, known: People) -> None:
    server = serve(feed, login=Login(known.accounts, ServeConfig(login="none", host="0.0.0.0")))
    me = json.loads(Browser(server.port).ask("GET", "/api/me")[2])
    assert me == {"user": None, "role": "admin", "streams": None, "login": False}


class TestFirstAdmin:
    @pytest.fixture
    def setup(self) -> SetupCode:
        return SetupCode()

    @pytest.fixture
    def accounts(self, tmp_path: Path) -> Iterator[Accounts]:
        database = Database.open(tmp_path)
        yield Accounts.of(database, ServeConfig())
        database.close()

    @pytest.fixture
    def browser(self, feed: LiveFeed, serve, accounts: Accounts, setup: SetupCode) -> Browser:
        return Browser(serve(feed, login=Login(accounts, ServeConfig(host="0.0.0.0"), setup)).port)

    def form(
        self, browser: Browser, code: str, password: str = PASSWORD, again: str = PASSWORD
    ) -> tuple[int, dict, str]:
        _, _, page = browser.ask("GET", f"/setup/{quote(code)}")
        csrf = re.search(r'name="csrf" value="([^"]+)"', page)
        form = {"code": code, "user": "root", "password": password, "again": again, "csrf": csrf[1] if csrf else ""}
        return browser.ask("POST", "/setup", form)

    def test_nobody_gets_in_without_the_link(self, browser: Browser, accounts: Accounts) -> None:
        assert browser.ask("GET", "/api/streams")[0] == 401
        for code in ("", "x" * 43, "é"):
            assert self.form(browser, code)[0] == 403
        assert not accounts.users.exist()

    def test_signing_in_says_how_the_first_user_is_made(self, browser: Browser, accounts: Accounts) -> None:
        hint = "There are no users yet. Make the first one by the link"
        assert hint in browser.ask("GET", "/login")[2]
        accounts.users.add("ann", PASSWORD)
        assert hint not in browser.ask("GET", "/login")[2]

    def test_it_makes_the_admin_once(self, browser: Browser, accounts: Accounts, setup: SetupCode) -> None:
        assert "The two passwords differ." in self.form(browser, setup.secret, again="other")[2]
        status, _, page = self.form(browser, setup.secret, "password", "password")
        assert status == 400 and "tried first" in page
        assert self.form(browser, setup.secret)[0] == 303
        assert [(user.name, user.role) for user in accounts.users.list()] == [("root", "admin")]
        assert json.loads(browser.ask("GET", "/api/me")[2])["role"] == "admin"
        assert self.form(Browser(browser.port), setup.secret)[0] == 403, "it works once"

    def test_it_expires(self, browser: Browser, accounts: Accounts, setup: SetupCode) -> None:
        setup._ends_at_s = time.monotonic() - 1
        assert self.form(browser, setup.secret)[0] == 403 and not accounts.users.exist()
        assert setup_code.VALID_S <= 3600

    def test_it_is_worth_nothing_once_there_is_a_user(
        self, browser: Browser, accounts: Accounts, setup: SetupCode
    ) -> None:
        accounts.users.add("ann", PASSWORD)
        assert self.form(browser, setup.secret)[0] == 403


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_a_reader_of_mjpeg_gives_its_token_as_a_password(guarded: WebServer, known: People) -> None:
    for secret, code in ((known.tokens["bob"], 0), ("svt_wrong", None)):
        address = f"http://viewer:{secret}@127.0.0.1:{guarded.port}/streams/gate/mjpeg"
        done = subprocess.run(
            ["ffmpeg", "-v", "error", "-f", "mpjpeg", "-i", address, "-frames:v", "3", "-f", "null", "-"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (done.returncode == 0) == (code == 0), done.stderr
        assert code == 0 or "401" in done.stderr
