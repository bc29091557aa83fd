"""A release's bundles reach the apps whole, or not at all."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

FILES = {
    "bundles/android/bundle.json": b"{}",
    "bundles/android/golden/input.f32": b"1234",
    "bundles/web/bundle.json": b"[]",
}


@pytest.fixture
def examples(tmp_path: Path, project_root: Path) -> Path:
    """A checkout with the tool and empty apps."""
    root = tmp_path / "checkout"
    (root / "tools").mkdir(parents=True)
    tool = (project_root / "tools" / "place_bundles.py").read_bytes()
    (root / "tools" / "place_bundles.py").write_bytes(tool)
    for app in ("android", "ios", "web"):
        (root / "examples" / app).mkdir(parents=True)
    return root / "examples"


def release(path: Path, files: dict[str, bytes], *, sums: dict[str, str] | None = None) -> Path:
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()} | (sums or {})
    with zipfile.ZipFile(path, "w") as packed:
        for name, data in files.items():
            packed.writestr(f"road_signs/{name}", data)
        packed.writestr("road_signs/SHA256SUMS", "".join(f"{digest}  {name}\n" for name, digest in digests.items()))
    return path


def place(examples: Path, archive: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, examples.parent / "tools" / "place_bundles.py", archive]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_bundles_go_to_their_apps_and_replace_older_ones(examples: Path, tmp_path: Path) -> None:
    old = examples / "web" / "bundle"
    old.mkdir()
    (old / "bundle.json").write_text("{}")
    (old / "left-over").touch()
    done = place(examples, release(tmp_path / "road_signs.zip", FILES))
    assert done.returncode == 0, done.stderr
    assert (examples / "android/bundle/golden/input.f32").read_bytes() == b"1234"
    assert [path.name for path in old.iterdir()] == ["bundle.json"]
    assert list((examples / "ios").iterdir()) == []


@pytest.mark.parametrize(
    ("files", "sums", "said"),
    [
        (FILES, {"bundles/web/bundle.json": "0" * 64}, "is damaged: bundles/web/bundle.json has another checksum"),
        (FILES, {"bundles/web/missing": "0" * 64}, "lacks bundles/web/missing"),
        ({"bundles/web/../../../../out": b"x"}, {}, "lacks bundles/web/../../../../out"),
        ({"README.md": b"nothing"}, {}, "has no bundle in it"),
    ],
)
def test_what_is_no_release_is_refused(
    examples: Path, tmp_path: Path, files: dict[str, bytes], sums: dict[str, str], said: str
) -> None:
    done = place(examples, release(tmp_path / "road_signs.zip", files, sums=sums))
    assert done.returncode == 1
    assert said in done.stderr and "Traceback" not in done.stderr
    assert not [path for app in examples.iterdir() for path in app.iterdir()]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkout", "road_signs.zip"]


def test_what_is_no_archive_or_no_bundle_is_said(examples: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.zip"
    text.write_text("no archive")
    assert "cannot be read" in place(examples, text).stderr
    assert "cannot be read" in place(examples, tmp_path / "nowhere.zip").stderr
    (examples / "android" / "bundle").mkdir()
    (examples / "android" / "bundle" / "photo.jpg").touch()
    done = place(examples, release(tmp_path / "road_signs.zip", FILES))
    assert done.returncode == 1 and "is there and is no bundle; move it away" in done.stderr
    assert (examples / "android" / "bundle" / "photo.jpg").exists()
