"""What a network of torch begins from, and which of its layers learn."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from streamvision.checkpoints.torch_runtime import import_torch
from streamvision.core.errors import ConfigError


def begin_from(model: Any, weights: Path | None) -> str:
    """Load the tensors of a file that fit, by name and shape, and return how the network begins, in words.

    A layer for another number of classes does not fit and begins from nothing.

    Raises:
        ConfigError: when there is no such file, or nothing in it fits.
    """
    if weights is None:
        return "began from nothing"
    torch = import_torch()
    if not weights.exists():
        raise ConfigError(
            f"there are no weights at {weights}, and nothing is downloaded unasked: put the file there "
            "(https://docs.pytorch.org/vision/stable/models.html lists them), or leave --weights out"
        )
    try:
        stored = torch.load(weights, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError) as error:
        # The rest of what torch says is advice to run whatever the file holds.
        cause = str(error).splitlines()[0].split(". ")[0]
        raise ConfigError(f"{weights} is not a file of tensors ({cause}); give a .pth") from error
    stored = stored.get("model", stored) if isinstance(stored, dict) else {}
    own = model.state_dict()
    fitting = {key: value for key, value in stored.items() if key in own and own[key].shape == value.shape}
    if not fitting:
        raise ConfigError(f"no tensor of {weights} fits this architecture; give weights of the same one")
    model.load_state_dict(fitting, strict=False)
    return f"began from {weights.name} ({len(fitting)} of {len(own)} tensors fit)"


def set_frozen(blocks: Sequence[Any], layers: int) -> None:
    """Freeze the first blocks of a network (their batch statistics too); thaw the others.

    To be called after every ``model.train()``, which would set the statistics moving again.
    """
    from torch import nn

    for index, block in enumerate(blocks):
        for parameter in block.parameters():
            parameter.requires_grad_(index >= layers)
        if index < layers:
            for module in block.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()


def flattened(network: Any) -> list[tuple[str, Any]]:
    """Return a network's children in order, with their names, mere sequences replaced by what they hold."""
    from torch import nn

    blocks: list[tuple[str, Any]] = []
    for name, child in network.named_children():
        inner = [(f"{name}.{key}", block) for key, block in child.named_children()]
        blocks += inner if isinstance(child, nn.Sequential) else [(name, child)]
    return blocks
