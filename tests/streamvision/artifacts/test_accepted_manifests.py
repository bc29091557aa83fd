"""Which manifests of a store are taken: the newest one that a trusted key has signed, whatever else lies there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streamvision.artifacts.cache import Cache
from streamvision.artifacts.errors import ArtifactError, SignatureError
from streamvision.artifacts.manifest import MAX_MANIFEST_BYTES, MAX_SIGNATURE_BYTES, Manifest, channel_key
from streamvision.artifacts.pulling import pull_manifest
from streamvision.artifacts.signing import PublicKeys
from support.artifact_stores import Publisher, random_model


def test_a_manifest_that_is_not_signed_by_a_trusted_key_is_not_taken(
    publisher: Publisher, cache: Cache, model: Path, tmp_path: Path
) -> None:
    stranger = Publisher(tmp_path / "stranger", publisher.store)
    stranger.push({"default": model})
    with pytest.raises(SignatureError):
        pull_manifest(publisher.source(), cache)
    assert cache.accepted("stable", publisher.source().keys) is None
    assert not list((cache.folder / "manifests").iterdir())


def test_a_manifest_that_was_changed_is_not_taken(publisher: Publisher, cache: Cache, model: Path) -> None:
    published = publisher.push({"default": model})
    (path,) = (Path(publisher.store.place) / "manifests").iterdir()
    path.write_bytes(path.read_bytes().replace(b'"number": 1', b'"number": 9'))
    with pytest.raises(ArtifactError, match="is not the file that the channel's signature names"):
        pull_manifest(publisher.source(), cache)
    path.write_bytes(published.to_json())
    assert pull_manifest(publisher.source(), cache).manifest == published


def superseded(publisher: Publisher, model: Path, folder: Path) -> tuple[Path, bytes, Manifest]:
    """Publish twice; return the channel's signature, what was in it the first time, and the second manifest."""
    publisher.push({"default": model})
    signature = Path(publisher.store.place) / channel_key("stable")
    old = signature.read_bytes()
    return signature, old, publisher.push({"default": random_model(folder / "new.onnx")})


def test_an_old_manifest_that_is_served_again_is_not_taken(
    publisher: Publisher, cache: Cache, model: Path, tmp_path: Path
) -> None:
    signature, old, newer = superseded(publisher, model, tmp_path)
    assert pull_manifest(publisher.source(), cache).manifest == newer
    signature.write_bytes(old)
    with pytest.raises(ArtifactError, match="gives manifest 1 of the channel stable, but 2 was accepted before"):
        pull_manifest(publisher.source(), cache)
    found = cache.accepted("stable", publisher.source().keys)
    assert found is not None
    assert found.manifest == newer


def test_an_old_manifest_is_not_taken_though_the_newest_one_is_damaged_here(
    publisher: Publisher, cache: Cache, model: Path, tmp_path: Path
) -> None:
    signature, old, newer = superseded(publisher, model, tmp_path)
    pull_manifest(publisher.source(), cache)
    newest = signature.read_bytes()
    (kept,) = (cache.folder / "manifests").iterdir()
    kept.write_bytes(b"")
    signature.write_bytes(old)
    with pytest.raises(ArtifactError, match="gives manifest 1 of the channel stable, but 2 was accepted before"):
        pull_manifest(publisher.source(), cache)
    signature.write_bytes(newest)
    assert pull_manifest(publisher.source(), cache).manifest == newer, "the damaged one is fetched again"


def test_two_manifests_of_one_number_are_told_apart(publisher: Publisher, cache: Cache, model: Path) -> None:
    first = publisher.push({"default": model})
    pull_manifest(publisher.source(), cache)
    publisher.put(first.model_copy(update={"created_unix_s": 5.0}).to_json())
    with pytest.raises(ArtifactError, match="gives another manifest 1"):
        pull_manifest(publisher.source(), cache)


def test_a_channel_is_not_passed_off_as_another(publisher: Publisher, cache: Cache, model: Path) -> None:
    publisher.push({"default": model}, channel="canary")
    store = Path(publisher.store.place)
    (store / channel_key("stable")).write_bytes((store / channel_key("canary")).read_bytes())
    with pytest.raises(ArtifactError, match="gives a manifest of the channel canary as that of stable"):
        pull_manifest(publisher.source(), cache)


def test_a_key_that_has_gone_counts_no_more_and_its_numbers_neither(
    publisher: Publisher, cache: Cache, model: Path, tmp_path: Path
) -> None:
    publisher.push({"default": model}, at_least=9_000_000)
    pull_manifest(publisher.source(), cache)
    new = Publisher(tmp_path / "new", publisher.store)
    with pytest.raises(SignatureError):
        new.push({"default": model})
    followed = new.push({"default": model}, trusted=[publisher.public_key])
    assert followed.number == 9_000_001, "whoever knows the old key goes on from its number"

    (Path(publisher.store.place) / channel_key("stable")).unlink()
    begun = new.push({"default": model})
    assert pull_manifest(new.source(), cache).manifest == begun, "a number of the old key does not bind"


def test_the_same_manifest_signed_by_the_next_key_is_followed(
    publisher: Publisher, cache: Cache, model: Path, tmp_path: Path
) -> None:
    published = publisher.push({"default": model})
    pull_manifest(publisher.source(), cache)
    new = Publisher(tmp_path / "new", publisher.store)
    new.put(published.to_json())
    assert pull_manifest(new.source(), cache).manifest == published
    assert cache.accepted("stable", new.source().keys) is not None


@pytest.mark.parametrize("size_bytes", [MAX_SIGNATURE_BYTES + 1, 50_000_000])
def test_a_huge_signature_is_not_read(publisher: Publisher, cache: Cache, size_bytes: int) -> None:
    path = Path(publisher.store.place) / channel_key("stable")
    path.parent.mkdir(parents=True)
    with path.open("wb") as stream:
        stream.truncate(size_bytes)
    with pytest.raises(ArtifactError, match="longer than 4,096 bytes"):
        pull_manifest(publisher.source(), cache)


def test_a_huge_manifest_is_not_read(publisher: Publisher, cache: Cache) -> None:
    publisher.put(b" " * (MAX_MANIFEST_BYTES + 1))
    with pytest.raises(ArtifactError, match="names no manifest"):
        pull_manifest(publisher.source(), cache)


def test_a_manifest_that_is_longer_than_signed_is_not_read(publisher: Publisher, cache: Cache, model: Path) -> None:
    publisher.push({"default": model})
    (path,) = (Path(publisher.store.place) / "manifests").iterdir()
    with path.open("r+b") as stream:
        stream.truncate(300_000_000)
    with pytest.raises(ArtifactError, match="which is the most that is read"):
        pull_manifest(publisher.source(), cache)


def test_a_signed_manifest_that_is_hostile_is_a_sentence(publisher: Publisher, cache: Cache) -> None:
    file = {"name": "../../../etc/cron.d/x.onnx", "sha256": "0" * 64, "size_bytes": 1}
    document = {"format": 1, "channel": "stable", "number": 1, "created_unix_s": 0, "models": {}}
    for models in ({"default": {"files": [file], "number": 1}}, {"../../x": {"files": [], "number": 1}}):
        publisher.put(json.dumps({**document, "models": models}).encode())
        with pytest.raises(ArtifactError):
            pull_manifest(publisher.source(), cache)


def _trusting(publisher: Publisher) -> PublicKeys:
    return PublicKeys([publisher.public_key])


def test_nothing_that_lies_about_is_believed(publisher: Publisher, cache: Cache, model: Path) -> None:
    publisher.push({"default": model})
    pull_manifest(publisher.source(), cache)
    for damage in (b"", b"{}", b"\xff" * 100):
        for folder in ("manifests", "channels"):
            kept: dict[Path, bytes] = {path: path.read_bytes() for path in (cache.folder / folder).iterdir()}
            for path in kept:
                path.write_bytes(damage)
            assert cache.accepted("stable", _trusting(publisher)) is None
            pull_manifest(publisher.source(), cache)
            assert cache.accepted("stable", _trusting(publisher)) is not None
