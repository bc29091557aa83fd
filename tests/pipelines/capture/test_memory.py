"""A closed reader is gone at once: pixels and decoders are not kept for a garbage collector that may never come.

The collector counts objects, not bytes, and looks at old ones only when a quarter as many new ones have gathered. So
here it is switched off, and what is left is counted.
"""

from __future__ import annotations

import gc
import itertools
import platform
import resource
import weakref
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.capture.registry import create_reader, parse_source
from pipelines.capture.source import NOT_YET, Reader
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import SourceError
from support.capturing import capturing, take, wait_until, write_video
from support.clock_camera import ClockCamera
from support.http_folder import served
from support.odd_http_camera import OddHttpCamera, Request, snapshots

TINY_PX = 16
HEAVY = {"VideoFrame", "VideoCodecContext", "InputContainer", "PyAvReader", "HttpPictures", "GStreamerReader"}


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def heavy() -> Counter[str]:
    """Return how many objects with pixels or decoders there are."""
    return Counter(
        type(one).__name__
        for one in gc.get_objects()
        if type(one).__name__ in HEAVY and getattr(one, "width", TINY_PX + 1) > TINY_PX
    )


def read_some(source: str, pictures: int = 3, **config: Any) -> weakref.ref[Reader]:
    """Open a source, take some pictures and close it; return what refers to its reader as long as that lives."""
    reader = create_reader(parse_source(source), config=StreamConfig(source=source, **config))
    try:
        reader.open()
        while pictures and (captured := reader.read()) is not None:
            pictures -= captured is not NOT_YET
    finally:
        reader.close()
    return weakref.ref(reader)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return local sources: a film, one that changes its size, and clips."""
    folder = tmp_path_factory.mktemp("films")
    film = write_video(folder / "film.mp4", sizes=[(320, 180)], reordered=True)
    changing = write_video(folder / "changing.h264", sizes=[(320, 180), (160, 90), (320, 180)])
    (folder / "clips").mkdir()
    for number in range(3):
        write_video(folder / "clips" / f"{number}.mp4", sizes=[(320, 180)], frames=2)
    return [str(film), str(changing), str(folder / "clips")]


@pytest.mark.parametrize("decode", ["cpu", "auto"])
@pytest.mark.usefixtures("no_collector")
def test_a_closed_film_is_gone(films: list[str], decode: str) -> None:
    before = heavy()
    for source, pictures in itertools.product(films, (3, 1000)):
        assert read_some(source, pictures, decode=decode)() is None, (source, pictures)
    assert heavy() - before == Counter()


@pytest.mark.usefixtures("no_collector")
def test_a_closed_camera_is_gone(tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mp4", sizes=[(320, 180)])
    habits = {"/mjpeg": Request.stream, "/snap.jpg": snapshots()[0]}
    with ClockCamera() as camera, served(tmp_path) as folder, OddHttpCamera(habits) as odd:
        of_http = [f"{folder}/{film.name}", f"http://{odd.address}/mjpeg", f"http://{odd.address}/snap.jpg"]
        sources = [camera.url, *of_http]
        before = heavy()
        for source in [*sources, "synthetic:boxes?fps=200&size=320x180"]:
            assert read_some(source)() is None, source
        assert heavy() - before == Counter()


@pytest.mark.usefixtures("no_collector")
def test_what_could_not_be_opened_is_gone(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0" * 5000)
    before = heavy()
    for source in (str(broken), "rtsp://127.0.0.1:9/live", "http://127.0.0.1:9/live.m3u8"):
        with pytest.raises(SourceError):
            read_some(source)
    assert heavy() - before == Counter()


@pytest.mark.usefixtures("no_collector")
def test_reconnections_leave_nothing_behind() -> None:
    with ClockCamera(frames=4) as camera, capturing(camera.url) as capture:
        wait_until(lambda: bool(take(capture, 1)) and capture.reconnects >= 2, timeout_s=60)
    left = heavy()
    assert left["PyAvReader"] == left["VideoCodecContext"] == 0
    assert left["VideoFrame"] <= 1  # of the newest frame, which the capture's buffer holds


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives memory back when asked")
def test_what_a_connection_freed_goes_back_to_the_system() -> None:
    blocks = [np.ones(20_000, np.uint8) for _ in range(2500)]  # 50 MB
    pins = blocks[::50]
    with ClockCamera(frames=4) as camera, capturing(camera.url) as capture:
        assert take(capture, 1)
        full_mb = resident_mb()
        del blocks
        wait_until(lambda: capture.reconnects >= 2, timeout_s=60)
        assert full_mb - resident_mb() > 30
    assert len(pins) == 50


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() / 1e6
