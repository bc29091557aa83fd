"""Everything that decides how a model is trained; ``--help``, YAML recipes and the run folder follow it."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, model_validator

from streamvision.checkpoints.generator_names import GENERATORS
from streamvision.core.config.section import MAX_THREADS, Section, read_yaml, validate
from streamvision.core.errors import ConfigError
from streamvision.core.files import write_whole
from streamvision.datasets.dataset import DatasetFormat

OVERSAMPLE_MOST = 4
MOST_EPOCHS, MOST_HOURS, MOST_LR, MOST_DECAY = 1_000_000, 10_000, 10.0, 10.0
MAX_SEED = 2_000_000_000
"""NumPy's generators take 32 bits, of which repetitions and searches count on from a seed."""
PresetName = Literal["plain", "light", "road", "strong"]


class Augmentation(Section):
    """What is done to a picture before the network sees it; probabilities are per picture."""

    mosaic: float = Field(0.0, ge=0, le=1, description="Probability of four pictures in one (YOLOv4).")
    mosaic_off_share: float = Field(
        0.33, ge=0, le=1, description="Last share of the epochs without mosaic, MixUp and CutMix."
    )
    mixup: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Probability of MixUp: two pictures blended; for classifiers that of a batch, labels blended too.",
    )
    cutmix: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Probability of CutMix: a part of one pasted into another; for classifiers that of a batch.",
    )
    rand_augment: int = Field(
        0,
        ge=0,
        le=4,
        description="RandAugment: random operations on brightness, colour and sharpness per picture; for classifiers "
        "rotation, shear and shifts, too.",
    )
    flip: float = Field(0.0, ge=0, le=1, description="Probability of a left-right flip.")
    hue: float = Field(0.0, ge=0, le=0.5, description="Largest change of hue, as a part of the circle.")
    saturation: float = Field(0.0, ge=0, le=1, description="Largest relative change of saturation.")
    brightness: float = Field(0.0, ge=0, le=1, description="Largest relative change of brightness.")
    rotate_deg: float = Field(0.0, ge=0, le=45, description="Largest rotation, in degrees.")
    translate: float = Field(0.0, ge=0, le=0.5, description="Largest shift, as a part of the picture.")
    scale: float = Field(0.0, ge=0, lt=1, description="Largest relative change of size.")
    perspective: float = Field(0.0, ge=0, le=0.001, description="Largest perspective coefficient.")


AUGMENTATIONS: dict[str, Augmentation] = {
    "plain": Augmentation(),
    "light": Augmentation(flip=0.5, hue=0.01, saturation=0.3, brightness=0.3, translate=0.05, scale=0.2),
    # Signs point left and right, so they are not flipped here; see a recipe's `augment` to change that.
    "road": Augmentation(
        mosaic=0.6,
        hue=0.015,
        saturation=0.6,
        brightness=0.4,
        rotate_deg=3,
        translate=0.1,
        scale=0.5,
        perspective=0.0003,
    ),
    "strong": Augmentation(
        mosaic=1.0,
        mixup=0.1,
        cutmix=0.1,
        rand_augment=2,
        flip=0.5,
        hue=0.02,
        saturation=0.7,
        brightness=0.4,
        rotate_deg=5,
        translate=0.15,
        scale=0.6,
        perspective=0.0005,
    ),
}
"""What each name stands for."""


class Recipe(Section):
    """One training run, in words that do not depend on the trainer."""

    data: Path = Field(
        description="Folder of labelled pictures in any format, or a data.yaml; for scenes one with images/ and "
        "masks/, for pictures of pictures any, or inputs/ and targets/, for deep3dbox one as KITTI's with calib/, for "
        "classifiers one with a folder for each class, or a CSV table (filename,class), or of several answers each "
        "(filename,weather,distance [m]), for the captioner one (filename,caption) or COCO's captions."
    )
    format: DatasetFormat | None = Field(None, description="Format of data; default: by its files.")
    add: tuple[Path, ...] = Field(
        (),
        description="Folder of labelled pictures that are learnt from, too, and never held out with those of data: "
        "collected ones, or any data set; classes go by their names.",
    )
    split: Path | None = Field(
        None, description="split.json of an earlier run: what it held out stays held out; default: that of --model's."
    )
    model: str = Field(
        description="Weights to begin from (.pt), or the name of an architecture: unet, smp/FAMILY@ENCODER, denoiser, "
        "edsr_x2 (x4), pix2pix, style, deep3dbox, captioner, vae, dcgan, yolox_nano (tiny, s, m, l), one of "
        "torchvision's, one of ultralytics' (yolo11n.yaml), a small one (lenet, small_xception, pilotnet), timm/NAME, "
        "or your own package.module:function, which is imported, called with the number of classes and returns a "
        "torch.nn.Module."
    )
    weights: Path | None = Field(None, description="Weights for an architecture that was given by its name.")
    partial_weights: bool = Field(
        False, description="Begin from weights of which more than the head does not fit; the rest begins from nothing."
    )
    epochs: int = Field(50, ge=1, le=MOST_EPOCHS, description="Times that every picture is seen.")
    hours: float | None = Field(
        None,
        gt=0,
        le=MOST_HOURS,
        description="Longest training time; the epochs are fitted into it, and one that takes longer is cut.",
    )
    imgsz: int = Field(
        416,
        ge=32,
        le=4096,
        description="Longer side of the pictures as the network sees them, in px; for classifiers the square's side, "
        "and unless given that of the architecture's published weights (224 for most); unless given 160 for captioner, "
        "96 for the squares that pictures of pictures are learnt from (128 for style), 64 for deep3dbox, 32 for vae "
        "and dcgan.",
    )
    batch: int = Field(16, ge=1, le=4096, description="Pictures per step.")
    freeze: int = Field(0, ge=0, description="Layers with weights, from the picture on, that do not learn at first.")
    unfreeze_at: int | None = Field(None, ge=1, description="Epoch before which the frozen layers stay frozen.")
    unfreeze_layers: int | None = Field(
        None,
        ge=1,
        description="How many of the frozen layers learn from unfreeze_at on, counted from the last frozen one "
        "(nearest to the result) towards the picture; default: all of them.",
    )
    lr: float = Field(1e-3, gt=0, le=MOST_LR, description="Highest learning rate (AdamW).")
    unfreeze_lr: float | None = Field(
        None,
        gt=0,
        le=MOST_LR,
        description="Highest learning rate from unfreeze_at on, with a warm-up and cosine of its own.",
    )
    final_lr: float = Field(0.01, gt=0, le=1, description="Last learning rate, as a part of the highest (cosine).")
    warmup: float = Field(
        2.0,
        ge=0,
        le=MOST_EPOCHS,
        description="Epochs in which the learning rate rises from zero; half of the run at most.",
    )
    weight_decay: float = Field(5e-4, ge=0, le=MOST_DECAY, description="Decoupled weight decay.")
    average_epochs: float | None = Field(
        None,
        gt=0,
        le=1000,
        description="Over about how many of the last epochs the weights that are kept and measured are averaged "
        "(YOLOX, dcgan); default: 2, for dcgan 10. With a rate that stays high (final_lr: 1), longer averages find "
        "more.",
    )
    label_smoothing: float = Field(
        0.0,
        ge=0,
        lt=0.5,
        description="Share of certainty that classifiers, networks for scenes and the captioner give to all alike.",
    )
    dropout: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="Share of a classifier's features that are dropped at random in training, in place of the rates "
        "that the network brings; where it has no such layer, before the one with the classes.",
    )
    preset: PresetName = Field("light", description="Named set of augmentations.")
    augment: dict[str, float] = Field(default_factory=dict, description="Changes to the preset, by augmentation.")
    balance: Literal["none", "oversample", "class-weights"] = Field(
        "none",
        description="What is done for rare classes: show their pictures more often, or weigh their loss by the square "
        "root of their rarity (classifiers and ultralytics models).",
    )
    oversample_most: int = Field(
        OVERSAMPLE_MOST, ge=1, le=16, description="Most times that a picture is shown in an epoch."
    )
    answers: tuple[str, ...] = Field(
        (),
        description="Column of the CSV table that one network learns with others: one of classes at most, and one of "
        "numbers at least; default: all of a table whose columns have names of their own.",
    )
    answer_weights: dict[str, float] = Field(
        default_factory=dict,
        description="Weight of each answer's loss, by column; default: 1, as numbers are shares of their spread.",
    )
    init_classes: dict[str, str] = Field(
        default_factory=dict,
        description="Class of the data set -> class of the weights whose detector it begins from.",
    )
    generated: int = Field(
        0, ge=0, le=100_000, description="Pictures of the synthetic drive that are added to those to learn from."
    )
    noise: float | None = Field(
        None,
        ge=0,
        le=255,
        description="Standard deviation, in levels of 0..255, of the noise that a denoiser or another network that "
        "makes pictures of pictures learns to remove: each part of a picture gets up to so much, held-out pictures all "
        "of it; default: 25 for denoiser, 0 for others.",
    )
    adversarial: float | None = Field(
        None,
        ge=0,
        le=1000,
        description="Weight of a discriminator that learns beside a network which makes pictures, where the mean "
        "absolute difference has 1; more looks more real, and is less like the truth; default: 0.01 for pix2pix, 0 "
        "(none) for others.",
    )
    perceptual: float | None = Field(
        None,
        gt=0,
        le=1000,
        description="Weight of a perceptual loss, the difference of what another network finds in the pictures made "
        "and the true ones, as a share of that, where the mean absolute difference has 1; more looks sharper, and is "
        "less like the truth; default: none.",
    )
    features: str | None = Field(
        None,
        max_length=4096,
        description="Network whose features a perceptual loss or that of a style compares, or by which drawn pictures "
        "are compared with held-out ones (vae, dcgan): a YOLOX (.onnx, .pth, best.pt) or torchvision's weights of a "
        "VGG (.pth), for drawn ones also an ONNX model of embeddings; default: road_signs_yolox, which ships.",
    )
    style: Path | None = Field(
        None, description="Picture in whose style the network of model style learns to paint, in its own size."
    )
    style_weight: float | None = Field(
        None,
        gt=0,
        le=1000,
        description="Weight of the difference in style, where that in content has 1; default: 3.",
    )
    reverse: bool = Field(False, description="Learn to make pictures of inputs/ of those of targets/.")
    val_share: float = Field(0.15, gt=0, lt=1, description="Pictures held out where the data set has no split.")
    fold: str | None = Field(
        None,
        max_length=20,
        description="Hold out one of several equal parts, such as 2/5, the second of five; any split that the data set "
        "has is passed over. Trained once for each, every picture is held out once (cross-validation).",
    )
    overfit: int | None = Field(
        None,
        ge=2,
        le=1000,
        description="Only try whether so many pictures can be learnt by heart: they are trained on, measured, and "
        "judged in a sentence. Weights are not kept.",
    )
    patience: int = Field(30, ge=1, description="Epochs without a better model after which training stops.")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="Arithmetic of the network; auto: bf16 where the processor has it. The loss is fp32."
    )
    onnx_megabytes: float | None = Field(
        None,
        gt=0,
        le=1_000_000,
        description="Largest size of the exported ONNX file; weights are stored in fewer bits to meet it.",
    )
    onnx_size: tuple[int, int] | None = Field(
        None, description="Width and height that the exported ONNX prefers, multiples of 32; default: imgsz squared."
    )
    device: str = Field("auto", description="auto, cpu, or cuda[:N].")
    threads: int | None = Field(None, ge=1, le=MAX_THREADS, description="CPU threads; default: all.")
    seed: int = Field(0, ge=0, le=MAX_SEED, description="Seed of the split, the weights and the augmentations.")

    @model_validator(mode="after")
    def _check(self) -> Recipe:
        if self.unfreeze_at and not self.freeze:
            raise ValueError("unfreeze_at needs freeze: give the number of layers that are frozen until then")
        if self.unfreeze_layers and not self.unfreeze_at:
            raise ValueError("unfreeze_layers needs unfreeze_at: give the epoch from which these layers learn")
        if self.overfit and self.generated:
            raise ValueError("overfit learns a few pictures of the data set by heart; leave generated out")
        drawn = self.model in GENERATORS
        if self.features is not None and self.perceptual is None and self.style is None and not drawn:
            raise ValueError(
                "features names the network of a perceptual loss or of a style: give perceptual, its weight, too, or "
                "leave it out"
            )
        if self.unfreeze_lr and not self.unfreeze_at:
            raise ValueError("unfreeze_lr needs unfreeze_at: give the epoch from which it holds")
        if self.oversample_most != OVERSAMPLE_MOST and self.balance != "oversample":
            raise ValueError("oversample_most bounds how often rare classes are shown; give balance: oversample, too")
        unknown = set(self.augment) - set(Augmentation.model_fields)
        if unknown:
            raise ValueError(f"augment: unknown {sorted(unknown)}; known: {', '.join(Augmentation.model_fields)}")
        augmentation = self.augmentation()
        if "mosaic_off_share" in self.augment and not (
            augmentation.mosaic or augmentation.mixup or augmentation.cutmix
        ):
            raise ValueError(
                "augment: mosaic_off_share ends mosaic, mixup and cutmix, none of which is on; leave it out"
            )
        if any(not math.isfinite(weight) or weight < 0 for weight in self.answer_weights.values()):
            raise ValueError("answer_weights are factors of losses; give numbers from 0")
        if self.fold is not None and not (
            re.fullmatch(r"[1-9][0-9]?/[1-9][0-9]?", self.fold)
            and self.fold_numbers()[0] <= self.fold_numbers()[1] >= 2
        ):
            raise ValueError(f"fold is {self.fold!r}; give which part of how many, such as 2/5, of 2 to 99 parts")
        if self.onnx_size and any(side < 32 or side % 32 for side in self.onnx_size):
            raise ValueError(f"onnx_size is {list(self.onnx_size)}; give multiples of 32")
        return self

    def fold_numbers(self) -> tuple[int, int]:
        """Return which part is held out, from 1, and of how many; 1 of 1 where there is no :attr:`fold`."""
        number, _, count = (self.fold or "1/1").partition("/")
        return int(number), int(count)

    def augmentation(self) -> Augmentation:
        """Return the preset with the recipe's own changes."""
        return Augmentation.model_validate(AUGMENTATIONS[self.preset].model_dump() | self.augment)


def load_recipe(path: Path | None, given: dict[str, Any], *, origin: str = "command line") -> Recipe:
    """Join a YAML recipe and what was given beside it (``origin`` says where), which wins.

    Relative paths in the file count from the present folder, as on the command line. Of ``augment`` each key counts by
    itself.

    Raises:
        ConfigError: when the file cannot be read, or a key or value is not accepted.
    """
    from streamvision.training.earlier_run import with_earlier_run  # which reads recipes, too

    document = read_yaml(path, Recipe, kind="recipe") if path else {}
    if isinstance(document.get("augment"), dict) and "augment" in given:
        given = given | {"augment": document["augment"] | given["augment"]}
    document = with_earlier_run(document | given, origin=str(path or origin))
    earlier = ", or go on from an earlier run with --model RUN/weights/best.pt" if document.get("add") else ""
    for key, option in (("data", "--data DIR"), ("model", "--model NAME|WEIGHTS")):
        if key not in document:
            raise ConfigError(f"no {key} was given; give it with {option} or in a --config recipe{earlier}")
    return validate(Recipe, document, origin=str(path or origin))


def write_recipe(recipe: Recipe, path: Path) -> None:
    """Write a recipe as YAML that :func:`load_recipe` reads."""
    write_whole(path, yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False))
