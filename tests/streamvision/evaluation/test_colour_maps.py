"""Maps of classes in colours: figures equal to a reference, and measured by the command."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest

import streamvision
from streamvision.core.errors import ConfigError
from streamvision.evaluation.colours import ColourMaps
from support.command_line import called
from support.plain_picture_network import network

COLOURS = np.array([[0, 0, 0], [180, 130, 70], [60, 160, 60], [128, 64, 128]], np.uint8)


def maps(count: int, *, seed: int) -> list[np.ndarray]:
    """Return maps of a few classes, none of which has the last one alone."""
    rng = np.random.default_rng(seed)
    return [COLOURS[cv2.resize(rng.choice(4, (5, 7), p=(0.5, 0.3, 0.1, 0.1)).astype(np.uint8), (56, 40),
                               interpolation=cv2.INTER_NEAREST)] for _ in range(count)]  # fmt: skip


@pytest.mark.reference
def test_figures_are_those_of_torchmetrics() -> None:
    torch = pytest.importorskip("torch")
    reference = pytest.importorskip("torchmetrics.functional.classification")
    truths, others = maps(3, seed=1), maps(3, seed=2)
    rng = np.random.default_rng(0)
    # Noise that leaves each pixel nearest to its own colour.
    made = [np.clip(one.astype(int) + rng.integers(-20, 21, one.shape), 0, 255).astype(np.uint8) for one in others]
    counted = ColourMaps(truths)
    for one, truth in zip(made, truths, strict=True):
        counted.add(one, truth)
    wanted, said = (
        torch.from_numpy(np.stack([(one[..., None, :] == COLOURS).all(-1).argmax(-1) for one in both]))
        for both in (truths, others)
    )
    found = counted.to_json()
    iou = float(reference.multiclass_jaccard_index(said, wanted, num_classes=4))
    assert found["mean_iou"] == pytest.approx(iou, abs=1e-4)
    assert found["pixel_accuracy"] == pytest.approx(float((said == wanted).float().mean()), abs=1e-4)
    share = float((wanted == wanted.flatten().mode().values).float().mean())
    assert found["commonest_pixel_accuracy"] == pytest.approx(share, abs=1e-4)
    assert found["commonest_mean_iou"] == pytest.approx(share / 4, abs=1e-4)


def test_pictures_are_no_maps() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    with pytest.raises(ConfigError, match="leave --nearest-colour out"):
        ColourMaps([picture])


def test_memory_does_not_grow_with_the_colours() -> None:
    def most_bytes(count: int) -> int:
        levels = (np.arange(200 * 200) % count * 3).astype(np.uint8).reshape(200, 200)
        truth = np.stack([levels] * 3, axis=-1)
        counted = ColourMaps([truth])
        tracemalloc.start()
        try:
            counted.add(truth, truth)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert most_bytes(64) < 1.5 * most_bytes(4)


def test_the_command_counts_them(tmp_path: Path) -> None:
    for number, one in enumerate(maps(2, seed=3)):
        for name in ("inputs", "targets"):
            (tmp_path / name).mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / name / f"{number}.png"), one)
    model = network(tmp_path / "same.onnx")
    done = called("eval", "image", model, "--data", tmp_path, "--nearest-colour", "--json")
    assert done.code == 0, done.stderr
    assert done.report["maps"]["pixel_accuracy"] == done.report["maps"]["mean_iou"] == 1
    assert done.report["maps"]["commonest_pixel_accuracy"] < 1
    shown = called("eval", "image", model, "--data", tmp_path, "--nearest-colour", "--report", tmp_path / "r.html")
    assert "mean IoU by the nearest colour" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert streamvision.evaluate(model, tmp_path, nearest_colour=True).to_json()["maps"] == done.report["maps"]
    assert "by the nearest of 4 colours" in shown.stdout
