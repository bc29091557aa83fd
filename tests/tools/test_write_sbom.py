"""The bill of materials: what is installed is in it, CycloneDX's schema takes it, and models keep their licences."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with two packages of this one, put there by hand: installing would take a minute."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=120)
    site = next((folder / "lib").glob("python*/site-packages"))
    for name in ("numpy", "click"):
        metadata = distribution(name)._path  # type: ignore[attr-defined]
        (site / metadata.name).symlink_to(metadata)
    return folder / "bin" / "python"


def test_packages_and_models_are_in_it(installed: Path, project_root: Path, tmp_path: Path) -> None:
    pytest.importorskip("cyclonedx_py", reason="cyclonedx-bom is not installed")
    command = [sys.executable, project_root / "tools" / "write_sbom.py", "cpu,mqtt"]
    texts = []
    for output in (tmp_path / "one", tmp_path / "two"):
        more = ["--python", installed, "--output", output]
        done = subprocess.run([*command, *more], capture_output=True, text=True, timeout=280, check=False)
        assert done.returncode == 0, done.stderr
        assert Path(done.stdout.strip()) == output / "streamvision-edge-cpu-mqtt.cdx.json"
        texts.append(Path(done.stdout.strip()).read_text(encoding="utf-8"))
    assert texts[0] == texts[1], "the same installation gives the same file"
    document = json.loads(texts[0])
    assert (document["bomFormat"], document["metadata"]["component"]["name"]) == ("CycloneDX", "streamvision-edge")
    found = {one["name"]: one for one in document["components"]}
    assert set(found) == {"numpy", "click", "road_signs", "road_signs_yolox"}
    assert found["numpy"]["purl"] == f"pkg:pypi/numpy@{distribution('numpy').version}"
    assert found["road_signs"]["licenses"] == [{"license": {"id": "AGPL-3.0-only"}}]
    assert found["road_signs_yolox"]["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    needs = {one["ref"]: one.get("dependsOn", []) for one in document["dependencies"]}
    assert "model:road_signs" in needs["root-component"] and any(
        one.startswith("numpy") for one in needs["root-component"]
    )
