"""Gradients of pieces in threads are those that `backward` adds up, to the bit."""

import threading

import pytest
import torch
from one_thread import two_threads  # noqa: F401
from torch import Tensor, nn

from pet_mtl.model.row_dropout import begin_rows, seed_of_rows
from pet_mtl.stepping.side_by_side import add_gradients

pytestmark = pytest.mark.usefixtures("two_threads")


class Toy(nn.Module):
    """Sparse lookups whose gradients stay beside dense ones; parameters that only some pieces, or
    none, reach; two whose gradient is one tensor."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.table = nn.Embedding(9, 4, sparse=True)
        self.dense = nn.Linear(4, 4)
        self.twins = nn.ParameterList(nn.Parameter(torch.randn(4)) for _ in range(2))
        self.of_odd = nn.Parameter(torch.randn(4))
        self.idle = nn.Parameter(torch.randn(4))

    def forward(self, number: int) -> Tensor:
        ids = torch.arange(number, number + 6) % 9
        states = self.dense(self.table(ids).tanh()) * (number + 0.3)
        if number % 3 == 0:
            states = states + (self.twins[0] + self.twins[1])
        return (states * self.of_odd if number % 2 else states).square().sum()


def gradients(model: nn.Module) -> dict[str, Tensor | None]:
    return {name: parameter.grad for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("pieces", [range(2), range(5), range(0, 6, 2)])
def test_they_are_those_of_one_after_the_other(pieces: range) -> None:
    threaded, plain = Toy(), Toy()
    for model in (threaded, plain):
        model.table.weight.grad = torch.zeros_like(model.table.weight)
    for number in pieces:
        plain(number).backward()
    parameters = list(threaded.parameters())
    notes = add_gradients(parameters, lambda n: (threaded(n), n), list(pieces))
    assert notes == list(pieces)
    expected = gradients(plain)
    assert expected["idle"] is None
    for name, found in gradients(threaded).items():
        should = expected[name]
        assert (found is None) == (should is None), name
        assert found is None or torch.equal(found, should), name  # type: ignore[arg-type]
    places = [p.grad.data_ptr() for p in threaded.parameters() if p.grad is not None]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("pieces", [1, 3])
def test_gradients_are_laid_out_as_their_parameters(pieces: int) -> None:
    weight = nn.Parameter(torch.randn(3, 2))
    others = torch.randn(pieces, 2, 3)

    def compute(piece: int) -> tuple[Tensor, None]:
        return (weight.t() * others[piece]).sum(), None

    assert torch.autograd.grad(compute(0)[0], weight)[0].stride() != weight.stride()
    add_gradients([weight], compute, range(pieces))
    assert weight.grad is not None
    assert weight.grad.stride() == weight.stride()
    torch.testing.assert_close(weight.grad, others.sum(0).t())


def test_pieces_are_computed_in_threads_with_the_dropout_of_the_step() -> None:
    both = threading.Barrier(2, timeout=30)
    weight = nn.Parameter(torch.ones(2))

    def compute(piece: int) -> tuple[Tensor, int | None]:
        both.wait()  # neither ends before the other has begun
        return (weight * piece).sum(), seed_of_rows()

    begin_rows(11)
    try:
        assert add_gradients([weight], compute, [1, 2, 3, 4]) == [11] * 4
    finally:
        begin_rows(None)
    assert weight.grad is not None
    assert weight.grad.tolist() == [10.0, 10.0]


def test_an_error_comes_out() -> None:
    weight = nn.Parameter(torch.ones(2))

    def compute(piece: int) -> tuple[Tensor, None]:
        if piece == 2:
            raise ValueError("two")
        return weight.sum(), None

    with pytest.raises(ValueError, match="two"):
        add_gradients([weight], compute, [1, 2, 3])
