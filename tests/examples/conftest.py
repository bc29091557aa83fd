"""The web example with its packages and bundles, served as its README says, and a Chromium to look at it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.bundles import bundled
from support.npm_packages import npm_modules

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def site(project_root: Path, reference_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example with its packages, and the bundle of the model that ships."""
    example = project_root / "examples" / "web"
    folder = tmp_path_factory.mktemp("web")
    for file in example.iterdir():
        if file.is_file():
            shutil.copyfile(file, folder / file.name)
    (folder / "node_modules").symlink_to(npm_modules(example, reference_dir))
    bundled(project_root / "streamvision" / "models" / "road_signs.onnx", folder / "bundle")
    return folder


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """The address of the example's own server."""
    with subprocess.Popen(["node", site / "serve.mjs", "0"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.terminate()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless Chromium with a camera that shows a test picture."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install the package chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
    arguments = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A fresh page; what it fails at without saying so fails the test."""
    fresh = chromium.new_page(viewport={"width": 1200, "height": 700})
    fresh.set_default_timeout(60_000)
    errors: list[str] = []
    fresh.on("pageerror", lambda error: errors.append(str(error)))
    yield fresh
    fresh.close()
    assert not errors
