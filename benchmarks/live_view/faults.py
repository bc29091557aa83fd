"""Cameras that die, freeze, or come back as another: how long until the right boxes are on a moving picture again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Page

from benchmarks.live_view.boxes import box_figures
from benchmarks.live_view.setting import Setting, browsing, reader_of, served, watched, way_of
from support.rtsp_server import RtspServer
from support.shown_pictures import ShownPictures

AWAY_S = 4.0
PICTURES_AFTER = 50
PATIENCE_S = 60.0
OTHERS = {"resolution": "h264-smaller.mp4", "codec: HEVC": "hevc.mp4", "codec: MJPEG": "mjpeg.mkv"}


def measure_faults(setting: Setting) -> dict[str, Any]:
    """Return, by fault, the seconds from the camera's return to the first new picture, and the boxes after it."""
    with (
        setting.camera() as camera,
        served(setting, {"camera": camera.server.url}) as server,
        browsing() as browser,
        watched(browser, server.url) as page,
    ):
        reader = reader_of(page)
        found = {
            "killed": _after(page, reader, _killed(camera.server)),
            "frozen": _after(page, reader, _frozen(camera.server)),
        }
        camera.server.kill()
        for fault, film in OTHERS.items():
            with _other(setting, film, camera.server.port) as begun:
                found[fault] = _after(page, reader, begun)
        found["codec: H.264 again"] = _after(page, reader, lambda: camera.server.start() and None)
    return found


def _after(page: Page, reader: ShownPictures, fault: Callable[[], None]) -> dict[str, Any]:
    """Let it happen, and return what is shown once the camera sends again."""
    fault()
    back_s = time.monotonic()
    reader.start()
    reader.wait_for(PICTURES_AFTER + 3, timeout_s=PATIENCE_S)
    shown = reader.stop()
    return {
        "seconds": round(shown[0].first_s - back_s, 2),
        "way": way_of(page),
        **box_figures(shown[:PICTURES_AFTER]),
    }


def _killed(camera: RtspServer) -> Callable[[], None]:
    def happen() -> None:
        camera.kill()
        time.sleep(AWAY_S)
        camera.start()

    return happen


def _frozen(camera: RtspServer) -> Callable[[], None]:
    def happen() -> None:
        camera.freeze()
        time.sleep(AWAY_S)
        camera.thaw()

    return happen


@contextmanager
def _other(setting: Setting, film: str, port: int) -> Iterator[Callable[[], None]]:
    """Give the start of another camera at the same address."""
    camera = RtspServer(setting.film(film), copied=True, port=port)

    def happen() -> None:
        camera.start()

    try:
        yield happen
    finally:
        camera.kill()
