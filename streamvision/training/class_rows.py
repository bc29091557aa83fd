"""What a network knows of a class goes with the class where a data set has more classes, or has them in another order.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch

_BY_CLASS = "bbox_pred"
"""Faster R-CNN's boxes are four numbers a class; other heads have all classes of one anchor in a row."""


def carry_classes(
    network: Any,
    stored: Mapping[str, Any],
    *,
    head: Collection[str],
    names: Sequence[str],
    stored_names: Sequence[str],
) -> int:
    """Copy the rows of classes that have the same name, in tensors whose number of classes differs.

    Args:
        network: the network that begins.
        stored: tensors by name, of one that has learnt.
        head: names of the tensors that grow with the classes.
        names: classes of the network, by class id.
        stored_names: classes of ``stored``.

    Returns:
        How many classes have been copied; 0 where all tensors fit as they are.
    """
    pairs = [(names.index(name), old) for old, name in enumerate(stored_names) if name in names]
    if not pairs:
        return 0
    own, carried = network.state_dict(), False
    for key in head:
        if key not in stored or stored[key].shape == own[key].shape or stored[key].shape[1:] != own[key].shape[1:]:
            continue
        for background in (0, 1):
            here, there = len(names) + background, len(stored_names) + background
            each, left = divmod(own[key].shape[0], here)
            if left or stored[key].shape[0] != each * there:
                continue
            split = (-1, each) if _BY_CLASS in key else (each, -1)
            axis = split.index(-1)
            rows = torch.tensor([(0, 0)] * background + [(new + background, old + background) for new, old in pairs])
            with torch.no_grad():
                target = own[key].unflatten(0, split)
                kept = stored[key].unflatten(0, split).index_select(axis, rows[:, 1])
                target.index_copy_(axis, rows[:, 0], kept.to(target.dtype))
            carried = True
            break
    return len(pairs) if carried else 0
