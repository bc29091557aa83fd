"""Help that is read: what is used most comes first, the rest stands under its heading."""

from __future__ import annotations

import re

import click
from click.testing import CliRunner

from streamvision.cli.eval import detect
from streamvision.cli.run import run
from streamvision.cli.train import train
from streamvision.cli.trip import trip


def test_the_options_of_run_stand_in_sections() -> None:
    shown = CliRunner().invoke(run, ["--help"]).output
    headings = re.findall(r"^(\S.*):$", shown, re.MULTILINE)
    frames, model, results, hidden = headings[1:]
    assert headings[0] == "Options"
    parts = dict(zip(headings, re.split(r"^\S.*:$", shown, flags=re.MULTILINE)[1:], strict=True))
    assert "--save" in parts["Options"]
    assert "--source" in parts[frames]
    assert "--score, --conf" in parts[model]
    assert "--record" in parts[results]
    assert "--blur" in parts[hidden]


def test_the_options_of_train_stand_by_what_they_are_for() -> None:
    shown = CliRunner().invoke(train, ["--help"]).output
    parts = dict(re.findall(r"^(\S.*):\n((?:  .*\n|\n)+)", shown, re.MULTILINE))
    first = ("--data", "--model", "--epochs", "--lr", "--resume")
    assert all(re.search(rf"^  {flag} ", parts["Options"], re.MULTILINE) for flag in first)
    assert "--cutmix" in parts["Augmentation"]
    assert "--overfit" in parts["Checks and searches"]
    assert "--freeze" in parts["Weights to begin from, and which layers learn"]


def test_an_option_stands_elsewhere_in_another_command() -> None:
    def sections(command: click.Command) -> list[str]:
        return re.findall(r"^(\S.*):$", CliRunner().invoke(command, ["--help"]).output, re.MULTILINE)

    of_run = sections(run)
    assert "How objects are found" in sections(trip)
    assert "How objects are found" not in sections(run)
    assert sections(run) == of_run
    assert len(of_run) == 5


def test_a_command_without_sections_lists_all_at_once() -> None:
    shown = CliRunner().invoke(detect, ["--help"]).output
    assert re.findall(r"^(\S.*):$", shown, re.MULTILINE) == ["Options"]
    assert "--device" in shown
