from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import DeviceError, ModelError
from streamvision.core.picture import BgrPicture
from streamvision.inference.backends.probe import computes_right
from streamvision.inference.model import Model
from support.model_files import with_tflite_metadata
from support.tflite_files import TfliteGraph

pytest.importorskip("ai_edge_litert")

from streamvision.inference.backends.lite_rt import (
    LiteRtBackend,
    dequantise,
    quantise,
    read_appended_metadata,
)


def test_the_file_that_ultralytics_exports_runs(tflite: Path) -> None:
    backend = LiteRtBackend(tflite)
    assert (backend.device, backend.precision) == ("cpu", "int8")
    assert backend.input.shape == (1, 640, 640, 3)
    outputs = backend.run(np.full((1, 640, 640, 3), 114 / 255, np.float32))
    assert [output.shape for output in outputs] == [(1, 84, 8400)]
    assert 0 <= outputs[0][:, 4:].min() <= outputs[0][:, 4:].max() <= 1


def test_its_metadata_is_read_from_the_zip_at_its_end(tflite: Path) -> None:
    metadata = LiteRtBackend(tflite).metadata
    assert metadata["task"] == "detect"
    assert json.loads(metadata["imgsz"]) == [640, 640]
    assert json.loads(metadata["names"])["2"] == "car"


def test_it_computes_the_right_numbers(tiny_tflite: Path) -> None:
    picture = np.random.default_rng(0).random((8, 8, 3), np.float32)
    backend = LiteRtBackend(tiny_tflite)
    assert backend.precision == "fp32"
    assert backend.metadata == {}
    assert computes_right(backend.run(picture[None]), picture)


def test_metadata_as_json_is_read_too(tiny_tflite: Path, tmp_path: Path) -> None:
    path = with_tflite_metadata(tiny_tflite, tmp_path / "with.tflite", {"task": "detect", "names": {"0": "cat"}})
    assert LiteRtBackend(path).metadata == {"task": "detect", "names": '{"0": "cat"}'}


def test_damaged_metadata_is_an_error(tiny_tflite: Path, tmp_path: Path) -> None:
    path = with_tflite_metadata(tiny_tflite, tmp_path / "with.tflite", {"task": "detect"})
    path.write_bytes(path.read_bytes().replace(b'{"task"', b'["task"'))
    with pytest.raises(ModelError, match=r"the metadata in .* is damaged"):
        read_appended_metadata(path)


@pytest.mark.parametrize("text", ["{['a']: 1}", "[" * 9000, "{1: 2", "-'a'", "7"])
def test_a_damaged_literal_as_metadata_is_an_error(text: str, tiny_tflite: Path, tmp_path: Path) -> None:
    path = tmp_path / "with.tflite"
    path.write_bytes(tiny_tflite.read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("temp_meta.txt", text)
    with pytest.raises(ModelError, match=r"the metadata in .* is damaged"):
        read_appended_metadata(path)


def detr(path: Path, size_name: str, size_dtype: str) -> Path:
    """Write RT-DETR's deployed layout: an object at a quarter to a half of the picture, in pixels of the asked size."""
    graph = TfliteGraph()
    graph.given("serving_default_images:0", (1, 64, 96, 3))
    size = graph.given(size_name, (1, 2), size_dtype)
    real = size if size_dtype == "float32" else graph.run("CAST", [size], graph.tensor("real", (1, 2)))
    sides = graph.run("CONCATENATION", [real, real], graph.tensor("sides", (1, 4)), axis=1)
    fractions = np.zeros((1, 30, 4), np.float32)
    fractions[0, 0] = (0.25, 0.25, 0.5, 0.5)
    boxes = graph.run("MUL", [graph.stored(fractions), sides], graph.tensor("boxes", (1, 30, 4)))
    scores = np.zeros((1, 30), np.float32)
    scores[0, 0] = 0.9
    one = graph.stored(np.ones(1, np.float32))
    ids = graph.run("MUL", [graph.stored(np.full((1, 30), 2, np.float32)), one], graph.tensor("labels", (1, 30)))
    sure = graph.run("MUL", [graph.stored(scores), one], graph.tensor("scores", (1, 30)))
    return graph.save(path, [ids, boxes, sure])


@pytest.mark.parametrize(
    ("name", "dtype", "box"),
    [
        ("orig_target_sizes", "int64", (48, 32, 96, 64)),
        ("serving_default_orig_target_sizes:0", "int32", (48, 32, 96, 64)),
        ("im_shape", "float32", (32, 48, 64, 96)),  # height, then width
    ],
)
def test_what_is_asked_beside_the_picture_is_answered(
    name: str, dtype: str, box: tuple[int, int, int, int], tmp_path: Path
) -> None:
    path = detr(tmp_path / "detr.tflite", name, dtype)
    with Model.open(ModelConfig(path=path, score=0.5, threads=1, names=("coco",))) as model:
        assert model.card.head == "detr_deploy"
        assert model.backend.input.name == "serving_default_images:0"
        (found,) = model.detect([BgrPicture(np.zeros((128, 192, 3), np.uint8))])
        assert [model.names[class_id] for class_id in found.class_id] == ["car"]
        np.testing.assert_allclose(found.box_xyxy_px, [box], atol=0.1)


def test_an_input_that_nobody_knows_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has 2 inputs \(images, prompt\).*export it again with the picture"):
        LiteRtBackend(detr(tmp_path / "detr.tflite", "serving_default_prompt:0", "float32"))


@pytest.mark.parametrize("device", ["gpu", "cuda:0", "npu"])
def test_other_devices_are_refused(tiny_tflite: Path, device: str) -> None:
    with pytest.raises(DeviceError, match="on the cpu only"):
        LiteRtBackend(tiny_tflite, device=device)


def test_another_precision_is_refused(tiny_tflite: Path) -> None:
    with pytest.raises(DeviceError, match="runs in fp32 in LiteRT and not in int8"):
        LiteRtBackend(tiny_tflite, precision="int8")


def test_a_tensor_that_does_not_fit_is_refused(tiny_tflite: Path) -> None:
    with pytest.raises(ModelError, match="takes 1x8x8x3 float32, not 1x3x8x8 float32"):
        LiteRtBackend(tiny_tflite).run(np.zeros((1, 3, 8, 8), np.float32))


def test_closing_twice_is_harmless_and_running_then_is_an_error(tiny_tflite: Path) -> None:
    backend = LiteRtBackend(tiny_tflite)
    backend.close()
    backend.close()
    with pytest.raises(ModelError, match="is closed"):
        backend.run(np.zeros((1, 8, 8, 3), np.float32))


@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point"), [(np.int8, 1 / 255, -128), (np.uint8, 1 / 255, 0), (np.int16, 1e-4, 0)]
)
def test_quantised_values_come_back_within_half_a_step(dtype: type, scale: float, zero_point: int) -> None:
    details = {"dtype": dtype, "quantization": (scale, zero_point)}
    real = np.linspace(0, 1, 101, dtype=np.float32)
    integers = quantise(real, details)
    assert integers.dtype == dtype
    np.testing.assert_allclose(dequantise(integers, details), real, atol=scale * 0.51)


def test_values_beyond_the_integers_are_clipped_and_do_not_wrap() -> None:
    details = {"dtype": np.int8, "quantization": (1 / 255, -128)}
    assert quantise(np.array([-1, 2], np.float32), details).tolist() == [-128, 127]


def test_float_tensors_pass_untouched() -> None:
    details = {"dtype": np.float32, "quantization": (0.0, 0)}
    tensor = np.ones(3, np.float32)
    assert quantise(tensor, details) is tensor
    assert dequantise(tensor, details) is tensor
