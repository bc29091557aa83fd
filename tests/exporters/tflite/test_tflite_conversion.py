from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert")

from exporters.tflite.conversion import card_file, operation_names, read_tree, with_buffer, with_files
from streamvision.inference.backends.lite_rt import LiteRtBackend
from streamvision.inference.backends.probe import TFLITE_BYTES, computes_right
from streamvision.inference.model_card import CARD_KEY, InputCard, ModelCard

CARD = ModelCard(head="yolo_v8", names=("Katze", "犬"), input=InputCard(width_px=8, height_px=8, layout="nhwc"))


def test_the_card_comes_back_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(with_files(TFLITE_BYTES, card_file(CARD)))
    assert ModelCard.model_validate_json(LiteRtBackend(path).metadata[CARD_KEY]) == CARD


def test_files_are_stored_uncompressed_and_the_same_each_time() -> None:
    files = {"labels.txt": b"cat\n" * 100, **card_file(CARD)}
    packed = with_files(TFLITE_BYTES, files)
    assert packed == with_files(TFLITE_BYTES, files)
    assert packed.startswith(TFLITE_BYTES)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert {entry.filename: entry.compress_type for entry in archive.infolist()} == dict.fromkeys(files, 0)
        assert json.loads(archive.read("metadata.json")) == CARD.to_metadata()


def test_a_buffer_inside_changes_nothing_of_what_the_network_computes(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(with_buffer(TFLITE_BYTES, "NOTE", b"hello"))
    picture = np.random.default_rng(0).random((8, 8, 3), np.float32)
    assert computes_right(LiteRtBackend(path).run(picture[None]), picture)


def test_a_buffer_is_found_by_its_name_and_replaced() -> None:
    once = with_buffer(with_buffer(TFLITE_BYTES, "NOTE", b"first"), "NOTE", b"second")
    tree = read_tree(once)
    named = [entry for entry in tree.metadata if entry.name == b"NOTE"]
    assert [bytes(tree.buffers[entry.buffer].data) for entry in named] == [b"second"]


def test_operations_are_named() -> None:
    assert operation_names(read_tree(TFLITE_BYTES)) == ["CONV_2D"]
