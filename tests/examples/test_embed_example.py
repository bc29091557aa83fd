"""The example of pages with live streams, as its README says it is run."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import Browser, Page

from support.browser import fresh_page
from support.command_line import running
from support.http_folder import served

pytestmark = pytest.mark.browser

WRITTEN = "http://127.0.0.1:8080"
"""Where the example looks for the server."""
LIVE = "() => [...document.querySelectorAll('streamvision-view')].every((view) => view.state === 'live')"


@contextmanager
def shown(browser: Browser, folder: Path, example: Path, name: str, *command: str) -> Iterator[Page]:
    """Open a page of the example, served by another program than the streams."""
    shutil.copytree(example, folder, dirs_exist_ok=True)
    with served(folder) as site:
        origin = site.replace("127.0.0.1", "localhost")
        options = ("--serve", "127.0.0.1:0", "--embed-origin", origin, "--state", str(folder / "state"))
        with running(*command, *options, cwd=folder, stderr=subprocess.PIPE) as process:
            assert process.stderr is not None
            url = next(line.partition("Watch at ")[2].strip() for line in process.stderr if "Watch at " in line)
            threading.Thread(target=process.stderr.read, daemon=True).start()
            (folder / name).write_text((example / name).read_text("utf-8").replace(WRITTEN, url.rstrip("/")), "utf-8")
            with fresh_page(browser) as page:
                page.goto(f"{origin}/{name}")
                yield page


@pytest.fixture(scope="module")
def example() -> Path:
    return Path(__file__).resolve().parents[2] / "examples" / "embed"


def test_the_plain_page_shows_the_demo(browser: Browser, example: Path, tmp_path: Path) -> None:
    with shown(browser, tmp_path, example, "index.html", "demo", "--no-browser") as page:
        page.wait_for_function(LIVE)


def test_two_cameras_tell_what_they_see_and_what_is_clicked(browser: Browser, example: Path, tmp_path: Path) -> None:
    with shown(browser, tmp_path, example, "two-cameras.html", "run", "--config", "two-cameras.yaml") as page:
        page.wait_for_function(LIVE)
        counted = (
            "[...document.querySelectorAll('output')].every((one) => /^\\d+ objects, \\d+ ms$/.test(one.textContent))"
        )
        page.wait_for_function(counted)
        page.locator("streamvision-view").first.click(position={"x": 100, "y": 3})
        page.wait_for_function("/ on north\\.$/.test(document.getElementById('clicked').textContent)")
