from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from streamvision.inference.backends.probe import read_probe, survey

BEGUN = ['{"version": "1.2"}', '{"begin": "cpu"}', '{"device": "cpu", "works": true, "detail": "fp32"}']


def test_the_survey_executes_a_model_on_every_device() -> None:
    reports = {report.name: report for report in survey()}
    assert list(reports) == ["onnxruntime", "openvino", "litert", "ncnn"]
    for name, module in (
        ("onnxruntime", "onnxruntime"),
        ("openvino", "openvino"),
        ("litert", "ai_edge_litert"),
        ("ncnn", "ncnn"),
    ):
        report = reports[name]
        if importlib.util.find_spec(module) is None:
            assert report.installed is None
            assert report.devices == ()
            continue
        assert report.installed is not None
        assert report.problem is None
        assert {d.name: d.works for d in report.devices}["cpu"]
        assert "pip install" in report.install


def test_an_absent_accelerator_is_reported_with_the_reason() -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine's ONNX Runtime was built for CUDA")
    report = next(report for report in survey() if report.name == "onnxruntime")
    cuda = next(device for device in report.devices if device.name == "cuda")
    assert not cuda.works
    assert "pip install 'streamvision-edge[cuda]'" in cuda.detail


def test_a_driver_that_crashes_is_reported_and_the_others_kept() -> None:
    lines = [*BEGUN, "noise from a library", '{"begin": "gpu"}']
    report = read_probe("openvino", "pip install it", lines, fate="crashed with signal 11", errors="")
    assert report.installed == "1.2"
    assert [(d.name, d.works) for d in report.devices] == [("cpu", True), ("gpu", False)]
    assert "crashed with signal 11" in report.devices[1].detail


def test_a_runtime_that_does_not_start_says_why() -> None:
    errors = "Traceback ...\nImportError: libstdc++.so.6: version GLIBCXX_3.4.32 not found"
    report = read_probe("litert", "pip install it", [], fate="failed with exit code 1", errors=errors)
    assert (report.installed, report.devices) == (None, ())
    assert report.problem is not None
    assert "GLIBCXX" in report.problem


def test_a_probe_that_hangs_ends_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = tmp_path / "python"
    hanging.write_text(f"#!/bin/sh\nprintf '%s\\n' '{BEGUN[0]}' '{BEGUN[1]}'\nexec sleep 600\n")
    hanging.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(hanging))
    installed = [report for report in survey(timeout_s=1.0) if report.installed or report.problem or report.devices]
    assert "onnxruntime" in [report.name for report in installed]
    for report in installed:
        assert not any(device.works for device in report.devices)
        # A machine that is so busy that the probe says nothing in this time has the same fate to tell.
        assert "hung for 1 s" in (report.problem or report.devices[-1].detail)
