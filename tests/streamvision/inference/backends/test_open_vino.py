from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from streamvision.core.errors import DeviceError, ModelError
from streamvision.inference.backends.onnx_runtime import OnnxRuntimeBackend
from support.model_files import truncated, with_onnx_metadata
from support.reference_models import yolov8n_openvino

openvino = pytest.importorskip("openvino")

from streamvision.inference.backends.metadata_file import read_metadata_beside  # noqa: E402
from streamvision.inference.backends.open_vino import OpenVinoBackend  # noqa: E402
from support.float_arithmetic import assert_same_network  # noqa: E402


@pytest.fixture
def tiny_ir(tiny_onnx: Path, tmp_path: Path) -> Path:
    path = tmp_path / "ir" / "tiny.xml"
    openvino.save_model(openvino.Core().read_model(tiny_onnx), path)
    return path


def test_it_agrees_with_onnx_runtime(yolox: Path) -> None:
    picture = np.random.default_rng(0).uniform(0, 255, (1, 3, 416, 416)).astype(np.float32)
    backend = OpenVinoBackend(yolox, precision="fp32")
    assert (backend.device, backend.precision) == ("cpu", "fp32")
    expected = OnnxRuntimeBackend(yolox).run(picture)[0]
    assert_same_network(backend.run(picture)[0], expected, axis=2)


def test_a_cpu_keeps_to_fp32_unless_asked(yolox: Path) -> None:
    # OpenVINO's own default is bf16 on CPUs that have it, and moves scores by 0.1.
    assert OpenVinoBackend(yolox).precision == "fp32"


def test_bf16_runs_where_the_cpu_has_it_and_is_refused_elsewhere(yolox: Path) -> None:
    if "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        assert OpenVinoBackend(yolox, precision="bf16").precision == "bf16"
    else:
        with pytest.raises(DeviceError, match="runs in fp32 on cpu, not in bf16"):
            OpenVinoBackend(yolox, precision="bf16")


def test_int8_of_a_float_file_is_refused(tiny_onnx: Path) -> None:
    with pytest.raises(DeviceError, match="runs in fp32 on cpu, not in int8; export the model in int8"):
        OpenVinoBackend(tiny_onnx, precision="int8")


def test_the_batch_is_made_dynamic_where_the_model_allows(tiny_ir: Path) -> None:
    backend = OpenVinoBackend(tiny_ir, dynamic_batch=True)
    assert backend.input.shape == (None, 3, 8, 8)
    pictures = np.random.default_rng(0).random((5, 3, 8, 8), np.float32)
    together = backend.run(pictures)[0].copy()
    single = np.concatenate([backend.run(pictures[i : i + 1])[0].copy() for i in range(5)])
    assert_same_network(together, single)
    assert OpenVinoBackend(tiny_ir).input.shape == (1, 3, 8, 8)


def test_a_model_with_its_batch_built_in_keeps_it(yolox: Path) -> None:
    backend = OpenVinoBackend(yolox, dynamic_batch=True)
    assert backend.input.shape == (1, 3, 416, 416)
    with pytest.raises(ModelError, match="takes 1x3x416x416 float32, not 2x3x416x416"):
        backend.run(np.zeros((2, 3, 416, 416), np.float32))


@pytest.mark.parametrize("device", ["gpu.7", "npu.7", "cuda", "auto:gpu.7,npu.7"])
def test_an_absent_device_names_the_present_ones(tiny_onnx: Path, device: str) -> None:
    with pytest.raises(DeviceError, match=f"no device '{device}' on this machine: available are .*cpu"):
        OpenVinoBackend(tiny_onnx, device=device)


def test_auto_with_a_list_takes_the_first_that_is_there(tiny_onnx: Path) -> None:
    assert OpenVinoBackend(tiny_onnx, device="auto:gpu.7,cpu").device == "cpu"


def test_metadata_of_an_onnx_file_is_read(tiny_onnx: Path, tmp_path: Path) -> None:
    path = with_onnx_metadata(tiny_onnx, tmp_path / "with.onnx", {"streamvision.card": "{}", "task": "detect"})
    metadata = OpenVinoBackend(path).metadata
    assert metadata["task"] == "detect"
    assert metadata["streamvision.card"] == "{}"


def test_metadata_of_rt_info_and_of_the_file_beside_is_read(tiny_onnx: Path, tmp_path: Path) -> None:
    model = openvino.Core().read_model(tiny_onnx)
    model.set_rt_info("{}", ["streamvision.card"])
    model.set_rt_info("cat dog", ["model_info", "labels"])
    openvino.save_model(model, tmp_path / "with.xml")
    (tmp_path / "metadata.yaml").write_text("task: detect\nnames:\n  0: cat\nimgsz:\n- 8\n- 8\n", encoding="utf-8")
    metadata = OpenVinoBackend(tmp_path / "with.xml").metadata
    assert metadata["streamvision.card"] == "{}"
    assert metadata["model_info.labels"] == "cat dog"
    assert metadata["names"] == '{"0": "cat"}'
    assert metadata["imgsz"] == "[8, 8]"


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefghi", "bcdefghij", strict=True)
)
"""A few hundred characters that stand for 9 ** 10 values."""


@pytest.mark.parametrize("content", ["names: [", "just words", "", LAUGHS, "a: " + "[" * 50_000])
def test_a_damaged_metadata_file_is_an_error(tiny_ir: Path, content: str) -> None:
    tiny_ir.with_name("metadata.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=r"metadata\.yaml is damaged"):
        OpenVinoBackend(tiny_ir)


def test_metadata_that_json_has_no_words_for_is_read_as_text(tmp_path: Path) -> None:
    """Keys and values of YAML may be dates and bytes, and so may those of mappings and lists inside."""
    (tmp_path / "metadata.yaml").write_text(
        "2020-01-01: x\nnames: {2020-01-01: {1.5: cat}, 7: [2021-02-03]}\ndata: !!binary aGk=\n", encoding="utf-8"
    )
    found = read_metadata_beside(tmp_path / "m.xml")
    assert found["2020-01-01"] == "x"
    assert found["names"] == '{"2020-01-01": {"1.5": "cat"}, "7": ["2021-02-03"]}'


def test_a_damaged_model_is_an_error(yolox: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.xml"
    openvino.save_model(openvino.Core().read_model(yolox), whole)
    for part, other in ((".xml", ".bin"), (".bin", ".xml")):
        cut = truncated(whole.with_suffix(part), tmp_path / f"cut{part}", 0.5)
        cut.with_suffix(other).write_bytes(whole.with_suffix(other).read_bytes())
        with pytest.raises(ModelError, match="damaged"):
            OpenVinoBackend(tmp_path / "cut.xml")


def test_closing_twice_is_harmless_and_running_then_is_an_error(tiny_onnx: Path) -> None:
    backend = OpenVinoBackend(tiny_onnx)
    backend.close()
    backend.close()
    with pytest.raises(ModelError, match="is closed"):
        backend.run(np.zeros((1, 3, 8, 8), np.float32))


@pytest.mark.reference
def test_the_folder_that_ultralytics_exports_runs(data_dir: Path, reference_dir: Path) -> None:
    folder = yolov8n_openvino(data_dir, reference_dir)
    backend = OpenVinoBackend(next(folder.glob("*.xml")), dynamic_batch=True)
    assert backend.input.shape == (None, 3, 640, 640)
    assert backend.metadata["task"] == "detect"
    assert backend.run(np.zeros((2, 3, 640, 640), np.float32))[0].shape == (2, 84, 8400)
