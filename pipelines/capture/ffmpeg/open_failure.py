"""What FFmpeg's errors mean: why a source could not be opened, in one sentence, and whether it may yet be."""

from __future__ import annotations

import errno
import socket

import av

from pipelines.capture.source import SourceSpec
from streamvision.core.addresses import split_user_info
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import SourceAbsentError, SourceError, SourceRefusedError
from streamvision.core.redaction import redact_outside

_DAMAGED = (av.error.InvalidDataError, av.error.EOFError, av.error.ArgumentError)
_BROKEN_OFF = (av.error.InvalidDataError, av.error.PermissionError)
"""FFmpeg's names of an answer of a camera that did not come, or cannot be read; the second after PLAY."""
_REFUSED = (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError)
_TRANSPORT_REPLIES = (av.error.HTTPBadRequestError, av.error.HTTPOtherClientError, av.error.HTTPServerError)
"""With these some cameras refuse a transport, in place of 461."""


def transport_refused(error: Exception) -> bool:
    """Say whether a camera may have refused TCP or UDP rather than the connection."""
    return getattr(error, "errno", None) == errno.EPROTONOSUPPORT or isinstance(error, _TRANSPORT_REPLIES)


def track_refused(error: Exception) -> bool:
    """Say whether a camera may have refused one of its tracks rather than the connection."""
    return transport_refused(error) or isinstance(error, av.error.InvalidDataError)


def open_failure(error: Exception, spec: SourceSpec, config: StreamConfig) -> SourceError:
    """Explain why a source could not be opened, and whether trying again could help."""
    shown = spec.safe_uri
    if isinstance(error, SourceError):
        return error
    if isinstance(error, _REFUSED):
        return refused(spec)
    if isinstance(error, av.error.HTTPNotFoundError):
        return not_served(shown)
    if spec.kind == "file":
        return SourceError(_file_fault(error, shown), permanent=True)
    if spec.kind == "pipe":
        damaged = isinstance(error, _DAMAGED)
        return unreadable_pipe(shown) if damaged else SourceError(_file_fault(error, shown), permanent=True)
    if spec.kind == "network" and isinstance(error, av.error.ProtocolNotFoundError):
        return SourceError(_protocol_fault(spec), permanent=True)
    if isinstance(error, av.error.ConnectionRefusedError):
        return SourceError(f"nothing listens at {shown}")
    if isinstance(error, (av.error.ExitError, av.error.TimeoutError)):  # its own name: "immediate exit requested"
        return SourceError(f"{shown} did not answer within {config.open_timeout_s:g} s")
    if spec.kind == "v4l2":
        return _camera_fault(error, spec)
    if spec.kind == "rtsp" and getattr(error, "errno", None) == errno.EPROTONOSUPPORT:
        return SourceError(_transport_fault(shown, config.rtsp_transport))
    if spec.kind == "rtsp" and isinstance(error, _BROKEN_OFF):
        return SourceError(
            f"{shown} closed the connection, or answers otherwise than a camera does; check the address, and whether "
            "the camera serves as many viewers"
        )
    if fault := name_fault(spec):
        return SourceError(fault)
    permanent = isinstance(error, (av.error.ProtocolNotFoundError, av.error.PermissionError))
    return SourceError(
        f"{shown} cannot be opened: {fault_text(error)}; check the address and the network", permanent=permanent
    )


def refused(spec: SourceSpec) -> SourceRefusedError:
    """Return the error of a server that takes no such user name or password, or wants some where none are given."""
    _, has_scheme, rest = spec.uri.partition("://")
    if has_scheme and split_user_info(rest).user_info is None:
        return SourceRefusedError(
            f"{spec.safe_uri} lets nobody in without a user name and password; write them into the address, in "
            "front of the host: the name, a colon, the password and an @"
        )
    return SourceRefusedError(f"{spec.safe_uri} refuses the user name or password; correct them in the source")


def not_served(shown: str) -> SourceAbsentError:
    """Return the error of a server that has no such path."""
    return SourceAbsentError(f"{shown} is not served there (404); correct the path of the source")


def name_fault(spec: SourceSpec) -> str | None:
    """Return what is wrong with the host's name; ``None`` where its address can be looked up."""
    if not isinstance(spec.endpoint, tuple):
        return None
    host, port = spec.endpoint
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return f"the address of host {host!r} cannot be looked up (DNS); check the name, or give the IP address"
    return None


def fault_text(error: Exception) -> str:
    """Return what FFmpeg says was wrong, without the URI."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return redact_outside(text[:1].lower() + text[1:])


def stopped_text(error: Exception, timeout_s: float) -> str:
    """Return why reading a file stopped; FFmpeg's own name of a time limit is "immediate exit requested"."""
    return f"nothing more came for {timeout_s:g} s" if isinstance(error, av.error.ExitError) else fault_text(error)


def _transport_fault(shown: str, transport: str) -> str:
    if transport == "auto":
        return f"{shown} takes RTP neither over TCP nor over UDP; check its settings"
    other = {"tcp": "udp", "udp": "tcp"}[transport]
    return f"{shown} refuses RTP over {transport.upper()}; set rtsp_transport (--rtsp-transport) to auto or {other}"


def _camera_fault(error: Exception, spec: SourceSpec) -> SourceError:
    if isinstance(error, av.error.FileNotFoundError):
        return SourceAbsentError(f"{spec.safe_uri} is no camera of this machine; plug it in, or give another device")
    return SourceError(f"camera {spec.safe_uri} cannot be opened: {fault_text(error)}; is it in use, or plugged out?")


def _protocol_fault(spec: SourceSpec) -> str:
    scheme = spec.uri.partition(":")[0]
    return (
        f"{spec.safe_uri} cannot be read: PyAV's FFmpeg was built without {scheme}; read it with a gst: source, or "
        "pipe it from an ffmpeg that has it: ffmpeg -i URL -c copy -f mpegts - | streamvision run --source -"
    )


def unreadable_pipe(shown: str) -> SourceError:
    """Return the error of a pipe that ended, and no frame of it could be decoded."""
    return SourceError(
        f"{shown} gives no video that can be read from beginning to end, as MP4 cannot whose index stands last; "
        "pipe MPEG-TS (-f mpegts), Matroska or fragmented MP4",
        permanent=True,
    )


def _file_fault(error: Exception, shown: str) -> str:
    if isinstance(error, _DAMAGED):
        return f"{shown} is no video, or its header is damaged or missing; give a file that FFmpeg can read"
    return f"{shown} cannot be opened: {fault_text(error)}"
