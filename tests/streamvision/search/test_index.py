"""The index of objects: what is alike comes first, and a file that is not what it should be is refused."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import streamvision.search.index_file as index_file
from streamvision.core.errors import ConfigError, OutputError
from streamvision.search.index import EmbedderMark, ObjectIndex, Recording, Tracklet, mean_direction
from streamvision.search.index_file import load_index, save_index

MARK = EmbedderMark("reid.onnx", "ab" * 32)
AXES = np.eye(4, dtype=np.float32)


def tracklet(track_id: int, *, stream_id: str = "gate", frames: int = 10) -> Tracklet:
    return Tracklet(
        stream_id=stream_id,
        track_id=track_id,
        class_name="car",
        score=0.9,
        first_s=1.0,
        last_s=2.5,
        frames=frames,
        best_frame=30,
        best_s=1.2,
        box_xyxy_px=(10.0, 20.5, 110.0, 90.0),
        thumbnail_jpeg=bytes([track_id]) * track_id,
    )


@pytest.fixture
def index() -> ObjectIndex:
    rows = np.stack([AXES[0], AXES[1], mean_direction(AXES[:2])])
    tracklets = (tracklet(1), tracklet(2), tracklet(7, stream_id="yard"))
    return ObjectIndex(MARK, {"gate": Recording("gate.mp4", 123), "yard": Recording("cam", None)}, tracklets, rows)


def test_the_most_alike_come_first(index: ObjectIndex) -> None:
    found = index.search(np.array([3.0, 0, 0, 0]))
    assert [match.tracklet.track_id for match in found] == [1, 7, 2]
    assert [round(match.similarity, 3) for match in found] == [1.0, 0.707, 0.0]
    assert [match.tracklet.track_id for match in index.search(AXES[1], most=1)] == [2]
    assert [match.tracklet.track_id for match in index.search(AXES[1], least=0.5)] == [2, 7]
    assert index.search(-AXES[0], least=0.5) == []


def test_a_query_that_cannot_be_compared_is_refused(index: ObjectIndex) -> None:
    with pytest.raises(ConfigError, match="descriptions of 4"):
        index.search(np.ones(5))
    with pytest.raises(ConfigError, match="no direction"):
        index.search(np.zeros(4))
    with pytest.raises(ConfigError, match="no direction"):
        index.search(np.full(4, np.nan))


def test_identities_are_found_by_number_and_stream(index: ObjectIndex) -> None:
    assert index.row_of(7) == index.row_of(7, stream_id="yard") == 2
    with pytest.raises(ConfigError, match="identity 9 is not in any of gate, yard"):
        index.row_of(9)
    with pytest.raises(ConfigError, match="identity 1 is not in stream 'yard'"):
        index.row_of(1, stream_id="yard")
    both = replace(index, tracklets=(tracklet(1), tracklet(1, stream_id="yard"), tracklet(2)))
    with pytest.raises(ConfigError, match="in the streams gate, yard; say which, as gate:1"):
        both.row_of(1)


def test_parts_that_do_not_fit_are_refused(index: ObjectIndex) -> None:
    with pytest.raises(ValueError, match="as many rows"):
        replace(index, embedding=AXES[:2])
    with pytest.raises(ValueError, match="length 1"):
        replace(index, embedding=AXES[:3] * 2)


def test_a_file_gives_back_what_was_saved(index: ObjectIndex, tmp_path: Path) -> None:
    save_index(index, tmp_path / "gate.npz")
    back = load_index(tmp_path / "gate.npz", embedder=MARK)
    assert (back.embedder, back.recordings) == (index.embedder, index.recordings)
    assert np.array_equal(back.embedding, index.embedding)
    assert [one.to_json() for one in back.tracklets] == [one.to_json() for one in index.tracklets]
    assert [one.thumbnail_jpeg for one in back.tracklets] == [one.thumbnail_jpeg for one in index.tracklets]
    assert [path.name for path in tmp_path.iterdir()] == ["gate.npz"], "no scratch is left"


def test_an_index_of_nothing_is_one_too(tmp_path: Path) -> None:
    save_index(ObjectIndex(MARK, {}, (), np.empty((0, 0), np.float32)), tmp_path / "none.npz")
    back = load_index(tmp_path / "none.npz")
    assert len(back) == 0
    assert back.search(np.ones(3)) == []


def test_another_embedding_model_is_refused(index: ObjectIndex, tmp_path: Path) -> None:
    save_index(index, tmp_path / "gate.npz")
    with pytest.raises(ConfigError, match=r"made by the embedding model reid.onnx \(abababab\), not by other.onnx"):
        load_index(tmp_path / "gate.npz", embedder=EmbedderMark("other.onnx", "cd" * 32))


def test_a_missing_or_damaged_file_is_refused_in_a_sentence(index: ObjectIndex, tmp_path: Path) -> None:
    path = tmp_path / "gate.npz"
    with pytest.raises(ConfigError, match="there is no index"):
        load_index(path)
    save_index(index, path)
    whole = path.read_bytes()
    for broken in (b"", b"no archive", whole[: len(whole) // 2], whole.replace(b"gate", b"gat\xff")):
        path.write_bytes(broken)
        with pytest.raises(ConfigError, match="is no index, or a damaged one"):
            load_index(path)


def test_a_damaged_compressed_archive_is_refused_in_a_sentence(index: ObjectIndex, tmp_path: Path) -> None:
    path = tmp_path / "gate.npz"
    save_index(index, path)
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    nested = arrays | {"header": np.frombuffer(b"[" * 200_000, np.uint8)}
    np.savez_compressed(path, **nested)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="is no index, or a damaged one"):
        load_index(path)
    whole = bytearray(path.read_bytes())
    whole[60:70] = bytes(10)
    path.write_bytes(whole)
    with pytest.raises(ConfigError, match="decompressing"):
        load_index(path)


def rewritten(path: Path, **changes: object) -> None:
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    header = json.loads(arrays["header"].tobytes())
    for name in set(changes) & set(header):
        header[name] = changes.pop(name)
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(path, **(arrays | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"version": 2}, "version is 2"),
        ({"form": "other"}, "do not fit"),
        ({"sightings": []}, "do not fit"),
        ({"embedding": np.zeros((3, 4), np.float32)}, "length 1"),
        ({"embedding": np.eye(4, dtype=np.float32)}, "as many rows"),
        ({"embedding": np.eye(3)}, "float64"),
        ({"thumbnail_end": np.array([5, 3, 10])}, "cut off"),
        ({"header": np.array([object()])}, "allow_pickle"),
    ],
)
def test_what_does_not_belong_there_is_refused(
    index: ObjectIndex, tmp_path: Path, changes: dict[str, object], why: str
) -> None:
    path = tmp_path / "gate.npz"
    save_index(index, path)
    rewritten(path, **changes)
    with pytest.raises(ConfigError, match=why):
        load_index(path)


def test_an_archive_that_unpacks_to_too_much_is_not_unpacked(
    index: ObjectIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "gate.npz"
    save_index(index, path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.npy", bytes(1 << 20))
    assert path.stat().st_size < 1 << 17
    monkeypatch.setattr(index_file, "MAX_BYTES", 1 << 17)
    with pytest.raises(ConfigError, match="unpacked, 131072 are allowed"):
        load_index(path)


def test_a_place_that_cannot_be_written_is_said(index: ObjectIndex, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        save_index(index, tmp_path / "none" / "gate.npz")


def test_the_mean_of_opposites_is_one_of_them() -> None:
    assert mean_direction(np.array([[1, 0], [-1, 0]], np.float32)).tolist() == [1, 0]
