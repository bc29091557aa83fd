"""``streamvision export`` as its users meet it: files that are proven, one sentence where they are not."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from exporters.targets.registry import TARGETS
from support.command_line import called, running, streamvision

MODEL = "models/yolox_nano.onnx"
FEW = ("--max-images", "3")


@pytest.fixture
def other_package(tmp_path, project_root, monkeypatch):
    """Another package that is installed beside ours and brings two export formats."""
    info = tmp_path / "copying-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: copying\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[streamvision.targets]\ncopied = support.broken_exports:COPIED\nstretched = support.broken_exports:STRETCHED\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (project_root, project_root / "tests", tmp_path))))


def test_a_model_becomes_proven_files(data_dir, tmp_path):
    pytest.importorskip("onnx")
    out = tmp_path / "exported"
    given = ("--format", "onnx", "--images", data_dir / "coco_calib", *FEW, "--output", out, "--json")
    done = streamvision("export", data_dir / MODEL, *given)
    assert done.code == 0, done.stderr
    (artefact,) = done.report["artefacts"]
    assert artefact["format"] == "onnx"
    assert artefact["precision"] == "fp32"
    assert Path(artefact["path"]) == out / "yolox_nano-fp32.onnx"
    assert artefact["bytes"] == Path(artefact["path"]).stat().st_size
    assert artefact["parity"]["passed"] is True
    assert "converting" in done.stderr
    again = called("export", data_dir / MODEL, *given)
    assert again.code == 1
    assert "--force" in again.sentence()
    found = called("run", "--source", data_dir / "coco_val" / "images", "--model", artefact["path"], "--max-frames", 2)
    assert found.code == 0, found.stderr


def test_a_failed_gate_is_exit_code_1_a_sentence_and_no_artefact(data_dir, tmp_path, other_package):
    pytest.importorskip("onnx")
    out = tmp_path / "out"
    given = ("--format", "copied,stretched", "--images", data_dir / "coco_calib", *FEW, "--output", out, "--json")
    done = streamvision("export", data_dir / MODEL, *given)
    assert done.code == 1, done.stderr
    good, bad = done.report["artefacts"]
    assert (good["format"], good["parity"]["passed"]) == ("copied", True)
    assert (bad["format"], bad["parity"]["passed"]) == ("stretched", False)
    assert "input bytes" in done.sentence()
    assert "parity-failed.html" in done.sentence()
    kept, failed = "yolox_nano-fp32.copied.onnx", "yolox_nano-fp32.stretched.onnx"
    assert sorted(path.name for path in out.iterdir()) == [
        kept,
        f"{kept}.parity.html",
        f"{kept}.parity.json",
        f"{failed}.parity-failed.html",
        f"{failed}.parity-failed.json",
    ]


def test_the_help_lists_every_format_and_the_documentation_does(project_root):
    told = called("export", "--help").stdout
    table = (project_root / "docs" / "export.md").read_text()
    for entry in TARGETS.built_in:
        assert f"{entry.summary} ({', '.join(entry.precisions)})" in " ".join(told.split())
        assert f"| `{entry.name}` | {entry.summary} | {', '.join(entry.precisions)} |" in table


def test_pictures_without_objects_prove_nothing(data_dir, tmp_path):
    pytest.importorskip("onnx")
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    cv2.imwrite(str(photos / "grey.png"), np.full((200, 300, 3), 128, np.uint8))
    done = called("export", data_dir / MODEL, "--format", "onnx", "--images", photos, "--output", out)
    assert done.code == 1
    assert "nothing to compare" in done.sentence()
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--images", "nowhere"), "no folder of pictures"),
        (("--budget", "1"), "--data"),
        (("--calibration", "nowhere"), "no folder of pictures"),
        (("--data", "nowhere"), "no data set"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_made(data_dir, tmp_path, arguments, words):
    done = called("export", data_dir / MODEL, "--format", "onnx", *arguments, "--output", tmp_path / "out")
    assert done.code == 1
    assert words in done.sentence()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--format", "onnx,mnn"), "'mnn' is no export format: "),
        (("--format", "onnx", "--precision", "int4"), "int4 is not accepted"),
        (("--format", "onnx", "--imgsz", "wide"), "384x640"),
        (("--format", "onnx", "--imgsz", "0"), "384x640"),
    ],
)
def test_wrong_words_are_usage_errors(tmp_path, arguments, words):
    done = called("export", "m.onnx", *arguments, "--output", tmp_path)
    assert done.code == 2
    assert words in done.stderr


def test_a_model_that_is_none_is_one_sentence(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"no model")
    done = called("export", tmp_path / "model.onnx", "--format", "onnx", "--output", tmp_path / "out", "--json")
    assert done.code == 1
    assert "model.onnx" in done.sentence()
    assert "error" in done.report


def test_a_folder_that_cannot_be_written_to_is_said(data_dir, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    done = called("export", data_dir / MODEL, "--format", "onnx", "--output", blocked / "out")
    assert done.code == 1
    assert "cannot write" in done.sentence()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing_behind(data_dir, tmp_path, number):
    pytest.importorskip("onnx")
    given = ("--format", "onnx", "--images", data_dir / "coco_calib", "--max-images", "64", "--output", tmp_path)
    with running("export", data_dir / MODEL, *given, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert any("comparing" in line for line in process.stderr)
        process.send_signal(number)
        assert process.wait(timeout=300) == 130
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", ["tflite", "onnx,coreml"])
def test_what_no_onnx_file_becomes_is_refused_before_any_work(format, tmp_path):
    out = tmp_path / "exported"
    done = called("export", tmp_path / "absent.onnx", "--format", format, "--output", out, "--json")
    assert done.code == 1
    name = format.rpartition(",")[2]
    assert f"is an ONNX file, of which {name} cannot be made; give onnx, openvino or tensorrt" in done.sentence()
    assert not out.exists()
