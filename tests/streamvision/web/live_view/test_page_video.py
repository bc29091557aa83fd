"""The page of a real server with real H.264: by which way it comes, what it says of that, and what it lets go."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.live_feed import FedStream, LiveFeed
from support.live_packets import PlayedPackets
from support.nginx import proxied
from support.web_client import eventually

pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import Browser, Page, expect

from streamvision.core.live_video import VideoLayer
from streamvision.web.server import WebServer
from support.browser import fresh_page

pytestmark = pytest.mark.browser

NAME = "camera-page.test"
"""A name of this machine that browsers do not trust as they trust 127.0.0.1."""
PASSED_ON = VideoLayer("passed_on")
COUNTED = """
globalThis.open_decoders = new Set();
const { configure, close } = VideoDecoder.prototype;
Object.assign(VideoDecoder.prototype, {
  configure(...given) { open_decoders.add(this); return configure.apply(this, given); },
  close() { open_decoders.delete(this); return close.apply(this); },
});
"""


@pytest.fixture(scope="module")
def browser_flags() -> tuple[str, ...]:
    return (f"--host-resolver-rules=MAP {NAME} 127.0.0.1",)


@pytest.fixture
def packets() -> Iterator[PlayedPackets]:
    with PlayedPackets(fps=12) as running:
        yield running


@pytest.fixture
def video_feed(packets: PlayedPackets) -> Iterator[LiveFeed]:
    with LiveFeed("gate", "yard", fps=8) as feed:
        feed.view.packets = packets
        yield feed


@pytest.fixture
def server(video_feed: LiveFeed) -> Iterator[WebServer]:
    server = WebServer(video_feed.view, host="127.0.0.1", port=0, host_names=[NAME])
    server.start()
    yield server
    server.stop()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with fresh_page(browser, viewport={"width": 1280, "height": 800}) as fresh:
        yield fresh


def told(page: Page):
    return page.locator(".focused .told")


def moves(page: Page) -> bool:
    """Return whether the picture is another one after a while."""
    before, _, after = (page.locator(".focused .picture").evaluate("one => one.toDataURL()") for _ in range(3))
    page.wait_for_timeout(200)
    return page.locator(".focused .picture").evaluate("one => one.toDataURL()") not in {before, after}


def test_video_comes_over_one_websocket(page: Page, server: WebServer, packets: PlayedPackets) -> None:
    sockets: list[str] = []
    requests: list[str] = []
    page.on("websocket", lambda one: sockets.append(one.url))
    page.on("request", lambda one: requests.append(one.url))
    page.goto(f"{server.url}streams/gate")
    expect(told(page)).to_contain_text("Live by WebCodecs: the camera's own H.264, 320 × 180.")
    assert eventually(lambda: moves(page))
    expect(page.locator(".focused .details .boxes-age")).not_to_be_empty()
    page.locator("#next").click()
    expect(page.locator(".focused")).to_have_attribute("data-stream", "yard")
    expect(told(page)).to_contain_text("WebCodecs")
    assert len(sockets) == 1, "what is watched changes within the connection"
    assert not [one for one in requests if "/api/live" in one and not one.startswith("ws")]
    assert eventually(lambda: not packets.layer("gate", PASSED_ON).listeners), "what is not seen is not sent"


def test_a_proxy_that_refuses_websockets_costs_only_a_sentence(page: Page, server: WebServer, tmp_path: Path) -> None:
    with proxied(server.port, tmp_path) as url:
        page.goto(f"{url}streams/gate")
        expect(told(page)).to_contain_text("No WebSocket (a proxy refuses it): the same over HTTP.")
        expect(told(page)).to_contain_text("WebCodecs")
        assert eventually(lambda: moves(page))


def test_without_a_secure_context_it_is_played_by_media_source_extensions(page: Page, server: WebServer) -> None:
    page.goto(f"http://{NAME}:{server.port}/streams/gate")
    expect(told(page)).to_contain_text("Live by Media Source Extensions: the camera's own H.264")
    expect(told(page)).to_contain_text("WebCodecs needs HTTPS")
    assert eventually(lambda: moves(page))


def test_mjpeg_can_be_chosen_and_is_remembered(page: Page, server: WebServer) -> None:
    page.goto(f"{server.url}streams/gate")
    expect(told(page)).to_contain_text("WebCodecs")
    page.locator(".focused [name=video]").select_option("mjpeg")
    expect(told(page)).to_have_text("JPEG pictures, drawn by the server.")
    page.reload()
    expect(told(page)).to_have_text("JPEG pictures, drawn by the server.")
    assert eventually(lambda: moves(page))
    page.locator(".focused [name=video]").select_option("auto")
    expect(told(page)).to_contain_text("WebCodecs")


def test_without_any_video_pictures_come_and_it_says_why(page: Page, server: WebServer, packets: PlayedPackets) -> None:
    page.goto(f"{server.url}streams/gate")
    expect(told(page)).to_contain_text("WebCodecs")
    packets.layer("gate", PASSED_ON).become("the camera gives none")
    expect(told(page)).to_contain_text("H.264 encoded by the server")
    encoded = next(layer for (name, layer) in packets._layers if name == "gate" and layer.way == "encoded")
    packets.layer("gate", encoded).become("there is no encoder here")
    expect(told(page)).to_contain_text("JPEG pictures, drawn by the server.")
    expect(told(page)).to_contain_text("there is no encoder here.")
    assert eventually(lambda: moves(page))


def test_a_stream_that_goes_and_a_hidden_tab_leave_no_decoder_open(
    page: Page, server: WebServer, video_feed: LiveFeed, packets: PlayedPackets
) -> None:
    page.add_init_script(COUNTED)
    page.goto(server.url)
    page.wait_for_function("() => open_decoders.size === 2")
    video_feed.remove("yard")
    page.wait_for_function("() => open_decoders.size === 1")
    hide = "Object.defineProperty(document, 'hidden', { value: %s, configurable: true });"
    page.evaluate(hide % "true" + "document.dispatchEvent(new Event('visibilitychange'));")
    page.wait_for_function("() => open_decoders.size === 0")
    assert eventually(lambda: not packets.layer("gate", PASSED_ON).listeners)
    page.evaluate(hide % "false" + "document.dispatchEvent(new Event('visibilitychange'));")
    page.wait_for_function("() => open_decoders.size === 1")


def test_when_the_server_is_gone_nothing_waits_in_decoders(page: Page, server: WebServer) -> None:
    page.add_init_script(COUNTED)
    page.goto(server.url)
    page.wait_for_function("() => open_decoders.size === 2")
    server.stop()
    page.wait_for_function("() => open_decoders.size === 0")


def test_which_video_is_best_is_decided_anew_once_the_cameras_width_is_known(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["a", "b", "c", "d", "e"]
    present, known = FedStream.present, threading.Event()
    width_px = lambda: 3840 if known.is_set() else None  # noqa: E731
    monkeypatch.setattr(FedStream, "present", lambda stream: replace(present(stream), width_px=width_px()))
    with PlayedPackets() as packets, LiveFeed(*names, fps=4) as feed:
        feed.view.packets = packets
        server = WebServer(feed.view, host="127.0.0.1", port=0)
        server.start()
        page.goto(server.url)
        page.locator("#layouts [value='3x3']").check()
        page.wait_for_timeout(500)  # it has settled, and nothing changes its size
        assert eventually(lambda: packets.layer("a", PASSED_ON).listeners)
        known.set()
        assert eventually(lambda: not packets.layer("a", PASSED_ON).listeners), "a small one is enough"
        page.goto("about:blank")
        server.stop()


def test_another_stream_that_goes_takes_the_focus_from_nobody(
    page: Page, server: WebServer, video_feed: LiveFeed
) -> None:
    page.goto(server.url)
    page.locator("[data-stream=yard] h2 .open").focus()
    video_feed.remove("gate")
    expect(page.locator(".tile")).to_have_count(1)
    assert page.evaluate("document.activeElement.closest('.tile')?.dataset.stream") == "yard"


def test_the_heads_of_tiles_are_level_and_nothing_in_them_overlaps(page: Page, server: WebServer) -> None:
    page.set_viewport_size({"width": 700, "height": 800})
    page.goto(server.url)
    expect(page.locator(".tile .age").first).to_be_visible()
    measured = page.evaluate(
        "() => { const [first, second] = document.querySelectorAll('.tile');"
        "const head = first.querySelector('.head'); head.querySelector('.open').textContent = 'a long name '.repeat(9);"
        "head.querySelector('.sound').hidden = false;"
        "const parts = [...head.children].map((one) => one.getBoundingClientRect());"
        "return { heights: [first, second].map((one) => one.querySelector('.head').offsetHeight),"
        "gaps: parts.slice(1).map(({ left }, n) => left - parts[n].right),"
        "inside: head.getBoundingClientRect().right - parts.at(-1).right,"
        "badge: head.querySelector('.badge').scrollWidth - head.querySelector('.badge').clientWidth }; }"
    )
    assert measured["heights"][0] == measured["heights"][1]
    assert min(measured["gaps"]) >= 0 and measured["inside"] >= 0 and measured["badge"] <= 0
