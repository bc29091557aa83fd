"""BLEU: how many runs of one to four words of sentences stand in sentences that people or a grammar wrote.

The figure of Papineni et al. (ACL 2002) over all sentences together, with the closest reference length and smoothing
of NIST's mteval-v13a where no run of a length matches, as sacrebleu computes it (Post, WMT 2018).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

ORDER = 4
"""Longest runs of words that are counted."""
Words = Sequence[str]


def corpus_bleu(said: Sequence[Words], marked: Sequence[Sequence[Words]]) -> float | None:
    """Return BLEU-4 of sentences, 0..1; ``None`` where there is no sentence.

    Args:
        said: the sentences, as words.
        marked: for each, at least one right sentence.
    """
    if not said:
        return None
    right, runs = [0] * ORDER, [0] * ORDER
    said_length = marked_length = 0
    for words, references in zip(said, marked, strict=True):
        said_length += len(words)
        lengths = (len(reference) for reference in references)
        marked_length += min(lengths, key=lambda length: (abs(length - len(words)), length))
        for order in range(1, ORDER + 1):
            own = _runs(words, order)
            known: Counter[Words] = Counter()
            for reference in references:
                known |= _runs(reference, order)
            right[order - 1] += sum((own & known).values())
            runs[order - 1] += sum(own.values())
    if not any(right) or not all(runs):
        return 0.0
    logs, halved = 0.0, 1.0
    for matched, of in zip(right, runs, strict=True):
        if matched == 0:
            halved *= 2
        logs += math.log(matched / of if matched else 1 / (halved * of))
    too_short = math.exp(min(0.0, 1 - marked_length / said_length))
    return too_short * math.exp(logs / ORDER)


def _runs(words: Words, order: int) -> Counter[Words]:
    """Return all runs of so many words, with how often each occurs."""
    return Counter(tuple(words[at : at + order]) for at in range(len(words) - order + 1))
