"""The main job live: real RTSP servers, the real command line, a real browser; a server dies, returns, freezes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from support.command_line import running
from support.rtsp_server import RtspServer, unavailable

CAMERA, OTHER = "camera", "other"
PASSWORD = "open-sesame"
CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

pytestmark = [pytest.mark.gstreamer, pytest.mark.slow]


@pytest.fixture(scope="module")
def servers(data_dir: Path) -> Iterator[tuple[RtspServer, RtspServer]]:
    if reason := unavailable():
        pytest.skip(reason)
    video = data_dir / "videos" / "car-detection.mp4"
    with RtspServer(video, users={"admin": PASSWORD}) as camera, RtspServer(video) as other:
        yield camera, other


@pytest.fixture(scope="module")
def page(
    servers: tuple[RtspServer, RtspServer], data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a running pipeline that watches both servers."""
    folder = tmp_path_factory.mktemp("live")
    config = folder / "config.yaml"
    streams = [{"id": name, "source": server.url} for name, server in zip((CAMERA, OTHER), servers, strict=True)]
    model = str(data_dir / "models" / "yolox_nano.onnx")
    config.write_text(json.dumps({"model": {"path": model}, "streams": streams, "serve": {"port": 0}}))
    log = folder / "stderr.txt"
    with (
        log.open("w") as stderr,
        running("run", "--config", config, stdout=subprocess.DEVNULL, stderr=stderr) as process,
    ):
        until(lambda: "Watch at" in log.read_text(), 120, "the page is announced")
        address = log.read_text().split("Watch at ")[1].split()[0].rstrip("/")
        yield address
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    assert "Traceback" not in log.read_text(), log.read_text()
    assert PASSWORD not in log.read_text()


def until(condition: Callable[[], Any], timeout_s: float, what: str) -> float:
    """Wait for ``condition`` and return how long it took."""
    begin_s = time.monotonic()
    while not condition():
        assert time.monotonic() - begin_s < timeout_s, f"waited {timeout_s} s in vain: {what}"
        time.sleep(0.05)
    return time.monotonic() - begin_s


def get(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=60) as response:
        return response.read()  # type: ignore[no-any-return]


def status(page: str, stream_id: str) -> dict[str, Any]:
    streams = json.loads(get(f"{page}/api/streams"))["streams"]
    return next(stream for stream in streams if stream["id"] == stream_id)


def is_live(page: str, stream_id: str) -> bool:
    now = status(page, stream_id)
    return bool(now["state"] == "live" and now["frames_done"])


def both_live(page: str) -> None:
    until(lambda: is_live(page, CAMERA) and is_live(page, OTHER), 120, "both streams are live")


def test_boxes_are_drawn_around_the_cars(page: str) -> None:
    both_live(page)

    def picture_with_an_identity() -> tuple[np.ndarray, list[float]] | None:
        newest = json.loads(get(f"{page}/api/streams/{CAMERA}/detections"))
        response = urllib.request.urlopen(f"{page}/streams/{CAMERA}/snapshot.jpg", timeout=60)
        picture = cv2.imdecode(np.frombuffer(response.read(), np.uint8), cv2.IMREAD_COLOR)
        same = int(response.headers["X-Frame-Index"]) == newest["frame"]
        boxes = [found["box_xyxy_px"] for found in newest["objects"] if found["track_id"] is not None]
        return (picture, boxes[0]) if same and boxes else None

    shown: list[tuple[np.ndarray, list[float]]] = []
    until(lambda: (found := picture_with_an_identity()) and shown.append(found) is None, 120, "a car comes by")
    picture, box = shown[0]
    left, top, right, bottom = (round(edge) for edge in box)
    middle = (top + bottom) // 2
    saturation = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV)[..., 1].astype(int)
    edges = [saturation[middle, max(x - 3, 0) : x + 4].max() for x in (left, min(right, picture.shape[1] - 4))]
    assert min(edges) > 80, "a coloured line stands at both sides of the box, on grey asphalt"


def test_the_age_is_known_and_small(page: str) -> None:
    both_live(page)
    until(lambda: status(page, CAMERA)["frames_done"] > 20, 60, "frames come")
    until(lambda: 0 < status(page, CAMERA)["newest_age_s"] < 1.0, 60, "the newest is fresh")
    assert 0 < status(page, CAMERA)["age_s"]["p50"] < 60


@pytest.mark.browser
def test_a_browser_sees_it_all(page: str, servers: tuple[RtspServer, RtspServer], tmp_path: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM}: apt-get install chromium")
    camera, _ = servers
    both_live(page)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_ARGUMENTS)
        tab = browser.new_page(viewport={"width": 1280, "height": 800})
        tab.goto(page)
        tile = tab.locator(f"[data-stream={CAMERA}]")
        sync_api.expect(tile).to_have_attribute("data-state", "live", timeout=60_000)

        def pixels(stream_id: str) -> str:
            canvas = f"document.querySelector('[data-stream={stream_id}] canvas.picture')"
            return str(tab.evaluate(f"{canvas}.toDataURL()"))

        for stream_id in (CAMERA, OTHER):
            first = pixels(stream_id)
            until(lambda name=stream_id, before=first: pixels(name) != before, 30, "the picture moves")
        assert re.search(r"\d m?s", tile.locator(".age").inner_text()), "the page says how old the picture is"

        camera.kill()
        sync_api.expect(tile).to_have_attribute("data-state", "reconnecting", timeout=30_000)
        assert tile.get_by_text("Reconnecting").first.is_visible(), "the page says so"
        tab.screenshot(path=str(tmp_path / "reconnecting.png"))
        before = pixels(OTHER)
        until(lambda: pixels(OTHER) != before, 30, "the other stream goes on")

        camera.start()
        sync_api.expect(tile).to_have_attribute("data-state", "live", timeout=60_000)
        before = pixels(CAMERA)
        until(lambda: pixels(CAMERA) != before, 30, "the picture moves again")
        browser.close()


def test_a_server_that_dies_comes_back_and_touches_no_other(
    page: str, servers: tuple[RtspServer, RtspServer], record_property: Callable[[str, object], None]
) -> None:
    camera, _ = servers
    both_live(page)
    other_before = status(page, OTHER)
    camera.kill()
    until(lambda: status(page, CAMERA)["state"] == "reconnecting", 60, "the loss is noticed")
    assert status(page, CAMERA)["reason"], "the page can say why"
    camera.start()
    record_property("live_again_s", round(until(lambda: is_live(page, CAMERA), 60, "the stream returns"), 2))
    seen = other_before["frames_in"] + 30  # the camera may be back sooner than 30 frames take
    until(lambda: status(page, OTHER)["frames_in"] > seen, 30, "the other stream goes on")
    other_after = status(page, OTHER)
    assert other_after["reconnects"] == 0
    causes = {cause for cause, count in other_after["drops"].items() if count > other_before["drops"].get(cause, 0)}
    assert causes <= {"newer_frame"}, "the other stream loses frames to a busy machine at most"


def test_a_frozen_server_is_noticed(
    page: str, servers: tuple[RtspServer, RtspServer], record_property: Callable[[str, object], None]
) -> None:
    camera, _ = servers
    both_live(page)
    camera.freeze()
    try:
        record_property("noticed_s", round(until(lambda: not is_live(page, CAMERA), 60, "silence is noticed"), 2))
        until(lambda: status(page, CAMERA)["newest_age_s"] > 3, 60, "the age grows while nothing comes")
    finally:
        camera.thaw()
    until(lambda: is_live(page, CAMERA), 60, "the stream returns")


def test_passwords_are_nowhere(page: str) -> None:
    for path in ("/", "/api/streams", "/metrics"):
        assert PASSWORD.encode() not in get(page + path)
