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

    def findings(self, page: Page, *, theme: str = "light") -> list[str]:
        """Return one line for each rule that a page breaks, best practices among them.

        In the ``dark`` theme that is the one rule whose outcome a theme decides: whether colours are far enough apart.
        """
        page.evaluate(self._source)  # not by a script element, which the page's Content-Security-Policy refuses
        rules = {"runOnly": ["color-contrast"]} if theme == "dark" else {}
        answer = page.evaluate("(options) => axe.run(document, options)", {"resultTypes": ["violations"], **rules})
        assert answer["passes"], "axe examined something"
        return [
            f"{rule['id']}: {rule['help']}: {[node['target'] for node in rule['nodes']]}"
            for rule in answer["violations"]
        ]
