"""Tables of a tiny network, measured by the real processes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner

from streamvision.bench.formats import table
from streamvision.cli.bench import bench
from support.labelled_pictures import save_picture
from support.tiny_detector import tiny_detector
from support.web_client import eventually

pytestmark = pytest.mark.timeout(900)  # processes that import runtimes, on a machine that is full
PATIENCE_S = 300.0
SHORT = ("--rounds", "1", "--seconds", "0.5")


def document(*arguments: str, code: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(bench, ["formats", *arguments, "--json"], standalone_mode=False)
    assert result.exception is None, (result.output, result.exception)
    assert result.return_value == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def refusal(*arguments: str) -> str:
    result = CliRunner().invoke(bench, ["formats", *arguments], standalone_mode=False)
    assert result.exception is not None, result.output
    return str(result.exception)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_detector(tmp_path_factory.mktemp("model") / "tiny.onnx", dynamic=False)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures with a box each, in YOLO's layout."""
    folder = tmp_path_factory.mktemp("labelled")
    for index in range(2):
        save_picture(folder / "images" / f"{index}.jpg", 64, 64, seed=index)
        (folder / "labels").mkdir(exist_ok=True)
        (folder / "labels" / f"{index}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (folder / "data.yaml").write_text("path: .\nval: images\nnames: [c0, c1, c2]\n")
    return folder


def test_a_source_is_exported_proven_and_measured_and_so_is_it_itself(
    model: Path, labelled: Path, tmp_path: Path
) -> None:
    output, plot = tmp_path / "out", tmp_path / "formats.svg"
    found = document(
        str(model), "--formats", "openvino", "--precisions", "fp32,int8", "--output", str(output),
        "--data", str(labelled), "--plot", str(plot), *SHORT,
    )  # fmt: skip
    source, exported, refused = found["rows"]
    assert (source["name"], source["status"], source["runtime"]) == ("tiny.onnx (source)", "measured", "onnxruntime")
    assert (exported["runtime"], exported["device"], exported["arithmetic"]) == ("openvino", "cpu", "fp32")
    assert exported["parity"]["passed"] and exported["passes"]
    assert Path(exported["file"]).is_dir() and exported["size_mb"] > 0
    for row in (source, exported):
        assert row["fps"] > 0 and row["rss_mb"] > 10
        assert 0 < row["latency_ms"]["p50"] <= row["latency_ms"]["p99"]
        assert 0 <= row["map50_95"] <= row["map50"] <= 1
    assert exported["map50_95"] == pytest.approx(source["map50_95"], abs=0.005)
    assert (refused["status"], refused["fps"], refused["size_mb"]) == ("not tried", None, None)
    assert "--calibration DIR" in refused["why"]
    assert found["fastest"] in (source["name"], exported["name"])
    assert [row["fastest"] for row in found["rows"]].count(True) == 1
    assert (found["images"], found["machine"]["cores"] >= 1) == (2, True)
    assert plot.read_text().startswith("<svg")


def test_what_crashes_and_what_is_damaged_costs_its_own_line_alone(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "CHILD", "support.formats_child")
    crashing, damaged = tmp_path / "crashing.onnx", tmp_path / "damaged.onnx"
    shutil.copy(model, crashing)
    damaged.write_bytes(model.read_bytes()[:300])
    found = document(str(crashing), str(damaged), "--model", str(model), *SHORT)
    assert [row["status"] for row in found["rows"]] == ["failed", "failed", "measured"]
    assert found["rows"][0]["why"] == "its process crashed with SIGSEGV"
    assert "damaged.onnx" in found["rows"][1]["why"]
    assert (found["fastest"], found["rows"][2]["passes"]) == ("tiny.onnx", None)


def test_a_line_that_takes_too_long_is_ended(model: Path) -> None:
    found = document(str(model), "--seconds", "600", "--rounds", "1", "--row-timeout", "1", code=1)
    assert found["rows"][0]["status"] == "failed"
    assert "longer than 1 s (--row-timeout)" in found["rows"][0]["why"]
    assert found["fastest"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no model was given"),
        (("/no/such.pt",), "there is no model at /no/such.pt"),
        (("kserve://host/model",), "is on a server"),
        (("MODEL", "--precisions", "fp32"), "say what one checkpoint"),
        (("MODEL", "--precisions", "fp12"), "fp12 is not accepted"),
        (("MODEL", "--formats", "onyx"), "did you mean 'onnx'"),
        (("MODEL", "--formats", "onnx"), "--output DIR says where to"),
        (("MODEL", "--formats", "onnx", "--output", "FOLDER"), "is not empty"),
        (("MODEL", "--plot", "table.png"), "ends in .svg"),
        (("MODEL", "--calibration", "/no/folder"), "no folder of pictures at /no/folder"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(model: Path, arguments: tuple[str, ...], message: str) -> None:
    given = {"MODEL": str(model), "FOLDER": str(model.parent)}
    assert message in refusal(*(given.get(word, word) for word in arguments))


def test_checkpoints_are_given_alone(model: Path, tmp_path: Path) -> None:
    checkpoint = tmp_path / "best.pt"
    checkpoint.touch()
    assert "best.pt would be exported, which is done for one model" in refusal(str(checkpoint), str(model))


def test_who_ends_the_command_ends_what_it_has_begun(model: Path) -> None:
    program = "from streamvision.cli.bench import bench; bench()"
    words = ["formats", str(model), "--rounds", "1", "--seconds", "600"]
    working: list[psutil.Process] = []
    with subprocess.Popen([sys.executable, "-c", program, *words], stderr=subprocess.DEVNULL) as command:

        def is_at_work() -> bool:
            working[:] = [one for one in psutil.Process(command.pid).children(recursive=True) if _worked_s(one) > 0.5]
            return bool(working)

        try:
            assert eventually(is_at_work, within_s=PATIENCE_S)
        finally:
            command.terminate()
        assert command.wait(PATIENCE_S) != 0
    assert eventually(lambda: not any(map(_runs, working)), within_s=PATIENCE_S)


def _worked_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:  # it has ended
        return 0.0
    return float(times.user + times.system)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
