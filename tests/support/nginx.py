"""A real nginx in front of a server, under a path of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.free_ports import free_port

STARTED_WITHIN_S = 15.0
_CONFIGURATION = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
{user}
events {{ }}
http {{
  access_log off;
  {temporary}
  server {{
    listen 127.0.0.1:{port};
    location {path} {{
      proxy_pass http://127.0.0.1:{behind}/;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_buffering off;
      {more}
    }}
  }}
}}
"""


@contextmanager
def proxied(behind: int, folder: Path, *, path: str = "/cams/", more: str = "") -> Iterator[str]:
    """Run nginx for the length of the block; gives the address of ``path`` on it.

    Args:
        behind: port of the server, on the loopback.
        folder: an empty folder for nginx's own files.
        path: where the server is put, with a slash at both ends.
        more: further lines of its ``location``.
    """
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed: apt-get install nginx")
    port = free_port()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    values = {
        "folder": folder,
        "user": "user root;" if os.getuid() == 0 else "",
        "temporary": " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds),
        "port": port,
        "path": path,
        "behind": behind,
        "more": more,
    }
    configuration = folder / "nginx.conf"
    configuration.write_text(_CONFIGURATION.format(**values))
    running = subprocess.Popen([program, "-p", str(folder), "-c", str(configuration)], stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, running)
        yield f"http://127.0.0.1:{port}{path}"
    finally:
        running.terminate()
        running.wait(60)


def _wait_for(port: int, running: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + STARTED_WITHIN_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert running.poll() is None, "nginx ended"
            assert time.monotonic() < deadline_s, f"nginx did not listen within {STARTED_WITHIN_S:.0f} s"
            time.sleep(0.05)
