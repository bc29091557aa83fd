"""Where a change of a model stands, and what those who watch may ask of it."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Any

from streamvision.core.config.model import ModelConfig
from streamvision.core.config.model_request import ModelRequest
from streamvision.core.model_control import (
    ENDED,
    ModelChange,
    ModelChangeError,
    ModelChangeState,
    ModelMemory,
    ModelProof,
    ModelShadow,
)
from streamvision.inference.model import Model
from streamvision.service.models.calls import GivenUpError
from streamvision.service.models.examples import Examples
from streamvision.service.models.proving import Proof
from streamvision.service.models.shadowing import Shadow

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Order:
    """What is to be done."""

    number: int
    """Counts the changes."""
    name: str
    """The model, by its name in the API."""
    key: str | None
    """The same as the pipeline knows it; ``None`` for the run's own."""
    request: ModelRequest
    """What was asked for."""
    config: ModelConfig
    """The new model."""
    before: ModelConfig
    """The present one."""
    is_rollback: bool = False
    """Whether it is the one before that comes back."""


class Progress:
    """Of one change. Its thread moves it on; any thread may ask how it stands, let it take over or give it up.

    Args:
        order: what is to be done.
    """

    def __init__(self, order: Order) -> None:
        self.order = order
        """What is to be done."""
        self.accepted = threading.Event()
        """Set where somebody has let the new model take over."""
        self.back_asked = threading.Event()
        """Set where somebody has asked for the model before, while the new one is on trial."""
        self.memory: ModelMemory | None = None
        """Whether there is memory for two."""
        self.proof: Proof | None = None
        """The proof on pictures."""
        self.proof_notes: tuple[str, ...] = ()
        """What is worth knowing of a proof without pictures."""
        self.shadow: Shadow | None = None
        """The shadow run."""
        self._given_up = threading.Event()
        self._lock = threading.Lock()
        self._state: ModelChangeState = "loading"
        self._sentence = f"{order.config.path} is being opened beside {order.before.path}."
        self._began_unix_s = time.time()
        self._ended_unix_s: float | None = None
        self._last_proof: ModelProof | None = None
        self._last_shadow: ModelShadow | None = None
        self._examples: Examples | None = None
        self._card: dict[str, Any] | None = None
        self._description: str | None = None

    @property
    def state(self) -> ModelChangeState:
        """Where it stands."""
        return self._state

    @property
    def sentence(self) -> str:
        """What goes on, or why it ended."""
        return self._sentence

    @property
    def given_up(self) -> bool:
        """Whether nobody wants it any more."""
        return self._given_up.is_set()

    def check_wanted(self) -> None:
        """Go on only where somebody wants it.

        Raises:
            GivenUpError: when nobody does.
        """
        if self.given_up:
            raise GivenUpError

    def give_up(self) -> None:
        """Want it no more, since the run ends."""
        self._given_up.set()

    def accept(self) -> None:
        """Let the new model take over.

        Raises:
            ModelChangeError: when it is not in its shadow run, and does not wait behind it.
        """
        with self._lock:
            if self._state != "shadowing":
                raise ModelChangeError(f"the new model cannot take over now: {self._sentence}")
            self.accepted.set()

    def cancel(self) -> None:
        """Drop the new model; nothing where it has ended.

        Raises:
            ModelChangeError: when it is taking over.
        """
        with self._lock:
            if self._state in ENDED:
                return
            if self._state == "taking_over":
                raise ModelChangeError("the new model is taking over; roll it back instead")
            self._given_up.set()
            self._set_ended("cancelled", f"{self.order.config.path} was dropped; {self.order.before.path} goes on.")

    def go_back(self) -> None:
        """Let the model before take over again, while the new one is on trial.

        Raises:
            ModelChangeError: when it is not.
        """
        with self._lock:
            if self._state != "taking_over":
                raise ModelChangeError(f"there is nothing to go back from: {self._sentence}")
            self.back_asked.set()

    def show(self, model: Model) -> None:
        """Tell of the new model, which is open now."""
        self._card = model.own_card.model_dump(mode="json", exclude_defaults=True)
        self._description = model.describe()

    def enter(self, state: ModelChangeState, sentence: str) -> None:
        """Move on.

        Raises:
            GivenUpError: when nobody wants it any more.
        """
        with self._lock:
            self.check_wanted()
            self._set(state, sentence)

    def end(self, state: ModelChangeState, sentence: str) -> None:
        """Move to the end, unless it is there."""
        with self._lock:
            if self._state not in ENDED:
                self._set_ended(state, sentence)

    def let_go(self) -> None:
        """Keep the figures, and let go of the models that they are of."""
        self._last_proof, self._last_shadow = self._proof_figures(), self._shadow_figures()
        self._examples = None if self.shadow is None else self.shadow.examples
        self.proof = self.shadow = None

    def example_picture(self, number: int) -> bytes | None:
        """Return the picture of an example as a JPEG file; ``None`` where there is none."""
        shadow = self.shadow
        examples = self._examples if shadow is None else shadow.examples
        return None if examples is None else examples.picture(number)

    def snapshot(self, *, goes_on: bool, may_roll_back: bool) -> ModelChange:
        """Return how it stands.

        Args:
            goes_on: whether something of it still goes on, though it has ended for whoever asks.
            may_roll_back: whether there is a model to go back to.
        """
        with self._lock:
            state, sentence, ended_unix_s = self._state, self._sentence, self._ended_unix_s
        return ModelChange(
            number=self.order.number,
            name=self.order.name,
            state=state,
            sentence=sentence,
            path=str(self.order.config.path),
            previous_path=str(self.order.before.path),
            take_over=self.order.request.take_over,
            began_unix_s=self._began_unix_s,
            ended_unix_s=ended_unix_s,
            may_accept=state == "shadowing" and not self.accepted.is_set(),
            may_cancel=state in ("loading", "proving", "shadowing"),
            may_roll_back=state == "taking_over" or (state in ENDED and may_roll_back and not goes_on),
            card=self._card,
            description=self._description,
            memory=self.memory,
            proof=None if state == "loading" else self._proof_figures(),
            shadow=self._shadow_figures(),
        )

    def _shadow_figures(self) -> ModelShadow | None:
        shadow = self.shadow
        return self._last_shadow if shadow is None else shadow.figures()

    def _proof_figures(self) -> ModelProof | None:
        request, proof = self.order.request, self.proof
        if self._last_proof is not None:
            return self._last_proof
        if request.prove == "none" or (proof is None and not self.proof_notes):
            return None
        return ModelProof(
            by=request.prove,
            asked_pictures=0 if request.prove in ("report", "gate") else request.pictures,
            min_agreement=request.min_agreement,
            comparison=proof.figures() if proof is not None else None,
            notes=(*self.proof_notes, *(proof.notes if proof is not None else ())),
        )

    def _set_ended(self, state: ModelChangeState, sentence: str) -> None:
        self._ended_unix_s = time.time()
        self._set(state, sentence)

    def _set(self, state: ModelChangeState, sentence: str) -> None:
        self._state, self._sentence = state, sentence
        log.info("model %s: %s: %s", self.order.name, state, self._sentence)
