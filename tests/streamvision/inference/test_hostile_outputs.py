"""Outputs are whatever a model, or its server, gives: what a head cannot read is one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ModelError
from streamvision.core.picture import BgrPicture
from streamvision.inference.model import Model
from support.constant_network import constant_network

ANSWERS: dict[str, list[NDArray[np.float32]]] = {
    "none": [],
    "a number": [np.zeros((), np.float32)],
    "no picture": [np.zeros((0, 10, 504), np.float32)],
    "no rows": [np.zeros((1, 0, 0), np.float32)] * 4,
    "shorter than the first": [np.ones((1, 9, 4), np.float32), *[np.ones((1, 2), np.float32)] * 3],
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("head", ["yolo_v8", "yolo_v5", "yolo_end2end", "tflite_detection"])
def test_what_a_head_cannot_read_is_one_sentence(head: str, answer: str) -> None:
    backend, card = constant_network(head)
    model = Model(backend, card, ModelConfig(path=Path("odd.onnx")))
    backend._answer = ANSWERS[answer]
    with pytest.raises(ModelError) as caught:
        model.find([BgrPicture(np.zeros((48, 64, 3), np.uint8))])
    assert "\n" not in str(caught.value)
