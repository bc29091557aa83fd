"""The entry point: quick help, honest exit codes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from streamvision.cli import elsewhere
from streamvision.cli.main import COMMANDS, cli, main
from support.command_line import called, command, streamvision


def test_help_names_every_command_and_loads_none() -> None:
    probe = (
        "import sys; from streamvision.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print([m for m in ('onnxruntime', 'flask', 'av', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=300, check=True)
    for name in COMMANDS:
        assert f"  {name} " in done.stdout
    assert done.stdout.rstrip().endswith("[]")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_and_teaches(name: str) -> None:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    assert found.help


def test_an_unknown_command_is_a_usage_error() -> None:
    done = streamvision("runn")
    assert done.code == 2
    assert "No such command 'runn'; did you mean 'run'?" in done.stderr


def test_what_other_programs_call_it_leads_to_our_command() -> None:
    assert "No such command 'predict'; did you mean 'run'?" in streamvision("predict", "a.jpg").stderr
    assert "No such command 'xyzzy'" in streamvision("xyzzy").stderr


@pytest.mark.parametrize("given", ["eval image m.onnx --data . --features", "train --model dcgan --data", "label"])
def test_a_name_that_no_file_can_have_is_one_sentence(given: str) -> None:
    done = called(*given.split(), "n" * 5000)
    assert done.code == 1
    assert "is longer than file systems take; give a shorter path" in done.sentence()
    assert len(done.sentence()) < 200


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_a_place_that_cannot_be_written_is_one_sentence(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_given: object, **_more: object) -> None:
        raise OSError(number, os.strerror(number), "runs/curves.png")

    monkeypatch.setattr(cli, "main", full)
    with pytest.raises(SystemExit) as ended:
        main(["train"])
    assert ended.value.code == 1
    assert f"runs/curves.png cannot be written ({os.strerror(number)}); free space" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("train", "--learning-rate", "0.1"), "Did you mean --lr?"),
        (("train", "--batch_size", "8"), "Did you mean --batch?"),
        (("train", "--class-weights"), "Did you mean --balance class-weights?"),
        (("run", "--learning-rate", "0.1"), "No such option '--learning-rate'."),
        (("eval", "best.onnx", "--data", "signs"), "say first what is measured: "),
        (("eval", "clasify", "best.onnx"), "did you mean 'classify'?"),
    ],
)
def test_options_of_other_programs_and_a_forgotten_task_lead_to_ours(given: tuple[str, ...], said: str) -> None:
    done = called(*given)
    assert done.code == 2
    assert said in done.stderr


def test_options_that_others_name_lead_to_options_that_there_are() -> None:
    flags = {flag for name in ("run", "train", "export") for flag in flags_of(name)}
    assert {meant.split()[0] for meant in elsewhere.OPTIONS.values()} <= flags


def flags_of(name: str) -> set[str]:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    return {flag for option in found.params for flag in option.opts}


def test_a_full_disk_behind_stdout_is_said_without_a_traceback() -> None:
    with Path("/dev/full").open("w") as full:
        arguments = command("run", "--source", "/no.mp4", "--model", "m.onnx", "--json")
        done = subprocess.run(arguments, stdout=full, stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    assert done.returncode == 1
    assert "could not be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_argument_that_is_no_source_is_told_without_its_password() -> None:
    done = streamvision("run", "source=rtsp://admin:hunter2@camera/live")
    assert done.code == 1
    assert "rtsp://***@camera/live" in done.stderr
    assert "hunter2" not in done.stderr
