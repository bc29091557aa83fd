"""Pictures that exports measure and compare on: damaged ones are left out, and all of them are named at once."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from exporters.base import ExportOptions
from exporters.pictures import calibration_tensors, pictures_in
from exporters.targets.registry import TARGETS
from streamvision.core.errors import ConfigError, ExportError
from streamvision.inference.model_card import InputCard
from support.tiny_source import TinySource

CARD = InputCard(width_px=96, height_px=64)
DAMAGED = {"b.png": b"", "c.jpg": b"no picture", "deep/e.webp": b"RIFF\x00\x00\x00\x00WEBP"}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three pictures and, between them, three files that only look like some; a hidden one of macOS beside them."""
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    for seed, name in enumerate(("a.png", "d.jpg", "deep/f.png")):
        cv2.imwrite(str(folder / name), np.random.default_rng(seed).integers(0, 256, (64, 96, 3), np.uint8))
    for name, content in DAMAGED.items():
        (folder / name).write_bytes(content)
    (folder / "._a.png").write_bytes(b"Mac OS X")
    return folder


def only_damaged(photos: Path) -> Path:
    for name in ("a.png", "d.jpg", "deep/f.png"):
        (photos / name).unlink()
    return photos


@pytest.mark.reference
@pytest.mark.parametrize("format", ["onnx", "openvino", "tflite", "tensorrt"])
def test_every_format_calibrates_on_the_rest_and_names_all_that_are_damaged(
    format: str, photos: Path, tmp_path: Path
) -> None:
    for package in ("torch", "onnxscript", *{"openvino": ("nncf",), "tflite": ("litert_torch",)}.get(format, ())):
        pytest.importorskip(package)
    options = ExportOptions(precision="int8", calibration=photos)
    artifact = TARGETS.get(format).create().export(TinySource(), options, tmp_path)
    (note,) = (note for note in artifact.notes if "pictures for calibration" in note)
    listed = ", ".join(str(photos / name) for name in DAMAGED)
    assert note == (
        f"Of 6 pictures for calibration 3 cannot be read and are left out: {listed}; mend or remove what should not be "
        "there."
    )


def test_tensors_are_made_again_each_time(photos: Path) -> None:
    tensors = calibration_tensors(photos, CARD)
    first, second = list(tensors), list(tensors)
    assert [tensor.shape for tensor in first] == [(1, 3, 64, 96)] * 3
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))
    assert len(tensors.notes()) == 1


def test_nothing_is_said_where_all_can_be_read(photos: Path) -> None:
    for name in DAMAGED:
        (photos / name).unlink()
    tensors = calibration_tensors(photos, CARD)
    assert len(list(tensors)) == 3
    assert tensors.notes() == ()
    assert pictures_in(photos).origin == f"3 of 3 pictures in {photos}"


def test_folders_without_any_that_can_be_read_are_refused_once(photos: Path) -> None:
    only_damaged(photos)
    listed = ", ".join(str(photos / name) for name in DAMAGED)
    with pytest.raises(ExportError) as refused:
        list(calibration_tensors(photos, CARD))
    assert f"none of 3 pictures can be read: {listed}; give others with --calibration DIR" in str(refused.value)
    with pytest.raises(ConfigError) as refused_too:
        pictures_in(photos)
    assert f"none of 3 pictures can be read: {listed}; give others than those in {photos}" in str(refused_too.value)


def test_pictures_to_compare_on_are_those_that_can_be_read(photos: Path) -> None:
    pictures = pictures_in(photos)
    assert [picture.name for picture in pictures.pictures] == ["a.png", "d.jpg", "deep/f.png"]
    listed = ", ".join(str(photos / name) for name in DAMAGED)
    assert pictures.origin == f"3 of 6 pictures in {photos} (3 cannot be read and are left out: {listed})"


def test_pictures_of_one_name_are_told_apart_in_reports(tmp_path: Path) -> None:
    for level, camera in enumerate(("cam1", "cam2")):
        (tmp_path / "photos" / camera).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "photos" / camera / "00.png"), np.full((8, 8, 3), 100 * level, np.uint8))
    pictures = {picture.name: picture for picture in pictures_in(tmp_path).pictures}
    assert {name: picture.load().to_bgr().max() for name, picture in pictures.items()} == {
        "cam1/00.png": 0,
        "cam2/00.png": 100,
    }


def test_a_list_of_damaged_pictures_has_a_bound(tmp_path: Path) -> None:
    for index in range(64):
        (tmp_path / f"{index:02}.jpg").write_bytes(b"")
    with pytest.raises(ExportError, match=r"none of 64 pictures can be read: .*/00\.jpg, .*/19\.jpg and 44 more; give"):
        list(calibration_tensors(tmp_path, CARD))
