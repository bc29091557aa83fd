"""Who trains a model: one record for each trainer, with the settings of a recipe that it knows and its licence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamvision.checkpoints.generator_names import DCGAN, GENERATORS, VAE
from streamvision.checkpoints.other_classifiers import is_other_classifier
from streamvision.checkpoints.picture_names import PICTURE_NETWORKS, STYLE
from streamvision.checkpoints.scene_networks import is_scene_network
from streamvision.checkpoints.yolox_scales import SCALES
from streamvision.core.errors import ConfigError
from streamvision.datasets.answer_table import is_answer_table
from streamvision.training.model_names import DETECTORS, KEYPOINT_DETECTORS, MASK_DETECTORS, classifiers
from streamvision.training.pictures.choices import is_to_look_real
from streamvision.training.recipe import Recipe

if TYPE_CHECKING:
    from streamvision.training.data import TrainingData
    from streamvision.training.run_folder import RunFolder
    from streamvision.training.torch_run import TorchRun

    Parts = tuple[Callable[[RunFolder, Recipe], TrainingData[Any]], type[TorchRun]]

_YOURS = "yours to choose, as far as the data and the weights it began from allow"
TRIALS = ("overfit", "find_lr", "folds", "seeds", "tune", "add")
"""What can be asked of a trainer beside one training: all of them take it, but for :attr:`Trainer.refusals`."""


@dataclass(frozen=True)
class Refusal:
    """What makes no sense with a trainer."""

    trial: str
    """One of :data:`TRIALS`."""
    why: str
    """The end of a sentence."""
    only: str = ""
    """Where it makes none, in words; empty for everywhere."""
    holds: Callable[[Recipe], bool] = lambda recipe: True
    """Whether a recipe is such a case."""


@dataclass(frozen=True)
class Trainer:
    """Who trains some models, and how."""

    name: str
    words: str
    """Its models, as sentences call them."""
    task: str | None
    """What the models do; ``None`` where each says that itself."""
    licence: str
    """Of the weights, in a sentence."""
    load: Callable[[], Parts] | None = None
    """Returns what reads the data, and the run; imports torch. ``None`` for ultralytics, which has its own loop."""
    settings: frozenset[str] = field(default_factory=frozenset)
    """What it knows of :data:`SETTINGS`."""
    side_px: int | None = None
    """Side that its networks take where a recipe gives none; ``None`` for its default, or the network's own."""
    refusals: tuple[Refusal, ...] = ()
    """What of :data:`TRIALS` it is not for."""


def _scenes() -> Parts:
    from streamvision.training.data import prepare_regions
    from streamvision.training.semantic_run import SemanticRun

    return prepare_regions, SemanticRun


def _pictures() -> Parts:
    from streamvision.training.pictures.data import prepare_pictures
    from streamvision.training.pictures.run import PictureRun

    return prepare_pictures, PictureRun


def _style() -> Parts:
    from streamvision.training.pictures.data import prepare_pictures
    from streamvision.training.pictures.style_run import StyleRun

    return prepare_pictures, StyleRun


def _deep3dbox() -> Parts:
    from streamvision.training.cuboid.data import prepare_cuboids
    from streamvision.training.cuboid.run import CuboidRun

    return prepare_cuboids, CuboidRun


def _classifier() -> Parts:
    from streamvision.training.data import prepare_classes
    from streamvision.training.torchvision_run import ClassifierRun

    return prepare_classes, ClassifierRun


def _answers() -> Parts:
    from streamvision.training.answers.data import prepare_answers
    from streamvision.training.answers.run import AnswersRun

    return prepare_answers, AnswersRun


def _vae() -> Parts:
    from streamvision.training.generators.data import prepare_squares
    from streamvision.training.generators.vae_run import VaeRun

    return prepare_squares, VaeRun


def _dcgan() -> Parts:
    from streamvision.training.generators.data import prepare_squares
    from streamvision.training.generators.dcgan_run import DcganRun

    return prepare_squares, DcganRun


def _detector() -> Parts:
    from streamvision.training.data import prepare_objects
    from streamvision.training.torchvision_run import DetectorRun

    return prepare_objects, DetectorRun


def _keypoints() -> Parts:
    from streamvision.training.data import prepare_objects
    from streamvision.training.keypoint_run import KeypointRun

    return partial(prepare_objects, by="keypoints"), KeypointRun


def _masks() -> Parts:
    from streamvision.training.data import prepare_objects
    from streamvision.training.mask_run import MaskRun

    return partial(prepare_objects, by="mask"), MaskRun


def _yolox() -> Parts:
    from streamvision.training.data import prepare_objects
    from streamvision.training.yolox_run import YoloxRun

    return prepare_objects, YoloxRun


def _captioner() -> Parts:
    from streamvision.training.captions.data import prepare_captions
    from streamvision.training.captions.run import CaptionRun

    return prepare_captions, CaptionRun


ANSWERS = "answers"
_OVERSAMPLE = "balance: oversample"
_OF_BOXES = ("format", "onnx_size", "generated", "mosaic", "mixup", "cutmix", "rand_augment", _OVERSAMPLE)
_OF_CLASSES = ("balance: class-weights", "dropout", _OVERSAMPLE)
_OF_PLACE = ("rotate_deg", "translate", "scale", "perspective")
TRAINERS: tuple[Trainer, ...] = (
    Trainer(
        "scenes",  # ours, torchvision's, those of segmentation-models-pytorch
        "networks for scenes",
        "semantic",
        f"{_YOURS} (torchvision is BSD-3-Clause, segmentation-models-pytorch MIT).",
        _scenes,
        frozenset((*_OF_PLACE, _OVERSAMPLE, "label_smoothing", "onnx_size", "rand_augment", "unfreeze_lr")),
    ),
    Trainer(
        "deep3dbox",
        "deep3dbox",
        "cuboid",
        f"{_YOURS}.",
        _deep3dbox,
        frozenset((_OVERSAMPLE, "translate", "unfreeze_lr")),
        side_px=64,
    ),
    Trainer(
        "pictures",
        "networks that make pictures of pictures",
        "image",
        f"{_YOURS}.",
        _pictures,
        frozenset(("noise", "adversarial", "perceptual", "features", "onnx_size", "reverse", "unfreeze_lr")),
        side_px=96,
        refusals=(
            Refusal(
                "tune",
                "what looks real need not have a high PSNR, so that no figure tells what is better; give adversarial 0 "
                "and no perceptual",
                "with a discriminator or a perceptual loss",
                is_to_look_real,
            ),
        ),
    ),
    Trainer(
        STYLE,
        "the network of a style",
        "image",
        f"{_YOURS}, and the picture whose style it is.",
        _style,
        frozenset(("features", "onnx_size", "style", "style_weight", "unfreeze_lr")),
        side_px=128,
    ),
    Trainer(
        "captioner",
        "the captioner",
        "caption",
        f"{_YOURS}.",
        _captioner,
        frozenset((*_OF_PLACE, _OVERSAMPLE, "label_smoothing", "rand_augment", "unfreeze_lr")),
        side_px=160,
    ),
    Trainer(
        "classifier",  # ours, torchvision's, timm's, the user's
        "classifiers",
        "classify",
        f"{_YOURS} (torchvision is BSD-3-Clause, timm Apache-2.0).",
        _classifier,
        frozenset((*_OF_CLASSES, *_OF_PLACE, "label_smoothing", "rand_augment", "mixup", "cutmix", "unfreeze_lr")),
    ),
    Trainer(
        ANSWERS,  # the same networks, for a table with several answers
        "classifiers that learn from a table of answers",
        "classify",
        f"{_YOURS} (torchvision is BSD-3-Clause, timm Apache-2.0).",
        _answers,
        frozenset((*_OF_PLACE, _OVERSAMPLE, "answers", "answer_weights", "dropout", "rand_augment", "unfreeze_lr")),
    ),
    Trainer(
        VAE,
        VAE,
        "image",
        f"{_YOURS}.",
        _vae,
        frozenset((*_OF_PLACE, _OVERSAMPLE, "rand_augment", "unfreeze_lr", "features")),
        side_px=32,
    ),
    Trainer(
        DCGAN,
        DCGAN,
        "generate",
        f"{_YOURS}.",
        _dcgan,
        frozenset((*_OF_PLACE, _OVERSAMPLE, "rand_augment", "unfreeze_lr", "features", "average_epochs")),
        refusals=(
            Refusal("overfit", "it makes no picture again, so that none is learnt by heart; try --model vae"),
            Refusal("find_lr", "what one of its networks loses the other wins, so that no loss tells a good rate"),
            Refusal("tune", "its figure in a short trial does not tell how far it will come"),
        ),
        side_px=32,
    ),
    Trainer(
        "detector",
        "torchvision's detectors",
        "detect",
        f"{_YOURS} (torchvision is BSD-3-Clause).",
        _detector,
        frozenset((*_OF_BOXES, *_OF_PLACE, "unfreeze_lr")),
    ),
    Trainer(
        "keypoints",
        "Keypoint R-CNN",
        "pose",
        f"{_YOURS} (torchvision is BSD-3-Clause).",
        _keypoints,
        frozenset((*_OF_PLACE, _OVERSAMPLE, "format", "onnx_size", "rand_augment", "unfreeze_lr")),
    ),
    Trainer(
        "masks",
        "Mask R-CNN",
        "segment",
        f"{_YOURS} (torchvision is BSD-3-Clause).",
        _masks,
        frozenset((*_OF_PLACE, _OVERSAMPLE, "format", "onnx_size", "rand_augment", "unfreeze_lr")),
    ),
    Trainer(
        "yolox",
        "YOLOX",
        "detect",
        f"{_YOURS} (YOLOX' own are Apache-2.0).",
        _yolox,
        frozenset((*_OF_BOXES, *_OF_PLACE, "average_epochs", "init_classes", "unfreeze_lr")),
    ),
    Trainer(
        "ultralytics",  # whatever ultralytics trains
        "ultralytics models",
        None,
        "AGPL-3.0, as they were made with ultralytics (https://ultralytics.com/license).",
        settings=frozenset((*_OF_BOXES, *_OF_CLASSES, *_OF_PLACE, "init_classes")),
    ),
)


def _is_true(setting: str, recipe: Recipe) -> bool:
    return bool(getattr(recipe, setting))


def _is_given(setting: str, recipe: Recipe) -> bool:
    return getattr(recipe, setting) is not None


def _is_asked_for(augmentation: str, recipe: Recipe) -> bool:
    return bool(recipe.augment.get(augmentation))


_TRUE = ("init_classes", "generated", "label_smoothing", "answers", "answer_weights", "reverse")
_GIVEN = ("format", "onnx_size", "dropout", "unfreeze_lr", "noise", "adversarial", "perceptual", "features", "style")
SETTINGS: dict[str, Callable[[Recipe], bool]] = {
    "balance: class-weights": lambda recipe: recipe.balance == "class-weights",
    "balance: oversample": lambda recipe: recipe.balance == "oversample",
    **{name: partial(_is_true, name) for name in _TRUE},
    **{name: partial(_is_given, name) for name in (*_GIVEN, "style_weight", "average_epochs")},
    # A preset may bring these along for whom they are for; asked for by name they must do something.
    **{name: partial(_is_asked_for, name) for name in ("mosaic", "mixup", "cutmix", "rand_augment", *_OF_PLACE)},
}
"""Settings that only some trainers know, with whether a recipe gives them."""


def trainer_for(recipe: Recipe) -> Trainer:
    """Return who trains what a recipe asks for: its model, and for classifiers the columns of its table.

    Raises:
        MissingDependencyError: as :func:`trainer_of` does.
    """
    trainer = trainer_of(recipe.model)
    if trainer.name == "classifier" and (recipe.answers or is_answer_table(recipe.data)):
        return next(trainer for trainer in TRAINERS if trainer.name == ANSWERS)
    return trainer


def trainer_of(model: str) -> Trainer:
    """Return who trains a model that is given as in recipes.

    Raises:
        MissingDependencyError: when it may be a name of torchvision's and that is not installed.
    """
    name = _name_of(model)
    return next(trainer for trainer in TRAINERS if trainer.name == name)


def _name_of(model: str) -> str:
    if is_scene_network(model):
        return "scenes"
    if model in ("deep3dbox", "captioner", STYLE, *GENERATORS):
        return model
    if model in PICTURE_NETWORKS:
        return "pictures"
    if model in SCALES:
        return "yolox"
    if model in DETECTORS:
        return "detector"
    if model in KEYPOINT_DETECTORS:
        return "keypoints"
    if model in MASK_DETECTORS:
        return "masks"
    if is_other_classifier(model):
        return "classifier"
    # A name without an ending may also be a file of ultralytics without its ending.
    if Path(model).suffix or Path(model).with_suffix(".pt").is_file():
        return "ultralytics"
    return "classifier" if model in classifiers() else "ultralytics"


def check_settings(recipe: Recipe, trainer: Trainer, *, trial: str | None = None) -> None:
    """Refuse settings that the model's trainer would pass over in silence, and what makes no sense with it.

    Args:
        recipe: what to do.
        trainer: of the model.
        trial: what of :data:`TRIALS` the recipe does not say itself.

    Raises:
        ConfigError: naming the setting and whom it is for.
    """
    asked = {
        trial,
        "overfit" if recipe.overfit else None,
        "add" if recipe.add else None,
        "folds" if recipe.fold else None,
    }
    for one in trainer.refusals:
        if one.trial in asked and one.holds(recipe):
            raise ConfigError(f"{one.trial} is not for {trainer.words}{f' {one.only}' if one.only else ''}: {one.why}")
    for setting, is_given in SETTINGS.items():
        if setting not in trainer.settings and is_given(recipe):
            *first, last = (one.words for one in TRAINERS if setting in one.settings)
            others = f"{', '.join(first)} and {last}" if first else last
            raise ConfigError(f"{setting} works with {others} only; leave it out for {trainer.words}")
    if recipe.batch == 1 and trainer.load is not None:
        raise ConfigError("batch 1 leaves batch statistics nothing to compare; give --batch 2 or more")
