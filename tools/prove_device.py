"""Proves in under ten minutes what StreamVision promises of this machine, and of its NVIDIA GPU where it has one.

    python tools/prove_device.py [--output DIR]

writes ``prove_device.html``, a page that can be sent with a bug report, and ``prove_device.json``. Each check passes,
fails or says what it would need. The exit code is 0 where all that can be tried is as promised, 1 where something is
not, 3 where nothing failed, but something of the NVIDIA GPU that is there could not be tried.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from streamvision.bench.device.command import main

if __name__ == "__main__":
    main()
