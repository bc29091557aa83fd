"""Bytes that are sent to many from one place in memory."""

from __future__ import annotations

import gc
import os
import socket
import sys
from pathlib import Path

import pytest

from streamvision.web.link import as_chunk
from streamvision.web.shared_bytes import SharedBytes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no files without a name")


def test_everybody_gets_the_same_and_nobody_more_than_there_is_room_for() -> None:
    data = SharedBytes(os.urandom(4 << 20))
    for _ in range(2):
        near, far = socket.socketpair()
        with near, far:
            near.setblocking(False)
            sent = data.send(near)
            assert 0 < sent < len(data)
            assert data.send(near) == 0
            assert far.recv(sent, socket.MSG_WAITALL) == data[:sent]


def test_a_connection_that_has_gone_takes_nothing() -> None:
    data = SharedBytes(b"picture")
    near, far = socket.socketpair()
    far.close()
    assert data.send(near) == 0
    near.close()
    assert data.send(near) == 0


def test_no_file_stays_open_behind_bytes_that_are_forgotten() -> None:
    near, far = socket.socketpair()
    with near, far:
        gc.collect()
        before = _open_files()
        for _ in range(20):
            assert SharedBytes(b"picture").send(near) == 7
            chunk = as_chunk(SharedBytes(b"picture"))
            assert isinstance(chunk, SharedBytes) and chunk == b"7\r\npicture\r\n"
            assert chunk.send(near) == len(chunk)
        del chunk
        assert _open_files() == before


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
