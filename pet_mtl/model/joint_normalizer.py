"""The softmax denominators of a batch, computed together: each call of a head over the whole
vocabulary has a gradient of the size of its decoder."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pet_mtl.cloze.collate import FormGroup
from pet_mtl.model.mlm_head import MlmHead

Place = Callable[[FormGroup, int], tuple[Tensor, int]]
_SLOTS_AT_A_TIME = 512  # their logits over the whole vocabulary are in memory together


class JointNormalizer:
    """The log of the softmax denominator at the slots of a batch.

    Args:
        head: reads the states.
        states: `[N, M, E]`, what the head's decoder reads.
        together: the groups whose denominators are needed all or none; they are computed in one go
            when the first is asked for. Those of other groups are computed each by itself.
        place: for a group and a length of words, the prompts that these are read in and how many
            of their slots; see `WordReader.place`.
    """

    def __init__(
        self,
        head: MlmHead,
        states: Tensor,
        together: Sequence[FormGroup],
        place: Place,
    ) -> None:
        self._head, self._states, self._together = head, states, together
        self._place = place
        self._found: dict[tuple[int, int], Tensor] = {}

    def of(self, group: FormGroup) -> Callable[[int], Tensor]:
        """Return what gives the denominators `[b, P]` at the slots of words of `P` pieces."""

        def of_length(length: int) -> Tensor:
            rows, count = self._place(group, length)
            if not any(group is one for one in self._together):
                return self._head.log_normalizer(self._states[rows, :count])
            if not self._found:
                self._compute()
            return self._found[group.form, count]

        return of_length

    def _compute(self) -> None:
        """Take the slots of all prompts, whatever their number of masks, as rows of one table."""
        wide = self._states.shape[1]
        keys, places = [], []
        for group in self._together:
            for length in group.prompts:
                prompts, count = self._place(group, length)
                keys.append((group.form, count))
                slots = torch.arange(count, device=prompts.device)
                places.append(prompts[:, None] * wide + slots)
        rows = self._states.flatten(0, 1)[torch.cat([each.flatten() for each in places])]
        parts = [self._head.log_normalizer(part) for part in torch.split(rows, _SLOTS_AT_A_TIME)]
        of_key = torch.split(torch.cat(parts), [each.numel() for each in places])
        for key, each, found in zip(keys, places, of_key, strict=True):
            self._found[key] = found.view(each.shape)
