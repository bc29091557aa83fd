"""The documents that scripts rely on, from short runs of the real thing."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streamvision.bench.lock_probe import LockProbe
from streamvision.bench.pipeline import bench_pipeline
from streamvision.bench.usage import Usage, rss_mb
from streamvision.cli.bench import bench

BOXES = "synthetic:boxes?fps=25&size=320x240"
QUANTILES = {"p50", "p95", "p99"}


@pytest.fixture(autouse=True)
def short_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts alone are measured for a moment."""
    monkeypatch.setitem(bench_pipeline.__kwdefaults__, "costs_s", 0.2)


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(bench, list(arguments))
    assert result.exit_code == code, (result.output, result.exception)
    return result.stdout


def document(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*arguments, "--json"))
    assert found["machine"]["cores"] >= 1
    return found


def test_the_pipeline_of_a_file(data_dir: Path, tmp_path: Path) -> None:
    video, plot = str(data_dir / "videos" / "car-detection.mp4"), tmp_path / "p.svg"
    found = document("pipeline", "--source", video, "--streams", "2", "--seconds", "1", "--warmup", "0.2",
                     "--plot", str(plot))  # fmt: skip
    assert {"fps", "stages_ms", "age_s", "cpu_percent", "rss_mb", "bound_fps", "efficiency"} <= found.keys()
    assert {"decode", "preprocess", "inference", "decode_nms", "track", "draw", "encode"} <= found["stages_ms"].keys()
    assert all(stage.keys() == QUANTILES for stage in found["stages_ms"].values())
    assert found["age_s"].keys() == QUANTILES
    assert found["efficiency"] == pytest.approx(found["fps"] / found["bound_fps"], rel=0.01)
    assert found["offered_fps"] is None
    if sys.platform == "linux":
        assert 0 <= found["gil_ms"] < 1000  # of few frames on a busy machine, the samples may have met none
    assert [stream["drops"] for stream in found["streams"]] == [{}, {}]
    assert sum(stream["fps"] for stream in found["streams"]) == pytest.approx(found["fps"], abs=0.1)
    assert plot.read_text().startswith("<svg")


def test_a_live_source_is_held_against_what_it_offers() -> None:
    found = document("pipeline", "--source", BOXES, "--seconds", "1", "--warmup", "0.2")
    assert 0 < found["offered_fps"] < 30
    assert found["efficiency"] == pytest.approx(found["fps"] / min(found["offered_fps"], found["bound_fps"]), rel=0.01)
    table = run("pipeline", "--source", BOXES, "--seconds", "1", "--warmup", "0.2")
    assert "efficiency" in table
    assert "inference" in table


def test_the_model_alone() -> None:
    found = document("model", "--source", BOXES, "--seconds", "1", "--requests", "2")
    assert found["latency_ms"].keys() == QUANTILES
    assert found["stages_ms"].keys() == {"preprocess", "inference", "decode_nms"}
    assert found["latency_ms"]["p50"] >= found["stages_ms"]["inference"]["p50"]
    assert (found["requests"], found["picture_px"]) == (2, [320, 240])
    assert "one at a time" in run("model", "--source", BOXES, "--seconds", "1")


def test_the_certificate_of_viewers_over_tls_stays_while_they_watch(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setattr("streamvision.web.server.CERTIFICATE_S", 0.1)  # else it is looked at after a minute
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found = document("viewers", "--viewers", "2", "--stalled", "0", "--fps", "10", "--size", "160x120",
                     "--seconds", "1", "--tls")  # fmt: skip
    assert found["lost"] == 0
    assert [one.getMessage() for one in caplog.records if "certificate" in one.getMessage()] == []
    assert not list(tmp_path.glob("streamvision-bench-*"))


def test_viewers_get_every_picture_though_some_never_read(tmp_path: Path) -> None:
    plot = tmp_path / "v.svg"
    found = document("viewers", "--viewers", "12", "--stalled", "3", "--fps", "10", "--size", "160x120",
                     "--seconds", "2", "--plot", str(plot))  # fmt: skip
    assert (found["viewers"], found["stalled"], found["lost"]) == (12, 3, 0)
    assert found["fps"]["min"] > 0
    assert plot.exists()


@pytest.mark.parametrize("layer", ["source", "h264"])
def test_viewers_of_video_get_every_packet(layer: str) -> None:
    found = document("viewers", "--viewers", "8", "--stalled", "1", "--fps", "10", "--size", "160x120",
                     "--seconds", "2", "--layer", layer)  # fmt: skip
    assert (found["layer"], found["viewers"], found["lost"]) == (layer, 8, 0)
    assert found["fps"]["min"] > 0
    assert found["sent_age_s"]["p99"] > 0


def test_a_soak_notes_every_interval(tmp_path: Path) -> None:
    plot = tmp_path / "s.svg"
    found = document("soak", "--source", BOXES, "--seconds", "2", "--every", "0.5", "--plot", str(plot))
    times_s = [note["seconds"] for note in found["notes"]]
    assert len(times_s) >= 2 and times_s == sorted(times_s)
    assert times_s[0] >= 0.5 and times_s[-1] >= 2.0 - 0.1
    assert found["fps"] > 0
    assert found["rss_mb"]["last"] > 0
    assert not found["failures"]
    assert plot.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("viewers", "--size", "big"), "--size big is not a size"),
        (("pipeline", "--source", "/no/such.mp4"), "/no/such.mp4"),
        (("pipeline", "--source", BOXES, "--model", "/no/such.onnx"), "no model at /no/such.onnx"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(arguments: tuple[str, ...], message: str) -> None:
    result = CliRunner().invoke(bench, list(arguments))
    assert message in str(result.exception)


def test_usage_counts_this_process_and_the_others() -> None:
    before = Usage(at_s=0.0, cpu_s=1.0, busy_s=10.0)
    after = Usage(at_s=2.0, cpu_s=2.0, busy_s=14.0)
    assert after.cpu_percent_since(before) == pytest.approx(50)
    assert after.others_percent_since(before) == pytest.approx(150)
    assert Usage(2.0, 2.0, None).others_percent_since(before) is None
    assert rss_mb() > 10


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's count of context switches by thread")
def test_the_lock_is_seen_where_a_thread_holds_it_and_not_where_all_sleep() -> None:
    with LockProbe() as idle:
        threading.Event().wait(0.5)
    stop = threading.Event()
    with LockProbe() as busy:
        spinning = threading.Thread(target=lambda: [None for _ in iter(stop.is_set, True)])
        spinning.start()
        threading.Event().wait(1.0)
        stop.set()
        spinning.join()
    assert idle.held_share is not None
    assert busy.held_share is not None
    assert idle.held_share < 0.3
    assert busy.held_share > 0.5
