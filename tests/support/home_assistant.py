"""A real Home Assistant with the MQTT integration, in an environment of its own that is made once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from support.free_ports import free_port

PACKAGES = (
    "homeassistant==2024.3.3", "home-assistant-frontend==20240307.0", "paho-mqtt==1.6.1", "SQLAlchemy==2.0.27",
    "fnv-hash-fast==0.5.0", "Pillow==10.2.0", "janus==1.0.0", "psutil-home-assistant==0.0.1", "securetar==2024.2.1",
    "PyTurboJPEG==1.7.1", "josepy<2",
)  # fmt: skip
"""The newest for Python 3.11, with what its MQTT integration and its page need."""
INSTALLED_WITHIN_S = 500
STARTED_WITHIN_S = 80
CLIENT = "http://127.0.0.1/"


def environment() -> Path:
    """Return the Home Assistant command, installed where it is not yet."""
    if sys.version_info[:2] not in ((3, 11), (3, 12)):
        pytest.skip("Home Assistant 2024.3 needs Python 3.11 or 3.12")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "streamvision-tests" / f"home-assistant-{sys.version_info[0]}.{sys.version_info[1]}"
    done = folder / "complete"
    if not done.exists() or done.read_text() != "\n".join(PACKAGES):
        shutil.rmtree(folder, ignore_errors=True)
        try:
            _run(sys.executable, "-m", "venv", str(folder))
            _run(
                str(folder / "bin/python"), "-m", "pip", "install", "-q", "--no-compile", *PACKAGES
            )  # a thousand integrations
        except (subprocess.SubprocessError, OSError) as error:
            said = getattr(error, "stderr", b"") or b""
            pytest.skip(
                f"Home Assistant cannot be installed from PyPI: {said.decode(errors='replace')[-300:] or error}"
            )
        done.write_text("\n".join(PACKAGES))
    return folder / "bin/hass"


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=INSTALLED_WITHIN_S)


class HomeAssistant:
    """One that runs for the length of a ``with`` block, with a user, whose broker is on the loopback.

    Args:
        folder: an empty folder for its files.
        broker_port: where its broker is.
    """

    def __init__(self, folder: Path, broker_port: int) -> None:
        self._port = free_port()
        self._folder = folder
        self._broker_port = broker_port
        self._token: str | None = None
        settings = [f"http:\n  server_host: 127.0.0.1\n  server_port: {self._port}", "frontend:", "config:", "api:"]
        folder.mkdir(parents=True)
        (folder / "configuration.yaml").write_text("\n".join(["homeassistant:\n  name: Test", *settings]) + "\n")

    def __enter__(self) -> HomeAssistant:
        command = [str(environment()), "-c", str(self._folder), "--skip-pip"]
        with (self._folder / "output.log").open("wb") as output:
            self._running = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            self._begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_fault: object) -> None:
        self._running.terminate()
        try:
            self._running.wait(30)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait(60)

    def states(self) -> dict[str, dict[str, Any]]:
        """Return the state of each entity by its id."""
        return {one["entity_id"]: one for one in self._ask("/api/states")}

    def call(self, domain: str, service: str, entity: str) -> None:
        """Do what a button on its page does."""
        self._ask(f"/api/services/{domain}/{service}", {"entity_id": entity})

    def picture(self, entity: str) -> bytes:
        """Return what it shows of a camera."""
        return self._fetch(f"/api/camera_proxy/{entity}")

    def _begin(self) -> None:
        deadline_s = time.monotonic() + STARTED_WITHIN_S
        while True:
            output = (self._folder / "output.log").read_text(errors="replace")
            assert self._running.poll() is None and time.monotonic() < deadline_s, output[-3000:]
            try:
                self._ask("/api/onboarding")
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.3)
        person = {
            "name": "Ann",
            "username": "ann",
            "password": "only for a test",
            "client_id": CLIENT,
            "language": "en",
        }
        code = self._ask("/api/onboarding/users", person)["auth_code"]
        form = f"grant_type=authorization_code&code={code}&client_id={CLIENT}".encode()
        self._token = self._ask("/auth/token", form)["access_token"]
        flow = self._ask("/api/config/config_entries/flow", {"handler": "mqtt"})
        broker = {"broker": "127.0.0.1", "port": self._broker_port}
        made = self._ask(f"/api/config/config_entries/flow/{flow['flow_id']}", broker)
        assert made["type"] == "create_entry", made

    def _ask(self, path: str, body: Any = None) -> Any:
        return json.loads(self._fetch(path, body))

    def _fetch(self, path: str, body: Any = None) -> bytes:
        is_form = isinstance(body, bytes)
        data = body if is_form or body is None else json.dumps(body).encode()
        kind = "application/x-www-form-urlencoded" if is_form else "application/json"
        signed = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}{path}", data, {"Content-Type": kind, **signed})
        with urllib.request.urlopen(request, timeout=20) as answer:
            content: bytes = answer.read()
        return content
