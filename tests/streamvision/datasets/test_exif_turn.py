"""The turning of boxes agrees with what Pillow does to the pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from pipelines.capture.pictures.picture_file import read_pictures
from pipelines.capture.pictures.still import StillDecoder
from streamvision.core.exif import orientation_of
from streamvision.core.upright import decode_upright
from streamvision.datasets.collector import turn
from streamvision.datasets.picture_files import BrokenPictureError, read_picture
from streamvision.evaluation.predictions import read_bgr
from support.labelled_pictures import EXIF_ORIENTATION


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_box_covers_the_turned_pixels(orientation: int, tmp_path: Path) -> None:
    pixels = np.zeros((40, 60), np.uint8)
    pixels[5:11, 20:50] = 255
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    picture = read_picture(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        ys, xs = np.nonzero(np.asarray(ImageOps.exif_transpose(image)))
    assert picture.size_px == ((60, 40) if orientation < 5 else (40, 60))
    assert turn((20, 5, 50, 11), picture) == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "tif"])
def test_all_that_read_photographs_see_them_as_viewers_do(ending: str, orientation: int, tmp_path: Path) -> None:
    cells = np.random.default_rng(1).integers(0, 256, (4, 6, 3), np.uint8)
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    path = tmp_path / f"photo.{ending}"
    Image.fromarray(np.kron(cells, np.ones((16, 16, 1), np.uint8))).save(path, exif=exif)
    with Image.open(path) as image:
        shown = np.asarray(ImageOps.exif_transpose(image).convert("RGB"), np.int16)[..., ::-1]
    measured = read_bgr(path)
    ((streamed, _),) = read_pictures(path)
    assert np.abs(measured - shown).mean() < 2
    assert (streamed == measured).all()
    picture = read_picture(path)
    assert (picture.height_px, picture.width_px) == shown.shape[:2]
    assert picture.stored_size_px == (96, 64)


@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
def test_pictures_that_come_as_bytes_stand_as_those_of_files(ending: str, tmp_path: Path) -> None:
    """One decoder for all, as a snapshot address has it, whose orientation changes from picture to picture."""
    cells = np.random.default_rng(2).integers(0, 256, (3, 5, 3), np.uint8)
    large = Image.fromarray(np.kron(cells, np.ones((32, 32, 1), np.uint8)))
    decoder = StillDecoder()
    for orientation in (2, 3, 1, 4, 5, 8, 6, 7):
        exif = Image.Exif()
        exif[EXIF_ORIENTATION] = orientation
        path = tmp_path / f"photo.{ending}"
        large.save(path, exif=exif)
        with Image.open(path) as image:
            shown = np.asarray(ImageOps.exif_transpose(image).convert("RGB"), np.int16)[..., ::-1]
        streamed, uploaded = decoder.decode(path.read_bytes()), decode_upright(path.read_bytes())
        assert streamed is not None
        assert uploaded is not None
        assert streamed.to_bgr().shape == uploaded.shape == shown.shape
        assert np.abs(streamed.to_bgr() - shown).mean() < 5
        assert np.abs(uploaded - shown).mean() < 5


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, None),
        (2, Image.Transpose.FLIP_LEFT_RIGHT),
        (3, Image.Transpose.ROTATE_180),
        (4, Image.Transpose.FLIP_TOP_BOTTOM),
        (5, Image.Transpose.TRANSPOSE),
        (6, Image.Transpose.ROTATE_270),
        (7, Image.Transpose.TRANSVERSE),
        (8, Image.Transpose.ROTATE_90),
    ],
)
@pytest.mark.parametrize("ending", ["png", "webp"])
def test_pictures_that_move_stand_as_their_exif_data_say(
    ending: str, orientation: int, turn: Image.Transpose | None, tmp_path: Path
) -> None:
    drawn = [np.random.default_rng(seed).integers(0, 256, (24, 40, 3), np.uint8) for seed in (3, 4)]
    first, second = map(Image.fromarray, drawn)
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    path = tmp_path / f"moving.{ending}"
    first.save(path, save_all=True, append_images=[second], duration=100, exif=exif, lossless=True)
    turned = [image if turn is None else image.transpose(turn) for image in (first, second)]
    pictures = [picture for picture, _ in read_pictures(path)]
    assert len(pictures) == 2
    for picture, image in zip(pictures, turned, strict=True):
        assert (picture == np.asarray(image)[..., ::-1]).all()


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"II*\0\x08\0\0\0\x01\0",
        b"II*\0\xff\xff\xff\xff",
        b"MM\0*\0\0\0\x08\xff\xff" + b"\x01\x12\0\x03\0\0\0\x01\0\x09\0\0",
        b"XX" + bytes(60),
    ],
)
def test_exif_data_that_say_nothing_turn_nothing(exif: bytes) -> None:
    app1 = b"Exif\0\0" + exif
    jpeg = b"\xff\xd8\xff\xe1" + (len(app1) + 2).to_bytes(2, "big") + app1
    riff = b"RIFF\0\0\0\0WEBPEXIF" + len(exif).to_bytes(4, "little") + exif
    png = b"\x89PNG\r\n\x1a\n" + len(exif).to_bytes(4, "big") + b"eXIf" + exif
    for content in (jpeg, riff, png, exif):
        assert orientation_of(content) == 1


def test_a_webp_that_libraries_turn_differently_is_left_out(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    Image.new("RGB", (60, 40)).save(tmp_path / "a.webp", exif=exif)
    with pytest.raises(BrokenPictureError, match=r"cannot be read \(No such file or directory\)"):
        read_picture(tmp_path / "removed.png")
    with pytest.raises(BrokenPictureError, match="a WebP that its EXIF data turn"):
        read_picture(tmp_path / "a.webp")
