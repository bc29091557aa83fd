"""The projects of the apps hold together: what one file names is there in another. Neither SDK is needed for that."""

from __future__ import annotations

import hashlib
import json
import os
import re
import runpy
import sys
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import yaml

WRAPPER_SHA256 = "81a82aaea5abcc8ff68b3dfcb58b3c3c429378efd98e7433460610fecd7ae45f"
"""Of gradle-wrapper.jar of Gradle 8.13, as Gradle publishes it."""
LEAST_GRADLE = {"8.13": (8, 13)}
"""By version of the Android plugin, the first Gradle that it runs in."""


@pytest.fixture
def android(project_root: Path) -> Path:
    return project_root / "examples" / "android"


@pytest.fixture
def ios(project_root: Path) -> Path:
    return project_root / "examples" / "ios"


def properties(path: Path) -> dict[str, str]:
    lines = (line.partition("=") for line in path.read_text().splitlines() if "=" in line)
    return {name: value.replace("\\:", ":") for name, _, value in lines}


def test_the_wrapper_is_gradles_own_and_checks_what_it_downloads(android: Path) -> None:
    jar = android / "gradle/wrapper/gradle-wrapper.jar"
    assert hashlib.sha256(jar.read_bytes()).hexdigest() == WRAPPER_SHA256
    assert "META-INF/LICENSE" in zipfile.ZipFile(jar).namelist()
    assert os.access(android / "gradlew", os.X_OK)
    wrapper = properties(android / "gradle/wrapper/gradle-wrapper.properties")
    version = re.fullmatch(
        r"https://services\.gradle\.org/distributions/gradle-([\d.]+)-bin\.zip", wrapper["distributionUrl"]
    )
    assert version is not None
    assert re.fullmatch(r"[0-9a-f]{64}", wrapper["distributionSha256Sum"])
    plugin = str(catalogue(android)["versions"]["agp"]).rpartition(".")[0]
    assert tuple(map(int, version[1].split("."))) >= LEAST_GRADLE[plugin]


def catalogue(android: Path) -> dict[str, Any]:
    if sys.version_info < (3, 11):
        pytest.skip("Python 3.10 has no reader of TOML")
    import tomllib

    return tomllib.loads((android / "gradle/libs.versions.toml").read_text())


def test_the_version_catalogue_has_what_the_builds_name(android: Path) -> None:
    entries = catalogue(android)
    kinds = {"plugins": entries["plugins"], "libraries": entries["libraries"]}
    for kind in kinds.values():
        assert {entry["version"]["ref"] for entry in kind.values()} <= entries["versions"].keys()
    scripts = "".join(path.read_text() for path in android.rglob("*.gradle.kts"))
    named = set(re.findall(r"\(libs\.([\w.]+)\)", scripts))
    offered = {
        ("plugins." if kind == "plugins" else "") + name.replace("-", ".") for kind in kinds for name in kinds[kind]
    }
    assert named == offered


def resources(android: Path) -> set[str]:
    """Return what the app's resources define, as ``kind/name``."""
    folder = android / "app/src/main/res"
    defined = {
        f"{path.parent.name.partition('-')[0]}/{path.stem}"
        for path in folder.glob("*/*")
        if "values" not in path.parent.name
    }
    for path in folder.glob("values*/*.xml"):
        defined |= {f"{entry.tag}/{entry.get('name')}" for entry in ElementTree.parse(path).getroot()}
    return defined


def test_what_the_app_refers_to_is_there(android: Path) -> None:
    main = android / "app/src/main"
    files = list(main.rglob("*.xml"))
    for path in files:
        ElementTree.parse(path)  # raises where it is not well-formed
    referred = {found for path in files for found in re.findall(r'"@((?:\w+)/[\w.]+)"', path.read_text())}
    kotlin = "".join(path.read_text() for path in main.rglob("*.kt"))
    referred |= {f"{kind}/{name}" for kind, name in re.findall(r"(?<![\w.])R\.(\w+)\.(\w+)", kotlin)}
    assert {"mipmap/ic_launcher", "drawable/ic_launcher_foreground", "color/launcher_background"} <= referred
    assert referred <= resources(android)
    manifest = ElementTree.parse(main / "AndroidManifest.xml").getroot()
    name = "{http://schemas.android.com/apk/res/android}name"
    package = re.search(r'namespace = "([\w.]+)"', (android / "app/build.gradle.kts").read_text())
    assert package is not None
    for activity in manifest.iter("activity"):
        path = main / "java" / package[1].replace(".", "/") / f"{activity.attrib[name].lstrip('.')}.kt"
        assert path.is_file()


def test_the_icons_are_those_that_are_drawn(project_root: Path) -> None:
    icons = runpy.run_path(str(project_root / "tools" / "draw_app_icons.py"))
    hint = "run: python tools/draw_app_icons.py"
    assert icons["VECTOR"].read_text() == icons["vector"](), hint
    assert icons["COLOURS"].read_text() == icons["colours"](), hint
    shown = cv2.imread(str(icons["PICTURE"]), cv2.IMREAD_UNCHANGED)
    assert shown.shape == (1024, 1024, 3), "without an alpha channel, which the App Store refuses"
    assert np.abs(shown.astype(int) - icons["picture"]().astype(int)).max() <= 2, hint
    points = np.array([point for line in (*icons["CORNERS"], icons["OCTAGON"]) for point in line], float)
    reach_dp = np.hypot(*(points - icons["SIDE_DP"] / 2).T).max() + icons["CORNER_WIDTH_DP"] / 2
    assert reach_dp <= 33, "a launcher may cut what lies outside of 66 dp"


def test_the_ios_project_names_what_is_there(ios: Path) -> None:
    project = yaml.safe_load((ios / "project.yml").read_text())
    target = project["targets"][project["name"]]
    own = [source["path"] for source in target["sources"] if not source["path"].startswith("bundle/")]
    assert own == ["App"] and (ios / "App").is_dir()
    assert project["settings"]["base"]["COREML_CODEGEN_LANGUAGE"] == "None"
    assert "NSCameraUsageDescription" in target["info"]["properties"]
    icon = (
        ios / "App/Assets.xcassets" / f"{project['settings']['base']['ASSETCATALOG_COMPILER_APPICON_NAME']}.appiconset"
    )
    images = json.loads((icon / "Contents.json").read_text())["images"]
    assert [(icon / image["filename"]).is_file() for image in images] == [True]


def test_the_swift_sources_parse(ios: Path) -> None:
    tree_sitter = pytest.importorskip("tree_sitter")
    parser = tree_sitter.Parser(tree_sitter.Language(pytest.importorskip("tree_sitter_swift").language()))
    sources = sorted((ios / "App").glob("*.swift"))
    assert len(sources) >= 4
    for source in sources:
        assert not parser.parse(source.read_bytes()).root_node.has_error, source.name
