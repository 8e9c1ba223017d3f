"""One optimizer step, the same for every procedure that trains: seed, rate, number format,
clipping, checks.

What a step computes stands between `begin` and `end`; how it is cut into passes and what is
exchanged between processes is the procedure's.
"""

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from pet_mtl.console import say
from pet_mtl.errors import RunError
from pet_mtl.model.fused_layer import forget_casts
from pet_mtl.model.hardware import Machine
from pet_mtl.model.row_dropout import begin_rows
from pet_mtl.model.slot_encoder import slot_encoders
from pet_mtl.random_streams import STEP
from pet_mtl.stepping.optim import clear_gradients, set_rates

# how rates of heads begin that a language model has not: ALBERT v2 has no others above 0
_OF_OTHER_HEADS = ("classifier", "pooler", "qa", "seq_classif", "summary")


class OptimizerStep:
    """The frame of an optimizer's steps.

    Args:
        model: the module that is trained.
        optimizer: over its parameters; each group has a peak rate in `peak`.
        machine: where it runs.
        clip_norm: largest norm of a step's gradient; None: no limit.
        sparse: the parameter with sparse gradients, see `clear_gradients`.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        machine: Machine,
        *,
        clip_norm: float | None = None,
        sparse: nn.Parameter | None = None,
    ) -> None:
        self.model, self.optimizer, self.machine = model, optimizer, machine
        self._clip_norm, self._sparse = clip_norm, sparse
        self._encoders = slot_encoders(model)
        self.clear()

    def begin(self, factor: float, seed: int | None = None, of_rows: int | None = None) -> None:
        """Begin a step.

        Args:
            factor: of the peak learning rates.
            seed: of torch's generator, see `step_seed`; None: it goes on from where it is.
            of_rows: the seed of dropout by rows, the same in all processes; None: torch's generator
                decides.
        """
        if seed is not None:
            STEP.start(seed)
        begin_rows(of_rows)
        set_rates(self.optimizer, factor)
        self.model.train()

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context in which the model's scores are computed; losses are computed
        outside."""
        return self.machine.autocast()

    def clear(self) -> None:
        """Forget the gradients."""
        clear_gradients(self.optimizer, self._sparse)

    def end(self) -> None:
        """Clip the gradient, take the step, and forget the gradient."""
        if self._clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self._clip_norm)
        self.optimizer.step()
        for encoder in self._encoders:  # one without rows in this step may have changed, too
            forget_casts(encoder.encoder.encoder.layer)
        self.clear()

    def require_numbers(self, losses: Tensor, *, step: int, whole: bool, hint: str) -> None:
        """Stop before a state that is no number is evaluated and saved.

        Args:
            losses: since the last check.
            step: number of the step, for the message.
            whole: check the weights too: the last step may have broken them after its loss was
                computed.
            hint: what the user can do.

        Raises:
            RunError: one is infinite or not a number.
        """
        fine = bool(losses.isfinite().all())
        if fine and whole:
            fine = bool(torch.nn.utils.get_total_norm(self.model.parameters()).isfinite())
        if not fine:
            raise RunError(f"the loss is not a number any more (step {step})", hint=hint)


def has_dropout(mlm: Any) -> bool:
    """Return whether a backbone drops anything while it is trained."""
    return any(
        name.endswith(("dropout", "dropout_prob", "pdrop"))
        and not name.startswith(_OF_OTHER_HEADS)
        and isinstance(rate, int | float)
        and rate > 0
        for name, rate in mlm.config.to_dict().items()
    )


def tell_of_dropout(mlm: Any, model: nn.Module, processes: int) -> None:
    """Say where several processes give other numbers than one: a model whose layers are not run by
    their slots draws dropout batch by batch.

    Args:
        mlm: its config tells of dropout that has no module.
        model: what is trained.
    """
    if processes > 1 and has_dropout(mlm) and not slot_encoders(model):
        say(
            f"with dropout {processes} processes draw other masks than one would with a model of "
            f"the family `{mlm.config.model_type}`: as good a run, but not the same numbers "
            "(`train.dropout: 0` gives those of one process, up to rounding)"
        )
