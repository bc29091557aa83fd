"""One connection to a broker, from its beginning to its end.

A new one is made for each try: what was not confirmed when one broke is known to whoever sent it, and nothing of it
lingers in the library's own queues, where order and newness would be lost.
"""

from __future__ import annotations

import hashlib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from streamvision.core.config.mqtt import PLAIN_PORT, TLS_PORT, MqttConfig
from streamvision.core.errors import MissingDependencyError
from streamvision.core.install import install_command
from streamvision.notify.mqtt.topics import OFFLINE, Topics, slug
from streamvision.notify.target import DeliveryError

KEEP_ALIVE_S = 20
CONNECT_TIMEOUT_S = 5.0
CONFIRM_TIMEOUT_S = 10.0
"""Longest wait for a broker to confirm what it was sent; one that takes longer counts as gone."""
WAIT_S = 0.2
MOST_RECEIVED_BYTES = 256 * 1024
"""Largest message that a broker is to hand over, which one of version 5 keeps to."""

_log = logging.getLogger(__name__)

Received = Callable[[str, bytes, bool], None]
"""Takes topic, message, and whether it is an old one that the broker kept; called from the connection's thread."""


class Connection:
    """To one broker; :meth:`open` begins it.

    Args:
        config: where to, and as whom.
        topics: of the service; its state becomes offline when the connection breaks.
        on_message: takes what comes.

    Raises:
        MissingDependencyError: when the extra is not installed.
    """

    def __init__(self, config: MqttConfig, topics: Topics, on_message: Received) -> None:
        try:
            from paho.mqtt import client as paho
        except ImportError:
            raise MissingDependencyError(
                f"mqtt needs a package that is not installed; run: {install_command('mqtt')}"
            ) from None
        self._config = config
        self._on_message = on_message
        self._answered = threading.Event()
        self._lost = threading.Event()
        self._refusal: str | None = None
        self._is_version_5 = config.version == "5"
        client = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=config.client_id or _client_id(config),
            protocol=paho.MQTTv5 if self._is_version_5 else paho.MQTTv311,
            clean_session=None if self._is_version_5 else True,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.will_set(topics.status, OFFLINE, qos=1, retain=True)
        if config.user is not None:
            client.username_pw_set(config.user, config.password)
        client.on_connect, client.on_disconnect, client.on_message = self._connected, self._disconnected, self._received
        self._client = client

    @property
    def lost(self) -> bool:
        """Whether it is over."""
        return self._lost.is_set()

    def open(self) -> None:
        """Connect and sign in, within about ten seconds.

        Raises:
            DeliveryError: when that is not possible.
        """
        config, place = self._config, self._config.place
        try:
            if config.tls:
                self._client.tls_set_context(self._tls_context())
            port = config.port or (TLS_PORT if config.tls else PLAIN_PORT)
            self._client.connect(config.host, port, KEEP_ALIVE_S, properties=self._properties())
            self._client.loop_start()
        except (OSError, ValueError) as error:
            raise DeliveryError(f"{place} cannot be reached: {_words(error)}", retry=True) from None
        if not self._answered.wait(CONNECT_TIMEOUT_S):
            self.close()
            raise DeliveryError(f"{place} did not answer within {CONNECT_TIMEOUT_S:.0f} s", retry=True)
        if self._refusal is not None:
            self.close()
            raise DeliveryError(f"{place} refused the connection: {self._refusal}", retry=True)

    def subscribe(self, topics: Sequence[str]) -> None:
        """Ask for the messages of these topics, but for one's own."""
        if not self._is_version_5:
            self._client.subscribe([(topic, 1) for topic in topics])
            return
        from paho.mqtt.subscribeoptions import SubscribeOptions

        self._client.subscribe([(topic, SubscribeOptions(qos=1, noLocal=True)) for topic in topics])

    def unsubscribe(self, topics: Sequence[str]) -> None:
        """Ask for no more messages of these topics."""
        self._client.unsubscribe(list(topics))

    def send(self, messages: Sequence[tuple[str, bytes]], *, retain: bool) -> int:
        """Send messages in order and return when all are confirmed.

        Args:
            messages: topic and content of each; an empty content takes away what the broker keeps of it.
            retain: whether the broker is to keep the newest of each topic.

        Raises:
            DeliveryError: when some were not confirmed; its ``delivered`` says how many were, from the first.
        """
        sent = [self._client.publish(topic, content, qos=1, retain=retain) for topic, content in messages]
        deadline_s = time.monotonic() + CONFIRM_TIMEOUT_S
        for number, info in enumerate(sent):
            try:
                while not info.is_published():
                    if self.lost or time.monotonic() > deadline_s:
                        raise ConnectionError
                    info.wait_for_publish(WAIT_S)
            except (ConnectionError, RuntimeError, ValueError):  # the library's, where it could not even begin to send
                reason = "broke the connection" if time.monotonic() <= deadline_s else "confirms nothing"
                raise DeliveryError(f"{self._config.place} {reason}", retry=True, delivered=number) from None
        return len(sent)

    def close(self) -> None:
        """End it, without the broker telling others so; calling it twice is harmless."""
        self._client.disconnect()
        self._client.loop_stop()

    def _tls_context(self) -> ssl.SSLContext:
        config = self._config
        try:
            context = ssl.create_default_context(cafile=config.ca)
            if config.cert and config.key:
                context.load_cert_chain(config.cert, config.key, password=lambda: "")
        except (OSError, ValueError) as error:
            files = ", ".join(str(one) for one in (config.ca, config.cert, config.key) if one)
            raise DeliveryError(f"the certificates of mqtt ({files}) cannot be used: {error}", retry=True) from None
        return context

    def _properties(self) -> Any:
        if not self._is_version_5:
            return None
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        properties = Properties(PacketTypes.CONNECT)
        properties.MaximumPacketSize = MOST_RECEIVED_BYTES
        return properties

    def _connected(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._refusal = str(reason)
            self._lost.set()
        self._answered.set()

    def _disconnected(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if self._refusal is None and not self._answered.is_set():
            self._refusal = str(reason)
        self._lost.set()
        self._answered.set()

    def _received(self, _client: Any, _data: Any, message: Any) -> None:
        try:
            self._on_message(message.topic, bytes(message.payload), bool(message.retain))
        except Exception:  # whatever a stranger sends must not end the connection's thread
            _log.exception("a message of the broker")


def _client_id(config: MqttConfig) -> str:
    """Return a name that is the same after a restart, so that a broker lets go of the connection before."""
    machine = hashlib.sha1(socket.gethostname().encode()).hexdigest()[:8]
    return f"{slug(config.prefix)[:40]}-{machine}"


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted ({error.verify_message})"
    return str(getattr(error, "strerror", None) or error)
