"""Whether the box of each picture is drawn on that picture, over hundreds of pictures in a row."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

from benchmarks.live_view.setting import HOST, Setting, browsing, reader_of, served, watched, way_of
from support.shown_pictures import ShownPicture

CASES = {
    "passed on": ("h264.mp4", "127.0.0.1"),
    "passed on, B-frames": ("b-frames.mp4", "127.0.0.1"),
    "encoded (HEVC camera)": ("hevc.mp4", "127.0.0.1"),
    "no secure context": ("h264.mp4", HOST),
    "no secure context, B-frames": ("b-frames.mp4", HOST),
}


def measure_boxes(setting: Setting) -> dict[str, Any]:
    """Return, by case, how many of the pictures in a row that were shown had their own box at each repaint."""
    found = {}
    with browsing() as browser:
        for case, (film, host) in CASES.items():
            with setting.camera(film) as camera, served(setting, {"camera": camera.server.url}) as server:
                address = server.url.replace("127.0.0.1", host)
                with watched(browser, address) as page:
                    reader = reader_of(page)
                    reader.start()
                    reader.wait_for(setting.frames + 2, timeout_s=60 + setting.frames / 10)
                    found[case] = {"way": way_of(page), **box_figures(reader.stop()[: setting.frames])}
    return found


def box_figures(shown: list[ShownPicture]) -> dict[str, Any]:
    """Return how many pictures have their box, and by how many pictures the others' boxes are off."""
    off = Counter(str(ahead) for one in shown for ahead in one.ahead if ahead != 0)
    skipped = sum(after.number not in (before.number + 1, 0) for before, after in pairwise(shown))
    right = sum(one.has_its_box for one in shown)
    return {"pictures": len(shown), "right": right, "off_by": dict(off), "gaps": skipped}
