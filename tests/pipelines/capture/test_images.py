"""Folders and globs of images as films."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from streamvision.core.stream_state import StreamState
from support.capturing import capturing, take


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in (1, 2, 10):
        cv2.imwrite(str(tmp_path / f"photo{number}.png"), np.full((20, 30, 3), number * 10, np.uint8))
    (tmp_path / "notes.txt").write_text("no image")
    return tmp_path


@pytest.mark.parametrize("pattern", ["", "*.png", "photo[0-9]*.png"])
def test_every_image_in_natural_order(folder: Path, pattern: str) -> None:
    with capturing(folder / pattern) as capture:
        frames = take(capture)
    assert [int(frame.picture.to_bgr()[0, 0, 0]) for frame in frames] == [10, 20, 100]
    assert [frame.pts_s for frame in frames] == pytest.approx([0.0, 0.1, 0.2])
    assert (capture.expected_frames, capture.state.state) == (3, StreamState.ENDED)
    assert not capture.spec.live


def test_an_unreadable_image_is_skipped_counted_and_named(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "photo3.png").write_bytes(b"broken")
    with capturing(folder) as capture:
        frames = take(capture)
    assert len(frames) == 3
    assert capture.drops.by_cause() == {"unreadable": 1}
    assert "photo3.png" in caplog.text
    assert frames[-1].pts_s == pytest.approx(0.3)


def test_a_folder_where_none_is_readable_fails(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"broken")
    with capturing(tmp_path) as capture:
        assert take(capture) == []
    assert capture.failure is not None
    assert "none of the 1 images" in capture.failure


def test_real_photographs(data_dir: Path) -> None:
    with capturing(data_dir / "coco_val" / "images") as capture:
        assert len(take(capture)) == 64
    assert capture.drops.by_cause() == {}
