"""What the audit says of the present request beside who made it and where to: from the view that knows it."""

from __future__ import annotations

from typing import Any

from flask import g


def audit_details(**details: Any) -> None:
    """Let the audit's line of the present request have these details; never a secret."""
    g.audit_details = {**noted_details(), **details}


def noted_details() -> dict[str, Any]:
    """Return what was noted of the present request."""
    noted: dict[str, Any] = g.get("audit_details", {})
    return noted
