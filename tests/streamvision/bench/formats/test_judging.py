"""Which lines pass, and which of them is the fastest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streamvision.bench.formats import report
from streamvision.bench.formats.rows import Row
from streamvision.bench.formats.table import FormatsFigures, RowFigures, judge

PASSED = {"passed": True, "stages": [{"figures": {"mean_iou": {"value": 0.987654}}}]}


def line(
    name: str, fps: float, *, precision: Any = "fp32", accuracy: float | None = None, parity: Any = PASSED, **row: Any
) -> RowFigures:
    latency = {"p50": 1000 / fps, "p95": 1100 / fps, "p99": 1200 / fps}
    found = {"fps": fps, "latency_ms": latency, "open_s": 0.1, "rss_mb": 100.0, "picture_cpu_ms": 50.0,
             "others_cpu_percent": 50.0,
             "runtime": "onnxruntime", "device": "cpu", "precision": "fp32", "requests": 2}  # fmt: skip
    figures = RowFigures(Row(name, precision, **row), parity=parity, rounds=[found, found | {"fps": 3 * fps}, found])
    if accuracy is not None:
        figures.accuracy = {"map50_95": accuracy, "map50": 0.6, "images": 64}
    return figures


def source(accuracy: float | None = None, name: str = "yolo.pt") -> RowFigures:
    return line("source", 9.0, precision=None, accuracy=accuracy, parity=None, file=Path(name))


def table(*lines: RowFigures, data: str | None = None) -> FormatsFigures:
    judge(lines)
    return FormatsFigures("yolo.pt", lines, 3, 6.0, data, 50.0)


def test_the_fastest_that_the_gate_has_passed_is_marked_and_torch_never() -> None:
    refused = line("tflite", 99.0)
    refused.fail("the boxes differ", "refused")
    figures = table(source(), line("onnx", 10.0), line("openvino", 12.0), refused, line("bf", 50.0, parity=None))
    assert [row.passes for row in figures.rows] == [True, True, True, False, None]
    assert figures.to_json()["fastest"] == "openvino fp32"
    assert "* openvino fp32" in report.describe(figures)
    assert "tflite fp32: refused: the boxes differ" in report.describe(figures)


def test_with_labelled_pictures_what_loses_more_than_its_precision_may_does_not_pass() -> None:
    figures = table(
        source(0.372),
        line("onnx", 10.0, accuracy=0.372),
        line("onnx", 20.0, precision="int8", accuracy=0.358),
        line("openvino", 30.0, precision="bf16", accuracy=0.366, parity=None),
        line("openvino", 40.0, precision="int8", accuracy=0.356),
        data="coco",
    )
    assert [row.passes for row in figures.rows] == [True, True, True, False, False]
    assert [round(row.lost_points or 0.0, 6) for row in figures.rows] == [0.0, 0.0, 1.4, 0.6, 1.6]
    assert figures.to_json()["fastest"] == "onnx int8"
    assert "it loses 1.6 points of mAP50-95" in report.describe(figures)


def test_files_alone_are_held_against_the_best_of_them_and_without_data_against_nothing() -> None:
    files = [line("file", fps, precision=None, accuracy=score, parity=None, file=Path(f"{fps}.onnx"))
             for fps, score in ((10.0, 0.4), (20.0, 0.398), (30.0, 0.3))]  # fmt: skip
    assert table(*files, data="coco").to_json()["fastest"] == "20.0.onnx"
    bare = [line("file", fps, precision=None, parity=None, file=Path(f"{fps}.onnx")) for fps in (10.0, 20.0)]
    figures = table(*bare)
    assert figures.to_json()["fastest"] == "20.0.onnx"
    assert "nothing says whether it is as good" in report.describe(figures)


def test_the_document_has_medians_and_the_table_the_machine(tmp_path: Path) -> None:
    file = tmp_path / "a.onnx"
    file.write_bytes(bytes(2_500_000))
    figures = table(source(), line("onnx", 10.0))
    figures.rows[1].path = file
    row = figures.to_json()["rows"][1]
    assert (row["fps"], row["fps_of_rounds"], row["size_mb"]) == (10.0, [10.0, 30.0, 10.0], 2.5)
    assert row["latency_ms"] == {"p50": 100.0, "p99": 120.0}
    assert figures.to_json()["machine"]["instruction_sets"] is not None
    described = report.describe(figures)
    assert "passed, IoU 0.988" in described
    assert "other processes used up to 50 % of a core" in described


def test_the_chart_is_of_accuracy_against_latency_where_there_is_accuracy(tmp_path: Path) -> None:
    plane, bars = tmp_path / "plane.svg", tmp_path / "bars.svg"
    report.plot(table(source(0.37), line("onnx", 10.0, accuracy=0.36), data="coco"), plane)
    report.plot(table(source(), line("onnx", 10.0)), bars)
    assert "mAP50-95" in plane.read_text() and plane.read_text().count("<circle") == 2
    assert "latency, p50 and p99" in bars.read_text()
