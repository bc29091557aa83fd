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
    """Copy the rows of classes that have the same name to where the network has them.

    Where both have as many classes, those without a partner of their name take the rows that are left, in order: they
    may be the same under another name.

    Args:
        network: the network that begins; where its tensors fit those of ``stored``, it has them already.
        stored: tensors by name, of one that has learnt.
        head: names of the tensors that grow with the classes.
        names: classes of the network, by class id.
        stored_names: classes of ``stored``.

    Returns:
        How many classes have been copied by name; 0 where all are in their places.
    """
    own = network.state_dict()
    keys = [key for key in head if key in stored and stored[key].shape[1:] == own[key].shape[1:]]
    pairs = [(names.index(name), old) for old, name in enumerate(stored_names) if name in names]
    if not pairs or list(names) == list(stored_names):
        return 0
    rows = list(pairs)
    if is_as_many := len(names) == len(stored_names):
        left = [old for old, name in enumerate(stored_names) if name not in names]
        rows += zip([new for new, name in enumerate(names) if name not in stored_names], left, strict=True)
    background = int(all(own[key].shape[0] % (len(names) + 1) == 0 for key in keys))
    here, there = len(names) + background, len(stored_names) + background
    places = torch.tensor([(0, 0)] * background + [(new + background, old + background) for new, old in rows])
    carried = False
    for key in keys:
        each = own[key].shape[0] // here
        if (own[key].shape == stored[key].shape and not is_as_many) or stored[key].shape[0] != each * there:
            continue
        split = (-1, each) if _BY_CLASS in key else (each, -1)
        axis = split.index(-1)
        with torch.no_grad():
            kept = stored[key].unflatten(0, split).index_select(axis, places[:, 1])
            target = own[key].unflatten(0, split)
            target.index_copy_(axis, places[:, 0], kept.to(target.dtype))
        carried = True
    return len(pairs) if carried else 0
