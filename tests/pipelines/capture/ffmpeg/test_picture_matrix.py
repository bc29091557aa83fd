"""Containers, codecs, pixel formats, ranges, matrices, turns and pixel shapes: every frame, in the right colours.

Each film shows the same eight bars. It must give every frame, and each bar within 4 levels.
"""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipelines.capture.pictures.still import StillDecoder
from support.capturing import capturing, take
from support.colour_bars import FRAMES, HEIGHT_PX, WIDTH_PX, bars, error_levels, write_bars

CODECS: dict[str, tuple[str, ...]] = {
    "libx264": ("-qp", "1"),
    "libx265": ("-x265-params", "log-level=none:pools=none:frame-threads=1:wpp=0:qp=4", "-preset", "ultrafast"),
    "libvpx": ("-crf", "4", "-b:v", "10M"),
    "libvpx-vp9": ("-crf", "4", "-b:v", "0", "-deadline", "realtime", "-cpu-used", "8"),
    "libsvtav1": ("-preset", "12", "-qp", "5", "-svtav1-params", "lp=1"),
    "mjpeg": ("-q:v", "1"),
    "mpeg2video": ("-q:v", "1"),
    "mpeg4": ("-q:v", "1"),
}
FILMS = [
    *((suffix, "libx264", "yuv420p", "tv") for suffix in (".mp4", ".mov", ".mkv", ".ts", ".flv", ".avi", ".h264")),
    *((".mp4", "libx264", pixels, "tv") for pixels in ("yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "gray")),
    *((".mp4", "libx264", pixels, "pc") for pixels in ("yuv420p", "yuv444p", "yuv420p10le", "gray", "gray10le")),
    *((".mp4", "libx265", pixels, "tv") for pixels in ("yuv420p", "yuv444p12le", "yuv422p10le", "gray10le")),
    *((".mp4", "libx265", pixels, "pc") for pixels in ("yuv420p10le", "gray", "gray10le", "gray12le", "gbrp")),
    *((suffix, "libx265", "yuv420p", "tv") for suffix in (".hevc", ".ts", ".mkv")),
    (".webm", "libvpx", "yuv420p", "tv"),
    *((".webm", "libvpx-vp9", pixels, "tv") for pixels in ("yuv420p", "yuv440p", "yuva420p", "yuv444p10le")),
    *((".webm", "libvpx-vp9", pixels, "pc") for pixels in ("gbrp", "gbrp10le", "gbrp12le", "yuv422p")),
    (".mkv", "libsvtav1", "yuv420p", "tv"),
    (".mkv", "libsvtav1", "yuv420p10le", "pc"),
    *((".avi", "mjpeg", pixels, "pc") for pixels in ("yuvj420p", "yuvj422p", "yuvj444p")),
    (".mpg", "mpeg2video", "yuv420p", "tv"),
    (".avi", "mpeg4", "yuv420p", "tv"),
    (".mov", "prores_ks", "yuv422p10le", "tv"),
    *((".mov", "png", pixels, "pc") for pixels in ("rgb24", "rgba", "rgb48be", "gray", "ya8", "gray16be")),
    (".mov", "qtrle", "rgb24", "pc"),
    (".gif", "gif", "rgb8", "pc"),
    *((".mkv", "ffv1", pixels, "tv") for pixels in ("yuv411p", "yuv410p", "yuv444p16le", "gray", "gray16le", "ya8")),
    *((".mkv", "ffv1", pixels, "pc") for pixels in ("bgr0", "gbrp14le", "yuv422p", "gray10le", "gray16le")),
    *((".nut", "rawvideo", pixels, "tv") for pixels in ("nv12", "nv21", "yuyv422", "uyvy422")),
    *((".nut", "rawvideo", pixels, "pc") for pixels in ("bgr24", "argb", "gbrp", "gray")),
]
LEVELS_OFF = {"rgb8": 60}
"""What the format itself takes away."""


def read(path: Path) -> list[NDArray[np.uint8]]:
    """Return every picture of a film, as RGB."""
    with capturing(path) as capture:
        frames = take(capture)
    assert capture.failure is None
    assert capture.drops.by_cause() == {}
    return [np.ascontiguousarray(frame.picture.to_bgr()[..., ::-1]) for frame in frames]


@pytest.mark.parametrize(("suffix", "codec", "pixels", "value_range"), FILMS)
def test_every_frame_comes_in_its_colours(
    tmp_path: Path, suffix: str, codec: str, pixels: str, value_range: str
) -> None:
    film = write_bars(tmp_path / f"film{suffix}", codec, pixels, value_range=value_range, options=CODECS.get(codec, ()))
    pictures = read(film)
    assert len(pictures) == FRAMES
    assert {picture.shape for picture in pictures} == {(HEIGHT_PX, WIDTH_PX, 3)}
    grey = pixels.startswith(("gray", "ya"))
    assert max(error_levels(picture, grey=grey) for picture in pictures) <= LEVELS_OFF.get(pixels, 4)


@pytest.mark.parametrize(
    ("matrix", "pixels"),
    [
        ("bt709", "yuv420p"),
        ("smpte170m", "yuv444p10le"),
        ("bt470bg", "yuv420p"),
        ("smpte240m", "yuv444p10le"),
        ("fcc", "yuv420p"),
    ],
)
@pytest.mark.parametrize("value_range", ["tv", "pc"])
def test_the_matrix_is_the_one_that_is_tagged(tmp_path: Path, matrix: str, pixels: str, value_range: str) -> None:
    film = write_bars(
        tmp_path / "film.mp4", "libx264", pixels, value_range=value_range, matrix=matrix, options=("-qp", "1")
    )
    assert max(map(error_levels, read(film))) <= 4


TURNS = [(turn, mirrored) for turn in (0, 90, 180, 270) for mirrored in (False, True)]


def _write_turned(path: Path, degrees_clockwise: int, *, mirrored: bool, aspect: Fraction | None = None) -> Path:
    """Write a film that is coded as a sensor saw it, and says how it is to be shown: upright."""
    coded = np.rot90(bars(), degrees_clockwise // 90)  # anticlockwise, what the player undoes
    if mirrored:
        coded = np.rot90(bars()[:, ::-1], degrees_clockwise // 90)
    coded = np.ascontiguousarray(coded)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = coded.shape[1], coded.shape[0], "yuv444p"
        stream.options = {"qp": "1"}
        stream.set_display_matrix(_display_matrix(degrees_clockwise, mirrored))
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for _ in range(FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(coded, format="rgb24").reformat(format="yuv444p")))
        container.mux(stream.encode(None))
    return path


def _display_matrix(degrees_clockwise: int, mirrored: bool) -> list[int]:
    """Return the matrix that turns a picture and then, where it is to be, changes left and right."""
    one = 1 << 16
    a, b, c, d = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[degrees_clockwise]
    across = -1 if mirrored else 1
    return [a * across * one, b * one, 0, c * across * one, d * one, 0, 0, 0, 1 << 30]


@pytest.mark.parametrize(
    ("degrees_clockwise", "mirrored", "suffix"), [*((*turn, ".mp4") for turn in TURNS), (90, True, ".mov")]
)
def test_phones_pictures_stand_upright(tmp_path: Path, degrees_clockwise: int, mirrored: bool, suffix: str) -> None:
    film = _write_turned(tmp_path / f"film{suffix}", degrees_clockwise, mirrored=mirrored)
    pictures = read(film)
    assert len(pictures) == FRAMES
    assert pictures[0].shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert max(map(error_levels, pictures)) <= 4


@pytest.mark.parametrize(("orientation", "quarters"), [(1, 0), (6, 1), (3, 2), (8, 3)])
def test_jpegs_stand_as_their_exif_data_say(tmp_path: Path, orientation: int, quarters: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    lying = Image.fromarray(np.ascontiguousarray(np.rot90(bars(), quarters)))
    lying.save(tmp_path / "one.jpg", exif=exif, quality=98, subsampling=0)
    jpeg = (tmp_path / "one.jpg").read_bytes()
    film = tmp_path / "film.mjpeg"
    film.write_bytes(2 * jpeg)
    still = StillDecoder().decode(jpeg)
    assert still is not None
    pictures = [*read(film), still.to_bgr()[..., ::-1]]
    assert [picture.shape for picture in pictures] == 3 * [(HEIGHT_PX, WIDTH_PX, 3)]
    assert max(map(error_levels, pictures)) <= 6


@pytest.mark.parametrize("turn", ["rotate=90", "rotate=180", "rotate=270:flip=horizontal", "flip=vertical"])
def test_what_the_stream_itself_says_of_its_turn_is_heard(tmp_path: Path, turn: str) -> None:
    film, turned = write_bars(tmp_path / "film.mp4", "libx264", "yuv420p"), tmp_path / "turned.ts"
    tag = ["-bsf:v", f"h264_metadata=display_orientation=insert:{turn}"]
    subprocess.run(["ffmpeg", "-v", "error", "-i", film, "-c", "copy", *tag, turned], check=True, timeout=60)
    (picture, *_), upright = read(turned), read(film)[0]
    right = {
        "rotate=90": np.rot90(upright),  # H.264 counts anticlockwise
        "rotate=180": upright[::-1, ::-1],
        "rotate=270:flip=horizontal": np.rot90(upright[:, ::-1], 3),
        "flip=vertical": upright[::-1],
    }[turn]
    assert picture.shape == right.shape
    assert np.abs(picture.astype(int) - right).mean() < 2


ASPECTS = [("2:1", 640), ("16:15", 341), ("8:9", 284), ("1:2", 160), ("320:321", 320), ("20:1", 320), ("0:1", 320)]


@pytest.fixture(scope="module")
def square(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bars(tmp_path_factory.mktemp("films") / "square.mp4", "libx264", "yuv420p", options=("-qp", "1"))


@pytest.mark.parametrize(
    ("aspect", "width_px", "suffix"),
    [
        *((*aspect, ".mp4") for aspect in ASPECTS),
        *((*aspect, suffix) for aspect in ASPECTS[1:3] for suffix in (".ts", ".avi")),
    ],
)
def test_pixels_get_their_true_shape(square: Path, tmp_path: Path, aspect: str, width_px: int, suffix: str) -> None:
    film = tmp_path / f"film{suffix}"
    tag = ["-bsf:v", f"h264_metadata=sample_aspect_ratio={aspect.replace(':', '/')}"]
    subprocess.run(["ffmpeg", "-v", "error", "-i", square, "-c", "copy", *tag, film], check=True, timeout=60)
    pictures = read(film)
    assert (len(pictures), pictures[0].shape) == (FRAMES, (HEIGHT_PX, width_px, 3))
    assert max(map(error_levels, pictures)) <= 4


def test_pixels_are_shaped_before_the_picture_is_turned(tmp_path: Path) -> None:
    film = _write_turned(tmp_path / "film.mp4", 90, mirrored=False, aspect=Fraction(3, 2))
    assert read(film)[0].shape == (round(HEIGHT_PX * 1.5), WIDTH_PX, 3)
