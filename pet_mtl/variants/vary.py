"""Texts of which some pieces are what a masked language model puts there."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from pet_mtl.cloze.shorten import shorten
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.console import bar
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.hardware import Machine
from pet_mtl.pretraining.mlm_model import MlmBatch, mlm_batch
from pet_mtl.pretraining.rows import RowBatch
from pet_mtl.variants.stand_ins import StandIns

MOST_PIECES = 256  # of a row; what a longer one goes on with stays as it is
_LIKELIEST = 12  # pieces that are drawn from
_TOKENS = 2048  # of a batch
_BLOCK = 512  # rows that are cut into pieces at a time
_CHARACTERS = 8 * MOST_PIECES  # of a text that are cut into pieces


@dataclass(frozen=True)
class _Masked:
    """A row whose masked pieces are to be drawn.

    Attributes:
        row: its number.
        ids: `L` pieces that the model reads, none masked yet.
        masked: `n` positions in `ids`.
        spans: `n` pairs of characters `[start, end)` of the text that is varied.
        draws: `n` numbers in [0, 1).
    """

    row: int
    ids: npt.NDArray[np.int64]
    masked: npt.NDArray[np.int64]
    spans: list[tuple[int, int]]
    draws: npt.NDArray[np.float64]


class Varier:
    """A masked language model that varies texts."""

    def __init__(self, backbone: Backbone, tokenizer: PieceTokenizer, machine: Machine) -> None:
        self._backbone = backbone.to(machine.device).eval()
        self._tokenizer, self._machine = tokenizer, machine
        self._stand_ins = StandIns(tokenizer)
        positions = getattr(backbone.mlm.config, "max_position_embeddings", None) or MOST_PIECES
        framed = len(tokenizer.start_ids) + len(tokenizer.end_ids)
        self._room = min(MOST_PIECES, positions - 2) - framed

    def vary(
        self,
        rows: Sequence[Sequence[str]],
        field: int,
        rate: float,
        generator: np.random.Generator,
        title: str,
    ) -> list[str | None]:
        """Return one text of each row anew, None where it has no piece that may be replaced.

        Args:
            rows: the texts of each; the model reads all of them.
            field: which text is varied.
            rate: share of its pieces that are replaced, at least one.
            generator: draws in the order of the rows, so batches change nothing.
            title: of the progress bar.
        """
        varied: list[str | None] = [None] * len(rows)
        with bar(title, len(rows)) as shown:
            for start in range(0, len(rows), _BLOCK):
                block = rows[start : start + _BLOCK]
                for batch in _batches(self._mask(block, field, rate, generator)):
                    for row, text in self._fill(batch, [texts[field] for texts in block]):
                        varied[start + row] = text
                shown.advance(len(block))
        return varied

    def _mask(
        self,
        rows: Sequence[Sequence[str]],
        field: int,
        rate: float,
        generator: np.random.Generator,
    ) -> Iterator[_Masked]:
        """Yield the rows that have something to replace, the text that is varied before the
        others."""
        tokenizer, separator = self._tokenizer, self._tokenizer.end_ids[:1]
        texts = [[text[:_CHARACTERS] for text in of_field] for of_field in zip(*rows, strict=True)]
        placed = tokenizer.encode_placed(texts.pop(field))
        columns = [[ids for ids, _ in placed], *map(tokenizer.encode, texts)]
        lengths = [np.array([len(ids) for ids in column]) for column in columns]
        kept = shorten(lengths, self._room - len(columns))
        for row, (_, spans) in enumerate(placed):
            parts = [column[row][: of[row]] for column, of in zip(columns, kept, strict=True)]
            places = self._stand_ins.places(rows[row][field], parts[0], spans[: len(parts[0])])
            if not places:
                continue
            count = max(1, round(rate * len(places)))
            chosen = np.sort(generator.choice(places, count, replace=False))
            ids = [*tokenizer.start_ids, *parts[0]]
            for part in parts[1:]:
                ids += [*separator, *part]
            yield _Masked(
                row,
                np.array([*ids, *tokenizer.end_ids]),
                chosen + len(tokenizer.start_ids),
                [spans[place] for place in chosen],
                generator.random(count),
            )

    @torch.inference_mode()
    def _fill(self, batch: Sequence[_Masked], texts: Sequence[str]) -> Iterator[tuple[int, str]]:
        """Yield row numbers and their texts anew.

        Args:
            batch: rows of about the same length.
            texts: of the field that is varied.
        """
        lengths = np.array([len(row.ids) for row in batch])
        ids = np.full((len(batch), lengths.max()), self._tokenizer.pad_id)
        masked = np.zeros(ids.shape, bool)
        for number, row in enumerate(batch):
            ids[number, : len(row.ids)] = row.ids
            masked[number, row.masked] = True
        read = RowBatch(ids, lengths, masked, None, None, np.arange(len(batch)), int(lengths.sum()))
        asked = mlm_batch(read, np.where(masked, self._tokenizer.mask_id, ids), masked)
        found = iter(self._draw(asked, np.concatenate([row.draws for row in batch])))
        for row in batch:
            text, end = texts[row.row], 0
            parts = []
            for start, stop in row.spans:
                start += len(text[start:stop]) - len(text[start:stop].lstrip())
                parts += [text[end:start], self._stand_ins.texts[next(found)]]
                end = stop
            yield row.row, "".join([*parts, text[end:]])

    def _draw(self, asked: MlmBatch, draws: npt.NDArray[np.float64]) -> list[int]:
        """Return a piece for each masked one: of the likeliest, each as often as it is likely."""
        asked = asked.to(self._machine.device)
        with self._machine.autocast():
            states = self._backbone(asked.input_ids, asked.attention_mask, asked.slots)
            masked = states.flatten(0, 1)[asked.at[: asked.masked]]
            logits = self._backbone.head.logits(masked).float()
        allowed = self._stand_ins.only_these(logits, asked.targets[: asked.masked])
        likely = allowed.topk(min(_LIKELIEST, allowed.shape[1]))
        below = likely.values.softmax(-1).cumsum(-1).cpu() <= torch.from_numpy(draws)[:, None]
        # the last one that may be drawn has what rounding leaves of 1
        below &= likely.values.roll(-1, 1).isfinite().cpu()
        drawn = below[:, :-1].sum(-1, keepdim=True).to(likely.indices.device)
        found: list[int] = likely.indices.gather(1, drawn)[:, 0].tolist()
        return found


def _batches(rows: Iterable[_Masked]) -> Iterator[list[_Masked]]:
    """Yield rows of about the same length, `_TOKENS` of them with their padding."""
    batch: list[_Masked] = []
    for row in sorted(rows, key=lambda row: len(row.ids)):
        if batch and (len(batch) + 1) * len(row.ids) > _TOKENS:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
