"""An ONNX file's arithmetic, read without the onnx package."""

from __future__ import annotations

from pathlib import Path

import pytest

onnx = pytest.importorskip("onnx")

from exporters.onnx.half import to_half  # noqa: E402
from exporters.tensorrt.quantise import quantise  # noqa: E402
from streamvision.inference.backends.onnx_scan import scan_onnx  # noqa: E402
from support.tiny_detector import tiny_detector, tiny_pictures  # noqa: E402


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return tiny_detector(tmp_path / "tiny.onnx")


def test_the_precision_is_that_of_the_layers(tiny: Path) -> None:
    model = onnx.load(tiny)
    assert scan_onnx(tiny.read_bytes(), name="m").precision == "fp32"
    assert scan_onnx(to_half(model).SerializeToString(), name="m").precision == "fp16"
    quantised = quantise(model, [tiny_pictures(1)], float_layers=1)
    assert scan_onnx(quantised.SerializeToString(), name="m").precision == "int8"


def test_weights_that_are_only_stored_in_half_are_not_computed_in_it(project_root: Path) -> None:
    content = (project_root / "streamvision" / "models" / "road_signs.onnx").read_bytes()
    assert scan_onnx(content, name="m").precision == "fp32"


def test_weights_in_other_files_are_noticed(tiny: Path, tmp_path: Path) -> None:
    apart = tmp_path / "apart.onnx"
    onnx.save(onnx.load(tiny), apart, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert scan_onnx(apart.read_bytes(), name="m").external == ("weights.bin",)
    assert scan_onnx(tiny.read_bytes(), name="m").external == ()


@pytest.mark.parametrize("content", [b"", b"dear diary\n" * 50, b"\xff" * 100])
def test_what_is_no_model_is_one_sentence(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"m\.onnx .* export or download it again"):
        scan_onnx(content, name="m.onnx")


@pytest.mark.parametrize("share", [0.2, 0.7, 0.99])
def test_a_part_of_a_model_is_damaged(tiny: Path, share: float) -> None:
    content = tiny.read_bytes()
    with pytest.raises(ValueError, match="damaged"):
        scan_onnx(content[: int(len(content) * share)], name="m.onnx")
