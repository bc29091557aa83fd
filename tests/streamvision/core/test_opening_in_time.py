"""Opening a model is bounded in time, whatever its file computes."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from streamvision.core.errors import ModelError
from streamvision.core.opening import opened_within
from support.command_line import streamvision


class Late:
    """Something that is opened, and closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


def endless(path: Path) -> Path:
    """Write a network that computes for years, so that its first run does not return."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Sin", ["value"], ["next"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("value", TensorProto.FLOAT, [1, 3, 64, 64]),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, [1, 3, 64, 64]),
        ],
    )
    nodes = [
        helper.make_node("Loop", ["times", "", "images"], ["last"], body=body),
        helper.make_node("Reshape", ["last", "rows"], ["output0"]),
    ]
    stored = [
        numpy_helper.from_array(np.array(2**60, np.int64), "times"),
        numpy_helper.from_array(np.array([1, 84, -1]), "rows"),
    ]
    picture = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 64, 64])
    out = helper.make_tensor_value_info("output0", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "endless", [picture], [out], stored)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def test_a_network_that_never_ends_is_one_sentence(tmp_path: Path) -> None:
    document = {
        "model": {"path": str(endless(tmp_path / "endless.onnx")), "load_timeout_s": 2},
        "streams": [{"source": "synthetic:boxes?fps=30&size=64x64"}],
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    done = streamvision("run", "--config", tmp_path / "run.yaml", "--json")
    assert done.code == 1
    assert "endless.onnx was not open after 2 s" in done.sentence()
    assert "model.load_timeout_s" in done.report["error"]


def test_a_source_of_exports_that_never_ends_is_one_sentence(tmp_path: Path) -> None:
    path = endless(tmp_path / "endless.onnx")
    options = ("--head", "yolo_v8", "--load-timeout", "2", "--output", tmp_path / "exported")
    done = streamvision("export", path, "--format", "onnx", *options)
    assert done.code == 1
    assert "endless.onnx was not open after 2 s" in done.sentence()
    assert "a longer --load-timeout" in done.sentence()
    assert not (tmp_path / "exported").exists()


def test_what_opens_too_late_is_closed() -> None:
    late, go = Late(), threading.Event()

    def work() -> Late:
        go.wait(60)
        return late

    with pytest.raises(ModelError, match=r"was not open after 0\.01 s"):
        opened_within(0.01, work, path=Path("slow.onnx"))
    assert not late.closed.is_set()
    go.set()
    assert late.closed.wait(60)


def test_what_opens_in_time_is_given_and_so_are_errors() -> None:
    opened = Late()
    assert opened_within(600, lambda: opened, path=Path("quick.onnx")) is opened
    assert not opened.closed.is_set()

    def fail() -> Late:
        raise ModelError("damaged")

    with pytest.raises(ModelError, match="damaged"):
        opened_within(600, fail, path=Path("bad.onnx"))
