"""Whether a network can learn a few pictures by heart, before it is trained on many: the first test of a training.

A network, its settings, its labels and the way it is measured that work together bring the figure of a few pictures
close to one, since there is nothing to generalise (Karpathy, "A Recipe for Training Neural Networks", 2019). Where that
fails, more pictures and more time would not help. It is no test of the labels themselves: labels that are wrong, but
always in the same way, are learnt by heart, too (Zhang et al., "Understanding Deep Learning Requires Rethinking
Generalization", ICLR 2017).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streamvision.core.files import write_whole
from streamvision.core.words import counted
from streamvision.datasets.dataset import LabelledImage
from streamvision.training.data import TrainingData
from streamvision.training.figures import title
from streamvision.training.recipe import AUGMENTATIONS, Recipe
from streamvision.training.run_folder import RunFolder

ENOUGH = {
    "skill": 0.9,
    "psnr_over_mean_db": 6.0,
    "map50_mask": 0.9,
    "map50_keypoints": 0.9,
    "map50_95": 0.6,
    "top1": 0.99,
    "mean_iou": 0.8,
    "psnr_gain_db": 1.0,
    "style_gain": 0.3,
    "iou_3d": 0.7,
    "bleu4": 0.9,
}
"""From which figure on pictures count as learnt by heart; boxes and regions are never exact to the pixel, and pictures
that are made of others only better than these. Of several the first that a network has decides. Boxes are judged over
all overlaps: from COCO's weights a YOLOX whose boxes did not learn came to an mAP50 of 0.86, an mAP50-95 of 0.53."""
CERTAIN_NATS = 0.25
"""How far a classifier's loss may be above the least that its labels allow: the true class then has a probability of
78 % in the geometric mean. Its top-1 comes in steps, and of a few pictures one that is not sure is right by luck."""
EPOCHS = 40
"""Unless the recipe says otherwise."""
FALLEN = 0.5
"""Share of the first epoch's loss below which the network learns at all."""
SMALL_PX = 8.0
"""Shorter side, as the network sees it, below which detectors find little."""
SHOWN_IDLE = 3
"""Tensors that are named."""
RISING = 0.05
"""A gain over the last quarter of the epochs from which on it was still getting better."""


@dataclass(frozen=True)
class Verdict:
    """What came of it."""

    passed: bool
    """Whether the pictures were learnt by heart."""
    sentence: str
    """That, in words."""
    look_at: tuple[str, ...]
    """What to look at next, one sentence each, the likeliest cause first."""

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {"passed": self.passed, "sentence": self.sentence, "look_at": list(self.look_at)}


def overfit_recipe(recipe: Recipe) -> Recipe:
    """Return a recipe for learning a few pictures by heart; what it says itself stays.

    Nothing is augmented, smoothed or shown more often, and an epoch is a few steps.
    """
    few: dict[str, Any] = {
        "preset": "plain",
        "epochs": EPOCHS,
        "batch": min(recipe.batch, recipe.overfit or recipe.batch),
        "patience": max(EPOCHS, recipe.epochs),
        "warmup": 1.0,
    }
    return recipe.model_copy(update={key: value for key, value in few.items() if key not in recipe.model_fields_set})


def figure_of(figures: Mapping[str, float]) -> str:
    """Return the name of the figure that decides, of an epoch's figures."""
    return next(key for key in ENOUGH if key in figures)


def is_learnt(figures: Mapping[str, float], recipe: Recipe, *, classes: int) -> bool:
    """Say whether the figures of an epoch are those of pictures that are known by heart.

    Args:
        figures: of the epoch, its losses among them.
        recipe: of the run.
        classes: how many there are.
    """
    key = figure_of(figures)
    return figures[key] >= ENOUGH[key] and (key != "top1" or _loss(figures) <= certain_loss(recipe, classes=classes))


def certain_loss(recipe: Recipe, *, classes: int) -> float:
    """Return the loss from which down a classifier is sure: its least, that of smoothed labels, and a little."""
    others = recipe.label_smoothing / max(classes, 1)
    shares = [1 - recipe.label_smoothing + others, *[others] * (classes - 1)]
    return CERTAIN_NATS - sum(share * math.log(share) for share in shares if share)


def judge(
    rows: Sequence[Mapping[str, float]], recipe: Recipe, data: TrainingData[Any], *, idle: Sequence[str] = ()
) -> Verdict:
    """Say whether a run has learnt its pictures by heart, and where not, what to look at.

    Args:
        rows: the run's curves, an epoch each.
        recipe: of the run.
        data: the pictures.
        idle: tensors that took no part, though the recipe freezes none of them. What else learns may make up for them
            with so few pictures.
    """
    key = figure_of(rows[-1])
    best = max(row[key] for row in rows)
    first, last = (_loss(row) for row in (rows[0], rows[-1]))
    about = (
        f"{title(key)} {best:.3f} on {counted(len(data.train), 'pictures')} that it was trained on for "
        f"{counted(len(rows), 'epochs')} (loss {first:.3g} in the first, {last:.3g} in the last)"
    )
    if idle:
        named = ", ".join(idle[:SHOWN_IDLE]) + (" ..." if len(idle) > SHOWN_IDLE else "")
        return Verdict(
            False,
            f"Failed: {counted(len(idle), 'tensors')} of the network did not learn ({named}), {about}.",
            (
                "The recipe freezes none of them: look at requires_grad, at what the optimizer is given, and at what "
                "the loss is computed of.",
            ),
        )
    classes = len(data.names)
    if any(is_learnt(row, recipe, classes=classes) for row in rows):
        return Verdict(
            True,
            f"Passed: it can learn these pictures by heart, {about}.",
            (
                "This says nothing of other pictures, nor that the labels are right: results.png shows what was learnt "
                "beside what is marked.",
            ),
        )
    hints = list(_hints(rows, key, recipe, data))
    enough = f"{ENOUGH[key]:g}"
    if key == "top1":
        enough += f" with a loss of at most {certain_loss(recipe, classes=classes):.2g}"
    return Verdict(False, f"Failed: it cannot learn these pictures by heart, {about}; {enough} would do.", tuple(hints))


def write_notice(recipe: Recipe, folder: RunFolder, data: TrainingData[Any], verdict: Verdict) -> None:
    """Write in place of a model card that there is no model, what was tried and what came of it."""
    lines = [
        f"# No model: {recipe.model} and {counted(len(data.train), 'pictures')} of {recipe.data.name}",
        "",
        "A trial whether a few pictures can be learnt by heart. Its weights would know these and no others, so they "
        "were not kept; train without `--overfit` to get some.",
        "",
        verdict.sentence,
        "",
        *(f"- {sentence}" for sentence in verdict.look_at),
        "",
        "## Pictures",
        "",
        *(f"- {image.path}" for image in data.train),
        *folder.command_section(),
    ]
    write_whole(folder.card, "\n".join(lines) + "\n")


def _hints(rows: Sequence[Mapping[str, float]], key: str, recipe: Recipe, data: TrainingData[Any]) -> list[str]:
    first, last = (_loss(row) for row in (rows[0], rows[-1]))
    before = rows[: max(len(rows) * 3 // 4, 1)]
    hints = []
    if len(rows) > 1 and max(row[key] for row in rows) - max(row[key] for row in before) > RISING:
        hints.append(f"It was still getting better at the end: give more than --epochs {recipe.epochs}.")
    if not math.isfinite(first + last):
        hints.append(f"The loss became infinite or no number: give less than --lr {recipe.lr:g}, or --precision fp32.")
    elif last > FALLEN * first:
        frozen = f", the frozen layers (--freeze {recipe.freeze})" if recipe.freeze else ""
        hints.append(
            f"The loss hardly fell: look at the learning rate (--lr {recipe.lr:g}; --find-lr proposes one){frozen}, "
            "and at whether pictures and labels belong together, the same each time that they are shown."
        )
    elif rows[-1][key] >= ENOUGH[key]:
        hints.append(
            f"It is right, but not sure: give more than --epochs {recipe.epochs}, or another --lr (--find-lr proposes "
            "one)."
        )
    else:
        hints.append(
            "The loss fell, but the figure did not follow: look at results.png. Found objects that lie elsewhere than "
            "marked ones, or have another class, mean that the loss and the figure are not of the same labels."
        )
    if small := _small_objects(recipe, data):
        hints.append(small)
    of_preset, own = (
        [name for name, value in given.items() if value and name != "mosaic_off_share"]
        for given in (AUGMENTATIONS[recipe.preset].model_dump(exclude=set(recipe.augment)), recipe.augment)
    )
    if of_preset:
        mixed = ", ".join(of_preset)
        hints.append(f"Pictures were augmented (--preset {recipe.preset}: {mixed}): try --preset plain.")
    if own:
        hints.append(f"Pictures were augmented ({', '.join(own)}): leave that out, as is usual here.")
    return hints


def _small_objects(recipe: Recipe, data: TrainingData[Any]) -> str | None:
    sides = [
        min(right - left, bottom - top) * recipe.imgsz / max(image.width_px, image.height_px)
        for image in data.train
        if isinstance(image, LabelledImage)
        for left, top, right, bottom in (box.box_xyxy_px for box in image.boxes if not box.ignore)
    ]
    small = sum(side < SMALL_PX for side in sides)
    if small * 10 < len(sides) or not small:
        return None
    return (
        f"{small} of {counted(len(sides), 'objects')} are narrower or lower than {SMALL_PX:g} px as the network sees "
        f"them: give more than --imgsz {recipe.imgsz}."
    )


def _loss(row: Mapping[str, float]) -> float:
    return sum(value for key, value in row.items() if key.startswith("train_loss"))
