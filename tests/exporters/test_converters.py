"""A converter that is not installed: the command that installs it, or the machine that it is made for."""

from __future__ import annotations

import platform
import sys

import pytest

from exporters.converters import import_converter
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
