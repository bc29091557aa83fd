"""Convolution, pooling, normalisation, matrices, reductions and resizing; see the package for the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from streamvision.core.errors import ModelError


def ints(values: Any) -> list[int]:
    """Return a parameter as a list of whole numbers."""
    return [int(value) for value in values]


def _padding(
    x: Tensor, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int], pad_type: str, pad: Any
) -> list[int]:
    """Return the padding of each spatial axis, (before, after) one after the other, the first axis first."""
    if pad_type == "valid":
        return [0] * (2 * len(kernel))
    if pad_type == "custom":
        return ints(pad)
    if pad_type not in ("same", "same_lower"):
        raise ModelError(f"an operation pads by {pad_type!r}; valid, custom, same and same_lower are known")
    result: list[int] = []
    for size, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True):
        total = max((-(-size // s) - 1) * s + d * (k - 1) + 1 - size, 0)
        small, large = total // 2, total - total // 2
        result += [small, large] if pad_type == "same" else [large, small]
    return result


def _padded(x: Tensor, padding: Sequence[int], value: float) -> Tensor:
    if not any(padding):
        return x
    pairs = [padding[i : i + 2] for i in range(0, len(padding), 2)]
    return F.pad(x, [side for pair in reversed(pairs) for side in pair], value=value)


def _conv(
    x: Tensor,
    weight: Tensor,
    strides: Any,
    pad_type: str,
    pad: Any,
    dilations: Any,
    groups: Any,
    bias: Tensor | None = None,
) -> Tensor:
    stride, dilation = ints(strides), ints(dilations)
    x = _padded(x, _padding(x, weight.shape[2:], stride, dilation, pad_type, pad), 0.0)
    convolve = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[len(stride)]
    result: Tensor = convolve(x, weight, bias, stride, 0, dilation, int(groups))
    return result


def _conv_transpose(
    x: Tensor,
    weight: Tensor,
    strides: Any,
    pad_type: str,
    pad: Any,
    dilations: Any,
    groups: Any,
    bias: Tensor | None = None,
    output_shape: Any = None,
) -> Tensor:
    stride, dilation = ints(strides), ints(dilations)
    if pad_type not in ("valid", "custom") or len(stride) != 2:
        raise ModelError(f"a conv_transpose of {len(stride)} axes padded by {pad_type!r} is not known")
    result = F.conv_transpose2d(x, weight, bias, stride, 0, 0, int(groups), dilation)
    top, bottom, left, right = ints(pad) if pad_type == "custom" else (0, 0, 0, 0)
    height, width = result.shape[2:]
    if output_shape is not None:
        height, width = ints(output_shape)[2:]
        missing = max(height + top - result.shape[2], 0), max(width + left - result.shape[3], 0)
        return F.pad(result, [0, missing[1], 0, missing[0]])[..., top : top + height, left : left + width]
    return result[..., top : height - bottom, left : width - right]


def _pooled_padding(
    x: Tensor, kernel: list[int], stride: list[int], pad_type: str, pad: Any, ceil_mode: Any
) -> tuple[list[int], list[int]]:
    """Return the padding as it is stated, and how much more ``ceil_mode`` asks for after each axis."""
    padding = _padding(x, kernel, stride, [1] * len(kernel), pad_type, pad)
    more = [0] * len(kernel)
    if bool(ceil_mode):
        for axis, (k, s) in enumerate(zip(kernel, stride, strict=True)):
            before, after = padding[2 * axis : 2 * axis + 2]
            size = x.shape[2 + axis] + before + after
            count = -(-(size - k) // s) + 1
            if (count - 1) * s >= x.shape[2 + axis] + before:  # a window must begin inside
                count -= 1
            more[axis] = max((count - 1) * s + k - size, 0)
    return padding, more


def _max_pool(x: Tensor, kernel_sizes: Any, strides: Any, pad_type: str, pad: Any, ceil_mode: Any) -> Tensor:
    kernel, stride = ints(kernel_sizes), ints(strides)
    padding, more = _pooled_padding(x, kernel, stride, pad_type, pad, ceil_mode)
    padding = [side + (more[i // 2] if i % 2 else 0) for i, side in enumerate(padding)]
    pool = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}[len(kernel)]
    result: Tensor = pool(_padded(x, padding, -torch.inf), kernel, stride)
    return result


def _avg_pool(
    x: Tensor,
    kernel_sizes: Any,
    strides: Any,
    pad_type: str,
    pad: Any,
    ceil_mode: Any,
    exclude_padding_from_average: Any,
) -> Tensor:
    kernel, stride = ints(kernel_sizes), ints(strides)
    padding, more = _pooled_padding(x, kernel, stride, pad_type, pad, ceil_mode)
    late = [side for extra in more for side in (0, extra)]
    counted = torch.ones_like(x[:1, :1])
    counted = _padded(counted, padding, 0.0 if bool(exclude_padding_from_average) else 1.0)
    counted = _padded(counted, late, 0.0)
    padded = _padded(_padded(x, padding, 0.0), late, 0.0)
    pool = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}[len(kernel)]
    result: Tensor = pool(padded, kernel, stride) / pool(counted, kernel, stride)
    return result


def _matmul(x: Tensor, y: Tensor, transpose_x: Any, transpose_y: Any) -> Tensor:
    x, y = (x.mT if bool(transpose_x) else x), (y.mT if bool(transpose_y) else y)
    return torch.matmul(x, y)


def _layer_norm(
    x: Tensor, epsilon: Any, axes: Any = None, gamma: Tensor | None = None, beta: Tensor | None = None
) -> Tensor:
    over = list(range(x.ndim)) if axes is None else sorted(axis % x.ndim for axis in ints(axes))
    mean, variance = x.mean(over, keepdim=True), x.var(over, unbiased=False, keepdim=True)
    shape = [size if axis in over else 1 for axis, size in enumerate(x.shape)]
    result = (x - mean) * torch.rsqrt(variance + float(epsilon))
    if gamma is not None:
        result = result * gamma.reshape(shape)
    return result if beta is None else result + beta.reshape(shape)


def _reduction(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def apply(x: Tensor, keep_dims: Any, axes: Any = None) -> Tensor:
        over = list(range(x.ndim)) if axes is None else ints(axes)
        return function(x, dim=over, keepdim=bool(keep_dims))

    return apply


def _arg(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def apply(x: Tensor, axis: Any, keep_dims: Any, output_dtype: Any = None) -> Tensor:
        return function(x, dim=int(axis), keepdim=bool(keep_dims))

    return apply


def _l2(x: Tensor, dim: list[int], keepdim: bool) -> Tensor:
    return torch.sqrt(torch.sum(x * x, dim=dim, keepdim=keepdim))


def _scaled_size(x: Tensor, height: Any, width: Any) -> tuple[int, int]:
    # Factors are stored as float32: 3 x 2.3333333 must not come out as 6.
    return int(x.shape[-2] * float(height) + 1e-4), int(x.shape[-1] * float(width) + 1e-4)


def _upsample_nearest_neighbor(x: Tensor, scale_factor_height: Any, scale_factor_width: Any) -> Tensor:
    return F.interpolate(x, size=_scaled_size(x, scale_factor_height, scale_factor_width), mode="nearest")


def _upsample_bilinear(
    x: Tensor, scale_factor_height: Any, scale_factor_width: Any, align_corners: Any, half_pixel_centers: Any = None
) -> Tensor:
    aligned = bool(align_corners)
    if half_pixel_centers is not None and bool(half_pixel_centers) == aligned:
        raise ModelError("an upsample_bilinear aligns neither corners nor centres of pixels, which is not known")
    size = _scaled_size(x, scale_factor_height, scale_factor_width)
    return F.interpolate(x, size=size, mode="bilinear", align_corners=aligned)


def _resize_bilinear(x: Tensor, target_size_height: Any, target_size_width: Any, sampling_mode: str) -> Tensor:
    modes = {"STRICT_ALIGN_CORNERS": True, "ALIGN_CORNERS": True, "UNALIGN_CORNERS": False}
    if sampling_mode not in modes:
        raise ModelError(f"a resize_bilinear samples by {sampling_mode!r}; known are {', '.join(modes)}")
    size = int(target_size_height), int(target_size_width)
    return F.interpolate(x, size=size, mode="bilinear", align_corners=modes[sampling_mode])


def _resize_nearest_neighbor(x: Tensor, target_size_height: Any, target_size_width: Any) -> Tensor:
    return F.interpolate(x, size=(int(target_size_height), int(target_size_width)), mode="nearest")


def _resample(
    x: Tensor,
    coordinates: Tensor,
    sampling_mode: str,
    padding_mode: str,
    padding_value: Any,
    coordinates_mode: str,
    align_corners: Any,
) -> Tensor:
    paddings = {"constant": "zeros", "border": "border"}
    if (
        coordinates_mode != "normalized_minus_one_to_one"
        or padding_mode not in paddings
        or (padding_mode == "constant" and float(padding_value) != 0)
    ):
        raise ModelError(
            f"a resample reads {coordinates_mode} coordinates and pads by {padding_mode} ({float(padding_value):g}); "
            f"known are normalized_minus_one_to_one, with {' (0) and '.join(paddings)}"
        )
    return F.grid_sample(
        x, coordinates, mode=sampling_mode, padding_mode=paddings[padding_mode], align_corners=bool(align_corners)
    )


LAYERS: Mapping[str, Callable[..., Any]] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "linear": lambda x, weight, bias=None: F.linear(x, weight, bias),
    "matmul": _matmul,
    "einsum": lambda values, equation: torch.einsum(equation, *values),
    "batch_norm": lambda x, mean, variance, epsilon, gamma=None, beta=None: F.batch_norm(
        x, mean, variance, gamma, beta, False, 0.0, float(epsilon)
    ),
    "instance_norm": lambda x, epsilon, gamma=None, beta=None: F.instance_norm(
        x, weight=gamma, bias=beta, eps=float(epsilon)
    ),
    "layer_norm": _layer_norm,
    "softmax": lambda x, axis: torch.softmax(x, int(axis)),
    "reduce_mean": _reduction(torch.mean),
    "reduce_sum": _reduction(torch.sum),
    "reduce_max": _reduction(torch.amax),
    "reduce_min": _reduction(torch.amin),
    "reduce_l2_norm": _reduction(_l2),
    "reduce_argmax": _arg(torch.argmax),
    "reduce_argmin": _arg(torch.argmin),
    "upsample_nearest_neighbor": _upsample_nearest_neighbor,
    "upsample_bilinear": _upsample_bilinear,
    "resize_bilinear": _resize_bilinear,
    "resize_nearest_neighbor": _resize_nearest_neighbor,
    "resample": _resample,
    "pixel_shuffle": lambda x, upscale_factor: F.pixel_shuffle(x, int(upscale_factor)),
    "pixel_unshuffle": lambda x, downscale_factor: F.pixel_unshuffle(x, int(downscale_factor)),
}
