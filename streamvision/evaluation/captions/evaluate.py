"""How well a model describes pictures: BLEU-4, perplexity, and the share of facts that are right."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from streamvision.core.errors import ConfigError
from streamvision.core.picture import BgrPicture
from streamvision.core.words import counted
from streamvision.datasets.dataset import CaptionedPicture, CaptionedPictures
from streamvision.evaluation.captions.bleu import corpus_bleu
from streamvision.evaluation.captions.facts import FiguresByKind, compare_facts, read_all, usual_facts
from streamvision.evaluation.model import require_task
from streamvision.evaluation.predictions import Measurement, OnProgress, read_bgr, rounded
from streamvision.inference.model import Model
from streamvision.inference.preprocess import InputBatch
from streamvision.inference.sentence_words import Vocabulary, split_words
from streamvision.synthetic.drive.sentences import read_sentence

_LARGEST_EXPONENT = 700.0
NO_PERPLEXITY = "An export cannot be told the words before, as perplexity needs it: measure the checkpoint (.pt)."


@dataclass(frozen=True)
class Baseline:
    """What is reached without looking at the pictures."""

    sentence: str
    """The most frequent sentence of other pictures, said of every picture."""
    bleu4: float | None
    """Its BLEU-4."""
    facts: FiguresByKind | None
    """How well it states facts."""
    usual_facts: FiguresByKind | None
    """How well the most frequent value of each fact does."""
    origin: str
    """Which pictures the sentence is from, in words."""


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class CaptionEvaluation(Measurement):
    """How good the sentences of a model are."""

    images: tuple[CaptionedPicture, ...]
    """(N,) the pictures."""
    said: tuple[str, ...]
    """(N,) what the model says of each."""
    bleu4: float | None
    """BLEU-4 over all sentences, 0..1."""
    perplexity: float | None
    """How many words the network wavers between on average; ``None`` for exports."""
    facts: FiguresByKind | None
    """How well facts are stated, by kind; ``None`` where the right sentences are not of the drive's grammar."""
    baseline: Baseline
    """What is reached without looking."""

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values, and the sentences."""
        baseline = self.baseline
        return {
            "bleu4": rounded(self.bleu4),
            "perplexity": rounded(self.perplexity),
            "facts": _facts_json(self.facts),
            "baseline": {
                "sentence": baseline.sentence,
                "of": baseline.origin,
                "bleu4": rounded(baseline.bleu4),
                "facts": _facts_json(baseline.facts),
                "usual_facts": _facts_json(baseline.usual_facts),
            },
            "sentences": [
                {"picture": image.path.name, "said": said, "captions": list(image.captions)}
                for image, said in zip(self.images, self.said, strict=True)
            ],
            "images": len(self.images),
            **self.about_json(()),
        }


def baseline_captions(
    pictures: CaptionedPictures, part: CaptionedPictures, training: CaptionedPictures | None
) -> CaptionedPictures | None:
    """Return what the baselines are learnt from; ``None`` where that would be what is measured.

    Args:
        pictures: the data set, whose train part it is where no other set is given.
        part: what is measured of it.
        training: the other set.
    """
    chosen = training or pictures
    if training is None or chosen.part("train").images:
        chosen = chosen.part("train")
    measured = {image.path for image in part.images}
    is_other = bool(chosen.images) and not any(image.path in measured for image in chosen.images)
    return chosen if is_other else None


def evaluate_captions(
    detector: Model,
    pictures: CaptionedPictures,
    *,
    training: CaptionedPictures | None = None,
    classes: Sequence[str] = (),
    notes: Sequence[str] = (),
    on_progress: OnProgress = lambda done, total: None,
) -> CaptionEvaluation:
    """Run a model over pictures with sentences.

    Args:
        detector: the model.
        pictures: what it is measured on.
        training: what it was trained with, for the baseline; without it the pictures themselves, which favours that.
        classes: none, since sentences have none.
        notes: remarks on the pictures, for the result.
        on_progress: called after each call of the model.

    Raises:
        ConfigError: when the model is for another task, or classes are given.
        SourceError: when a picture cannot be read.
        ModelError: when the model fails.
    """
    require_task(detector, "caption")
    if classes:
        raise ConfigError("sentences about pictures have no classes; leave classes out")
    begin_s, said, images = time.monotonic(), [], pictures.images
    doubt = _Doubt.of(detector)
    for at in range(0, len(images), detector.max_batch):
        group = images[at : at + detector.max_batch]
        shown = [BgrPicture(read_bgr(image.path)) for image in group]
        said += [found.image_result.text or "" for found in detector.find(shown) if found.image_result is not None]
        if doubt is not None:
            doubt.add(shown, group)
        on_progress(len(said), len(images))
    captions = [image.captions for image in images]
    readings = read_all(captions)
    true = None if readings is None else [one.facts for one in readings]
    return CaptionEvaluation(
        model=detector.describe(),
        images=images,
        said=tuple(said),
        bleu4=bleu4_of(said, captions),
        perplexity=None if doubt is None else doubt.perplexity(),
        facts=None if true is None else compare_facts([read_sentence(one).facts for one in said], true),
        baseline=_baseline(images, true, training),
        seconds=time.monotonic() - begin_s,
        notes=(*notes, *detector.card.assumed, *([NO_PERPLEXITY] if doubt is None else doubt.notes())),
        problems=pictures.problems,
    )


def bleu4_of(said: Sequence[str], captions: Sequence[Sequence[str]]) -> float | None:
    """Return BLEU-4 of sentences as text; case does not count."""
    return corpus_bleu(list(map(split_words, said)), [list(map(split_words, one)) for one in captions])


def _baseline(
    images: Sequence[CaptionedPicture], true: list[frozenset[Any]] | None, training: CaptionedPictures | None
) -> Baseline:
    seen = images if training is None else training.images
    sentence = Counter(caption for image in seen for caption in image.captions).most_common(1)[0][0]
    captions = [image.captions for image in images]
    readings = read_all([image.captions for image in seen])
    facts = usual = None
    if true is not None and readings is not None:
        facts = compare_facts([read_sentence(sentence).facts] * len(true), true)
        usual = compare_facts([usual_facts([one.facts for one in readings])] * len(true), true)
    origin = "the pictures measured, which favours it" if training is None else "the pictures to learn from"
    return Baseline(sentence, bleu4_of([sentence] * len(images), captions), facts, usual, origin)


class _Doubt:
    """How unlikely the network in torch finds the right words, each told those before it."""

    def __init__(self, network: Any, detector: Model) -> None:
        self._network, self._card = network.network, detector.own_card
        self._vocabulary = Vocabulary(detector.own_card.names)
        self._losses: list[float] = []
        self._unknown = 0

    @classmethod
    def of(cls, detector: Model) -> _Doubt | None:
        """Return one for a checkpoint; ``None`` for an export."""
        network = getattr(detector.backend, "network", None)
        return None if network is None else cls(network, detector)

    def add(self, shown: Sequence[BgrPicture], images: Sequence[CaptionedPicture]) -> None:
        """Look at a batch, with every sentence about each of its pictures."""
        import torch

        from streamvision.checkpoints.captioner import padded, word_losses

        batch = InputBatch(self._card.input, len(shown))
        for at, picture in enumerate(shown):
            batch.put(at, picture)
        sentences = [
            (at, self._vocabulary.encode(caption, self._network.longest))
            for at, image in enumerate(images)
            for caption in image.captions
        ]
        device = self._network.bias.device
        pictures = torch.from_numpy(batch.tensor[[at for at, _ in sentences]]).to(device)
        words = padded([words for _, words in sentences]).to(device)
        with torch.no_grad():
            losses = word_losses(self._network, pictures, words)
        self._losses += losses.tolist()
        self._unknown += sum(map(len, (words for _, words in sentences))) - len(losses)

    def perplexity(self) -> float | None:
        """Return the exponential of the mean loss of a word, in nats; infinite where that is too large."""
        if not self._losses:
            return None
        mean = sum(self._losses) / len(self._losses)
        return math.exp(mean) if mean < _LARGEST_EXPONENT else math.inf

    def notes(self) -> list[str]:
        """Return what was left out."""
        if not self._unknown:
            return []
        return [f"{counted(self._unknown, 'words')} that the model does not know count neither way in its perplexity."]


def _facts_json(facts: FiguresByKind | None) -> dict[str, Any] | None:
    return None if facts is None else {kind: one.to_json() for kind, one in facts.items()}
