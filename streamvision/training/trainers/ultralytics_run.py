"""Trains YOLOv8, YOLO11 and YOLO26 models with ultralytics."""

from __future__ import annotations

from typing import Any

from streamvision.training.trainers.prepare import TrainingData
from streamvision.training.trainers.recipe import Recipe
from streamvision.training.trainers.run_folder import RunFolder
from streamvision.training.trainers.ultralytics_setup import import_ultralytics, resolve_weights


def train_ultralytics(recipe: Recipe, data: TrainingData, folder: RunFolder, *, resume: bool) -> None:
    """Train to the end of the recipe and leave weights and curves in the run folder."""
    import_ultralytics()
    import torch

    from streamvision.training.trainers.ultralytics_detection import make_trainer

    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    overrides = hyperparameters(recipe) | {
        "model": str(folder.last if resume else _model(recipe.model)),
        "data": str(data.yaml),
        "save_dir": str(folder.root),
        "resume": str(folder.last) if resume else False,
    }
    trainer = make_trainer(recipe, folder, overrides=overrides, bf16=_use_bf16(recipe.precision, recipe.device))
    trainer.train()


def hyperparameters(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe in ultralytics' words."""
    augmentation = recipe.augmentation()
    return {
        "task": "detect",
        "epochs": recipe.epochs,
        "time": recipe.hours,
        "imgsz": recipe.imgsz,
        "batch": recipe.batch,
        "nbs": recipe.batch,
        "freeze": recipe.freeze or None,
        "optimizer": "AdamW",
        "lr0": recipe.lr,
        "lrf": recipe.final_lr,
        "momentum": 0.9,
        "cos_lr": True,
        "weight_decay": recipe.weight_decay,
        "warmup_epochs": recipe.warmup,
        "warmup_bias_lr": 0.0,
        "patience": recipe.patience,
        "seed": recipe.seed,
        "device": "cpu" if recipe.device == "auto" else recipe.device,
        "workers": 0,
        "cache": "ram",
        "exist_ok": True,
        "plots": False,
        "amp": False,
        "deterministic": True,
        "cls_pw": 0.5 if recipe.balance == "class-weights" else 0.0,
        "mosaic": augmentation.mosaic,
        "close_mosaic": round(recipe.epochs * augmentation.mosaic_off_share),
        "mixup": augmentation.mixup,
        "cutmix": augmentation.cutmix,
        "fliplr": augmentation.flip,
        "hsv_h": augmentation.hue,
        "hsv_s": augmentation.saturation,
        "hsv_v": augmentation.brightness,
        "degrees": augmentation.rotate_deg,
        "translate": augmentation.translate,
        "scale": augmentation.scale,
        "perspective": augmentation.perspective,
        "auto_augment": None,
        "erasing": 0.0,
    }


def _model(model: str) -> str:
    return model if model.endswith(".yaml") else str(resolve_weights(model))


def _use_bf16(precision: str, device: str) -> bool:
    if precision != "auto" or device not in {"auto", "cpu"}:
        return precision == "bf16"
    import torch

    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
