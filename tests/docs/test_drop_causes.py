"""The page of the web API names every cause under which frames are counted as lost."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_cause_is_documented() -> None:
    code = "\n".join(path.read_text() for path in sorted((ROOT / "pipelines").rglob("*.py")))
    code += (ROOT / "streamvision" / "api" / "result_queue.py").read_text()
    said = (
        r'(?:drops|lost)\.add\("(\w+)"|cause="(\w+)"|_?BEHIND = "(\w+)"',
        r'"(\w+)"\n"""(?:The c|C)ause under',
    )
    used = set(re.findall("|".join(said), code))
    causes = {name for groups in used for name in groups if name}
    documented = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "web-api.md").read_text(), re.MULTILINE))
    assert {"newer_frame", "stopped", "inference_hung", "recorder_behind", "reader_behind", "failing"} <= causes
    assert causes - documented == set()
