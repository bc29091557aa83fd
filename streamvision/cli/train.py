"""``streamvision train``: labelled pictures in, weights and a run folder out."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from streamvision.cli.dataset_options import FORMAT_NAMES
from streamvision.cli.options import field_option, trust_option
from streamvision.cli.sections import together
from streamvision.core.errors import ConfigError
from streamvision.training.recipe import Augmentation, Recipe, load_recipe

NOT_OPTIONS = {"augment", "init_classes", "onnx_size"}
"""Settings with structure, which only recipes have."""
_CHOICES: dict[str, dict[str, Any]] = {
    "format": {"type": FORMAT_NAMES},
    "add": {"multiple": True, "metavar": "DIR"},
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
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document on stdout.")
def train(
    config: Path | None,
    project: Path,
    name: str | None,
    resume: Path | None,
    trust_checkpoint: bool,
    find_lr: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Train a model on labelled pictures: objects, scenes (unet) or classes of whole pictures.

    Nothing is downloaded: weights to begin from are files that you give.

    \b
    Examples:
      streamvision train --data signs/ --model yolov8n.pt --epochs 50 --imgsz 416 --freeze 10 --unfreeze-at 5
      streamvision train --config recipe.yaml --data signs/
      streamvision train --resume runs/train/yolov8n-1
      streamvision train --data signs/ --model yolox_nano --weights yolox_nano.onnx --preset road
      streamvision train --model runs/train/yolov8n-1/weights/best.pt --add collected --epochs 10 --lr 0.0005
      streamvision train --data signs/ --model ssdlite320_mobilenet_v3_large --imgsz 320 --preset strong
      streamvision train --data road/ --model unet --imgsz 320 --lr 0.003
      streamvision train --data signs/ --model small_xception --rand-augment 1 --balance class-weights
      streamvision train --data labels.csv --model mypackage.nets:build --imgsz 64
      streamvision train --data flowers/ --model resnet18 --weights resnet18.pth --freeze 100 --unfreeze-at 4 \\
        --unfreeze-layers 2 --balance class-weights --mixup 0.3 --cutmix 0.3
    """
    from streamvision.training.session import find_learning_rate, resume_training, start_training

    command = shlex.join(["streamvision", *sys.argv[1:]])
    chosen = {key: value for key, value in given.items() if value not in (None, ())}
    if augment := {key: chosen.pop(key) for key in Augmentation.model_fields if key in chosen}:
        chosen["augment"] = augment
    if resume:
        if chosen or config:
            raise ConfigError(
                f"--resume goes on with the run's own recipe ({resume}/recipe.yaml); leave the other options out"
            )
        summary = resume_training(resume, command=command, trust_checkpoint=trust_checkpoint)
    else:
        recipe = load_recipe(config, chosen)
        begin = find_learning_rate if find_lr else start_training
        summary = begin(recipe, project=project, name=name, command=command, trust_checkpoint=trust_checkpoint)
    if as_json:
        click.echo(json.dumps(summary))
    return 0
