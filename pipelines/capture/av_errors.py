"""FFmpeg's errors in one sentence each, without the passwords that their texts carry."""

from __future__ import annotations

import av

from pipelines.capture.source import SourceSpec
from streamvision.core.errors import SourceError
from streamvision.core.redaction import redact

_DAMAGED = (av.error.InvalidDataError, av.error.EOFError)
_REFUSED = (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError)


def open_failure(error: Exception, spec: SourceSpec, *, waited_s: float, open_timeout_s: float) -> SourceError:
    """Explain why a source could not be opened, and whether trying again could help."""
    shown = spec.safe_uri
    if isinstance(error, _REFUSED):
        return SourceError(f"{shown} refuses the user name or password; correct them in the source", permanent=True)
    if isinstance(error, av.error.HTTPNotFoundError):
        return SourceError(f"{shown} is not served there (404); correct the path of the source", permanent=True)
    if spec.kind == "file":
        return SourceError(_file_fault(error, shown), permanent=True)
    if isinstance(error, av.error.ConnectionRefusedError):
        return SourceError(f"nothing listens at {shown}")
    if waited_s >= open_timeout_s:
        return SourceError(f"{shown} did not answer within {open_timeout_s:g} s")
    if spec.kind == "v4l2":
        return SourceError(f"camera {shown} cannot be opened: {fault_text(error)}; is it in use, or plugged out?")
    permanent = isinstance(error, (av.error.ProtocolNotFoundError, av.error.PermissionError))
    return SourceError(
        f"{shown} cannot be opened: {fault_text(error)}; check the address and the network", permanent=permanent
    )


def fault_text(error: Exception) -> str:
    """Return what FFmpeg says was wrong, without the URI."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return redact(text[:1].lower() + text[1:])


def _file_fault(error: Exception, shown: str) -> str:
    if isinstance(error, _DAMAGED):
        return f"{shown} is no video, or its header is damaged or missing; give a file that FFmpeg can read"
    return f"{shown} cannot be opened: {fault_text(error)}"
