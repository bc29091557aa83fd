"""The page in a real Chromium."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import get_args

import pytest

from support.live_feed import LiveFeed

pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import Browser, Page, expect

from streamvision.core.status import AdaptiveStatus
from streamvision.inference.model_card import OBJECT_TASKS, Task
from streamvision.web.server import WebServer
from support.browser import PATIENCE_MS, fresh_page

pytestmark = pytest.mark.browser

TWELVE = [f"cam-{number:02d}" for number in range(12)]


@pytest.fixture
def feed() -> Iterator[LiveFeed]:
    with LiveFeed("gate", "yard", fps=8) as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with fresh_page(browser, viewport={"width": 1440, "height": 900}) as fresh:
        yield fresh


def pictures(page: Page) -> dict[str, str]:
    """Return what each visible canvas shows."""
    return page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll(".tile.has-picture:not([hidden])")].map(
            (tile) => [tile.dataset.stream, tile.querySelector(".picture").toDataURL("image/png")]))"""
    )


def wait_for_pictures(page: Page, names: list[str]) -> dict[str, str]:
    deadline_s = time.monotonic() + PATIENCE_MS / 1000
    while set(shown := pictures(page)) != set(names):
        assert time.monotonic() < deadline_s, f"only {sorted(shown)} have a picture"
        page.wait_for_timeout(100)
    return shown


def tile(page: Page, name: str):
    return page.locator(f'.tile[data-stream="{name}"]')


def test_twelve_streams_all_move_over_two_connections(page: Page, serve) -> None:
    with LiveFeed(*TWELVE, fps=4, width_px=160, height_px=90) as feed:
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.on("websocket", lambda socket: requests.append(socket.url))
        page.goto(serve(feed).url)
        first = wait_for_pictures(page, TWELVE)
        moved: set[str] = set()
        deadline_s = time.monotonic() + PATIENCE_MS / 1000
        while moved != set(TWELVE) and time.monotonic() < deadline_s:
            page.wait_for_timeout(200)
            moved |= {name for name, picture in pictures(page).items() if picture != first[name]}
        assert moved == set(TWELVE)
        assert sum("/api/" in url for url in requests) == 2
        for name in TWELVE:
            expect(tile(page, name).locator(".badge")).to_have_text("Live")
            expect(tile(page, name).locator(".age")).to_contain_text("s")
        expect(page.locator("#summary")).to_have_text("12 live")
        expect(tile(page, "cam-03").locator(".chip").first).to_contain_text("1 car")


def test_the_header_names_the_models_that_are_open_now(page: Page, feed: LiveFeed, server: WebServer) -> None:
    feed.view.model = "signs.onnx: not open, since no stream needs it"
    page.goto(server.url)
    expect(page.locator("#model")).to_have_text(feed.view.model)
    feed.view.model = "signs.onnx on openvino, cpu, fp32"
    expect(page.locator("#model")).to_have_text(feed.view.model)
    expect(page.locator("#model")).to_have_attribute("title", feed.view.model)


def test_a_stalled_stream_is_unmistakable_and_recovers(page: Page, feed: LiveFeed, server: WebServer) -> None:
    page.goto(server.url)
    wait_for_pictures(page, ["gate", "yard"])
    expect(tile(page, "yard").locator(".interruption")).to_be_hidden()
    feed["yard"].enter("stalled", "no data for 2.0 s")
    yard = tile(page, "yard")
    expect(yard.locator(".badge")).to_have_text("Stalled")
    expect(yard.locator(".interruption")).to_be_visible()
    expect(yard.locator(".interruption-reason")).to_have_text("no data for 2.0 s")
    expect(yard.locator(".picture")).to_have_css("filter", re.compile("brightness"))
    expect(page.locator("#announcer")).to_have_text("yard: Stalled, no data for 2.0 s")
    expect(yard).to_have_attribute("data-freshness", "old")
    expect(tile(page, "gate").locator(".badge")).to_have_text("Live")
    feed["yard"].enter("live")
    expect(yard.locator(".badge")).to_have_text("Live")
    expect(yard.locator(".interruption")).to_be_hidden()
    expect(page.locator("#announcer")).to_have_text("yard: Live")


def test_a_stream_is_starting_until_its_first_picture(page: Page, serve) -> None:
    quiet = LiveFeed("gate")  # it is live, but nothing has come through the network yet
    page.goto(serve(quiet).url)
    gate = tile(page, "gate")
    expect(gate.locator(".badge")).to_have_text("Starting")
    expect(gate.locator(".interruption")).to_contain_text("the first picture is on its way")
    expect(page.locator("#summary")).to_have_text("1 starting")
    with quiet:
        expect(gate.locator(".badge")).to_have_text("Live")
        expect(gate.locator(".interruption")).to_be_hidden()
        expect(page.locator("#summary")).to_have_text("1 live")


@pytest.mark.parametrize(
    ("state", "word"), [("failed", "Failed"), ("ended", "Ended"), ("reconnecting", "Reconnecting")]
)
def test_other_states_are_words_too(page: Page, feed: LiveFeed, server: WebServer, state: str, word: str) -> None:
    feed["gate"].enter(state, "why it is so")
    page.goto(server.url)
    expect(tile(page, "gate").locator(".badge")).to_have_text(word)
    expect(tile(page, "gate").locator(".interruption-reason")).to_have_text("why it is so")


def test_a_click_enlarges_and_escape_returns(page: Page, feed: LiveFeed, server: WebServer) -> None:
    page.goto(server.url)
    wait_for_pictures(page, ["gate", "yard"])
    tile(page, "yard").locator(".stage .open").click()
    expect(page).to_have_url(f"{server.url}streams/yard")
    expect(tile(page, "gate")).to_be_hidden()
    expect(tile(page, "yard").locator(".details")).to_be_visible()
    expect(tile(page, "yard").locator(".facts")).to_contain_text("rtsp://127.0.0.1:8554/yard")
    feed["yard"].status = replace(feed["yard"].status, adaptive=AdaptiveStatus({"full": 3, "partial": 40}, 0.2))
    expect(tile(page, "yard").locator(".facts")).to_contain_text("20 % of showing every frame; 3 full, 40 partial")
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(f"{server.url}streams/gate")
    page.keyboard.press("Escape")
    expect(tile(page, "yard")).to_be_visible()
    page.go_back()
    expect(tile(page, "yard")).to_be_hidden()


def test_the_page_of_a_stream_that_is_removed_says_so_and_shows_the_others(
    page: Page, feed: LiveFeed, server: WebServer
) -> None:
    feed.add("attic")
    page.goto(f"{server.url}streams/yard")
    wait_for_pictures(page, ["yard"])
    feed.remove("yard")
    expect(page.locator("#notice")).to_have_text("yard was removed, or you may no longer see it.")
    expect(page).to_have_url(server.url)
    wait_for_pictures(page, ["gate", "attic"])
    tile(page, "gate").locator(".stage .open").click()
    expect(page.locator("#notice")).to_be_hidden()
    feed.remove("attic")
    expect(tile(page, "attic")).to_have_count(0)
    expect(page.locator("#notice")).to_be_hidden()
    expect(page).to_have_url(f"{server.url}streams/gate")


def test_the_icon_of_the_tab_stays_where_the_address_changes(page: Page, feed: LiveFeed, server: WebServer) -> None:
    page.goto(server.url)
    where = page.locator("link[rel=icon]").evaluate("link => link.href")
    tile(page, "yard").locator(".stage .open").click()
    expect(page).to_have_url(f"{server.url}streams/yard")
    assert page.locator("link[rel=icon]").evaluate("link => link.href") == where


def test_server_that_goes_and_comes_back(page: Page, feed: LiveFeed, server: WebServer, serve) -> None:
    page.goto(server.url)
    wait_for_pictures(page, ["gate", "yard"])
    server.stop()
    expect(page.locator("#notice")).to_contain_text("No connection to StreamVision")
    expect(tile(page, "gate").locator(".badge")).to_have_text("No connection")
    again = WebServer(feed.view, host="127.0.0.1", port=server.port)
    again.start()
    try:
        expect(page.locator("#notice")).to_be_hidden(timeout=PATIENCE_MS)
        expect(tile(page, "gate").locator(".badge")).to_have_text("Live")
        before = pictures(page)
        page.wait_for_function(
            "before => document.querySelector('.picture').toDataURL('image/png') !== before", arg=before["gate"]
        )
    finally:
        again.stop()


def test_a_phone_shows_it_without_sideways_scrolling(page: Page, server: WebServer) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(server.url)
    wait_for_pictures(page, ["gate", "yard"])
    for path in ("", "streams/gate"):
        page.goto(server.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_of_models_that_find_no_objects_it_is_said_what_they_do(
    page: Page, feed: LiveFeed, serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream, task = feed["gate"], "detect"
    present = stream.present
    monkeypatch.setattr(stream, "present", lambda: replace(present(), objects={}, identities={}, task=task))
    page.goto(serve(feed).url + "streams/gate")
    gate, told = tile(page, "gate"), set()
    for task in get_args(Task):
        nothing = "Nothing seen yet." if task in OBJECT_TASKS else re.compile("^The model .*; it finds no objects.$")
        expect(gate.locator(".details .none").first).to_have_text(nothing, timeout=PATIENCE_MS)
        if task not in OBJECT_TASKS:
            expect(gate.locator(".details .none").first).not_to_have_text(re.compile("|".join(told) or "^$"))
            told.add(re.escape(gate.locator(".details .none").first.inner_text()))
            chip = gate.locator(".counts .quiet").inner_text()
            assert f"The model {chip};" in gate.locator(".details .none").first.inner_text()
    assert len(told) == len(get_args(Task)) - len(OBJECT_TASKS)
