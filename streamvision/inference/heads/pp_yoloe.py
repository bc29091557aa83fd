"""PP-YOLOE and other detectors of PaddleDetection with their suppression inside.

Source: ``deploy/EXPORT_MODEL_en.md`` and ``configs/ppyoloe`` in https://github.com/PaddlePaddle/PaddleDetection.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.inference.heads.selected_rows import Rows, SelectedObjectsHead
from streamvision.inference.tensors import TensorSpec


class PpYoloeHead(SelectedObjectsHead):
    """Rows (objects of all pictures, 6): class, score, left, top, right, bottom; and (batch,) how many each has.

    The input ``scale_factor`` is given 1, so that boxes are in pixels of the input. Pictures are stretched.
    """

    meaning = "rows (N, 6) of class, score and box, and (batch) their numbers"
    usual_input = MappingProxyType(
        {"resize": "stretch", "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
    )

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether there are outputs of these shapes."""
        return cls._positions(outputs) is not None

    @classmethod
    def _positions(cls, outputs: Sequence[TensorSpec]) -> tuple[int, ...] | None:
        rows = [i for i, output in enumerate(outputs) if len(output.shape) == 2 and output.shape[1] == 6]
        numbers = [i for i, output in enumerate(outputs) if len(output.shape) == 1 and "int" in output.dtype]
        return (rows[0], numbers[0]) if len(rows) == 1 and len(numbers) == 1 else None

    def _pictures(self, tensors: Sequence[NDArray[Any]]) -> Iterable[Rows]:
        rows, numbers = tensors
        for one in np.split(rows, np.cumsum(numbers))[: len(numbers)]:
            yield Rows(one[:, 2:6], one[:, 1], one[:, 0])
