"""Lines and zones drawn with mouse and finger in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.live_feed import LiveFeed
from support.web_client import eventually

pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import Browser, Page, expect

from streamvision.web.server import WebServer
from support.browser import fresh_page

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Browser, server: WebServer) -> Iterator[Page]:
    with fresh_page(browser, viewport={"width": 1280, "height": 900}, has_touch=True) as fresh:
        fresh.goto(f"{server.url}streams/gate")
        fresh.locator('.tile[data-stream="gate"].has-picture').wait_for()
        yield fresh


@pytest.fixture
def editor(page: Page) -> Page:
    visible(page, ".edit").click()
    visible(page, ".drawing").wait_for()
    return page


def visible(page: Page, selector: str):
    return page.locator(f'.tile[data-stream="gate"] {selector}')


def spot(page: Page, x: float, y: float) -> tuple[float, float]:
    """Return where a point of the picture is on the page."""
    box = visible(page, ".drawing").bounding_box()
    assert box is not None
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def drag(page: Page, begin: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*spot(page, *begin))
    page.mouse.down()
    page.mouse.move(*spot(page, *end), steps=4)
    page.mouse.up()


def draw_line(page: Page) -> None:
    visible(page, '[data-mode="line"]').click()
    drag(page, (0.5, 0.1), (0.5, 0.9))


def points(place) -> list[list[float]]:
    return [[round(x, 2), round(y, 2)] for x, y in place.points]


def test_a_line_is_drawn_and_counts_and_its_counts_are_shown(editor: Page, feed: LiveFeed) -> None:
    draw_line(editor)
    expect(visible(editor, ".editor-words")).to_contain_text("Applied")
    [line] = feed["gate"].analytics.config.lines
    assert (line.name, points(line)) == ("line 1", [[0.5, 0.1], [0.5, 0.9]])
    rows = visible(editor, ".tallies tr")
    expect(rows.first).to_contain_text("line 1, in")
    expect(rows.nth(1)).to_contain_text("1")
    expect(visible(editor, ".happened li").first).to_contain_text("line 1:")


def test_it_is_named_turned_and_moved_and_each_change_counts_at_once(editor: Page, feed: LiveFeed) -> None:
    draw_line(editor)
    analytics = feed["gate"].analytics
    visible(editor, '.properties [name="name"]').fill("Tür")
    editor.keyboard.press("Tab")
    assert eventually(lambda: [line.name for line in analytics.config.lines] == ["Tür"])
    visible(editor, ".turn").click()
    assert eventually(lambda: points(analytics.config.lines[0]) == [[0.5, 0.9], [0.5, 0.1]])
    drag(editor, (0.5, 0.3), (0.6, 0.3))
    assert eventually(lambda: points(analytics.config.lines[0]) == [[0.6, 0.9], [0.6, 0.1]])
    drag(editor, (0.6, 0.1), (0.9, 0.2))
    assert eventually(lambda: points(analytics.config.lines[0]) == [[0.6, 0.9], [0.9, 0.2]])
    editor.keyboard.press("Delete")
    assert eventually(lambda: not analytics.config.lines)


def test_a_zone_is_drawn_by_its_corners_and_closed_at_the_first(editor: Page, feed: LiveFeed) -> None:
    visible(editor, '[data-mode="zone"]').click()
    corners = [(0.1, 0.2), (0.6, 0.2), (0.6, 0.8), (0.1, 0.8)]
    for corner in (*corners, corners[0]):
        editor.mouse.click(*spot(editor, *corner))
    analytics = feed["gate"].analytics
    assert eventually(lambda: len(analytics.config.zones) == 1)
    assert points(analytics.config.zones[0]) == [list(corner) for corner in corners]
    visible(editor, '.properties [name="crowd"]').fill("5")
    editor.keyboard.press("Tab")
    assert eventually(lambda: analytics.config.zones[0].crowd == 5)
    visible(editor, '.properties [name="crowd"]').fill("0")
    editor.keyboard.press("Tab")
    expect(visible(editor, ".editor-words.wrong")).to_contain_text("zones.0.crowd")
    assert analytics.config.zones[0].crowd == 5, "what is refused changes nothing"


@pytest.mark.parametrize(("mode", "corners"), [("zone", [(0.1, 0.2), (0.6, 0.2)]), ("line", [])])
def test_what_has_too_few_corners_is_not_closed_and_says_so(
    editor: Page, feed: LiveFeed, mode: str, corners: list[tuple[float, float]]
) -> None:
    visible(editor, f'[data-mode="{mode}"]').click()
    for corner in corners:
        editor.mouse.click(*spot(editor, *corner))
    editor.keyboard.press("Enter")
    expect(visible(editor, ".editor-words")).to_contain_text(f"corners or more; {len(corners)} set.")
    editor.mouse.click(*spot(editor, 0.6, 0.8))
    if mode == "line":
        return
    editor.keyboard.press("Enter")
    analytics = feed["gate"].analytics
    assert eventually(lambda: len(analytics.config.zones) == 1)
    assert points(analytics.config.zones[0]) == [[0.1, 0.2], [0.6, 0.2], [0.6, 0.8]], "no corner that nobody set"


def test_corners_stay_where_they_are_while_pictures_become_smaller(editor: Page, feed: LiveFeed) -> None:
    visible(editor, '[data-mode="zone"]').click()
    editor.mouse.click(*spot(editor, 0.1, 0.2))
    editor.mouse.click(*spot(editor, 0.9, 0.2))
    editor.evaluate(
        "Object.defineProperty(window, 'devicePixelRatio', {value: 0.1}); dispatchEvent(new Event('resize'))"
    )
    editor.wait_for_function("() => document.querySelector('[data-stream=gate] .picture').width === 160")
    editor.mouse.click(*spot(editor, 0.9, 0.8))
    editor.keyboard.press("Enter")
    analytics = feed["gate"].analytics
    assert eventually(lambda: len(analytics.config.zones) == 1)
    assert points(analytics.config.zones[0]) == [[0.1, 0.2], [0.9, 0.2], [0.9, 0.8]]


def test_a_zone_gets_classes_an_anchor_and_becomes_a_mask(editor: Page, feed: LiveFeed) -> None:
    visible(editor, '[data-mode="zone"]').click()
    for corner in ((0.1, 0.2), (0.6, 0.2), (0.6, 0.8), (0.1, 0.2)):
        editor.mouse.click(*spot(editor, *corner))
    analytics = feed["gate"].analytics

    def zone():
        return analytics.config.zones[0]

    assert eventually(lambda: len(analytics.config.zones) == 1)
    classes = visible(editor, '.properties [name="classes"]')
    assert classes.locator("option").all_inner_texts() == ["person", "car", "truck"]
    classes.select_option(["car", "truck"])
    assert eventually(lambda: zone().classes == ("car", "truck"))
    classes.select_option([])
    assert eventually(lambda: zone().classes is None)
    visible(editor, '.properties [name="anchor"]').select_option("top_left")
    assert eventually(lambda: zone().anchor == "top_left")
    visible(editor, '.properties [name="ignore"]').check()
    assert eventually(lambda: zone().ignore)
    expect(visible(editor, ".drawing .zone.ignored")).to_have_count(1)
    assert analytics.report()["zones"] == {}


def test_what_is_typed_goes_to_the_region_that_it_was_typed_for(editor: Page, feed: LiveFeed) -> None:
    draw_line(editor)
    visible(editor, '[data-mode="line"]').click()
    drag(editor, (0.8, 0.1), (0.8, 0.9))
    analytics = feed["gate"].analytics
    assert eventually(lambda: len(analytics.config.lines) == 2)
    visible(editor, '.properties [name="name"]').fill("right")
    editor.mouse.click(*spot(editor, 0.5, 0.3))
    expect(visible(editor, '.properties [name="name"]')).to_have_value("line 1")
    assert eventually(lambda: [line.name for line in analytics.config.lines] == ["line 1", "right"])


def test_a_finger_draws_too(editor: Page, feed: LiveFeed) -> None:
    visible(editor, '[data-mode="zone"]').tap()
    for corner in ((0.2, 0.2), (0.7, 0.3), (0.4, 0.8), (0.2, 0.2)):
        editor.touchscreen.tap(*spot(editor, *corner))
    assert eventually(lambda: len(feed["gate"].analytics.config.zones) == 1)


def test_escape_gives_up_a_drawing_then_the_editor_and_not_the_page(editor: Page, feed: LiveFeed) -> None:
    visible(editor, '[data-mode="zone"]').click()
    editor.mouse.click(*spot(editor, 0.5, 0.5))
    editor.keyboard.press("Escape")
    expect(visible(editor, '[data-mode="select"]')).to_have_attribute("aria-pressed", "true")
    editor.keyboard.press("Escape")
    expect(visible(editor, ".drawing")).to_be_hidden()
    assert editor.url.endswith("/streams/gate")
    assert not feed["gate"].analytics.config.zones


def test_it_is_copied_as_yaml(editor: Page) -> None:
    draw_line(editor)
    expect(visible(editor, ".editor-words")).to_contain_text("Applied")
    visible(editor, ".copy").click()
    expect(visible(editor, ".yaml textarea")).to_have_value(
        "analytics:\n  lines:\n  - name: line 1\n    points:\n    - [0.5, 0.1]\n    - [0.5, 0.9]\n"
    )


def test_a_phone_edits_without_sideways_scrolling(editor: Page) -> None:
    editor.set_viewport_size({"width": 360, "height": 740})
    draw_line(editor)
    expect(visible(editor, ".properties")).to_be_visible()
    assert editor.evaluate("document.documentElement.scrollWidth") <= 360
