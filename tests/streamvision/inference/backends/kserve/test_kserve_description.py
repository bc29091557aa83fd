from __future__ import annotations

from typing import Any

import pytest

from streamvision.core.errors import ModelError
from streamvision.core.model_location import ModelAddress
from streamvision.inference.backends.kserve.description import described
from streamvision.inference.tensors import TensorSpec

ADDRESS = ModelAddress("kserve://gpu/yolo")
TOLD = {
    "name": "yolo",
    "platform": "onnxruntime_onnx",
    "inputs": [{"name": "images", "datatype": "FP32", "shape": ["-1", "3", "640", "640"]}],
    "outputs": [{"name": "output0", "datatype": "FP16", "shape": [-1, 84, 8400]}],
}


def test_what_triton_says_of_a_model() -> None:
    config = {
        "max_batch_size": 8,
        "dynamic_batching": {"preferred_batch_size": [4]},
        "parameters": {"streamvision.card": {"string_value": "{}"}, "other": {"string_value": "x"}},
    }
    served = described(ADDRESS, TOLD, config)
    assert served.inputs == (TensorSpec("images", (None, 3, 640, 640), "float32"),)
    assert served.outputs == (TensorSpec("output0", (None, 84, 8400), "float16"),)
    assert served.metadata == {"streamvision.card": "{}", "other": "x"}
    assert (served.platform, served.max_batch, served.joins_calls) == ("onnxruntime_onnx", 8, True)
    assert served.usual_requests == 8


def test_what_a_server_without_configurations_says_of_a_model() -> None:
    served = described(ADDRESS, TOLD | {"platform": "", "parameters": {"task": "detect", "odd": {"a": 1}}}, None)
    assert served.metadata == {"task": "detect"}
    assert (served.platform, served.max_batch, served.joins_calls, served.usual_requests) == ("served", None, False, 4)


@pytest.mark.parametrize("text", ["{'names': {0: 'cat'}, 'stride': 32}", '{"names": {"0": "cat"}, "stride": 32}'])
def test_ultralytics_metadata_of_one_parameter(text: str) -> None:
    served = described(ADDRESS, TOLD, {"parameters": {"metadata": {"string_value": text}}})
    assert served.metadata == {"names": '{"0": "cat"}', "stride": "32"}


@pytest.mark.parametrize("text", ["", "[1]", "{1", "__import__('os')", "(" * 5000, "{'a': 1" + "0" * (1 << 21)])
def test_other_metadata_of_that_name_is_left_alone(text: str) -> None:
    assert described(ADDRESS, TOLD, {"parameters": {"metadata": {"string_value": text}}}).metadata == {}


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        "x",
        {"inputs": []},
        TOLD | {"inputs": []},
        TOLD | {"outputs": [{"name": "a"}]},
        TOLD | {"inputs": [{"name": "a", "datatype": "FP32", "shape": "abc"}]},
        TOLD | {"inputs": TOLD["inputs"] * 1000},  # type: ignore[operator]
    ],
)
def test_nonsense_is_one_sentence(told: Any) -> None:
    with pytest.raises(ModelError, match=r"kserve://gpu/yolo: what the server says of the model is not what") as caught:
        described(ADDRESS, told, None)
    assert "\n" not in str(caught.value)


def test_a_tensor_of_texts_is_refused() -> None:
    told = TOLD | {"inputs": [{"name": "prompt", "datatype": "BYTES", "shape": [1]}]}
    with pytest.raises(ModelError, match=r"has the tensor 'prompt' of the type BYTES; here they are of BOOL, UINT8"):
        described(ADDRESS, told, None)


@pytest.mark.parametrize("shape", [[1, 3, 1 << 40, 1 << 40], [1, 1 << 31], [-1, 10**300]])
def test_a_tensor_that_no_machine_holds_is_refused(shape: list[int]) -> None:
    told = TOLD | {"outputs": [{"name": "output0", "datatype": "FP32", "shape": shape}]}
    with pytest.raises(ModelError, match=r"has the tensor 'output0' of [?x\d]+(\.\.\.)? float32, and here one has"):
        described(ADDRESS, told, None)
