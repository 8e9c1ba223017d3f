"""How a causal language model reads label words: behind the prompt, one piece after the other.

The pieces that label words have before their last ones stand behind the prompt as a tree, in one
row: each sees the prompt and the pieces before it in its own word, and has the position that it has
there. So a row is computed once, whatever the number of words. Families that take no such mask read
the prompt once for each branch. Batches come with room for the tree, and are padded on the right,
which no token sees.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pet_mtl.cloze.batch import round_up
from pet_mtl.cloze.collate import Batch, FormGroup
from pet_mtl.cloze.label_words import LabelWords
from pet_mtl.cloze.word_tree import WordTree, word_tree
from pet_mtl.model.causal import takes_trees, window
from pet_mtl.model.word_reader import Layout
from pet_mtl.model.word_scores import WordTable, word_table

_UNSEEN = torch.finfo(torch.bfloat16).min  # a number in every format, where fp32's is not
_NO_CACHE = {"use_cache": False}


@dataclass(frozen=True)
class _Tree:
    """A tree of `n` nodes as tensors.

    Attributes:
        pieces: `[n]`.
        depths: `[n]`, from 0.
        sees: `[n, n]` which node sees which: those on its way, itself included.
        branches: `[J, D]` the pieces on the way to each leaf, filled up with zeros; one empty
            branch where there are no nodes.
        lengths: `[J]` pieces of each.
        branch_of: `[n + 1]` a branch on which each place lies.
        depth_of: `[n + 1]` how far along.
    """

    pieces: Tensor
    depths: Tensor
    sees: Tensor
    branches: Tensor
    lengths: Tensor
    branch_of: Tensor
    depth_of: Tensor

    @classmethod
    def of(cls, tree: WordTree) -> "_Tree":
        count, paths = len(tree.pieces), [tree.path(leaf) for leaf in tree.leaves] or [[]]
        sees = torch.zeros(count, count, dtype=torch.bool)
        branch_of = torch.zeros(count + 1, dtype=torch.long)
        for node in range(count):
            sees[node, tree.path(node)] = True
        branches = torch.zeros(len(paths), tree.depth, dtype=torch.long)
        for number, path in enumerate(paths):
            branches[number, : len(path)] = torch.tensor([tree.pieces[node] for node in path])
            branch_of[[node + 1 for node in path]] = number
        depths = torch.tensor(tree.depths, dtype=torch.long)
        return cls(
            torch.tensor(tree.pieces, dtype=torch.long),
            depths - 1,
            sees,
            branches,
            torch.tensor([len(path) for path in paths]),
            branch_of,
            torch.cat([torch.zeros(1, dtype=torch.long), depths]),
        )

    def to(self, device: torch.device) -> "_Tree":
        return _Tree(*(tensor.to(device) for tensor in vars(self).values()))


class CausalReader:
    """Read label words behind prompts.

    Args:
        config: of the model.
        words: the label words of each form.
    """

    lacks: frozenset[str] = frozenset({"altered"})  # other text has its slots elsewhere

    def __init__(self, config: Any, words: Sequence[LabelWords]) -> None:
        self._word_trees = [word_tree(of_form) for of_form in words]
        self._trees = [_Tree.of(tree) for tree in self._word_trees]
        self._packs, self._window = takes_trees(config), window(config)

    def to(self, device: torch.device) -> None:
        self._trees = [tree.to(device) for tree in self._trees]

    def table(self, form: int, words: LabelWords, columns: dict[int, int]) -> WordTable:
        return word_table(words, columns, self._word_trees[form])

    def place(self, group: FormGroup, length: int) -> tuple[Tensor, int]:
        (rows,) = group.prompts.values()
        return rows, len(self._word_trees[group.form].pieces) + 1

    def summary(self, group: FormGroup) -> tuple[Tensor, int]:
        return self.place(group, 0)[0], 1

    def shown(self, group: FormGroup, length: int) -> tuple[Tensor, int]:
        return self.summary(group)

    def layout(self, batch: Batch) -> Layout:
        sizes = [len(self._trees[group.form].pieces) for group in batch.groups]
        length = batch.input_ids.shape[1]
        if not any(sizes) or not self._packs or (self._window and length > self._window):
            return self._apart(batch)
        return self._packed(batch, max(sizes))

    def _packed(self, batch: Batch, most: int) -> Layout:
        """Put each row's tree behind its prompt."""
        device, length = batch.input_ids.device, batch.input_ids.shape[1]
        column, ends = torch.arange(length, device=device), batch.slots[:, 0]
        ids = batch.input_ids.clone()
        text = column < ends[:, None]  # [N, L]
        positions = column * text  # of no padding: there may be none left for it
        sees = torch.ones(length, length, dtype=torch.bool, device=device).tril() & text[:, None]
        sees |= torch.eye(length, dtype=torch.bool, device=device)
        for group in batch.groups:
            tree, (rows,) = self._trees[group.form], group.prompts.values()
            at = ends[rows, None] + column[: len(tree.pieces)]  # [b, n]
            ids[rows[:, None], at] = tree.pieces
            positions[rows[:, None], at] = ends[rows, None] + tree.depths
            sees[rows[:, None, None], at[:, :, None], at[:, None, :]] = tree.sees
        bias = torch.zeros(sees.shape, dtype=torch.float32, device=device)
        bias = bias.masked_fill(~sees, _UNSEEN)
        places = ends[:, None] - 1 + torch.arange(most + 1, device=device)
        more = {"position_ids": positions, **_NO_CACHE}
        return Layout(ids, bias[:, None], places.clamp(0, length - 1), more=more)

    def _apart(self, batch: Batch) -> Layout:
        """Write each prompt once for each branch."""
        device, ends = batch.input_ids.device, batch.slots[:, 0]
        deepest = max(self._trees[group.form].branches.shape[1] for group in batch.groups)
        length = min(round_up(int(ends.max()) + deepest), batch.input_ids.shape[1])
        steps = torch.arange(deepest + 1, device=device)
        most = max(len(self._trees[group.form].depth_of) for group in batch.groups)
        gathered = torch.zeros(len(ends), most, dtype=torch.long, device=device)
        ids, widths, origins = list[Tensor](), list[Tensor](), list[Tensor]()
        done = 0
        for group in batch.groups:
            tree, (rows,) = self._trees[group.form], group.prompts.values()
            (branches, deep), count = tree.branches.shape, len(rows)
            of_group = batch.input_ids[rows, :length].repeat(branches, 1)
            origin, end = rows.repeat(branches), ends[rows].repeat(branches)
            piece = torch.arange(len(origin), device=device)[:, None]
            inside = (steps[:deep] < tree.lengths[:, None]).repeat_interleave(count, 0)
            at = end[:, None] + steps[:deep]
            old = of_group[piece, at]
            pieces = tree.branches.repeat_interleave(count, 0)
            of_group[piece, at] = torch.where(inside, pieces, old)
            number = torch.arange(count, device=device)
            first = done + tree.branch_of * count  # [n + 1] of the first row on each place's branch
            of_rows = (first + number[:, None]) * (deepest + 1) + tree.depth_of
            gathered[rows, : of_rows.shape[1]] = of_rows
            ids.append(of_group)
            origins.append(origin)
            widths.append(end + tree.lengths.repeat_interleave(count))
            done += len(origin)
        origin, width = torch.cat(origins), torch.cat(widths)
        column = torch.arange(length, device=device)
        mask = (column < width[:, None]).to(batch.attention_mask.dtype)
        slots = (ends[origin, None] - 1 + steps).clamp(0, length - 1)
        return Layout(torch.cat(ids), mask, slots, origin, gathered, _NO_CACHE)
