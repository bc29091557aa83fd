"""Options from the environment."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click
import pytest

from streamvision.cli.environment import environment_options, variable_name
from streamvision.cli.main import COMMANDS, cli
from support.command_line import called


def option_values(name: str, environ: dict[str, str]) -> dict[str, object]:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    return environment_options(command, name, environ)


def test_a_variable_is_named_after_the_command_and_the_option() -> None:
    assert option_values("run", {"STREAMVISION_RUN_READ_TIMEOUT": "5"}) == {"read_timeout_s": "5"}
    assert option_values("eval", {"STREAMVISION_EVAL_DETECT_DATA": "x"})["detect"] == {"data": "x"}
    assert variable_name("run", "--rtsp-transport") == "STREAMVISION_RUN_RTSP_TRANSPORT"


def test_several_values_stand_on_a_line_each_so_that_they_may_hold_spaces() -> None:
    given = {"STREAMVISION_RUN_SOURCE": "rtsp://admin:my pass@cam/1\n/videos/a b.mp4"}
    assert option_values("run", given) == {"sources": ["rtsp://admin:my pass@cam/1", "/videos/a b.mp4"]}


def test_an_empty_variable_and_those_of_others_say_nothing() -> None:
    given = {"STREAMVISION_RUN_SOURCE": "", "STREAMVISION_DATA": "/x", "STREAMVISION_STATE": "/y", "RUN_SOURCE": "z"}
    assert option_values("run", given) == {}


def test_a_misspelt_variable_is_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    assert option_values("run", {"STREAMVISION_RUN_SUORCE": "x"}) == {}
    assert "did you mean STREAMVISION_RUN_SOURCE?" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_no_variable_means_two_options(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    below = command.commands if isinstance(command, click.Group) else {"": command}
    for child, one in below.items():
        flags = [max(option.opts, key=len) for option in one.params if isinstance(option, click.Option)]
        names = [variable_name(f"{name} {child}".strip(), flag) for flag in flags]
        assert len(set(names)) == len(names)


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(
    tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "c.json"
    model = str(data_dir / "models" / "yolox_nano.onnx")
    source = "synthetic:boxes?fps=30&size=320x240"
    config.write_text(json.dumps({"model": {"path": model}, "streams": [{"source": source}], "max_frames": 3}))
    monkeypatch.setitem(os.environ, "STREAMVISION_RUN_CONFIG", str(config))
    monkeypatch.setitem(os.environ, "STREAMVISION_RUN_MAX_FRAMES", "2")
    monkeypatch.setitem(os.environ, "STREAMVISION_RUN_JSON", "1")
    (stream,) = called("run").report["streams"]
    assert stream["frames_done"] == 2
    (stream,) = called("run", "--max-frames", "1").report["streams"]
    assert stream["frames_done"] == 1


def test_a_value_that_is_not_accepted_says_where_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "STREAMVISION_RUN_SCORE", "high")
    done = called("run")
    assert done.code == 2
    assert "'high' is not a valid float" in done.stderr
    assert "(from STREAMVISION_RUN_SCORE)" in done.stderr
