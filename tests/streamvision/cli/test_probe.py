"""``streamvision probe``: what a source is, in words and as JSON."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from support.colour_bars import write_bars
from support.command_line import called


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two video tracks and sound; the second video is the default, turned by 90 degrees, with pixels of 3:2."""
    folder = tmp_path_factory.mktemp("films")
    small, large, both = folder / "small.mp4", folder / "large.mp4", folder / "both.mov"
    with av.open(str(small), "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    with av.open(str(large), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 200, 320, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(3, 2)
        stream.set_display_rotation(-90)
        for _ in range(50):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((320, 200, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    sound = ["-f", "lavfi", "-i", "sine=d=1"]
    maps = ["-map", "0", "-map", "1", "-map", "2", "-c:v", "copy", "-c:a", "aac"]
    default = ["-disposition:v:0", "0", "-disposition:v:1", "default"]
    subprocess.run(
        ["ffmpeg", "-v", "error", *_inputs(small, large), *sound, *maps, *default, both], check=True, timeout=60
    )
    return both


def _inputs(*paths: Path) -> list[str]:
    return [part for path in paths for part in ("-i", str(path))]


def test_tracks_and_what_is_done_to_show_them(film: Path) -> None:
    report = called("probe", film, "--json").report
    assert (report["kind"], report["live"], report["frames"], report["duration_s"]) == ("file", False, 50, 2.0)
    assert "mov" in report["container"]
    small, large, sound = report["tracks"]
    assert (small["kind"], small["codec"], small["width_px"], small["height_px"]) == ("video", "mpeg4", 64, 48)
    assert (small["fps"], small["frames"], small["default"], small["used"]) == (10.0, 5, False, False)
    assert (large["number"], large["codec"], large["fps"], large["used"]) == (1, "h264", 25.0, True)
    assert (sound["kind"], sound["codec"], sound["width_px"]) == ("audio", "aac", 0)
    coded = report["coded"]
    assert (coded["width_px"], coded["height_px"], coded["pixel_aspect"]) == (200, 320, "3:2")
    assert (coded["rotation_degrees"], coded["mirrored"], coded["hdr"]) == (90, False, False)
    assert coded["changes"] == ["pixels of 3:2 made square", "turned by 90 degrees"]
    assert (report["width_px"], report["height_px"]) == (320, 300)


def test_the_same_in_words(film: Path) -> None:
    done = called("probe", film)
    assert done.code == 0
    assert "  0: mpeg4 64x48, 10 fps" in done.stdout
    assert "> 1: h264 200x320, 25 fps, default" in done.stdout
    assert "shown as 320x300: pixels of 3:2 made square, turned by 90 degrees" in done.stdout


def test_another_track_may_be_looked_at(film: Path) -> None:
    report = called("probe", film, "--track", "0", "--json").report
    assert [track["used"] for track in report["tracks"]] == [True, False, False]
    done = called("probe", f"{film}?track=2")
    assert done.code == 1
    assert "has no video track 2" in done.sentence()


def test_colours_are_named(tmp_path: Path) -> None:
    film = write_bars(tmp_path / "film.mp4", "libx264", "yuv420p10le", value_range="pc", matrix="bt709")
    coded = called("probe", film, "--json").report["coded"]
    assert (coded["range"], coded["matrix"], coded["pixel_format"]) == ("full", "bt709", "yuv420p10le")


def test_what_ffmpeg_does_not_read_has_a_size_at_least() -> None:
    report = called("probe", "synthetic:boxes?size=320x240", "--json").report
    assert (report["kind"], report["live"], report["width_px"], report["height_px"]) == ("synthetic", True, 320, 240)
    assert (report["tracks"], report["coded"]) == ([], None)


def test_what_is_no_source_is_said_in_one_sentence(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.mp4"
    nothing.write_bytes(b"no video")
    done = called("probe", nothing)
    assert done.code == 1
    assert "is no video" in done.sentence()
