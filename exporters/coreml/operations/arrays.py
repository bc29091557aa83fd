"""Operations that move, cut, join and pick elements; see the package for the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from exporters.coreml.operations.layers import ints
from streamvision.core.errors import ModelError


def _reshape(x: Tensor, shape: Any) -> Tensor:
    # A 0 keeps the axis at that position.
    sizes = [x.shape[axis] if size == 0 else size for axis, size in enumerate(ints(shape))]
    return x.reshape(sizes)


def _expand_dims(x: Any, axes: Any) -> Tensor:
    result = torch.as_tensor(x)
    rank = result.ndim + len(axes)
    for axis in sorted(axis % rank for axis in ints(axes)):
        result = result.unsqueeze(axis)
    return result


def _concat(values: Sequence[Any], axis: Any, interleave: Any = False) -> Tensor:
    tensors, at = [torch.as_tensor(value) for value in values], int(axis)
    if bool(interleave):
        at %= tensors[0].ndim
        return torch.stack(tensors, at + 1).flatten(at, at + 1)
    return torch.cat(tensors, at)


def _split(x: Tensor, axis: Any, num_splits: Any = None, split_sizes: Any = None) -> tuple[Tensor, ...]:
    if split_sizes is not None:
        return torch.split(x, ints(split_sizes), int(axis))
    return torch.split(x, x.shape[int(axis)] // int(num_splits), int(axis))


def _slice_by_index(
    x: Any,
    begin: Any,
    end: Any,
    stride: Any = None,
    begin_mask: Any = None,
    end_mask: Any = None,
    squeeze_mask: Any = None,
) -> Tensor:
    tensor = torch.as_tensor(x)
    steps = [1] * tensor.ndim if stride is None else ints(stride)
    whole = np.zeros(tensor.ndim, bool)
    from_start = whole if begin_mask is None else begin_mask
    to_end = whole if end_mask is None else end_mask
    single = whole if squeeze_mask is None else squeeze_mask
    for axis, (first, last, step) in enumerate(zip(ints(begin), ints(end), steps, strict=True)):
        size = tensor.shape[axis]
        if bool(single[axis]):
            chosen = range(first % size, first % size + 1)
        else:
            cut = slice(None if from_start[axis] else first, None if to_end[axis] else last, step)
            chosen = range(*cut.indices(size))
        tensor = tensor.index_select(axis, torch.tensor(list(chosen), dtype=torch.int64))
    squeezed = tuple(axis for axis in range(tensor.ndim) if bool(single[axis]))
    return tensor.squeeze(squeezed) if squeezed else tensor


def _slice_by_size(x: Tensor, begin: Any, size: Any) -> Tensor:
    for axis, (first, count) in enumerate(zip(ints(begin), ints(size), strict=True)):
        x = x.narrow(axis, first, x.shape[axis] - first if count == -1 else count)
    return x


def _pad(x: Tensor, pad: Any, mode: str, constant_val: Any = 0.0) -> Tensor:
    pairs = [ints(pad)[i : i + 2] for i in range(0, len(pad), 2)]
    amounts = [side for pair in reversed(pairs) for side in pair]
    if mode == "constant":
        return F.pad(x, amounts, value=float(constant_val))
    while not any(amounts[-2:]):  # torch reflects and replicates the last axes only
        amounts = amounts[:-2]
    return F.pad(x, amounts, mode={"reflect": "reflect", "replicate": "replicate"}[mode])


def _crop(x: Tensor, crop_height: Any, crop_width: Any) -> Tensor:
    (top, bottom), (left, right) = ints(crop_height), ints(crop_width)
    return x[..., top : x.shape[-2] - bottom, left : x.shape[-1] - right]


def _index(values: Any) -> Tensor:
    return torch.as_tensor(np.asarray(values) if not isinstance(values, Tensor) else values).to(torch.int64)


def _gather(x: Any, indices: Any, axis: Any, batch_dims: Any = 0, validate_indices: Any = None) -> Tensor:
    tensor, index, at, shared = torch.as_tensor(x), _index(indices), int(axis), int(batch_dims)
    at %= tensor.ndim
    index = torch.where(index < 0, index + tensor.shape[at], index)
    if shared == 0:
        picked = tensor.index_select(at, index.reshape(-1))
        return picked.reshape(*tensor.shape[:at], *index.shape, *tensor.shape[at + 1 :])
    if shared != 1:
        raise ModelError(f"a gather has {shared} batch axes; 0 and 1 are known")
    return torch.stack([_gather(t, i, at - 1) for t, i in zip(tensor, index, strict=True)])


def _gather_along_axis(x: Tensor, indices: Any, axis: Any, validate_indices: Any = None) -> Tensor:
    index = _index(indices)
    index = torch.where(index < 0, index + x.shape[int(axis)], index)
    return torch.gather(x, int(axis), index)


def _gather_nd(x: Tensor, indices: Any, batch_dims: Any = 0, validate_indices: Any = None) -> Tensor:
    if int(batch_dims) != 0:
        raise ModelError("a gather_nd has batch axes, which is not known")
    result: Tensor = x[tuple(_index(indices).unbind(-1))]
    return result


def _topk(
    x: Tensor,
    k: Any,
    axis: Any,
    ascending: Any = False,
    sort: Any = True,
    return_indices: Any = True,
    output_indices_dtype: Any = None,
) -> Any:
    # Stable, as which of equal elements is taken decides what the indices point at.
    values, order = torch.sort(x, dim=int(axis), descending=not bool(ascending), stable=True)
    values, order = values.narrow(int(axis), 0, int(k)), order.narrow(int(axis), 0, int(k))
    return (values, order) if bool(return_indices) else values


def _one_hot(indices: Any, one_hot_vector_size: Any, axis: Any, on_value: Any, off_value: Any) -> Tensor:
    hot = F.one_hot(_index(indices), int(one_hot_vector_size)).bool()
    result = torch.where(hot, torch.as_tensor(on_value), torch.as_tensor(off_value))
    return result.movedim(-1, int(axis))


def _band_part(x: Tensor, lower: Any, upper: Any) -> Tensor:
    result = x if int(upper) < 0 else torch.tril(x, int(upper))
    return result if int(lower) < 0 else torch.triu(result, -int(lower))


def _scatter(data: Any, indices: Any, updates: Any, axis: Any, mode: str, validate_indices: Any = None) -> Tensor:
    if mode not in ("update", "add"):
        raise ModelError(f"a scatter has the mode {mode!r}; update and add are known")
    target, at = torch.as_tensor(data), int(axis)
    source = torch.as_tensor(updates).to(target.dtype)
    place = torch.as_tensor(indices).long()
    place = torch.where(place < 0, place + target.shape[at], place)
    return target.index_copy(at, place, source) if mode == "update" else target.index_add(at, place, source)


def _cumsum(x: Tensor, axis: Any, exclusive: Any, reverse: Any) -> Tensor:
    at = int(axis)
    values = x.flip(at) if bool(reverse) else x
    total = values.cumsum(at)
    if bool(exclusive):
        total = total - values
    return total.flip(at) if bool(reverse) else total


ARRAYS: Mapping[str, Callable[..., Any]] = {
    "reshape": _reshape,
    "transpose": lambda x, perm: x.permute(ints(perm)),
    "squeeze": lambda x, axes=None: x.squeeze() if axes is None else x.squeeze(tuple(ints(axes))),
    "expand_dims": _expand_dims,
    "concat": _concat,
    "stack": lambda values, axis: torch.stack([torch.as_tensor(value) for value in values], int(axis)),
    "split": _split,
    "slice_by_index": _slice_by_index,
    "slice_by_size": _slice_by_size,
    "reverse": lambda x, axes: x.flip(ints(axes)),
    "tile": lambda x, reps: x.tile(ints(reps)),
    "pad": _pad,
    "crop": _crop,
    "fill": lambda shape, value: torch.full(ints(shape), float(value)),
    "range_1d": lambda start, end, step: torch.arange(int(start), int(end), int(step)),
    "gather": _gather,
    "gather_along_axis": _gather_along_axis,
    "gather_nd": _gather_nd,
    "scatter": _scatter,
    "topk": _topk,
    "argsort": lambda x, axis, ascending: torch.argsort(x, dim=int(axis), descending=not bool(ascending), stable=True),
    "one_hot": _one_hot,
    "band_part": _band_part,
    "cumsum": _cumsum,
}
