"""Signatures: ours and minisign's own, each checked by the other."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from streamvision.artifacts.errors import ArtifactError, SignatureError
from streamvision.artifacts.signing import PublicKeys, Signer, key_id, new_keys, signature_comment
from streamvision.core.errors import ConfigError
from support.artifact_stores import Publisher


def signer_of(folder: Path, password: str | None = None) -> tuple[Signer, bytes]:
    secret, public = new_keys(password)
    folder.mkdir(exist_ok=True)
    (folder / "key").write_bytes(secret)
    return Signer(folder / "key", lambda: password or ""), public


def test_a_signature_is_right_for_its_content_and_comment_alone(tmp_path: Path) -> None:
    signer, public = signer_of(tmp_path)
    signature = signer.sign(b"content", "comment")
    keys = PublicKeys([public.decode()])
    keys.check(b"content", signature)
    assert signature_comment(signature) == "comment"
    for content, changed in (
        (b"another", signature),
        (b"content", signature.replace(b"trusted comment: comment", b"trusted comment: another")),
    ):
        with pytest.raises(SignatureError):
            keys.check(content, changed)


def test_one_of_several_keys_is_enough_and_another_is_not(tmp_path: Path) -> None:
    old, old_public = signer_of(tmp_path / "old")
    new, new_public = signer_of(tmp_path / "new")
    both = PublicKeys([old_public.decode(), new_public.decode()])
    for signer in (old, new):
        both.check(b"content", signer.sign(b"content", "comment"))
    with pytest.raises(SignatureError) as caught:
        PublicKeys([new.public_key]).check(b"content", old.sign(b"content", "comment"))
    assert key_id_of(old_public) in str(caught.value)
    assert key_id_of(new_public) in str(caught.value)


def key_id_of(public: bytes) -> str:
    import minisign

    return key_id(minisign.PublicKey.from_bytes(public))


def test_a_password_opens_the_key_and_another_does_not(tmp_path: Path) -> None:
    signer, public = signer_of(tmp_path, password="correct horse")
    PublicKeys([public.decode()]).check(b"x", signer.sign(b"x", "comment"))
    with pytest.raises(ConfigError, match="wrong password"):
        Signer(tmp_path / "key", lambda: "battery staple")


@pytest.mark.parametrize(
    "signature", [b"", b"\n\n\n\n", b"untrusted comment: x\nAAAA\ntrusted comment: y\nAAAA\n", b"\xff" * 300]
)
def test_what_is_no_signature_is_a_sentence(signature: bytes, publisher: Publisher) -> None:
    with pytest.raises(ArtifactError):
        PublicKeys([publisher.public_key]).check(b"x", signature)


@pytest.mark.parametrize("text", ["", "RW", "password", "RWQ" + "A" * 40, "untrusted comment: x\nnothing"])
def test_what_is_no_public_key_is_a_sentence(text: str) -> None:
    with pytest.raises(ConfigError):
        PublicKeys([text])


def test_a_key_file_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hello")
    for path in (tmp_path / "key", tmp_path / "nothing", tmp_path):
        with pytest.raises(ConfigError):
            Signer(path, lambda: "")


def test_minisign_and_this_check_each_other(tmp_path: Path) -> None:
    program = shutil.which("minisign")
    if program is None:
        pytest.skip("minisign is not installed: apt-get install minisign")
    signer, public = signer_of(tmp_path)
    (tmp_path / "content").write_bytes(b"content")
    (tmp_path / "content.minisig").write_bytes(signer.sign(b"content", "a comment"))
    (tmp_path / "pub").write_bytes(public)
    theirs = [program, "-Vm", "content", "-p", "pub"]
    done = subprocess.run(theirs, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "a comment" in done.stdout

    made = [program, "-GW", "-p", "their.pub", "-s", "their.key"]
    subprocess.run(made, cwd=tmp_path, check=True, timeout=60, stdout=subprocess.DEVNULL)
    signed = [program, "-Sm", "content", "-s", "their.key", "-x", "their.minisig", "-t", "their comment"]
    subprocess.run(signed, cwd=tmp_path, check=True, timeout=60, stdout=subprocess.DEVNULL)
    PublicKeys([(tmp_path / "their.pub").read_text()]).check(b"content", (tmp_path / "their.minisig").read_bytes())
    theirs_signed = Signer(tmp_path / "their.key", lambda: "").sign(b"content", "ours")
    PublicKeys([(tmp_path / "their.pub").read_text()]).check(b"content", theirs_signed)
