"""One change of a model, from the request to its end, in a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from pipelines.first_model import FirstModel
from pipelines.model_group import ModelGroup
from pipelines.model_groups import ModelGroups
from streamvision.core.errors import ConfigError, ModelError, StateError, StreamVisionError
from streamvision.core.heap import give_back_free_memory
from streamvision.core.model_control import (
    ENDED,
    ModelChangeState,
)
from streamvision.core.model_location import ModelAddress
from streamvision.core.redaction import redact_outside
from streamvision.evaluation.gate import check_gate
from streamvision.inference.model import Model
from streamvision.models import find_model, model_file
from streamvision.service.models import memory
from streamvision.service.models.calls import Caller, GivenUpError
from streamvision.service.models.chosen import ChosenModels
from streamvision.service.models.comparison import COMPARABLE_TASKS
from streamvision.service.models.fitting import check_fits
from streamvision.service.models.progress import Order, Progress
from streamvision.service.models.proving import Proof
from streamvision.service.models.report import check_report
from streamvision.service.models.shadowing import Shadow
from streamvision.service.models.tap import FrameTap

log = logging.getLogger(__name__)

TRIAL_S = 10.0
"""For how long the model before stays open, so that it takes over again at once where the new one fails."""
LONGEST_TRIAL_S = 60.0
"""How long that may last where no frame comes."""
EXCHANGE_S = 150.0
"""Longest wait for a network that hangs and is opened again, before another can take over."""
WAIT_S = 86_400.0
"""How long a new model waits for somebody to let it take over, or for enough objects to be compared."""
REMEMBER_TRIES = 6
REMEMBER_PAUSE_S = 2.0
"""Pause before it is tried again to remember what has taken over."""
POLL_S = 0.1

OnEnd = Callable[["Change"], None]


class Change:
    """Any thread may ask how it stands, let it take over or give it up.

    Args:
        order: what is to be done.
        groups: the models that run.
        chosen: which have taken over.
        on_end: called at its end, from its thread.
    """

    def __init__(self, order: Order, groups: ModelGroups, chosen: ChosenModels, *, on_end: OnEnd) -> None:
        self.progress = Progress(order)
        """Where it stands."""
        self._order = order
        self._groups = groups
        self._chosen = chosen
        self._on_end = on_end
        self._gone_back: str | None = None
        self._caller = Caller(lambda: self.progress.given_up)
        self._thread = threading.Thread(target=self._run, name=f"model-change-{order.number}", daemon=True)

    @property
    def goes_on(self) -> bool:
        """Whether something of it still goes on, though it may have ended for whoever asks."""
        return self.progress.state not in ENDED or self._thread.is_alive()

    @property
    def hangs(self) -> bool:
        """Whether it has ended but for a call of a model that has not come back."""
        return not self.goes_on and not self._caller.ended

    @property
    def happened_by_itself(self) -> bool:
        """Whether a model took over, or went back, though nobody asked for it at that moment."""
        state, order = self.progress.state, self._order
        if order.is_rollback or state not in ("done", "rolled_back"):
            return False
        if state == "rolled_back":
            return not self.progress.back_asked.is_set()
        return order.request.take_over == "automatic" and not self.progress.accepted.is_set()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait for its threads."""
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            deadline_s = time.monotonic() + timeout_s
            self._thread.join(timeout_s)
            self._caller.join(max(deadline_s - time.monotonic(), 0.0))

    def _run(self) -> None:
        try:
            self._change()
        except GivenUpError:
            self.progress.end("cancelled", "the run was stopped before the new model had taken over.")
        except StreamVisionError as error:
            self.progress.end("refused", redact_outside(str(error)))
        except Exception as error:
            log.exception("change of the model %s", self._order.name)
            self.progress.end("refused", redact_outside(f"something unexpected failed: {error!r}"))
        finally:
            self._caller.close()
            self.progress.let_go()
            give_back_free_memory()
            self._on_end(self)

    def _change(self) -> None:
        while not self.progress.given_up:
            group = self._groups.hold(self._order.key)
            if group is not None:
                try:
                    self._replace(group)
                finally:
                    group.observe(None)
                    self._groups.release(group)
                return
            if self._taken_without_streams():
                return
        raise GivenUpError

    def _taken_without_streams(self) -> bool:
        """Prove the model beside the present one and let it be what is set; return whether no stream came meanwhile."""
        order = self._order
        present = self._opened_present()
        if present is None:
            self._open_once()
        else:
            try:
                if present.streams:
                    return False
                first = self._opened(present)
                try:
                    if order.request.prove in ("data", "report", "gate"):
                        self._prove(first, present)
                finally:
                    first.close()
            finally:
                self._groups.release(present)

        def put() -> bool:
            present = self._groups.hold(order.key)
            if present is not None:
                self._groups.release(present)
                return False
            self._groups.choose(order.key, order.config)
            return True

        if not self._chosen.take(order.name, order.config, order.before, put):
            return False
        self._end_well("no stream goes through it now; the next one that comes will.")
        return True

    def _opened_present(self) -> ModelGroup | None:
        """Return the present model, opened to be compared with; ``None`` where it cannot be opened."""
        key = self._order.key
        try:
            present: ModelGroup = self._called(lambda: self._groups.acquire(key), discard=self._groups.release)
        except StreamVisionError as error:
            log.warning("model %s: the present one cannot be compared with: %s", self._order.name, error)
            return None
        return present

    def _open_once(self) -> None:
        """See that the new model can be opened, with nothing to compare it with."""
        order = self._order
        self._check_memory()
        model: Model = self._called(lambda: Model.open(order.config), discard=Model.close)
        self.progress.show(model)
        model.close()
        if order.request.prove == "report":
            check_report(model_file(order.config.path), model.own_card)
        elif order.request.prove == "gate":
            self._check_gate()

    def _replace(self, group: ModelGroup) -> None:
        first = self._opened(group)
        is_taken = False
        try:
            self._prove(first, group)
            self._run_beside(first, group)
            self._take_over(first, group)
            is_taken = True
            self._try_out(first, group)
        finally:
            if not is_taken:
                first.close()

    def _opened(self, group: ModelGroup) -> FirstModel:
        order = self._order
        if group.error is not None:
            raise ModelError(f"the present model has failed, and its streams have ended: {group.error}")
        before = self._check_memory()
        first: FirstModel = self._called(lambda: group.open_beside(order.config), discard=FirstModel.close)
        try:
            self.progress.show(first.model)
            used, available = memory.used_bytes(), memory.available_bytes()
            grown = None if before is None or used is None else used - before
            self.progress.memory = memory.memory_of(
                needed=memory.needed_bytes(find_model(order.config.path)), available=available, grown=grown
            )
            if available is not None and available < memory.MARGIN_BYTES:
                raise ModelError(
                    f"with both models open only {available / memory.MB:.0f} MB of memory are left, and "
                    f"{memory.MARGIN_BYTES / memory.MB:.0f} MB must be; give a smaller model, or more memory"
                )
            check_fits(first.model, group, self._groups.config)
            self._check_automatic(first.model)
        except BaseException:
            first.close()
            raise
        return first

    def _check_memory(self) -> int | None:
        """Refuse what there is no memory for; return what the process holds now."""
        location = find_model(self._order.config.path)
        needed, available = memory.needed_bytes(location), memory.available_bytes()
        self.progress.memory = memory.memory_of(needed=needed, available=available, grown=None)
        if available is not None and needed > available:
            raise ModelError(
                f"there is not enough memory for two models: the new one needs about {needed / memory.MB:.0f} MB, and "
                f"{available / memory.MB:.0f} MB are left; give a smaller model, or more memory"
            )
        return memory.used_bytes()

    def _check_automatic(self, model: Model) -> None:
        is_automatic = self._order.request.take_over == "automatic" and not self._order.is_rollback
        if is_automatic and model.card.task not in COMPARABLE_TASKS:
            raise ConfigError(
                f"take_over is automatic, but how far two models for {model.card.task!r} agree cannot be told; let it "
                "be ask, and look at both"
            )

    def _prove(self, first: FirstModel, group: ModelGroup) -> None:
        request = self._order.request
        if request.prove == "none":
            return
        if request.prove == "report":
            self.progress.enter("proving", "The report of the new model's export is being read.")
            check_report(model_file(self._order.config.path), first.model.own_card)
            self.progress.proof_notes = ("The report of its export says that it does what its source does.",)
            return
        if request.prove == "gate":
            self.progress.enter("proving", "What both models find on held-out pictures is being read.")
            self.progress.proof_notes = (self._check_gate(),)
            return
        proof = self.progress.proof = Proof(
            request, first, group, caller=self._caller, given_up=lambda: self.progress.given_up
        )
        where = "pictures of its streams" if request.prove == "streams" else f"pictures in {request.data}"
        self.progress.enter("proving", f"The new model is compared with the present one on {where}.")
        proof.run()
        self.progress.check_wanted()

    def _check_gate(self) -> str:
        """Return what the comparison beside the new model says; raises as :func:`check_gate` does."""
        order = self._order
        old = None if isinstance(find_model(order.before.path), ModelAddress) else model_file(order.before.path)
        return check_gate(model_file(order.config.path), old=old)

    def _run_beside(self, first: FirstModel, group: ModelGroup) -> None:
        """Let the new model see a share of the frames, and wait until it may take over."""
        request, order = self._order.request, self._order
        if order.is_rollback:
            return
        wants_shadow = request.shadow_share > 0 and request.shadow_s > 0
        if not wants_shadow and request.take_over == "automatic":
            self._refuse_unseen()
            return
        if wants_shadow:
            has_private = self._groups.config.privacy.blur
            shadow = self.progress.shadow = Shadow(
                request,
                first,
                group,
                caller=self._caller,
                given_up=lambda: self.progress.given_up,
                keeps_pictures=not has_private,
            )
            self.progress.enter(
                "shadowing", f"The new model sees {request.shadow_share:.0%} of the frames for comparison."
            )
            shadow.run(accepted=self.progress.accepted.is_set)
        if request.take_over == "ask" and not self.progress.accepted.is_set():
            seen = "The shadow run is over" if wants_shadow else "The new model is open"
            self.progress.enter("shadowing", f"{seen}; it takes over when somebody says so.")
            self._wait_for_word()

    def _refuse_unseen(self) -> None:
        """Refuse to take over by itself where too little was compared in the proof, which was all."""
        proof, request = self.progress.proof, self._order.request
        if proof is not None and (proof.objects < request.min_objects or proof.agreement is None):
            raise ConfigError(
                f"objects compared in the proof: {proof.objects}, and {request.min_objects} are asked for before a "
                "model takes over by itself; add a shadow run, or let take_over be ask"
            )

    def _wait_for_word(self) -> None:
        deadline_s = time.monotonic() + WAIT_S
        while not self.progress.accepted.wait(POLL_S):
            self.progress.check_wanted()
            if time.monotonic() > deadline_s:
                raise ConfigError(f"nobody let the new model take over within {WAIT_S / 3600:.0f} h")

    def _take_over(self, first: FirstModel, group: ModelGroup) -> None:
        order = self._order
        check_fits(first.model, group, self._groups.config)  # streams may ask for other classes than at the beginning
        self.progress.enter("taking_over", f"{order.config.path} takes the place of {order.before.path}.")
        deadline_s = time.monotonic() + EXCHANGE_S
        while True:
            try:
                group.exchange(first, slowest_s=self._slowest_s(first), on_going_back=self._note_going_back)
                return
            except ModelError:
                if group.error is not None or self.progress.given_up or time.monotonic() > deadline_s:
                    raise
                time.sleep(POLL_S)

    def _slowest_s(self, first: FirstModel) -> float | None:
        """Return how long a whole batch of the new model may have taken beside the present one, where that is known."""
        beside = (self.progress.proof, self.progress.shadow)
        found = [one.comparison.slowest_new_s or 0.0 for one in beside if one is not None]
        batch_s = max(found, default=0.0) * first.model.useful_batch
        return min(batch_s, self._order.config.call_timeout_s) or None  # the first one may have prepared much

    def _note_going_back(self, reason: str) -> None:
        self._gone_back = reason

    def _try_out(self, first: FirstModel, group: ModelGroup) -> None:
        """Watch the first frames of the new model, with the one before still open; then release that one."""
        order = self._order
        self.progress.enter(
            "taking_over", f"{order.config.path} has taken over; {order.before.path} stays open for a moment."
        )
        tap = FrameTap(share=0.0)
        group.observe(tap)
        begin_s = time.monotonic()
        while self._gone_back is None and not self.progress.given_up:
            passed_s = time.monotonic() - begin_s
            if passed_s > LONGEST_TRIAL_S or (passed_s > TRIAL_S and tap.batches):
                break
            if first.model.pictures_without_numbers:
                group.go_back("the new model gave values that are no numbers")
            elif self.progress.back_asked.wait(POLL_S):
                group.go_back("somebody asked for the model before")
        group.observe(None)
        group.keep()
        if self._gone_back is not None:
            self.progress.end("rolled_back", f"{order.before.path} goes on in its place: {self._gone_back}.")
            return
        self.progress.check_wanted()
        self._remember()

    def _remember(self) -> None:
        """Let the new model be what is set; where the state does not answer, try again for some time."""
        order = self._order
        for tries_left in reversed(range(REMEMBER_TRIES)):
            try:
                self._chosen.take(order.name, order.config, order.before, lambda: True)
                break
            except StateError as error:
                log.error("the model %s runs, but is not remembered: %s", order.config.path, error)
                if not tries_left:
                    self._end_well(f"the next start begins with the one before, since that is not remembered: {error}")
                    return
                time.sleep(REMEMBER_PAUSE_S)
        self._end_well("")

    def _called(self, work: Callable[[], Any], *, discard: Callable[[Any], None]) -> Any:
        timeout_s = self._order.config.load_timeout_s + 5.0  # opening has a bound of its own, which says more
        return self._caller.call(work, timeout_s=timeout_s, what="opening the new model", discard=discard)

    def _end_well(self, remark: str) -> None:
        order = self._order
        state: ModelChangeState = "rolled_back" if order.is_rollback else "done"
        words = f"{order.config.path} is in the place of {order.before.path}"
        self.progress.end(state, f"{words}; {remark}" if remark else f"{words}.")
