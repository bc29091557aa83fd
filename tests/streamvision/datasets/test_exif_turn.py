"""The turning of boxes agrees with what Pillow does to the pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from streamvision.datasets.collector import turn
from streamvision.datasets.picture_files import read_picture
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
