"""A stream's own packets, passed on: every frame names the packet that it was decoded from."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import rtsp_server
from support.capturing import wait_until, write_video
from support.rtsp_server import RtspServer
from support.watching import WatchedStream, Watcher

needs_camera = pytest.mark.skipif(rtsp_server.unavailable() is not None, reason=str(rtsp_server.unavailable()))


@needs_camera
def test_every_frame_of_a_camera_is_the_picture_of_its_packet(data_dir: Path) -> None:
    with (
        RtspServer(data_dir / "videos" / "car-detection.mp4", fps=100, size=(320, 180)) as camera,
        WatchedStream(camera.url) as stream,
    ):
        stream.wait_for(500)
        late = Watcher()
        stream.passed_on.subscribe(late)
        wait_until(lambda: len(late.packets) > 120)
    same, frames = stream.matching()
    assert (same, stream.watcher.reasons) == (frames, [])
    assert frames >= 500
    video, *others = stream.watcher.formats.values()
    assert not others
    assert (video.codec[:5], video.width_px, video.height_px, video.way) == ("avc1.", 320, 180, "passed_on")
    assert not video.reorders
    assert late.begun[0] > 0
    assert late.packets[0].is_key
    assert late.packets == stream.watcher.packets[-len(late.packets) :]


def test_every_frame_of_a_film_with_reordered_pictures_is_the_picture_of_its_packet(tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mp4", sizes=[(320, 180)], frames=250, fps=100, reordered=True)
    with WatchedStream(str(film), realtime=True) as stream:
        stream.wait_for(250)
    same, frames = stream.matching()
    assert same == frames > 200
    assert [one.reorders for one in stream.watcher.formats.values()] == [True]
