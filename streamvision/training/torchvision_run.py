"""Trains torchvision's detectors, and classifiers: the permissive path. Nothing is fetched.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch

from streamvision.checkpoints.torchvision import TorchvisionSource, input_card
from streamvision.checkpoints.torchvision_build import (
    INCEPTIONS,
    TorchvisionNetwork,
    as_classifier,
    class_tensors,
    create,
    input_sizes,
    normalisation,
    published_side_px,
    stretches,
    without_memory,
)
from streamvision.core.errors import ConfigError
from streamvision.datasets.dataset import Dataset, NamedPictures
from streamvision.evaluation.class_names import match_classes
from streamvision.evaluation.classify import TOP, evaluate_classifier
from streamvision.evaluation.coco_metrics import coco_figures
from streamvision.evaluation.predictions import Predictions, predict
from streamvision.inference.letterbox import rounded_up
from streamvision.inference.model import Model
from streamvision.training.batches import ClassSamples, DetectionSamples
from streamvision.training.class_loss import class_weights
from streamvision.training.torch_run import TorchRun, flattened, forget_statistics_soon

REGIONS, LEAST_REGIONS, REGIONS_PX = 128, 32, 416
"""Regions of a picture that an R-CNN's heads learn from, a quarter of them around objects. With torchvision's 512 a
step of Faster R-CNN takes three times as long, and a picture may cost a teraflop in the head of keypoints. Pictures
whose longer side is below the last number, in pixels, have fewer in proportion: there is less to see on them."""
SSD300_LEAST_PX = 300
"""Its last convolutions have no padding, and nothing is left of smaller pictures."""


class DetectorRun(TorchRun):
    """One run of a detector. ``freeze`` counts its backbone's blocks."""

    task: Literal["detect", "segment", "pose"] = "detect"
    figure = "map50_95"

    def _read_samples(self) -> DetectionSamples:
        return DetectionSamples(self._data.train, side_px=self._recipe.imgsz)

    def _build(self, weights: Path | None) -> tuple[Any, str]:
        model = build_detector(self._recipe.model, classes=len(self._data.names), side_px=self._recipe.imgsz)
        return model, self._begin(model, weights, head=class_tensors(self._recipe.model))

    def _blocks(self) -> list[Any]:
        return _backbone_blocks(self._model)

    def _loss(self, batch: Any) -> Any:
        pictures, targets = batch
        pictures = [picture.to(self._device) for picture in pictures]
        targets = [{key: value.to(self._device) for key, value in target.items()} for target in targets]
        # The loss is part of the network and computes as it does, so that bfloat16 must be asked for here.
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._recipe.precision == "bf16"):
            return sum(self._model(pictures, targets).values())

    def _validate(self) -> dict[str, float]:
        figures = coco_figures(self._predictions())
        return {"map50": figures.map50, "map50_95": figures.map50_95}

    def _predictions(self) -> Predictions:
        """Return what the network finds on the held-out pictures."""
        held_out = Dataset(self._data.names, self._data.val)
        with self._as_detector() as detector:
            return predict(detector, held_out, match_classes(held_out, self._data.names))

    def _as_detector(self) -> Model:
        """Open the network as its finished file will be, so that it is measured by the runtime's own way."""
        recipe, points = self._recipe, self._keypoint_names()
        described = TorchvisionNetwork(
            network=self._model,
            name=recipe.model,
            kind=self.task,
            names=self._data.names,
            beginning=self.beginning,
            side_px=recipe.imgsz,
            stretches=stretches(recipe.model),
            keypoints=len(points),
            keypoint_names=points,
        )
        side_px = rounded_up(recipe.imgsz, input_card(described).stride_px)
        return self._as_file(TorchvisionSource(described, path=self._folder.last, size_px=(side_px, side_px)))

    def _keypoint_names(self) -> tuple[str, ...]:
        """Return what keypoints of an object are called; none where there are none."""
        return ()


class ClassifierRun(TorchRun):
    """One run of a classifier. ``freeze`` counts all its layers but the one with the classes."""

    task = "classify"
    figure = "top1"

    def _read_samples(self) -> ClassSamples:
        return ClassSamples(self._data.train, side_px=self._recipe.imgsz, classes=len(self._data.names))

    def _build(self, weights: Path | None) -> tuple[Any, str]:
        network = build_classifier(self._recipe.model, classes=len(self._data.names), side_px=self._recipe.imgsz)
        own = class_tensors(self._recipe.model)
        beginning = self._begin(network, weights, head=own)
        forget_statistics_soon(network)
        counts = [self._data.learnt[class_id] for class_id in range(len(self._data.names))]
        weighted = self._recipe.balance == "class-weights"
        self._class_weights = torch.tensor(class_weights(counts), device=self._device) if weighted else None
        self._backbone = [
            block
            for name, block in flattened(network)
            if not any(f"{name}.{key}" in own for key, _ in block.named_parameters())
        ]
        if self._recipe.dropout is not None:
            set_dropout(network, self._recipe.dropout, before=network.get_submodule(next(iter(own)).rpartition(".")[0]))
        self._mean, self._std = (
            torch.tensor(each, device=self._device)[:, None, None] for each in normalisation(self._recipe.model)
        )
        return network.to(memory_format=torch.channels_last), beginning

    def _blocks(self) -> list[Any]:
        return self._backbone

    def _loss(self, batch: Any) -> Any:
        pictures, classes = (tensor.to(self._device) for tensor in batch)
        pictures = ((pictures - self._mean) / self._std).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            logits = self._model(pictures).float()
        return torch.nn.functional.cross_entropy(
            logits, classes, weight=self._class_weights, label_smoothing=self._recipe.label_smoothing
        )

    def _validate(self) -> dict[str, float]:
        built = as_classifier(
            self._recipe.model,
            self._model,
            names=self._data.names,
            side_px=self._recipe.imgsz,
            beginning=self.beginning,
        )
        # Measured as the finished file will be, by the runtime's own way from the picture to the class.
        with self._as_file(TorchvisionSource(built, path=self._folder.last)) as detector:
            result = evaluate_classifier(detector, NamedPictures(self._data.names, self._data.val))
        return {"top1": result.top(1) or 0.0, f"top{TOP}": result.top(TOP) or 0.0, "f1": result.f1 or 0.0}


def build_classifier(name: str, *, classes: int, side_px: int) -> Any:
    """Return a classifier that has learnt nothing, for squares of this side in pixels.

    The further results that GoogLeNet and Inception have in training are left out: they need large pictures, and their
    use is to bring networks of their time to converge.
    """
    shallow = {"aux_logits": False} if name in INCEPTIONS else {}
    return create(name, classes=classes, **input_sizes(name, side_px), **shallow)


def set_dropout(network: Any, rate: float, *, before: Any) -> None:
    """Set the rate of a network's own dropout layers; where there is none, drop features before the layer given."""
    layers = [layer for layer in network.modules() if isinstance(layer, torch.nn.Dropout) and layer.p > 0]
    for layer in layers:
        layer.p = rate
    if not layers:
        before.register_forward_pre_hook(
            lambda layer, given: torch.nn.functional.dropout(given[0], rate, training=layer.training)
        )


def check_side(name: str, side_px: int) -> None:
    """Refuse pictures of a size that a classifier cannot learn from; nothing is computed.

    Raises:
        ConfigError: naming the size that its published weights take, or what is wrong with a network of the user's.
    """
    try:
        network = without_memory(partial(build_classifier, name, classes=2, side_px=side_px))
        found = network.train()(torch.empty(2, 3, side_px, side_px, device="meta"))
        if getattr(found, "shape", None) != (2, 2):
            given = tuple(getattr(found, "shape", ())) or type(found).__name__
            raise ConfigError(f"{name} gives {given} for two pictures and two classes; return logits of shape (2, 2)")
    except ConfigError:
        raise
    except (RuntimeError, ValueError, AssertionError) as error:
        cause = str(error).splitlines()[0]
        raise ConfigError(
            f"{name} cannot learn from squares of {side_px} px ({cause}); give --imgsz {published_side_px(name)}, or "
            "leave it out"
        ) from error


def build_detector(name: str, *, classes: int, side_px: int, **settings: Any) -> Any:
    """Return a detector that has learnt nothing.

    Args:
        name: one of :data:`streamvision.training.model_names.DETECTORS`, or of those with masks or keypoints.
        classes: classes of the data set, without background.
        side_px: longer side of the pictures that it sees.
        settings: further ones of the architecture, such as ``num_keypoints``.
    """
    if name == "ssd300_vgg16" and side_px < SSD300_LEAST_PX:
        raise ConfigError(f"ssd300_vgg16 takes pictures from {SSD300_LEAST_PX} px on; give --imgsz {SSD300_LEAST_PX}")
    fixed = stretches(name)
    sizes = {} if fixed else {"min_size": side_px, "max_size": side_px}
    count = min(max(REGIONS * side_px // REGIONS_PX, LEAST_REGIONS), REGIONS)
    regions = {"box_batch_size_per_image": count} if "rcnn" in name else {}
    model = create(name, classes=classes + 1, **sizes, **regions, **settings)
    if fixed:
        model.transform.fixed_size = (side_px, side_px)
    forget_statistics_soon(model)
    return model


def _backbone_blocks(model: Any) -> list[Any]:
    """Return the backbone's blocks from the picture on; ``freeze N`` means the first N."""
    backbone = model.backbone
    body = getattr(backbone, "body", None) or backbone.features
    return [block for _, block in flattened(body)]
