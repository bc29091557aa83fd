"""The schema of events that is shipped is the one that events have."""

from __future__ import annotations

import runpy
from pathlib import Path


def test_the_schema_is_up_to_date(project_root: Path) -> None:
    render = runpy.run_path(str(project_root / "tools" / "write_event_schema.py"))["render"]
    shipped = (project_root / "docs" / "event.schema.json").read_text(encoding="utf-8")
    assert shipped == render(), "run: python tools/write_event_schema.py"
