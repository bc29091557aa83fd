"""Nine 1080p cameras on one page: pictures a second of each tile, and who uses how much of the processor for it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import psutil

from benchmarks.live_view.boxes import box_figures
from benchmarks.live_view.setting import (
    Setting,
    browser_processes,
    browsing,
    cpu_s,
    reader_of,
    served,
    watched,
    way_of,
)

CAMERAS = 9
COUNT = """() => {
  const { prototype } = CanvasRenderingContext2D;
  const drawn = prototype.drawImage;
  window.painted = {};
  prototype.drawImage = function (...given) {
    const tile = this.canvas.closest?.("canvas.picture") && this.canvas.closest(".tile");
    if (tile) window.painted[tile.dataset.stream] = (window.painted[tile.dataset.stream] ?? 0) + 1;
    return drawn.apply(this, given);
  };
}"""
"""Counts the pictures that are painted, by stream; to read them costs the browser more than to show them."""


def measure_wall(setting: Setting) -> dict[str, Any]:
    """Return the figures of the wall, as video and as MJPEG."""
    with ExitStack() as stack:
        cameras = [stack.enter_context(setting.camera()) for _ in range(CAMERAS)]
        sources = {f"camera-{number + 1}": camera.server.url for number, camera in enumerate(cameras)}
        server = stack.enter_context(served(setting, sources))
        browser = stack.enter_context(browsing())
        found = {}
        for video in ("auto", "mjpeg"):
            with watched(browser, server.url, video=video) as page:
                reader = reader_of(page)
                shares = _Shares(
                    server=[server.process],
                    browser=browser_processes(),
                    cameras=[psutil.Process(camera.server.pid) for camera in cameras],
                )
                page.evaluate(COUNT)
                page.wait_for_timeout(1000 * setting.seconds)
                painted = page.evaluate("window.painted")
                percent = shares.percent()  # before anything is read, which costs the browser some
                with_boxes = box_figures(reader.during(setting.seconds, '.tile[data-stream="camera-1"] .stage'))
                found[video] = {
                    "way": way_of(page),
                    "fps": {name: round(painted.get(name, 0) / setting.seconds, 1) for name in sources},
                    "cpu_percent": percent,
                    "boxes_of_the_first": with_boxes,
                }
    return found


class _Shares:
    """Processor time of groups of processes from now on, in percent of one core."""

    def __init__(self, **groups: Sequence[psutil.Process]) -> None:
        self._groups = groups
        self._begin_s = time.monotonic()
        self._before_s = {name: cpu_s(processes) for name, processes in groups.items()}

    def percent(self) -> dict[str, float]:
        """Return each group's share so far, and what the rest of the machine has used."""
        took_s = time.monotonic() - self._begin_s
        return {
            name: round(100 * (cpu_s(processes) - self._before_s[name]) / took_s, 1)
            for name, processes in self._groups.items()
        }
