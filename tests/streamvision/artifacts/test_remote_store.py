"""Stores on the network: a real nginx, a server that speaks S3, and servers that lie."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streamvision.artifacts import remote_store
from streamvision.artifacts.cache import Cache
from streamvision.artifacts.errors import AbsentError, ArtifactError, StoreError
from streamvision.artifacts.manifest import channel_key
from streamvision.artifacts.pulling import pull_manifest, pull_model
from streamvision.artifacts.store import Store, open_store
from streamvision.artifacts.verifying import verify_channel
from streamvision.core.config.fleet import S3Config
from streamvision.core.errors import ConfigError
from support.artifact_stores import OddServer, Publisher, make_bucket, nginx_folder, only, random_model, s3_server
from support.http_folder import served

pytest.importorskip("obstore", reason="obstore is not installed: pip install 'streamvision-edge[fleet]'")

SIZE_BYTES = 9_000_000
"""More than two parts of a file."""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3_server() as found:
        yield found


def bucket(endpoint: str, name: str, **settings: str | bool) -> Store:
    key = {"access_key_id": "publisher", "secret_access_key": "a-secret-of-mine"}
    return open_store(f"s3://{name}/models", S3Config(endpoint=endpoint, region="us-east-1", **(key | settings)))


def pulled(publisher: Publisher, store: Store, cache: Cache) -> Path:
    accepted = pull_manifest(publisher.source(store), cache)
    return pull_model(only(accepted.manifest), publisher.source(store), cache)


def test_nginx_gives_parts_and_what_came_is_not_asked_for_again(
    publisher: Publisher, cache: Cache, tmp_path: Path
) -> None:
    model = random_model(tmp_path / "m.onnx", SIZE_BYTES)
    artifact = only(publisher.push({"default": model}))
    with nginx_folder(Path(publisher.store.place), tmp_path / "nginx") as url:
        (cache.incoming(artifact) / "m.onnx").write_bytes(model.read_bytes()[:5_000_000])
        came: list[int] = []
        store = open_store(url)
        pull_manifest(publisher.source(store), cache)
        path = pull_model(artifact, publisher.source(store), cache, progress=came.append)
        assert path.read_bytes() == model.read_bytes()
        assert sum(came) == SIZE_BYTES - 5_000_000
        with pytest.raises(AbsentError):
            store.read(channel_key("nothing"), limit_bytes=100)
    with pytest.raises(StoreError, match="Connection refused"):
        pull_manifest(publisher.source(store), cache)


def test_a_web_server_asks_for_a_password(publisher: Publisher, cache: Cache, tmp_path: Path) -> None:
    publisher.push({"default": random_model(tmp_path / "m.onnx")})
    password = tmp_path / "password"
    password.write_text("ann:{PLAIN}p ss/w@rd\n")
    asking = f'auth_basic "models"; auth_basic_user_file {password};'
    with nginx_folder(Path(publisher.store.place), tmp_path / "nginx", more=asking) as url:
        address = url.replace("http://", "http://ann:p%20ss%2Fw%40rd@")
        store = open_store(address)
        assert pulled(publisher, store, cache).is_file()
        assert "w@rd" not in store.place
        wrong = open_store(url.replace("http://", "http://ann:k7Vq2pXz@"))
        with pytest.raises(StoreError, match="401"):
            pull_manifest(publisher.source(wrong), cache)


def test_a_server_that_gives_whole_files_only(publisher: Publisher, cache: Cache, tmp_path: Path) -> None:
    model = random_model(tmp_path / "m.onnx", SIZE_BYTES)
    artifact = only(publisher.push({"default": model}))
    with served(Path(publisher.store.place)) as url:
        (cache.incoming(artifact) / "m.onnx").write_bytes(model.read_bytes()[:5_000_000])
        assert pulled(publisher, open_store(url), cache).read_bytes() == model.read_bytes()


def test_a_bucket_takes_and_gives(publisher: Publisher, cache: Cache, tmp_path: Path, endpoint: str) -> None:
    make_bucket(endpoint, "models")
    store = bucket(endpoint, "models")
    publisher.store = store
    model = random_model(tmp_path / "m.onnx", 12_000_000)
    published = publisher.push({"default": model})
    assert publisher.push({"default": model}).number == 2
    assert pulled(publisher, store, cache).read_bytes() == model.read_bytes()
    assert verify_channel(store, "stable", publisher.source().keys).models["default"].id == only(published).id
    assert store.has(only(published).files[0].key, size_bytes=12_000_000)
    assert not store.has(only(published).files[0].key, size_bytes=12_000_001)
    with pytest.raises(AbsentError):
        store.read(channel_key("nothing"), limit_bytes=100)


def test_what_is_wrong_with_a_bucket_is_a_sentence(endpoint: str) -> None:
    for store in (bucket(endpoint, "no-such-bucket"), bucket("http://127.0.0.1:9", "models")):
        with pytest.raises(StoreError) as caught:
            store.write("files/x", b"content")
        assert "\n" not in str(caught.value)
        assert "a-secret-of-mine" not in str(caught.value)
    with pytest.raises(ConfigError):
        open_store("s3:///nothing")


Answer = Callable[[bytes], "bytes | Iterator[bytes]"]


def response(content: bytes, *, length: int | None = None, status: str = "200 OK", headers: str = "") -> bytes:
    size = len(content) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n{headers}\r\n".encode() + content


def store_answers(folder: Path, change: Callable[[bytes, bytes], bytes]) -> Answer:
    """Return what answers with a store's files, ranges and all, each answer changed."""

    def answer(request: bytes) -> bytes:
        path = folder / request.split(b" ")[1].decode().lstrip("/")
        if not path.is_file():
            return response(b"", status="404 Not Found")
        content = path.read_bytes()
        asked = re.search(rb"(?i)range: bytes=(\d+)-(\d+)", request)
        if not asked:
            return change(request, response(content))
        begin, end = int(asked[1]), min(int(asked[2]) + 1, len(content))
        place = f"Content-Range: bytes {begin}-{end - 1}/{len(content)}\r\n"
        return change(request, response(content[begin:end], status="206 Partial Content", headers=place))

    return answer


def _short(request: bytes, answer: bytes) -> bytes:
    return answer[:-1000] if b"/files/" in request else answer


def _says_less(request: bytes, answer: bytes) -> bytes:
    return re.sub(rb"Content-Length: \d+", b"Content-Length: 10", answer) if b"/files/" in request else answer


def _says_no_length(request: bytes, answer: bytes) -> bytes:
    return re.sub(rb"Content-Length: \d+\r\n", b"", answer) if b"/files/" in request else answer


def _says_another_range(request: bytes, answer: bytes) -> bytes:
    return answer.replace(b"Content-Range: bytes 0-", b"Content-Range: bytes 7-")


def _fails(request: bytes, answer: bytes) -> bytes:
    return response(b"<h1>" + b"x" * 5000, status="500 Oops") if b"/files/" in request else answer


def _garbage(request: bytes, answer: bytes) -> bytes:
    return b"\x00\xff" * 50 if b"/files/" in request else answer


@pytest.mark.parametrize("lie", [_short, _says_less, _says_no_length, _says_another_range, _fails, _garbage])
def test_a_server_that_lies_is_a_sentence_and_nothing_is_taken(
    publisher: Publisher, cache: Cache, tmp_path: Path, lie: Callable[[bytes, bytes], bytes]
) -> None:
    model = random_model(tmp_path / "m.onnx")
    artifact = only(publisher.push({"default": model}))
    server = OddServer(store_answers(Path(publisher.store.place), lie))
    store = open_store(server.url)
    with pytest.raises((StoreError, ArtifactError)) as caught:
        pulled(publisher, store, cache)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700
    assert not cache.has(artifact)
    server.close()
    assert pulled(publisher, publisher.store, cache).read_bytes() == model.read_bytes()


def test_a_manifest_without_an_end_is_cut_off(publisher: Publisher, cache: Cache) -> None:
    sent = []

    def endless(_: bytes) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n"
        while True:
            sent.append(1)
            yield b"x" * 65536

    server = OddServer(endless)
    with pytest.raises(ArtifactError, match="longer than 4,096 bytes"):
        pull_manifest(publisher.source(open_store(server.url)), cache)
    deadline_s = time.monotonic() + 60
    while (before := len(sent)) is not None and time.monotonic() < deadline_s:
        time.sleep(0.2)
        if len(sent) == before:
            break
    assert len(sent) == before, "it is still reading"
    server.close()


def test_a_server_that_says_nothing_is_given_up(
    publisher: Publisher, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_store, "REQUEST_TIMEOUT_S", 0.5)

    def silent(_: bytes) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        time.sleep(30)

    server = OddServer(silent)
    with pytest.raises(StoreError, match="no answer in time"):
        pull_manifest(publisher.source(open_store(server.url)), cache)
    server.close()


def test_a_slow_network_gets_there_in_several_requests(
    publisher: Publisher, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = random_model(tmp_path / "m.onnx", 400_000)
    artifact = only(publisher.push({"default": model}))
    monkeypatch.setattr(remote_store, "REQUEST_TIMEOUT_S", 1.0)
    whole = store_answers(Path(publisher.store.place), lambda _, answer: answer)

    def stalls(request: bytes) -> Iterator[bytes]:
        answer = whole(request)
        assert isinstance(answer, bytes)
        yield answer[:150_000]
        if len(answer) > 150_000:
            time.sleep(30)

    server = OddServer(stalls)
    source = publisher.source(open_store(server.url))
    pull_manifest(source, cache)
    came, tries = 0, 0
    while not cache.has(artifact) and tries < 20:
        tries += 1
        try:
            pull_model(artifact, source, cache)
        except StoreError:
            assert cache.came_bytes(artifact) > came
            came = cache.came_bytes(artifact)
    assert cache.path_of(artifact).read_bytes() == model.read_bytes()
    assert tries > 1
    server.close()


def test_a_store_that_was_copied_is_the_same_store(publisher: Publisher, cache: Cache, tmp_path: Path) -> None:
    model = random_model(tmp_path / "m.onnx")
    publisher.push({"default": model})
    shutil.copytree(publisher.store.place, tmp_path / "stick")
    assert pulled(publisher, open_store(str(tmp_path / "stick")), cache).read_bytes() == model.read_bytes()


@pytest.mark.parametrize(
    "address", ["http://", "https://:80/x", "ftp://host/x", "http://host:port/x", "s3://", "gs://b"]
)
def test_an_address_that_is_no_store_is_a_sentence(address: str) -> None:
    from streamvision.core.config.fleet import FleetConfig
    from streamvision.core.config.section import validate

    with pytest.raises(ConfigError):
        validate(FleetConfig, {"store": address, "public_key": "RW"}, origin="config")
