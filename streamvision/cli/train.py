"""``streamvision train``: labelled pictures in, weights and a run folder out."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from streamvision.cli.dataset_options import FORMAT_NAMES
from streamvision.cli.finite_range import FiniteRange
from streamvision.cli.options import field_option, trust_option
from streamvision.cli.sections import together
from streamvision.core.errors import ConfigError
from streamvision.training.recipe import Augmentation, Recipe, load_recipe

NOT_OPTIONS = {"answer_weights", "augment", "init_classes", "onnx_size"}
"""Settings with structure, which only recipes have."""
_CHOICES: dict[str, dict[str, Any]] = {
    "format": {"type": FORMAT_NAMES},
    "add": {"multiple": True, "metavar": "DIR"},
    "answers": {"multiple": True, "metavar": "COLUMN"},
    "split": {"metavar": "FILE.json"},
}
"""What options take that is not said by the field."""

_recipe_options = together(
    *(
        field_option(f"--{name.replace('_', '-')}", Recipe, name, **_CHOICES.get(name, {}))
        for name in Recipe.model_fields
        if name not in NOT_OPTIONS
    )
)
_augment_options = together(
    *(
        field_option(
            f"--{name.replace('_', '-')}", Augmentation, name, help=f"{field.description}  [default: --preset]"
        )
        for name, field in Augmentation.model_fields.items()
    )
)


@click.command()
@click.option("--config", type=Path, metavar="FILE.yaml", help="Recipe; the command line wins over it.")
@_recipe_options
@_augment_options
@click.option("--project", type=Path, default=Path("runs/train"), show_default=True, help="Folder of run folders.")
@click.option("--name", help="Name of the run folder; default: the model's name and a number.")
@click.option("--resume", type=Path, metavar="RUN", help="Go on with a run that was killed; give its folder.")
@trust_option
@click.option("--find-lr", is_flag=True, help="Only look for a good learning rate, with a plot; weights are not kept.")
@click.option(
    "--folds",
    type=click.IntRange(2, 99),
    metavar="K",
    help="Train once for each of K equal parts held out in turn (--fold), with mean and spread of the figures.",
)
@click.option(
    "--tune",
    type=FiniteRange(min=0, min_open=True, max=10_000),
    metavar="HOURS",
    help="Search for so long for settings that are not given, measured on a part of the pictures to learn from; the "
    "best become a recipe (needs the extra tune).",
)
@click.option("--trials", type=click.IntRange(1, 100_000), help="Most trials of --tune.  [default: as time allows]")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document on stdout.")
def train(
    config: Path | None,
    project: Path,
    name: str | None,
    resume: Path | None,
    trust_checkpoint: bool,
    find_lr: bool,
    folds: int | None,
    tune: float | None,
    trials: int | None,
    as_json: bool,
    **given: Any,
) -> int:
    """Train a model on labelled pictures, or on pictures alone.

    What the model is decides what is learnt: boxes, masks or keypoints of objects, scenes, classes, a class and numbers
    at once, sentences, objects in space, pictures of pictures, or pictures drawn anew.

    Nothing is downloaded: weights to begin from are files that you give.

    \b
    Examples:
      streamvision train --data signs/ --model yolov8n.pt --epochs 50 --imgsz 416 --freeze 10 --unfreeze-at 5
      streamvision train --config recipe.yaml --data signs/
      streamvision train --resume runs/train/yolov8n-1
      streamvision train --data signs/ --model yolox_nano --weights yolox_nano.onnx --preset road
      streamvision train --model runs/train/yolov8n-1/weights/best.pt --add collected --epochs 10 --lr 0.0005
      streamvision train --data signs/ --model yolov8n.pt --overfit 8
      streamvision train --config recipe.yaml --data signs/ --folds 5
      streamvision train --data signs/ --model yolov8n.pt --epochs 10 --tune 2
      streamvision train --data signs/ --model ssdlite320_mobilenet_v3_large --imgsz 320 --preset strong
      streamvision train --data road/ --model unet --imgsz 320 --lr 0.003
      streamvision train --data drive-captions/ --model captioner --imgsz 160 --preset plain
      streamvision train --data photos/ --model denoiser --imgsz 64 --epochs 4
      streamvision train --data drive-vehicles/ --model deep3dbox
      streamvision train --data sign-crops/ --model small_xception --rand-augment 1 --balance class-weights
      streamvision train --data labels.csv --model mypackage.nets:build --imgsz 64
      streamvision train --data faces.csv --model resnet18 --answers gender --answers age
      streamvision train --data flowers/ --model resnet18 --weights resnet18.pth --freeze 100 --unfreeze-at 4 \\
        --unfreeze-layers 2 --balance class-weights --mixup 0.3 --cutmix 0.3
    """
    others = {"--find-lr": find_lr, "--folds": folds, "--tune": tune, "--overfit": given.get("overfit")}
    asked = [option for option, value in others.items() if value]
    if len(asked) > 1:
        raise ConfigError(f"{' and '.join(asked)} are things to do one after the other; give one of them")
    if trials and not tune:
        raise ConfigError("--trials bounds a search; give --tune HOURS, too")
    command = shlex.join(["streamvision", *sys.argv[1:]])
    chosen = {key: value for key, value in given.items() if value not in (None, ())}
    if augment := {key: chosen.pop(key) for key in Augmentation.model_fields if key in chosen}:
        chosen["augment"] = augment
    if resume:
        if chosen or config or find_lr or folds:
            raise ConfigError(
                f"--resume goes on with the run's own recipe ({resume}/recipe.yaml); leave the other options out"
            )
        summary = _resume(resume, tune, trials, command=command, trust_checkpoint=trust_checkpoint)
    else:
        begin = _what_begins(find_lr, folds, tune, trials)
        recipe = load_recipe(config, chosen)
        summary = begin(recipe, project=project, name=name, command=command, trust_checkpoint=trust_checkpoint)
    if as_json:
        click.echo(json.dumps(summary))
    return 0 if summary.get("overfit", {}).get("passed", True) else 1


def _what_begins(
    find_lr: bool, folds: int | None, tune: float | None, trials: int | None
) -> Callable[..., dict[str, Any]]:
    """Return what is done with a recipe."""
    from streamvision.training.session import find_learning_rate, start_training

    if folds:
        from streamvision.training.folds import train_folds

        return partial(train_folds, folds=folds)
    if tune:
        from streamvision.training.tuning import tune as search

        return partial(search, hours=tune, trials=trials)
    return find_learning_rate if find_lr else start_training


def _resume(
    run: Path, tune: float | None, trials: int | None, *, command: str, trust_checkpoint: bool
) -> dict[str, Any]:
    """Go on with a run, with the folds of a cross-validation, or with a search."""
    from streamvision.training.folds import is_folds, resume_folds
    from streamvision.training.session import resume_training
    from streamvision.training.tuning import is_search, resume_tune

    if is_search(run):
        return resume_tune(run, hours=tune, trials=trials, command=command, trust_checkpoint=trust_checkpoint)
    if tune:
        raise ConfigError(f"{run} is no search, so that --tune cannot give it more time; leave it out")
    resume = resume_folds if is_folds(run) else resume_training
    return resume(run, command=command, trust_checkpoint=trust_checkpoint)
