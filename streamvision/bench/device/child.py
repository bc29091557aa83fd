"""The process of one check: ``python -m streamvision.bench.device.child MODULE:FUNCTION SETTINGS RESULT.json``."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

from streamvision.bench.device.finding import Finding, NotTriedError, Settings
from streamvision.core.errors import MissingDependencyError, StreamVisionError


def main(arguments: list[str]) -> None:
    """Run the check and write what it found."""
    function, settings, result = arguments
    finding = _found(function, Settings.from_json(settings))
    document = {"outcome": finding.outcome, "why": _one_line(finding.why), "figures": finding.figures}
    written = Path(f"{result}.part")
    written.write_text(json.dumps(document), encoding="utf-8")
    written.replace(result)


def _found(function: str, settings: Settings) -> Finding:
    module, _, name = function.partition(":")
    try:
        check: Any = getattr(importlib.import_module(module), name)
        found: Finding = check(settings)
        return found
    except (NotTriedError, MissingDependencyError) as error:
        return Finding("not tried", str(error))
    except StreamVisionError as error:
        return Finding("failed", str(error))
    except Exception as error:  # a driver's package raises whatever it likes
        return Finding("failed", f"{type(error).__name__}: {error}")


def _one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    main(sys.argv[1:])
