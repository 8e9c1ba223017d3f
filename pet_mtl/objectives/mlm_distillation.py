"""A teacher's distribution over the vocabulary at masked positions (Hinton et al. 2015; DistilBERT,
Sanh et al. 2019)."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_CHUNK = 1 << 19  # logits at a time on a CPU: the fp32 copies stay in the cache


def mlm_distillation(
    logits: Tensor, taught: Tensor, counts: Tensor, temperature: float = 1.0
) -> Tensor:
    """Return the sum over positions of T² KL(teacher ‖ model), in fp32.

    The factor T² keeps the size of the gradient. The gradient is made in the forward pass, chunk by
    chunk on a CPU, so no fp32 tensor of all logits is written there.

    Args:
        logits: `[K, V]`.
        taught: `[K, V]` the teacher's; no gradient reaches them.
        counts: `[K]` positions that count.
        temperature: T, which both logits are divided by.

    >>> mlm_distillation(torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([True]))
    tensor(0.)
    """
    loss: Tensor = _Distillation.apply(logits, taught, counts, temperature)  # type: ignore[no-untyped-call]
    return loss


class _Distillation(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, taught: Tensor, counts: Tensor, temperature: float
    ) -> Tensor:
        rows, size = logits.shape
        grad = torch.empty_like(logits) if ctx.needs_input_grad[0] else None
        loss = torch.zeros((), dtype=torch.float32, device=logits.device)
        step = max(1, _CHUNK // size) if logits.device.type == "cpu" else max(1, rows)
        for start in range(0, rows, step):
            part = slice(start, start + step)
            own = (logits[part].float() / temperature).log_softmax(1)
            wanted = (taught[part].float() / temperature).log_softmax(1)
            probs, kept = wanted.exp(), counts[part, None]
            loss += ((wanted.sub_(own).mul_(probs)) * kept).sum() * temperature**2
            if grad is not None:
                grad[part] = own.exp_().sub_(probs).mul_(kept).mul_(temperature)
        ctx.save_for_backward(grad)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_loss: Tensor) -> tuple[Tensor, None, None, None]:
        (grad,) = ctx.saved_tensors
        return grad * of_loss.to(grad.dtype), None, None, None
