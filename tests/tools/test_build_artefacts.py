"""The release of the model that ships: its checkpoint is the model, and what is packed is whole."""

from __future__ import annotations

import dataclasses
import os
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from exporters.bundle.golden import drawn_picture
from exporters.pictures import calibration_tensors
from streamvision.core.config.model import ModelConfig
from streamvision.core.picture import BgrPicture
from streamvision.inference.model import Model

pytestmark = [pytest.mark.reference, pytest.mark.timeout(900)]
NAME = "road_signs"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the picture of the golden vectors, and the same mirrored."""
    folder = tmp_path_factory.mktemp("images")
    for name, bgr in (("drive.png", drawn_picture()), ("mirrored.png", drawn_picture()[:, ::-1])):
        cv2.imwrite(str(folder / name), bgr)
    return folder


@pytest.fixture(scope="module")
def dist(project_root: Path, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release with one export: how the others are made and proven is tested elsewhere."""
    pytest.importorskip("ultralytics")
    folder = tmp_path_factory.mktemp("artefacts") / "dist"
    command = [sys.executable, project_root / "tools" / "build_artefacts.py", "--output", folder, "--images", images]
    environment = os.environ | {"PYTHONPATH": str(project_root)}
    done = subprocess.run(
        [*command, "--only", "onnx-fp32", "--pictures", "2"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "equal to rounding on 2 pictures" in done.stderr
    return folder


def test_the_release_is_whole(dist: Path, images: Path, project_root: Path, tmp_path: Path) -> None:
    assert sorted(path.name for path in dist.iterdir()) == [NAME, f"{NAME}.zip"], "nothing hidden stays"
    release = dist / NAME
    checked = subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=release, check=False)
    assert checked.returncode == 0
    shipped = project_root / "streamvision" / "models" / f"{NAME}.onnx"
    assert (release / shipped.name).read_bytes() == shipped.read_bytes()
    assert "AFFERO" in (release / "LICENSE.txt").read_text()
    assert f"`{NAME}.pt` was rebuilt" in (release / "README.md").read_text()
    assert f"| `{NAME}-fp32.onnx` |" in (release / "README.md").read_text()
    report = (release / "reports" / f"{NAME}-fp32.onnx.parity.json").read_text()
    assert "2 of 2 pictures in pictures" in report and str(dist) not in report and str(images) not in report
    files = {path.relative_to(dist).as_posix() for path in release.rglob("*") if path.is_file()}
    packed = zipfile.ZipFile(dist / f"{NAME}.zip")
    assert set(packed.namelist()) == files and packed.testzip() is None
    for app in ("android", "ios", "web"):
        (tmp_path / app).mkdir()
    place = runpy.run_path(str(project_root / "tools" / "place_bundles.py"))["place"]
    assert place(dist / f"{NAME}.zip", tmp_path) == [tmp_path / "web" / "bundle"]
    assert (tmp_path / "web/bundle/web/decoder.mjs").is_file()


def test_ultralytics_finds_the_same_with_the_checkpoint(dist: Path) -> None:
    ultralytics = pytest.importorskip("ultralytics")
    model = ultralytics.YOLO(str(dist / NAME / f"{NAME}.pt"))
    found = model.predict(drawn_picture().copy(), imgsz=640, conf=0.3, device="cpu", verbose=False, rect=False)[0].boxes
    with Model.open(ModelConfig(path=dist / NAME / f"{NAME}.onnx", score=0.3)) as shipped:
        assert model.names == dict(enumerate(shipped.names))
        expected = shipped.detect([BgrPicture(drawn_picture())])[0]
    assert len(expected.class_id) >= 3
    order = np.argsort(-expected.score)
    assert found.cls.int().tolist() == expected.class_id[order].tolist()
    # Both resize in their own way.
    assert np.abs(found.xyxy.numpy() - expected.box_xyxy_px[order]).max() < 2


def test_another_network_is_noticed(project_root: Path, images: Path) -> None:
    pytest.importorskip("ultralytics")
    tool: dict[str, Any] = runpy.run_path(str(project_root / "tools" / "rebuild_checkpoint.py"))
    shipped = project_root / "streamvision" / "models" / f"{NAME}.onnx"
    with Model.open(ModelConfig(path=shipped)) as model:
        card = model.card.with_input(dynamic_size=False, dynamic_batch=False, batch=1)
    tensors = list(calibration_tensors(images, card.input, count=1))
    layers = tool["read_layers"](shipped)
    assert len(layers) == 64
    layer = layers["model.15.cv2.conv"]
    layers["model.15.cv2.conv"] = dataclasses.replace(layer, factor=layer.factor * np.float32(1.01))
    assert not tool["compare"](tool["build"]("yolov8n.yaml", card.names, layers), shipped, tensors).passed
    del layers["model.15.cv2.conv"]
    with pytest.raises(ValueError, match=r"only one of the two has model\.15\.cv2\.conv"):
        tool["build"]("yolov8n.yaml", card.names, layers)
