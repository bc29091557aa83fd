"""Detectors of MMDetection, as mmdeploy exports them: RTMDet and others.

Sources: https://mmdeploy.readthedocs.io/en/latest/04-supported-codebases/mmdet.html; how RTMDet is fed: its
``rtmdet_s_8xb32-300e_coco.py`` in https://github.com/open-mmlab/mmdetection.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from streamvision.inference.heads.selected_rows import Rows, SelectedObjectsHead, by_names
from streamvision.inference.tensors import TensorSpec

_STD_LEVELS = (57.375, 57.12, 58.395)
_MEAN_LEVELS = (103.53, 116.28, 123.675)


class MmdeployHead(SelectedObjectsHead):
    """``dets`` (batch, K, 5) left, top, right, bottom in pixels of the input and score; ``labels`` (batch, K)."""

    meaning = "dets (batch, K, 5) and labels (batch, K)"
    usual_input = MappingProxyType(
        {"color": "bgr", "scale": 1.0, "mean": _MEAN_LEVELS, "std": _STD_LEVELS, "resize": "letterbox_top_left"}
    )

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether the outputs have these names and axes."""
        return cls._positions(outputs) is not None

    @classmethod
    def _positions(cls, outputs: Sequence[TensorSpec]) -> tuple[int, ...] | None:
        found = by_names(outputs, ("dets",), ("labels",))
        if found is None or len(outputs[found[1]].shape) != 2:
            return None
        return found if outputs[found[0]].shape[2:] == (5,) else None

    def _pictures(self, tensors: Sequence[NDArray[Any]]) -> Iterable[Rows]:
        for dets, labels in zip(*tensors, strict=True):
            yield Rows(dets[:, :4], dets[:, 4], labels)
