from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from streamvision.core.errors import OutputError
from streamvision.datasets.contact_sheet import (
    BACKGROUND,
    SHEET_WIDTH_PX,
    choose_pictures,
    color_of_class,
    draw_contact_sheet,
)
from streamvision.datasets.dataset import Dataset, LabelledBox, LabelledImage
from support.labelled_pictures import make_dataset, save_picture


def test_pictures_and_boxes_of_every_class_are_on_the_sheet(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "in")
    draw_contact_sheet(dataset, tmp_path / "new" / "sheet.png", title="Шесть")
    with Image.open(tmp_path / "new" / "sheet.png") as sheet:
        pixels = np.asarray(sheet)
    assert pixels.shape[1:] == (SHEET_WIDTH_PX, 3)
    assert tuple(pixels[0, 0]) == BACKGROUND
    for class_id in range(3):
        assert (pixels == color_of_class(class_id)).all(axis=-1).sum() > 300


def test_rare_classes_are_chosen_first(tmp_path: Path) -> None:
    rare, common = LabelledBox(1, (0, 0, 9, 9)), LabelledBox(0, (0, 0, 9, 9))
    images = tuple(LabelledImage(tmp_path / f"{i}.png", 10, 10, (rare,) if i < 3 else (common,)) for i in range(100))
    chosen = choose_pictures(Dataset(("common", "rare"), images), 8, seed=0)
    assert sum(image.boxes[0].class_id for image in chosen) == 3
    assert len({image.path for image in chosen}) == 8


@pytest.mark.parametrize("shape", [(2000, 100), (100, 2000), (1, 1)])
def test_odd_shapes_fit(shape: tuple[int, int], tmp_path: Path) -> None:
    path = save_picture(tmp_path / "a.png", *shape)
    image = LabelledImage(path, *shape, (LabelledBox(0, (0, 0, *map(float, shape))),))
    draw_contact_sheet(Dataset(("a",), (image,)), tmp_path / "sheet.png", title="odd")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == SHEET_WIDTH_PX
        assert sheet.height < 1200


def test_a_broken_picture_is_shown_as_broken(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "in", count=2)
    dataset.images[0].path.write_bytes(b"gone")
    draw_contact_sheet(dataset, tmp_path / "sheet.png", title="broken")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert (np.asarray(sheet) == (60, 24, 24)).all(axis=-1).sum() > 10_000


def test_a_sheet_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write the contact sheet"):
        draw_contact_sheet(make_dataset(tmp_path / "in", count=1), tmp_path / "file" / "s.png", title="x")
