"""How many frames a second one, two and three machines finish where the neural network alone is what limits them.

All machines of this measurement are namespaces of one computer, whose cores they share. So the network is made slow by
waiting, not by computing: a backend of another package that runs ONNX Runtime and then sleeps. What is measured is then
what the cluster adds, not what the computer has.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.cluster.network import Network
from benchmarks.cluster.setting import STARTS_WITHIN_S, Page, serving, until
from support.ray_machines import RayMachine

WAIT_S = 0.1
"""How long each call of the network waits: ten frames a second and machine, at most."""
STREAM_FPS = 8
STREAMS = 6
WORKERS = ("north", "south", "west")
DESK = "desk"
SETTLE_S = 8.0
MODULE = """
import time

from streamvision.inference.backends.onnx_runtime import OnnxRuntimeBackend
from streamvision.inference.backends.registry import BackendPlugin


class SlowBackend(OnnxRuntimeBackend):
    name = "slow"

    def run(self, tensor):
        time.sleep({wait_s})
        return super().run(tensor)


PLUGIN = BackendPlugin(
    name="slow",
    factory="slow_backend:SlowBackend",
    summary="slow",
    endings=(".onnx",),
    accepts="an .onnx file",
    package="onnxruntime",
)
"""


def throughput(folder: Path, seconds: float) -> dict[str, Any]:
    """Return frames a second by number of machines, and the share of as many times one machine's."""
    site = _package(folder)
    rates: dict[int, float] = {}
    with ExitStack() as stack:
        network = stack.enter_context(Network(DESK, *WORKERS))
        desk = RayMachine(DESK, cores=0, ip=network.address(DESK), within=network.within(DESK), paths=(site,))
        stack.enter_context(desk)
        for count, name in enumerate(WORKERS, 1):
            machine = RayMachine(
                name,
                desk.address,
                cores=2,
                ip=network.address(name),
                within=network.within(name),
                paths=(site,),
            )
            stack.enter_context(machine)
            with serving(
                folder / f"service-{count}",
                address=desk.address,
                host=network.address(DESK),
                within=network.within(DESK),
                sources={f"cam-{n}": f"synthetic:boxes?fps={STREAM_FPS}&size=320x180" for n in range(STREAMS)},
                model={"backend": "slow", "score": 0.05},
                paths=(site,),
            ) as page:
                _wait_spread(page, count)
                time.sleep(SETTLE_S)
                rates[count] = _rate(page, seconds)
    linear = {count: round(rate / (count * rates[1]), 3) for count, rate in rates.items()}
    return {
        "wait_ms": WAIT_S * 1e3,
        "streams": STREAMS,
        "stream_fps": STREAM_FPS,
        "frames_per_s": {count: round(rate, 2) for count, rate in rates.items()},
        "of_linear": linear,
    }


def _wait_spread(page: Page, count: int) -> None:
    """Wait until all streams are live, on so many machines."""

    def is_spread() -> bool:
        return len(page.live()) == STREAMS and len({one["node"] for one in page.streams().values()}) == count

    until(is_spread, f"all are live on {count} machines", STARTS_WITHIN_S)


def _rate(page: Page, seconds: float) -> float:
    before, begin_s = _done(page), time.monotonic()
    time.sleep(seconds)
    return (_done(page) - before) / (time.monotonic() - begin_s)


def _done(page: Page) -> int:
    return sum(one["frames_done"] for one in page.streams().values())


def _package(folder: Path) -> Path:
    """Return a folder as ``pip install --target`` leaves it, with the slow backend."""
    site = folder / "site"
    facts = site / "slow_backend-1.0.dist-info"
    facts.mkdir(parents=True)
    (site / "slow_backend.py").write_text(MODULE.format(wait_s=WAIT_S))
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: slow-backend\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[streamvision.backends]\nslow = slow_backend:PLUGIN\n")
    return site
