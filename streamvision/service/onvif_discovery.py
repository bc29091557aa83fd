"""Which ONVIF cameras there are: a probe of WS-Discovery 1.1 over multicast (ONVIF Core Specification, 7.3).

Whoever is on the network may answer, so that an answer counts for its sender alone: another machine's address is no
camera.
"""

from __future__ import annotations

import fcntl
import select
import socket
import struct
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

from streamvision.core.control import OnvifDevice
from streamvision.core.errors import SourceError
from streamvision.core.reading import UnreadableError, parse_xml
from streamvision.core.redaction import printable

GROUP = ("239.255.255.250", 3702)
"""Multicast address and port of WS-Discovery."""
WAIT_S = 3.0
"""For how long answers are taken."""
REPEATS_S = (0.0, 0.5)
"""When the question is sent: datagrams get lost."""
MAX_DEVICES = 256
MAX_DATAGRAMS = 2048
MAX_DATAGRAM_BYTES = 65_507
MAX_NAME = 100
_DISCOVERY = "{http://schemas.xmlsoap.org/ws/2005/04/discovery}"
_SCOPE = "onvif://www.onvif.org/"
_INTERFACE_ADDRESS = 0x8915
"""SIOCGIFADDR (man 7 netdevice)."""
_PROBE = """<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:n="http://www.onvif.org/ver10/network/wsdl"><s:Header>
<a:MessageID>urn:uuid:{message_id}</a:MessageID><a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>
<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action></s:Header>
<s:Body><d:Probe><d:Types>n:NetworkVideoTransmitter</d:Types></d:Probe></s:Body></s:Envelope>"""


def discover(wait_s: float = WAIT_S) -> list[OnvifDevice]:
    """Ask on every interface which cameras there are, and return those that answer in time, by their addresses.

    Raises:
        SourceError: when the question cannot be sent on any interface.
    """
    found: dict[str, OnvifDevice] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setblocking(False)
        asking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        for content, sender in _answers(asking, wait_s):
            for device in devices_of(content, sender):
                if len(found) < MAX_DEVICES:
                    found.setdefault(device.address, device)
    return sorted(found.values(), key=lambda device: device.address)


def _answers(asking: socket.socket, wait_s: float) -> Iterator[tuple[bytes, str]]:
    """Yield what comes in time, and from where."""
    begin_s = time.monotonic()
    question = _PROBE.format(message_id=uuid.uuid4()).encode()
    due_s = [begin_s + repeat_s for repeat_s in REPEATS_S]
    coming = select.poll()  # select() itself takes no file beyond the 1024th
    coming.register(asking, select.POLLIN)
    for _ in range(MAX_DATAGRAMS):
        now_s = time.monotonic()
        while due_s and due_s[0] <= now_s:
            due_s.pop(0)
            _ask(asking, question)
        end_s = min([begin_s + wait_s, *due_s])
        if not coming.poll(max(end_s - now_s, 0.0) * 1000):
            if time.monotonic() >= begin_s + wait_s:
                return
            continue
        with suppress(OSError):
            content, sender = asking.recvfrom(MAX_DATAGRAM_BYTES)
            yield content, sender[0]


def _ask(asking: socket.socket, question: bytes) -> None:
    sent = 0
    for index, name in socket.if_nameindex():
        with suppress(OSError):  # it has no address, or is down
            request = struct.pack("256s", name.encode()[:15])
            own_address = fcntl.ioctl(asking.fileno(), _INTERFACE_ADDRESS, request)[20:24]
            member = struct.pack("=4s4si", socket.inet_aton(GROUP[0]), own_address, index)
            asking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, member)
            asking.sendto(question, GROUP)
            sent += 1
    if not sent:
        raise SourceError("cameras cannot be looked for: no network interface of this machine takes multicast")


def devices_of(content: bytes, sender: str) -> Iterator[OnvifDevice]:
    """Yield the cameras of an answer.

    Args:
        content: a datagram that anybody may have sent.
        sender: the address that it came from.
    """
    try:
        root = parse_xml(content)
    except UnreadableError:
        return
    for match in root.iter(f"{_DISCOVERY}ProbeMatch"):
        addresses = (match.findtext(f"{_DISCOVERY}XAddrs") or "").split()
        services = [service for address in addresses if (service := _service_at(address, sender))]
        if services:
            yield OnvifDevice(services[0], _scope(match, "name"), _scope(match, "hardware"))


def _service_at(address: str, sender: str) -> str | None:
    """Return the HTTP address of a service on the machine that has answered; ``None`` where it is none."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or parts.hostname != sender:
        return None
    return f"{parts.scheme}://{sender}{f':{port}' if port else ''}{parts.path[:200]}"


def _scope(match: ElementTree.Element, kind: str) -> str:
    """Return what a camera says of itself, as one line."""
    begin = f"{_SCOPE}{kind}/"
    scopes = (match.findtext(f"{_DISCOVERY}Scopes") or "").split()
    said = next((scope[len(begin) :] for scope in scopes if scope.lower().startswith(begin)), "")
    return printable(unquote(said)[:MAX_NAME])
