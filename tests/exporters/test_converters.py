"""Converters are kept quiet; one that is not installed: the command that installs it, or the machine that it is for."""

from __future__ import annotations

import logging
import os
import platform
import sys

import pytest

from exporters.converters import import_converter, quiet
from streamvision.core.errors import MissingDependencyError


@pytest.mark.parametrize(
    ("machine", "name", "said"),
    [
        ("x86_64", "coremltools", r"pip install 'streamvision-edge\[export\]'"),
        ("aarch64", "coremltools", "not made for Linux on 64-bit ARM: export on x86-64"),
        ("aarch64", "nncf", r"pip install 'streamvision-edge\[export\]'"),
    ],
)
def test_an_absent_converter_leads_on(machine: str, name: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match=said):
        import_converter(name)


@pytest.mark.parametrize(("level", "shown"), [(logging.WARNING, ""), (logging.INFO, "of C++")])
def test_what_a_converter_writes_is_for_whoever_asks_for_details(
    level: int, shown: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging.getLogger(), "level", level)
    with quiet():
        os.write(2, b"of C++")
        print("of Python", file=sys.stderr)
    assert capfd.readouterr().err == shown
    os.write(2, b"ours")
    assert capfd.readouterr().err == "ours"
