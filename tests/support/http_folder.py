"""A folder over HTTP, as a plain web server gives it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@contextmanager
def served(folder: Path, requests: list[str] | None = None) -> Iterator[str]:
    """Serve a folder; gives its address, and adds the path of each request to ``requests``."""
    noted: list[str] = [] if requests is None else requests

    class Handler(SimpleHTTPRequestHandler):
        def log_request(self, *_: object) -> None:
            noted.append(self.path.removeprefix("/"))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(60)
