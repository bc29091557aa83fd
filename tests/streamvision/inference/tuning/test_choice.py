from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from streamvision.core.errors import OutputError
from streamvision.inference.backends.cores import Share
from streamvision.inference.tuning import choice as module
from streamvision.inference.tuning.choice import Choice, KeptChoices, choice_key, kept_sentence, try_to_keep

CHOICE = Choice("yolo.onnx", "onnxruntime", "throughput", Share(2, 1), Share(1, 2), 1.19)


def key_of(model: Path, **asked: Any) -> dict[str, Any]:
    return choice_key([model], asked={"device": "cpu", **asked}, version="1.2.3")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    file = tmp_path / "yolo.onnx"
    file.write_bytes(b"weights")
    return file


def test_a_choice_is_kept_and_found_again(tmp_path: Path, model: Path) -> None:
    kept = KeptChoices(tmp_path / "new" / "tuning")
    assert kept.find(key_of(model)) is None
    kept.keep(key_of(model), CHOICE)
    assert KeptChoices(kept.folder).find(key_of(model)) == CHOICE
    assert kept.all() == [CHOICE]
    assert kept.find(key_of(model, device="auto")) is None


def test_it_holds_for_this_model_processor_and_runtime_alone(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = KeptChoices(tmp_path)
    before = key_of(model)
    kept.keep(before, CHOICE)
    assert kept.find(choice_key([model], asked={"device": "cpu"}, version="1.2.4")) is None
    with monkeypatch.context() as patch:
        patch.setattr(module, "processor_name", lambda: "another")
        assert kept.find(key_of(model)) is None
    with monkeypatch.context() as patch:
        patch.setattr(module, "usable_cores", lambda: 77)
        assert kept.find(key_of(model)) is None
    model.write_bytes(b"trained again")
    assert kept.find(key_of(model)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"share": [0, 1]},
        {"share": [1, 10**9]},
        {"share": [True, 1]},
        {"share": "2x1"},
        {"baseline": None},
        {"gain": float("nan")},
        {"gain": "1"},
        {"goal": "beauty"},
        {"model": 7},
        {"key": {}},
    ],
)
def test_what_is_damaged_counts_as_nothing(tmp_path: Path, model: Path, change: dict[str, Any]) -> None:
    kept = KeptChoices(tmp_path / "tuning")
    kept.keep(key_of(model), CHOICE)
    (file,) = kept.folder.iterdir()
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    assert kept.find(key_of(model)) is None
    kept.keep(key_of(model), CHOICE)
    assert kept.find(key_of(model)) == CHOICE


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b"{" * 100_000, b" " * 100_000])
def test_what_is_no_document_counts_as_nothing(tmp_path: Path, model: Path, content: bytes) -> None:
    kept = KeptChoices(tmp_path / "tuning")
    kept.keep(key_of(model), CHOICE)
    (file,) = kept.folder.iterdir()
    file.write_bytes(content)
    assert kept.find(key_of(model)) is None
    assert kept.all() == []


def test_those_used_longest_ago_go(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 5)
    kept = KeptChoices(tmp_path / "tuning")
    for number in range(5):
        kept.keep(key_of(model, number=number), CHOICE)
        os.utime(kept._path(key_of(model, number=number)), (number, number))
    assert kept.find(key_of(model, number=0)) == CHOICE  # used once more
    kept.keep(key_of(model, number=5), CHOICE)
    assert len(list(kept.folder.iterdir())) == 5
    assert kept.find(key_of(model, number=0)) == CHOICE
    assert kept.find(key_of(model, number=1)) is None


def test_a_cache_that_cannot_be_written_to_is_done_without(tmp_path: Path, model: Path) -> None:
    kept = KeptChoices(model / "tuning")  # below a file
    with pytest.raises(OutputError, match="set XDG_CACHE_HOME to a folder that can be written"):
        kept.keep(key_of(model), CHOICE)
    try_to_keep(kept, key_of(model), CHOICE)
    assert kept.all() == []


def test_doctor_tells_the_newest_choice(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert kept_sentence() is None
    KeptChoices().keep(key_of(model), CHOICE)
    assert kept_sentence() == (
        "yolo.onnx in onnxruntime, for throughput: 2 calls of 1 thread (1.19 times as fast as 1 call of 2 threads)"
    )
    KeptChoices().keep(key_of(model, n=1), CHOICE)
    assert (kept_sentence() or "").endswith("; and 1 other")


@pytest.mark.parametrize(
    ("share", "gain", "end"),
    [
        (Share(1, 2), 1.0, "1 call of 2 threads; nothing else that was tried is faster"),
        (Share(1, 2), None, "1 call of 2 threads; a call takes too long to try anything else"),
    ],
)
def test_a_choice_says_why(share: Share, gain: float | None, end: str) -> None:
    assert Choice("m.onnx", "openvino", "latency", share, Share(1, 2), gain).words().endswith(end)
