"""What <streamvision-view> may see from another site's pages, and what it says where it may not."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import Page, expect

from streamvision.web.server import WebServer
from support.accounts import PASSWORD, People
from support.embedding_site import EmbeddingSite
from support.view_elements import MOVED, element, until_state

pytestmark = pytest.mark.browser


WRONG: list[tuple[dict[str, str], str]] = [
    ({"token": "svt_wrong"}, "The token is not accepted by {origin}; it is wrong, has ended or was revoked."),
    ({}, "{origin} asks for a token; give that of a viewer by the attribute token."),
    ({"token": "a b"}, "The token has characters that no token has; copy it anew, as it was shown once."),
    (
        {"token": "bob", "stream": "nowhere"},
        "There is no stream nowhere that may be seen with this token; the streams are: gate, yard.",
    ),
    ({"token": "eve"}, "There is no stream gate that may be seen with this token; the streams are: yard."),
    ({"token": "bob", "stream": ""}, "The attribute stream is missing; give the id of a stream, such as gate."),
    (
        {"src": ""},
        "The attribute src is missing; give the address of StreamVision, such as https://cams.example:8080.",
    ),
    (
        {"src": "ftp://cams.example"},
        "ftp://cams.example is no address of a server; give one that begins with https:// or http://.",
    ),
    (
        {"src": "http://a:b@cams.example"},
        "An address has no place for a password; give a token by the attribute token.",
    ),
]


def test_what_is_wrong_is_said_in_the_element(
    page: Page, server: WebServer, site: EmbeddingSite, known: People
) -> None:
    small = "display:inline-block;width:250px"
    given = [{**one, "token": known.tokens.get(one.get("token", ""), one.get("token", ""))} for one, _ in WRONG]
    site.put("/", "".join(element(server, style=small, **one) for one in given))
    page.goto(site.origin())
    for nth, (_, says) in enumerate(WRONG):
        reason = until_state(page, "failed", nth=nth)
        assert reason == says.format(origin=server.url.rstrip("/"))
        expect(page.locator("streamvision-view").nth(nth).get_by_role("status")).to_have_text(reason)
    assert server.fanout.connections == 0


def test_a_site_that_is_not_named_gets_nothing_and_is_told_what_to_do(
    page: Page, server: WebServer, site: EmbeddingSite, known: People
) -> None:
    site.put("/", element(server, token=known.tokens["ann"]))
    evil = site.origin("evil.localhost")
    page.goto(evil)
    assert until_state(page, "failed") == (
        f"{server.url.rstrip('/')} cannot be reached, or does not let pages of {evil} show its streams: name this "
        "origin in serve.embed_origins there."
    )
    tried = page.evaluate(
        """async ([url, token]) => {
            const ways = { headers: { Authorization: `Bearer ${token}` } };
            const fetched = await fetch(`${url}api/streams`, ways).then(() => "read", () => "refused");
            const protocols = ["streamvision.live", `token.${token}`];
            const socket = new WebSocket(`${url.replace("http", "ws")}api/live`, protocols);
            const opened = await new Promise((done) => {
                socket.onopen = () => done("opened");
                socket.onerror = () => done("refused");
            });
            const module = await import(`${url}static/view/style.js`).then(() => "read", () => "refused");
            return [fetched, opened, module];
        }""",
        [server.url, known.tokens["ann"]],
    )
    assert tried == ["refused"] * 3
    assert server.fanout.connections == 0


def test_a_signed_in_admins_cookie_opens_nothing_for_a_page_of_a_named_site(
    page: Page, server: WebServer, site: EmbeddingSite
) -> None:
    """At 127.0.0.1 the browser sends the cookie along: another port is another origin and the same site."""
    page.goto(f"{server.url}login")
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(server.url)
    site.put("/", element(server))
    for host in ("shop.localhost", "127.0.0.1"):
        page.goto(site.origin(host))
        assert "asks for a token" in until_state(page, "failed")
        tried = page.evaluate(
            """async (url) => {
                const ways = { credentials: "include" };
                const read = (path) => fetch(url + path, ways).then((answer) => answer.text(), () => "refused");
                const socket = new WebSocket(`${url.replace("http", "ws")}api/live`, ["streamvision.live"]);
                const opened = await new Promise((done) => {
                    socket.onopen = () => done("opened");
                    socket.onerror = () => done("refused");
                });
                return [await read("api/streams"), await read("api/me"), await read("api/users"), opened];
            }""",
            server.url,
        )
        assert tried == ["refused"] * 4
        assert server.fanout.connections == 0
    page.goto(server.url)
    expect(page.get_by_role("heading", name="All streams")).to_be_attached()  # the admin is signed in all the same


def test_it_works_under_a_strict_policy_that_names_the_server_alone(
    page: Page, server: WebServer, site: EmbeddingSite, known: People
) -> None:
    origin = server.url.rstrip("/")
    policy = f"default-src 'none'; script-src {origin}; connect-src {origin} {origin.replace('http', 'ws')}"
    violations: list[str] = []
    page.on("console", lambda message: violations.append(message.text) if "Content Security" in message.text else None)
    script = f"{origin}/static/view/streamvision-view.js"
    body = element(server, token=known.tokens["bob"], controls="", mode="fresh", labels="on")
    site.put("/", body, script=script, Content_Security_Policy=policy)
    page.goto(site.origin())
    until_state(page, "live")
    assert page.locator("streamvision-view").evaluate(MOVED)
    assert page.locator("streamvision-view").evaluate("(view) => getComputedStyle(view).display") == "block"
    assert not violations


def test_a_policy_that_forbids_the_server_is_named(
    page: Page, server: WebServer, site: EmbeddingSite, known: People
) -> None:
    site.put("/", element(server, token=known.tokens["bob"]), Content_Security_Policy="default-src 'self'")
    page.goto(site.origin())
    origin = server.url.rstrip("/")
    assert until_state(page, "failed") == (
        f"The Content-Security-Policy of this page forbids connections to {origin}; add {origin} and "
        f"{origin.replace('http', 'ws')} to its connect-src."
    )


def test_a_token_given_as_a_property_stands_nowhere_in_the_document_or_an_address(
    page: Page, server: WebServer, site: EmbeddingSite, known: People
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    site.put("/", element(server))
    page.goto(site.origin())
    until_state(page, "failed")
    page.evaluate("(token) => { document.querySelector('streamvision-view').token = token; }", known.tokens["bob"])
    until_state(page, "live")
    assert known.tokens["bob"] not in page.content()
    assert not any(known.tokens["bob"] in url for url in asked)


def test_properties_that_were_set_before_the_element_was_defined_hold(
    page: Page, server: WebServer, site: EmbeddingSite, known: People
) -> None:
    given = json.dumps({"src": server.url, "stream": "gate", "token": known.tokens["bob"], "controls": True})
    site.put(
        "/",
        f"<script>document.body.append(Object.assign(document.createElement('streamvision-view'), {given}))</script>",
    )
    page.goto(site.origin())
    until_state(page, "live")
    expect(page.locator("streamvision-view").get_by_role("button", name="Full screen")).to_be_attached()


def test_a_revoked_token_ends_the_picture_and_says_so(
    page: Page, server: WebServer, site: EmbeddingSite, known: People
) -> None:
    token, secret = known.accounts.tokens.add("bob")
    site.put("/", element(server, token=secret))
    page.goto(site.origin())
    until_state(page, "live")
    known.accounts.tokens.remove(token.id)
    assert "is not accepted" in until_state(page, "failed")
    assert server.fanout.connections == 0
