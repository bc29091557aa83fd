"""Runs a pipeline from the command line: page, progress, Ctrl-C, report."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

import click

from pipelines.engine import Pipeline
from pipelines.workers import WorkerPool
from streamvision.cli.progress import Progress
from streamvision.cli.written_files import described, written_files
from streamvision.core.config.app import AppConfig
from streamvision.core.status import StreamStatus
from streamvision.web import listening, web_server

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
POLL_S = 0.2


def run_session(config: AppConfig, *, as_json: bool, on_served: Callable[[str], object] | None = None) -> int:
    """Run to the end of all streams, or until a signal; return the exit code.

    0: every stream ended well. 1: something failed for good. 128 + n: stopped by signal n (130 for Ctrl-C).

    Raises:
        StreamVisionError: when the run cannot begin.
    """
    begin_s = time.monotonic()
    reported: set[str] = set()
    with _stop_signals() as received, listening(config.serve) as listener:
        pipeline = WorkerPool(config) if config.workers > 1 else Pipeline(config)
        for note in pipeline.notes():
            click.echo(note, err=True)
        server = web_server(config.serve, pipeline.view, listener=listener)
        try:
            if server:
                server.start()
                _announce(server.url, config)
                if on_served:
                    on_served(server.url)
            with pipeline, Progress() as progress:
                while not received and not pipeline.wait(POLL_S):
                    progress.show(pipeline.statuses())
                    _say_failures(pipeline.failures(), reported, progress.say)
        finally:
            if server:
                server.stop()
    report = _report(pipeline, time.monotonic() - begin_s, interrupted=bool(received))
    if as_json:
        click.echo(json.dumps(report))
    else:
        _print_report(pipeline.statuses())
    _say_failures(report["failures"], reported, partial(click.echo, err=True))
    if report["failures"]:
        return 1
    return 128 + received[0] if received else 0


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM; the second one acts as it always does, so that nobody is ever stuck."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        signal.signal(number, signal.SIG_DFL)

    for number in previous:
        signal.signal(number, note)
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _announce(url: str, config: AppConfig) -> None:
    click.echo(f"Watch at {url}", err=True)
    if config.serve and config.serve.host not in LOOPBACK:
        click.echo(
            "The page has no password and listens beyond this machine: keep it inside a trusted network.", err=True
        )


def _say_failures(failures: list[str], reported: set[str], say: Callable[[str], None]) -> None:
    """Say what failed, each failure once: at once where other streams go on, else at the end."""
    for failure in failures:
        if failure not in reported:
            reported.add(failure)
            say(f"streamvision: {failure}")


def _report(pipeline: Pipeline | WorkerPool, seconds: float, *, interrupted: bool) -> dict[str, Any]:
    return {
        "streams": [status.to_json() for status in pipeline.statuses()],
        "model": pipeline.view.model,
        "model_notes": list(pipeline.notes()),
        "stages_ms": pipeline.stages_ms(),
        "seconds": round(seconds, 3),
        "interrupted": interrupted,
        "failures": pipeline.failures(),
        "files": [str(file) for file in written_files(pipeline.statuses())],
    }


def _print_report(statuses: list[StreamStatus]) -> None:
    _print_streams(statuses)
    if files := written_files(statuses):
        click.echo("\n".join(["Written:", *described(files)]))


def _print_streams(statuses: list[StreamStatus]) -> None:
    for status in statuses:
        age = (
            f", age p50 {status.age_s['p50'] * 1e3:.0f} ms, p99 {status.age_s['p99'] * 1e3:.0f} ms"
            if status.age_s
            else ""
        )
        drops = ", ".join(f"{count} {cause}" for cause, count in sorted(status.drops.items())) or "none"
        seen = ", ".join(f"{count} {name}" for name, count in sorted(status.identities.items())) or "none"
        click.echo(
            f"{status.id}: {status.state}, {status.frames_done} frames, {status.fps:.1f} fps{age}; "
            f"dropped: {drops}; identities: {seen}"
        )
        if status.adaptive:
            plans = ", ".join(f"{count} {kind}" for kind, count in status.adaptive.plans.items())
            click.echo(f"  adaptive: {status.adaptive.share:.0%} of showing every frame in full ({plans})")
        for output in status.outputs:
            if output.failures or output.lost:
                lost = ", ".join(f"{count} {cause}" for cause, count in sorted(output.lost.items())) or "none"
                click.echo(f"  output {output.name}: {output.state}; failed {output.failures} times; lost: {lost}")
        for stage in status.stages:
            why = f" ({stage.reason})" if stage.reason else ""
            click.echo(
                f"  stage {stage.name}: {stage.state}{why}; {stage.done} done, {stage.overruns} too late, "
                f"{stage.skipped} skipped, {stage.failures} failed"
            )
