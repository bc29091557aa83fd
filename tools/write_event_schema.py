"""Writes docs/event.schema.json from the event's own fields; a test keeps the two equal.

python tools/write_event_schema.py
"""

from __future__ import annotations

import json
from pathlib import Path

from streamvision.core.event_message import event_schema

TARGET = Path(__file__).resolve().parent.parent / "docs" / "event.schema.json"


def render() -> str:
    """Return the whole file."""
    return json.dumps(event_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
