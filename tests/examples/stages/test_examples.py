"""The examples of user code do what they say, on a drawn drive whose signs the shipped model knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import streamvision
from streamvision.cli.main import main
from streamvision.core.config.app import parse_config
from streamvision.models import default_model_path

SOURCE = "synthetic:drive?fps=10&size=640x360&frames={}&realtime=0&seed=3"


def example(project_root: Path, name: str, **settings: Any) -> dict[str, Any]:
    return {"path": str(project_root / "examples" / "stages" / name), "budget_ms": 20_000, **settings}


@pytest.mark.parametrize("name", ["blur", "zone_alarm", "speed_display"])
def test_its_configuration_is_accepted(project_root: Path, name: str) -> None:
    document = yaml.safe_load((project_root / "examples" / "stages" / f"{name}.yaml").read_text())
    parse_config(document, origin=name)


def test_signs_become_unrecognisable_and_nothing_else_changes(project_root: Path) -> None:
    stages = [example(project_root, "blur.py:blur")]
    source, model = SOURCE.format(20), default_model_path()
    plain = {r.frame.index: r for r in streamvision.stream(source, model=model) if len(r.detections)}
    assert plain, "the drive has signs"
    for result in streamvision.stream(source, model=model, stages=stages):
        before = plain.get(result.frame.index)
        if before is None:
            continue
        inside = np.zeros(result.bgr.shape[:2], np.bool_)
        for left, top, right, bottom in result.detections.box_xyxy_px.astype(int):
            sign = result.bgr[top:bottom, left:right]
            assert len(np.unique(sign.reshape(-1, 3), axis=0)) <= 64
            margin = 2 + 0.2 * max(right - left, bottom - top)
            rows = slice(max(int(top - margin), 0), int(bottom + margin))
            inside[rows, max(int(left - margin), 0) : int(right + margin)] = True
        assert np.array_equal(result.bgr[~inside], before.bgr[~inside])


def test_an_alarm_is_told_shown_and_written_once_for_each_who_enters(project_root: Path, tmp_path: Path) -> None:
    log = tmp_path / "alarms.jsonl"
    zone = {"name": "gate", "points": [[0, 0], [1, 0], [1, 1], [0, 1]], "anchor": "center"}
    stage = example(project_root, "zone_alarm.py:ZoneAlarm", options={"zone": "gate", "log": str(log)})
    told: list[int] = []
    shown = 0
    options: dict[str, Any] = {"analytics": {"zones": [zone]}, "stages": [stage]}
    for result in streamvision.stream(SOURCE.format(30), model=default_model_path(), **options):
        told += [event["track_id"] for event in result.result.stage_events]
        shown += any(isinstance(mark, streamvision.Note) for mark in result.result.marks)
    assert told
    assert len(set(told)) == len(told)
    assert shown > len(told)
    assert [json.loads(line)["track_id"] for line in log.read_text().splitlines()] == told


def test_speeds_are_shown_where_they_are_known(project_root: Path) -> None:
    ground = {
        "picture": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]],
        "ground_m": [[0, 20], [10, 20], [10, 0], [0, 0]],
    }
    stage = example(project_root, "speed_display.py:speed_display", options={"limit_kmh": 1})
    options: dict[str, Any] = {"analytics": {"speed": ground}, "stages": [stage]}
    signs = [
        (mark, result)
        for result in streamvision.stream(SOURCE.format(30), model=default_model_path(), **options)
        for mark in result.result.marks
    ]
    assert signs
    assert {mark.text.rpartition(" ")[2] for mark, _ in signs} == {"km/h"}


def test_the_command_line_runs_a_stage_and_reports_it(
    project_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = tmp_path / "mine.py"
    code.write_text("def broken(view):\n    raise ValueError('no luck')\n")
    arguments = ["run", "--source", SOURCE.format(15), "--model", str(default_model_path()), "--json"]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--stage", f"{code}:broken"])
    assert ended.value.code in (0, None)
    (stream,) = json.loads(capsys.readouterr().out)["streams"]
    (stage,) = stream["stages"]
    assert stream["frames_done"] == 15
    assert (stage["name"], stage["state"], stage["failures"]) == ("broken", "off", 10)
    assert "ValueError: no luck (mine.py, line 2)" in stage["reason"]
