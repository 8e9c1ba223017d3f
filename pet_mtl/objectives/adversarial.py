"""Adversarial training on the word embeddings that a model looks up (FGM, Miyato et al. 2017)."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn


def word_tables(model: nn.Module) -> list[nn.Embedding]:
    """Return the tables that a model looks words up in; of several encoders, all.

    Encoders of transformers say which they are. Their number of rows does not: tables of positions
    can have more.
    """
    weights = {id(weight) for module in model.modules() for weight in _word_weights(module)}
    tables = [module for module in model.modules() if isinstance(module, nn.Embedding)]
    # by weight: encoder and decoder may look up in modules of their own that share it
    return [table for table in tables if id(table.weight) in weights and table.weight.requires_grad]


def _word_weights(module: nn.Module) -> list[Any]:
    """Return the weight of the words that a module says to look up, if it says so."""
    ask = getattr(module, "get_input_embeddings", None)
    if ask is None:
        return []
    try:
        table = ask()
    except NotImplementedError:  # some inner module that embeds nothing
        return []
    return [table.weight] if hasattr(table, "weight") else []


class Lookups:
    """What one pass looks up, by table and call: the place where a move is found, and where it is
    made.

    The tables themselves stay as they are. Where the output layer is tied to one, its rows have a
    gradient of their own there, the largest part of the table's, which says nothing about the
    inputs.
    """

    def __init__(self, tables: Sequence[nn.Embedding]) -> None:
        self._tables = tables
        self._seen: list[list[Tensor]] = [[] for _ in tables]  # the outputs [N, L, E] of each call

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Keep what is looked up, and after the backward pass its gradient."""
        self._seen = [[] for _ in self._tables]

        def keep(number: int, output: Tensor) -> None:
            if output.requires_grad:
                output.retain_grad()
                self._seen[number].append(output)

        with self._hooked(keep):
            yield

    @contextlib.contextmanager
    def moved(self, size: float) -> Iterator[None]:
        """Let the same lookups give each sequence moved by `size` · g / ‖g‖, g `[L, E]` being its
        own gradient."""
        moves = [iter([move(output.grad, size) for output in seen]) for seen in self._seen]
        self._seen = [[] for _ in self._tables]

        def add(number: int, output: Tensor) -> Tensor | None:
            return output + next(moves[number]) if output.requires_grad else None

        with self._hooked(add):
            yield

    @contextlib.contextmanager
    def _hooked(self, act: Any) -> Iterator[None]:
        def hook(number: int) -> Any:
            return lambda _module, _inputs, output: act(number, output)

        handles = [
            table.register_forward_hook(hook(number)) for number, table in enumerate(self._tables)
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def move(gradient: Tensor | None, size: float) -> Tensor:
    """Return `size` · g / ‖g‖ for each sequence of a gradient `[N, L, E]`, the norm over its words;
    0 without one.

    It is the direction in which the sequence's loss rises fastest: a loss that is small there too
    does not hang on single words. It depends on no other row, so cutting a step into pieces or over
    processes changes nothing.

    >>> move(torch.tensor([[[3.0, 4.0]], [[0.0, 0.0]]]), size=0.5)
    tensor([[[0.3000, 0.4000]],
    <BLANKLINE>
            [[0.0000, 0.0000]]])
    """
    if gradient is None:
        return torch.zeros(())
    norm = gradient.flatten(1).norm(dim=1).view(-1, *[1] * (gradient.dim() - 1))
    fits = (norm > 0) & norm.isfinite()
    return torch.where(fits, gradient * (size / torch.where(fits, norm, 1.0)), 0.0)
