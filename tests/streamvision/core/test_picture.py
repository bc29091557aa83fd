"""Colour and geometry of pictures, against FFmpeg's own conversions."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from streamvision.core.picture import BgrPicture, ColorMatrix, YuvPicture, yuv_to_rgb

WIDTH_PX, HEIGHT_PX = 96, 64


def gradient_bgr() -> np.ndarray:
    """A smooth picture with every channel in motion, so that chroma subsampling costs little."""
    across = np.linspace(20, 235, WIDTH_PX)[None, :]
    down = np.linspace(20, 235, HEIGHT_PX)[:, None]
    planes = [across + 0 * down, down + 0 * across, 255 - (across + down) / 2]
    return np.stack(planes, axis=-1).astype(np.uint8)


def ffmpeg_yuv(bgr: np.ndarray, *, pixel_format: str, colorspace: str) -> YuvPicture:
    source = av.VideoFrame.from_ndarray(bgr, format="bgr24")
    frame = source.reformat(
        format=pixel_format, dst_colorspace=colorspace, dst_color_range="JPEG" if "j" in pixel_format else "MPEG"
    )
    planes = [np.frombuffer(p, np.uint8).reshape(p.height, p.line_size)[:, : p.width] for p in frame.planes]
    matrix = "bt709" if colorspace == "ITU709" else "bt601"
    return YuvPicture(*planes, full_range="j" in pixel_format, matrix=matrix, owner=frame)


@pytest.mark.parametrize(
    ("pixel_format", "colorspace"), [("yuv420p", "ITU601"), ("yuv420p", "ITU709"), ("yuvj420p", "ITU601")]
)
def test_yuv_turns_back_into_the_colours_it_was_made_from(pixel_format: str, colorspace: str) -> None:
    bgr = gradient_bgr()
    picture = ffmpeg_yuv(bgr, pixel_format=pixel_format, colorspace=colorspace)
    difference = np.abs(picture.to_bgr().astype(int) - bgr)
    assert difference.mean() < 2.0
    assert np.percentile(difference, 99) <= 8


def test_the_wrong_matrix_shows() -> None:
    bgr = gradient_bgr()
    right = ffmpeg_yuv(bgr, pixel_format="yuv420p", colorspace="ITU709")
    wrong = YuvPicture(right.y, right.u, right.v, matrix="bt601", owner=right)
    assert np.abs(wrong.to_bgr().astype(int) - bgr).mean() > 4.0


def test_a_limited_range_picture_is_expanded_for_jpeg() -> None:
    white = YuvPicture(np.full((8, 8), 235, np.uint8), *(np.full((4, 4), 128, np.uint8) for _ in range(2)))
    canvas = white.to_canvas()
    assert canvas.y.min() == 255
    assert (canvas.u == 128).all()


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", ["bt601", "bt709", "smpte240m"])
def test_a_canvas_shows_the_colours_of_its_picture(matrix: ColorMatrix, full_range: bool) -> None:
    rgb = np.random.default_rng(7).integers(0, 256, (8, 12, 3))
    to_rgb = yuv_to_rgb(full_range, matrix).astype(float)
    yuv = np.rint((rgb - to_rgb[:, 3]) @ np.linalg.inv(to_rgb[:, :3]).T).astype(np.uint8)
    luma, blue, red = (np.kron(yuv[..., n], np.ones((16, 16), np.uint8)) for n in range(3))
    picture = YuvPicture(luma, blue[::2, ::2], red[::2, ::2], full_range=full_range, matrix=matrix)
    canvas = picture.to_canvas()
    shown = YuvPicture(canvas.y, canvas.u, canvas.v, full_range=True, matrix="bt601").to_bgr()[8::16, 8::16, ::-1]
    assert np.abs(shown.astype(int) - rgb).max() <= 4
    assert np.shares_memory(canvas.y, picture.y) is False


def test_a_canvas_of_bgr_is_what_jfif_says_of_each_square_of_four() -> None:
    bgr = np.random.default_rng(0).integers(0, 256, (HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    luma = bgr @ (0.114, 0.587, 0.299)
    blue, red = ((bgr[..., channel] - luma) / scale + 128 for channel, scale in ((0, 1.772), (2, 1.402)))
    canvas = BgrPicture(bgr).to_canvas()
    np.testing.assert_allclose(canvas.y, luma, atol=0.6)
    for plane, exact in ((canvas.u, blue), (canvas.v, red)):
        squares = exact.reshape(HEIGHT_PX // 2, 2, WIDTH_PX // 2, 2).mean(axis=(1, 3))
        np.testing.assert_allclose(plane, squares, atol=1.2)


def test_drawing_on_a_canvas_leaves_the_decoders_planes_alone() -> None:
    for full_range in (False, True):
        picture = YuvPicture(
            *(np.full(shape, 90, np.uint8) for shape in ((8, 8), (4, 4), (4, 4))), full_range=full_range
        )
        canvas = picture.to_canvas()
        for plane in (canvas.y, canvas.u, canvas.v):
            plane[:] = 7
        assert (picture.y == 90).all()
        assert (picture.u == 90).all()


def test_small_rgb_is_what_resizing_the_large_picture_gives() -> None:
    bgr = gradient_bgr()
    want = cv2.cvtColor(cv2.resize(bgr, (48, 32), interpolation=cv2.INTER_LINEAR), cv2.COLOR_BGR2RGB)
    assert np.array_equal(BgrPicture(bgr).resize_rgb(48, 32), want)
    yuv = ffmpeg_yuv(bgr, pixel_format="yuv420p", colorspace="ITU601")
    assert np.abs(yuv.resize_rgb(48, 32).astype(int) - want).mean() < 2.5


@pytest.mark.parametrize(("width_px", "height_px"), [(5, 3), (4, 3), (5, 4)])
def test_odd_sizes_keep_a_last_column_and_row_of_chroma(width_px: int, height_px: int) -> None:
    canvas = BgrPicture(np.zeros((height_px, width_px, 3), np.uint8)).to_canvas()
    assert canvas.u.shape == ((height_px + 1) // 2, (width_px + 1) // 2)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="uint8"):
        BgrPicture(np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="chroma"):
        YuvPicture(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8), np.zeros((2, 2), np.uint8))


def test_every_level_is_expanded_as_the_standard_has_it_and_saturates() -> None:
    level = np.tile(np.arange(256, dtype=np.uint8), (6, 1))  # with a width that no vector register divides
    level = np.concatenate([level, level[:, :7]], axis=1)
    canvas = YuvPicture(np.kron(level, np.ones((2, 2), np.uint8)), level, level).to_canvas()
    expected = {
        "y": np.clip(np.rint((level.astype(float) - 16) * 255 / 219), 0, 255),
        "uv": np.clip(np.rint((level.astype(float) - 128) * 255 / 224 + 128), 0, 255),
    }
    np.testing.assert_array_equal(canvas.y[::2, ::2], expected["y"])
    np.testing.assert_array_equal(canvas.u, expected["uv"])
    np.testing.assert_array_equal(canvas.v, expected["uv"])


@pytest.mark.parametrize("width_px", [40, 66, 99])
def test_a_smaller_picture_shows_the_same_whatever_its_layout(width_px: int) -> None:
    across = np.linspace(20, 230, 100).astype(np.uint8)
    bgr = np.dstack([np.tile(across, (60, 1)), np.full((60, 100), 90, np.uint8), np.tile(across[::-1], (60, 1))])
    canvas = BgrPicture(bgr).to_canvas()
    planes = YuvPicture(canvas.y, canvas.u, canvas.v, full_range=True)
    for picture in (BgrPicture(bgr), planes):
        small = picture.scaled(width_px)
        assert type(small) is type(picture)
        assert abs(small.width_px - width_px) <= 1
        assert small.height_px == pytest.approx(0.6 * width_px, abs=1)
        whole = picture.resize_rgb(small.width_px, small.height_px)
        seen = small.resize_rgb(small.width_px, small.height_px)
        assert np.abs(seen.astype(int) - whole).max() <= 12
        assert picture.scaled(100) is picture


def test_a_smaller_picture_means_what_it_leaves_out() -> None:
    stripes = np.tile(np.array([0, 0, 0, 240], np.uint8), (64, 16))
    small = YuvPicture(stripes, np.full((32, 32), 128, np.uint8), np.full((32, 32), 128, np.uint8)).scaled(16)
    assert small.y.tolist() == [[60] * 16] * 16
