from __future__ import annotations

from pathlib import Path

import pytest

from streamvision.core.errors import ModelError
from streamvision.inference.ultralytics_metadata import parse_ultralytics

PATH = Path("model.onnx")
USUAL = {
    "stride": "32",
    "task": "detect",
    "names": "{0: 'cat', 1: \"driver's dog\"}",
    "imgsz": "[480, 640]",
    "license": "AGPL-3.0",
    "description": "Ultralytics YOLO11n model ",
    "end2end": "False",
    "args": "{'nms': None, 'dynamic': False}",
}


def test_the_usual_keys_are_read() -> None:
    metadata = parse_ultralytics(USUAL, path=PATH)
    assert metadata is not None
    assert metadata.names == ("cat", "driver's dog")
    assert (metadata.size_px, metadata.stride_px) == ((640, 480), 32)
    assert (metadata.task, metadata.licence, metadata.description) == (
        "detect",
        "AGPL-3.0",
        "Ultralytics YOLO11n model",
    )
    assert not metadata.selected


@pytest.mark.parametrize(
    ("key", "value"), [("end2end", "True"), ("end2end", "true"), ("args", "{'nms': True}"), ("args", '{"nms": true}')]
)
def test_selected_outputs_are_known_by_their_flags(key: str, value: str) -> None:
    metadata = parse_ultralytics({**USUAL, key: value}, path=PATH)
    assert metadata is not None
    assert metadata.selected


def test_yolo_v5_says_names_and_stride_only() -> None:
    metadata = parse_ultralytics({"stride": "32", "names": "['cat', 'dog']"}, path=PATH)
    assert metadata is not None
    assert (metadata.names, metadata.task, metadata.size_px) == (("cat", "dog"), "detect", None)


@pytest.mark.parametrize(("stride", "coarsest_px"), [("64", 64), ("[8.0, 16.0, 32.0]", 32), ("16", 32)])
def test_sides_are_multiples_of_the_coarsest_stride(stride: str, coarsest_px: int) -> None:
    metadata = parse_ultralytics({**USUAL, "stride": stride}, path=PATH)
    assert metadata is not None
    assert metadata.stride_px == coarsest_px


def test_names_as_json_and_with_gaps_keep_their_ids() -> None:
    metadata = parse_ultralytics({**USUAL, "names": '{"2": "dog", "0": "cat"}', "imgsz": "320"}, path=PATH)
    assert metadata is not None
    assert metadata.names == ("cat", "class 1", "dog")
    assert metadata.size_px == (320, 320)


def test_metadata_of_others_is_not_taken_for_it() -> None:
    assert parse_ultralytics({}, path=PATH) is None
    assert parse_ultralytics({"names": "{0: 'cat'}"}, path=PATH) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("names", "cat"),
        ("names", "{}"),
        ("names", "{'a': 'cat'}"),
        ("names", "{999999999999: 'cat'}"),
        ("names", "__import__('os').getcwd()"),
        ("imgsz", "[0, 640]"),
        ("imgsz", "[1, 2, 3]"),
        ("imgsz", "None"),
        ("stride", "wide"),
        ("stride", "[]"),
    ],
)
def test_damaged_metadata_is_an_error(key: str, value: str) -> None:
    with pytest.raises(ModelError, match=r"the ultralytics metadata in model\.onnx is damaged"):
        parse_ultralytics({**USUAL, key: value}, path=PATH)


HOSTILE = {
    "kpt_shape": ["[1000000000, 3]", "[" * 200_000, "(" * 50_000],
    "names": ["[" * 100_000 + "]" * 100_000, "{" + "1:" * 5_000 + "}", "'" + "a" * 2_000_000 + "'"],
    "imgsz": ["[1000000000000, 5]", "9" * 6_000, "-" * 100_000 + "1"],
    "stride": ["1e400", "[" * 100_000, "nan"],
    "args": ["{'a': " * 20_000],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in HOSTILE.items() for value in values])
def test_hostile_values_are_refused_or_passed_over_at_once(key: str, value: str) -> None:
    good = {"stride": "32", "task": "pose", "imgsz": "[640, 640]", "names": "['a']"}
    try:
        metadata = parse_ultralytics({**good, key: value}, path=Path("model.onnx"))
    except ModelError as error:
        assert "the ultralytics metadata in model.onnx is damaged" in str(error)
        assert len(str(error)) < 400
    else:
        assert metadata is not None and len(metadata.names) < 100


@pytest.mark.parametrize("call", ["PosixPath('/data/x.yaml')", "WindowsPath('x')", "set()", "Path(Path('a'), b=1)"])
def test_calls_in_the_arguments_do_not_hide_the_others(call: str) -> None:
    good = {"stride": "32", "task": "detect", "names": "['a']", "args": f"{{'data': {call}, 'nms': True}}"}
    metadata = parse_ultralytics(good, path=Path("model.onnx"))
    assert metadata is not None and metadata.selected
