"""The loss in few passes against the plain one."""

import pytest
import torch
import torch.nn.functional as F

from pet_mtl.objectives import mlm_loss as module
from pet_mtl.objectives.mlm_loss import IGNORED, mlm_loss


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("chunk", [1, 100, 1 << 19])
def test_equals_cross_entropy(
    kind: torch.dtype, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK", chunk)
    torch.manual_seed(0)
    logits = (3 * torch.randn(370, 29)).to(kind).requires_grad_()
    targets = torch.randint(0, 29, (370,))
    targets[::5] = IGNORED
    plain = F.cross_entropy(logits.float(), targets, ignore_index=IGNORED, reduction="sum")
    (wanted,) = torch.autograd.grad(plain / 7, logits)
    loss, right = mlm_loss(logits, targets)
    assert loss.dtype == torch.float32
    assert float(loss.detach()) == pytest.approx(float(plain.detach()), rel=1e-6)
    assert int(right) == int((logits.argmax(-1) == targets).sum()) > 0
    (grad,) = torch.autograd.grad(loss / 7, logits)
    assert grad.dtype == kind
    assert torch.allclose(
        grad.float(), wanted.float(), atol=1e-7 if kind == torch.float32 else 2e-3
    )


def test_rows_without_a_target_count_nothing() -> None:
    logits = torch.randn(3, 5, requires_grad=True)
    loss, right = mlm_loss(logits, torch.full((3,), IGNORED))
    loss.backward()
    assert float(loss.detach()) == int(right) == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_of_equal_logits_the_first_is_ranked_first() -> None:
    _, right = mlm_loss(torch.zeros(2, 4), torch.tensor([0, 3]))
    assert int(right) == 1
