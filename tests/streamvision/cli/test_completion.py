"""The Tab key: what a real shell offers for the beginning of a line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.command_line import streamvision

COMPLETE = """
cd {folder}
eval "$(streamvision completion bash)"
COMP_WORDS=({line})
COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
COMP_LINE="{line}"
_streamvision_completion streamvision "${{COMP_WORDS[COMP_CWORD]}}" ""
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the command, as an environment has it."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "streamvision"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m streamvision "$@"\n')
    program.chmod(0o755)
    return folder


def offered(shell: Path, line: str) -> set[str]:
    """Return what bash offers for the last word of a line."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    environment = {**os.environ, "PATH": f"{shell}{os.pathsep}{os.environ['PATH']}"}
    script = COMPLETE.format(folder=shell, line=line)
    done = subprocess.run(
        [bash, "-c", script], capture_output=True, text=True, timeout=120, check=False, env=environment
    )
    # Outside of an interactive shell, bash has no completion for which files could be asked for; it says so.
    assert not [said for said in done.stderr.splitlines() if "compopt" not in said], done.stderr
    return set(done.stdout.split())


def test_bash_completes_commands_options_and_choices(shell: Path) -> None:
    assert (
        {"demo", "doctor"}
        <= offered(shell, "streamvision d")
        <= {"demo", "data", "doctor"} | offered(shell, "streamvision d")
    )
    assert offered(shell, "streamvision run --rec") == {"--record"}
    assert offered(shell, "streamvision run --tracker o") == {"ocsort"}
    assert offered(shell, "streamvision run drive.mp4 --model road") == {"road_signs"}


def test_where_nothing_is_known_files_are_offered(shell: Path) -> None:
    line = "streamvision run dri"
    environment = {**os.environ, "COMP_WORDS": line, "COMP_CWORD": "2", "_STREAMVISION_COMPLETE": "bash_complete"}
    done = subprocess.run(
        [shell / "streamvision"], capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert done.stdout == "file,dri\n"


@pytest.mark.parametrize(("name", "mark"), [("zsh", "#compdef streamvision"), ("fish", "complete --no-files")])
def test_other_shells_get_their_own(name: str, mark: str) -> None:
    assert mark in streamvision("completion", name).stdout
