"""What benchmarks/live_view measures, on small pictures and for moments: all that it looks at is there."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")

from benchmarks.live_view.__main__ import below
from benchmarks.live_view.boxes import box_figures
from benchmarks.live_view.latency import measure_latency
from benchmarks.live_view.setting import Setting
from support.rtsp_server import unavailable
from support.shown_pictures import ShownPicture


@pytest.mark.gstreamer
@pytest.mark.browser
@pytest.mark.slow
def test_pictures_are_timed_from_camera_to_screen(tmp_path: Path) -> None:
    if (reason := unavailable()) is not None:
        pytest.skip(reason)
    found = measure_latency(Setting(tmp_path, None, 1.0, 10, size=(640, 360), film_frames=100, screenshots=6))
    for one in found.values():
        assert one["pictures"] > 0 and one["screenshots"] > 0
        assert 0 < one["repaint_s"]["p50"] < 60 and 0 < one["screenshot_s"]["most"] < 60


def test_a_box_of_another_picture_is_counted() -> None:
    shown = [ShownPicture(7, 1.0, (0,)), ShownPicture(8, 1.04, (-1, 0)), ShownPicture(10, 1.1, (None,))]
    figures = box_figures(shown)
    assert figures == {"pictures": 3, "right": 1, "off_by": {"-1": 1, "None": 1}, "gaps": 1}
    assert below({"boxes": {"passed on": figures}}) == ["boxes: passed on: 1 of 3 are right"]
    assert below({"wall": {"auto": {"fps": {"a": 25.0, "b": 12.0}}}}) == [
        "wall: 12.0 pictures a second in the slowest tile"
    ]
