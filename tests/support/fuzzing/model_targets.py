"""Model files of every format, and what they say of themselves."""

from __future__ import annotations

import importlib.util
import io
import json
import random
import sys
import types
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

from streamvision.inference.backends.core_ml import CoreMlPackage
from streamvision.inference.backends.lite_rt import read_appended_metadata
from streamvision.inference.backends.onnx_scan import scan_onnx
from streamvision.inference.backends.probe import BESIDE, NCNN_PARAM
from streamvision.inference.backends.registry import open_backend
from streamvision.inference.card_reader import read_card
from streamvision.inference.model_card import CARD_KEY, InputCard, ModelCard
from streamvision.inference.ultralytics_metadata import parse_ultralytics
from support.constant_network import constant_network
from support.fuzzing.mutation import Files, mutate_bytes, mutate_document, mutate_json
from support.fuzzing.target import TOKENS, Target

ULTRALYTICS: dict[str, Any] = {
    "names": {0: "a", 1: "b"},
    "stride": 32,
    "imgsz": [128, 192],
    "task": "pose",
    "kpt_shape": [17, 3],
    "kpt_names": {0: ["nose"] * 17},
    "args": {"nms": False},
    "end2end": False,
    "description": "a model",
    "license": "Apache-2.0",
}
TEXT_TOKENS = (
    b"[",
    b"{",
    b"'",
    b"PosixPath('x')",
    b"9" * 6000,
    b"lambda: 0",
    b"*",
    b"**",
    b"(" * 300,
    b"-" * 5000,
    b"\\N{x}",
    b"0x",
    b"f'{x}'",
    b"nan",
    b"1e999",
    b"\0",
    b"\n",
)
HEADS = ("yolo_v8", "yolo_v5", "yolo_end2end", "tflite_detection", "vision_objects")


@cache
def _tiny_onnx() -> bytes:
    """Return a network of one product, small enough that a change of any byte matters."""
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Sigmoid", ["images"], ["y"]), helper.make_node("Reshape", ["y", "shape"], ["out"])],
        "tiny",
        [value("images", TensorProto.FLOAT, [1, 3, 28, 32])],
        [value("out", TensorProto.FLOAT, [1, 84, 32])],
        [helper.make_tensor("shape", TensorProto.INT64, [3], [1, 84, 32])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(
        model, {key: str(text) for key, text in ULTRALYTICS.items() if "kpt" not in key and key != "task"}
    )
    return bytes(model.SerializeToString())


@cache
def _openvino() -> dict[str, bytes]:
    import tempfile

    import openvino

    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "m.onnx"
        source.write_bytes(_tiny_onnx())
        openvino.save_model(openvino.convert_model(source), Path(scratch) / "m.xml", compress_to_fp16=False)
        return {f"m{end}": (Path(scratch) / f"m{end}").read_bytes() for end in (".xml", ".bin")}


def _metadata_yaml() -> bytes:
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in ULTRALYTICS.items()).encode()


def _xml_seeds() -> list[Files]:
    return [_openvino(), _openvino() | {"metadata.yaml": _metadata_yaml()}]


def _open(folder: Path, rng: random.Random) -> None:
    """Load a model and read its card, as ``run`` does."""
    path = next(path for path in sorted(folder.iterdir()) if path.suffix in (".onnx", ".param", ".xml"))
    backend = open_backend(path)
    try:
        read_card(backend, path=path)
    finally:
        backend.close()


def _ncnn_seeds() -> list[Files]:
    return [{"m.param": NCNN_PARAM, "m.bin": BESIDE[".param"], "metadata.yaml": _metadata_yaml()}]


def _xml_case(rng: random.Random, files: Files) -> Files:
    """Change what is read here: the metadata, the rt_info of the XML, or that files are there at all."""
    kind = rng.randrange(5)
    if kind == 0 or "metadata.yaml" not in files:
        xml = files["m.xml"]
        at = xml.find(b"<rt_info>")
        inside = xml[at:] if at >= 0 else xml
        files["m.xml"] = xml[: len(xml) - len(inside)] + mutate_bytes(rng, inside, TOKENS[".xml"])
        return files
    if kind == 1:
        files.pop(rng.choice(list(files)[1:]))
        return files
    files["metadata.yaml"] = mutate_bytes(rng, files["metadata.yaml"], TOKENS[".yaml"])
    return files


def _text_case(rng: random.Random, value: Any) -> str:
    """Return a value as metadata hold it, changed in structure or as a text."""
    document = mutate_document(rng, {"value": json.loads(json.dumps(value))}).get("value")
    kind = rng.randrange(3)
    try:
        text = repr(document) if kind else json.dumps(document)
    except (RecursionError, ValueError):
        text = "[" * 5000
    if kind == 2:
        text = mutate_bytes(rng, text.encode("utf-8", "replace"), TEXT_TOKENS).decode("utf-8", "replace")
    return text


def _metadata_case(rng: random.Random, files: Files) -> Files:
    metadata = {key: str(value) for key, value in ULTRALYTICS.items()}
    for _ in range(rng.choice((1, 1, 2, 4))):
        key = rng.choice(list(metadata) or ["names"])
        if rng.random() < 0.1:
            metadata.pop(key, None)
        else:
            metadata[key] = _text_case(rng, ULTRALYTICS.get(key))
    return {"metadata.json": json.dumps(metadata).encode()}


def _run_metadata(folder: Path, rng: random.Random) -> None:
    metadata = json.loads((folder / "metadata.json").read_bytes())
    parse_ultralytics(metadata, path=folder / "m.onnx")
    backend, _ = constant_network(rng.choice(HEADS))
    backend.metadata = metadata
    read_card(backend, path=folder / "m.onnx")  # type: ignore[arg-type]


def _card_case(rng: random.Random, files: Files) -> Files:
    card = ModelCard(head="yolo_v8", names=("a", "b"), input=InputCard(width_px=192, height_px=128))
    document = json.loads(card.model_dump_json())
    for _ in range(rng.choice((1, 1, 2, 5))):
        document = mutate_document(rng, document)
    try:
        text = json.dumps(document)
    except (RecursionError, ValueError):
        text = "[" * 100_000
    if rng.random() < 0.3:
        text = mutate_bytes(rng, text.encode(), TOKENS[".json"]).decode("utf-8", "replace")
    return {"card.json": text.encode()}


def _run_card(folder: Path, rng: random.Random) -> None:
    backend, _ = constant_network("yolo_v8")
    backend.metadata = {CARD_KEY: (folder / "card.json").read_text()}
    read_card(backend, path=folder / "m.onnx")  # type: ignore[arg-type]


def _zip_seeds() -> list[Files]:
    labels = {"labelmap.txt": b"???\nperson\nbicycle\n"}
    return [
        {"metadata.json": json.dumps(ULTRALYTICS).encode()},
        {"temp_meta.txt": repr(ULTRALYTICS).encode()},
        labels,
    ]


def _zip_case(rng: random.Random, files: Files) -> Files:
    """Put changed metadata into the zip behind a model, or change the bytes of the zip."""
    name, content = next(iter(files.items()))
    change = mutate_json if name.endswith(".json") else mutate_bytes
    content = change(rng, content, TEXT_TOKENS)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as entries:
        entries.writestr(name, content)
        if rng.random() < 0.2:
            entries.writestr(rng.choice(("other_labels.txt", "../labels.txt", name)), b"\0" * 5_000_000)
    data = archive.getvalue()
    if rng.random() < 0.4:
        data = mutate_bytes(rng, data, (b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04", b"\xff" * 4, b"\0"))
    return {"m.tflite": b"TFL3" + bytes(100) + data}


def _run_zip(folder: Path, rng: random.Random) -> None:
    path = folder / "m.tflite"
    metadata = read_appended_metadata(path)
    backend, _ = constant_network(rng.choice(HEADS))
    backend.metadata = metadata
    read_card(backend, path=path)  # type: ignore[arg-type]


def _run_scan(folder: Path, rng: random.Random) -> None:
    scan = scan_onnx((folder / "m.onnx").read_bytes(), name=str(folder / "m.onnx"))
    assert scan.precision in ("fp32", "fp16", "bf16", "int8")
    assert all(isinstance(name, str) for name in scan.external)


@cache
def _messages() -> tuple[Any, Any]:
    """Return Core ML's messages without the rest of the package, whose import takes a minute."""
    if "coremltools" in sys.modules:
        from coremltools.proto import FeatureTypes_pb2, Model_pb2

        return Model_pb2, FeatureTypes_pb2
    found = importlib.util.find_spec("coremltools")
    assert found is not None
    bare = types.ModuleType("coremltools")
    bare.__path__ = list(found.submodule_search_locations or ())
    sys.modules["coremltools"] = bare
    try:
        return tuple(importlib.import_module(f"coremltools.proto.{name}_pb2") for name in ("Model", "FeatureTypes"))  # type: ignore[return-value]
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "coremltools"]:
            del sys.modules[name]


@cache
def _core_ml() -> bytes:
    Model_pb2, FeatureTypes_pb2 = _messages()  # noqa: N806
    model = Model_pb2.Model(specificationVersion=7)
    picture = model.description.input.add(name="image")
    picture.type.imageType.width = 192
    picture.type.imageType.height = 128
    picture.type.imageType.colorSpace = FeatureTypes_pb2.ImageFeatureType.RGB
    confidence = model.description.input.add(name="confidenceThreshold")
    confidence.type.doubleType.SetInParent()
    for name, shape in (("confidence", [20, 4]), ("coordinates", [20, 4])):
        output = model.description.output.add(name=name)
        output.type.multiArrayType.shape.extend(shape)
        output.type.multiArrayType.dataType = 65568
    for key, value in ULTRALYTICS.items():
        model.description.metadata.userDefined[key] = str(value)
    return model.SerializeToString()


def _run_core_ml(folder: Path, rng: random.Random) -> None:
    from google.protobuf.message import DecodeError

    model = _messages()[0].Model()
    try:
        model.ParseFromString((folder / "model.mlmodel").read_bytes())
    except DecodeError:
        return  # what coremltools raises becomes a sentence where the package is opened
    path = folder / "model.mlpackage"
    package = CoreMlPackage.read(model, path=path)
    backend, _ = constant_network("vision_objects")
    backend.metadata = package.metadata
    backend.input, backend.outputs = package.input, package.outputs
    read_card(backend, path=path)  # type: ignore[arg-type]


MODELS = [
    Target(
        name="onnx",
        group="models",
        seeds=lambda: [{"m.onnx": _tiny_onnx()}],
        run=_open,
        seconds=20.0,
        memory_bytes=4 << 30,
    ),
    Target(
        name="openvino",
        group="models",
        seeds=_xml_seeds,
        make=_xml_case,
        run=_open,
        seconds=20.0,
        memory_bytes=4 << 30,
    ),
    Target(name="ncnn", group="models", seeds=_ncnn_seeds, run=_open, seconds=20.0, memory_bytes=4 << 30),
    Target(name="ultralytics", group="models", seeds=lambda: [{}], make=_metadata_case, run=_run_metadata, seconds=5.0),
    Target(name="card", group="models", seeds=lambda: [{}], make=_card_case, run=_run_card, seconds=5.0),
    Target(name="tflite-metadata", group="models", seeds=_zip_seeds, make=_zip_case, run=_run_zip, seconds=5.0),
    Target(name="onnx-scan", group="models", seeds=lambda: [{"m.onnx": _tiny_onnx()}], run=_run_scan, seconds=5.0),
    Target(
        name="core-ml", group="models", seeds=lambda: [{"model.mlmodel": _core_ml()}], run=_run_core_ml, seconds=5.0
    ),
]
