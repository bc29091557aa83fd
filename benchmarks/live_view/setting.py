"""What all parts need: films, cameras, a server in a process of its own, and its page in Chromium."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, Page

from support.browser import TestBrowser
from support.numbered_film import make_film, make_model
from support.rtsp_server import RtspServer
from support.run_server import run_server
from support.shown_pictures import ShownPictures

HOST = "camera-page.test"
"""A name of this machine that browsers do not trust as they trust 127.0.0.1."""
WINDOW = {"width": 1440, "height": 900}
SETTLES_S = 3.0

_FILMS: Mapping[str, Mapping[str, Any]] = {
    "h264.mp4": {},
    "b-frames.mp4": {"b_frames": 2},
    "hevc.mp4": {"codec": "libx265"},
    "mjpeg.mkv": {"codec": "mjpeg"},
    "h264-smaller.mp4": {"size": (1280, 720), "bit_s": 2_000_000},
}


@dataclass(frozen=True)
class Setting:
    """Where all is kept, and what is measured with."""

    work: Path
    """Folder of films, logs and figures."""
    background: Path | None
    """Photographs that are seen behind the numbers, so that pictures weigh what a camera's weigh."""
    seconds: float
    """How long each thing is measured."""
    frames: int
    """How many pictures in a row must have their boxes."""
    size: tuple[int, int] = (1920, 1080)
    """Of the cameras' pictures."""
    film_frames: int = 500
    """Of each film, which begins again after them; a multiple of the frames that the object takes around."""
    screenshots: int = 40
    """How many are taken of each way of showing."""

    def film(self, name: str) -> Path:
        """Return a film of that name, which is made at its first use."""
        path = self.work / f"{'photographs' if self.background else 'pattern'}-{name}"
        if not path.is_file():
            part = path.with_stem(f"{path.stem}-part")
            options = {"size": self.size, **_FILMS[name]}
            make_film(part, frames=self.film_frames, background=self.background, **options)
            part.rename(path)
        return path

    @property
    def model(self) -> Path:
        """A network that finds the film's object."""
        path = self.work / "bright-object.onnx"
        return path if path.is_file() else make_model(path)

    @contextmanager
    def camera(self, film: str = "h264.mp4", *, port: int = 0) -> Iterator[Camera]:
        """Run a camera for the length of the block."""
        times = self.work / f"times-{time.monotonic_ns()}.txt"
        times.touch()
        try:
            with RtspServer(self.film(film), copied=True, times=times, port=port) as server:
                yield Camera(server, times)
        finally:
            times.unlink()


@dataclass(frozen=True)
class Camera:
    """A camera, and what it notes of what it sends."""

    server: RtspServer
    """It; its address is ``server.url``."""
    times: Path
    """Number and time of each picture."""


@dataclass(frozen=True)
class Server:
    """The program as people run it."""

    url: str
    """Of its page."""
    port: int
    """Where it listens."""
    process: psutil.Process
    """It."""

    def cpu_s(self) -> float:
        """Return its processor time so far."""
        return cpu_s([self.process])


def cpu_s(processes: Sequence[psutil.Process]) -> float:
    """Return the processor time of these processes and their children; those that are gone count as nothing."""
    each = {process.pid: process for root in processes for process in (root, *_children(root))}
    total = 0.0
    for process in each.values():
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


@contextmanager
def served(setting: Setting, sources: Mapping[str, str], **document: Any) -> Iterator[Server]:
    """Run ``streamvision run`` for the length of the block.

    Args:
        setting: where its files go.
        sources: the source of each stream, by its id.
        document: further sections of its configuration.
    """
    settled = {"tracker": {"name": "none"}} | document  # boxes are where the network finds the object
    with run_server(setting.work, setting.model, sources, serve={"host_names": [HOST]}, **settled) as running:
        yield Server(running.url, running.port, psutil.Process(running.pid))


@contextmanager
def browsing() -> Iterator[Browser]:
    """Run Chromium for the length of the block; :data:`HOST` leads to this machine."""
    with TestBrowser(f"--host-resolver-rules=MAP {HOST} 127.0.0.1") as kept:
        yield kept.lent()


def browser_processes() -> list[psutil.Process]:
    """Return the running browser's processes: all that this one has started, but for servers and cameras."""
    mine = psutil.Process().children(recursive=True)
    return [one for one in mine if "chrom" in _name(one)]


def _name(process: psutil.Process) -> str:
    try:
        return process.name().lower()
    except psutil.Error:
        return ""


@contextmanager
def watched(browser: Browser, url: str, *, video: str = "auto", boxes: str = "exact") -> Iterator[Page]:
    """Open a page and wait until all its tiles have a picture.

    Args:
        browser: in which.
        url: which.
        video: ``auto``, or ``mjpeg``, as one chooses it on the page.
        boxes: ``exact`` or ``fresh``.
    """
    with ExitStack() as stack:
        context = browser.new_context(viewport=WINDOW)
        stack.callback(context.close)
        context.add_init_script(
            f"localStorage.setItem('live-video', '{video}'); localStorage.setItem('live-boxes', '{boxes}')"
        )
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.goto(url)
        page.locator(".tile:not([hidden])").first.wait_for()
        page.wait_for_function("() => !document.querySelector('.tile:not([hidden]):not(.has-picture)')")
        page.wait_for_timeout(1000 * SETTLES_S)
        yield page


def reader_of(page: Page) -> ShownPictures:
    """Return a reader of what the page shows."""
    return ShownPictures(page)


def way_of(page: Page, stream: str | None = None) -> str:
    """Return the sentence in which the page says how the picture comes; empty where it says nothing."""
    tile = page.locator(f'.tile[data-stream="{stream}"]' if stream else ".tile").first
    told = tile.locator(".told")
    return str(told.text_content() or "") if told.count() else ""
