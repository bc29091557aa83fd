"""axe-core: what shuts people out of a page, as far as a program can tell."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from support.npm_packages import npm_modules


class Axe:
    """Examines pages.

    Args:
        project_root: the checkout.
        cache_dir: where packages from npm stay between runs.
    """

    def __init__(self, project_root: Path, cache_dir: Path) -> None:
        modules = npm_modules(project_root / "tests" / "support" / "npm_axe", cache_dir)
        self._source = (modules / "axe-core" / "axe.min.js").read_text()

    def findings(self, page: Page) -> list[str]:
        """Return one line for each rule that a page breaks, best practices among them."""
        page.evaluate(self._source)  # not by a script element, which the page's Content-Security-Policy refuses
        answer = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        assert answer["passes"], "axe examined something"
        return [
            f"{rule['id']}: {rule['help']}: {[node['target'] for node in rule['nodes']]}"
            for rule in answer["violations"]
        ]
