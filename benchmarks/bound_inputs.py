"""What a call into ONNX Runtime costs with bound inputs and outputs, and for how long it holds Python's lock.

``python -m benchmarks.bound_inputs [--device cpu|cuda] [--megabytes N] [--calls N]``: a plain call, bound arrays, and a
bound buffer on the device that each call's input is copied into, in turn.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from streamvision.inference.backends.onnx_import import import_onnxruntime
from streamvision.inference.backends.onnx_runtime import PROVIDERS

SWITCH_S = 0.0005
"""How soon a thread asks another for Python's lock while this runs; usually ten times as long."""
WARM_UP_CALLS = 3


class Ticker:
    """A thread that needs nothing but Python's lock, and notes the longest time that it had to wait for it."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._last_s = time.perf_counter()
        self._ended = False
        self._thread = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Ticker:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended = True
        self._thread.join()

    def start_again(self) -> None:
        """Forget what was noted."""
        self.longest_s, self._last_s = 0.0, time.perf_counter()

    def _tick(self) -> None:
        while not self._ended:
            now_s = time.perf_counter()
            self.longest_s, self._last_s = max(self.longest_s, now_s - self._last_s), now_s
            time.sleep(0)


def ways(session: Any, ort: Any, tensor: NDArray[Any], device: str) -> dict[str, Callable[[], object]]:
    """Return by name what carries one call out, or a part of it."""
    buffer = ort.OrtValue.ortvalue_from_shape_and_type(tensor.shape, tensor.dtype.type, device, 0)
    bound = session.io_binding()

    def bind_array() -> None:
        bound.bind_cpu_input("x", tensor)
        bound.bind_output("y", "cpu")

    def fill_buffer() -> None:
        buffer.update_inplace(tensor)
        bound.bind_ortvalue_input("x", buffer)
        bound.bind_output("y", "cpu")

    return {
        "plain call": lambda: session.run(None, {"x": tensor}),
        "binding the array": bind_array,
        "the call with it": lambda: session.run_with_iobinding(bound),
        "filling and binding a buffer": fill_buffer,
        "the call with that": lambda: session.run_with_iobinding(bound),
        "`copy_outputs_to_cpu`": bound.copy_outputs_to_cpu,
    }


@click.command()
@click.option("--device", type=click.Choice(("cpu", "cuda")), default="cpu", show_default=True)
@click.option("--megabytes", type=click.IntRange(1), default=64, show_default=True, help="Of the input.")
@click.option("--calls", type=click.IntRange(1), default=15, show_default=True)
def main(device: str, megabytes: int, calls: int) -> None:
    """Measure a network that only copies: large, so that the time of a copy is more than that of a busy machine."""
    ort = import_onnxruntime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    tensor = np.ones(megabytes << 18, np.float32)
    wanted = [PROVIDERS[device]] if device == "cpu" else [PROVIDERS[device], PROVIDERS["cpu"]]
    session = ort.InferenceSession(_negation(len(tensor)), options, providers=wanted, enable_fallback=0)
    if session.get_providers()[0] != PROVIDERS[device]:
        raise click.ClickException(f"{device} does not start here; see 'streamvision doctor'")
    sys.setswitchinterval(SWITCH_S)
    measured: dict[str, list[tuple[float, float]]] = {}
    with Ticker() as ticker:
        for number in range(calls + WARM_UP_CALLS):
            for way, call in ways(session, ort, tensor, device).items():
                ticker.start_again()
                started_s = time.perf_counter()
                call()
                took_s = time.perf_counter() - started_s
                time.sleep(SWITCH_S)  # until the other thread has noted for how long it waited
                if number >= WARM_UP_CALLS:
                    measured.setdefault(way, []).append((took_s, ticker.longest_s))
    click.echo("| way | takes | longest wait of another thread for Python's lock |\n|---|---|---|")
    for way, times in measured.items():
        took_ms, waited_ms = (1000 * statistics.median(column) for column in zip(*times, strict=True))
        click.echo(f"| {way} | {took_ms:.1f} ms | {waited_ms:.1f} ms |")


def _negation(values: int) -> bytes:
    """Return a network of one operator that reads and writes so many values once."""
    from onnx import TensorProto, helper

    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [values]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "negation", ports[:1], ports[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


if __name__ == "__main__":
    main()
