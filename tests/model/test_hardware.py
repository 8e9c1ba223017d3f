"""How a model of each family runs: families that fail in bf16, families without sdpa."""

import pytest
import torch
import toys

from pet_mtl.errors import PetMtlError
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.hardware import SET, Choice, Machine

CPU, GPU = torch.device("cpu"), torch.device("cuda")
AMX, FUSED = Choice("bf16", "the CPU has AMX"), Choice("sdpa", "fused kernels on the GPU")
IDS = torch.tensor([[5, 6, 7, 8], [9, 10, 11, 12]])


def slots(family: str, machine: Machine) -> torch.Tensor:
    """Return states at the first two tokens, after a backward pass."""
    mlm = toys.build_mlm(family).train()
    with machine.for_model(mlm).autocast():
        states = Backbone(mlm)(IDS, torch.ones_like(IDS), torch.tensor([[0, 1]]).expand(2, -1))
    states.float().sum().backward()
    return states.detach()


@pytest.mark.parametrize("family", ["deberta", "fnet", "deberta-v2"])
def test_each_family_runs_where_bf16_is_chosen(family: str) -> None:
    found = slots(family, Machine(CPU, AMX, Choice("eager", "")))
    assert torch.isfinite(found).all()


@pytest.mark.parametrize(
    ("family", "device", "fails"),
    [
        ("deberta", CPU, True),
        ("deberta", GPU, True),
        ("fnet", CPU, False),
        ("fnet", GPU, True),
        ("bert", GPU, False),
        ("deberta-v2", GPU, False),
    ],
)
def test_bf16_is_chosen_or_set(family: str, device: torch.device, fails: bool) -> None:
    mlm = toys.build_mlm(family)
    found = Machine(device, AMX, FUSED).for_model(mlm).precision
    assert found == (Choice("fp32", f"`{family}` fails in bf16") if fails else AMX)
    asked = Machine(device, Choice("bf16", SET), FUSED)
    if not fails:
        assert asked.for_model(mlm).precision == asked.precision
        return
    with pytest.raises(PetMtlError, match=f"`precision: bf16`: .* `{family}` cannot run in bf16"):
        asked.for_model(mlm)


def test_why_fnet_fails_on_a_gpu() -> None:
    """A GPU's autocast leaves the transform the bf16 that comes in; when torch knows it, FNet goes
    from the list."""
    with pytest.raises(RuntimeError, match="Unsupported dtype BFloat16"):
        torch.fft.fftn(torch.ones(2, 4, 4, dtype=torch.bfloat16), dim=(1, 2))


def test_attention_that_a_family_lacks_is_told() -> None:
    mlm = toys.build_mlm("deberta-v2")
    for asked, told in ((FUSED, ""), (Choice("sdpa", SET), "sdpa is set, but ")):
        found = Machine(CPU, AMX, asked).for_model(mlm)
        assert str(found).endswith(f"eager attention ({told}`deberta-v2` has no sdpa)")
    bert = toys.build_mlm("bert")
    bert.config._attn_implementation = "sdpa"  # as the loader leaves it
    assert Machine(CPU, AMX, FUSED).for_model(bert).attention == FUSED
