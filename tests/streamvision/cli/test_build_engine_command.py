"""``streamvision build-engine`` as it is typed, on a device of the tests' own, and on this machine, which has none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("onnx")

from streamvision.cli.main import cli
from support.command_line import streamvision
from support.fake_tensorrt import installed
from support.tiny_detector import tiny_detector


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return tiny_detector(tmp_path / "tiny.onnx")


@pytest.mark.parametrize("version", ["10.3.0", "11.4.0.106"])
def test_the_report_says_what_came_of_it(monkeypatch: pytest.MonkeyPatch, tiny: Path, version: str) -> None:
    cache = str(tiny.parent / "cache")
    with installed(monkeypatch, version):
        arguments = ["build-engine", str(tiny), "--batch", "1,2,4", "--cache", cache, "--json"]
        first, second = (CliRunner().invoke(cli, arguments, catch_exceptions=False) for _ in range(2))
    built, found = json.loads(first.stdout), json.loads(second.stdout)
    assert (built["built"], found["built"]) == (True, False)
    assert built["path"] == found["path"]
    assert Path(built["path"]).stat().st_size == built["bytes"]
    header = built["header"]
    assert (header["gpu"], header["compute_capability"], header["tensorrt"]) == ("Fake Orin", "8.7", version)
    assert (header["precision"], header["batch"]) == ("fp32", [1, 2, 4])


def test_without_json_it_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, tiny: Path) -> None:
    output = tiny.with_suffix(".engine")
    with installed(monkeypatch, "11.4.0.106"):
        done = CliRunner().invoke(
            cli, ["build-engine", str(tiny), "--cache", str(tiny.parent), "--output", str(output)]
        )
    assert done.exit_code == 0
    assert f"Built {output} (fp32" in done.stdout
    assert f"streamvision run --model {output}" in done.stdout


def test_a_machine_without_tensorrt_is_told_what_to_install(tiny: Path) -> None:
    try:
        import tensorrt  # noqa: F401
    except ImportError:
        pass
    else:
        pytest.skip("this machine has TensorRT")
    done = streamvision("build-engine", tiny, "--json")
    assert done.code == 1
    assert "pip install tensorrt cuda-python" in done.sentence()
    assert "tensorrt" in done.report["error"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--precision", "int8"], "is in fp32, and TensorRT takes the types that the file has"),
        (["--batch", "4,2,1"], "--batch 4,2,1: give one number"),
        (["--output", "engine.bin"], "give a name that ends in .engine"),
    ],
)
def test_what_does_not_fit_is_one_sentence(tiny: Path, arguments: list[str], says: str) -> None:
    done = CliRunner().invoke(cli, ["build-engine", str(tiny), *arguments])
    assert says in str(done.exception)


def test_a_file_that_is_no_onnx_model_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "notes.onnx"
    path.write_text("dear diary")
    done = CliRunner().invoke(cli, ["build-engine", str(path)])
    assert "is not an ONNX model or is damaged" in str(done.exception)
