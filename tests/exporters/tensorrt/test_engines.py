"""Engines are built for the device, found again while nothing changed, and compute what the ONNX file computes.

The device is the tests' own: it follows TensorRT's documented interface, and ONNX Runtime computes for it.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from exporters.onnx.half import to_half  # noqa: E402
from exporters.tensorrt.engine_cache import EngineCache  # noqa: E402
from exporters.tensorrt.engine_spec import (  # noqa: E402
    BuildHints,
    EngineSpec,
    parse_batch,
    read_engine_spec,
)
from exporters.tensorrt.engines import EngineReport, provide_engine  # noqa: E402
from exporters.tensorrt.quantise import quantise  # noqa: E402
from streamvision.core.errors import ConfigError, DeviceError, ExportError, ModelError, OutputError  # noqa: E402
from streamvision.inference.backends.onnx_runtime import OnnxRuntimeBackend  # noqa: E402
from streamvision.inference.backends.tensorrt_engine import TensorRtBackend  # noqa: E402
from streamvision.inference.backends.tensorrt_header import header_path  # noqa: E402
from support.fake_tensorrt import FakeTensorRt  # noqa: E402
from support.tiny_detector import tiny_card, tiny_detector, tiny_pictures  # noqa: E402


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "engines")


def build(path: Path, cache: EngineCache, **options: Any) -> EngineReport:
    return provide_engine(read_engine_spec(path), cache, **options)


def test_an_engine_computes_what_the_file_computes(tensorrt: FakeTensorRt, tiny: Path, cache: EngineCache) -> None:
    report = build(tiny, cache)
    assert report.built
    pictures = tiny_pictures(3)
    backend = TensorRtBackend(report.path)
    found = backend.run(pictures)
    np.testing.assert_array_equal(found[0], OnnxRuntimeBackend(tiny).run(pictures)[0])
    backend.close()


def test_the_network_is_strongly_typed_and_keeps_all_digits(
    tensorrt: FakeTensorRt, tiny: Path, cache: EngineCache
) -> None:
    build(tiny, cache)
    (done,) = tensorrt.builds
    assert done.strongly_typed
    assert done.flags == set()
    assert done.workspace is None
    assert [tuple(shape) for shape in done.shapes] == [(n, 3, 64, 64) for n in (1, 4, 16)]


def test_what_is_asked_for_reaches_the_builder(tensorrt: FakeTensorRt, tiny: Path, cache: EngineCache) -> None:
    spec = read_engine_spec(tiny, batch=(2, 2, 8), tf32=True)
    provide_engine(spec, cache, workspace_mb=512)
    (done,) = tensorrt.builds
    assert done.flags == {"TF32"}
    assert done.workspace == 512 << 20
    assert [shape[0] for shape in done.shapes] == [2, 2, 8]


def test_a_second_request_finds_the_first_engine(tensorrt: FakeTensorRt, tiny: Path, cache: EngineCache) -> None:
    first, second = build(tiny, cache), build(tiny, cache)
    assert (first.built, second.built) == (True, False)
    assert first.path == second.path
    assert first.header == second.header
    assert len(tensorrt.builds) == 1


def gpu_changes(tensorrt: FakeTensorRt) -> None:
    tensorrt.cuda.gpu.name = b"Another GPU"


def capability_changes(tensorrt: FakeTensorRt) -> None:
    tensorrt.cuda.gpu.minor = 9


def driver_changes(tensorrt: FakeTensorRt) -> None:
    tensorrt.cuda.gpu.driver = 12080


def version_changes(tensorrt: FakeTensorRt) -> None:
    tensorrt.__version__ += ".1"


@pytest.mark.parametrize("change", [gpu_changes, capability_changes, driver_changes, version_changes])
def test_another_device_is_built_for_anew(
    tensorrt: FakeTensorRt, tiny: Path, cache: EngineCache, change: Callable[[FakeTensorRt], None]
) -> None:
    first = build(tiny, cache)
    change(tensorrt)
    second = build(tiny, cache)
    assert second.built
    assert second.path != first.path
    assert len(list(cache.folder.glob("*.engine"))) == 2


def test_another_model_of_the_same_name_is_built_anew(tensorrt: FakeTensorRt, tiny: Path, cache: EngineCache) -> None:
    first = build(tiny, cache)
    tiny_detector(tiny, seed=5)
    second = build(tiny, cache)
    assert second.built
    assert second.header.model_sha256 != first.header.model_sha256


def test_other_batches_and_digits_are_built_anew(tensorrt: FakeTensorRt, tiny: Path, cache: EngineCache) -> None:
    build(tiny, cache)
    for spec in (read_engine_spec(tiny, batch=(1, 1, 1)), read_engine_spec(tiny, tf32=True)):
        assert provide_engine(spec, cache).built


def test_rebuilding_can_be_asked_for(tensorrt: FakeTensorRt, tiny: Path, cache: EngineCache) -> None:
    build(tiny, cache)
    assert build(tiny, cache, rebuild=True).built
    assert len(tensorrt.builds) == 2


@pytest.mark.parametrize("damage", ["engine", "header", "no header"])
def test_a_damaged_engine_in_the_cache_is_built_anew(
    tensorrt: FakeTensorRt, tiny: Path, cache: EngineCache, damage: str
) -> None:
    path = build(tiny, cache).path
    if damage == "engine":
        path.write_bytes(path.read_bytes()[:-1])
    elif damage == "header":
        header_path(path).write_text("{")
    else:
        header_path(path).unlink()
    assert build(tiny, cache).built
    TensorRtBackend(path).close()


def test_measurements_of_one_build_serve_the_next(tensorrt: FakeTensorRt, tiny: Path, cache: EngineCache) -> None:
    build(tiny, cache)
    build(tiny, cache, rebuild=True)
    build(tiny, cache, rebuild=True, timing_cache=False)
    assert [bool(done.timings) for done in tensorrt.builds] == [False, True, False]


def test_measurements_of_another_device_are_not_used(tensorrt: FakeTensorRt, tiny: Path, cache: EngineCache) -> None:
    build(tiny, cache)
    (timings,) = cache.folder.glob("*.timings")
    content = timings.read_bytes()
    gpu_changes(tensorrt)
    build(tiny, cache)
    other = next(file for file in cache.folder.glob("*.timings") if file != timings)
    other.write_bytes(content)
    build(tiny, cache, rebuild=True)
    assert not tensorrt.builds[-1].timings


def test_the_oldest_engines_are_removed(tensorrt: FakeTensorRt, tmp_path: Path) -> None:
    cache = EngineCache(tmp_path / "engines", most=2)
    reports = []
    for seed in range(3):
        reports.append(build(tiny_detector(tmp_path / f"m{seed}.onnx", seed=seed), cache))
        os.utime(reports[-1].path, (seed, seed))
    build(tiny_detector(tmp_path / "m3.onnx", seed=3), cache)
    assert sorted(file.name.split("-")[0] for file in cache.folder.glob("*.engine")) == ["m2", "m3"]
    assert len(list(cache.folder.glob("*.engine.json"))) == 2


def test_two_builders_build_once(tensorrt: FakeTensorRt, tiny: Path, cache: EngineCache) -> None:
    spec = read_engine_spec(tiny)
    reports: list[EngineReport] = []
    builders = [threading.Thread(target=lambda: reports.append(provide_engine(spec, cache))) for _ in range(3)]
    for thread in builders:
        thread.start()
    for thread in builders:
        thread.join(timeout=300)
    assert sorted(report.built for report in reports) == [False, False, True]


def test_waiting_for_another_builder_ends(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    with cache.lock(), pytest.raises(OutputError, match="another process has been building"), cache.lock(timeout_s=0.3):
        pass
    with cache.lock(timeout_s=0.3):
        pass


def test_a_build_that_fails_leaves_nothing(tensorrt: FakeTensorRt, tiny: Path, cache: EngineCache) -> None:
    tensorrt.refuse_build = "Requested amount of GPU memory (4294967296 bytes) could not be allocated."
    with pytest.raises(ExportError, match=r"could not build .*could not be allocated; where memory was short"):
        build(tiny, cache)
    assert not list(cache.folder.glob("*.engine*"))


def test_an_output_is_a_copy_with_its_header(
    tensorrt: FakeTensorRt, tiny: Path, cache: EngineCache, tmp_path: Path
) -> None:
    report = build(tiny, cache, output=tmp_path / "here.engine")
    assert report.path == tmp_path / "here.engine"
    assert json.loads((tmp_path / "here.engine.json").read_text())["gpu"] == "Fake Orin"
    with pytest.raises(OutputError, match="cannot write"):
        build(tiny, cache, output=tmp_path / "missing" / "here.engine")


def test_a_fixed_batch_needs_no_profile(tensorrt: FakeTensorRt, tmp_path: Path, cache: EngineCache) -> None:
    path = tiny_detector(tmp_path / "fixed.onnx", dynamic=False)
    report = build(path, cache)
    assert report.header.batch == (1, 1, 1)
    backend = TensorRtBackend(report.path)
    np.testing.assert_array_equal(backend.run(tiny_pictures(1))[0], OnnxRuntimeBackend(path).run(tiny_pictures(1))[0])
    backend.close()
    with pytest.raises(ConfigError, match="takes 1 a call; export it with --dynamic-batch"):
        read_engine_spec(path, batch=(1, 2, 4))


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_reduced_precision_is_that_of_the_file(
    tensorrt: FakeTensorRt, tiny: Path, cache: EngineCache, precision: str
) -> None:
    model = onnx.load(tiny)
    reduced = to_half(model) if precision == "fp16" else quantise(model, [tiny_pictures(1)], float_layers=1)
    path = tiny.with_name("reduced.onnx")
    onnx.save(reduced, path)
    report = provide_engine(read_engine_spec(path, precision=precision), cache)
    assert report.header.precision == precision
    backend = TensorRtBackend(report.path, precision=precision)  # type: ignore[arg-type]
    assert backend.precision == precision
    assert (
        np.abs(backend.run(tiny_pictures(2))[0] - OnnxRuntimeBackend(tiny).run(tiny_pictures(2))[0])[:, 4:].max() < 0.05
    )
    backend.close()


def test_a_precision_that_the_file_has_not_is_refused(tiny: Path) -> None:
    with pytest.raises(ConfigError, match=r"--precision fp16: .* is in fp32.*--format tensorrt --precision fp16"):
        read_engine_spec(tiny, precision="fp16")


def test_a_quantised_file_in_another_form_is_refused(tensorrt: FakeTensorRt, tiny: Path, cache: EngineCache) -> None:
    model = quantise(onnx.load(tiny), [tiny_pictures(1)], float_layers=1)
    zero = next(tensor for tensor in model.graph.initializer if tensor.name == "quantised_zero")
    zero.CopyFrom(onnx.numpy_helper.from_array(np.array(3, np.int8), zero.name))
    onnx.save(model, tiny)
    with pytest.raises(ExportError, match=r"does not take .*only supports symmetric quantization"):
        build(tiny, cache)


def test_the_file_says_for_which_batches(tiny: Path) -> None:
    model = onnx.load(tiny)
    for key, value in BuildHints(precision="fp32", batch=(1, 2, 3)).to_metadata().items():
        model.metadata_props.add(key=key, value=value)
    onnx.save(model, tiny)
    assert read_engine_spec(tiny).batch == (1, 2, 3)
    assert read_engine_spec(tiny, batch=(1, 1, 1)).batch == (1, 1, 1)


@pytest.mark.parametrize(
    ("entry", "says"),
    [("{", "is damaged"), (BuildHints(precision="int8", batch=(1, 1, 1)).model_dump_json(), "says that it is in int8")],
)
def test_hints_that_do_not_fit_are_refused(tiny: Path, entry: str, says: str) -> None:
    model = onnx.load(tiny)
    model.metadata_props.add(key="streamvision.tensorrt", value=entry)
    onnx.save(model, tiny)
    with pytest.raises(ModelError, match=says):
        read_engine_spec(tiny)


def test_the_card_goes_into_the_header(tensorrt: FakeTensorRt, tiny: Path, cache: EngineCache) -> None:
    header = build(tiny, cache).header
    assert header.metadata["streamvision.card"] == tiny_card(dynamic=True).to_metadata()["streamvision.card"]


def test_no_gpu_is_one_sentence(tensorrt: FakeTensorRt, tiny: Path, cache: EngineCache) -> None:
    tensorrt.cuda.gpu.driver = 0
    with pytest.raises(DeviceError, match="CUDA driver version is insufficient"):
        build(tiny, cache)


def test_a_gpu_that_is_not_there_is_one_sentence(tensorrt: FakeTensorRt, tiny: Path, cache: EngineCache) -> None:
    with pytest.raises(DeviceError, match="there is no GPU cuda:2: CUDA finds 1"):
        build(tiny, cache, device="cuda:2")
    with pytest.raises(DeviceError, match=r"run on auto or cuda\[:N\], not on 'cpu'"):
        build(tiny, cache, device="cpu")


@pytest.mark.parametrize(("text", "batch"), [("1", (1, 1, 1)), ("1,4,16", (1, 4, 16)), ("2, 2, 2", (2, 2, 2))])
def test_batches_are_read(text: str, batch: tuple[int, int, int]) -> None:
    assert parse_batch(text) == batch


@pytest.mark.parametrize("text", ["", "0", "4,1,16", "1,2", "a", "1,2,3,4", "1.5"])
def test_other_batches_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="such as 1,4,16"):
        parse_batch(text)


def test_the_size_of_a_free_input_is_the_cards(tmp_path: Path) -> None:
    spec = read_engine_spec(tiny_detector(tmp_path / "tiny.onnx"))
    assert spec.shape(2) == (2, 3, 64, 64)
    tall = spec.card.input.model_copy(update={"layout": "nhwc", "height_px": 96})
    other: EngineSpec = replace(spec, card=spec.card.model_copy(update={"input": tall}))
    assert other.shape(1) == (1, 96, 64, 3)
