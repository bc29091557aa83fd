"""Programs without a stderr, or with one that cannot say what it is."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from streamvision.core.logs import LogSettings, configure, say_failure
from streamvision.core.stderr import stderr_is_terminal
from streamvision.core.terminal import TerminalLine


class Window:
    """What a window with a text field puts in place of ``sys.stderr``."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


@pytest.mark.parametrize("given", ["none", "window", "closed"])
def test_lines_for_people_end_nothing(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    stream: object = {"none": None, "window": Window(), "closed": io.StringIO()}[given]
    monkeypatch.setattr(sys, "stderr", stream)
    if isinstance(stream, io.StringIO):
        stream.close()
        assert not stderr_is_terminal()
        return
    assert not stderr_is_terminal()
    monkeypatch.setattr(logging.root, "handlers", [])
    configure(LogSettings())
    logging.getLogger("streamvision").warning("warned")
    say_failure("failed")
    TerminalLine(redraw_s=0, log_every_s=0).say("said")
    if isinstance(stream, Window):
        assert "warned" in stream.text
        assert "streamvision: failed\nsaid\n" in stream.text


def test_it_is_imported_where_there_is_no_stderr() -> None:
    code = "import sys; sys.stderr = None; import streamvision; streamvision.detect"
    done = subprocess.run([sys.executable, "-c", code], timeout=60, cwd=Path(__file__).parents[3])
    assert done.returncode == 0
