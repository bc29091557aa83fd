"""A real MQTT broker that is started, stopped, killed and started again, and a client that sees what others see."""

from __future__ import annotations

import datetime
import ipaddress
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from paho.mqtt import client as paho

from support.free_ports import free_port

STARTED_WITHIN_S = 30.0


class Received(NamedTuple):
    """A message as a client got it."""

    topic: str
    content: bytes
    kept: bool
    at_s: float


class Mosquitto:
    """One broker on a free port of the loopback; what it keeps outlives :meth:`stop` and :meth:`kill`.

    Args:
        folder: an empty folder for its files.
        more: further lines of its configuration, behind those of its listener.
        user: name and password that it asks for.
    """

    def __init__(self, folder: Path, *more: str, user: tuple[str, str] | None = None) -> None:
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if program is None:
            pytest.skip("mosquitto is not installed: apt-get install mosquitto")
        self.port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"listener {self.port} 127.0.0.1", *more, "persistence true", f"persistence_location {folder}/"]
        lines += ["autosave_interval 1", "autosave_on_changes true", "log_type error", "max_queued_messages 0"]
        if os.getuid() == 0:
            lines.append("user root")
        if user is not None:
            self._write_password(folder / "passwords", *user)
            lines.append(f"password_file {folder}/passwords")
        lines.append(f"allow_anonymous {'true' if user is None else 'false'}")
        self._command = [program, "-c", str(folder / "mosquitto.conf")]
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        self._running: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Mosquitto:
        self.start()
        return self

    def __exit__(self, *_fault: object) -> None:
        self.stop()

    def start(self) -> None:
        self._running = subprocess.Popen(self._command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        deadline_s = time.monotonic() + STARTED_WITHIN_S
        while True:
            assert self._running.poll() is None and time.monotonic() < deadline_s, "mosquitto did not start"
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)

    def stop(self) -> None:
        self._end(subprocess.Popen.terminate)

    def kill(self) -> None:
        self._end(subprocess.Popen.kill)

    def _end(self, by: Callable[[subprocess.Popen[bytes]], None]) -> None:
        running, self._running = self._running, None
        if running is not None:
            by(running)
            running.wait(60)

    def _write_password(self, path: Path, name: str, password: str) -> None:
        subprocess.run(["mosquitto_passwd", "-b", "-c", str(path), name, password], check=True, capture_output=True)
        path.chmod(0o600)


class Client:
    """Sees all messages of a broker, as any other client does, and sends some; it comes back after an outage.

    Args:
        broker: where.
        topics: what of it.
    """

    def __init__(self, broker: Mosquitto, topics: str = "#", *, user: tuple[str, str] | None = None) -> None:
        self.received: list[Received] = []
        self._topics = topics
        self._answered = threading.Event()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="witness", clean_session=False)
        if user is not None:
            self._client.username_pw_set(*user)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda *_: self._client.subscribe(self._topics, 1)
        self._client.on_subscribe = lambda *_: self._answered.set()
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        assert self._answered.wait(STARTED_WITHIN_S)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_fault: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def send(self, topic: str, content: bytes | str, *, kept: bool = False) -> None:
        self._client.publish(topic, content, qos=1, retain=kept).wait_for_publish(STARTED_WITHIN_S)

    def newest(self, topic: str) -> bytes | None:
        """Return the newest message of a topic; ``None`` where there is none, or it was taken away."""
        return next((one.content for one in reversed(self.received) if one.topic == topic), None) or None

    def of(self, topic: str) -> list[bytes]:
        """Return all messages of a topic, in their order."""
        return [one.content for one in list(self.received) if one.topic == topic]

    def _take(self, _client: Any, _data: Any, message: Any) -> None:
        self.received.append(Received(message.topic, message.payload, message.retain, time.monotonic()))


def kept_by(broker: Mosquitto, topics: str = "#") -> dict[str, bytes]:
    """Return what a broker keeps, by topic, as a client sees it that comes now: before anything that is sent later."""
    found: dict[str, bytes] = {}
    later, came = f"kept-by/{time.monotonic_ns()}", threading.Event()

    def take(_client: Any, _data: Any, one: Any) -> None:
        if one.topic == later:
            came.set()
        elif one.retain:
            found[one.topic] = one.payload

    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.on_connect = lambda *_: client.subscribe([(topics, 1), (later, 1)])
    client.on_subscribe = lambda *_: client.publish(later, b"", qos=1)
    client.on_message = take
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    assert came.wait(STARTED_WITHIN_S)
    client.disconnect()
    client.loop_stop()
    return found


class Authority:
    """Makes certificates.

    Args:
        folder: where they are written: ``ca.pem``, and ``NAME.pem`` with ``NAME.key``.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Test authority {folder.name}")])
        self.file = folder / "ca.pem"
        own = self._builder(self._name, self._key).add_extension(x509.BasicConstraints(True, None), critical=True)
        self.file.write_bytes(own.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str) -> tuple[Path, Path]:
        """Return the files of a certificate for 127.0.0.1 and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        signed = self._builder(subject, key).add_extension(address, critical=False).sign(self._key, hashes.SHA256())
        files = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        files[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        forms = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, *forms))
        return files

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=2))
        )
