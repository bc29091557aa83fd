from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from streamvision.core.config.model import ModelConfig
from streamvision.core.picture import BgrPicture
from streamvision.inference.model import Model

pytestmark = pytest.mark.reference

TOOLS = Path(__file__).resolve().parents[2] / "tools"


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Any:
    pytest.importorskip("torchvision")
    monkeypatch.syspath_prepend(str(TOOLS))
    monkeypatch.delitem(sys.modules, "appearance_model", raising=False)
    return importlib.import_module("appearance_model")


def test_what_pictures_have_in_common_is_taken_out(tool: Any) -> None:
    draw = np.random.default_rng(1)
    rows = 5 + draw.normal(size=(200, 12)) @ draw.normal(size=(12, 30))
    mean, whiten = tool.whitening(rows.astype(np.float32), 8)
    made = (rows - mean) @ whiten
    assert made.shape == (200, 8)
    assert made.mean(axis=0) == pytest.approx(np.zeros(8), abs=1e-3)
    assert np.cov(made.T, bias=True) == pytest.approx(np.eye(8), abs=1e-3)
    assert mean.dtype == whiten.dtype == np.float32  # a network of two types is none


def test_weights_of_other_authors_are_known_by_order_and_shape(tool: Any, tmp_path: Path) -> None:
    import torch
    import torchvision

    state = torchvision.models.mobilenet_v2().features.state_dict()
    torch.save({f"features.layer{n}": value for n, value in enumerate(state.values())}, tmp_path / "theirs.pt")
    features = tool.read_weights(tmp_path / "theirs.pt")
    assert all(
        torch.equal(mine, theirs) for mine, theirs in zip(features.state_dict().values(), state.values(), strict=True)
    )
    torch.save({"features.layer0": torch.zeros(2, 2)}, tmp_path / "others.pt")
    with pytest.raises(SystemExit, match="does not hold the layers of MobileNetV2"):
        tool.read_weights(tmp_path / "others.pt")


def test_parts_of_photographs_are_always_the_same_ones(tool: Any, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.random.default_rng(1).integers(0, 255, (120, 160, 3), np.uint8))
    (tmp_path / "b.txt").write_text("no photograph")
    once, again = (np.stack(tool.parts_of(tmp_path, size_px=(32, 64))) for _ in range(2))
    assert once.shape == (tool.PARTS, 64, 32, 3)
    assert (once == again).all()


def test_what_is_made_describes_pictures_and_is_told_in_one_line(
    tool: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch import nn

    features = nn.Sequential(nn.Conv2d(3, tool.CHANNELS, 8, 8), nn.ReLU()).requires_grad_(False)
    monkeypatch.setattr(tool, "read_weights", lambda path: features)  # the real one takes ten times as long
    (tmp_path / "weights.pt").touch()
    cv2.imwrite(str(tmp_path / "a.png"), np.random.default_rng(1).integers(0, 255, (120, 160, 3), np.uint8))
    output = tmp_path / "looks.onnx"
    given = ["--weights", tmp_path / "weights.pt", "--pictures", tmp_path, "--output", output]
    tool.main([*map(str, given), "--size", "32", "32", "--dimensions", "8"], standalone_mode=False)
    told = capfd.readouterr()
    (line,) = told.out.splitlines()
    assert line.startswith(f"{output}: describes pictures of 32x32 px by 8 numbers; MobileNetV2, weights.pt; ")
    assert "torch.onnx" not in told.err
    with Model.open(ModelConfig(path=output, threads=1)) as model:
        (found,) = model.find([BgrPicture(np.zeros((40, 40, 3), np.uint8))])
    assert found.image_result is not None and found.image_result.embedding is not None
    assert found.image_result.embedding.shape == (8,)
