"""What can be exported, and the sentences that say what cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")

from streamvision.checkpoints import open_source
from streamvision.core.errors import ConfigError, ExportError, ModelError
from support.reference_models import yolov8n_onnx


def test_a_name_without_weights_is_never_given_random_ones() -> None:
    with pytest.raises(ConfigError, match=r"resnet18 was given without weights.*--weights FILE.*--random-weights SEED"):
        open_source("resnet18")
    with pytest.raises(ConfigError, match=r"yolo11n\.yaml is an architecture without weights"):
        open_source("yolo11n.yaml")


def test_a_misspelt_name_gets_a_hint() -> None:
    with pytest.raises(ConfigError, match="did you mean fasterrcnn_resnet50_fpn"):
        open_source("fastercnn_resnet50_fpn", random_weights=0)


def test_options_of_named_models_do_not_go_with_files(data_dir: Path) -> None:
    weights = data_dir / "models" / "yolov8n_coco.pt"
    with pytest.raises(ConfigError, match="brings its own weights; leave out --random-weights"):
        open_source(weights, random_weights=0)
    with pytest.raises(ConfigError, match=r"--head is for \.onnx files"):
        open_source(weights, head="yolo_v8")
    with pytest.raises(ConfigError, match="exclude each other"):
        open_source("resnet18", weights=weights, random_weights=0)


def test_what_is_no_model_is_one_sentence(tmp_path: Path) -> None:
    text = tmp_path / "notes.pt"
    text.write_text("not a model", encoding="utf-8")
    with pytest.raises(ModelError, match="no checkpoint at"):
        open_source(tmp_path / "none.pt")
    with pytest.raises(ConfigError, match="not a model that can be exported; give an ultralytics checkpoint"):
        open_source(tmp_path / "model.h5")
    with pytest.raises(ConfigError, match="there are no weights at"):
        open_source("resnet18", weights=tmp_path / "none.pth")
    pytest.importorskip("ultralytics")
    with pytest.raises(ModelError, match="is a text and not a checkpoint"):
        open_source(text)


@pytest.mark.reference
class TestOnnxFile:
    def test_is_its_own_source(self, data_dir: Path, reference_dir: Path) -> None:
        path = yolov8n_onnx(data_dir, reference_dir)
        source = open_source(path)
        assert source.onnx == path
        assert (source.card.head, len(source.card.names)) == ("yolo_v8", 80)
        with pytest.raises(ExportError, match="give the checkpoint that it was made from"):
            source.module()

    def test_of_fixed_size_keeps_it(self, data_dir: Path, reference_dir: Path) -> None:
        path = yolov8n_onnx(data_dir, reference_dir)
        with pytest.raises(ExportError, match="640x640 px only, not 320x320; leave out --imgsz"):
            open_source(path, size_px=(320, 320))
