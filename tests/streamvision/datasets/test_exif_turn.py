"""The turning of boxes agrees with what Pillow does to the pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from pipelines.capture.pictures.picture_file import read_pictures
from streamvision.datasets.collector import turn
from streamvision.datasets.picture_files import BrokenPictureError, read_picture
from streamvision.evaluation.predictions import read_bgr
from support.labelled_pictures import EXIF_ORIENTATION


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_turned_box_covers_the_turned_pixels(orientation: int, tmp_path: Path) -> None:
    pixels = np.zeros((40, 60), np.uint8)
    pixels[5:11, 20:50] = 255
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    picture = read_picture(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        ys, xs = np.nonzero(np.asarray(ImageOps.exif_transpose(image)))
    assert (picture.width_px, picture.height_px) == (40, 60)
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


def test_a_webp_that_libraries_turn_differently_is_left_out(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    Image.new("RGB", (60, 40)).save(tmp_path / "a.webp", exif=exif)
    with pytest.raises(BrokenPictureError, match=r"cannot be read \(No such file or directory\)"):
        read_picture(tmp_path / "removed.png")
    with pytest.raises(BrokenPictureError, match="a WebP that its EXIF data turn"):
        read_picture(tmp_path / "a.webp")
