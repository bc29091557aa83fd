"""Which lines a source and files have, and which of them are not tried, with the reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from exporters.targets.registry import TARGETS
from streamvision.bench.formats import rows as rows_module
from streamvision.bench.formats.rows import rows_of_files, rows_of_source
from streamvision.core.errors import ConfigError
from streamvision.inference.backends.registry import BACKENDS

SOURCE = Path("yolo.pt")


def _rows(*formats: str, precisions=(), **settings):
    entries = [TARGETS.get(name) for name in formats]
    return rows_of_source(SOURCE, entries, precisions, all_formats=False, **settings)


def test_every_precision_of_a_format_is_a_line_after_the_source(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    rows = _rows("onnx", "openvino", calibration=tmp_path)
    assert [row.name for row in rows] == [
        "yolo.pt (source)", "onnx fp32", "onnx fp16", "onnx int8",
        "openvino fp32", "openvino fp16", "openvino int8", "openvino bf16",
    ]  # fmt: skip
    assert [row.hindrance for row in rows] == [None] * 8
    assert (rows[0].is_checkpoint, rows[1].is_checkpoint) == (True, False)
    assert (rows[-1].made_in, rows[-1].backend) == ("fp32", "openvino")


def test_what_a_format_has_not_is_no_line_and_int8_without_pictures_says_what_it_lacks() -> None:
    rows = _rows("onnx", "tflite", precisions=("int8-dynamic", "int8"))
    assert [row.name for row in rows[1:]] == ["onnx int8", "tflite int8-dynamic", "tflite int8"]
    assert [row.hindrance is None for row in rows[1:]] == [False, True, False]
    assert "--calibration DIR" in str(rows[1].hindrance)
    with pytest.raises(ConfigError, match="none of coreml is made in int8"):
        _rows("coreml", precisions=("int8",))


def test_a_format_that_needs_torch_is_not_made_of_an_onnx_file() -> None:
    rows = rows_of_source(Path("yolo.onnx"), [TARGETS.get("tflite")], ("fp32",), all_formats=False)
    assert "of which tflite cannot be made" in str(rows[1].hindrance)


def test_what_does_not_execute_here_is_made_only_where_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "read_machine", lambda: None)
    monkeypatch.setattr(rows_module.sys, "platform", "linux")
    entries = [TARGETS.get(name) for name in ("coreml", "tensorrt")]
    rows = rows_of_source(SOURCE, entries, ("fp32",), all_formats=True)
    assert "Apple devices" in str(rows[1].hindrance) and "--formats coreml" in str(rows[1].hindrance)
    assert "NVIDIA" in str(rows[2].hindrance) and rows[2].device == "tensorrt"
    named = rows_of_source(SOURCE, entries, ("fp32",), all_formats=False)
    assert [row.hindrance for row in named] == [None] * 3


def test_a_runtime_that_is_not_installed_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = [replace(one, package="no_such_package") for one in BACKENDS.built_in]
    monkeypatch.setattr(rows_module, "BACKENDS", absent)
    rows = rows_of_source(SOURCE, [TARGETS.get("tflite")], ("fp32",), all_formats=True)
    assert "litert, which is not installed: pip install" in str(rows[1].hindrance)


def test_files_are_executed_as_they_are() -> None:
    rows = rows_of_files([Path("a/b.onnx"), Path("a/c.tflite")], device="cpu")
    assert [(row.name, row.backend, row.device, row.made_in) for row in rows] == [
        ("b.onnx", "auto", "cpu", None),
        ("c.tflite", "auto", "cpu", None),
    ]
