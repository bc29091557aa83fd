"""Signatures of manifests: minisign's (Ed25519), by its author's library. They need neither a network nor a clock."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamvision.artifacts.errors import ArtifactError, SignatureError
from streamvision.core.errors import ConfigError, MissingDependencyError
from streamvision.core.install import install_command
from streamvision.core.reading import UnreadableError, read_text
from streamvision.core.redaction import short

if TYPE_CHECKING:
    import minisign

_MAX_KEY_BYTES = 4096


class PublicKeys:
    """Keys whose signatures are believed.

    Args:
        texts: each the line of a public key in base64, or the two lines of a ``.pub`` file.

    Raises:
        ConfigError: when one is none.
        MissingDependencyError: when the library is not installed.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._keys = [_public_key(text) for text in texts]

    @property
    def ids(self) -> frozenset[str]:
        """What minisign's tools print of them."""
        return frozenset(map(key_id, self._keys))

    def check(self, content: bytes, signature: bytes) -> None:
        """Check that one of the keys has signed bytes, and the signature's trusted comment.

        Raises:
            SignatureError: when none has.
            ArtifactError: when it is no signature.
        """
        library, found = _library(), _signature(signature)
        for key in self._keys:
            try:
                key.verify(content, found)
                return
            except library.VerifyError:
                continue
        raise SignatureError(
            f"the manifest is signed by the key {key_id(found)}, or was changed since; trusted are: "
            f"{', '.join(key_id(key) for key in self._keys)}; sign it with one of these, or set public_key to its key"
        )


def signature_comment(signature: bytes) -> str:
    """Return the trusted comment of a signature that is yet to be checked.

    Raises:
        ArtifactError: when it is no signature.
        MissingDependencyError: when the library is not installed.
    """
    comment: str = _signature(signature).trusted_comment
    return comment


def signature_key_id(signature: bytes) -> str:
    """Return by which key a signature says that it is, which is yet to be checked.

    Raises:
        ArtifactError: when it is no signature.
    """
    return key_id(_signature(signature))


def key_id(of: minisign.PublicKey | minisign.Signature) -> str:
    """Return what a public key or a signature says of its key, as minisign's tools print it."""
    coded = bytes(of).splitlines()[1]  # algorithm (2 bytes), number of the key (8 bytes, the lowest first), and more
    return b64decode(coded)[2:10][::-1].hex().upper()


def new_keys(password: str | None) -> tuple[bytes, bytes]:
    """Return the files of a new secret key and its public key; without a password the secret is written as it is."""
    pair = _library().KeyPair.generate()
    public = bytes(pair.public_key) + b"\n"
    with pair.secret_key as secret:
        if password is not None:
            secret.encrypt(password)
        return bytes(secret) + b"\n", public


def _public_key(text: str) -> minisign.PublicKey:
    lines = [line for line in text.strip().split("\n") if line]
    try:
        key: minisign.PublicKey = _library().PublicKey.from_base64(lines[-1].strip() if lines else "")
    except ValueError as error:
        raise ConfigError(
            f"{short(text)!r} is no public key of minisign ({error}); give the last line of the .pub file, which "
            "begins with RW"
        ) from None
    return key


class Signer:
    """Signs with a secret key.

    Args:
        path: the key's file, of ours or of minisign.
        ask_password: returns its password, where it has one.

    Raises:
        ConfigError: when the file holds no such key, or the password is wrong.
        MissingDependencyError: when the library is not installed.
    """

    def __init__(self, path: Path, ask_password: Callable[[], str]) -> None:
        library = _library()
        try:
            self._key = library.SecretKey.from_bytes(read_text(path, limit=_MAX_KEY_BYTES).encode())
            if self._key.is_encrypted():
                self._key.decrypt(ask_password())
        except UnreadableError as error:
            raise ConfigError(
                f"the key {path} {error}; give the file that streamvision artifacts keygen wrote"
            ) from None
        except ValueError as error:
            raise ConfigError(f"the key {path} cannot be used: {error}; give a secret key of minisign") from None
        self.public_key: str = self._key.get_public_key().to_base64().decode()
        """Its public key, as :class:`PublicKeys` takes it."""

    def sign(self, content: bytes, comment: str) -> bytes:
        """Return the signature of bytes, with a trusted comment that is signed, too."""
        return bytes(self._key.sign(content, trusted_comment=comment)) + b"\n"


def _signature(content: bytes) -> minisign.Signature:
    library = _library()
    try:
        return library.Signature.from_bytes(content)
    except ValueError as error:
        raise ArtifactError(f"the signature is none of minisign's ({error}); publish the channel again") from None


def _library() -> Any:
    try:
        import minisign
    except ImportError as error:
        raise MissingDependencyError(
            f"signatures of models are checked by py-minisign, which is not installed: {install_command('fleet')}"
        ) from error
    if not hasattr(minisign, "PublicKey"):
        raise MissingDependencyError(
            f"the package minisign that is installed is another's: pip uninstall minisign, {install_command('fleet')}"
        )
    return minisign
