"""The half of the proof that needs no GPU, really run, short; and that its comparisons can fail."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from streamvision.bench.device import machine_checks, model_checks, video_checks
from streamvision.bench.device.checks import CHECKS
from streamvision.bench.device.finding import Finding, NotTriedError, Settings
from streamvision.bench.device.page import write_proof
from streamvision.bench.device.proof import Proof, prove
from streamvision.bench.device.redaction import ReportRedactor
from streamvision.bench.device.running import CheckResult, DeviceCheck
from streamvision.core.nvidia.machine import read_machine
from streamvision.core.onnx_packages import OnnxPackage
from streamvision.models import find_model

PATIENCE_S = 900.0


def _patient(*names: str) -> list[DeviceCheck]:
    found = [replace(check, deadline_s=PATIENCE_S) for check in CHECKS if check.name in names]
    assert len(found) == len(names)
    return found


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    work = str(tmp_path_factory.mktemp("proof"))
    return Settings(work=work, model="road_signs", seconds=0.5, film_s=0.6, film_px=(320, 192), pictures=2)


@pytest.mark.timeout(PATIENCE_S + 60)
def test_the_half_without_a_gpu_passes(settings: Settings) -> None:
    proof = prove(
        _patient("runtime", "film", "processor", "whole_pictures", "streams_2"), settings, None, total_s=PATIENCE_S
    )
    assert [(r.check.name, r.finding.outcome) for r in proof.results] == [
        (name, "passed") for name in ("runtime", "film", "processor", "whole_pictures", "streams_2")
    ], [(r.finding.why, r.said) for r in proof.results]
    streams = proof.results[-1].finding.figures
    assert streams["streams"] == 2 and streams["fps"] > 0 and streams["slowest_fps"] > 0
    if sys.platform == "linux":
        assert streams["lock_ms"] >= 0  # on a busy machine, the few samples may have met none
    whole = proof.results[-2].finding.figures
    assert whole.keys() == {"plain", "bgr24", "yuv420p"} and whole["yuv420p"]["mean_iou"] > 0.999


def test_two_onnx_runtimes_are_not_as_promised(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    both = (OnnxPackage("onnxruntime", "1.26.0"), OnnxPackage("onnxruntime-gpu", "1.26.0"))
    monkeypatch.setattr(machine_checks, "installed_packages", lambda: both)
    found = machine_checks.runtime(settings)
    assert found.outcome == "failed" and "exactly one must remain" in found.why


def test_the_script_writes_page_and_document(tmp_path: Path, project_root: Path) -> None:
    command = [sys.executable, str(project_root / "tools" / "prove_device.py"), "--output", str(tmp_path / "out")]
    done = subprocess.run(
        [*command, "--only", "runtime", "--only", "decoder"], cwd=tmp_path, capture_output=True, text=True,
        timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == (0 if read_machine() is None else 3), done.stderr
    assert "ONNX Runtime" in done.stdout and "prove_device.html" in done.stdout
    document = (tmp_path / "out" / "prove_device.json").read_text()
    assert '"program": "prove_device"' in document and str(Path.home()) + "/" not in document
    assert "<h1>" in (tmp_path / "out" / "prove_device.html").read_text()


def test_a_device_that_computes_something_else_is_found(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx = pytest.importorskip("onnx")
    from onnx import numpy_helper

    path = find_model("road_signs")
    model = onnx.load(path)
    weights = next(one for one in model.graph.initializer if len(one.dims) == 4)
    weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights) * 1.3, weights.name))
    broken = tmp_path / "broken.onnx"
    onnx.save(model, broken)
    really = model_checks._open

    def elsewhere(given: Path, device: str, precision: str = "auto") -> object:
        return really(given, "cpu") if device == "cpu" else really(broken, "cpu")

    monkeypatch.setattr(model_checks, "_open", elsewhere)
    monkeypatch.setattr(model_checks, "provider_here", lambda device: None)
    monkeypatch.setattr(model_checks, "_speed", lambda *given: {"inference_ms": 1.0, "fps": 1.0})
    found = model_checks.cuda(settings)
    assert found.outcome == "failed" and "road_signs.onnx on CUDA" in found.why
    monkeypatch.setattr(model_checks, "_open", lambda given, device, precision="auto": really(given, "cpu"))
    assert model_checks.cuda(settings).outcome == "passed"


@pytest.mark.parametrize("again", [False, True])
def test_an_engine_that_is_built_twice_is_found(
    again: bool, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder, opened = tmp_path / "streamvision" / "tensorrt" / "road_signs-1", []
    really = model_checks._open

    def building(given: Path, device: str, precision: str = "auto") -> object:
        if device == "tensorrt":
            opened.append(precision)
            folder.mkdir(parents=True, exist_ok=True)
            if len(opened) == 1 or again:
                (folder / f"{len(opened)}.engine").write_bytes(b"engine")
        return really(given, "cpu")

    monkeypatch.setattr(model_checks, "_open", building)
    monkeypatch.setattr(model_checks, "provider_here", lambda device: None)
    monkeypatch.setattr(model_checks, "_speed", lambda *given: {"inference_ms": 1.0, "fps": 1.0})
    found = model_checks.tensorrt(settings)
    assert found.outcome == ("failed" if again else "passed"), found.why
    assert opened == ["fp16", "fp16"] and found.figures["engines"] == 1


def test_a_film_that_is_not_there_and_a_gpu_that_is_not_there_are_told(tmp_path: Path) -> None:
    nothing = Settings(work=str(tmp_path), model="road_signs")
    with pytest.raises(NotTriedError, match="no film"):
        video_checks.streams_1(nothing)
    if read_machine() is None:
        for check in (video_checks.decoder, model_checks.cuda, model_checks.typed_files_on_tensorrt):
            with pytest.raises(NotTriedError, match="no NVIDIA GPU"):
                check(nothing)


@pytest.mark.gstreamer
def test_the_pipeline_for_a_jetsons_decoder_gives_every_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the processor's decoder in its place, which gives the same frames."""
    settings = Settings(work=str(tmp_path), model="road_signs", film_s=0.6, film_px=(320, 192))
    assert video_checks.film(settings).outcome == "passed"
    source = video_checks.gstreamer_source(settings.film)
    assert "nvv4l2decoder ! nvvidconv" in source
    machine = type("Machine", (), {"decoder": "nvv4l2decoder"})
    monkeypatch.setattr(video_checks, "nvidia_machine", lambda: machine)
    monkeypatch.setattr(
        video_checks,
        "gstreamer_source",
        lambda path: source.replace("nvv4l2decoder ! nvvidconv", "avdec_h264 ! videoconvert"),
    )
    found = video_checks.decoder(settings)
    assert found.outcome == "passed" and found.figures["frames"] == 15, found.why


def test_the_page_in_a_browser(tmp_path: Path) -> None:
    from support.report_page import opened_report

    streams = {"streams": 16, "fps": 123.4, "slowest_fps": 7.1, "age_p50_s": 0.04, "age_p95_s": 0.1, "lock_ms": 0.9}
    findings = [
        Finding("passed", "as promised; " + "a-very-long-name" * 12, streams),
        Finding("failed", "<b>two</b> objects are missing", {"fp16": {"mean_iou": 0.5}, "providers": ["cpu"]}),
        Finding("not tried", "there is no NVIDIA GPU", {"nothing": None}),
    ]
    results = tuple(
        CheckResult(check, finding, 1.5, "x" * 500 if finding.outcome == "failed" else "")
        for check, finding in zip(CHECKS, findings, strict=False)
    )
    path = tmp_path / "prove_device.html"
    write_proof(path, Proof(None, results, 61.0).to_json(ReportRedactor()))
    with opened_report(path) as page:
        assert page.locator(".check").count() == 3
        assert page.locator("#verdict .badge").inner_text() == "failed"
        assert page.locator("[data-check=runtime] p").inner_text() == "<b>two</b> objects are missing"
        assert page.locator("#streams tbody td").first.inner_text() == "16"
        grounds = []
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)
            grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert grounds[0] != grounds[1], "the page follows the reader's choice of dark and light"
