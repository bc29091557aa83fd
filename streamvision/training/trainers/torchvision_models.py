"""Torchvision's detectors (BSD-3-Clause), built without fetching anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streamvision.backends.torch_libraries import import_torch
from streamvision.errors import ConfigError

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
    if weights is None:
        return model, "began from nothing"
    loaded, total = _load_matching(model, weights)
    return model, f"began from {weights.name} ({loaded} of {total} tensors fit)"


def backbone_blocks(model: Any) -> list[Any]:
    """Return the backbone's blocks from the picture on; ``freeze N`` means the first N."""
    from torch import nn

    backbone = model.backbone
    body = getattr(backbone, "body", None) or backbone.features
    blocks: list[Any] = []
    for child in body.children():
        blocks += list(child.children()) if isinstance(child, nn.Sequential) else [child]
    return blocks


def set_frozen(model: Any, layers: int) -> None:
    """Freeze the first blocks of the backbone (their batch statistics too); thaw all others.

    To be called after every ``model.train()``, which would set the statistics moving again.
    """
    from torch import nn

    for index, block in enumerate(backbone_blocks(model)):
        for parameter in block.parameters():
            parameter.requires_grad_(index >= layers)
        if index < layers:
            for module in block.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()


def _load_matching(model: Any, weights: Path) -> tuple[int, int]:
    import pickle

    import torch

    if not weights.exists():
        raise ConfigError(
            f"there are no weights at {weights}, and nothing is downloaded unasked: put the file there "
            "(https://docs.pytorch.org/vision/stable/models.html lists them), or leave --weights out"
        )
    try:
        stored = torch.load(weights, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise ConfigError(f"{weights} is not a file of tensors ({str(error).splitlines()[0]}); give a .pth") from error
    stored = stored.get("model", stored) if isinstance(stored, dict) else {}
    own = model.state_dict()
    fitting = {key: value for key, value in stored.items() if key in own and own[key].shape == value.shape}
    if not fitting:
        raise ConfigError(f"no tensor of {weights} fits this architecture; give weights of the same one")
    model.load_state_dict(fitting, strict=False)
    return len(fitting), len(own)
