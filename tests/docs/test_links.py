"""Links of the documentation lead to files, and to headings, that are there."""

from __future__ import annotations

import json
import re
import subprocess
from functools import lru_cache
from pathlib import Path

import pytest

_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(<?([^()\s<>]+)>?(?:\s+\"[^\"]*\")?\)")


def prose(path: Path) -> str:
    """Return the text of a page or a notebook without its code."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return _FENCE.sub("", text)


@lru_cache
def anchors(path: Path) -> frozenset[str]:
    """Return the names under which GitHub shows the headings of a page."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#{1,6} (.+)$", prose(path), re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        name = re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")
        found[name] = found.get(name, -1) + 1
        if found[name]:
            found[f"{name}-{found[name]}"] = 0
    return frozenset(found)


def broken(page: Path) -> list[str]:
    """Return what a page links to and is not there."""
    wrong = []
    for link in _LINK.findall(prose(page)):
        if re.match(r"[a-z][a-z+.-]*:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            wrong.append(link)
    return wrong


def test_links_lead_to_what_is_there(project_root: Path) -> None:
    listed = ["git", "-C", str(project_root), "ls-files", "*.md", "*.ipynb"]
    try:
        names = subprocess.run(listed, capture_output=True, text=True, timeout=60, check=True).stdout.split("\n")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no checkout of git")
    pages = [project_root / name for name in names if name and "/templates/" not in f"/{name}"]
    assert len(pages) > 50
    wrong = {str(page.relative_to(project_root)): links for page in pages if page.exists() and (links := broken(page))}
    assert not wrong


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# One `word`, two\n\n## Again\n\n## Again\n", encoding="utf-8")
    page = tmp_path / "page.md"
    good = "[a](other.md) [b](other.md#one-word-two) [c](other.md#again-1) [d](https://example.org/x#y)"
    page.write_text(f"{good} [e](gone.md) [f](other.md#gone) [g](#here)\n\n```\n[h](code.md)\n```\n", encoding="utf-8")
    assert broken(page) == ["gone.md", "other.md#gone", "#here"]
