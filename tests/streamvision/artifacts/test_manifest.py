"""What a manifest may say, and what is refused of one though it is signed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streamvision.artifacts.errors import ArtifactError
from streamvision.artifacts.manifest import MAX_MANIFEST_BYTES, Artifact, Manifest, ManifestAddress

FILE = {"name": "signs.onnx", "sha256": "ab" * 32, "size_bytes": 10}


def document(**changes: Any) -> dict[str, Any]:
    models = {"default": {"files": [FILE], "number": 1}}
    return {"format": 1, "channel": "stable", "number": 1, "created_unix_s": 1.0, "models": models, **changes}


def with_file(*files: dict[str, Any]) -> dict[str, Any]:
    return document(models={"default": {"files": list(files), "number": 1}})


def parsed(given: Any) -> Manifest:
    return Manifest.from_json(json.dumps(given).encode())


def test_what_is_written_is_read_again() -> None:
    manifest = parsed(with_file({**FILE, "name": "signs.xml"}, {**FILE, "name": "signs.bin"}))
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert manifest.models["default"].format == "xml"
    assert manifest.models["default"].size_bytes == 20


def test_what_a_later_version_adds_is_passed_over() -> None:
    assert parsed(document(later={"x": 1})).number == 1


@pytest.mark.parametrize(
    "name",
    [
        "../signs.onnx",
        "/etc/signs.onnx",
        "a/signs.onnx",
        "..",
        ".signs.onnx",
        "a\\signs.onnx",
        "signs\0.onnx",
        "signs\n.onnx",
        "x" * 200 + ".onnx",
        "",
        "ſigns.onnx",
        "signs.pt",
        "signs.pkl",
        "signs.npy",
        "signs.py",
        "signs",
        "signs.so",
        "signs.zip",
    ],
)
def test_names_lead_nowhere_and_hold_no_code(name: str) -> None:
    with pytest.raises(ArtifactError):
        parsed(with_file({**FILE, "name": name}))
    with pytest.raises(ArtifactError):
        parsed(with_file(FILE, {**FILE, "name": name.replace(".onnx", ".bin")}))


@pytest.mark.parametrize(
    "given",
    [
        [],
        "manifest",
        document(format=2),
        document(channel="../x"),
        document(number=0),
        document(number=-3),
        document(number=1 << 60),
        document(number="a"),
        document(created_unix_s=1e300),
        document(models={"../x": {"files": [FILE], "number": 1}}),
        document(models={f"m{n}": {"files": [FILE], "number": 1} for n in range(65)}),
        with_file(),
        with_file(FILE, FILE),
        with_file(FILE, {**FILE, "name": "SIGNS.ONNX"}),
        with_file(*({**FILE, "name": "m.onnx"}, *({**FILE, "name": f"{n}.bin"} for n in range(16)))),
        with_file({**FILE, "size_bytes": 0}),
        with_file({**FILE, "size_bytes": 1 << 50}),
        with_file({**FILE, "sha256": "AB" * 32}),
        with_file({**FILE, "sha256": "../../etc/passwd"}),
        {key: value for key, value in document().items() if key != "models"},
    ],
)
def test_what_is_no_manifest_is_a_sentence(given: Any) -> None:
    with pytest.raises(ArtifactError) as caught:
        parsed(given)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{", b"[" * 100_000, b'{"number": ' + b"9" * 5000 + b"}"])
def test_what_is_no_json_is_a_sentence(content: bytes) -> None:
    with pytest.raises(ArtifactError):
        Manifest.from_json(content)


def test_a_later_format_says_what_to_do() -> None:
    with pytest.raises(ArtifactError, match="its format is 2, and this version reads 1; install a newer one"):
        parsed(document(format=2))


def test_the_id_of_a_model_is_that_of_its_files_and_their_names() -> None:
    def artifact(**changes: Any) -> Artifact:
        return Artifact.model_validate({"files": [{**FILE, **changes}], "number": 1})

    assert artifact().id == artifact().id
    assert artifact().id == artifact().model_copy(update={"number": 2}).id
    assert len({artifact().id, artifact(name="other.onnx").id, artifact(sha256="cd" * 32).id}) == 3


@pytest.mark.parametrize(
    "comment",
    [
        "",
        "timestamp:1",
        "streamvision manifest sha256:" + "a" * 63 + " size:5",
        "streamvision manifest sha256:../../x size:5",
        "streamvision manifest sha256:" + "a" * 64 + f" size:{MAX_MANIFEST_BYTES + 1}",
        "streamvision manifest sha256:" + "a" * 64 + " size:0",
        "streamvision manifest sha256:" + "a" * 64 + " size:" + "9" * 4000,
    ],
)
def test_a_comment_that_names_no_manifest_is_a_sentence(comment: str) -> None:
    with pytest.raises(ArtifactError):
        ManifestAddress.from_comment(comment)


def test_a_comment_names_a_manifest() -> None:
    address = ManifestAddress.of(b"manifest")
    assert ManifestAddress.from_comment(address.comment) == address
