"""Another site: pages on a port and a name of their own, which show streams of a server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

VIEW = Path(__file__).resolve().parents[2] / "streamvision" / "web" / "static" / "view"
MODULES = "/view/"
"""Where the site has the modules itself, as from npm."""


class EmbeddingSite:
    """Pages by path, each with the headers that it is sent with."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.pages: dict[str, tuple[str, dict[str, str]]] = {}

    def origin(self, host: str = "shop.localhost") -> str:
        """Return the site's origin; every name below localhost is this machine's to a browser."""
        return f"http://{host}:{self.port}"

    def put(self, path: str, body: str, *, script: str = f"{MODULES}streamvision-view.js", **headers: str) -> None:
        """Put a page there whose module comes from ``script``; header names have ``_`` for ``-``."""
        html = f'<!doctype html><title>A shop</title><script type="module" src="{script}"></script><body>{body}'
        self.pages[path] = html, {name.replace("_", "-"): value for name, value in headers.items()}


@contextmanager
def embedding_site() -> Iterator[EmbeddingSite]:
    """Run a site for the length of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path in site.pages:
                text, headers = site.pages[path]
                self._send(200, text.encode(), "text/html; charset=utf-8", headers)
            elif path.startswith(MODULES) and (file := VIEW / Path(path).name).suffix == ".js" and file.is_file():
                self._send(200, file.read_bytes(), "text/javascript", {})
            else:
                self._send(404, b"", "text/plain", {})

        def _send(self, status: int, body: bytes, kind: str, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = EmbeddingSite(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join(60)
