"""What other programs call commands and options of ours."""

from __future__ import annotations

import click

COMMANDS = {"detect": "run", "predict": "run", "track": "run", "val": "eval", "benchmark": "bench", "check": "doctor"}
"""By what other programs call them, commands of ours."""
OPTIONS = {
    "arch": "--model NAME",
    "augment": "--preset light",
    "backbone": "--model NAME",
    "batch_size": "--batch",
    "bs": "--batch",
    "class_weight": "--balance class-weights",
    "class_weights": "--balance class-weights",
    "checkpoint": "--weights FILE",
    "conf_thres": "--conf",
    "confidence": "--conf",
    "cos_lr": "--final-lr",
    "dataset": "--data",
    "early_stopping": "--patience",
    "image_size": "--imgsz",
    "img": "--imgsz",
    "img_size": "--imgsz",
    "input_size": "--imgsz",
    "iou_thres": "--iou",
    "kfold": "--folds",
    "learning_rate": "--lr",
    "lr0": "--lr",
    "lrf": "--final-lr",
    "num_epochs": "--epochs",
    "opt": "--lr (AdamW is the optimizer)",
    "optimizer": "--lr (AdamW is the optimizer)",
    "out": "--output",
    "pretrained": "--weights FILE",
    "randaugment": "--rand-augment",
    "smoothing": "--label-smoothing",
    "validation_split": "--val-share",
    "wd": "--weight-decay",
}
"""By what Keras, torchvision, timm and ultralytics call them, options of ours."""


def meant_option(error: click.NoSuchOption) -> click.NoSuchOption:
    """Return the error with our option in place of those that are merely spelt alike, where its command has it."""
    meant = OPTIONS.get(error.option_name.lstrip("-").replace("-", "_").lower())
    if meant is None or error.ctx is None:
        return error
    flag = meant.split()[0]
    if not any(flag in option.opts for option in error.ctx.command.params):
        return error
    return click.NoSuchOption(error.option_name, f"{error.message} Did you mean {meant}?", ctx=error.ctx)
