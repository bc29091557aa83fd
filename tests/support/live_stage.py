"""A live picture on a blank page, which is given records as if a server sent them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.module_page import ModulePage

_STAGE = Path(__file__).with_suffix(".js")


def staged(modules: ModulePage, script: str, **given: Any) -> dict[str, Any]:
    """Return what a script returns that has ``live``, ``play``, ``shown``, ``told`` and the like at hand."""
    return modules.run(f"{_STAGE.read_text(encoding='utf-8')}\n{script}", given)  # type: ignore[no-any-return]
