"""Engines as the runtime executes them, on a device of the tests' own that follows TensorRT's documented interface."""

from __future__ import annotations

import importlib
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

from exporters.tensorrt.engine_cache import EngineCache
from exporters.tensorrt.engine_spec import read_engine_spec
from exporters.tensorrt.engines import provide_engine
from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import DeviceError, MissingDependencyError, ModelError
from streamvision.core.picture import BgrPicture
from streamvision.inference.backends import open_backend
from streamvision.inference.backends.onnx_runtime import OnnxRuntimeBackend
from streamvision.inference.backends.tensorrt_engine import TensorRtBackend
from streamvision.inference.backends.tensorrt_header import header_path, split_embedded
from streamvision.inference.card_reader import read_card
from streamvision.inference.model import Model
from support.fake_cuda import FakeCuda, Gpu
from support.fake_tensorrt import FakeTensorRt, installed
from support.float_arithmetic import assert_same_network
from support.tiny_detector import tiny_detector, tiny_pictures


@pytest.fixture(params=["10.3.0", "11.4.0.106"])
def tensorrt(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTensorRt]:
    with installed(monkeypatch, request.param) as tensorrt:
        yield tensorrt


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return tiny_detector(tmp_path / "tiny.onnx")


@pytest.fixture
def engine(tensorrt: FakeTensorRt, tiny: Path, tmp_path: Path) -> Path:
    cache = EngineCache(tmp_path / "cache")
    return provide_engine(read_engine_spec(tiny, batch=(1, 2, 4)), cache, output=tmp_path / "tiny.engine").path


def expected(tiny: Path, pictures: np.ndarray) -> np.ndarray:
    return OnnxRuntimeBackend(tiny).run(pictures)[0]


def test_an_engine_says_what_it_takes_and_gives(engine: Path) -> None:
    backend = open_backend(engine)
    assert (backend.name, backend.device, backend.precision) == ("tensorrt", "cuda:0", "fp32")
    assert backend.input.shape == (None, 3, 64, 64)
    assert [(output.name, output.shape) for output in backend.outputs] == [("output0", (None, 7, 84))]
    backend.close()


def test_detections_are_those_of_onnx_runtime(engine: Path, tiny: Path) -> None:
    random = np.random.default_rng(3)
    pictures = [BgrPicture(random.integers(0, 255, (48, 80, 3), np.uint8)) for _ in range(3)]
    found = []
    for path in (tiny, engine):
        with Model.open(ModelConfig(path=path, score=0.6)) as detector:
            found.append(detector.detect(pictures))
    for ours, theirs in zip(*found, strict=True):
        assert len(ours) > 0
        np.testing.assert_array_equal(ours.box_xyxy_px, theirs.box_xyxy_px)
        np.testing.assert_array_equal(ours.score, theirs.score)


def test_batches_come_and_go_in_any_size(engine: Path, tiny: Path) -> None:
    backend = TensorRtBackend(engine)
    for count in (1, 4, 2, 1, 3):
        pictures = tiny_pictures(count, seed=count)
        np.testing.assert_array_equal(backend.run(pictures)[0], expected(tiny, pictures))
    backend.close()


def test_more_pictures_than_it_was_built_for_go_through_in_parts(engine: Path, tiny: Path) -> None:
    backend = TensorRtBackend(engine)
    pictures = tiny_pictures(11)
    assert_same_network(backend.run(pictures)[0], expected(tiny, pictures), axis=1)
    backend.close()


def test_fewer_pictures_than_it_was_built_for_are_filled_up(tensorrt: FakeTensorRt, tiny: Path, tmp_path: Path) -> None:
    report = provide_engine(read_engine_spec(tiny, batch=(3, 3, 4)), EngineCache(tmp_path / "cache"))
    backend = TensorRtBackend(report.path)
    for count in (1, 6):
        pictures = tiny_pictures(count)
        assert_same_network(backend.run(pictures)[0], expected(tiny, pictures), axis=1)
    backend.close()


def test_a_free_size_is_fixed_where_the_engine_has_one(tensorrt: FakeTensorRt, tiny: Path, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(tiny)
    for axis, name in ((2, "height"), (3, "width")):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    model.graph.output[0].type.tensor_type.shape.dim[2].dim_param = "cells"
    onnx.save(model, tmp_path / "free.onnx")
    report = provide_engine(read_engine_spec(tmp_path / "free.onnx"), EngineCache(tmp_path / "cache"))
    with Model.open(ModelConfig(path=report.path, score=0.6)) as detector:
        assert detector.backend.input.shape == (None, 3, 64, 64)
        assert not detector.card.input.dynamic_size
        assert len(detector.detect([BgrPicture(np.zeros((40, 80, 3), np.uint8))])) == 1


def test_outputs_stay_until_the_next_run(engine: Path, tiny: Path) -> None:
    backend = TensorRtBackend(engine)
    first = backend.run(tiny_pictures(1, seed=1))[0]
    kept = first.copy()
    np.testing.assert_array_equal(first, kept)
    backend.run(tiny_pictures(1, seed=2))
    assert np.abs(first - kept).max() > 0
    backend.close()


def test_threads_have_memory_of_their_own(engine: Path, tiny: Path) -> None:
    backend = open_backend(engine, requests=None)
    assert backend.requests == 2
    results: dict[int, bool] = {}
    barrier = threading.Barrier(2, timeout=300)

    def work(seed: int) -> None:
        pictures = tiny_pictures(2, seed=seed)
        wanted = expected(tiny, pictures)
        barrier.wait()
        results[seed] = all(np.array_equal(backend.run(pictures)[0], wanted) for _ in range(10))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)
    assert results == {1: True, 2: True}
    np.testing.assert_array_equal(backend.run(tiny_pictures(1))[0], expected(tiny, tiny_pictures(1)))
    backend.close()


def test_a_thread_that_ended_leaves_its_memory_to_the_next(tensorrt: FakeTensorRt, engine: Path) -> None:
    backend = TensorRtBackend(engine)
    used = tensorrt.cuda.used_bytes
    for _ in range(3):
        thread = threading.Thread(target=backend.run, args=(tiny_pictures(1),))
        thread.start()
        thread.join(timeout=300)
    backend.run(tiny_pictures(1))
    assert tensorrt.cuda.used_bytes == used
    backend.close()


def test_closing_twice_is_harmless_and_running_then_is_an_error(engine: Path) -> None:
    backend = TensorRtBackend(engine)
    backend.close()
    backend.close()
    with pytest.raises(ModelError, match="is closed"):
        backend.run(tiny_pictures(1))


@pytest.mark.parametrize("shape", [(1, 3, 32, 64), (1, 64, 64, 3), (3, 64, 64)])
def test_a_tensor_that_does_not_fit_is_refused(engine: Path, shape: tuple[int, ...]) -> None:
    backend = TensorRtBackend(engine)
    with pytest.raises(ModelError, match=r"takes \?x3x64x64 float32, not"):
        backend.run(np.zeros(shape, np.float32))
    backend.close()


def test_an_engine_of_another_gpu_is_refused(tensorrt: FakeTensorRt, engine: Path) -> None:
    tensorrt.cuda.gpu.name = b"Fake Xavier"
    with pytest.raises(
        DeviceError,
        match=r"was built for Fake Orin \(.*8\.7\) with TensorRT .*, and this is Fake Xavier .*build-engine",
    ):
        TensorRtBackend(engine)


def test_an_engine_of_another_version_is_refused(tensorrt: FakeTensorRt, engine: Path) -> None:
    tensorrt.__version__ = "12.0.0"
    with pytest.raises(DeviceError, match=r"and this is .* with TensorRT 12\.0\.0; build it here"):
        TensorRtBackend(engine)


def test_another_driver_is_no_reason(tensorrt: FakeTensorRt, engine: Path) -> None:
    tensorrt.cuda.gpu.driver = 13000
    TensorRtBackend(engine).close()


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_a_truncated_engine_is_damaged(engine: Path, share: float) -> None:
    engine.write_bytes(engine.read_bytes()[: int(engine.stat().st_size * share)] or b"\0")
    with pytest.raises(ModelError, match=r"is damaged, or not the engine that tiny\.engine\.json describes"):
        TensorRtBackend(engine)


@pytest.mark.parametrize("text", ["", "{}", '{"format": 1}', "\x00"])
def test_a_damaged_header_is_said(engine: Path, text: str) -> None:
    header_path(engine).write_text(text)
    with pytest.raises(ModelError, match=r"the header .*tiny\.engine\.json is damaged"):
        TensorRtBackend(engine)


@pytest.mark.parametrize("text", [b'{"a":' * 9000, b"{" + b"1" * 5000, b'{"a": "\xff"}'])
def test_metadata_in_front_that_is_none_belongs_to_the_engine(text: bytes) -> None:
    content = len(text).to_bytes(4, "little") + text + b"engine"
    assert split_embedded(content) == ({}, content)


def test_an_engine_without_a_header_is_loaded_where_tensorrt_takes_it(tensorrt: FakeTensorRt, engine: Path) -> None:
    header_path(engine).unlink()
    backend = TensorRtBackend(engine)
    assert backend.precision == "unknown"
    assert not backend.metadata
    backend.close()
    tensorrt.cuda.gpu.name = b"Fake Xavier"
    with pytest.raises(ModelError, match=r"built for another GPU .*\(.*incompatible device\); build it here"):
        TensorRtBackend(engine)
    engine.write_bytes(b"no engine at all")
    with pytest.raises(ModelError, match="Magic tag does not match"):
        TensorRtBackend(engine)


def test_the_metadata_of_ultralytics_engines_is_read(engine: Path) -> None:
    header_path(engine).unlink()
    metadata = json.dumps({"names": {0: "a", 1: "b", 2: "c"}, "stride": 32, "task": "detect", "imgsz": [64, 64]})
    engine.write_bytes(len(metadata).to_bytes(4, "little") + metadata.encode() + engine.read_bytes())
    backend = TensorRtBackend(engine)
    card = read_card(backend, path=engine)
    assert (card.head, card.names) == ("yolo_v8", ("a", "b", "c"))
    backend.close()


def test_a_precision_that_it_was_not_built_in_is_refused(engine: Path) -> None:
    with pytest.raises(DeviceError, match="was built in fp32, which cannot be changed while loading"):
        TensorRtBackend(engine, precision="fp16")


def test_no_memory_is_one_sentence_and_leaves_none_behind(tensorrt: FakeTensorRt, engine: Path) -> None:
    tensorrt.cuda.gpu.memory_bytes = 200_000
    with pytest.raises(DeviceError, match=r"cudaMalloc failed on cuda:0 \(out of memory\)"):
        TensorRtBackend(engine)


def test_a_machine_without_a_gpu_is_one_sentence(tensorrt: FakeTensorRt, engine: Path) -> None:
    tensorrt.cuda.gpu.driver = 0
    with pytest.raises(DeviceError, match="CUDA driver version is insufficient"):
        TensorRtBackend(engine)


def test_another_device_than_a_gpu_is_refused(engine: Path) -> None:
    with pytest.raises(DeviceError, match=r"auto or cuda\[:N\], not on 'cpu'"):
        open_backend(engine, device="cpu")


@pytest.mark.parametrize("module", ["tensorrt", "cuda.bindings.runtime"])
def test_absent_packages_name_the_command(monkeypatch: pytest.MonkeyPatch, engine: Path, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=r"pip install .*cuda-python"):
        TensorRtBackend(engine)


def test_an_old_tensorrt_is_refused(tensorrt: FakeTensorRt, engine: Path) -> None:
    tensorrt.__version__ = "8.6.1"
    with pytest.raises(MissingDependencyError, match=r"TensorRT 8\.6\.1 is installed, but version 10 or later"):
        TensorRtBackend(engine)


def test_cudas_own_package_has_what_is_used() -> None:
    """The only part of the real packages that works without a GPU: their names."""
    runtime = pytest.importorskip("cuda.bindings.runtime")
    functions = [name for name in dir(FakeCuda(Gpu())) if name.startswith("cuda")]
    assert [name for name in functions if not hasattr(runtime, name)] == []
    assert int(runtime.cudaMemcpyKind.cudaMemcpyHostToDevice) == 1
    assert int(runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost) == 2


def test_tensorrts_own_package_has_what_is_used() -> None:
    real = pytest.importorskip("tensorrt")
    names = ("Builder", "OnnxParser", "Runtime", "ILogger", "MemoryPoolType", "TensorIOMode", "BuilderFlag")
    assert [name for name in names if not hasattr(real, name)] == []
    assert hasattr(importlib.import_module("tensorrt").NetworkDefinitionCreationFlag, "STRONGLY_TYPED")
