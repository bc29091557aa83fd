"""Every block of Python in the documentation runs as it stands, with the model that ships, or a small one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streamvision.models import default_model_path
from support.tiny_embedder import tiny_embedder

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ("python-api.md", "stages.md")
BLOCKS = [
    pytest.param(code, id=f"{page}-{number}")
    for page in PAGES
    for number, code in enumerate(
        re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    )
]


@pytest.mark.parametrize("code", BLOCKS)
def test_a_block_runs(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "supervision" in code:
        pytest.importorskip("supervision", reason="the package supervision is not installed")
    (tmp_path / "road_signs.onnx").symlink_to(default_model_path())
    if "looks.onnx" in code:
        tiny_embedder(tmp_path / "looks.onnx")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "block", "exec"), {"__name__": "block"})


def test_the_pages_have_blocks() -> None:
    assert len(BLOCKS) >= 5
