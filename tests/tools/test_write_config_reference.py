"""The page and the fields say the same."""

from __future__ import annotations

import runpy
from pathlib import Path


def test_the_reference_is_up_to_date(project_root: Path) -> None:
    render = runpy.run_path(str(project_root / "tools" / "write_config_reference.py"))["render"]
    page = (project_root / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert page == render(), "run: python tools/write_config_reference.py"
