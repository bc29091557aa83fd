"""Torchvision's detectors (BSD-3-Clause), built without fetching anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streamvision.checkpoints.torch_runtime import import_torch
from streamvision.training.starting_weights import begin_from, flattened

TORCHVISION_MODELS = (
    "ssdlite320_mobilenet_v3_large",
    "retinanet_resnet50_fpn",
    "retinanet_resnet50_fpn_v2",
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "fasterrcnn_mobilenet_v3_large_fpn",
    "fasterrcnn_resnet50_fpn",
    "fasterrcnn_resnet50_fpn_v2",
    "fcos_resnet50_fpn",
)
"""Names that ``--model`` takes for the permissive path."""


def build(name: str, *, classes: int, side_px: int, weights: Path | None = None) -> tuple[Any, str]:
    """Return a detector and how it begins, in words.

    Args:
        name: one of :data:`TORCHVISION_MODELS`.
        classes: classes of the data set, without background.
        side_px: longer side of the pictures that it sees.
        weights: state dict of the same architecture (any number of classes), or ``None`` to begin from nothing.

    Raises:
        ConfigError: when the weights are missing or of another architecture.
        MissingDependencyError: when torchvision is not installed.
    """
    import_torch()
    from torchvision.models import get_model

    sizes = {} if name.startswith("ssdlite") else {"min_size": side_px, "max_size": side_px}
    model = get_model(name, weights=None, weights_backbone=None, num_classes=classes + 1, **sizes)
    if name.startswith("ssdlite"):
        model.transform.fixed_size = (side_px, side_px)
    return model, begin_from(model, weights)


def backbone_blocks(model: Any) -> list[Any]:
    """Return the backbone's blocks from the picture on; ``freeze N`` means the first N."""
    backbone = model.backbone
    body = getattr(backbone, "body", None) or backbone.features
    return [block for _, block in flattened(body)]
