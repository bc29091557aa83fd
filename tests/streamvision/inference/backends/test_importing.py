"""Runtimes that are not installed are named with the command that installs them."""

from __future__ import annotations

import sys

import pytest

from streamvision.core.errors import MissingDependencyError
from streamvision.inference.backends.importing import import_runtime


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("ai_edge_litert.interpreter", r"\.tflite models need LiteRT: pip install .*\[litert\]"),
        ("ncnn", r"\.param models need NCNN: pip install .*\[ncnn\]"),
        ("openvino", r"needs OpenVINO: pip install .*\[openvino\]"),
    ],
)
def test_what_is_not_installed_is_named_with_the_command(module, words, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=words):
        import_runtime(module)
