"""The features in which drawn pictures are compared: the shipped detector's, or those of a model that is named."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from streamvision.core.errors import ConfigError, ModelError
from streamvision.evaluation.drawn.distances import frechet_distance
from streamvision.evaluation.drawn.features import open_vectors
from streamvision.inference.model import Model
from support.constant_tasks import constant_task, write_constant
from support.tiny_embedder import tiny_embedder


def discs(count: int, seed: int) -> np.ndarray:
    """Return (N, 3, 32, 32) pictures of a disc each."""
    rng, pictures = np.random.default_rng(seed), []
    for _ in range(count):
        picture = np.full((32, 32, 3), rng.integers(40, 120, 3), np.uint8)
        middle, colour = rng.integers(10, 22, 2).tolist(), rng.integers(120, 256, 3).tolist()
        cv2.circle(picture, middle, int(rng.integers(4, 12)), colour, -1, cv2.LINE_AA)
        pictures.append(picture.transpose(2, 0, 1).astype(np.float32) / 255)
    return np.stack(pictures)


def test_the_worse_pictures_are_the_further_they_are() -> None:
    features = open_vectors(None)
    real, others = discs(60, 1), discs(60, 2)
    noise = np.random.default_rng(0).normal(size=others.shape).astype(np.float32)
    rows = features(real)
    assert rows.shape == (60, 128)
    distances = [frechet_distance(rows, features((others + level * noise).clip(0, 1))) for level in (0, 0.05, 0.15)]
    mean = features(real.mean(axis=0)[None]).repeat(60, axis=0)
    assert 2 * distances[0] < distances[1] < distances[2]
    assert 2 * distances[0] < frechet_distance(rows, mean)


def test_a_model_of_embeddings_is_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []
    monkeypatch.setattr(Model, "close", lambda model: closed.append(model))
    for path in (tiny_embedder(tmp_path / "looks.onnx"), None):
        with closing(open_vectors(None if path is None else str(path))) as vectors:
            assert vectors(discs(2, 1)).shape[0] == 2
    assert len(closed) == 1


def test_what_gives_no_embeddings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no network at"):
        open_vectors(str(tmp_path / "gone.onnx"))
    path = write_constant(tmp_path / "classes.onnx", *constant_task("classify"))
    with pytest.raises(ModelError, match=r"classes\.onnx"):
        open_vectors(str(path))
