"""Every block of code in docs/python-api.md runs as it stands, with the model that ships."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streamvision.models import default_model_path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "python-api.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("code", BLOCKS, ids=[f"block-{number}" for number in range(len(BLOCKS))])
def test_a_block_runs(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "supervision" in code:
        pytest.importorskip("supervision", reason="the package supervision is not installed")
    (tmp_path / "road_signs.onnx").symlink_to(default_model_path())
    monkeypatch.chdir(tmp_path)
    exec(compile(code, f"{PAGE.name} block", "exec"), {"__name__": "block"})


def test_the_page_has_blocks() -> None:
    assert len(BLOCKS) >= 4
