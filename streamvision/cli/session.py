"""Runs a pipeline from the command line: page, progress, Ctrl-C, report."""

from __future__ import annotations

import json
import logging
import shlex
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines.engine import Pipeline
from pipelines.live_video.live_video import offer_packets
from pipelines.outputs.collecting import Tally
from pipelines.restream import offer_videos
from pipelines.workers import WorkerPool
from streamvision.cli.mqtt import mqtt_publisher
from streamvision.cli.notifying import notifying
from streamvision.cli.page_options import announce, ask_first_admin
from streamvision.cli.progress import Progress
from streamvision.cli.service_manager import ServiceManager
from streamvision.cli.signals import exit_code, handled_signals
from streamvision.cli.written_files import described, written_files
from streamvision.core.config.app import AppConfig
from streamvision.core.errors import StreamVisionError
from streamvision.core.health import hangs
from streamvision.core.logs import say, say_failure, shown_once
from streamvision.core.status import StreamStatus
from streamvision.core.stream_state import FINAL_STATES
from streamvision.core.words import counted
from streamvision.service.labelling import end_labelling, offer_labelling
from streamvision.service.page_access import page_access
from streamvision.state.folder import default_folder
from streamvision.web import listening, web_server
from streamvision.web.open_files import raise_limit

if TYPE_CHECKING:
    from streamvision.notify.notifier import Notifier
    from streamvision.service.service import Service

_log = logging.getLogger(__name__)

POLL_S = 0.2


def run_session(
    config: AppConfig,
    *,
    as_json: bool,
    on_served: Callable[[str], object] | None = None,
    on_reload: Callable[[], None] | None = None,
    service: Service | None = None,
    state: Path | None = None,
    database: str | None = None,
) -> int:
    """Run to the end of all streams, or until a signal; return the exit code.

    0: every stream ended well, or SIGTERM asked for the end. 1: something failed for good. 128 + n: stopped by another
    signal n (130 for Ctrl-C).

    Args:
        config: everything that can be set.
        as_json: whether the report is one JSON document.
        on_served: called with the page's address.
        on_reload: called at SIGHUP; without it, SIGHUP ends the run.
        service: what runs, in place of a pipeline of its own; what one of its streams lacks is no failure of it.
        state: the folder with the users of the page, and its certificate; default: the usual one.
        database: address of a database with the users; default: in the state folder, or the service's.

    Raises:
        StreamVisionError: when the run cannot begin.
    """
    begin_s = time.monotonic()
    told: set[str] = set()
    manager = ServiceManager()
    state = state or default_folder()
    with (
        page_access(
            config.serve,
            state,
            service.database if service else database,
            ask_first_admin=ask_first_admin,
            by_link=service is not None,
        ) as access,
        handled_signals(reloads=on_reload is not None) as signals,
        listening(config.serve) as listener,
        nullcontext(None) if service else notifying(config, state) as notifier,
    ):
        pipeline = service or _pipeline(config, notifier)
        for note in pipeline.notes():
            say(note)
        if config.serve:
            raise_limit()  # each viewer is one open file
            encoders = offer_videos(pipeline.view, encoder=config.serve.encoder)
            offer_packets(pipeline.view, pipeline.relays, encoders)
            offer_labelling(pipeline.view, service.config.collect if service else config.collect)
        server = web_server(
            config.serve, pipeline.view, listener=listener, login=access.login, certificate=access.certificate
        )
        publisher = mqtt_publisher(config, pipeline.view, state / "mqtt" if service else None)
        try:
            if server and config.serve:
                server.start()
                announce(server, config.serve, access, state)
                if on_served:
                    on_served(server.url)
            with pipeline, Progress(in_log=service is None) as progress:
                manager.ready()
                if publisher:
                    publisher.start()
                while not signals.stop and not pipeline.wait(POLL_S):
                    if on_reload and signals.take_reload():
                        _reload(on_reload, manager)
                    failures, statuses = pipeline.failures(), pipeline.statuses()
                    progress.show(statuses, *(tally.describe() for tally in _collected(pipeline)))
                    if service or any(status.state not in FINAL_STATES for status in statuses):  # else the end says it
                        _say_failures(failures, told, progress)
                    if not any(map(hangs, statuses)) and (server is None or server.serving):
                        manager.alive()
                manager.stopping()
        finally:
            if publisher:
                publisher.stop()
            if server:
                server.stop()
            if pipeline.view.labelling is not None:
                end_labelling(pipeline.view.labelling)
    report = _report(pipeline, time.monotonic() - begin_s, interrupted=signals.stop is not None)
    if as_json:
        click.echo(json.dumps(report))
    else:
        _print_report(pipeline.statuses())
        for tally in _collected(pipeline):
            _print_collected(tally)
    for failure in report["failures"]:
        if failure not in told or not shown_once():
            say_failure(failure)
    if report["failures"] and service is None:
        return 1
    return exit_code(signals.stop)


def _pipeline(config: AppConfig, notifier: Notifier | None) -> Pipeline | WorkerPool:
    if config.workers > 1:
        return WorkerPool(config)
    pipeline = Pipeline(config, sinks=[notifier] if notifier else [])
    pipeline.view.notify = notifier
    return pipeline


def _reload(on_reload: Callable[[], None], manager: ServiceManager) -> None:
    """Read the configuration anew; a fault in it changes nothing."""
    manager.reloading()
    try:
        on_reload()
    except StreamVisionError as error:
        _log.error("the configuration was not reloaded: %s", error)
    except Exception:
        _log.exception("the configuration was not reloaded")
    finally:
        manager.ready()


def _say_failures(failures: list[str], told: set[str], progress: Progress) -> None:
    """Say at once what failed while other streams go on, each failure once."""
    for failure in failures:
        if failure not in told:
            told.add(failure)
            progress.say_failure(failure)


def _report(pipeline: Pipeline | WorkerPool | Service, seconds: float, *, interrupted: bool) -> dict[str, Any]:
    return {
        "streams": [status.to_json() for status in pipeline.statuses()],
        "model": pipeline.view.model,
        "model_notes": list(pipeline.notes()),
        "stages_ms": pipeline.stages_ms(),
        "seconds": round(seconds, 3),
        "interrupted": interrupted,
        "failures": pipeline.failures(),
        "files": [str(file) for file in written_files(pipeline.statuses())],
        **({"collected": collected[0].to_json()} if (collected := _collected(pipeline)) else {}),
    }


def _print_report(statuses: list[StreamStatus]) -> None:
    _print_streams(statuses)
    if files := written_files(statuses):
        click.echo("\n".join(["Written:", *described(files)]))


def _collected(pipeline: Pipeline | WorkerPool | Service) -> list[Tally]:
    """Return what was collected, where anything is."""
    runner = pipeline if isinstance(pipeline, (Pipeline, WorkerPool)) else pipeline.pipeline
    tally = runner.collected if isinstance(runner, Pipeline) else None
    return [] if tally is None else [tally]


def _print_collected(tally: Tally) -> None:
    """Say what was kept to be labelled, and what comes next."""
    left_out = [
        f"{counted(count, several)} {what}"
        for count, several, what in (
            (tally.near_duplicates, "frames", "looked like others"),
            (tally.replaced, "frames", "made room for harder ones"),
        )
        if count
    ]
    click.echo(f"{tally.folder}: {'; '.join([tally.describe(), *left_out])}")
    if tally.kept:
        click.echo(f"Next: streamvision label {shlex.quote(str(tally.folder))}")
    else:
        click.echo("Nothing was hard enough; --least 0.1 keeps more, and --second-model FILE sees more.")


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
