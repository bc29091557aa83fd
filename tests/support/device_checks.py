"""Checks of a device that end in every way in which a real one may."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from streamvision.bench.device.finding import Finding, NotTriedError, Settings
from streamvision.core.errors import ModelError


def passes(settings: Settings) -> Finding:
    return Finding("passed", "as promised", {"fps": 25.0})


def fails(settings: Settings) -> Finding:
    print("the last words of a check that fails, from /home/ann/secret/model.onnx", flush=True)
    return Finding("failed", "two objects are missing")


def cannot(settings: Settings) -> Finding:
    raise NotTriedError("there is no such device")


def refuses(settings: Settings) -> Finding:
    raise ModelError("the file is damaged; give another")


def raises(settings: Settings) -> Finding:
    raise RuntimeError("the driver says\nno")


def crashes(settings: Settings) -> Finding:
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError


def leaves_silently(settings: Settings) -> Finding:
    os._exit(0)


def hangs(settings: Settings) -> Finding:
    """Hang, with a child that holds the output open."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    Path(settings.work, "grandchild").write_text(str(child.pid))
    time.sleep(3600)
    raise AssertionError


def floods(settings: Settings) -> Finding:
    for _ in range(2000):
        print("x" * 1000)
    return Finding("failed", "it was loud")
