"""Who trains what, and which settings each refuses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from streamvision.core.errors import ConfigError
from streamvision.training.families import SETTINGS, TRAINERS, TRIALS, check_settings, trainer_of
from streamvision.training.recipe import load_recipe

OPTIONS = {trial: f"`--{trial.replace('_', '-')}`" for trial in TRIALS}
BY_NAME = {trainer.name: trainer for trainer in TRAINERS}


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("unet", "scenes"),
        ("captioner", "captioner"),
        ("smp/deeplabv3plus@mobilenet_v2", "scenes"),
        ("deeplabv3_resnet50", "scenes"),
        ("ssdlite320_mobilenet_v3_large", "detector"),
        ("ssd300_vgg16", "detector"),
        ("keypointrcnn_resnet50_fpn", "keypoints"),
        ("maskrcnn_resnet50_fpn", "masks"),
        ("yolox_nano", "yolox"),
        ("denoiser", "pictures"),
        ("edsr_x4", "pictures"),
        ("style", "style"),
        ("yolov8n.pt", "ultralytics"),
        ("yolo11n-cls.yaml", "ultralytics"),
    ],
)
def test_a_model_says_who_trains_it(model: str, family: str) -> None:
    assert trainer_of(model).name == family


def test_names_without_ending_are_classifiers_of_torchvision_or_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torchvision")
    monkeypatch.chdir(tmp_path)
    assert trainer_of("resnet18").name == "classifier"
    assert trainer_of("raft_small").name == "ultralytics"  # not trained here: its absence will be said
    Path("resnet18.pt").touch()
    assert trainer_of("resnet18").name == "ultralytics"


@pytest.mark.parametrize(
    ("family", "given", "said"),
    [
        (
            "classifier",
            {"onnx_size": (64, 64)},
            "onnx_size works with networks for scenes, networks that make pictures",
        ),
        ("deep3dbox", {"onnx_size": (64, 64)}, "leave it out for deep3dbox"),
        ("vae", {"onnx_size": (64, 64)}, "leave it out for vae"),
        ("scenes", {"generated": 5}, "generated works with torchvision's detectors, YOLOX and ultralytics models"),
        (
            "classifier",
            {"format": "coco"},
            "format works with torchvision's detectors, Keypoint R-CNN, Mask R-CNN, YOLOX and ultr",
        ),
        (
            "scenes",
            {"balance": "class-weights"},
            "class-weights works with classifiers and ultralytics models only",
        ),
        ("scenes", {"augment": {"mixup": 0.2}}, "mixup works with"),
        ("pictures", {"augment": {"scale": 0.2}}, "scale works with networks for scenes, the captioner"),
        ("style", {"perceptual": 0.1}, "perceptual works with networks that make pictures of pictures only"),
        ("pictures", {"style_weight": 2.0}, "style_weight works with the network of a style only"),
        ("pictures", {"style": "a.png"}, "style works with the network of a style only"),
        ("scenes", {"perceptual": 0.1, "features": "vgg.pth"}, "perceptual works with networks that make pictures"),
        ("deep3dbox", {"augment": {"rotate_deg": 3}}, "leave it out for deep3dbox"),
        ("classifier", {"augment": {"mosaic": 0.2}}, "mosaic works with"),
        ("pictures", {"balance": "oversample"}, "oversample works with networks for scenes, deep3dbox, the captioner"),
        ("yolox", {"balance": "class-weights"}, "class-weights works with classifiers and ultralytics"),
        ("detector", {"average_epochs": 4}, "average_epochs works with dcgan and YOLOX only"),
        (
            "detector",
            {"label_smoothing": 0.1},
            "label_smoothing works with networks for scenes, the captioner and classifiers only",
        ),
        ("ultralytics", {"freeze": 3, "unfreeze_at": 2, "unfreeze_lr": 1e-4}, "unfreeze_lr works with"),
    ],
)
def test_a_setting_without_effect_is_refused(family: str, given: dict[str, Any], said: str) -> None:
    recipe = load_recipe(None, {"data": ".", "model": "m.pt"} | given)
    with pytest.raises(ConfigError, match=said):
        check_settings(recipe, BY_NAME[family])
    check_settings(load_recipe(None, {"data": ".", "model": "m.pt"}), BY_NAME[family])


@pytest.mark.parametrize("family", ["scenes", "classifier", "detector"])
def test_batches_of_one_picture_are_refused_where_they_would_be_left_out(family: str) -> None:
    alone = load_recipe(None, {"data": ".", "model": "m.pt", "batch": 1})
    with pytest.raises(ConfigError, match="give --batch 2 or more"):
        check_settings(alone, BY_NAME[family])
    check_settings(alone, BY_NAME["ultralytics"])


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("train-semantic", "scenes"),
        ("train-semantic-deeplab", "scenes"),
        ("train-segment", "masks"),
        ("train-faces", "ultralytics"),
        ("train-classify", "classifier"),
        ("train-style", "style"),
        ("train-super-resolution-sharp", "pictures"),
    ],
)
def test_the_ready_recipes_are_accepted(project_root: Path, name: str, family: str) -> None:
    recipe = load_recipe(project_root / "configs" / f"{name}.yaml", {})
    assert name == "train-classify" or trainer_of(recipe.model).name == family
    check_settings(recipe, BY_NAME[family])
    commented = (project_root / "configs" / f"{name}.yaml").read_text(encoding="utf-8")
    assert "streamvision train --config" in commented
    assert "synthetic --task" in commented or "photos" in commented


def test_a_recipe_that_goes_on_from_a_run_says_the_command_that_leaves_it(project_root: Path) -> None:
    found = 0
    for path in sorted((project_root / "configs").glob("train-*.yaml")):
        text = path.read_text(encoding="utf-8")
        for run in re.findall(r"^(?:weights|model|features): runs/train/([^/]+)/", text, re.MULTILINE):
            found += 1
            assert re.search(rf"^#   streamvision train .*--name {re.escape(run)}$", text, re.MULTILINE), path
    assert found >= 4


@pytest.mark.parametrize("trial", TRIALS)
def test_what_makes_no_sense_with_a_trainer_is_refused_with_the_reason(trial: str) -> None:
    recipe = load_recipe(None, {"data": ".", "model": "pix2pix"})
    pictures = BY_NAME["pictures"]
    if trial == "tune":
        with pytest.raises(ConfigError, match=r"tune is not for .* with a discriminator or .*: .*; give adversarial 0"):
            check_settings(recipe, pictures, trial=trial)
    else:
        check_settings(recipe, pictures, trial=trial)
    check_settings(recipe.model_copy(update={"adversarial": 0.0}), pictures, trial=trial)


def test_the_documentation_says_what_each_trainer_takes(project_root: Path) -> None:
    text = (project_root / "docs" / "training.md").read_text(encoding="utf-8")
    assert "\n".join(table_of_trainers()) in text


def table_of_trainers() -> list[str]:
    """Return the table in docs/training.md."""
    rows = [["trainer of", *OPTIONS.values(), "settings of its own"], ["---"] * (len(TRIALS) + 2)]
    shared = frozenset.intersection(*(one.settings for one in TRAINERS))
    for one in TRAINERS:
        refused = {refusal.trial: f"not {refusal.only}".strip() for refusal in one.refusals}
        own = ", ".join(f"`{setting}`" for setting in SETTINGS if setting in one.settings - shared)
        own = own.replace("`rotate_deg`, `translate`, `scale`, `perspective`", "`rotate_deg` to `perspective`")
        rows.append([one.words, *(refused.get(trial, "yes") for trial in TRIALS), own])
    return [f"| {' | '.join(row)} |" for row in rows]
