"""Which trainer a model belongs to, which settings of a recipe each has use for, and the licence of its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from streamvision.checkpoints.other_classifiers import is_other_classifier
from streamvision.checkpoints.yolox_scales import SCALES
from streamvision.core.errors import ConfigError
from streamvision.training.model_names import DETECTORS, classifiers
from streamvision.training.recipe import Recipe

Family = Literal["unet", "classifier", "detector", "yolox", "ultralytics"]
"""Our U-Net; classifiers (ours, torchvision's, timm's, the user's); torchvision's detectors; YOLOX; whatever
ultralytics trains."""
_YOURS = "yours to choose, as far as the data and the weights it began from allow"
LICENCES: dict[Family, str] = {
    "unet": f"{_YOURS}.",
    "classifier": f"{_YOURS} (torchvision is BSD-3-Clause, timm Apache-2.0).",
    "detector": f"{_YOURS} (torchvision is BSD-3-Clause).",
    "yolox": f"{_YOURS} (YOLOX' own are Apache-2.0).",
    "ultralytics": "AGPL-3.0, as they were made with ultralytics (https://ultralytics.com/license).",
}
"""Of the weights, in a sentence."""
_WORDS: dict[Family, str] = {
    "unet": "unet",
    "classifier": "classifiers",
    "detector": "torchvision's detectors",
    "yolox": "YOLOX",
    "ultralytics": "ultralytics models",
}
_ONLY_FOR: dict[str, tuple[Family, ...]] = {
    "init_classes": ("yolox", "ultralytics"),
    "balance: class-weights": ("classifier", "ultralytics"),
    "format": ("detector", "yolox", "ultralytics"),
    "add": ("classifier", "detector", "yolox", "ultralytics"),
    "generated": ("detector", "yolox", "ultralytics"),
    "label_smoothing": ("unet", "classifier"),
    "dropout": ("classifier", "ultralytics"),
    "unfreeze_lr": ("unet", "classifier", "detector", "yolox"),
    "average_epochs": ("yolox",),
    "mosaic": ("detector", "yolox", "ultralytics"),
    "mixup": ("classifier", "detector", "yolox", "ultralytics"),
    "cutmix": ("classifier", "detector", "yolox", "ultralytics"),
}
"""Settings that only some trainers know."""


def family_of(model: str) -> Family:
    """Return who trains a model that is given as in recipes.

    Raises:
        MissingDependencyError: when it may be a name of torchvision's and that is not installed.
    """
    if model == "unet":
        return "unet"
    if model in SCALES:
        return "yolox"
    if model in DETECTORS:
        return "detector"
    if is_other_classifier(model):
        return "classifier"
    # A name without an ending may also be a file of ultralytics without its ending.
    if Path(model).suffix or Path(model).with_suffix(".pt").is_file():
        return "ultralytics"
    return "classifier" if model in classifiers() else "ultralytics"


def check_settings(recipe: Recipe, family: Family) -> None:
    """Refuse settings that the model's trainer would pass over in silence.

    Raises:
        ConfigError: naming the setting and whom it is for.
    """
    given = {
        "init_classes": bool(recipe.init_classes),
        "balance: class-weights": recipe.balance == "class-weights",
        "format": recipe.format is not None,
        "add": bool(recipe.add),
        "generated": bool(recipe.generated),
        "label_smoothing": bool(recipe.label_smoothing),
        "dropout": recipe.dropout is not None,
        "unfreeze_lr": recipe.unfreeze_lr is not None,
        "average_epochs": recipe.average_epochs is not None,
        # A preset may bring these along for whom they are for; asked for by name they must do something.
        **{name: bool(recipe.augment.get(name)) for name in ("mosaic", "mixup", "cutmix")},
    }
    for setting, known in _ONLY_FOR.items():
        if given[setting] and family not in known:
            *first, last = (_WORDS[one] for one in known)
            others = f"{', '.join(first)} and {last}" if first else last
            raise ConfigError(f"{setting} works with {others} only; leave it out for {_WORDS[family]}")
    if recipe.batch == 1 and family != "ultralytics":
        raise ConfigError("batch 1 leaves batch statistics nothing to compare; give --batch 2 or more")
