"""The files of deploy/ for proxies, run by a real nginx and a real Caddy on free ports of the loopback, with TLS."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from streamvision.web.self_signed import self_signed
from support.free_ports import free_port
from support.serving import until

NAME = "cams.example.org"
"""The name that the files of deploy/ have."""
_MAIN = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
{user}
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  include {folder}/streamvision.conf;
}}
"""
_CADDY = """
{{
	admin off
	skip_install_trust
	http_port {plain}
	https_port {port}
	storage file_system {folder}/storage
}}
import {file}
"""


@dataclass(frozen=True)
class Proxy:
    """A proxy that runs."""

    name: str
    """Name of the host that it answers for."""
    port: int
    """Of HTTPS, on 127.0.0.1."""
    plain_port: int
    """Of HTTP, which leads to HTTPS."""
    trust: ssl.SSLContext
    """Takes its certificate, and no other."""
    path: str = "/"
    """Where the page is."""


@contextmanager
def nginx(deploy: Path, upstream: int, folder: Path, *, path: str = "/") -> Iterator[Proxy]:
    """Run nginx with the files of ``deploy/nginx``, with other ports, addresses and places of files.

    Args:
        deploy: the folder ``deploy``.
        upstream: port of StreamVision.
        folder: an empty folder.
        path: ``/``, or ``/cams/`` for the file that puts the page under this path of another server.
    """
    program = _program("nginx", "/usr/sbin")
    certificate = self_signed(folder / "certificates", [NAME])
    ports = (free_port(), free_port())
    changes = {
        "/etc/nginx/streamvision": str(folder),
        "127.0.0.1:8080": f"127.0.0.1:{upstream}",
        f"/etc/letsencrypt/live/{NAME}/fullchain.pem": str(certificate.certificate),
        f"/etc/letsencrypt/live/{NAME}/privkey.pem": str(certificate.key),
        "listen 443 ssl": f"listen 127.0.0.1:{ports[0]} ssl",
        "listen 80;": f"listen 127.0.0.1:{ports[1]};",
        "listen [::]:443 ssl http2;": "",
        "listen [::]:80;": "",
    }
    for name in ("proxy.conf", "path.conf", "streamvision.conf"):
        text = (deploy / "nginx" / name).read_text()
        for old, new in changes.items():
            text = text.replace(old, new)
        if path != "/" and name == "streamvision.conf":
            at = text.index("  location / {")
            text = f"{text[:at]}  include {folder}/path.conf;\n}}\n"
        (folder / name).write_text(text)
    main = folder / "nginx.conf"
    main.write_text(_MAIN.format(folder=folder, user="user root;" if os.getuid() == 0 else ""))
    trust = ssl.create_default_context(cafile=certificate.certificate)
    with _running([program, "-p", folder, "-c", main], {}, ports[0]):
        yield Proxy(NAME, *ports, trust, path)


@contextmanager
def caddy(deploy: Path, upstream: int, folder: Path) -> Iterator[Proxy]:
    """Run Caddy with ``deploy/caddy/Caddyfile`` for ``localhost``, with a certificate of an authority of its own."""
    ports = (free_port(), free_port())
    main = folder / "Caddyfile"
    main.write_text(_CADDY.format(folder=folder, port=ports[0], plain=ports[1], file=deploy / "caddy" / "Caddyfile"))
    variables = {"PUBLIC_HOST": "localhost", "UPSTREAM": f"127.0.0.1:{upstream}", "HOME": str(folder)}
    command = [_program("caddy"), "run", "--config", main, "--adapter", "caddyfile"]
    with _running(command, variables, ports[0]):
        authority = folder / "storage" / "pki" / "authorities" / "local" / "root.crt"
        until(authority.exists, "Caddy has an authority")
        yield Proxy("localhost", *ports, ssl.create_default_context(cafile=authority))


def _program(name: str, more: str | None = None) -> str:
    found = shutil.which(name) or (more and shutil.which(name, path=more))
    if not found:
        pytest.skip(f"{name} is not installed: apt-get install {name}")
    return found


@contextmanager
def _running(command: list[str | Path], variables: Mapping[str, str], port: int) -> Iterator[None]:
    process = subprocess.Popen(
        command, env={**os.environ, **variables}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        until(_answering(port, process), f"{command[0]} listens")
        yield
    finally:
        process.terminate()
        process.communicate(timeout=60)


def _answering(port: int, process: subprocess.Popen[str]) -> Callable[[], bool]:
    def asked() -> bool:
        assert process.poll() is None, process.stderr and process.stderr.read()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    return asked
