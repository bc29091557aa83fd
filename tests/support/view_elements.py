"""<streamvision-view> as pages write it, and what is asked of it in a browser."""

from __future__ import annotations

from playwright.sync_api import Page

from streamvision.web.server import WebServer

PLAIN = "shop.test"
"""A name of the site under which its pages come by plain HTTP, which gives them less than names below localhost."""
HOW = "(view) => view.shadowRoot.querySelector('.age')?.title ?? ''"
MOVED = """async (view) => {
    const canvas = view.shadowRoot.querySelector("canvas"), first = canvas.toDataURL();
    for (let n = 0; n < 200 && canvas.toDataURL() === first; n += 1) await new Promise((r) => setTimeout(r, 50));
    return canvas.toDataURL() !== first;
}"""


def element(server: WebServer, stream: str = "gate", **attributes: str) -> str:
    given = {"src": server.url, "stream": stream, **attributes}
    words = " ".join(f'{name.replace("_", "-")}="{value}"' for name, value in given.items())
    return f"<streamvision-view {words}></streamvision-view>"


def until_state(page: Page, state: str, *, nth: int = 0) -> str:
    """Wait for a state of an element and return its reason."""
    page.wait_for_function(
        "([nth, state]) => document.querySelectorAll('streamvision-view')[nth]?.state === state", arg=[nth, state]
    )
    return page.evaluate("(nth) => document.querySelectorAll('streamvision-view')[nth].reason", nth)
