"""Commands that install more: they never leave two ONNX Runtimes, and their extras are those of the project."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from streamvision.core.install import WITH_PLAIN_ONNX_RUNTIME, install_command, pip_install
from streamvision.core.onnx_packages import installed_packages
from support.onnx_sites import write_site

tomllib = pytest.importorskip("tomllib", reason="Python before 3.11 does not read TOML")


def only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(folder)])


def test_packages_are_listed_with_the_plain_one_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(
        write_site(tmp_path, {"onnxruntime-gpu": "1.26.0", "onnxruntime": "1.25.1", "onnxruntime-genai": "0.9"}),
        monkeypatch,
    )
    (tmp_path / "onnxruntime_openvino-1.24.1.dist-info").mkdir()  # without its metadata
    listed = ["onnxruntime 1.25.1", "onnxruntime-gpu 1.26.0", "onnxruntime-openvino unknown"]
    assert list(map(str, installed_packages())) == listed


def test_an_extra_is_installed_by_one_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(write_site(tmp_path, {"onnxruntime": "1.26.0"}), monkeypatch)
    assert install_command("train") == "pip install 'streamvision-edge[train]'"
    assert pip_install("coremltools pillow") == "pip install coremltools pillow"


def test_an_extra_that_would_overwrite_another_runtime_puts_it_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(write_site(tmp_path, {"onnxruntime-gpu": "1.23.0"}), monkeypatch)
    assert install_command("train") == (
        "pip install 'streamvision-edge[train]' && pip uninstall -y onnxruntime"
        " && pip install --force-reinstall --no-deps onnxruntime-gpu==1.23.0"
    )
    assert install_command("mqtt") == "pip install 'streamvision-edge[mqtt]'"


def test_the_extras_that_bring_the_plain_runtime_are_those_of_the_project(project_root: Path) -> None:
    project = tomllib.loads((project_root / "pyproject.toml").read_text(encoding="utf-8"))
    extras: dict[str, list[str]] = project["project"]["optional-dependencies"]

    def brought(name: str) -> set[str]:
        found = set()
        for requirement in extras[name]:
            if requirement.startswith("streamvision-edge["):
                for inner in requirement.removeprefix("streamvision-edge[").rstrip("]").split(","):
                    found |= brought(inner.strip())
            elif requirement.startswith("onnxruntime"):
                found.add("gpu" if requirement.startswith("onnxruntime-gpu") else "plain")
        return found

    by_extra = {name: brought(name) for name in extras}
    assert {name for name, found in by_extra.items() if found == {"plain"}} == set(WITH_PLAIN_ONNX_RUNTIME)
    assert {name for name, found in by_extra.items() if found == {"gpu"}} == {"cuda", "jetson"}
    assert not any(requirement.startswith("onnxruntime") for requirement in project["project"]["dependencies"])
    together = [{entry["extra"] for entry in group} for group in project["tool"]["uv"]["conflicts"]]
    for plain in WITH_PLAIN_ONNX_RUNTIME:
        assert {plain, "cuda", "jetson"} in together, f"uv is not told that {plain} excludes cuda and jetson"
