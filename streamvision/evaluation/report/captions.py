"""The report of a model that writes sentences about pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from streamvision.core.words import counted
from streamvision.datasets.dataset import CaptionedPicture
from streamvision.evaluation.captions.evaluate import CaptionEvaluation
from streamvision.evaluation.captions.facts import FactFigures, read_all
from streamvision.evaluation.predictions import read_bgr
from streamvision.evaluation.report.measured import Figure, Section, Shown, Table, write_measured
from streamvision.evaluation.report.parts import MAX_PICTURES
from streamvision.inference.sentence_words import split_words
from streamvision.synthetic.drive.sentences import read_sentence

MOST_SAID = 16
"""Facts and sentences that are listed."""
MOST_LETTERS = 400
"""Of a sentence, so many are shown."""


def build_caption_report(result: CaptionEvaluation, path: Path, *, title: str) -> None:
    """Write the report.

    Args:
        result: the evaluation.
        path: the HTML file.
        title: what was measured, in a few words.

    Raises:
        OutputError: when the file cannot be written.
        SourceError: when a picture cannot be read any more.
    """
    total = None if result.facts is None else result.facts["all"]
    write_measured(
        path,
        title=title,
        about=result.model,
        figures=[
            Figure(_figure(result.bleu4), "BLEU-4", main=True),
            *([Figure(_figure(total.f1), "F1 of facts", main=True)] if total else []),
            *([Figure(f"{result.perplexity:.2f}", "perplexity of a word")] if result.perplexity is not None else []),
            Figure(_figure(result.baseline.bleu4), "BLEU-4 of the same sentence"),
            Figure(str(len(result.images)), "pictures"),
        ],
        sentences=_in_short(result),
        sections=[_kinds(result), *_mistakes(result), _said_most(result), _worst(result)],
        method=[
            "BLEU-4 is sacrebleu's, over all sentences, 0 to 1; case does not count.",
            f"Beside it stands what is reached without looking: the most frequent sentence of {result.baseline.origin}"
            f" ({_cut(result.baseline.sentence)}), and the most frequent value of each fact.",
        ],
        result=result,
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _cut(sentence: str) -> str:
    return sentence if len(sentence) <= MOST_LETTERS else f"{sentence[:MOST_LETTERS]}..."


def _in_short(result: CaptionEvaluation) -> list[str]:
    right = sum(_is_right(said, image) for said, image in zip(result.said, result.images, strict=True))
    sentences = [f"{right} of {counted(len(result.images), 'sentences')} are said word by word as they are marked."]
    if result.facts is None:
        return sentences
    known = {kind: one for kind, one in result.facts.items() if kind != "all" and one.f1 is not None}
    if len(known) > 1:
        low, high = (pick(known, key=lambda kind: known[kind].f1 or 0.0) for pick in (min, max))
        if known[high].f1 != known[low].f1:
            sentences.append(
                f"Facts of {high} are told best (F1 {_figure(known[high].f1)}), those of {low} worst "
                f"({_figure(known[low].f1)})."
            )
    return sentences


def _is_right(said: str, image: CaptionedPicture) -> bool:
    return split_words(said) in [split_words(one) for one in image.captions]


def _kinds(result: CaptionEvaluation) -> Section | None:
    base = result.baseline
    if result.facts is None or base.facts is None or base.usual_facts is None:
        return None

    def row(kind: str, one: FactFigures) -> tuple[str | float | None, ...]:
        assert base.facts is not None and base.usual_facts is not None
        beside = base.facts[kind].f1, base.usual_facts[kind].f1
        return (kind, one.precision, one.recall, one.f1, *beside, str(one.said), str(one.true))

    head = ("facts", "precision", "recall", "F1", "F1 of the same sentence", "F1 of usual facts", "said", "true")
    return Section(
        "facts",
        "Facts",
        "What sentences say, by kind of fact: precision is the share of what is said that is true, recall the share of "
        "what is true that is said. A place is a sign with where it stands, a lane a vehicle with its lane, a distance "
        "that with how far away it is.",
        tables=[Table(head, [row(kind, one) for kind, one in result.facts.items()])],
    )


def _mistakes(result: CaptionEvaluation) -> list[Section]:
    """Return which facts are most often said and not true, and which are true and not said."""
    readings = None if result.facts is None else read_all([image.captions for image in result.images])
    if readings is None:
        return []
    said = [read_sentence(one).facts for one in result.said]
    invented = Counter(fact for ours, one in zip(said, readings, strict=True) for fact in ours - one.facts)
    missed = Counter(fact for ours, one in zip(said, readings, strict=True) for fact in one.facts - ours)
    return [
        Section(
            anchor,
            heading,
            words,
            short=heading,
            chips=[(f"{fact.kind}: {fact.value}", count) for fact, count in counts.most_common(MOST_SAID)],
            none_mixed=none,
        )
        for anchor, heading, words, counts, none in (
            ("invented", "Invented", "Facts that were said and are not true.", invented, "No untrue fact is said."),
            ("missed", "Missed", "Facts that are true and were not said.", missed, "All true facts are said."),
        )
    ]


def _said_most(result: CaptionEvaluation) -> Section:
    counts = Counter(result.said).most_common(MOST_SAID)
    return Section(
        "said",
        "What is said most often",
        f"A model that says the same of all pictures does not look. Said were "
        f"{counted(len(set(result.said)), 'different sentences')} about {counted(len(result.said), 'pictures')}.",
        short="Said",
        chips=[(_cut(sentence) or "nothing", count) for sentence, count in counts],
    )


def _worst(result: CaptionEvaluation) -> Section:
    ranked = sorted(
        (_likeness(said, image.captions, result.facts is not None), at)
        for at, (said, image) in enumerate(zip(result.said, result.images, strict=True))
    )
    measure = "facts" if result.facts is not None else "words (ROUGE-1, Lin 2004)"
    return Section(
        "pictures",
        "The worst pictures",
        f"By the F1 of the {measure} of the sentence, the worst first, with what was said and what is right.",
        short="Pictures",
        pictures=[
            Shown.of(
                read_bgr(result.images[at].path),
                file=result.images[at].path.name,
                words=f"F1 {f1:.2f}. Said: {_cut(result.said[at]) or 'nothing'}. "
                f"Right: {_cut(result.images[at].captions[0])}.",
            )
            for f1, at in ranked[:MAX_PICTURES]
            if f1 < 1
        ],
        none_wrong="Every sentence is right.",
    )


def _likeness(said: str, captions: Sequence[str], by_facts: bool) -> float:
    """Return the F1, 0..1, of a sentence's facts, or of its words beside the caption that is most like it."""
    if by_facts:
        return _f1(Counter(read_sentence(said).facts), Counter(read_sentence(captions[0]).facts))
    return max(_f1(Counter(split_words(said)), Counter(split_words(one))) for one in captions)


def _f1(ours: Counter[Any], theirs: Counter[Any]) -> float:
    both = ours.total() + theirs.total()
    return 2 * (ours & theirs).total() / both if both else 1.0
