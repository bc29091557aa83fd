"""Checks what the checkpoint of a run says of its network, before networks are built by it: it may be another's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streamvision.checkpoints.torch_runtime import import_torch
from streamvision.core.errors import ModelError

MOST_NAMES = 100_000
"""Classes, words or keypoints; ImageNet has 21,841 classes."""
LARGEST_PX = 1 << 16
"""Longest side of an input."""


def checked_run(stored: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return what a checkpoint of a run holds, with a size of its input and facts that are what they should be.

    Raises:
        ModelError: when one is not, or a tensor says that it is larger than what the file holds of it.
    """
    facts = dict(stored)
    for key in ("names", "keypoints"):
        if key in facts:
            facts[key] = _names(facts[key], key, path)
    if not isinstance(facts["architecture"], str):
        raise _wrong("architecture", path)
    if not _is_side(facts["imgsz"]):
        raise _wrong("imgsz", path)
    size_px = facts.setdefault("size_px", [facts["imgsz"]] * 2)
    if (
        not isinstance(size_px, list | tuple)
        or len(size_px) != len(("width", "height"))
        or not all(map(_is_side, size_px))
    ):
        raise _wrong("size_px", path)
    if not isinstance(facts.get("epoch", 0), int):
        raise _wrong("epoch", path)
    for key in ("model", "learning"):
        if not isinstance(facts.get(key, {}), Mapping):
            raise _wrong(key, path)
        check_tensors(facts.get(key, {}), path)
    return facts


def check_tensors(tensors: Mapping[Any, Any], path: Path) -> None:
    """Refuse tensors that say they are larger than what the file holds of them, as networks are built by their shapes,
    and those with numbers that are none or infinite, by which every answer would be none.

    Raises:
        ModelError: naming the tensor.
    """
    torch = import_torch()
    for key, tensor in tensors.items():
        if not isinstance(key, str) or not isinstance(tensor, torch.Tensor):
            raise _wrong(f"tensor {str(key)[:60]!r}", path)
        if tensor.layout != torch.strided or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise ModelError(
                f"{path} has a tensor {key[:60]!r} of {list(tensor.shape)} that it does not hold whole; give the "
                "best.pt of a run"
            )
        if tensor.is_floating_point() and not bool(tensor.float().isfinite().all()):
            raise ModelError(
                f"{path} has numbers in {key[:60]!r} that are not finite, as a training that ran away leaves them; "
                "give another file, such as that of an earlier epoch"
            )


def _names(names: Any, key: str, path: Path) -> list[str]:
    if not isinstance(names, list | tuple) or len(names) > MOST_NAMES or not all(isinstance(one, str) for one in names):
        raise _wrong(key, path)
    return list(names)


def _is_side(value: Any) -> bool:
    return isinstance(value, int) and 0 < value <= LARGEST_PX


def _wrong(key: str, path: Path) -> ModelError:
    return ModelError(f"{path} has a {key} that no run of streamvision train leaves; give the best.pt of one")
