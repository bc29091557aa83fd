"""Weights in fewer bits: as small as asked for, nearly the same answers, or an error."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest

from exporters.onnx.compact import compact, pack_12_bits
from streamvision.core.errors import ConfigError

onnx = pytest.importorskip("onnx")


def convolutions(*, layers: int = 3, channels: int = 32) -> Any:
    """A chain of convolutions, channels x channels x 3 x 3."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    weights, nodes, previous = [], [], "images"
    for index in range(layers):
        values = rng.normal(0, 0.06, (channels, channels, 3, 3)).astype(np.float32)
        weights.append(numpy_helper.from_array(values, f"w{index}"))
        nodes.append(helper.make_node("Conv", [previous, f"w{index}"], [f"y{index}"], pads=[1, 1, 1, 1]))
        previous = f"y{index}"
    shape = [1, channels, 8, 8]
    graph = helper.make_graph(
        nodes,
        "convolutions",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(previous, TensorProto.FLOAT, shape)],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def answer(model: Any) -> np.ndarray:
    images = np.random.default_rng(1).normal(0, 1, (1, 32, 8, 8)).astype(np.float32)
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"images": images})[0]


def test_what_is_small_enough_stays_as_it_is() -> None:
    model = convolutions()
    before = model.SerializeToString()
    same, stored = compact(model, megabytes=1)
    assert same.SerializeToString() == before
    assert stored == "float32 weights"


@pytest.mark.parametrize(("megabytes", "tolerance", "words"), [(0.06, 2e-3, "float16"), (0.05, 2e-3, "12 bits")])
def test_smaller_weights_give_nearly_the_same_answers(megabytes: float, tolerance: float, words: str) -> None:
    reference = answer(convolutions())
    model, stored = compact(convolutions(), megabytes=megabytes)
    assert model.ByteSize() <= megabytes * 1e6
    assert words in stored
    onnx.checker.check_model(model)
    assert np.abs(answer(model) - reference).max() / np.abs(reference).max() < tolerance


def test_nothing_is_lost_of_weights_that_were_float16_before_they_were_scaled() -> None:
    from onnx import numpy_helper

    model, originals = convolutions(), {}
    for tensor in model.graph.initializer:
        original = numpy_helper.to_array(tensor).astype(np.float16).astype(np.float32)
        factors = np.linspace(0.1, 3, len(original), dtype=np.float32).reshape(-1, 1, 1, 1)
        originals[tensor.name] = original
        tensor.CopyFrom(numpy_helper.from_array(original * factors, tensor.name))
    reference = answer(model)
    smaller, _ = compact(model, megabytes=0.06, originals=originals)
    np.testing.assert_allclose(answer(smaller), reference, rtol=1e-5, atol=1e-5 * np.abs(reference).max())


def test_what_cannot_be_made_so_small_is_an_error() -> None:
    with pytest.raises(ConfigError, match="smaller model"):
        compact(convolutions(), megabytes=0.01)


def test_packed_weights_are_put_together_again() -> None:
    weights = np.random.default_rng(2).normal(0, 1, (6, 5, 3, 3)).astype(np.float32)
    weights[2] = 0
    packed = pack_12_bits(weights)
    low = np.concatenate([packed.low >> 4, packed.low & 15]).reshape(weights.shape)
    restored = (16.0 * packed.high + low - 2048) * packed.scale
    assert np.abs(restored - weights).max() <= packed.scale.max() / 2 + 1e-6
    assert not restored[2].any()
