"""``streamvision eval caption``: how good the sentences of a model are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from streamvision.cli.eval_options import (
    SPLIT_HELP,
    SPLITS,
    cells,
    chosen_options,
    report_option,
    runtime_options,
    write_report,
)
from streamvision.cli.progress import StepProgress
from streamvision.core.model_location import ModelLocation, model_location
from streamvision.core.terminal import table
from streamvision.core.words import counted
from streamvision.datasets.captions import read_captions
from streamvision.datasets.measured_part import choose_split
from streamvision.evaluation.captions.evaluate import CaptionEvaluation, baseline_captions, evaluate_captions
from streamvision.evaluation.model import open_model

SHOWN_SENTENCES = 5
"""Pictures whose sentences are printed below the figures."""


@click.command(short_help="BLEU-4, perplexity and facts of sentences about pictures.")
@click.argument("model", type=model_location)
@click.option("--data", type=Path, required=True, metavar="DIR|TABLE", help="Pictures with sentences.")
@click.option("--split", type=click.Choice(SPLITS), help=SPLIT_HELP)
@click.option(
    "--train-data",
    type=Path,
    metavar="DIR|TABLE",
    help="What the model was trained with, for the baselines; default: the train part of --data.",
)
@report_option
@runtime_options
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON document on stdout.")
def caption(
    model: ModelLocation,
    data: Path,
    split: str | None,
    train_data: Path | None,
    report: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Measure how well MODEL describes pictures in sentences.

    DIR is a folder with a CSV or JSONL table of filename and caption or COCO's captions_*.json, or such a table. BLEU-4
    is sacrebleu's, of 0 to 1; perplexity is for checkpoints (.pt) alone. Sentences of the drawn drive are also compared
    fact by fact. Beside the figures stand those of saying the same of every picture: the most frequent sentence, and
    the most frequent value of each fact.

    \b
    Examples:
      streamvision eval caption runs/train/captioner-1/weights/best.pt --data drive-captions --split val --report F.html
      streamvision eval caption best.onnx --data another-seed --train-data drive-captions --json
    """
    pictures = read_captions(data)
    part, notes = choose_split(pictures, split)
    training = baseline_captions(pictures, part, read_captions(train_data) if train_data else None)
    with open_model(model, **chosen_options(given)) as detector, StepProgress("pictures") as progress:
        result = evaluate_captions(detector, part, training=training, notes=notes, on_progress=progress.show)
    if report:
        from streamvision.evaluation.report import build_caption_report

        write_report(build_caption_report, result, report, model=model, data=data)
    if as_json:
        click.echo(json.dumps(result.to_json()))
        return
    for line in _lines(result):
        click.echo(line)


def _lines(result: CaptionEvaluation) -> list[str]:
    base = result.baseline
    rows = [("figure", "model", "same sentence", "usual facts"), ("BLEU-4", *cells(result.bleu4, base.bleu4, None))]
    if result.perplexity is not None:
        rows.append(("perplexity of a word", *cells(result.perplexity, None, None)))
    if result.facts is not None and base.facts is not None and base.usual_facts is not None:
        for kind, one in result.facts.items():
            for name in ("precision", "recall", "f1"):
                values = (getattr(of, name) for of in (one, base.facts[kind], base.usual_facts[kind]))
                rows.append((f"{kind}: {name.replace('f1', 'F1')}", *cells(*values)))
    shown = zip(result.images[:SHOWN_SENTENCES], result.said, strict=False)
    return [
        f"{result.model} on {counted(len(result.images), 'pictures')}, {result.seconds:.1f} s",
        *table(rows),
        f"The same sentence, of {base.origin}: {base.sentence}",
        *(f"{image.path.name}: {said or 'nothing'} (right: {image.captions[0]})" for image, said in shown),
        *(f"Note: {note}" for note in result.notes),
    ]
