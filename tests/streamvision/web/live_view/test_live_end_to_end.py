"""From a real RTSP camera through the real command to the pixels in a real Chromium: whose box is on which picture."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.nginx import proxied
from support.numbered_film import make_film, make_model
from support.rtsp_server import RtspServer, unavailable
from support.run_server import RunServer, run_server

pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import Browser, Page, expect

from support.browser import PATIENCE_MS, fresh_page
from support.shown_pictures import ShownPicture, ShownPictures

pytestmark = [pytest.mark.browser, pytest.mark.gstreamer]

NAME = "camera-page.test"
"""A name of this machine that browsers do not trust as they trust 127.0.0.1."""
FPS = 8
"""Of all cameras: few enough for a machine that is slow and busy."""
PICTURES = 20
TRIES = 8
"""Spans of so many pictures of which one must be right: a fault is in all, a busy moment is not."""
CODECS = {"h264": ("libx264", ".mp4"), "hevc": ("libx265", ".mp4"), "mjpeg": ("mjpeg", ".mkv")}


@pytest.fixture(scope="module")
def browser_flags() -> tuple[str, ...]:
    return (f"--host-resolver-rules=MAP {NAME} 127.0.0.1",)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A film of each codec, and a larger one."""
    if reason := unavailable():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("films")
    small: dict[str, Any] = {"frames": 50, "size": (640, 360), "fps": FPS, "key_every": FPS, "bit_s": 200_000}
    made = {name: make_film(folder / f"{name}{end}", codec=codec, **small) for name, (codec, end) in CODECS.items()}
    return made | {"larger": make_film(folder / "larger.mp4", **small | {"size": (960, 540)})}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model") / "bright.onnx")


@pytest.fixture(scope="module")
def gate(films: dict[str, Path]) -> Iterator[RtspServer]:
    """A camera that tests may take away."""
    with RtspServer(films["h264"], copied=True) as camera:
        yield camera


@pytest.fixture(scope="module")
def server(
    films: dict[str, Path], model: Path, gate: RtspServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunServer]:
    """A run with a camera of each codec, and one more."""
    folder = tmp_path_factory.mktemp("run")
    with (
        RtspServer(films["h264"], copied=True) as h264,
        RtspServer(films["hevc"], copied=True) as hevc,
        RtspServer(films["mjpeg"], copied=True) as mjpeg,
        run_server(
            folder,
            model,
            {"h264": h264.url, "hevc": hevc.url, "mjpeg": mjpeg.url, "gate": gate.url},
            serve={"host_names": [NAME]},
            tracker={"name": "none"},
        ) as running,
    ):
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with fresh_page(browser, viewport={"width": 1000, "height": 700}) as fresh:
        yield fresh


def opened(page: Page, url: str, *told: str) -> None:
    """Open the page of one stream and wait until it says so of its way."""
    page.goto(url)
    page.locator(".focused.has-picture").wait_for()
    for words in told:
        expect(page.locator(".focused .told")).to_contain_text(words)


def shown_next(page: Page, pictures: int = PICTURES) -> list[ShownPicture]:
    """Return the next pictures that are shown."""
    reader = ShownPictures(page)
    reader.start(".focused .stage")
    reader.wait_for(pictures + 2, stage=".focused .stage")
    return reader.stop(".focused .stage")


def check_boxes(page: Page) -> None:
    """Fail where boxes are on other pictures than their own; on a busy machine some are carried on from the last."""
    for _ in range(TRIES):
        shown = shown_next(page)
        wrong = [(one.number, one.ahead) for one in shown if not one.has_its_box]
        if len(wrong) <= len(shown) / 10:
            return
    pytest.fail(f"{len(wrong)} of {len(shown)} pictures: {wrong}")


def test_each_box_is_on_its_own_picture(page: Page, server: RunServer) -> None:
    opened(page, f"{server.url}streams/h264", "Live by WebCodecs: the camera's own H.264, 640 × 360")
    check_boxes(page)


@pytest.mark.parametrize("codec", ["hevc", "mjpeg"])
def test_what_the_browser_cannot_decode_is_encoded(page: Page, server: RunServer, codec: str) -> None:
    opened(page, f"{server.url}streams/{codec}", "Live by WebCodecs", "H.264 encoded by the server")
    check_boxes(page)


def test_without_a_secure_context(page: Page, server: RunServer) -> None:
    opened(page, f"http://{NAME}:{server.port}/streams/h264", "Media Source Extensions", "HTTPS")
    check_boxes(page)


def test_without_websockets(page: Page, server: RunServer, tmp_path: Path) -> None:
    with proxied(server.port, tmp_path) as url:
        opened(page, f"{url}streams/h264", "the camera's own H.264", "No WebSocket")
        check_boxes(page)


def test_a_camera_comes_back_as_another(
    page: Page, films: dict[str, Path], gate: RtspServer, server: RunServer
) -> None:
    opened(page, f"{server.url}streams/gate", "640 × 360")
    gate.kill()
    with RtspServer(films["larger"], copied=True, port=gate.port):
        expect(page.locator(".focused .told")).to_contain_text("960 × 540")
        check_boxes(page)
    with RtspServer(films["mjpeg"], copied=True, port=gate.port):
        expect(page.locator(".focused .told")).to_contain_text("encoded by the server")
        check_boxes(page)


def test_blurred_streams_are_never_passed_on(page: Page, films: dict[str, Path], model: Path, tmp_path: Path) -> None:
    with (
        RtspServer(films["h264"], copied=True) as camera,
        run_server(tmp_path, model, {"gate": camera.url}, tracker={"name": "none"}, privacy={"blur": True}) as running,
    ):
        opened(page, running.url, "H.264 encoded by the server")
        address = f"{running.url}api/live?streams=gate&layer=source"
        with urllib.request.urlopen(address, timeout=PATIENCE_MS / 1000) as answer:
            records = [json.loads(answer.readline()) for _ in range(2)]
    assert not [one for one in records if "packet" in one or "format" in one], records
    assert "unreadable" in records[0]["notice"]["reason"]
