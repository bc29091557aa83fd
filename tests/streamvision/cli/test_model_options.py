"""What the command line says of a model that does not say it itself, and how it is told."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from streamvision.checkpoints import open_source
from streamvision.cli.options import parse_keys
from streamvision.core.config.app import parse_config
from streamvision.core.config.merging import join_options
from streamvision.core.errors import ConfigError
from support.command_line import called
from support.red_box_networks import CELLS_OF_SIDE, SIDE_PX, RedBox, red_box_picture


def model(path: Path) -> Path:
    net = RedBox((-1, -1, 1), tolerance=0.5)
    rows = net.row_of(CELLS_OF_SIDE, *net.centre(), net.class_scores(80), at=30)
    out = net.node("Transpose", rows, perm=[0, 2, 1])
    return net.save(path, {"output0": (out, [1, 84, CELLS_OF_SIDE], "float32")})


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    folder = tmp_path / "scene"
    folder.mkdir()
    for index in range(3):
        cv2.imwrite(str(folder / f"{index}.png"), red_box_picture().to_bgr())
    return folder


def test_what_was_assumed_is_printed_and_in_the_report(scene: Path, tmp_path: Path) -> None:
    fed = ("--input", "mean=0.5", "--input", "std=0.5,0.5,0.5", "--input", "color=bgr")
    done = called("run", "--source", scene, "--model", model(tmp_path / "model.onnx"), *fed, "--json")
    assert done.code == 0, done.stderr
    notes = done.report["model_notes"]
    assert all(note in done.stderr for note in notes)
    assert any("the head is yolo_v8" in note for note in notes)
    (said,) = (note for note in notes if note.startswith("The input is fed as"))
    assert f"{SIDE_PX}x{SIDE_PX}, BGR, levels times 0.00392 less 0.5 divided by 0.5" in said
    assert done.report["streams"][0]["objects"] == {"car": 1}


def test_explain_feeds_as_it_is_told(scene: Path, tmp_path: Path) -> None:
    fed = ("--input", "mean=0.5", "--input", "std=0.5,0.5,0.5", "--input", "color=bgr")
    asked = ("explain", scene / "0.png", "--model", model(tmp_path / "model.onnx"), "--masks", "16", "--json")
    out = ("--output", tmp_path / "why.png")
    assert [one["class_name"] for one in called(*asked, *fed, *out).report["objects"]] == ["car"]
    assert called(*asked, *out).report["objects"] == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("color", "--input color has no value; give a key with its value, such as color=bgr"),
        ("colour=bgr", "did you mean 'color'?"),
        ("std=0", "each must be above 0"),
        ("mean=1,2", "mean"),
        ("resize=crop", "letterbox_center"),
    ],
)
def test_what_cannot_be_is_one_sentence(given: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="input") as caught:
        parse_config(
            {"model": {"path": "m.onnx", "input": parse_keys("--input", [given], such_as="color=bgr")}, "streams": []},
            origin="here",
        )
    assert said in str(caught.value)


def test_an_export_carries_how_it_is_fed(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    source = open_source(model(tmp_path / "model.onnx"), fed={"color": "bgr", "std": (0.5, 0.5, 0.5)})
    assert (source.card.input.color, source.card.input.std) == ("bgr", (0.5, 0.5, 0.5))
    with pytest.raises(ConfigError, match=r"--input is for \.onnx files; best\.pt says it itself"):
        open_source("best.pt", fed={"color": "bgr"})


def test_keys_of_the_file_stay_beside_those_of_the_command_line() -> None:
    document = {"model": {"path": "m.onnx", "input": {"color": "bgr", "scale": 1.0}}}
    joined = join_options(document, {"input": parse_keys("--input", ["scale=2"], such_as="color=bgr")})
    assert joined["model"]["input"] == {"color": "bgr", "scale": 2.0}
