"""Frames of a WebSocket as such: whatever comes, it is a message, a goodbye or nothing, and memory is bounded."""

from __future__ import annotations

import asyncio
import random
import sys
from typing import Any, cast

import pytest
from wsproto.frame_protocol import FrameProtocol

from streamvision.web import websocket
from streamvision.web.websocket import MAX_FRAMES_S, MAX_MESSAGE, WebSocket, as_message


class Transport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written = bytearray()

    def write(self, data: bytes) -> None:
        self.written += data


def receive(*pieces: bytes) -> tuple[WebSocket, bytes]:
    async def run() -> tuple[WebSocket, bytes]:
        transport = Transport()
        socket = WebSocket(cast(Any, transport), unsent_bytes=lambda: 0)
        for piece in pieces:
            socket.receive(piece)
        return socket, bytes(transport.written)

    return asyncio.run(run())


def test_records_of_every_size_are_read_by_wsproto() -> None:
    for size in (0, 1, 125, 126, 127, 65535, 65536, 300_000):
        record = random.Random(size).randbytes(size)
        reader = FrameProtocol(client=True, extensions=[])
        reader.receive_bytes(as_message(record))
        frames = list(reader.received_frames())
        assert b"".join(bytes(cast(bytes, frame.payload)) for frame in frames) == record
        assert frames[-1].message_finished or size == 0


def test_random_bytes_end_it_and_nothing_else() -> None:
    chance = random.Random(3)
    for _ in range(2000):
        pieces = [chance.randbytes(chance.randrange(40)) for _ in range(4)]
        receive(*pieces)


def test_changed_bytes_of_real_frames_do_no_harm() -> None:
    chance = random.Random(5)
    for _ in range(1000):
        client = FrameProtocol(client=True, extensions=[])
        data = bytearray(client.send_data('{"streams":"gäte"}') + client.ping(b"x") + client.close(1000, "bye"))
        data[chance.randrange(len(data))] = chance.randrange(256)
        cut = chance.randrange(len(data))
        receive(bytes(data[:cut]), bytes(data[cut:]))


def test_a_message_that_never_ends_takes_no_memory() -> None:
    head = b"\x81\xff" + (1 << 40).to_bytes(8, "big") + b"\0\0\0\0"
    socket, written = receive(head, *[b"a" * 4096] * 64)
    assert socket.over.done() and written.startswith(b"\x88")
    held = sum(sys.getsizeof(part) for part in socket._parts) + len(socket._frames._frame_decoder.buffer)
    assert held < 2 * MAX_MESSAGE


def test_who_floods_it_with_frames_is_heard_no_more() -> None:
    socket, written = receive(*[b"\x89\x80\0\0\0\0" * 20_000] * 5)
    assert socket.over.done() and written.count(b"\x8a\0") == MAX_FRAMES_S
    assert b"send no more than" in written
    assert len(socket._frames._frame_decoder.buffer) < 200_000


def test_a_few_frames_now_and_then_are_no_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 0.0
    monkeypatch.setattr(websocket.time, "monotonic", lambda: now_s)

    async def run() -> bool:
        nonlocal now_s
        socket = WebSocket(cast(Any, Transport()), unsent_bytes=lambda: 0)
        for _ in range(10 * MAX_FRAMES_S):
            now_s += 1.1 / MAX_FRAMES_S
            socket.receive(b"\x89\x80\0\0\0\0")
        return socket.over.done()

    assert not asyncio.run(run())
