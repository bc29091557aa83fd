"""The process of ``bench formats`` with a model whose runtime crashes: every file that is named so."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from streamvision.bench.formats.child import main

if __name__ == "__main__":
    if Path(json.loads(Path(sys.argv[1]).read_text())["model"]).name.startswith("crashing"):
        os.kill(os.getpid(), signal.SIGSEGV)
    main(sys.argv[1:])
