"""Twelve cameras on three machines, of which one is cut off, killed, and comes back, and another loses its power.

What is written down: when the process on the machine that was cut off ended, when another machine asked each of its
cameras for the first time, and when the page said that the stream is live there; which frame numbers the other streams
miss, beside as long a time before; and how streams are spread after the machine is back.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

from benchmarks.cluster.network import Network
from benchmarks.cluster.setting import STARTS_WITHIN_S, Page, film, serving, until
from support.ray_machines import RayMachine
from support.rtsp_server import RtspServer

HOSTS = ("north", "south", "west")
CAMERAS = "cameras"
FPS = 5
QUIET_S = 15.0
"""How long nothing happens, before and between."""
BACK_WITHIN_S = 300.0
ESTABLISHED = "01"
LOOK_S = 0.02


def failover(folder: Path, streams: int) -> dict[str, Any]:
    """Return what was measured."""
    with ExitStack() as stack:
        network = stack.enter_context(Network(*HOSTS, CAMERAS))
        cameras = _cameras(stack, folder, network, streams)
        machines: dict[str, RayMachine] = {}
        for name in HOSTS:
            begun = machines[HOSTS[0]].address if machines else None
            where = {"ip": network.address(name), "within": network.within(name)}
            machines[name] = RayMachine(name, begun, cores=2, **where)  # type: ignore[arg-type]
            stack.enter_context(machines[name])
        first = HOSTS[0]
        page = stack.enter_context(
            serving(
                folder / "service",
                address=machines[first].address,
                host=network.address(first),
                within=network.within(first),
                sources={name: camera.url for name, camera in cameras.items()},
                model={},
            )
        )
        until(lambda: len(page.live()) == streams, "all are live", STARTS_WITHIN_S)
        spread = _spread(page)
        cut = _cut(network, machines, cameras, page)
        back = _back(network, machines, page)
        killed = _killed(machines["west"], cameras, network, page)
        found = [json.loads(line) for line in (folder / "service" / "found.jsonl").read_text().splitlines()]
    return {
        "streams": streams,
        "fps": FPS,
        "spread": spread,
        "cut_off": _with_others(cut, found),
        "back": back,
        "killed": _with_others(killed, found),
    }


def _cameras(stack: ExitStack, folder: Path, network: Network, count: int) -> dict[str, RtspServer]:
    path = film(folder, FPS)
    found = {}
    for number in range(1, count + 1):
        camera = RtspServer(
            path,
            port=8500 + number,
            copied=True,
            shared=False,
            address=network.address(CAMERAS),
            within=network.within(CAMERAS),
        )
        found[f"cam-{number}"] = stack.enter_context(camera)
    return found


def _cut(
    network: Network, machines: dict[str, RayMachine], cameras: dict[str, RtspServer], page: Page
) -> dict[str, Any]:
    machine = machines["south"]
    process = next(one for one in machine.processes() if "NodeProcess" in "".join(one.cmdline()))
    moving, staying = _theirs(page, "south")
    time.sleep(QUIET_S)
    with _watching(cameras, moving, network.address("south"), process) as watch:
        began_s, began_unix_s = time.monotonic(), time.time()
        network.cut("south")
        elsewhere_s = _elsewhere(page, moving, "south", began_s)
        ended_s = watch.ended_at_s
        asked_s = dict(watch.asked_at_s)
    time.sleep(QUIET_S)
    machine.kill()
    return {
        "streams": len(moving),
        "process_ended_after_s": None if ended_s is None else round(ended_s - began_s, 2),
        "asked_by_another_after_s": _figures({name: at_s - began_s for name, at_s in asked_s.items()}),
        "live_elsewhere_after_s": _figures(elsewhere_s),
        "ran_twice": [name for name, at_s in asked_s.items() if ended_s is None or at_s < ended_s],
        "staying": staying,
        "span_unix_s": (began_unix_s, time.time()),
    }


def _back(network: Network, machines: dict[str, RayMachine], page: Page) -> dict[str, Any]:
    network.mend("south")
    machines["south"].start()
    begin_s = time.monotonic()
    first_s = until(lambda: _spread(page).get("south", 0) >= 1, "one stream runs on south again", BACK_WITHIN_S)
    until(lambda: _spread(page).get("south", 0) >= 3, "three streams run on south again", BACK_WITHIN_S)
    third_s = time.monotonic() - begin_s
    return {"first_stream_after_s": round(first_s, 1), "third_after_s": round(third_s, 1), "spread": _spread(page)}


def _killed(machine: RayMachine, cameras: dict[str, RtspServer], network: Network, page: Page) -> dict[str, Any]:
    moving, staying = _theirs(page, machine.name)
    time.sleep(QUIET_S)
    began_s, began_unix_s = time.monotonic(), time.time()
    machine.kill()
    elsewhere_s = _elsewhere(page, moving, machine.name, began_s)
    time.sleep(QUIET_S)
    return {
        "streams": len(moving),
        "live_elsewhere_after_s": _figures(elsewhere_s),
        "staying": staying,
        "span_unix_s": (began_unix_s, time.time()),
    }


def _theirs(page: Page, node: str) -> tuple[list[str], list[str]]:
    """Return the streams of a machine, and those of the others."""
    places = {name: one["node"] for name, one in page.streams().items()}
    return [name for name, at in places.items() if at == node], [name for name, at in places.items() if at != node]


def _elsewhere(page: Page, moving: Sequence[str], node: str, began_s: float) -> dict[str, float]:
    """Return when each stream was live on another machine, in seconds."""
    found: dict[str, float] = {}

    def is_over() -> bool:
        for name, one in page.streams().items():
            if name in moving and name not in found and one["node"] not in (node, None) and one["frames_done"]:
                found[name] = time.monotonic() - began_s
        return len(found) == len(moving)

    until(is_over, "all are live elsewhere", BACK_WITHIN_S)
    return found


class _Watch:
    """Looks when a process ended, and when another machine has a connection to each camera."""

    def __init__(self) -> None:
        self.ended_at_s: float | None = None
        self.asked_at_s: dict[str, float] = {}


@contextmanager
def _watching(
    cameras: dict[str, RtspServer], moving: Sequence[str], address: str, process: psutil.Process
) -> Iterator[_Watch]:
    watch, over = _Watch(), threading.Event()
    names = {cameras[name].port: name for name in moving}
    table = Path(f"/proc/{next(iter(cameras.values())).pid}/net/tcp")  # of the cameras' namespace

    def look() -> None:
        while not over.wait(LOOK_S):
            if watch.ended_at_s is None and not _runs(process):
                watch.ended_at_s = time.monotonic()
            for port, peer in _connections(table):
                if port in names and peer != address:
                    watch.asked_at_s.setdefault(names[port], time.monotonic())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join(5)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _connections(table: Path) -> Iterator[tuple[int, str]]:
    """Yield local port and peer of each connection of a namespace (proc_pid_net(5))."""
    for line in table.read_text().splitlines()[1:]:
        _, local, peer, state = line.split()[:4]
        if state == ESTABLISHED:
            number = bytes.fromhex(peer.partition(":")[0])[::-1]
            yield int(local.partition(":")[2], 16), ".".join(map(str, number))


def _spread(page: Page) -> dict[str, int]:
    return dict(Counter(one["node"] or "none" for one in page.streams().values()))


def _with_others(figures: dict[str, Any], found: list[dict[str, Any]]) -> dict[str, Any]:
    others = _missed(found, figures.pop("staying"), figures.pop("span_unix_s"))
    return {**figures, "others": others}


def _missed(found: list[dict[str, Any]], names: Sequence[str], span_unix_s: tuple[float, float]) -> dict[str, Any]:
    """Return how many frame numbers these streams miss within a span, and within as long a time before it."""
    begin_s, end_s = span_unix_s
    spans = {"before": (2 * begin_s - end_s, begin_s), "while": span_unix_s}
    figures: dict[str, Any] = {"streams": len(names)}
    for label, (from_s, to_s) in spans.items():
        frames = missed = twice = 0
        for name in names:
            numbers = [one["frame"] for one in found if one["stream"] == name and from_s <= one["time_unix_s"] < to_s]
            steps = [later - earlier for earlier, later in pairwise(numbers)]
            frames += len(numbers)
            missed += sum(step - 1 for step in steps if step > 1)
            twice += sum(step < 1 for step in steps)
        figures[label] = {"frames": frames, "missed": missed, "twice_or_begun_anew": twice}
    return figures


def _figures(seconds: dict[str, float]) -> dict[str, float]:
    values = sorted(seconds.values())
    return {"first": round(values[0], 2), "last": round(values[-1], 2)} if values else {}
