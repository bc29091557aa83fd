"""What was found on a live picture, on the page of one stream: switched, pointed at, looked at; no barriers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from pipelines.live_video.live_video import offer_packets
from pipelines.restream import offer_videos
from streamvision.web.server import WebServer
from support.axe import Axe
from support.browser import fresh_page
from support.live_feed import LiveFeed
from support.web_client import eventually

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server() -> Iterator[WebServer]:
    feed = LiveFeed("gate", "yard", fps=10, width_px=640, height_px=360)
    encoders = offer_videos(feed.view)
    offer_packets(feed.view, None, encoders)
    running = WebServer(feed.view, host="127.0.0.1", port=0)
    with feed:
        running.start()
        yield running
        running.stop()
        encoders.close()


@pytest.fixture
def page(browser: Browser, server: WebServer) -> Iterator[Page]:
    with fresh_page(browser, viewport={"width": 1440, "height": 900}, accept_downloads=True) as opened:
        opened.goto(f"{server.url}streams/gate")
        expect(opened.locator(".focused .show-object")).to_be_enabled()
        yield opened


def card(page: Page) -> Locator:
    return page.locator(".focused dialog.object-card[open]")


def drawn(page: Page) -> int:
    """Return how many pixels of the overlay are drawn on."""
    count: int = page.evaluate(
        """() => {
            const canvas = document.querySelector(".focused canvas.overlay");
            if (!canvas.width) return 0;
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            let count = 0;
            for (let at = 3; at < data.length; at += 4) count += data[at] > 0;
            return count;
        }"""
    )
    return count


def point_at_car(page: Page) -> None:
    """Click the middle of the object with an identity, which moves."""
    place = page.evaluate(
        """() => {
            const canvas = document.querySelector(".focused canvas.overlay");
            const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            const [xs, ys] = [[], []];
            for (let at = 0; at < pixels.length; at += 4) {
                const isSky = pixels[at] === 41 && pixels[at + 1] === 206 && pixels[at + 2] === 255;
                const [x, y] = [(at / 4) % canvas.width, Math.floor(at / 4 / canvas.width)];
                if (isSky && y < canvas.height * 0.87) [xs, ys].forEach((list, n) => list.push([x, y][n]));
            }
            const { left, top, width } = canvas.getBoundingClientRect();
            const scale = width / canvas.width;
            const most = (list) => list.reduce((a, b) => Math.max(a, b));
            const least = (list) => list.reduce((a, b) => Math.min(a, b));
            return [left + scale * (most(xs) - 12), top + scale * (most(ys) + least(ys)) / 2];
        }"""
    )
    page.mouse.click(*place)


def test_a_click_on_an_object_opens_its_card_which_follows_it(page: Page) -> None:
    page.locator('.focused [name="trace"]').uncheck()
    point_at_car(page)
    expect(card(page).locator("h3")).to_have_text("car 1")
    expect(card(page).locator("dl")).to_contain_text("In sight")
    before = card(page).locator("dl").inner_text()
    expect(card(page).locator("dl")).not_to_have_text(before)
    size = card(page).locator(".crop").evaluate("(canvas) => [canvas.width, canvas.height]")
    assert 50 <= size[0] <= 70 and 90 <= size[1] <= 120, "the car has 50 x 90 pixels, with a little around it"
    assert page.url.endswith("/streams/gate")


def test_a_crop_is_downloaded_under_a_name_of_its_own(page: Page) -> None:
    page.locator(".focused .show-object").click()
    with page.expect_download() as waiting:
        card(page).get_by_role("button", name="Download").click()
    assert waiting.value.suggested_filename.startswith("gate-")
    path = Path(waiting.value.path())
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_keys_open_step_and_close_the_card(page: Page) -> None:
    more = page.locator(".focused .show-object")
    more.focus()
    page.keyboard.press("Enter")
    first = card(page).locator("h3").inner_text()
    card(page).get_by_role("button", name="Next object").press("Enter")
    expect(card(page).locator("h3")).not_to_have_text(first)
    page.keyboard.press("Escape")
    expect(card(page)).to_have_count(0)
    expect(more).to_be_focused()
    assert page.url.endswith("/streams/gate"), "the page has not gone back to the wall"


def test_switches_decide_what_is_drawn_and_are_kept(page: Page) -> None:
    assert drawn(page) > 500
    for name in ("shapes", "label", "trace"):
        page.locator(f'.focused [name="{name}"]').uncheck()
    assert eventually(lambda: drawn(page) == 0)
    page.reload()
    expect(page.locator(".focused .show-object")).to_be_enabled()
    assert drawn(page) == 0
    page.locator('.focused [name="shapes"]').check()
    page.locator('.focused [name="figure"]').select_option("color")
    assert eventually(lambda: drawn(page) > 5000), "whole boxes are filled"
    page.locator(".focused .as-server").click()
    expect(page.locator('.focused [name="label"]')).to_be_checked()
    expect(page.locator('.focused [name="figure"]')).to_have_value("box")


def test_lines_are_drawn_by_the_page_until_they_are_edited(page: Page, server: WebServer) -> None:
    line = {"name": "door", "points": [[0.05, 0.2], [0.95, 0.2]]}
    answer = page.request.post(f"{server.url}api/streams/gate/analytics", data={"lines": [line]})
    assert answer.ok, answer.text()
    page.locator('.focused [name="shapes"]').uncheck()
    page.locator('.focused [name="label"]').uncheck()
    page.locator('.focused [name="trace"]').uncheck()
    assert eventually(lambda: drawn(page) > 1000)
    page.locator(".focused .edit").click()
    assert eventually(lambda: drawn(page) == 0)
    expect(page.locator(".focused .drawing .region.line")).to_have_count(1)
    page.locator(".focused .done").click()
    assert eventually(lambda: drawn(page) > 1000)


def test_mjpeg_is_drawn_by_the_server_and_its_objects_have_cards(page: Page) -> None:
    page.locator('.focused [name="video"]').select_option("mjpeg")
    expect(page.locator(".focused .drawn-there")).to_be_visible()
    expect(page.locator('.focused [name="label"]')).to_be_disabled()
    assert drawn(page) == 0
    page.locator(".focused .show-object").click()
    expect(card(page).locator("dl")).to_contain_text("Score")
    page.wait_for_function("document.querySelector('.focused canvas.overlay').width > 0")
    assert drawn(page) > 100, "the object that is looked at is marked"


def test_a_click_on_the_wall_enlarges_the_tile_and_opens_no_card(page: Page, server: WebServer) -> None:
    page.goto(server.url)
    page.locator('.tile[data-stream="gate"].has-picture .picture').click()
    expect(page).to_have_url(f"{server.url}streams/gate")
    expect(page.locator("dialog.object-card[open]")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width_px", [360, 1280])
def test_card_and_switches_have_no_barriers(
    page: Page, project_root: Path, reference_dir: Path, theme: str, width_px: int
) -> None:
    page.set_viewport_size({"width": width_px, "height": 800})
    page.evaluate("(theme) => (document.documentElement.dataset.theme = theme)", theme)
    page.locator(".focused .show-object").click()
    expect(card(page)).to_be_visible()
    axe = Axe(project_root, reference_dir)
    assert axe.findings(page, theme=theme) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
