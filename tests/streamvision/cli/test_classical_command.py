"""``--model none``: what people type, what is written, and what they are told."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from support.command_line import called

BOXES = "synthetic:boxes?frames=30&realtime=0&size=320x192&fps=10&seed=3"
GREEN = ("--step", "in_range:lower=45/100/80,upper=75/255/255", "--step", "contours:name=green")


def test_none_finds_what_moves(tmp_path: Path) -> None:
    out = tmp_path / "found.jsonl"
    done = called("run", BOXES, "--model", "none", "--detections", out, "--mot", tmp_path / "tracks.txt", "--json")
    assert done.code == 0, done.stderr
    assert done.report["model"] == "none: mog2 of OpenCV on cpu, for moving"
    assert done.report["streams"][0]["identities"]["moving"] > 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert {one["class_name"] for line in lines for one in line["objects"]} == {"moving"}
    assert (tmp_path / "tracks.txt").stat().st_size > 0


def test_steps_need_no_model() -> None:
    done = called("run", BOXES, *GREEN, "--json")
    assert done.code == 0, done.stderr
    assert "No model was given" not in done.stderr
    assert set(done.report["streams"][0]["identities"]) == {"green"}


def test_colours_are_measured_on_labelled_pictures(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    for number in range(3):
        picture = np.full((200, 300, 3), 60, np.uint8)
        cv2.rectangle(picture, (60 + 20 * number, 50), (119 + 20 * number, 109), (40, 210, 40), cv2.FILLED)
        cv2.imwrite(str(tmp_path / "images" / f"{number}.png"), picture)
        centre = (90 + 20 * number) / 300
        (tmp_path / "labels" / f"{number}.txt").write_text(f"0 {centre} 0.4 0.2 0.3\n")
    (tmp_path / "data.yaml").write_text("names: [green]\nval: images\n")
    done = called("eval", "detect", "none", "--data", tmp_path, *GREEN, "--json")
    assert done.code == 0, done.stderr
    assert done.report["map50"] == pytest.approx(1.0)
    refused = called("eval", "detect", "none", "--data", tmp_path, "--step", "mog2", *GREEN)
    assert "compare the frames of a stream, and here are single pictures" in refused.sentence()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--step", "mog3"), "'mog3' is no step: did you mean 'mog2'?"),
        (("--step", "mog2:histroy=3"), "did you mean 'history'?"),
        (("--step", "blur"), "none of the steps (blur) marks anything; add one that does, such as mog2"),
        (("--step", "open"), "step 1, open, works on what an earlier step has marked, but none has"),
        (("--model", "yolo.onnx", "--step", "mog2"), "steps find objects without a network, but path is yolo.onnx"),
        (("--model", "none", "--device", "cuda"), "device is for networks, and the model is none"),
        (("--step", "mog2", "--backend", "openvino"), "backend is for networks, and the model is none"),
        (("--step", "mog2", "--input", "scale=1"), "input is for networks, and the model is none"),
        (("--model", "none", "--class", "car"), "classes names 'car', which is not a class of this model"),
    ],
)
def test_a_mistake_is_a_sentence(given: tuple[str, ...], said: str) -> None:
    done = called("run", BOXES, *given)
    assert done.code != 0
    assert said in done.sentence()


def test_what_takes_a_network_says_so(tmp_path: Path) -> None:
    trip = called("trip", tmp_path, "--output", tmp_path / "out", "--model", "none")
    assert "the model is none, which knows no classes; give a model that finds objects" in trip.sentence()
    measured = called("bench", "pipeline", "--source", BOXES, "--model", "none", "--seconds", "1")
    assert "there is no network to run; give the file of a model" in measured.sentence()


def test_help_names_the_steps() -> None:
    said = " ".join(called("run", "--help").stdout.split())
    assert "--step NAME[:KEY=VALUE,...]" in said
    assert "farneback" in said and "lucas_kanade" in said
