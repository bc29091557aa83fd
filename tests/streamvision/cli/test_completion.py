"""The Tab key: what a real shell offers for the beginning of a line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.command_line import called

COMPLETE = """
eval "$(streamvision completion bash)"
for COMP_LINE in "$@"; do
  COMP_WORDS=($COMP_LINE) COMPREPLY=()
  COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
  _streamvision_completion streamvision "${COMP_WORDS[COMP_CWORD]}" ""
  echo "${COMPREPLY[@]}"
done
"""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the command, as an environment has it."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "streamvision"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m streamvision "$@"\n')
    program.chmod(0o755)
    return folder


def offered(shell: Path, *lines: str) -> list[set[str]]:
    """Return what bash offers for the last word of each line."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    environment = {**os.environ, "PATH": f"{shell}{os.pathsep}{os.environ['PATH']}"}
    command = [bash, "-c", COMPLETE, bash, *lines]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment, cwd=shell)
    # Outside of an interactive shell, bash has no completion for which files could be asked for; it says so.
    assert not [said for said in done.stderr.splitlines() if "compopt" not in said], done.stderr
    return [set(line.split()) for line in done.stdout.splitlines()]


def test_bash_completes_commands_options_and_choices(shell: Path) -> None:
    commands, options, choices, models = offered(
        shell,
        "streamvision d",
        "streamvision run --rec",
        "streamvision run --tracker o",
        "streamvision run drive.mp4 --model road",
    )
    assert commands == {"demo", "data", "doctor"}
    assert options == {"--record"}
    assert choices == {"ocsort"}
    assert models == {"road_signs", "road_signs_yolox"}


def test_where_nothing_is_known_files_are_offered(shell: Path) -> None:
    line = "streamvision run dri"
    environment = {**os.environ, "COMP_WORDS": line, "COMP_CWORD": "2", "_STREAMVISION_COMPLETE": "bash_complete"}
    done = subprocess.run(
        [shell / "streamvision"], capture_output=True, text=True, timeout=300, check=False, env=environment
    )
    assert done.stdout == "file,dri\n"


@pytest.mark.parametrize(("name", "mark"), [("zsh", "#compdef streamvision"), ("fish", "complete --no-files")])
def test_other_shells_get_their_own(name: str, mark: str) -> None:
    assert mark in called("completion", name).stdout
