"""Cross-entropy over a whole vocabulary, the largest tensor of a pre-training step, in few passes
over it."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

IGNORED = -100
_CHUNK = 1 << 19  # logits at a time on a CPU: the fp32 copy stays in the cache


def mlm_loss(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sum of the targets' cross-entropies (fp32) and how many targets are ranked first.

    The same as `F.cross_entropy(logits.float(), targets, reduction="sum")`; the gradient is made in
    the forward pass, on a CPU chunk by chunk, so no fp32 tensor of all logits is written there.

    Args:
        logits: `[K, V]`.
        targets: `[K]` ids, `IGNORED` for rows that do not count.
    """
    loss, right = _MlmLoss.apply(logits, targets)  # type: ignore[no-untyped-call]
    return loss, right


class _MlmLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        rows, size = logits.shape
        grad = torch.empty_like(logits) if ctx.needs_input_grad[0] else None
        loss = torch.zeros((), dtype=torch.float32, device=logits.device)
        right = torch.zeros((), dtype=torch.long, device=logits.device)
        step = max(1, _CHUNK // size) if logits.device.type == "cpu" else max(1, rows)
        for start in range(0, rows, step):
            part, wanted = logits[start : start + step], targets[start : start + step, None]
            counts = wanted != IGNORED
            wanted = wanted.clamp(min=0)
            of_target = part.gather(1, wanted)
            if part.device.type == "cpu":
                best = ((of_target == part.amax(1, keepdim=True)) & counts)[:, 0]
                # of equal logits the first is it
                right += (part[best].argmax(1) == wanted[best, 0]).sum()
            else:  # choosing rows would wait for the GPU
                right += ((part.argmax(1, keepdim=True) == wanted) & counts).sum()
            values = part.to(torch.float32, copy=True)
            total = values.logsumexp(1, keepdim=True)
            loss += ((total - of_target) * counts).sum()
            if grad is not None:
                values.sub_(total).exp_().mul_(counts)
                values.scatter_add_(1, wanted, -counts.float())
                grad[start : start + step] = values
        ctx.save_for_backward(grad)
        ctx.mark_non_differentiable(right)
        return loss, right

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_loss: Tensor, _: Tensor) -> tuple[Tensor, None]:
        (grad,) = ctx.saved_tensors
        return grad * of_loss.to(grad.dtype), None
