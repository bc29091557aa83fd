"""The apps' own code beside a bundle's, checked by its compiler against declarations of what it uses of each system."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from support.bundles import bundled
from support.kotlin import kotlin_compiler
from support.swift import swift_compiler

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
DECLARATIONS = Path(__file__).parent.parent / "support" / "files"
SYSTEM_MODULES = ("AVFoundation", "CoreGraphics", "CoreImage", "CoreML", "SwiftUI", "Vision")


@pytest.fixture(scope="module")
def bundle(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundled(project_root / "streamvision/models/road_signs.onnx", tmp_path_factory.mktemp("apps") / "bundle")


def test_the_android_app_compiles(project_root: Path, reference_dir: Path, bundle: Path, tmp_path: Path) -> None:
    compiler = kotlin_compiler(project_root, reference_dir)
    text = (DECLARATIONS / "android_api.kt.txt").read_text()
    packages = re.split(r"^(?=package )", text, flags=re.MULTILINE)[1:]
    sources = {f"api/{number}.kt": package for number, package in enumerate(packages)}
    app = project_root / "examples/android/app/src"
    for path in (*app.rglob("*.kt"), *(bundle / "android").glob("*.kt")):
        sources[f"app/{path.name}"] = path.read_text()
    assert {"app/MainActivity.kt", "app/GoldenVectorsTest.kt", "app/Decoder.kt"} <= sources.keys()
    classes = Path(compiler.compile(sources, tmp_path).partition(":")[0])
    assert (classes / "org/streamvision/example/MainActivity.class").is_file()


def test_the_ios_app_has_the_right_types(project_root: Path, bundle: Path, tmp_path: Path) -> None:
    compiler = swift_compiler()
    if isinstance(compiler, str):
        pytest.skip(compiler)
    (tmp_path / "api.swift").write_text((DECLARATIONS / "ios_api.swift.txt").read_text())
    imports = re.compile(rf"^import ({'|'.join(SYSTEM_MODULES)})$", re.MULTILINE)
    for path in (*(project_root / "examples/ios/App").glob("*.swift"), *(bundle / "ios").glob("*.swift")):
        (tmp_path / path.name).write_text(imports.sub("import Foundation", path.read_text()))
    sources = sorted(map(str, tmp_path.glob("*.swift")))
    options = ["-typecheck", "-wmo", "-swift-version", "5", "-parse-as-library"]
    command = [*compiler.prefix, compiler.command, *options, *sources]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
