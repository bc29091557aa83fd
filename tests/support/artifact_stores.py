"""Stores with signed artefacts: a publisher with keys of its own, web servers, and a server that speaks S3."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from streamvision.artifacts.manifest import Artifact, Manifest, ManifestAddress, channel_key
from streamvision.artifacts.publishing import NewModel, files_of, push_models
from streamvision.artifacts.pulling import Source
from streamvision.artifacts.signing import PublicKeys, Signer, new_keys
from streamvision.artifacts.store import Store, open_store
from support.free_ports import free_port

STARTED_WITHIN_S = 120.0


class Publisher:
    """Somebody who publishes models in a store, and knows its key.

    Args:
        folder: for the key.
        store: the store.
    """

    def __init__(self, folder: Path, store: Store) -> None:
        secret, public = new_keys(None)
        folder.mkdir(parents=True, exist_ok=True)
        self.key = folder / "fleet.key"
        self.key.write_bytes(secret)
        self.public_key = public.decode().splitlines()[1]
        self.store = store
        self.signer = Signer(self.key, lambda: "")

    def push(self, models: Mapping[str, Path], *, channel: str = "stable", **options: Any) -> Manifest:
        """Publish models by name."""
        new = {name: NewModel(files_of(path)) for name, path in models.items()}
        return push_models(self.store, channel, self.signer, new, **options)

    def put(self, content: bytes, *, channel: str = "stable", comment: str | None = None) -> None:
        """Sign some bytes as a channel's manifest, whatever they are."""
        address = ManifestAddress.of(content)
        self.store.write(address.key, content)
        self.store.write(channel_key(channel), self.signer.sign(content, comment or address.comment))

    def source(self, store: Store | None = None, *, channel: str = "stable") -> Source:
        """Return what a device that believes this publisher pulls from."""
        return Source(store or self.store, channel, PublicKeys([self.public_key]))


def folder_publisher(folder: Path) -> Publisher:
    """Return a publisher whose store is a folder."""
    return Publisher(folder / "keys", open_store(str(folder / "store"), begin=True))


def random_model(path: Path, size_bytes: int = 100_000) -> Path:
    """Write what looks like a model by its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(size_bytes))
    return path


def only(manifest: Manifest, name: str = "default") -> Artifact:
    """Return a model of a manifest."""
    return manifest.models[name]


@contextmanager
def nginx_folder(folder: Path, work: Path, *, more: str = "") -> Iterator[str]:
    """Serve a folder by a real nginx; gives its address.

    Args:
        folder: what is served.
        work: an empty folder for nginx's own files.
        more: further lines of its ``location``.
    """
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed: apt-get install nginx")
    work.mkdir(parents=True)
    port = free_port()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{kind}_temp_path {work}/{kind};" for kind in kinds)
    user = "user root;" if os.getuid() == 0 else ""
    (work / "nginx.conf").write_text(
        f"daemon off; pid {work}/nginx.pid; error_log stderr; {user}\nevents {{ }}\nhttp {{ access_log off; "
        f"{temporary}\nserver {{ listen 127.0.0.1:{port}; location / {{ root {folder}; {more} }} }} }}\n"
    )
    running = subprocess.Popen([program, "-p", str(work), "-c", str(work / "nginx.conf")], stderr=subprocess.DEVNULL)
    try:
        _wait_until(lambda: _listens(port), running)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait(60)


@contextmanager
def s3_server() -> Iterator[str]:
    """Run moto's server, which speaks S3 over HTTP; gives its address."""
    pytest.importorskip("moto.server", reason="moto is not installed: pip install 'moto[s3]' flask-cors")
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until(lambda: _listens(port), running)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.kill()
        running.wait(60)


def make_bucket(endpoint: str, name: str) -> None:
    """Make a bucket, as its owner."""
    request = urllib.request.Request(
        f"{endpoint}/{name}",
        method="PUT",
        headers={"Authorization": "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/s3/aws4_request"},
    )
    urllib.request.urlopen(request, timeout=30).close()


class OddServer:
    """An HTTP server that answers as a test says, byte by byte.

    Args:
        answer: returns the whole answer to the whole request, or several parts of it.
    """

    def __init__(self, answer: Callable[[bytes], bytes | Iterator[bytes]]) -> None:
        self.requests: list[bytes] = []
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(60)
            request = b""
            try:
                while b"\r\n\r\n" not in request:
                    if not (got := connection.recv(65536)):
                        return
                    request += got
                self.requests.append(request)
                answer = self._answer(request)
                for part in (answer,) if isinstance(answer, bytes) else answer:
                    connection.sendall(part)
            except OSError:
                return


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _wait_until(ready: Callable[[], bool], running: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + STARTED_WITHIN_S
    while not ready():
        assert running.poll() is None, "the server ended"
        assert time.monotonic() < deadline_s, f"the server did not listen within {STARTED_WITHIN_S:.0f} s"
        time.sleep(0.05)
