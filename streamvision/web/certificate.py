"""The certificate with which the page proves who it is, kept fresh while it serves."""

from __future__ import annotations

import hashlib
import logging
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from streamvision.core.errors import ConfigError

_log = logging.getLogger(__name__)

MAX_PEM_BYTES = 1024 * 1024
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)


@dataclass(frozen=True)
class CertificateFiles:
    """Where a certificate and its private key are, as PEM; both may stand in one file."""

    certificate: Path
    key: Path


class Certificate:
    """What TLS connections are begun with.

    Args:
        find: returns the files, and renews them where that is due; called at the start and now and then.

    Raises:
        ConfigError: when the files are not there, are damaged, or do not belong together.
    """

    def __init__(self, find: Callable[[], CertificateFiles]) -> None:
        self._find = find
        self._files = find()
        self._changed = _times_of(self._files)
        self.context = _context_of(self._files)
        """Gives each new connection the certificate as it is now."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as browsers show it."""
        der = ssl.PEM_cert_to_DER_cert(_blocks(_read(self._files.certificate), "CERTIFICATE")[0])
        return hashlib.sha256(der).digest().hex(":").upper()

    def refresh(self) -> None:
        """Take files that were replaced since; where they cannot be used, that is logged and the old ones go on."""
        try:
            files = self._find()
            changed = _times_of(files)
            if (files, changed) == (self._files, self._changed):
                return
            self._changed = changed
            _context_of(files)  # a context that half of a pair was loaded into serves nobody
            self.context.load_cert_chain(files.certificate, files.key, _no_password)
            self._files = files
            _log.warning("the certificate was read again; its SHA-256 fingerprint is %s", self.fingerprint)
        except (ConfigError, OSError) as error:
            _log.error("the certificate in use goes on, since the new one cannot be used: %s", error)


def _context_of(files: CertificateFiles) -> ssl.SSLContext:
    """Return what connections are begun with.

    Raises:
        ConfigError: when the files cannot be used.
    """
    for path, kind, example in (
        (files.certificate, "CERTIFICATE", "the chain, such as fullchain.pem"),
        (files.key, "PRIVATE KEY", "the key, such as privkey.pem"),
    ):
        if not (found := _blocks(_read(path), kind)):
            raise ConfigError(f"{path} holds no {kind.lower()} in PEM form; give {example}")
        if "ENCRYPTED" in found[0].partition("\n\n")[0]:
            raise ConfigError(
                f"the private key {path} has a password, which nobody could give at a restart; give one without, "
                f"made by openssl pkey -in {path} -out PLAIN.pem"
            )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(files.certificate, files.key, _no_password)
    except ssl.SSLError as error:
        reason = (error.reason or "").upper()
        if "MISMATCH" in reason:
            raise ConfigError(
                f"the private key {files.key} does not belong to the certificate {files.certificate}; give the two "
                "that were issued together"
            ) from error
        raise ConfigError(
            f"the certificate {files.certificate} with the key {files.key} cannot be used ({reason.lower() or error}); "
            "give PEM files as a certificate authority issues them"
        ) from error
    return context


def _no_password() -> str:
    """Keep OpenSSL from asking for one on the terminal."""
    return ""


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_PEM_BYTES:
            raise ConfigError(f"{path} is no certificate and no key: it has more than {MAX_PEM_BYTES} bytes")
        return path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; give an existing PEM file") from error


def _blocks(pem: str, kind: str) -> list[str]:
    return [block[0] for block in _BLOCK.finditer(pem) if block[1].endswith(kind)]


def _times_of(files: CertificateFiles) -> tuple[int, ...]:
    try:
        return tuple(path.stat().st_mtime_ns for path in (files.certificate, files.key))
    except OSError:
        return ()
