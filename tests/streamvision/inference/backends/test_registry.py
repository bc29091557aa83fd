from __future__ import annotations

import sys
from pathlib import Path

import pytest

from streamvision.core.errors import DeviceError, MissingDependencyError, ModelError
from streamvision.core.model_location import model_location
from streamvision.inference.backends import open_backend
from streamvision.models import default_model_path, find_model, model_file, shipped_models
from support.model_files import truncated


def test_the_ending_picks_the_runtime(tiny_onnx: Path) -> None:
    assert open_backend(tiny_onnx).name == "onnxruntime"


def test_tflite_goes_to_litert(tiny_tflite: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    assert open_backend(tiny_tflite).name == "litert"


def test_another_runtime_may_be_asked_for(tiny_onnx: Path) -> None:
    pytest.importorskip("openvino")
    assert open_backend(tiny_onnx, backend="openvino").name == "openvino"


def test_a_folder_with_one_xml_is_an_openvino_model(tiny_onnx: Path, tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino")
    folder = tmp_path / "exported_openvino_model"
    openvino.save_model(openvino.Core().read_model(tiny_onnx), folder / "tiny.xml")
    assert open_backend(folder).name == "openvino"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("weights.pt", b"PK", "must be exported first"),
        ("yolo.engine", b"ftrt", r"give the \.onnx file that it was built from with --device tensorrt"),
        ("yolo.plan", b"ftrt", "is a TensorRT engine"),
        ("model.bin", b"x", "ending that no backend reads"),
        ("model", b"x", "ending that no backend reads"),
        ("empty.onnx", b"", "is empty"),
        ("notes.onnx", b"dear diary, today I trained a model\n" * 20, "not an ONNX model or is damaged"),
        ("notes.tflite", b"dear diary, today I trained a model\n" * 20, "not a TFLite model or is damaged"),
        ("notes.xml", b"<html><body>Not Found</body></html>", "needs its weights beside it"),
    ],
)
def test_a_file_that_is_no_model_is_one_clear_sentence(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    if name.endswith(".tflite"):
        pytest.importorskip("ai_edge_litert")
    if name.endswith(".xml"):
        pytest.importorskip("openvino")
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ModelError, match=says) as caught:
        open_backend(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_says_what_is_accepted(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model at .*missing\.onnx: give an \.onnx file"):
        open_backend(tmp_path / "missing.onnx")


def test_a_folder_without_a_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"0 \.xml or \.param files"):
        open_backend(tmp_path)


@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_truncated_onnx_file_is_damaged(yolox: Path, tmp_path: Path, runtime: str, share: float) -> None:
    pytest.importorskip(runtime)
    with pytest.raises(ModelError, match="damaged"):
        open_backend(truncated(yolox, tmp_path / "cut.onnx", share), backend=runtime)  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [0.001, 0.5, 0.99])
def test_a_truncated_tflite_file_is_damaged(tflite: Path, tmp_path: Path, share: float) -> None:
    pytest.importorskip("ai_edge_litert")
    with pytest.raises(ModelError, match="damaged"):
        open_backend(truncated(tflite, tmp_path / "cut.tflite", share))


def test_a_runtime_that_cannot_read_the_file_is_refused(tiny_onnx: Path) -> None:
    with pytest.raises(ModelError, match=r"litert does not read .*needs onnxruntime or openvino"):
        open_backend(tiny_onnx, backend="litert")


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "tensorrt:0"])
def test_an_absent_accelerator_is_an_error_and_never_the_cpu(tiny_onnx: Path, device: str) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine's ONNX Runtime was built for CUDA")
    with pytest.raises(DeviceError, match=r"only has cpu.*pip install 'streamvision-edge\[cuda\]'"):
        open_backend(tiny_onnx, device=device)


def test_an_unknown_device_names_the_known_ones(tiny_onnx: Path) -> None:
    with pytest.raises(DeviceError, match=r"auto, cpu, cuda\[:N\] or tensorrt\[:N\]"):
        open_backend(tiny_onnx, device="tpu")


@pytest.mark.parametrize(
    ("module", "name", "backend", "extra"),
    [
        ("openvino", "tiny.onnx", "openvino", "openvino"),
        ("ai_edge_litert.interpreter", "tiny.tflite", "auto", "litert"),
    ],
)
def test_an_absent_runtime_names_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str, backend: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    path = tmp_path / name
    path.write_bytes(b"x")
    with pytest.raises(MissingDependencyError, match=rf"pip install 'streamvision-edge\[{extra}\]'"):
        open_backend(path, backend=backend)  # type: ignore[arg-type]


def test_bf16_takes_the_runtime_that_computes_in_it() -> None:
    pytest.importorskip("openvino")
    try:
        with_bf16 = open_backend(default_model_path(), precision="bf16")
    except DeviceError:
        pytest.skip("this processor does not compute in bf16")
    assert (with_bf16.name, with_bf16.precision) == ("openvino", "bf16")
    assert open_backend(default_model_path()).name == "onnxruntime"
    with pytest.raises(DeviceError, match="bf16"):
        open_backend(default_model_path(), precision="bf16", backend="onnxruntime")


def test_an_address_that_no_backend_opens_names_those_that_are() -> None:
    with pytest.raises(ModelError, match=r"no backend opens models at https:// addresses.*kserve://") as caught:
        open_backend(model_location("https://ann:hidden-word@models/yolo.onnx"))
    assert "hidden-word" not in str(caught.value)


def test_a_backend_of_files_opens_no_address() -> None:
    with pytest.raises(ModelError, match=r"openvino does not read kserve://gpu/yolo: a kserve:// address needs kserve"):
        open_backend(model_location("kserve://gpu/yolo"), backend="openvino")


def test_what_needs_the_file_itself_says_so() -> None:
    with pytest.raises(ModelError, match=r"kserve://gpu/yolo is the address of a model on a server.*give a file"):
        model_file("kserve://gpu/yolo")
    assert find_model("kserve://gpu/yolo") == model_location("kserve://gpu/yolo")
    assert find_model("road_signs") == default_model_path()
    assert find_model("road_signs_yolox") == shipped_models()["road_signs_yolox"].path
