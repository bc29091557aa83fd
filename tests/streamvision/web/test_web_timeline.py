"""The timeline in a real Chromium, over real files: played with boxes, moved, searched, saved, kept; no barriers."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import av
import pytest

pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import Browser, Page, expect

from streamvision.core.config.serve import ServeConfig
from streamvision.web.login import Login
from streamvision.web.server import WebServer
from support.accounts import PASSWORD, people
from support.axe import Axe
from support.browser import fresh_page
from support.kept_events import KeptEvents
from support.live_feed import LiveFeed
from support.recorded import FILE_S, SIZE_PX, SQUARE_PX, RecordedFolder, left_px

pytestmark = pytest.mark.browser

T = float(int(time.time()) - 1800)
"""When the first file begins."""


class Site:
    """A page with recordings and events of the streams `gate` and `yard`."""

    def __init__(self, folder: Path) -> None:
        self.recordings = RecordedFolder(folder)
        for number in range(3):
            self.recordings.add("gate", T + number * FILE_S)
        self.recordings.add("gate", T + 60, "event", hue=20)
        self.recordings.add("yard", T + 10, hue=60)
        picture = self.recordings.thumbnail("gate", T + 3, 320)
        assert picture is not None
        self.events = KeptEvents(picture)
        for second in (4.0, 14.0, 62.0):
            self.events.add("gate", T + second, region="door")
        self.events.add("yard", T + 12, region="fence", class_name="person")
        self.feed = LiveFeed("gate", "yard", fps=4)
        self.feed.view.recordings = self.recordings
        self.feed.view.event_log = self.events

    def at(self, second: float, **more: object) -> str:
        """Return the query of a moment of `gate`, with two minutes around it."""
        words = "".join(f"&{name}={value}" for name, value in more.items())
        return f"timeline?of=gate&at={T + second}&width=120{words}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("recordings"))
    with made.feed:
        yield made


@pytest.fixture(scope="module")
def url(site: Site) -> Iterator[str]:
    server = WebServer(site.feed.view, port=0)
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with fresh_page(browser, viewport={"width": 1280, "height": 800}, color_scheme="light", timezone_id="UTC") as fresh:
        yield fresh


def moment_s(page: Page) -> float:
    """Return how many seconds after the first file the page is."""
    given = parse_qs(urlsplit(page.url).query)
    return float(given["at"][0]) - T


def video_is_at(page: Page, second: float, tolerance_s: float = 0.3) -> None:
    page.wait_for_function(
        f"() => video.readyState > 1 && !video.seeking && Math.abs(video.currentTime - {second}) < {tolerance_s}"
    )


SQUARE_IN_VIDEO = """() => {
  const pen = Object.assign(document.createElement('canvas'), {width: 320, height: 180}).getContext('2d');
  pen.drawImage(video, 0, 0, 320, 180);
  const line = pen.getImageData(0, 90, 320, 1).data;
  const hits = [...Array(320).keys()].filter((x) => line[4 * x] > 200);
  return hits.reduce((sum, x) => sum + x, 0) / hits.length;
}"""
BOX = """() => {
  const canvas = document.getElementById('boxes');
  if (!canvas.width) return null;
  const line = canvas.getContext('2d').getImageData(0, Math.round(canvas.height / 2), canvas.width, 1).data;
  const hits = [...Array(canvas.width).keys()].filter((x) => line[4 * x + 3] > 128);
  return hits.length ? [hits[0] * 320 / canvas.width, hits.at(-1) * 320 / canvas.width] : null;
}"""


def test_a_moment_is_shown_with_its_boxes(page: Page, url: str, site: Site) -> None:
    page.goto(url + site.at(3))
    video_is_at(page, 3)
    page.wait_for_function(f"() => ({BOX})() !== null")
    left, right = page.evaluate(BOX)
    assert (left + right) / 2 == pytest.approx(left_px(3) + SQUARE_PX / 2, abs=6)
    assert page.evaluate(SQUARE_IN_VIDEO) == pytest.approx((left + right) / 2, abs=6), "they lie over what they are of"
    page.locator("#with-boxes").uncheck()
    assert page.evaluate(BOX) is None
    expect(page.locator("#moment")).to_contain_text(time.strftime("%-I:%M:%S", time.gmtime(T + 3)))


def test_it_plays_over_the_seam_of_two_files_and_over_a_gap(page: Page, url: str, site: Site) -> None:
    page.goto(url + site.at(4.5))
    video_is_at(page, 4.5)
    page.locator("#speed").select_option("4")
    page.locator("#play").click()
    page.wait_for_function(f"() => video.currentTime > {FILE_S + 1}")
    assert page.evaluate("() => video.playbackRate") == 4
    page.wait_for_function(f"() => +new URLSearchParams(location.search).get('at') > {T + 60}")
    assert moment_s(page) < 60 + FILE_S + 1, "it goes on where the next recording begins"
    expect(page.locator("#of-camera")).to_have_text("gate")


def test_an_event_of_the_events_page_is_seen_again(page: Page, url: str, site: Site) -> None:
    page.goto(url + "events?region=fence")
    page.locator("#events .look-back").click()
    expect(page).to_have_url(re.compile("/timeline"))
    expect(page.locator("#of-camera")).to_have_text("yard")
    page.wait_for_function("() => video.readyState > 1")
    page.locator("#events .moment-button", has_text="fence").click()
    page.wait_for_function("() => video.currentTime > 0.5 && !video.paused")
    expect(page.locator("#span-words")).to_have_text("15 s of yard.")


def test_lanes_marks_and_filters(page: Page, url: str, site: Site) -> None:
    page.goto(url + site.at(30))
    expect(page.locator(".lane-name")).to_have_text(["gate", "yard"])
    expect(page.locator('.lane[data-stream="gate"] .stretch')).to_have_count(2)
    expect(page.locator('.lane[data-stream="gate"] .stretch[data-kind="event"]')).to_have_count(1)
    expect(page.locator('.lane[data-stream="gate"] .mark')).to_have_count(3)
    expect(page.locator('.lane[data-stream="yard"] .mark')).to_have_count(1)
    page.locator('[name="class"]').fill("person")
    page.locator("#filters [type=submit]").click()
    expect(page.locator(".mark")).to_have_count(1)
    expect(page.locator("#events li")).to_have_count(1)
    page.locator('[name="class"]').fill("")
    page.locator('[name="region"]').fill("door")
    page.locator("#filters [type=submit]").click()
    expect(page.locator(".mark")).to_have_count(3)
    page.locator('[name="stream"]').select_option("yard")
    expect(page.locator(".lane-name")).to_have_text(["yard"])
    page.wait_for_function("() => new URLSearchParams(location.search).get('stream') === 'yard'")
    page.reload()
    expect(page.locator(".lane-name")).to_have_text(["yard"])


def test_pointer_and_wheel(page: Page, url: str, site: Site) -> None:
    page.goto(url + site.at(30))
    track = page.locator('.lane[data-stream="gate"] .track')
    expect(track.locator(".stretch")).to_have_count(2)
    box = track.bounding_box()
    assert box is not None
    at = lambda second: box["x"] + box["width"] * (second + 30) / 120  # noqa: E731
    y = box["y"] + box["height"] / 2
    page.mouse.move(at(2), y)
    expect(page.locator("#peek")).to_be_visible()
    page.wait_for_function("() => document.getElementById('peek-picture').naturalWidth === 240")
    page.mouse.move(at(14), y - 16)
    expect(page.locator("#peek-words")).to_contain_text("door: entered, car 2")
    page.wait_for_function("() => document.getElementById('peek-picture').naturalWidth === 320")
    page.mouse.click(at(2), y)
    video_is_at(page, 2)
    page.keyboard.down("Shift")
    page.mouse.move(at(5), y)
    page.mouse.down()
    page.mouse.move(at(9), y, steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")
    expect(page.locator(".span-band")).to_be_visible()
    expect(page.locator("#span-words")).to_contain_text("s of gate.")
    page.mouse.move(at(2), y)
    page.mouse.wheel(0, -400)
    expect(page.locator("#window-words")).not_to_be_empty()
    page.wait_for_function("() => +new URLSearchParams(location.search).get('width') < 80")
    before = page.locator("#window-words").inner_text()
    page.mouse.move(at(20), y)
    page.mouse.down()
    page.mouse.move(at(50), y, steps=5)
    page.mouse.up()
    assert page.locator("#window-words").inner_text() != before
    assert moment_s(page) == pytest.approx(2, abs=0.5), "moving it shows another time, and plays what it played"


def test_looking_through_along_the_times(page: Page, url: str, site: Site) -> None:
    page.goto(url + site.at(30))
    expect(page.locator('.lane[data-stream="gate"] .stretch')).to_have_count(2)
    axis = page.locator(".axis").bounding_box()
    assert axis is not None
    at = lambda second: axis["x"] + axis["width"] * (second + 30) / 120  # noqa: E731
    page.mouse.move(at(1), axis["y"] + 10)
    page.mouse.down()
    page.mouse.move(at(5), axis["y"] + 10, steps=4)
    page.wait_for_function("() => !still.hidden && still.naturalWidth === 640")
    page.mouse.up()
    video_is_at(page, 5, 0.6)


def test_everything_is_reached_by_keys(page: Page, url: str, site: Site) -> None:
    page.goto(url + site.at(3))
    video_is_at(page, 3)
    lanes = page.locator("#lanes")
    lanes.focus()
    page.keyboard.press("ArrowRight")
    video_is_at(page, 4)
    expect(lanes).to_have_attribute("aria-valuetext", re.compile("^gate, "))
    page.keyboard.press("-")
    page.wait_for_function("() => +new URLSearchParams(location.search).get('width') === 240")
    page.keyboard.press("Home")
    video_is_at(page, 0)
    page.keyboard.press("n")
    page.wait_for_function("() => !video.paused")
    page.keyboard.press("k")
    assert page.evaluate("() => video.paused")
    page.keyboard.press("[")
    page.keyboard.press("]")
    expect(page.locator("#span-words")).to_contain_text("of gate.")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#of-camera")).to_have_text("yard")
    expect(lanes).to_have_attribute("aria-valuetext", re.compile("not recorded$"))


def test_a_span_is_saved_as_a_film(page: Page, url: str, site: Site, tmp_path: Path) -> None:
    page.goto(url + site.at(3))
    video_is_at(page, 3)
    page.locator("#begin-here").click()
    with page.expect_download() as download:
        page.locator("#export").click()
    assert download.value.suggested_filename.startswith("gate-")
    download.value.save_as(tmp_path / "film.mp4")
    with av.open(str(tmp_path / "film.mp4")) as film:
        assert film.streams.video[0].width == SIZE_PX[0]
    page.locator("#annotated").check()
    assert "annotated=1" in (page.locator("#export").get_attribute("href") or "")


def test_what_moved_in_a_region_is_found(page: Page, url: str, site: Site) -> None:
    page.goto(url + site.at(3, stream="gate"))
    video_is_at(page, 3)
    page.locator("#draw").click()
    box = page.locator("#stage").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.02, box["y"] + box["height"] * 0.3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.7, steps=4)
    page.mouse.up()
    page.locator("#find-motion").click()
    expect(page.locator("#here-said")).to_contain_text("Something moved at")
    expect(page.locator("#here-said")).to_contain_text("in the time that was shown")
    found = page.locator("#found .moment-button")
    expect(found.first).to_contain_text("% changed")
    expect(page.locator('.stretch[data-kind="motion"]').first).to_be_visible()
    page.wait_for_function("() => document.querySelector('#found img').naturalWidth === 160")
    found.first.click()
    page.wait_for_function("() => !video.paused")
    assert moment_s(page) < FILE_S


def test_a_region_is_drawn_by_keys(page: Page, url: str, site: Site) -> None:
    page.goto(url + site.at(3))
    video_is_at(page, 3)
    page.locator("#draw").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#drawing")).to_be_focused()
    for keys in (["Space"], ["Shift+ArrowRight", "Space"], ["Shift+ArrowDown", "Space"], ["Enter"]):
        for key in keys:
            page.keyboard.press(key)
    expect(page.locator("#drawing .edge")).to_have_count(1)
    expect(page.locator("#find-motion")).to_be_focused()
    expect(page.locator("#find-motion")).to_be_enabled()


def test_admins_keep_and_remove(page: Page, url: str, site: Site) -> None:
    recording = site.recordings.add("yard", T + 40)
    page.goto(url + f"timeline?of=yard&at={T + 42}&width=120")
    video_is_at(page, 2)
    page.locator("#begin-here").click()
    page.locator("#keep").click()
    expect(page.locator("#span-said")).to_have_text("1 file kept for good.")
    expect(page.locator('.lane[data-stream="yard"] .stretch[data-kind="kept"]')).to_have_count(1)
    page.locator("#remove").click()
    page.locator("#sure button[value=no]").click()
    assert site.recordings.recording(recording.id) is not None
    page.locator("#remove").click()
    page.locator("#sure button[value=yes]").click()
    expect(page.locator("#span-said")).to_have_text("1 file removed.")
    expect(page.locator('.lane[data-stream="yard"] .stretch')).to_have_count(1)


def test_without_a_moment_the_newest_is_shown(page: Page, url: str, site: Site) -> None:
    page.goto(url + "timeline?stream=gate")
    page.wait_for_function("() => video.readyState > 1")
    assert page.locator("#moment").inner_text() != "–"
    page.goto(url + "streams/gate")
    page.locator(".tile.focused .look-back").click()
    expect(page.locator("#filters [name=stream]")).to_have_value("gate")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_shuts_anybody_out(
    page: Page, url: str, site: Site, theme: str, project_root: Path, reference_dir: Path
) -> None:
    axe = Axe(project_root, reference_dir)
    page.emulate_media(color_scheme=theme)
    page.goto(url + site.at(3))
    video_is_at(page, 3)
    page.locator("#events li").first.wait_for()
    page.locator("#begin-here").click()
    assert axe.findings(page, theme=theme) == []
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert axe.findings(page, theme=theme) == []


def test_a_viewer_sees_his_stream_and_changes_nothing(page: Page, site: Site, tmp_path: Path) -> None:
    with people(tmp_path / "people") as known:
        server = WebServer(site.feed.view, port=0, login=Login(known.accounts, ServeConfig()))
        server.start()
        page.goto(f"{server.url}login?next=%2Ftimeline")
        page.locator('[name="user"]').fill("eve")
        page.locator('[name="password"]').fill(PASSWORD)
        page.locator('button[type="submit"]').click()
        expect(page.locator(".lane-name")).to_have_text(["yard"])
        expect(page.locator("#of-camera")).to_have_text("yard")
        expect(page.locator("#keep, #remove")).to_have_count(0)
        expect(page.locator("#wrong")).to_be_empty()
        page.goto("about:blank")
        server.stop()
