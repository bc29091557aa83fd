"""A free batch of inputs of one size: no number of pictures is built in, and pictures are kept apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")
pytest.importorskip("onnxscript")
pytest.importorskip("ultralytics")

from exporters.base import ExportOptions
from exporters.onnx.conversion import to_onnx
from support.random_sources import tiny_random_source
from support.tiny_source import TinySource

pytestmark = [pytest.mark.reference, pytest.mark.slow]

SIZE_PX = (96, 64)


@pytest.mark.parametrize(
    ("task", "options", "shape"),
    [
        ("detect", ExportOptions(dynamic_batch=True, nms=True, uint8_input=True), ["batch", 64, 96, 3]),
        ("segment", ExportOptions(dynamic_batch=True), ["batch", 3, 64, 96]),
    ],
    ids=["suppression and bytes", "masks"],
)
def test_a_free_batch_takes_any_number_and_keeps_pictures_apart(
    task: str, options: ExportOptions, shape: list[str | int]
) -> None:
    model, card = to_onnx(tiny_random_source(task, SIZE_PX), options)
    assert card.input.dynamic_batch
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    assert given.shape == shape

    pictures = _pictures(3, as_bytes=options.uint8_input)
    together = session.run(None, {given.name: pictures})
    for at in range(3):
        alone = session.run(None, {given.name: pictures[at : at + 1]})
        for one, of_three in zip(alone, together, strict=True):
            assert (len(one), len(of_three)) == (1, 3)
            np.testing.assert_allclose(of_three[at], one[0], atol=1e-3)
    assert np.abs(together[0][0] - together[0][1]).max() > 0.1


def test_several_formats_of_one_network_are_converted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    calls, export = [], torch.onnx.export

    def counted(*given: Any, **named: Any) -> Any:
        calls.append(named)
        return export(*given, **named)

    monkeypatch.setattr(torch.onnx, "export", counted)
    source = TinySource()
    first, card = to_onnx(source, ExportOptions())
    kept = first.SerializeToString()
    del first.graph.node[:]  # what one format makes of it is nothing to the next
    again, same = to_onnx(source, ExportOptions(precision="fp16"))
    assert (again.SerializeToString(), same) == (kept, card)
    assert len(calls) == 1
    other, _ = to_onnx(source, ExportOptions(dynamic_batch=True))
    assert other.SerializeToString() != kept
    to_onnx(TinySource(), ExportOptions(dynamic_batch=True))
    assert len(calls) == 3


def _pictures(count: int, *, as_bytes: bool) -> NDArray[np.uint8] | NDArray[np.float32]:
    levels = np.random.default_rng(0).integers(0, 256, (count, SIZE_PX[1], SIZE_PX[0], 3), np.uint8)
    return levels if as_bytes else np.ascontiguousarray(levels.transpose(0, 3, 1, 2), np.float32) / np.float32(255)
