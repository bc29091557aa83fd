"""The free model is what its checkpoint is, and says whose it is."""

from __future__ import annotations

import runpy
from pathlib import Path

import cv2
import pytest

pytest.importorskip("torch")

import torch

from exporters.bundle.golden import drawn_picture
from streamvision.checkpoints import open_source
from streamvision.checkpoints.yolox_scales import SCALES
from streamvision.checkpoints.yolox_weights import read_weights
from streamvision.models import FREE_MODEL, shipped_models

pytestmark = [pytest.mark.reference, pytest.mark.slow, pytest.mark.timeout(900)]


def test_the_file_that_ships_is_made_again_of_its_own_weights(project_root: Path, tmp_path: Path) -> None:
    before, scale = shipped_models()[FREE_MODEL].path, SCALES["yolox_nano"]
    card, weights = open_source(before).card, read_weights(before, scale)
    run = {"architecture": "yolox_nano", "names": list(card.names), "imgsz": 640, "size_px": [640, 640]}
    torch.save({**run, "model": weights}, tmp_path / "last.pt")
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "drive.png"), drawn_picture())
    (tmp_path / "made").mkdir()
    made = tmp_path / "made" / "made.onnx"
    ship = runpy.run_path(str(project_root / "tools" / "ship_model.py"))["ship"]
    parity = ship(tmp_path / "last.pt", made, images=tmp_path / "images", measured={"map50": 0.5})
    assert parity.passed, parity.sentence()
    assert [path.name for path in made.parent.iterdir()] == ["made.onnx"], "nothing hidden stays"
    again = open_source(made).card
    assert (again.licence, again.source, again.input) == (card.licence, card.source, card.input)
    assert again.measured == {"map50": 0.5}
    carried = read_weights(made, scale)
    assert weights.keys() == carried.keys()
    assert all(torch.allclose(weights[name], carried[name], rtol=1e-4, atol=1e-5) for name in weights)
