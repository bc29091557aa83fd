"""Pictures with sentences, checked and split, and the vocabulary that is learnt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from streamvision.core.errors import ConfigError
from streamvision.datasets.captions import read_captions
from streamvision.datasets.dataset import CaptionedPicture, CaptionedPictures, Dataset, LabelledImage
from streamvision.inference.sentence_words import SPECIAL, split_words
from streamvision.training.additions import Addition
from streamvision.training.data import TrainingData, as_boxed, prepared
from streamvision.training.recipe import Recipe
from streamvision.training.run_folder import RunFolder

MAX_WORDS = 8000
"""Most words of a vocabulary, the most frequent ones."""
LONGEST = 40
"""Most words of a sentence that are learnt, the end included; what is longer is cut."""
_SPLIT_BY = 100
"""By so many of the most frequent words the split is stratified."""


def prepare_captions(folder: RunFolder, recipe: Recipe) -> TrainingData[CaptionedPicture]:
    """Read pictures with sentences; the split as for :func:`streamvision.training.data.prepare_objects`.

    The names are the vocabulary of the sentences to learn from, the end and the unknown word first.

    Raises:
        ConfigError: when there is nothing to learn from, or pictures are to be mirrored.
    """
    if recipe.augment.get("flip"):
        raise ConfigError(
            "flip would mirror pictures whose sentences say left and right; leave it out for the captioner, which "
            "leaves out that of a preset by itself"
        )
    sets = [read_captions(recipe.data), *(read_captions(path) for path in recipe.add)]
    captions = {image.path: image.captions for pictures in sets for image in pictures.images}
    stratified = vocabulary(tuple(captions.values()), most=_SPLIT_BY)[len(SPECIAL) :]
    dataset, *additions = (_as_boxed(pictures, stratified) for pictures in sets)
    added = [Addition(path, one) for path, one in zip(recipe.add, additions, strict=True)]

    def says_words(one: LabelledImage) -> bool:
        return any(map(split_words, captions[one.path]))

    data = prepared(
        dataset,
        added,
        folder,
        recipe,
        lambda one: CaptionedPicture(one.path, captions[one.path]),
        teaches=says_words,
    )
    names = vocabulary([image.captions for image in data.train], most=MAX_WORDS)
    return replace(
        data,
        names=names,
        called="words",
        learnt=_counts(data.train, names),
        held_out=_counts(data.val, names),
        unproven=(),
    )


def vocabulary(captions: Sequence[Sequence[str]], *, most: int) -> tuple[str, ...]:
    """Return the special words, and the most frequent words of sentences; of equally frequent ones the first of all."""
    counts = Counter(word for of_one in captions for caption in of_one for word in split_words(caption))
    return (*SPECIAL, *sorted(counts, key=lambda word: (-counts[word], word))[:most])


def longest_of(images: Sequence[CaptionedPicture]) -> int:
    """Return how many words the longest sentence has, the end included, but at most :data:`LONGEST`."""
    return min(max(len(split_words(caption)) for image in images for caption in image.captions) + 1, LONGEST)


def _as_boxed(pictures: CaptionedPictures, names: tuple[str, ...]) -> Dataset:
    ids = {word: at for at, word in enumerate(names)}

    def words_of(image: CaptionedPicture) -> list[int]:
        return sorted({ids[word] for caption in image.captions for word in split_words(caption) if word in ids})

    return as_boxed(replace(pictures, names=names), words_of)


def _counts(images: Sequence[CaptionedPicture], names: Sequence[str]) -> Counter[int]:
    """Return in how many sentences each word stands, by its number."""
    ids = {word: at for at, word in enumerate(names)}
    sentences = (set(split_words(caption)) for image in images for caption in image.captions)
    return Counter(ids[word] for words in sentences for word in words if word in ids)
