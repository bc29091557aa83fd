"""A certificate that the page makes for itself: it encrypts, and people compare its fingerprint once."""

from __future__ import annotations

import datetime
import ipaddress
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from streamvision.core.errors import MissingDependencyError
from streamvision.core.files import write_whole, writing
from streamvision.web.certificate import CertificateFiles

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

FOLDER = "tls"
FILE = "self-signed.pem"
VALID_DAYS = 825
"""Longest that Apple's devices take from a certificate which its owner trusts by hand."""
RENEW_DAYS = 30
"""So long before its end a new one is made."""


def self_signed(state_folder: Path, names: Iterable[str] = ()) -> CertificateFiles:
    """Return the certificate that is kept in the state folder; a new one is made where it is due, with the same key.

    It is due where there is none, where it ends soon, and where it lacks one of the names.

    Args:
        state_folder: where what lasts is kept.
        names: names and addresses under which the page is opened, beside this machine's own.

    Raises:
        MissingDependencyError: when the package cryptography is not installed.
        OutputError: when it cannot be written.
    """
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            "a certificate of its own needs the package cryptography: pip install 'streamvision-edge[tls]'"
        ) from error
    path = state_folder / FOLDER / FILE
    found = _load(path)
    if found is None or _is_due(found[1], set(names)):
        _save(path, found[0] if found else _new_key(), set(names) | _own_names())
    return CertificateFiles(path, path)


def _load(path: Path) -> tuple[EllipticCurvePrivateKey, x509.Certificate] | None:
    """Return key and certificate of a file; ``None`` where it is not there, or damaged."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        pem = path.read_bytes()
        key, certificate = load_pem_private_key(pem, None), x509.load_pem_x509_certificate(pem)
    except (OSError, ValueError, TypeError):
        return None
    return (key, certificate) if isinstance(key, EllipticCurvePrivateKey) else None


def _is_due(certificate: x509.Certificate, names: set[str]) -> bool:
    from cryptography import x509

    left = certificate.not_valid_after_utc - _now()
    known = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    have = {*known.get_values_for_type(x509.DNSName), *map(str, known.get_values_for_type(x509.IPAddress))}
    return left < datetime.timedelta(days=RENEW_DAYS) or not {_spelled(name) for name in names} <= have


def _new_key() -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _save(path: Path, key: EllipticCurvePrivateKey, names: set[str]) -> None:
    """Write key and certificate as one file, which is there whole or not at all."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    certificate = _signed(key, sorted({_spelled(name) for name in names}))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    with writing(path.parent, instead="give another state folder with --state DIR"):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(path, pem, mode=0o600)


def _signed(key: EllipticCurvePrivateKey, names: list[str]) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"StreamVision on {socket.gethostname()}"[:64])])
    alternatives = [x509.IPAddress(ip) if (ip := _address(one)) else x509.DNSName(one) for one in names]
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() - datetime.timedelta(days=1))
        .not_valid_after(_now() + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )


def _own_names() -> set[str]:
    own = socket.gethostname()
    names = {own, f"{own.partition('.')[0]}.local", "localhost", "127.0.0.1", "::1"}
    with suppress(OSError):
        names |= {str(found[4][0]) for found in socket.getaddrinfo(own, None)}
    return {name for name in names if _address(name) or _is_dns_name(name)}


def _spelled(name: str) -> str:
    address = _address(name)
    return str(address) if address else name.lower().rstrip(".")


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name.strip("[]").partition("%")[0])
    except ValueError:
        return None


def _is_dns_name(name: str) -> bool:
    return name.isascii() and 0 < len(name) <= 253 and all(part.replace("-", "").isalnum() for part in name.split("."))


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)
