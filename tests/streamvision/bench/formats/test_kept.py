"""What was found is kept by content, machine and versions, and ``doctor`` says it or names the command."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from streamvision.bench.formats import kept
from streamvision.bench.formats.kept import keep, kept_table
from streamvision.bench.formats.rows import Row
from streamvision.bench.formats.table import FormatsFigures, RowFigures
from streamvision.cli.doctor_formats import fastest_format
from streamvision.core.version import __version__
from streamvision.inference.backends.probe import BackendReport

VERSIONS = {"streamvision": __version__, "onnxruntime": "1.26.0"}
RUNTIME = BackendReport("onnxruntime", "1.26.0", "pip install it", ())


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "streamvision" / "formats"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "yolo.pt"
    path.write_bytes(b"weights")
    return path


def figures(model: Path, *, fps: float = 40.0, passes: bool | None = True) -> FormatsFigures:
    file = model.with_name("yolo-fp32.onnx")
    file.write_bytes(b"network")
    found = {
        "fps": fps,
        "latency_ms": {"p50": 25.0, "p99": 30.0},
        "runtime": "onnxruntime",
        "runtime_version": "1.26.0",
    }
    row = RowFigures(Row("onnx", "fp32"), path=file, rounds=[found], passes=passes, is_fastest=True)
    return FormatsFigures(str(model), (row,), 1, 1.0, None, None)


def test_a_table_is_found_again_by_the_source_and_by_its_files(model: Path, tmp_path: Path) -> None:
    assert kept_table(model, VERSIONS) is None
    assert keep(figures(model), [model]) is not None
    moved = tmp_path / "elsewhere.pt"
    moved.write_bytes(model.read_bytes())
    for one in (model, moved, model.with_name("yolo-fp32.onnx"), None):
        table = kept_table(one, VERSIONS)
        assert table is not None and (table.name, table.fps, table.proven) == ("onnx fp32", 40.0, True)
    (other := tmp_path / "other.pt").write_bytes(b"other weights")
    assert kept_table(other, VERSIONS) is None


def test_another_version_or_machine_makes_it_worth_nothing(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(figures(model), [model])
    assert kept_table(model, VERSIONS | {"onnxruntime": "1.27.0"}) is None
    assert kept_table(model, {"streamvision": __version__}) is None
    monkeypatch.setattr(kept, "machine", lambda: {"cpu": "another", "cores": 96, "instruction_sets": []})
    assert kept_table(model, VERSIONS) is None


def test_the_same_model_has_one_table_and_the_oldest_of_many_go(model: Path, cache: Path) -> None:
    keep(figures(model), [model])
    keep(figures(model, fps=50.0), [model])
    assert [table.fps for table in [kept_table(model, VERSIONS)] if table] == [50.0]
    assert len(list(cache.iterdir())) == 1
    for index in range(kept.MOST_KEPT + 5):
        (cache / f"{index}.json").write_text("{}")
        os.utime(cache / f"{index}.json", (index, index))
    keep(figures(model), [model])
    assert len(list(cache.iterdir())) == kept.MOST_KEPT
    assert kept_table(model, VERSIONS) is not None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"model": 1, "digests": 5}', "null", "\x00"])
def test_a_damaged_file_is_passed_over(model: Path, cache: Path, content: str) -> None:
    path = keep(figures(model), [model])
    assert path is not None
    path.write_text(content)
    assert kept_table(None, VERSIONS) is None


def test_doctor_says_it_in_one_line_or_names_the_command(model: Path) -> None:
    nothing, check = fastest_format(None, [RUNTIME])
    assert nothing is None and not check.ok and not check.required
    assert check.detail.endswith("streamvision bench formats MODEL --output formats")
    _, check = fastest_format(model, [RUNTIME])
    assert check.detail.endswith(f"streamvision bench formats {model} --output formats")
    keep(figures(model, passes=None), [model])
    for given in (model, None):
        table, check = fastest_format(given, [RUNTIME])
        assert table is not None and check.ok
        assert check.detail.startswith("onnx fp32 of yolo.pt: 40.0 pictures a second, 25.0 ms (")
        assert "not compared with its source" in check.detail
    assert not fastest_format(model, [replace(RUNTIME, installed="2.0")])[1].ok
