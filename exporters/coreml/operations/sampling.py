"""Pictures and maps in another size; see the package for the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from streamvision.core.errors import ModelError


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


SAMPLING: Mapping[str, Callable[..., Any]] = {
    "upsample_nearest_neighbor": _upsample_nearest_neighbor,
    "upsample_bilinear": _upsample_bilinear,
    "resize_bilinear": _resize_bilinear,
    "resize_nearest_neighbor": _resize_nearest_neighbor,
    "resample": _resample,
    "pixel_shuffle": lambda x, upscale_factor: F.pixel_shuffle(x, int(upscale_factor)),
    "pixel_unshuffle": lambda x, downscale_factor: F.pixel_unshuffle(x, int(downscale_factor)),
}
