"""A cache of labels that came with a data set is a pickle; it is not read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("ultralytics")

from streamvision.checkpoints.torch_runtime import import_ultralytics
from support.hostile_checkpoints import Writes

pytestmark = pytest.mark.reference


def test_a_cache_of_labels_runs_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import_ultralytics()
    from ultralytics.data import dataset

    from streamvision.training.ultralytics_trainer import read_no_caches

    monkeypatch.setattr(dataset, "load_dataset_cache_file", dataset.load_dataset_cache_file)
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((64, 64, 3), np.uint8))
    (tmp_path / "labels" / "a.txt").write_text("1 0.2 0.2 0.8 0.2 0.5 0.8\n", encoding="utf-8")
    with (tmp_path / "labels.cache").open("wb") as file:
        np.save(file, np.array({"labels": Writes(tmp_path / "ran")}, dtype=object), allow_pickle=True)
    read_no_caches()
    data = {"names": {0: "a", 1: "b"}, "channels": 3}
    read: Any = dataset.YOLODataset(img_path=str(tmp_path / "images"), data=data, task="segment", imgsz=64)
    assert not (tmp_path / "ran").exists()
    assert read.labels[0]["cls"].tolist() == [[1.0]]
