"""From the camera to the screen: how long after a picture was sent it is seen, in each way that the page has."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from playwright.sync_api import Browser, Page

from benchmarks.live_view.setting import Setting, browsing, reader_of, served, watched, way_of
from support.numbered_film import STRIP, number_on
from support.shown_pictures import ages_s, sent_times

WAYS = (("auto", "exact"), ("auto", "fresh"), ("mjpeg", "exact"))


def measure_latency(setting: Setting) -> dict[str, Any]:
    """Return the ages of what is seen, by way.

    ``repaint_s`` is the time from a picture's sending to the first repaint at which the page's canvas holds it, read in
    the page. ``screenshot_s`` is how old the picture in a screenshot is once that is there: up to one picture's time
    more, and what the screenshot itself takes, which is ``taking_s``.
    """
    with setting.camera() as camera, served(setting, {"camera": camera.server.url}) as server, browsing() as browser:
        return {
            f"{video}, {boxes}": _measured(setting, browser, server.url, camera.times, video, boxes)
            for video, boxes in WAYS
        }


def _measured(setting: Setting, browser: Browser, url: str, times: Path, video: str, boxes: str) -> dict[str, Any]:
    with watched(browser, url, video=video, boxes=boxes) as page:
        shown = reader_of(page).during(setting.seconds, boxes=False)
        taken = _screenshots(page, times, setting.screenshots)
        way = way_of(page)
    return {
        "way": way,
        "pictures": len(shown),
        "fps": round(len(shown) / setting.seconds, 1),
        "repaint_s": spread(ages_s(shown, times)),
        **taken,
    }


def _screenshots(page: Page, times: Path, count: int) -> dict[str, Any]:
    area = page.locator(".stage canvas.picture, .stage video").locator("visible=true").first.bounding_box()
    assert area is not None
    left, top, right, bottom = STRIP
    clip = {
        "x": area["x"] + left * area["width"],
        "y": area["y"] + top * area["height"],
        "width": (right - left) * area["width"],
        "height": (bottom - top) * area["height"],
    }
    seen: list[tuple[int, float]] = []
    taking_s = []
    for _ in range(count):
        begin_s = time.monotonic()
        data = page.screenshot(clip=clip, type="png")
        end_s = time.monotonic()
        taking_s.append(end_s - begin_s)
        number = number_on(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))
        if number is not None:
            seen.append((number, end_s))
        page.wait_for_timeout(70)  # not in step with the camera
    sent = sent_times(times)
    ages = [end_s - max(at_s for at_s in sent[number] if at_s <= end_s) for number, end_s in seen]
    return {"screenshots": len(ages), "screenshot_s": spread(ages), "taking_s": spread(taking_s)}


def spread(values: list[float]) -> dict[str, float | None]:
    """Return the median, the 95th percentile and the most, in seconds."""
    if not values:
        return {"p50": None, "p95": None, "most": None}
    p50, p95 = np.quantile(values, [0.5, 0.95])
    return {"p50": round(float(p50), 4), "p95": round(float(p95), 4), "most": round(max(values), 4)}
