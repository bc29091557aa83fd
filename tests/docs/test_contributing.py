"""What CONTRIBUTING says about packages and layers is what ``make lint`` proves, and what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

tomllib = pytest.importorskip("tomllib", reason="Python 3.11 reads pyproject.toml")


def _section(root: Path, title: str) -> str:
    text = (root / "CONTRIBUTING.md").read_text()
    return text.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_the_layers_are_those_of_the_contract(project_root: Path) -> None:
    contracts = tomllib.loads((project_root / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["id"] == "layers")
    rows = re.findall(r"^\| (`[^|]+) \|", _section(project_root, "Packages and layers"), re.MULTILINE)
    assert [re.findall(r"`([\w.]+)`", row) for row in rows] == [layer.split(" | ") for layer in layers]


def test_ten_additions_name_files_and_groups_that_are_there(project_root: Path) -> None:
    rows = re.findall(
        r"^\| (.+?) \| (.+?) \| (.+?) \|$", _section(project_root, "Where an addition goes"), re.MULTILINE
    )
    assert len(rows[1:]) >= 10
    source = "".join(
        path.read_text() for package in ("streamvision", "pipelines", "exporters")
        for path in (project_root / package).rglob("*.py")
    )  # fmt: skip
    for _, files, group in rows[1:8]:
        own, registry, *_ = re.findall(r"`([\w./]+)`", files)
        folder = (project_root / own).parent
        assert folder.is_dir()
        assert (folder / Path(registry).name).is_file()
        assert f'"{group.strip("`")}"' in source
