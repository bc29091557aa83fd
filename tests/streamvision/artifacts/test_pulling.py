"""What is taken from a store, and what is not: whoever has the store must not have the device."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamvision.artifacts import cache as cache_module
from streamvision.artifacts.cache import Cache, open_cache
from streamvision.artifacts.errors import AbsentError, ArtifactError, StoreError
from streamvision.artifacts.manifest import Manifest, channel_key
from streamvision.artifacts.pulling import StoppedError, pull_manifest, pull_model
from streamvision.artifacts.store import FolderStore, open_store
from streamvision.core.errors import OutputError
from support.artifact_stores import Publisher, only, random_model
from support.small_disk import small_disk


def store_file(publisher: Publisher, manifest: Manifest, *, at: int = 0) -> Path:
    return Path(publisher.store.place) / only(manifest).files[at].key


def test_a_model_comes_with_all_its_files(publisher: Publisher, cache: Cache, tmp_path: Path) -> None:
    network = random_model(tmp_path / "signs.xml", 1000)
    weights = random_model(tmp_path / "signs.bin", 2_500_000)
    published = publisher.push({"default": network})
    accepted = pull_manifest(publisher.source(), cache)
    assert accepted.manifest == published
    path = pull_model(only(published), publisher.source(), cache)
    assert path.name == "signs.xml"
    assert path.read_bytes() == network.read_bytes()
    assert path.with_suffix(".bin").read_bytes() == weights.read_bytes()
    assert not list((cache.folder / "incoming").iterdir())
    assert cache.is_whole(only(published))


def test_channels_and_names_go_their_own_ways(publisher: Publisher, cache: Cache, tmp_path: Path) -> None:
    first, second = (random_model(tmp_path / name) for name in ("a.onnx", "b.onnx"))
    publisher.push({"default": first}, channel="canary")
    publisher.push({"night": second}, channel="canary")
    promoted = publisher.push({}, channel="stable", from_channel="canary")
    assert (promoted.number, set(promoted.models)) == (1, {"default", "night"})
    again = publisher.push({}, channel="stable", from_channel="canary")
    assert [one.number for one in again.models.values()] == [1, 1], "what stays is not published anew"
    less = publisher.push({}, channel="stable", without=["night"])
    assert (less.number, set(less.models)) == (3, {"default"})
    assert pull_manifest(publisher.source(channel="canary"), cache).manifest.number == 2


@pytest.mark.parametrize("length", [0, 1, 99_999])
def test_a_truncated_file_is_said_and_what_came_is_kept(
    publisher: Publisher, cache: Cache, model: Path, length: int
) -> None:
    published = publisher.push({"default": model})
    file = store_file(publisher, published)
    content = file.read_bytes()
    file.write_bytes(content[:length])
    with pytest.raises(StoreError, match=f"gave {length:,} bytes of the 100,000"):
        pull_model(only(published), publisher.source(), cache)
    assert cache.came_bytes(only(published)) == length
    file.write_bytes(content)
    assert pull_model(only(published), publisher.source(), cache).read_bytes() == content


@pytest.mark.parametrize("more", [b"", b"more than the manifest says"])
def test_a_file_that_is_another_is_removed(publisher: Publisher, cache: Cache, model: Path, more: bytes) -> None:
    published = publisher.push({"default": model})
    file = store_file(publisher, published)
    content = file.read_bytes()
    file.write_bytes(b"x" + content[1:] + more)
    with pytest.raises(ArtifactError, match="is not the file that the manifest names"):
        pull_model(only(published), publisher.source(), cache)
    assert cache.came_bytes(only(published)) == 0
    file.write_bytes(content + more)
    assert pull_model(only(published), publisher.source(), cache).read_bytes() == content, (
        "no more than signed is taken"
    )


def test_what_came_on_another_day_is_gone_on_with(publisher: Publisher, cache: Cache, model: Path) -> None:
    published = publisher.push({"default": model})
    artifact = only(published)
    half = cache.incoming(artifact) / "signs.onnx"
    half.write_bytes(model.read_bytes()[:60_000])
    came: list[int] = []
    pull_model(artifact, publisher.source(), cache, progress=came.append)
    assert sum(came) == 40_000


@pytest.mark.parametrize("left", ["zeros", "longer", "all of it, damaged"])
def test_what_a_power_cut_left_damaged_is_fetched_anew(
    publisher: Publisher, cache: Cache, model: Path, left: str
) -> None:
    published = publisher.push({"default": model})
    content = model.read_bytes()
    damaged = {
        "zeros": content[:10_000] + bytes(50_000),
        "longer": content + bytes(5_000),
        "all of it, damaged": bytes(100_000),
    }
    (cache.incoming(only(published)) / "signs.onnx").write_bytes(damaged[left])
    (cache.incoming(only(published)) / "stray").write_bytes(b"x")
    path = pull_model(only(published), publisher.source(), cache)
    assert path.read_bytes() == content
    assert [file.name for file in path.parent.iterdir()] == ["signs.onnx"]


def test_a_link_in_place_of_what_comes_is_not_followed(
    publisher: Publisher, cache: Cache, model: Path, tmp_path: Path
) -> None:
    published = publisher.push({"default": model})
    (tmp_path / "victim").write_bytes(b"")
    (cache.incoming(only(published)) / "signs.onnx").symlink_to(tmp_path / "victim")
    with pytest.raises(OutputError):
        pull_model(only(published), publisher.source(), cache)
    assert (tmp_path / "victim").read_bytes() == b""


def test_a_model_that_was_damaged_since_is_removed(publisher: Publisher, cache: Cache, model: Path) -> None:
    published = publisher.push({"default": model})
    path = pull_model(only(published), publisher.source(), cache)
    path.write_bytes(b"y" + path.read_bytes()[1:])
    assert not cache.is_whole(only(published))
    assert not path.exists()
    assert pull_model(only(published), publisher.source(), cache).read_bytes() == model.read_bytes()


def test_what_is_left_of_a_model_is_replaced(publisher: Publisher, cache: Cache, tmp_path: Path) -> None:
    random_model(tmp_path / "m.bin")
    published = publisher.push({"default": random_model(tmp_path / "m.xml", 2000)})
    path = pull_model(only(published), publisher.source(), cache)
    path.unlink()  # as where removing it broke off, or somebody took it away
    assert pull_model(only(published), publisher.source(), cache) == path
    assert cache.is_whole(only(published))


def test_pulling_ends_when_it_is_told_to(publisher: Publisher, cache: Cache, tmp_path: Path) -> None:
    published = publisher.push({"default": random_model(tmp_path / "m.onnx", 5_000_000)})
    with pytest.raises(StoppedError):
        pull_model(only(published), publisher.source(), cache, is_ended=lambda: True)
    assert 0 < cache.came_bytes(only(published)) < 5_000_000


def test_an_absent_store_channel_or_file_is_told_apart(
    publisher: Publisher, cache: Cache, model: Path, tmp_path: Path
) -> None:
    away = publisher.source(open_store(str(tmp_path / "stick")))
    with pytest.raises(StoreError, match="there is no folder"):
        pull_manifest(away, cache)
    with pytest.raises(AbsentError, match=r"has no channels/stable\.minisig"):
        pull_manifest(publisher.source(), cache)
    published = publisher.push({"default": model})
    store_file(publisher, published).unlink()
    with pytest.raises(AbsentError):
        pull_model(only(published), publisher.source(), cache)


def test_a_pipe_in_a_folder_does_not_make_it_wait(publisher: Publisher, cache: Cache) -> None:
    path = Path(publisher.store.place) / channel_key("stable")
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    with pytest.raises(StoreError, match="is not an ordinary file"):
        pull_manifest(publisher.source(), cache)


def test_one_process_has_a_cache_at_a_time(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom streamvision.artifacts.cache import open_cache\n"
        "with open_cache(Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    held = [sys.executable, "-c", code, str(tmp_path / "cache")]
    with subprocess.Popen(held, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(StoreError, match="in use by another process"), open_cache(tmp_path / "cache"):
            pass
        other.kill()
    with open_cache(tmp_path / "cache"):
        pass


def test_what_nobody_needs_goes_and_what_is_needed_stays(publisher: Publisher, cache: Cache, tmp_path: Path) -> None:
    pulled = []
    for number in range(4):
        published = publisher.push({"default": random_model(tmp_path / f"{number}.onnx", 10_000)})
        pulled.append(only(published))
        pull_model(pulled[-1], publisher.source(), cache)
    cache.make_room([pulled[3]], keep=[pulled[1].id], max_bytes=1_000_000)
    assert [cache.has(one) for one in pulled] == [False, True, False, True]
    with pytest.raises(StoreError, match=r"raise fleet\.max_gb"):
        cache.make_room([pulled[3]], keep=[pulled[1].id], max_bytes=15_000)
    assert [cache.has(one) for one in pulled] == [False, True, False, True]


def test_a_disk_with_too_little_room_is_said_before_anything_comes(
    publisher: Publisher, tmp_path: Path, model: Path
) -> None:
    published = publisher.push({"default": model})
    with (
        small_disk(tmp_path / "disk", megabytes=1.0) as disk,
        open_cache(disk / "cache") as cache,
        pytest.raises(StoreError, match="are left to others; free space"),
    ):
        cache.make_room([only(published)], keep=(), max_bytes=10**9)


def test_a_disk_that_fills_up_meanwhile_is_freed_of_what_came(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "FREE_BYTES", 0)
    model = random_model(tmp_path / "m.onnx", 800_000)
    published = publisher.push({"default": model})
    with small_disk(tmp_path / "disk", megabytes=1.0) as disk, open_cache(disk / "cache") as cache:
        cache.make_room([only(published)], keep=(), max_bytes=10**9)
        (disk / "recording").write_bytes(bytes(500_000))
        with pytest.raises(OutputError, match="No space left on device"):
            pull_model(only(published), publisher.source(), cache)
        assert cache.came_bytes(only(published)) == 0
        (disk / "recording").unlink()
        assert pull_model(only(published), publisher.source(), cache).read_bytes() == model.read_bytes()


class _HalfStore(FolderStore):
    """A folder whose disk breaks off after each 30,000 bytes."""

    def chunks(self, key: str, *, offset_bytes: int, end_bytes: int) -> Iterator[bytes]:
        yield from super().chunks(key, offset_bytes=offset_bytes, end_bytes=min(end_bytes, offset_bytes + 30_000))
        if end_bytes - offset_bytes > 30_000:
            raise StoreError("the connection ended")


def test_a_network_that_breaks_off_again_and_again_gets_there(publisher: Publisher, cache: Cache, model: Path) -> None:
    published = publisher.push({"default": model})
    source = publisher.source(_HalfStore(Path(publisher.store.place)))
    came = 0
    for _ in range(3):
        with pytest.raises(StoreError, match="the connection ended"):
            pull_model(only(published), source, cache)
        assert cache.came_bytes(only(published)) > came
        came = cache.came_bytes(only(published))
    assert pull_model(only(published), source, cache).read_bytes() == model.read_bytes()


def test_a_clock_that_is_wrong_changes_nothing(
    publisher: Publisher, cache: Cache, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = publisher.push({"default": model})
    for now_unix_s in (0.0, 1e10):
        monkeypatch.setattr("time.time", lambda now_unix_s=now_unix_s: now_unix_s)
        assert pull_manifest(publisher.source(), cache).manifest == published


def test_a_folder_that_somebody_removed_is_a_sentence(publisher: Publisher, cache: Cache, model: Path) -> None:
    published = publisher.push({"default": model})
    shutil.rmtree(cache.folder)
    with pytest.raises(OutputError):
        cache.make_room([only(published)], keep=(), max_bytes=10**9)
    with pytest.raises(OutputError):
        pull_manifest(publisher.source(), cache)
