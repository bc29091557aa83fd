"""Which packages there are, without the seconds that importing them takes: every test process reads every test."""

from __future__ import annotations

from importlib.util import find_spec

import pytest


def needs(*packages: str) -> None:
    """Skip the module of tests that calls this where a package is not installed; nothing is imported."""
    for package in packages:
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed", allow_module_level=True)
