"""The wall in a real Chromium, behind a real proxy that puts it under a path: layouts, themes, keys, no barriers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from support.accounts import PASSWORD, people
from support.live_feed import LiveFeed
from support.nginx import proxied
from support.web_client import eventually

pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import Browser, Page, expect

from streamvision.core.config.serve import ServeConfig
from streamvision.web.login import Login
from streamvision.web.server import WebServer
from support.axe import Axe
from support.browser import fresh_page

pytestmark = pytest.mark.browser

STREAMS = ["gate", "yard", "road", "dock", "hall"]


@pytest.fixture(scope="module")
def wall_feed() -> Iterator[LiveFeed]:
    with LiveFeed(*STREAMS, fps=4) as running:
        yield running


@pytest.fixture(scope="module")
def url(wall_feed: LiveFeed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = WebServer(wall_feed.view, host="127.0.0.1", port=0)
    server.start()
    with proxied(server.port, tmp_path_factory.mktemp("nginx")) as address:
        yield address
    server.stop()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with fresh_page(browser, viewport={"width": 1280, "height": 800}, color_scheme="light") as fresh:
        yield fresh


def in_sight(page: Page) -> list[str]:
    return page.locator(".tile:not([hidden])").evaluate_all("tiles => tiles.map(tile => tile.dataset.stream)")


def ground(page: Page) -> str:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_layouts_fill_the_window_and_are_remembered(page: Page, url: str) -> None:
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(url)
    page.locator('.tile[data-stream="hall"].has-picture').wait_for()
    assert in_sight(page) == STREAMS

    page.locator("#layouts label", has_text="2 × 2").click()
    assert in_sight(page) == STREAMS[:4]
    page.locator("#page-on").click()
    assert in_sight(page) == STREAMS[4:]
    page.reload()
    expect(page.locator("#page-words")).to_have_text("1 of 2")
    last = page.locator('.tile[data-stream="dock"]')
    last.and_(page.locator(".has-picture")).wait_for()
    bottom = last.evaluate("tile => tile.getBoundingClientRect().bottom")
    assert 780 <= bottom <= 800 and page.evaluate("document.documentElement.scrollHeight") <= 800

    page.locator("#layouts label", has_text="Focus").click()
    page.locator('.tile[data-stream="road"] .stage .open').click()
    expect(page.locator(".tile.large")).to_have_attribute("data-stream", "road")
    wide = {name: page.locator(f'.tile[data-stream="{name}"]').bounding_box() for name in ("road", "yard")}
    assert wide["road"] and wide["yard"] and wide["road"]["width"] > 3 * wide["yard"]["width"]
    page.locator(".tile.large .stage .open").click(position={"x": 40, "y": 40})  # where no object ever is
    expect(page).to_have_url(f"{url}streams/road")
    page.locator("#back").click()
    expect(page).to_have_url(url)
    assert all(address.startswith(url) for address in requested), "everything stays under the proxy's path"
    assert [address for address in requested if "/api/live" in address]


def test_small_tiles_ask_for_small_pictures(page: Page, url: str) -> None:
    page.goto(url)
    page.locator("#layouts label", has_text="Focus").click()
    page.locator(".tile.large").wait_for()
    with page.expect_request(lambda request: "/api/live" in request.url) as asked:
        page.reload()
    asks = parse_qs(urlsplit(asked.value.url).query)
    assert asks["streams"] == ["gate,yard,road,dock,hall"]
    large, *small = map(int, asks["width"][0].split(","))
    assert large >= 960 and len(small) == 4 and max(small) <= 320
    page.set_viewport_size({"width": 360, "height": 740})
    page.locator("#layouts label", has_text="3 × 3").click()
    page.wait_for_function("() => document.querySelector('[data-stream=yard] .picture').width === 160")


def test_a_full_screen_holds_all_pictures(page: Page, url: str) -> None:
    page.goto(url)
    page.locator('.tile[data-stream="gate"].has-picture').wait_for()
    page.locator("#fill").click()
    page.wait_for_function("() => document.fullscreenElement && document.body.classList.contains('fills')")
    boxes = [one.bounding_box() for one in page.locator(".tile").all()]
    assert len(boxes) == 5 and all(box and box["y"] + box["height"] <= 800 for box in boxes)
    page.evaluate("document.exitFullscreen()")
    expect(page.locator(".tile .caption").first).to_be_visible()


def test_a_stream_that_comes_is_shown_and_one_that_goes_is_not(page: Page, url: str, wall_feed: LiveFeed) -> None:
    page.goto(url)
    page.locator('.tile[data-stream="gate"].has-picture').wait_for()
    wall_feed.add("late")
    wall_feed["late"].status = replace(wall_feed["late"].status, name="Late & loud", node="north")
    tile = page.locator('.tile[data-stream="late"]')
    expect(tile.locator("h2")).to_have_text("Late & loud")
    expect(tile.locator(".node")).to_have_text("on north")
    expect(page.locator('.tile[data-stream="gate"] .node')).to_be_hidden()
    tile.and_(page.locator(".has-picture")).wait_for()
    page.goto(f"{url}streams/late")
    expect(page.locator("h1")).to_have_text("Stream Late & loud")
    wall_feed.remove("late")
    expect(tile).to_have_count(0)
    assert in_sight(page) == STREAMS


def test_light_and_dark_are_the_systems_until_one_is_chosen(page: Page, url: str) -> None:
    page.goto(url)
    light = ground(page)
    page.emulate_media(color_scheme="dark")
    dark = ground(page)
    assert dark != light
    switch = page.locator("#theme")
    expect(switch).to_have_attribute("aria-label", "Theme: as the system")
    switch.click()
    expect(switch).to_have_attribute("aria-label", "Theme: light")
    assert ground(page) == light
    page.reload()
    assert ground(page) == light


def test_one_signs_in_and_out_under_a_path(page: Page, wall_feed: LiveFeed, tmp_path: Path) -> None:
    (tmp_path / "nginx").mkdir()
    with people(tmp_path / "state") as known:
        login = Login(known.accounts, ServeConfig())
        server = WebServer(wall_feed.view, host="127.0.0.1", port=0, login=login)
        server.start()
        with proxied(server.port, tmp_path / "nginx") as url:
            page.goto(f"{url}streams/gate")
            page.locator("#user").fill("bob")
            page.locator("#password").fill(PASSWORD)
            page.locator(".sign-in button").click()
            page.locator(".tile.focused.has-picture").wait_for()
            assert page.url == f"{url}streams/gate", "back to what was asked for"
            page.locator("#who").click()
            page.locator("#sign-out").click()
            page.locator(".sign-in").wait_for()
            assert page.url == f"{url}login"
        server.stop()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_shuts_anybody_out(
    page: Page, url: str, theme: str, project_root: Path, reference_dir: Path, wall_feed: LiveFeed
) -> None:
    axe = Axe(project_root, reference_dir)
    page.emulate_media(color_scheme=theme)
    wall_feed["dock"].enter("reconnecting", "no data for 2.0 s")
    page.goto(url)
    page.locator('.tile[data-stream="gate"].has-picture').wait_for()
    assert axe.findings(page, theme=theme) == []
    expect(page.locator("h1")).to_have_count(1)
    page.locator("#layouts label", has_text="Focus").click()
    assert axe.findings(page, theme=theme) == []
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.goto(f"{url}streams/gate")
    page.locator(".focused .edit").click()
    page.locator(".focused .drawing").wait_for()
    assert axe.findings(page, theme=theme) == []
    expect(page.locator("h1")).to_have_count(1)
    expect(page.locator("h1")).to_have_text("Stream gate")
    wall_feed["dock"].enter("live")


def test_the_age_is_one_and_explained(page: Page, url: str) -> None:
    page.goto(f"{url}streams/gate")
    page.locator(".focused.has-picture").wait_for()
    shown = page.locator(".focused :is(.age, .age-large)").locator("visible=true")
    expect(shown).to_have_count(1)
    expect(page.locator(".focused .facts")).not_to_contain_text("age")
    page.locator(".focused .help").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#age-help")).to_contain_text("the time since its frame reached StreamVision")
    page.keyboard.press("Escape")
    expect(page.locator("#age-help")).to_be_hidden()
    assert page.url.endswith("/streams/gate"), "Escape closed the help, not the stream"


def test_a_zone_is_drawn_moved_and_removed_by_keys_alone(page: Page, url: str, wall_feed: LiveFeed) -> None:
    analytics = wall_feed["yard"].analytics

    def points() -> list[list[float]]:
        return [[round(x, 2), round(y, 2)] for zone in analytics.config.zones for x, y in zone.points]

    def press(*keys: str) -> None:
        for key in keys:
            page.keyboard.press(key)

    page.goto(f"{url}streams/yard")
    page.locator(".focused.has-picture").wait_for()
    page.locator(".focused .edit").focus()
    press("Enter")
    page.locator(".focused .drawing").wait_for()
    page.locator('.focused [data-mode="zone"]').focus()
    press("Enter")
    press(" ", *["Shift+ArrowRight"] * 4, " ", *["Shift+ArrowDown"] * 4, " ", "Enter")
    assert eventually(lambda: points() == [[0.5, 0.5], [0.7, 0.5], [0.7, 0.7]])
    press("ArrowLeft")
    assert eventually(lambda: points() == [[0.49, 0.5], [0.69, 0.5], [0.69, 0.7]])
    press("PageDown", "ArrowUp", "ArrowUp")
    assert eventually(lambda: points() == [[0.49, 0.48], [0.69, 0.5], [0.69, 0.7]])
    press("Escape")
    expect(page.locator(".focused .drawing")).to_be_hidden()
    page.locator(".focused .edit").press("Enter")
    page.locator(".focused .drawing").wait_for()
    page.locator(".focused .region-list .button", has_text="zone 1").press("Enter")
    press("Delete")
    assert eventually(lambda: not analytics.config.zones)
    assert page.url.endswith("/streams/yard")
