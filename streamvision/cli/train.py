"""``streamvision train``: labelled pictures in, weights and a run folder out."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from streamvision.cli.dataset_options import FORMAT_NAMES
from streamvision.cli.finite_range import FiniteRange
from streamvision.cli.options import field_option, trust_option
from streamvision.cli.sections import SectionedCommand, together
from streamvision.cli.signals import terminable
from streamvision.core.errors import ConfigError
from streamvision.training.recipe import Augmentation, Recipe, load_recipe

F = TypeVar("F", bound=Callable[..., Any])
NOT_OPTIONS = {"answer_weights", "augment", "init_classes", "onnx_size"}
"""Settings with structure, which only recipes have."""
_CHOICES: dict[str, dict[str, Any]] = {
    "format": {"type": FORMAT_NAMES},
    "add": {"multiple": True, "metavar": "DIR"},
    "answers": {"multiple": True, "metavar": "COLUMN"},
    "split": {"metavar": "FILE.json"},
}
"""What options take that is not said by the field."""

_SECTIONS = {
    "Data": ("format", "add", "split", "val_share", "fold", "balance", "oversample_most", "answers", "generated"),
    "Weights to begin from, and which layers learn": (
        "partial_weights",
        "freeze",
        "unfreeze_at",
        "unfreeze_layers",
        "unfreeze_lr",
    ),
    "How it learns": (
        "final_lr",
        "warmup",
        "weight_decay",
        "label_smoothing",
        "dropout",
        "average_epochs",
        "patience",
        "precision",
        "onnx_megabytes",
    ),
    "Networks that make pictures": (
        "noise",
        "adversarial",
        "perceptual",
        "features",
        "style",
        "style_weight",
        "reverse",
    ),
}
"""By its heading in the help, which settings stand together; others are among the first."""


def _recipe_options(*names: str, heading: str | None = None) -> Callable[[F], F]:
    return together(
        *(field_option(f"--{name.replace('_', '-')}", Recipe, name, **_CHOICES.get(name, {})) for name in names),
        heading=heading,
    )


_FIRST = [
    name
    for name in Recipe.model_fields
    if name not in NOT_OPTIONS | {"preset", "overfit"} and not any(name in names for names in _SECTIONS.values())
]
_augment_options = together(
    field_option("--preset", Recipe, "preset"),
    *(
        field_option(
            f"--{name.replace('_', '-')}", Augmentation, name, help=f"{field.description}  [default: --preset]"
        )
        for name, field in Augmentation.model_fields.items()
    ),
    heading="Augmentation",
)
_trial_options = together(
    field_option("--overfit", Recipe, "overfit"),
    click.option(
        "--find-lr", is_flag=True, help="Only look for a good learning rate, with a plot; weights are not kept."
    ),
    click.option(
        "--folds",
        type=click.IntRange(2, 99),
        metavar="K",
        help="Train once for each of K equal parts held out in turn (--fold), with mean and spread of the figures.",
    ),
    click.option(
        "--seeds",
        type=click.IntRange(2, 99),
        metavar="N",
        help="Train with N seeds, from --seed on, the same pictures held out, with mean and spread of the figures.",
    ),
    click.option(
        "--tune",
        type=FiniteRange(min=0, min_open=True, max=10_000),
        metavar="HOURS",
        help="Search for so long for settings that are not given, measured on a part of the pictures to learn from; "
        "the best become a recipe (needs the extra tune).",
    ),
    click.option("--trials", type=click.IntRange(1, 100_000), help="Most trials of --tune.  [default: as time allows]"),
    heading="Checks and searches",
)


def _sections(command: F) -> F:
    for heading, names in reversed(_SECTIONS.items()):
        command = _recipe_options(*names, heading=heading)(command)
    return command


@click.command(cls=SectionedCommand)
@click.option("--config", type=Path, metavar="FILE.yaml", help="Recipe; the command line wins over it.")
@_recipe_options(*_FIRST)
@_sections
@_augment_options
@_trial_options
@click.option("--project", type=Path, default=Path("runs/train"), show_default=True, help="Folder of run folders.")
@click.option("--name", help="Name of the run folder; default: the model's name and a number.")
@click.option("--resume", type=Path, metavar="RUN", help="Go on with a run that was killed; give its folder.")
@trust_option
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document on stdout.")
def train(
    config: Path | None,
    project: Path,
    name: str | None,
    resume: Path | None,
    trust_checkpoint: bool,
    find_lr: bool,
    folds: int | None,
    seeds: int | None,
    tune: float | None,
    trials: int | None,
    as_json: bool,
    **given: Any,
) -> int:
    """Train a model on labelled pictures, or on pictures alone.

    The model decides what is learnt, and what the data must be:

    \b
      boxes                 yolo11n.pt, yolox_nano, fasterrcnn_...  labelled pictures in any format
      masks, keypoints      yolo11n-seg.pt, maskrcnn_..., ...-pose  the same, with outlines or keypoints
      classes               lenet, small_xception, resnet18         a folder for each class, or a CSV
      a class and numbers   any of these classifiers                a CSV: filename,weather,distance [m]
      scenes, each pixel    unet, smp/unet@resnet18                 images/ and masks/
      sentences             captioner                               a CSV: filename,caption
      objects in space      deep3dbox                               as KITTI's, with calib/
      pictures of pictures  denoiser, edsr_x2, pix2pix, style       pictures, or inputs/ and targets/
      pictures drawn anew   vae, dcgan                              pictures

    Nothing is downloaded: weights to begin from are files that you give. `streamvision data synthetic` draws data to
    try each with; docs/training.md has the commands, and configs/train-*.yaml ready recipes.

    \b
    Examples:
      streamvision train --data signs/ --model yolov8n.pt --epochs 50 --imgsz 416 --freeze 10 --unfreeze-at 5
      streamvision train --data sign-crops/ --model small_xception --rand-augment 1 --balance class-weights
      streamvision train --data flowers/ --model resnet18 --weights resnet18.pth --freeze 100 --unfreeze-at 4 \\
        --unfreeze-layers 2 --mixup 0.3 --cutmix 0.3
      streamvision train --data labels.csv --model mypackage.nets:build --imgsz 64
      streamvision train --data faces.csv --model resnet18 --answers gender --answers age
      streamvision train --data road/ --model unet --imgsz 320 --lr 0.003
      streamvision train --data photos/ --model style --style painting.jpg --epochs 2
    Once more, and whether it learns at all:
      streamvision train --resume runs/train/yolov8n-1
      streamvision train --model runs/train/yolov8n-1/weights/best.pt --add collected --epochs 10 --lr 0.0005
      streamvision train --data signs/ --model yolov8n.pt --overfit 8
      streamvision train --config recipe.yaml --data signs/ --folds 5
      streamvision train --data signs/ --model yolov8n.pt --epochs 10 --tune 2
    """
    from streamvision.training.beginning import begin, check_one_trial
    from streamvision.training.beginning import resume as go_on

    asked = {"--find-lr": find_lr, "--folds": folds, "--seeds": seeds, "--tune": tune}
    check_one_trial(asked | {"--overfit": given.get("overfit")}, trials=trials)
    command = shlex.join(["streamvision", *sys.argv[1:]])
    chosen = {key: value for key, value in given.items() if value not in (None, ())}
    if augment := {key: chosen.pop(key) for key in Augmentation.model_fields if key in chosen}:
        chosen["augment"] = augment
    if resume:
        if chosen or config or find_lr or folds or seeds:
            raise ConfigError(
                f"--resume goes on with the run's own recipe ({resume}/recipe.yaml); leave the other options out"
            )
        with terminable():
            summary = go_on(resume, tune_hours=tune, trials=trials, command=command, trust_checkpoint=trust_checkpoint)
    else:
        recipe = load_recipe(config, chosen)
        with terminable():
            summary = begin(
                recipe,
                find_lr=find_lr,
                folds=folds,
                seeds=seeds,
                tune_hours=tune,
                trials=trials,
                project=project,
                name=name,
                command=command,
                trust_checkpoint=trust_checkpoint,
            )
    if as_json:
        click.echo(json.dumps(summary))
    return 0 if summary.get("overfit", {}).get("passed", True) else 1
