"""What TensorRT's provider is told. Nothing here runs on a GPU: the options were tried on the real GPU build."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from streamvision.core.config.model import Precision
from streamvision.core.errors import DeviceError, ModelError, OutputError
from streamvision.inference.backends.base import ModelFacts
from streamvision.inference.backends.onnx_runtime import PROVIDERS, OnnxRuntimeBackend
from streamvision.inference.backends.tensorrt_provider import (
    MOST_ENGINE_FOLDERS,
    EnginePlan,
    engine_folder,
    forget_engines,
    plan_engines,
    profile,
)
from streamvision.inference.tensors import ModelInputs, TensorSpec
from support.tiny_detector import tiny_detector, tiny_pictures

FREE = TensorSpec("images", (None, 3, 64, 64), "float32")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def plan(path: Path, spec: TensorSpec = FREE, *, precision: Precision = "auto", version: str = "1.23") -> EnginePlan:
    inputs = ModelInputs.of((spec,), path=path)
    return plan_engines(path, inputs, precision=precision, version=version, usual_side_px=(64, 64))


def sizes(*specs: TensorSpec) -> dict[str, tuple[tuple[int, ...], ...]]:
    return dict(profile(ModelInputs.of(specs, path=Path("m.onnx")), (384, 640)))


class TestSizesOfCalls:
    """An engine is built for them once, so that none is built in the middle of a stream."""

    def test_a_free_batch(self) -> None:
        assert sizes(FREE) == {"images": ((1, 3, 64, 64), (4, 3, 64, 64), (16, 3, 64, 64))}

    def test_free_sides(self) -> None:
        spec = TensorSpec("x", (1, 3, None, None), "float32")
        assert sizes(spec) == {"x": ((1, 3, 32, 32), (1, 3, 384, 640), (1, 3, 1280, 1280))}

    def test_the_batch_of_what_goes_with_the_picture(self) -> None:
        companion = TensorSpec("orig_target_sizes", (None, 2), "int64")
        assert sizes(FREE, companion)["orig_target_sizes"] == ((1, 2), (4, 2), (16, 2))

    def test_one_picture_without_a_batch(self) -> None:
        spec = TensorSpec("image", (3, None, None), "float32")
        assert sizes(spec) == {"image": ((3, 32, 32), (3, 384, 640), (3, 1280, 1280))}

    @pytest.mark.parametrize(
        ("shape", "heights"), [((1, None, None, 3), (32, 1080, 2160)), ((1, None, None, 1), (48, 1620, 3240))]
    )
    def test_whole_pictures(self, shape: tuple[int | None, ...], heights: tuple[int, ...]) -> None:
        """In YUV 4:2:0 there are 3 rows of bytes for each 2 of the picture."""
        found = sizes(TensorSpec("pictures", shape, "uint8"))["pictures"]
        assert found == tuple((1, h, w, shape[3]) for h, w in zip(heights, (32, 1920, 3840), strict=True))

    def test_any_number_of_whole_pictures_is_refused(self, tmp_path: Path) -> None:
        whole = TensorSpec("pictures", (None, None, None, 3), "uint8")
        with pytest.raises(DeviceError, match=r"any number of whole pictures a call.*without --dynamic-batch"):
            plan(tiny_detector(tmp_path / "tiny.onnx"), whole)

    def test_a_networks_own_input_in_bytes_has_the_sides_of_a_network(self) -> None:
        spec = TensorSpec("images", (None, None, None, 3), "uint8")
        assert sizes(spec)["images"][2] == (16, 1280, 1280, 3)

    @pytest.mark.parametrize("shape", [(None, 3, None, None), (None, None, None, 3)])
    def test_a_name_alone_makes_no_whole_pictures(self, shape: tuple[int | None, ...], tmp_path: Path) -> None:
        spec = TensorSpec("pictures", shape, "float32")
        assert max(sizes(spec)["pictures"][2]) == 1280
        assert plan(tiny_detector(tmp_path / "tiny.onnx"), spec).max_batch == 16

    def test_nothing_free_is_nothing_said(self, tmp_path: Path) -> None:
        fixed = TensorSpec("images", (1, 3, 64, 64), "float32")
        assert sizes(fixed) == {}
        made = plan(tiny_detector(tmp_path / "tiny.onnx"), fixed)
        assert (made.options, made.max_batch) == ({}, None)

    def test_they_are_written_as_the_provider_reads_them(self, tmp_path: Path) -> None:
        made = plan(tiny_detector(tmp_path / "tiny.onnx"))
        assert made.options["trt_profile_max_shapes"] == "images:16x3x64x64"
        assert made.max_batch == 16


class TestPrecision:
    @pytest.mark.reference
    def test_it_is_the_files_own(self, tmp_path: Path) -> None:
        onnx = pytest.importorskip("onnx")
        from exporters.onnx.half import to_half
        from exporters.tensorrt.quantise import quantise

        path = tiny_detector(tmp_path / "tiny.onnx")
        model = onnx.load(path)
        half, quantised = tmp_path / "half.onnx", tmp_path / "int8.onnx"
        onnx.save(to_half(model), half)
        onnx.save(quantise(onnx.load(path), [tiny_pictures(1)], float_layers=1), quantised)
        for version, half_switch, int8_switch in (("1.26.0", None, None), ("1.27.0", "True", "True")):
            found = {}
            for file in (path, half, quantised):
                made = plan(file, version=version)
                assert made.strongly_typed is (version == "1.26.0")
                switches = (made.options.get("trt_fp16_enable"), made.options.get("trt_int8_enable"))
                found[file.stem] = (made.precision, *switches)
            assert found == {
                "tiny": ("fp32", None, None),
                "half": ("fp16", half_switch, None),
                "int8": ("int8", None, int8_switch),
            }
        with pytest.raises(DeviceError, match=r"is in int8, which TensorRT does not make fp16 of; make one with"):
            plan(quantised, precision="fp16")
        with pytest.raises(DeviceError, match="is in fp16, which TensorRT does not make fp32 of"):
            plan(half, precision="fp32")

    def test_a_float32_file_may_be_built_in_half(self, tmp_path: Path) -> None:
        made = plan(tiny_detector(tmp_path / "tiny.onnx"), precision="fp16")
        assert (made.precision, made.options["trt_fp16_enable"]) == ("fp16", "True")
        assert not made.strongly_typed


class TestTheFolderOfEngines:
    def test_other_weights_under_the_same_name_are_another_folder(self, tmp_path: Path) -> None:
        onnx = pytest.importorskip("onnx")
        path = tiny_detector(tmp_path / "tiny.onnx")
        before = plan(path).folder
        assert plan(path).folder == before
        assert before.name.startswith("tiny-")
        model = onnx.load(path)
        weights = model.graph.initializer[0]
        weights.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(weights) + 1, weights.name))
        onnx.save(model, path)
        assert plan(path).folder != before

    def test_options_and_the_runtimes_version_count_too(self, tmp_path: Path) -> None:
        path = tiny_detector(tmp_path / "tiny.onnx")
        folders = {plan(path).folder, plan(path, precision="fp16").folder, plan(path, version="1.24").folder}
        assert len(folders) == 3

    def test_weights_in_another_file_count_too(self, tmp_path: Path) -> None:
        onnx = pytest.importorskip("onnx")
        path, weights = tmp_path / "apart.onnx", tmp_path / "weights.bin"
        model = onnx.load(tiny_detector(tmp_path / "tiny.onnx"))
        onnx.save(model, path, save_as_external_data=True, location=weights.name, size_threshold=0)
        before = plan(path).folder
        content = bytearray(weights.read_bytes())
        content[0] ^= 1
        weights.write_bytes(bytes(content))
        assert plan(path).folder != before
        weights.unlink()
        with pytest.raises(ModelError, match=r"weights in other files.*weights\.bin.*put them beside it"):
            plan(path)

    def test_the_oldest_are_removed_and_nothing_else(self, tmp_path: Path) -> None:
        made = plan(tiny_detector(tmp_path / "tiny.onnx"))
        engines = made.folder.parent
        engines.mkdir(parents=True)
        for number in range(MOST_ENGINE_FOLDERS + 2):
            folder = engines / f"old-{number}"
            folder.mkdir()
            (folder / "options.json").write_text("{}")
            os.utime(folder, (number, number))
        (engines / "of somebody else").mkdir()
        with engine_folder(made):
            pass
        left = {folder.name for folder in engines.iterdir() if folder.is_dir()}
        assert left == {f"old-{n}" for n in range(3, MOST_ENGINE_FOLDERS + 2)} | {made.folder.name, "of somebody else"}

    def test_two_builders_wait_for_each_other(self, tmp_path: Path) -> None:
        made = plan(tiny_detector(tmp_path / "tiny.onnx"))
        order: list[str] = []
        inside = threading.Event()

        def first() -> None:
            with engine_folder(made):
                inside.set()
                time.sleep(0.3)
                order.append("first")

        thread = threading.Thread(target=first)
        thread.start()
        assert inside.wait(60)
        with pytest.raises(OutputError, match="another process has been building"), engine_folder(made, timeout_s=0):
            pass
        with engine_folder(made, timeout_s=60):
            order.append("second")
        thread.join(60)
        assert order == ["first", "second"]

    def test_engines_that_cannot_be_read_are_forgotten(self, tmp_path: Path) -> None:
        made = plan(tiny_detector(tmp_path / "tiny.onnx"))
        with engine_folder(made):
            (made.folder / "graph_sm87.engine").write_bytes(b"x")
            (made.folder / "graph.profile").write_bytes(b"x")
            assert made.built()
            forget_engines(made)
        assert not made.built()
        assert [file.name for file in made.folder.iterdir()] == ["options.json"]

    def test_a_folder_that_cannot_be_written_is_one_sentence(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").write_text("x")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
        made = plan(tiny_detector(tmp_path / "tiny.onnx"))
        with pytest.raises(OutputError, match=r"TensorRT's engines.*set XDG_CACHE_HOME"), engine_folder(made):
            pass


def test_the_providers_options_are_texts(tmp_path: Path) -> None:
    """Its Python interface takes no other values for most of them."""
    options = plan(tiny_detector(tmp_path / "tiny.onnx"), precision="fp16").provider_options(1)
    assert options["device_id"] == "1"
    assert all(isinstance(value, str) for value in options.values())
    assert {options[name] for name in options if name.endswith("_enable")} == {"True"}
    assert np.prod([int(n) for n in options["trt_profile_opt_shapes"].partition(":")[2].split("x")]) == 4 * 3 * 64 * 64


class WithoutGpu(OnnxRuntimeBackend):
    """Loads on the CPU what is asked of TensorRT, refuses kept engines as another version of TensorRT would, and
    otherwise leaves one behind."""

    refused: ClassVar[list[str]] = []

    @classmethod
    def _load(
        cls, ort: Any, path: Path, kind: str, index: int, plan: EnginePlan | None, **settings: Any
    ) -> tuple[ModelFacts, ModelInputs, Any]:
        assert kind == "tensorrt" and plan is not None
        old = plan.folder / "graph_sm87.engine"
        if old.is_file() and old.read_bytes() == b"of another version":
            cls.refused.append(old.name)
            raise DeviceError("tensorrt:0 cannot load it: could not deserialize engine from cache")
        old.write_bytes(b"engine")
        return super()._load(ort, path, "cpu", 0, None, **settings)


class TestABackendOnTensorRt:
    @pytest.fixture(autouse=True)
    def claim_tensorrt(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import onnxruntime

        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: list(PROVIDERS.values()))
        monkeypatch.setattr(WithoutGpu, "refused", [])

    def test_it_says_where_its_engines_are_and_how_much_it_takes(self, tmp_path: Path) -> None:
        with contextlib.closing(WithoutGpu(tiny_detector(tmp_path / "tiny.onnx"), device="tensorrt")) as backend:
            assert backend.engine_folder is not None
            assert (backend.engine_folder / "graph_sm87.engine").is_file()
            assert backend.max_batch == 16

    def test_engines_that_are_refused_are_built_anew_once(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = tiny_detector(tmp_path / "tiny.onnx")
        folder = WithoutGpu(path, device="tensorrt").engine_folder
        assert folder is not None
        (folder / "graph_sm87.engine").write_bytes(b"of another version")
        WithoutGpu(path, device="tensorrt")
        assert WithoutGpu.refused == ["graph_sm87.engine"]
        assert (folder / "graph_sm87.engine").read_bytes() == b"engine"
        assert "building its engines anew" in caplog.text

    def test_a_model_that_fails_without_kept_engines_is_not_tried_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Building takes minutes; what fails for another reason would fail again."""
        tried: list[Path] = []

        def load(ort: Any, path: Path, kind: str, index: int, made: EnginePlan, **settings: Any) -> None:
            tried.append(path)
            (made.folder / "graph_sm87.engine").write_bytes(b"engine")
            raise DeviceError("would not run on tensorrt:0")

        monkeypatch.setattr(WithoutGpu, "_load", load)
        with pytest.raises(DeviceError, match="would not run on tensorrt:0"):
            WithoutGpu(tiny_detector(tmp_path / "tiny.onnx"), device="tensorrt")
        assert len(tried) == 1

    def test_a_size_that_no_engine_is_built_for_is_refused(self, tmp_path: Path) -> None:
        """The provider would build another one for minutes, or fail deep inside."""
        backend = WithoutGpu(tiny_detector(tmp_path / "tiny.onnx"), device="tensorrt")
        assert backend.run(tiny_pictures(16))
        for _ in range(2):
            with pytest.raises(ModelError, match=r"with inputs from 1x3x\d+x\d+ to 16x3x\d+x\d+, not with 17x3x"):
                backend.run(tiny_pictures(17))
        assert backend.run(tiny_pictures(2))

    def test_where_the_batch_is_fixed_nothing_is_said_of_it(self, tiny_onnx: Path) -> None:
        assert WithoutGpu(tiny_onnx, device="tensorrt").max_batch is None
