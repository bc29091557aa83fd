"""From a real camera over RTSP to a real Chromium: recording is switched on, and what happened is seen again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import Browser, Page, expect

from support.browser import fresh_page
from support.rtsp_server import RtspServer, unavailable
from support.serving import EVERYWHERE, Served, serving, until, write_config

pytestmark = [pytest.mark.browser, pytest.mark.gstreamer]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Iterator[Served]:
    if reason := unavailable():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("service")
    film = folder / "film.mp4"
    drawn = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=10:duration=2", "-pix_fmt", "yuv420p", str(film)]
    subprocess.run(["ffmpeg", "-v", "error", *drawn], check=True, timeout=60)
    recording = {"segment_s": 2, "pre_s": 1, "post_s": 1, "min_free_gb": 0.01}
    with RtspServer(film) as camera:
        door = {"id": "door", "source": camera.url, "analytics": {"zones": [EVERYWHERE]}}
        config = write_config(folder / "cameras.yaml", model, door, recording=recording)
        with serving(str(folder / "state"), folder / "state", config) as running:
            yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with fresh_page(browser, viewport={"width": 1280, "height": 900}) as page:
        yield page


def shown_s(address: str) -> float:
    """Return how long a video is."""
    with av.open(address, timeout=30) as video:
        times = [float(packet.pts * packet.time_base) for packet in video.demux(video=0) if packet.pts is not None]
    return max(times) - min(times)


def test_what_happened_is_seen_again(page: Page, served: Served) -> None:
    root = f"http://127.0.0.1:{served.port}/"
    page.goto(f"{root}streams/door")
    tile = page.locator('.tile[data-stream="door"]')
    tile.and_(page.locator(".has-picture")).wait_for()
    tile.locator(".settings").click()
    page.locator("#camera summary", has_text="recorded").click()
    page.locator("#camera-kept label", has_text="as the camera sends it").locator("select").select_option("continuous")
    page.locator("#camera-save").click()
    expect(page.locator("#camera")).to_be_hidden()
    assert served.get("/api/streams/door/config")["recording"] == {"mode": "continuous"}

    recorded = "/api/recordings?streams=door&since=0&until=4000000000"
    begun = until(lambda: served.get(recorded)["recordings"], "something is recorded")[0]["start_unix_s"]
    zone = {"analytics": {"zones": [{**EVERYWHERE, "name": "again"}]}}  # a new zone is crowded at once
    assert served.ask("PATCH", "/api/streams/door", zone)[0] == 200
    event = until(lambda: served.events("?region=again&kind=crowding"), "something happens")[0]
    assert event["captured_unix_s"] > begun
    until(lambda: served.get(recorded)["recordings"][-1]["end_unix_s"] > event["captured_unix_s"] + 1, "it is written")

    until(lambda: shown_s(f"{root}{event['clip']}") > 1.7, "its clip is written")

    page.goto(f"{root}events?region=again&kind=crowding")
    page.locator("#events .look-back").first.click()
    expect(page.locator("#of-camera")).to_have_text("door")
    expect(page.locator('.lane[data-stream="door"] .stretch').first).to_be_visible()
    page.locator("#events .moment-button", has_text="again").first.click()
    page.wait_for_function("() => video.readyState > 2 && !video.paused && !video.seeking")
    given = page.evaluate("() => video.getVideoPlaybackQuality().totalVideoFrames")
    page.wait_for_function(f"() => video.getVideoPlaybackQuality().totalVideoFrames > {given + 5}")
    page.wait_for_function(f"() => +new URLSearchParams(location.search).get('at') > {event['captured_unix_s'] - 1}")
    page.wait_for_function("() => document.getElementById('boxes').width > 0")
    expect(page.locator("#stage-words")).to_be_empty()

    page.locator("#draw").click()
    box = page.locator("#stage").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 3, box["y"] + 3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 3, box["y"] + box["height"] - 3, steps=4)
    page.mouse.up()
    page.locator("#find-objects").click()
    expect(page.locator("#here-said")).to_contain_text("in the time that was shown")
    page.locator("#find-motion").click()
    expect(page.locator("#here-said")).to_contain_text("Something moved at")
