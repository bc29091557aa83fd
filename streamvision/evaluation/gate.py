"""Whether a new model may take the place of an old one: it must not be worse on pictures that neither learnt from.

A test of non-inferiority (Walker and Nowacki, "Understanding Equivalence and Noninferiority Testing", 2011): the new
model passes where the paired bootstrap over the pictures leaves little chance that it is worse by more than a margin.
Few pictures leave much chance, whatever the figures say; then the answer is that it cannot be told.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from streamvision.core.errors import ConfigError
from streamvision.core.files import sha256_of, write_whole
from streamvision.core.reading import MIB, UnreadableError, finite, read_json
from streamvision.core.redaction import redact_outside
from streamvision.core.words import counted
from streamvision.datasets.dataset import Dataset
from streamvision.evaluation.class_names import name_key
from streamvision.evaluation.evaluate import Evaluation, evaluate
from streamvision.evaluation.predictions import OnProgress, rounded
from streamvision.evaluation.resampling import ResampledPrecision, resamples
from streamvision.inference.model import Model

MARGIN = 0.02
"""How much worse counts as no worse: two points of mAP50-95."""
RISK = 0.1
"""Largest chance that is taken of a model that is worse by more than the margin."""
RESAMPLES = 400
ENDING = ".gate.json"
MAX_RECORD_BYTES = MIB
MAX_PICTURES = 1e9
"""That a comparison may be said to be of."""
LEAST_PICTURES = 2
"""One picture, drawn again and again, is always the same, and would leave no chance that anything is worse."""
FEW_PICTURES = 50
"""With fewer it is said that the result rests on few."""
FEW_OBJECTS = 5
"""... of a class that is compared."""
VERSION = 1


@dataclass(frozen=True)
class Gate:
    """What a new model has to show."""

    margin: float = MARGIN
    """How much lower its mAP50-95 may be."""
    risk: float = RISK
    """Largest chance that it is worse than that."""


@dataclass(frozen=True)
class GateResult:
    """Two models on the same pictures. Figures are mAP50-95."""

    gate: Gate
    """What was asked for."""
    old: float
    """Of the old model, over the classes that both know."""
    new: float
    """Of the new model, over the same classes."""
    low: float
    """95 % of the resamples have a difference, new less old, from here on."""
    high: float
    """... up to here."""
    chance_worse: float
    """Share of the resamples on which the new model is worse by more than the margin."""
    pictures: int
    """How many were compared."""
    per_class: dict[str, tuple[float | None, float | None]]
    """Of each class that the old model knows: old and new."""
    only_new: dict[str, float | None]
    """Of each class that only the new model knows."""
    lost: tuple[str, ...]
    """Marked classes that only the old model knows."""
    objects: Mapping[str, int] = field(default_factory=dict)
    """How many are marked, of each class that is compared."""
    is_selected: bool = False
    """Whether they are what a training run held out, on which the best epoch was chosen."""

    @property
    def passed(self) -> bool:
        """Whether the new model may take over."""
        return not self.lost and self.chance_worse <= self.gate.risk and self.pictures >= LEAST_PICTURES

    @property
    def sentence(self) -> str:
        """The result in words."""
        figures = (
            f"mAP50-95 {self.old:.3f} before and {self.new:.3f} now on {counted(self.pictures, 'held-out pictures')} "
            f"({self.new - self.old:+.3f}, 95 % of resamples {self.low:+.3f} to {self.high:+.3f})"
        )
        if self.lost:
            return f"the new model does not know {', '.join(self.lost)}, which the old one finds; {figures}"
        if self.passed:
            return f"no worse by more than {self.gate.margin:g}: {figures}"
        if self.new - self.old < -self.gate.margin:
            return f"worse by more than {self.gate.margin:g}: {figures}; learn longer, slower or from more pictures"
        if self.pictures < LEAST_PICTURES:
            return f"it cannot be told from one picture whether it is worse: {figures}; give more held-out pictures"
        return (
            f"it cannot be told whether it is worse by more than {self.gate.margin:g} (chance {self.chance_worse:.0%}, "
            f"and {self.gate.risk:.0%} is allowed): {figures}; give more held-out pictures, or another margin or risk"
        )

    @property
    def caveats(self) -> tuple[str, ...]:
        """What the figures do not say, one sentence each."""
        few = {name: count for name, count in self.objects.items() if count < FEW_OBJECTS}
        said = []
        if self.pictures < FEW_PICTURES or few:
            rare = ", ".join(f"{counted(count, 'objects')} of {name}" for name, count in few.items())
            pictures = counted(self.pictures, "held-out pictures")
            said.append(f"This rests on few pictures: {pictures}{f', with {rare}' if rare else ''}.")
        if self.is_selected:
            said.append(
                "Training chooses the best epoch on what it holds out, which flatters the new model a little; "
                "`eval compare OLD NEW --data DIR` on other pictures does not."
            )
        return tuple(said)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "passed": self.passed,
            "sentence": self.sentence,
            "figure": "map50_95",
            "old": rounded(self.old),
            "new": rounded(self.new),
            "difference": rounded(self.new - self.old),
            "interval95": [rounded(self.low), rounded(self.high)],
            "margin": self.gate.margin,
            "risk": self.gate.risk,
            "chance_worse": rounded(self.chance_worse),
            "images": self.pictures,
            "per_class": {
                name: {"old": rounded(old), "new": rounded(new)} for name, (old, new) in self.per_class.items()
            },
            "only_new": {name: rounded(value) for name, value in self.only_new.items()},
            "lost": list(self.lost),
            "objects": dict(self.objects),
            "caveats": list(self.caveats),
        }


def compare(
    old: Model,
    new: Model,
    dataset: Dataset,
    gate: Gate | None = None,
    *,
    is_selected: bool = False,
    on_progress: OnProgress = lambda done, total: None,
) -> GateResult:
    """Run two detectors over the same pictures, and say whether the new one may take over.

    Args:
        old: the model that is there, as :func:`streamvision.evaluation.model.open_model` opens it.
        new: the other one.
        dataset: pictures that neither learnt from.
        gate: what the new one has to show.
        is_selected: whether a training run chose its best epoch on these pictures, which the result then says.
        on_progress: called with how many pictures are done, of both together, and how many there are.

    Raises:
        ConfigError: when nothing is marked that the old model knows.
        SourceError: when a picture cannot be read any more.
        ModelError: when a model fails.
    """
    marked = Counter(box.class_id for _, box in dataset.boxes())
    used = [dataset.names[class_id] for class_id in sorted(marked)]
    known = _known(used, old.names)
    both = _known(known, new.names)
    if not both:
        raise ConfigError(
            f"the pictures show {', '.join(used) or 'nothing'}, and the two models have no class of these in common; "
            "give pictures that show what both find"
        )
    total = 2 * len(dataset.images)
    before = evaluate(old, dataset, classes=both, on_progress=lambda done, _: on_progress(done, total))
    half = len(dataset.images)
    now = evaluate(new, dataset, classes=_known(used, new.names), on_progress=lambda d, _: on_progress(half + d, total))
    ids = [dataset.names.index(name) for name in both]
    measured = [ResampledPrecision(one.predictions, ids) for one in (before, now)]
    weights = resamples(half, count=RESAMPLES, seed=0)
    differences = np.array([measured[1](row) - measured[0](row) for row in weights])
    gate = gate or Gate()
    low, high = np.quantile(differences, (0.025, 0.975)).tolist()
    once = np.ones(half, np.int64)
    return GateResult(
        gate,
        measured[0](once),
        measured[1](once),
        low,
        high,
        float((differences < -gate.margin).mean()),
        half,
        {name: (_figure(before, name), _figure(now, name)) for name in both},
        {name: _figure(now, name) for name in _known(used, new.names) if name not in known},
        tuple(name for name in known if name not in both),
        {name: marked[class_id] for name, class_id in zip(both, ids, strict=True)},
        is_selected,
    )


def write_gate(result: GateResult, *, old: Path, new: Path) -> Path:
    """Write the result beside the new model's file, for who lets it take over, and return where.

    Raises:
        OutputError: when it cannot be written.
    """
    files = {"old": old, "new": new}
    told = {which: {"name": path.name, "sha256": sha256_of([path])} for which, path in files.items()}
    path = gate_file(new)
    write_whole(path, json.dumps({"version": VERSION, "models": told, **result.to_json()}, indent=1))
    return path


def gate_file(model: Path) -> Path:
    """Return where the result of a model's file is."""
    return model.with_name(f"{model.name}{ENDING}")


def check_gate(new: Path, *, old: Path | None) -> str:
    """Return what the result beside a model says, where it passed.

    Args:
        new: the file of the model that is to take over.
        old: the file of the model that runs; ``None`` where it has none.

    Raises:
        ConfigError: when there is none, the model did not pass, or another model was compared than one of these.
    """
    path = gate_file(new)
    again = f"compare them with `streamvision eval compare {old or 'OLD'} {new} --data DIR --record`"
    try:
        document = read_json(path, limit=MAX_RECORD_BYTES)
    except UnreadableError as error:
        raise ConfigError(f"the comparison {path} {error}; {again}") from None
    models = document.get("models") if isinstance(document, dict) else None
    if not isinstance(models, dict) or not all(isinstance(models.get(one), dict) for one in ("old", "new")):
        raise ConfigError(f"{path} is no comparison of two models; {again}")
    if models["new"].get("sha256") != _digest(new):
        raise ConfigError(f"the comparison {path} is of another model than the file beside it; {again}")
    if old is None or models["old"].get("sha256") != _digest(old):
        raise ConfigError(f"the comparison {path} is with another model than the one that runs; {again}")
    pictures, before, now = (finite(document.get(key)) for key in ("images", "old", "new"))
    if document.get("passed") is not True or before is None or now is None or not 0 < (pictures or 0) < MAX_PICTURES:
        said = document.get("sentence")
        why = redact_outside(said) if isinstance(said, str) else "it does not say that the new one passed"
        raise ConfigError(f"the comparison {path} refuses it: {why}")
    on = counted(int(pictures or 0), "held-out pictures")
    few = " These are few pictures." if (pictures or 0) < FEW_PICTURES else ""
    return f"On {on} its mAP50-95 is {now:.3f}; that of the present one is {before:.3f}.{few}"


def _digest(model: Path) -> str:
    """Return the digest of a model's file.

    Raises:
        ConfigError: when it cannot be read any more.
    """
    try:
        return sha256_of([model])
    except OSError as error:
        why = error.strerror or error
        raise ConfigError(
            f"{model}, which was compared, cannot be read ({why}); put it back, or prove otherwise"
        ) from None


def _known(wanted: Sequence[str], names: Sequence[str]) -> list[str]:
    keys = {name_key(name) for name in names}
    return [name for name in wanted if name_key(name) in keys]


def _figure(evaluation: Evaluation, name: str) -> float | None:
    return evaluation.figures.per_class[name].map50_95
