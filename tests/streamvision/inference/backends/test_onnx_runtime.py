from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from streamvision.core.errors import DeviceError, ModelError
from streamvision.inference.backends.onnx_runtime import OnnxRuntimeBackend
from streamvision.inference.backends.probe import computes_right
from support.float_arithmetic import assert_same_network
from support.model_files import with_onnx_metadata


def test_a_model_says_what_it_takes_and_gives(yolox: Path) -> None:
    backend = OnnxRuntimeBackend(yolox)
    assert (backend.device, backend.precision) == ("cpu", "fp32")
    assert backend.input.shape == (1, 3, 416, 416)
    assert [output.shape for output in backend.outputs] == [(1, 3549, 85)]
    outputs = backend.run(np.full((1, 3, 416, 416), 114, np.float32))
    assert [output.shape for output in outputs] == [(1, 3549, 85)]
    assert np.isfinite(outputs[0]).all()


def test_threads_do_not_change_the_result(yolox: Path) -> None:
    picture = np.random.default_rng(0).uniform(0, 255, (1, 3, 416, 416)).astype(np.float32)
    one, two = (OnnxRuntimeBackend(yolox, threads=threads).run(picture)[0] for threads in (1, 2))
    assert_same_network(one, two, axis=2)


def test_it_computes_the_right_numbers(tiny_onnx: Path) -> None:
    picture = np.random.default_rng(0).random((8, 8, 3), np.float32)
    outputs = OnnxRuntimeBackend(tiny_onnx).run(np.ascontiguousarray(picture.transpose(2, 0, 1)[None]))
    assert computes_right(outputs, picture)
    assert not computes_right([outputs[0] + 1], picture)


def test_metadata_of_the_file_is_read(tiny_onnx: Path, tmp_path: Path) -> None:
    path = with_onnx_metadata(tiny_onnx, tmp_path / "with.onnx", {"author": "we", "long": "x" * 500})
    assert OnnxRuntimeBackend(path).metadata == {"author": "we", "long": "x" * 500}
    assert OnnxRuntimeBackend(tiny_onnx).metadata == {}


@pytest.mark.parametrize(
    "tensor",
    [
        np.zeros((2, 3, 8, 8), np.float32),
        np.zeros((1, 8, 8, 3), np.float32),
        np.zeros((3, 8, 8), np.float32),
        np.zeros((1, 3, 8, 8), np.uint8),
    ],
    ids=["batch", "layout", "axes", "type"],
)
def test_a_tensor_that_does_not_fit_is_refused(tiny_onnx: Path, tensor: np.ndarray) -> None:
    with pytest.raises(ModelError, match="takes 1x3x8x8 float32, not"):
        OnnxRuntimeBackend(tiny_onnx).run(tensor)


def test_closing_twice_is_harmless_and_running_then_is_an_error(tiny_onnx: Path) -> None:
    backend = OnnxRuntimeBackend(tiny_onnx)
    backend.close()
    backend.close()
    with pytest.raises(ModelError, match="is closed"):
        backend.run(np.zeros((1, 3, 8, 8), np.float32))


def test_the_files_own_precision_may_be_asked_for(tiny_onnx: Path) -> None:
    assert OnnxRuntimeBackend(tiny_onnx, precision="fp32").precision == "fp32"


@pytest.mark.parametrize("precision", ["fp16", "bf16", "int8"])
def test_a_precision_that_would_not_run_is_refused(tiny_onnx: Path, precision: str) -> None:
    with pytest.raises(DeviceError, match=f"runs in fp32 on cpu.*export the model in {precision}"):
        OnnxRuntimeBackend(tiny_onnx, precision=precision)  # type: ignore[arg-type]


def test_a_half_precision_file_says_what_a_cpu_makes_of_it(yolox: Path, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    float16 = pytest.importorskip("onnxruntime.transformers.float16")
    half = tmp_path / "half.onnx"
    onnx.save(float16.convert_float_to_float16(onnx.load(yolox)), half)
    backend = OnnxRuntimeBackend(half)
    assert backend.input.dtype == "float16"
    if backend.precision == "fp16":
        pytest.skip("this CPU computes in half precision")
    assert backend.precision == "fp32"
    picture = np.random.default_rng(0).uniform(0, 255, (1, 3, 416, 416)).astype(np.float32)
    expected = OnnxRuntimeBackend(yolox).run(picture)[0]
    np.testing.assert_allclose(backend.run(picture.astype(np.float16))[0], expected, atol=0.1, rtol=0.02)
    with pytest.raises(DeviceError, match="runs in fp32"):
        OnnxRuntimeBackend(half, precision="fp16")


def test_loading_leaves_nothing_in_the_present_folder(
    tiny_onnx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    OnnxRuntimeBackend(tiny_onnx)
    assert list(folder.iterdir()) == []


@pytest.mark.reference
def test_a_quantised_file_says_int8_only_if_its_convolutions_run_so(yolox: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    quantization = pytest.importorskip("onnxruntime.quantization")

    class Calibration(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self._pictures = iter(np.random.default_rng(0).uniform(0, 255, (2, 1, 3, 416, 416)).astype(np.float32))

        def get_next(self) -> dict[str, np.ndarray] | None:
            picture = next(self._pictures, None)
            return None if picture is None else {"images": picture}

    path = tmp_path / "int8.onnx"
    activations = quantization.QuantType.QUInt8
    quantization.quantize_static(yolox, path, Calibration(), activation_type=activations)
    assert OnnxRuntimeBackend(path, precision="int8").precision == "int8"
    with pytest.raises(DeviceError, match=r"runs in int8 on cpu.*export the model in fp32"):
        OnnxRuntimeBackend(path, precision="fp32")


class TestAProviderThatDoesNotStart:
    """ONNX Runtime then takes the CPU without an error; here it says that it has CUDA and has not."""

    @pytest.fixture(autouse=True)
    def claim_cuda(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import onnxruntime

        if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            pytest.skip("this machine's ONNX Runtime was built for CUDA")
        claimed = ["CUDAExecutionProvider", "CPUExecutionProvider"]
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: claimed)

    @pytest.mark.filterwarnings("ignore:Specified provider")
    def test_it_is_an_error_where_it_was_asked_for(self, tiny_onnx: Path) -> None:
        with pytest.raises(DeviceError, match=r"cuda:0 was asked for, but .*could not start CUDAExecutionProvider"):
            OnnxRuntimeBackend(tiny_onnx, device="cuda")

    @pytest.mark.filterwarnings("ignore:Specified provider")
    def test_it_is_a_warning_where_the_device_was_left_open(
        self, tiny_onnx: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        backend = OnnxRuntimeBackend(tiny_onnx)
        assert backend.device == "cpu"
        assert "cuda:0" in caplog.text

    @pytest.mark.parametrize("device", ["tensorrt", "tensorrt:1"])
    def test_a_build_without_tensorrt_says_so(self, tiny_onnx: Path, device: str) -> None:
        with pytest.raises(DeviceError, match=rf"'{device}' was asked for.*built without TensorRT.*--device cuda"):
            OnnxRuntimeBackend(tiny_onnx, device=device)


def test_nothing_is_told_to_the_makers_of_the_runtime(tmp_path: Path) -> None:
    """Where ONNX Runtime is 1.29 or newer, importing it would else write a number of the machine into this folder."""
    code = "import os, streamvision, onnxruntime; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    for given, expected in (({}, "1"), ({"ORT_DISABLE_TELEMETRY": "0"}, "0")):
        environment = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
        environment |= {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1", **given}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120, check=True
        )
        assert done.stdout.split() == [expected]
        if expected == "1":
            assert not (tmp_path / "cache" / "Microsoft").exists()
