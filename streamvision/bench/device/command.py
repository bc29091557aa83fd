"""The command line of ``tools/prove_device.py``."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click

from streamvision.bench.device.checks import CHECKS
from streamvision.bench.device.finding import Settings
from streamvision.bench.device.page import write_proof
from streamvision.bench.device.proof import TOTAL_S, prove
from streamvision.bench.device.redaction import ReportRedactor
from streamvision.bench.device.running import CheckResult
from streamvision.core.errors import StreamVisionError
from streamvision.core.files import writing
from streamvision.core.nvidia.machine import read_machine
from streamvision.models import DEFAULT_MODEL

_MARKS = {"passed": "+", "failed": "x", "not tried": "-"}


@click.command()
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Folder for prove_device.html and prove_device.json; default: this one.",
)
@click.option(
    "--model", default=DEFAULT_MODEL, show_default=True, help="An ONNX file, or the name of a model that ships."
)
@click.option(
    "--only",
    multiple=True,
    type=click.Choice([check.name for check in CHECKS]),
    help="Run this check alone; may be given several times.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.5, max=60),
    default=8.0,
    show_default=True,
    help="How long each number of streams is measured.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=1, max=240),
    default=10.0,
    show_default=True,
    help="Longest time for all checks; the deadline of each grows with it.",
)
def main(output: Path, model: str, only: tuple[str, ...], seconds: float, minutes: float) -> None:
    """Prove in under ten minutes what StreamVision promises of this machine.

    Exit code: 0 where all that can be tried is as promised, 1 where something is not, 3 where nothing failed, but
    something of the NVIDIA GPU that is there could not be tried.
    """
    redactor = ReportRedactor()
    more = minutes / 10
    checks = [replace(c, deadline_s=more * c.deadline_s) for c in CHECKS if not only or c.name in only]
    try:
        with writing(f"to {output}", instead="give another --output"):
            output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="streamvision-prove-", ignore_cleanup_errors=True) as work:
            settings = Settings(work=work, model=_absolute(model), seconds=seconds)
            proof = prove(checks, settings, read_machine(), total_s=more * TOTAL_S, on_result=_say(redactor))
        document = proof.to_json(redactor)
        written = output / "prove_device.json"
        with writing(f"the document to {written}"):
            written.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        write_proof(output / "prove_device.html", document)
    except StreamVisionError as error:
        click.echo(f"prove_device: {error}", err=True)
        sys.exit(1)
    click.echo(f"\n{proof.sentence}\nThe page: {output / 'prove_device.html'}")
    sys.exit(proof.exit_code)


def _absolute(model: str) -> str:
    return str(Path(model).resolve()) if Path(model).is_file() else model


def _say(redactor: ReportRedactor) -> Callable[[CheckResult], None]:
    def say(result: CheckResult) -> None:
        mark = _MARKS[result.finding.outcome]
        click.echo(f"  {mark} {result.check.title}: {redactor.text(result.finding.why)} ({result.seconds:.0f} s)")

    return say
