"""What people type at ``streamvision run``: shipped models, the words of other programs, where files are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from streamvision.models import SHIPPED
from support.command_line import called, command
from support.tiny_detector import tiny_detector

DRIVE = "synthetic:drive?fps=30&size=320x180&frames=4&realtime=0"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_detector(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.mark.parametrize("name", [model.name for model in SHIPPED])
def test_a_shipped_model_is_known_by_its_name(name: str, tmp_path: Path) -> None:
    named = called("run", DRIVE, "--model", name, "--json", "--imgsz", "320", cwd=tmp_path)
    assert named.code == 0, named.stderr
    assert named.report["model"].startswith(f"{name}.onnx")
    assert "No model was given" not in named.stderr


def test_without_a_model_it_is_used_and_said(tmp_path: Path) -> None:
    done = called("run", DRIVE, "--json", "--imgsz", "320", cwd=tmp_path)
    assert done.code == 0, done.stderr
    assert "No model was given: road_signs is used" in done.stderr
    assert "under AGPL-3.0-only, those of road_signs_yolox, which finds less, under Apache-2.0." in done.stderr
    assert "320 px" in done.report["model"]


def test_a_file_of_that_name_wins(tmp_path: Path, tiny: Path) -> None:
    (tmp_path / "road_signs").symlink_to(tiny.parent)
    done = called("run", DRIVE, "--model", "road_signs", cwd=tmp_path)
    assert "road_signs is a folder with 0 .xml or .param files" in done.sentence()


def test_an_unknown_model_names_those_that_ship(tmp_path: Path) -> None:
    done = called("run", DRIVE, "--model", "traffic_signs", cwd=tmp_path)
    assert done.code == 1
    assert "no model at traffic_signs" in done.sentence()
    assert done.sentence().endswith("or the name of a model that ships here: road_signs, road_signs_yolox")


def test_a_class_may_be_given_by_its_number(tmp_path: Path) -> None:
    three = called("run", DRIVE, "--json", "--classes", "3", "--conf", "0", "--max-frames", "1", cwd=tmp_path)
    assert three.code == 0, three.stderr
    assert set(three.report["streams"][0]["objects"]) == {"trafficlight"}
    refused = called("run", DRIVE, "--classes", "4", cwd=tmp_path)
    assert "classes names '4', which is not a class of this model" in refused.sentence()


def test_save_records_to_a_file_of_its_own_and_says_where(tmp_path: Path, tiny: Path) -> None:
    for runs in (1, 2):
        done = called("run", DRIVE, "--model", tiny, "--save", "--detections", "found.jsonl", cwd=tmp_path)
        assert done.code == 0, done.stderr
        recordings = sorted((tmp_path / "runs" / "run").glob("*.mp4"))
        assert len(recordings) == runs
        written = done.stdout.partition("Written:\n")[2].splitlines()
        assert [line.rpartition(": ")[0].strip() for line in written] == [
            str(tmp_path / "found.jsonl"),
            str(recordings[-1]),
        ]
    named = called("run", DRIVE, "--model", tiny, "--save", "--record", "mine.mp4", "--json", cwd=tmp_path)
    assert named.report["files"] == [str(tmp_path / "mine.mp4")]


def test_show_opens_the_page_in_the_browser(tmp_path: Path, tiny: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path / "opened"}\n')
    browser.chmod(0o755)
    done = subprocess.run(
        command("run", DRIVE, "--model", tiny, "--show", "--serve", "127.0.0.1:0"),
        capture_output=True, text=True, timeout=300, check=False, env={**os.environ, "BROWSER": f"{browser} %s"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    url = next(line.partition("Watch at ")[2] for line in done.stderr.splitlines() if "Watch at " in line)
    assert (tmp_path / "opened").read_text().strip() == url


@pytest.mark.skipif(sys.platform != "linux", reason="a Mac always has a screen")
def test_show_says_that_there_is_no_screen(tmp_path: Path, tiny: Path) -> None:
    hidden = {
        name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    }
    done = subprocess.run(
        command("run", DRIVE, "--model", tiny, "--show", "--serve", "127.0.0.1:0"),
        capture_output=True, text=True, timeout=300, check=False, env=hidden, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "There is no screen here, so no browser was opened: open http://127.0.0.1:" in done.stderr


def test_smooth_writes_whole_trajectories_at_the_end(tmp_path: Path, tiny: Path) -> None:
    files = ["--detections", "found.jsonl", "--mot", "found.txt"]
    drive = DRIVE.replace("frames=4", "frames=30")
    done = called("run", drive, "--model", tiny, *files, "--smooth", "--json", cwd=tmp_path)
    assert done.code == 0, done.stderr
    records = [json.loads(line) for line in (tmp_path / "found.jsonl").read_text().splitlines()]
    assert [record["frame"] for record in records] == list(range(done.report["streams"][0]["frames_done"]))
    told = {(one["frame"] + 1, found["track_id"]) for one in records for found in one["objects"] if found["track_id"]}
    rows = [line.split(",") for line in (tmp_path / "found.txt").read_text().splitlines()]
    assert told == {(int(row[0]), int(row[1])) for row in rows}
    assert told
