"""Metadata comes with a file that anybody may have written: whatever it holds, a card or one sentence comes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamvision.core.errors import ModelError, StreamVisionError
from streamvision.inference.card_reader import read_card
from streamvision.inference.model_card import CARD_KEY, MAX_NAME, MAX_WORDS, InputCard, KeypointCard, ModelCard
from support.constant_network import constant_network

CARD = json.loads(
    ModelCard(head="yolo_v8", names=("a",), input=InputCard(width_px=192, height_px=128)).model_dump_json()
)
ULTRALYTICS = {
    "names": "{0: 'a', 1: 'b'}",
    "stride": "32",
    "imgsz": "[128, 192]",
    "task": "pose",
    "kpt_shape": "[17, 3]",
    "args": "{'nms': False}",
    "end2end": "False",
}
ODD = st.one_of(
    st.text(max_size=40),
    st.integers().map(str),
    st.floats().map(str),
    st.recursive(st.integers() | st.text(max_size=5) | st.none(), lambda inner: st.lists(inner, max_size=3)).map(repr),
    st.dictionaries(st.integers() | st.text(max_size=3), st.integers() | st.text(max_size=3), max_size=4).map(repr),
    st.sampled_from(["[" * 5_000, "{1:" * 5_000, "9" * 5_000, "1e999", "-1", "[0, 0]", "PosixPath('x')", "f'{x}'"]),
)


def read(metadata: dict[str, str]) -> None:
    backend, _ = constant_network("yolo_v8")
    backend.metadata = metadata
    try:
        card = read_card(backend, path=Path("model.onnx"))
    except StreamVisionError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert card.names and all(name.isprintable() and 0 < len(name) <= MAX_NAME for name in card.names)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(sorted(ULTRALYTICS)), ODD, min_size=1, max_size=3))
def test_of_ultralytics(odd: dict[str, str]) -> None:
    read(ULTRALYTICS | odd)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.sampled_from([*CARD, *(f"input.{key}" for key in CARD["input"])]),
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.lists(st.integers(), max_size=4)
    ),
)
def test_of_our_own_card(key: str, value: Any) -> None:
    document = json.loads(json.dumps(CARD))
    section, _, field = key.rpartition(".")
    (document[section] if section else document)[field] = value
    read({CARD_KEY: json.dumps(document)})


@pytest.mark.parametrize("text", ["", "[" * 100_000, "x" * 2_000_000, '{"head": "' + "\\ud800" + '"}'])
def test_of_a_card_that_is_none(text: str) -> None:
    read({CARD_KEY: text})


@pytest.mark.parametrize("shape", [(1, 3, 8, 100_000), (1, 3, 60_000, 60_000), (10_000_000, 3, 640, 640)])
@pytest.mark.parametrize("metadata", [{}, ULTRALYTICS, {CARD_KEY: json.dumps(CARD)}], ids=range(3))
def test_an_input_that_no_machine_holds_is_refused(metadata: dict[str, str], shape: tuple[int, ...]) -> None:
    backend, _ = constant_network("yolo_v8")
    backend.metadata, backend.input = metadata, replace(backend.input, shape=shape)
    with pytest.raises(ModelError, match=r"model\.onnx takes [\dx]+, which is larger than any input"):
        read_card(backend, path=Path("model.onnx"))


def test_a_size_that_no_machine_holds_is_refused_where_the_model_takes_any() -> None:
    backend, _ = constant_network("yolo_v8")
    backend.metadata, backend.input = (
        ULTRALYTICS | {"imgsz": "[60000, 60000]"},
        replace(backend.input, shape=(None, 3, None, None)),
    )
    with pytest.raises(ModelError, match="takes 1x3x60000x60000, which is larger"):
        read_card(backend, path=Path("model.onnx"))


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("car", "car"),
        ("Fußgänger 行人", "Fußgänger 行人"),
        ("می\u200cروم", "می\u200cروم"),
        ("\x1b[31mcar\x1b[0m", "[31mcar [0m"),
        ("a\r\nb", "a  b"),
        ("safe\u202egnp.exe", "safe gnp.exe"),
        ("\ud800car", "car"),
        ("\u2028", "class 0"),
        ("", "class 0"),
        ("x" * 5_000, "x" * MAX_NAME),
    ],
)
def test_names_of_a_file_are_fit_to_be_shown(given: str, shown: str) -> None:
    size = InputCard(width_px=64, height_px=64)
    card = ModelCard(
        task="pose", head="yolo_v8_pose", names=(given,), input=size, keypoints=KeypointCard(names=(given,)),
        licence=given, source=given,
    )  # fmt: skip
    assert card.names == (shown,)
    assert card.keypoints is not None and card.keypoints.names == (shown,)
    assert (card.licence or "").isprintable() or "\u200c" in given
    assert (card.source or "").encode("utf-8") is not None
    again = ModelCard.model_validate_json(card.to_metadata()[CARD_KEY])
    assert again.names == card.names


def test_what_else_a_file_says_is_fit_to_be_shown_and_sent_on() -> None:
    size = InputCard(width_px=64, height_px=64)
    card = ModelCard(
        head="yolo_v8",
        names=("car",),
        input=size,
        source="s" * 500_000,
        measured={"\x1b[2Jm\n": 0.5},
        assumed=("a\nb",),
    )
    assert (len(card.source or ""), card.measured, card.assumed) == (MAX_WORDS, {"[2Jm": 0.5}, ("a b",))
    backend, _ = constant_network("yolo_v8")
    for said in ('"measured": {"map50": NaN}', '"measured": {"map50": 1e999}'):
        text = f'{{"head": "yolo_v8", "names": ["car"], "input": {{"width_px": 64, "height_px": 64}}, {said}}}'
        backend.metadata = {CARD_KEY: text}
        with pytest.raises(ModelError, match=r"measured\.map50: give a finite number"):
            read_card(backend, path=Path("model.onnx"))


def test_letters_of_a_model_that_reads_stay_as_they_are() -> None:
    letters = ("blank", "\u3000", "\t", " ", "a")
    assert (
        ModelCard(task="text", head="ctc_text", names=letters, input=InputCard(width_px=64, height_px=64)).names
        == letters
    )
