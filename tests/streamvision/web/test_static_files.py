"""The pages' own files: all modules are named at once, and what is behind an address with a digest never changes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streamvision.core.live import LiveView
from streamvision.web.app import create_app
from streamvision.web.static_files import KEPT, StaticFiles

STATIC = Path(__file__).resolve().parents[3] / "streamvision" / "web" / "static"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "view").mkdir()
    (tmp_path / "app.js").write_text(
        'import "./page.js";\nimport {\n  a,\n  b,\n} from "./view/a.js";\nconst c = "./no.js";\n'
    )
    (tmp_path / "page.js").write_text('export { a } from "./view/a.js";\n')
    (tmp_path / "view" / "a.js").write_text('import { b } from "../b.js";\nimport { own } from "./a.js";\n')
    (tmp_path / "b.js").write_text("export const b = 1;\n")
    return tmp_path


def test_modules_that_modules_import_are_named_each_once(folder: Path) -> None:
    assert StaticFiles(folder).modules("app.js") == ("app.js", "page.js", "view/a.js", "b.js")


def test_another_file_has_another_address(folder: Path) -> None:
    before = StaticFiles(folder).root
    assert StaticFiles(folder).root == before
    (folder / "b.js").write_text("export const b = 2;\n")
    assert StaticFiles(folder).root != before


def test_a_page_names_what_it_loads_and_browsers_keep_that() -> None:
    client = create_app(LiveView({}, statuses=list, stage_times=dict, model="")).test_client()
    page = client.get("/").get_data(as_text=True)
    named = re.findall(r'<link rel="modulepreload" href="\./([^"]+)"', page)
    assert len(named) == len(set(named)) > 40
    assert re.search(r'<script type="module" src="\./([^"]+)"', page)[1] in named  # type: ignore[index]
    for address in named:
        given = client.get(f"/{address}")
        assert given.status_code == 200 and given.headers["Cache-Control"] == KEPT
        assert given.data == (STATIC / address.partition("/")[2]).read_bytes()
    other = re.sub(r"static-\w+/", "static-0123456789abcdef/", named[0])
    assert client.get(f"/{other}").headers["Cache-Control"] == "no-cache", "an older page asks for a newer file"
    assert client.get("/static/app.js").headers["Cache-Control"] == "no-cache"
    missing = client.get(f"/{named[0]}x")
    assert missing.status_code == 404 and missing.headers["Cache-Control"] == "no-store"
    assert client.get(f"/{named[0].rpartition('/')[0]}/../app.py").status_code == 404
