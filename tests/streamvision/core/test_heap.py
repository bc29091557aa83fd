"""Heaps of glibc that threads share: what is asked for reaches the C library, in a process of its own."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from streamvision.core.heap import ARENAS

PROGRAM = """
import ctypes, sys, threading
from streamvision.core.heap import limit_arenas
print(limit_arenas())
library = ctypes.CDLL(None)
library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
library.fopen.restype, library.fopen.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_char_p]
library.malloc_info.argtypes, library.fclose.argtypes = [ctypes.c_int, ctypes.c_void_p], [ctypes.c_void_p]
all_here = threading.Barrier(8)
def work():
    library.malloc(5000)
    all_here.wait(60)
threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
stream = library.fopen(sys.argv[1].encode(), b"w")
library.malloc_info(0, stream)
library.fclose(stream)
"""

pytestmark = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="the C library is not glibc"
)


def heaps(folder: Path, **environment: str) -> tuple[bool, int]:
    """Return whether the number of heaps was limited, and how many eight threads have taken."""
    file = folder / "heaps.xml"
    inherited = {key: value for key, value in os.environ.items() if key not in ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES")}
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(file)],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return ran.stdout.strip() == "True", file.read_text().count("<heap nr=")


def test_threads_share_two_heaps(tmp_path: Path) -> None:
    was_limited, count = heaps(tmp_path)
    assert was_limited
    assert count == ARENAS


@pytest.mark.parametrize(
    "environment",
    [{"MALLOC_ARENA_MAX": "5"}, {"GLIBC_TUNABLES": "glibc.malloc.arena_max=5"}],
    ids=["variable", "tunable"],
)
def test_who_has_set_a_number_has_that(tmp_path: Path, environment: dict[str, str]) -> None:
    was_limited, count = heaps(tmp_path, **environment)
    assert not was_limited
    assert ARENAS < count <= 5
