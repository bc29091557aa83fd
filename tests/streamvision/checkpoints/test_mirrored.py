"""What a detector finds on a picture and on its mirror image is averaged cell by cell, and stays so in exports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from exporters.base import ExportOptions
from exporters.onnx.conversion import save, to_onnx
from streamvision.checkpoints.mirrored import MirroredSource, mirrored_cells
from streamvision.checkpoints.opening import open_source
from streamvision.checkpoints.yolox_scales import SCALES
from streamvision.checkpoints.yolox_weights import read_weights
from streamvision.core.errors import ExportError
from streamvision.evaluation.predictions import read_bgr
from support.command_line import called

SCALE = "yolox_nano"


@pytest.fixture(scope="module")
def nano(data_dir: Path) -> Path:
    return data_dir / "models" / "yolox_nano.onnx"


@pytest.fixture(scope="module")
def picture(data_dir: Path) -> torch.Tensor:
    """The top left of a photograph, wider than high, as (1, 3, 224, 288) RGB of 0..1."""
    rgb = read_bgr(data_dir / "roadsigns" / "images" / "road100.jpg")[:224, :288, ::-1]
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1))).float()[None] / 255


@torch.no_grad()
def test_a_mirrored_picture_has_the_same_boxes_mirrored(nano: Path, picture: torch.Tensor) -> None:
    plain = open_source(SCALE, weights=nano)
    network = MirroredSource(plain).module(dynamic_size=True)
    width_px = picture.shape[3]
    (straight,), (turned,) = network(picture), network(picture.flip(3))
    turned = turned[:, :, mirrored_cells(*picture.shape[2:])]
    turned[:, 0] = width_px - turned[:, 0]
    assert torch.allclose(straight, turned, atol=1e-3)
    (alone,), (alone_turned,) = (plain.module(dynamic_size=True)(each) for each in (picture, picture.flip(3)))
    assert not torch.allclose(straight, alone, atol=1e-2), "the mirror image has a say"
    columns = width_px // 8
    for row, column in ((0, 0), (11, 20), (27, 35)):
        cell, opposite = row * columns + column, row * columns + columns - 1 - column
        mean = (alone[0, :, cell] + alone_turned[0, :, opposite]) / 2
        assert torch.allclose(straight[0, 1:, cell], mean[1:], atol=1e-3)
        middle_px = (alone[0, 0, cell] + width_px - alone_turned[0, 0, opposite]) / 2
        assert torch.allclose(straight[0, 0, cell], middle_px, atol=1e-3)


@torch.no_grad()
def test_a_batch_says_of_each_picture_what_it_says_alone(nano: Path, picture: torch.Tensor) -> None:
    network = MirroredSource(open_source(SCALE, weights=nano)).module(dynamic_size=True)
    (both,) = network(torch.cat([picture, picture * 0.5]))
    for each, found in zip((picture, picture * 0.5), both, strict=True):
        assert torch.allclose(network(each)[0][0], found, atol=1e-3)


def test_the_export_is_proven_and_gives_the_weights_back(nano: Path, data_dir: Path, tmp_path: Path) -> None:
    given = ("--weights", nano, "--imgsz", 256, "--mirror", "--images", data_dir / "coco_calib", "--max-images", 2)
    done = called("export", SCALE, "--format", "onnx", *given, "--output", tmp_path / "out", "--json")
    assert done.code == 0, done.stderr
    (artefact,) = done.report["artefacts"]
    assert artefact["parity"]["passed"] is True
    made = Path(artefact["path"])
    assert made.name == f"{SCALE}-mirror-fp32-256x256.onnx"  # beside the plain one, not in its place
    assert "averaged with its mirror image" in str(open_source(made).card.source)
    first, again = (read_weights(path, SCALES[SCALE]) for path in (nano, made))
    assert all(torch.allclose(first[name], again[name], rtol=1e-3, atol=1e-4) for name in first)


def test_sizes_and_batches_stay_free(nano: Path, picture: torch.Tensor, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    source = MirroredSource(open_source(SCALE, weights=nano))
    path = save(*to_onnx(source, ExportOptions(dynamic_batch=True, dynamic_size=True)), tmp_path / "free.onnx")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for pictures in (picture, torch.cat([picture, picture * 0.5, picture * 0.2])[:, :, :192]):
        (said,) = session.run(None, {session.get_inputs()[0].name: pictures.numpy()})
        with torch.no_grad():
            (wanted,) = source.module(dynamic_size=True)(pictures)
        assert np.abs(said - wanted.numpy()).max() < 0.05


def test_what_has_no_mirror_image_is_refused(nano: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"has the head 'classify', and only what detectors .* leave out --mirror"):
        MirroredSource(open_source("mobilenet_v3_small", random_weights=0))
    with pytest.raises(ExportError, match="has the head 'yolox', and only what detectors"):
        MirroredSource(open_source(nano))
