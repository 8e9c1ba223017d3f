"""Changed outputs without changed modules, by argument and by hooks."""

import threading
from concurrent.futures import ThreadPoolExecutor

import torch
import toys
from torch import Tensor, nn

from pet_mtl.model.amendments import NONE, Amendments, amended, hooked, run
from pet_mtl.model.backbone import Backbone


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 2)

    def forward(self, states: Tensor) -> Tensor:
        result: Tensor = self.second(self.first(states))
        return result


X = torch.tensor([[1.0, -2.0]])


def test_a_view_amends_and_its_module_does_not() -> None:
    module = Pair()
    changes: Amendments = {module.first: lambda read, given: given * 2 + read}
    plain, view = module(X), amended(module, changes)
    torch.testing.assert_close(view(X), module.second(module.first(X) * 2 + X))
    torch.testing.assert_close(run(module.first, X, changes), module.first(X) * 2 + X)
    assert torch.equal(module(X), plain)
    assert amended(module, NONE) is module
    assert amended(module, {nn.Linear(2, 2): lambda read, given: read}) is module
    view(X).sum().backward()
    assert module.first.weight.grad is not None  # the parameters are the module's


def test_hooks_give_what_views_give_and_are_taken_away() -> None:
    module = Pair()
    changes: Amendments = {module.second: lambda read, given: given - read}
    with hooked(module, changes):
        found = module(X)
    torch.testing.assert_close(found, amended(module, changes)(X))
    assert not module.second._forward_hooks


def test_threads_with_hooks_take_turns() -> None:
    module, inside, most = Pair(), 0, 0
    counting = threading.Lock()

    def work(number: int) -> bool:
        nonlocal inside, most
        changes: Amendments = {module.first: lambda read, given: given + number}
        with hooked(module, changes):
            with counting:
                inside += 1
                most = max(most, inside)
            same = torch.equal(
                module(X),
                module.second(nn.functional.linear(X, *module.first.parameters()) + number),
            )
            with counting:
                inside -= 1
        return same

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(200)))
    assert most == 1


def test_our_own_path_and_hooks_agree_on_every_module() -> None:
    """Whatever is amended (embeddings, both norms of each layer, the head's norm), the path must
    not pass it by."""
    tokens = toys.piece_tokenizer("wordpiece").vocab_size
    ids, mask, slots = (
        torch.tensor([[2, 7, 9, 3]]),
        torch.ones(1, 4, dtype=torch.long),
        torch.tensor([[1]]),
    )
    for family in ("bert", "roberta", "electra"):
        backbone = Backbone(toys.build_mlm(family, tokens)).eval()
        names = {n: m for n, m in backbone.mlm.named_modules() if isinstance(m, nn.LayerNorm)}
        names["words"] = backbone.mlm.get_input_embeddings()
        for name, module in names.items():
            changes: Amendments = {module: lambda read, given: given * 1.5}
            with torch.no_grad(), hooked(backbone.mlm, changes):
                wanted = backbone(ids, mask, slots)
            with torch.no_grad():
                found = backbone(ids, mask, slots, changes)
                plain = backbone(ids, mask, slots)
            torch.testing.assert_close(found, wanted, msg=f"{family} {name}")
            assert not torch.allclose(found, plain), name
