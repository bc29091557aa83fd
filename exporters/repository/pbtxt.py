"""Triton's ``config.pbtxt``: protobuf's text format, as the server's documentation on model configuration has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streamvision.inference.backends.kserve.description import DATATYPES
from streamvision.inference.tensors import TensorSpec


def config_text(
    name: str,
    backend: str,
    *,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    max_batch: int,
    parameters: Mapping[str, str],
) -> str:
    """Return the file's text.

    Args:
        name: of the model on the server.
        backend: what executes it there.
        inputs: as the model has them; none where the server is to find them out.
        outputs: likewise.
        max_batch: most pictures of one call, for models that take any number, which the server then gathers; 0: the
            batch is the model's own.
        parameters: by name, what goes along with the model.
    """
    lines = [f"name: {quoted(name)}", f"backend: {quoted(backend)}", f"max_batch_size: {max_batch}"]
    for kind, specs in (("input", inputs), ("output", outputs)):
        lines += [_tensor(kind, spec, without_batch=max_batch > 0) for spec in specs]
    if max_batch > 1:
        lines.append("dynamic_batching { }")
    for key, value in parameters.items():
        lines.append(f"parameters {{ key: {quoted(key)} value {{ string_value: {quoted(value)} }} }}")
    return "\n".join([*lines, ""])


def quoted(text: str) -> str:
    """Return a text as a string of the format, all but printable ASCII escaped.

    >>> print(quoted('a "b" é'))
    "a \\"b\\" \\303\\251"
    """
    escaped = {ord('"'): '\\"', ord("\\"): "\\\\", ord("\n"): "\\n"}
    return '"' + "".join(escaped.get(c) or (chr(c) if 32 <= c < 127 else f"\\{c:03o}") for c in text.encode()) + '"'


def _tensor(kind: str, spec: TensorSpec, *, without_batch: bool) -> str:
    shape = spec.shape[1:] if without_batch else spec.shape
    dims = ", ".join("-1" if n is None else str(n) for n in shape)
    return f"{kind} {{ name: {quoted(spec.name)} data_type: TYPE_{DATATYPES[spec.dtype]} dims: [ {dims} ] }}"
