"""What the MLM head reads at the slots of prompts: all that label words are scored from."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pet_mtl.cloze.batch import BatchPlan, cut_batches
from pet_mtl.cloze.collate import collate
from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.console import bar
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.hardware import Machine
from pet_mtl.model.in_threads import in_threads
from pet_mtl.model.mlm_head import MlmHead
from pet_mtl.scoring.log_probs import no_numbers, score_tokens
from pet_mtl.suite.task import TaskSpec

Keys = npt.NDArray[np.uint64]
OnRows = Callable[[int, int], None]  # told how many prompts of how many the model has read
_ROWS_AT_A_TIME = 4096  # fp32 copies of the states stay small


@dataclass(frozen=True)
class SlotStates:
    """The slots of `N` prompts of one pattern with `k` masks each.

    Attributes:
        states: `[N, k, E]`, transformed by the head, in the number format that the model computes
            them in (fp16 for an fp32 model changed the label of 1 in 2,500 TNEWS rows).
        log_normalizer: `[N, k]` fp32, log of the softmax denominator over the whole vocabulary.
    """

    states: Tensor
    log_normalizer: Tensor

    def take(self, indices: npt.NDArray[np.int64]) -> "SlotStates":
        """Return the states of some prompts, in that order."""
        chosen = torch.from_numpy(indices)
        return SlotStates(self.states[chosen], self.log_normalizer[chosen])

    def piece_logits(self, head: MlmHead, ids: Tensor) -> Tensor:
        """Return the fp32 logits `[N, k, U]` of the `U` pieces `ids`, on the CPU."""
        parts = torch.split(self.states, _ROWS_AT_A_TIME)
        return torch.cat([head.piece_logits(part.to(ids.device), ids).cpu() for part in parts])


@dataclass(frozen=True)
class Model:
    """A masked language model with all that is needed to read its slots.

    Attributes:
        backbone: in eval mode on its device.
        tasks: those whose predictions patterns may read.
    """

    backbone: Backbone
    tokenizer: PieceTokenizer
    machine: Machine
    tasks: Mapping[str, TaskSpec] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        mlm: Any,
        tokenizer: PieceTokenizer,
        machine: Machine,
        tasks: Mapping[str, TaskSpec] = {},
    ) -> "Model":
        backbone = Backbone(mlm, machine.attention.value).to(machine.device).eval()
        return cls(backbone, tokenizer, machine, tasks)


def plain_tasks(tasks: Mapping[str, TaskSpec]) -> dict[str, TaskSpec]:
    """Return tasks as they are read before training, without learned parts."""
    return {name: task.without_learned_parts() for name, task in tasks.items()}


@contextmanager
def reading(
    what: str, total: int, on_rows: OnRows | None = None
) -> Iterator[Callable[[int], None]]:
    """Yield what is to be called with the number of rows of each batch; it shows a bar where nobody
    is told."""
    if on_rows is None:
        with bar(f"reading {what}", total) as shown:
            yield shown.advance
        return
    done = 0

    def count(rows: int) -> None:
        nonlocal done
        done += rows
        on_rows(done, total)

    yield count


@torch.inference_mode()
def compute_states(
    model: Model,
    prompts: Prompts,
    items: npt.NDArray[np.int64],
    masks: int,
    on_batch: Callable[[int], None] = lambda rows: None,
) -> SlotStates:
    """Run the model over prompts with a given number of masks.

    Args:
        items: `N` indices into the store.
        on_batch: called with the number of rows after each batch.

    Raises:
        RunError: the model overflows: its states are no numbers.
    """
    prompts = prompts.with_masks(masks)
    place = np.empty(len(prompts), np.int64)
    place[items] = np.arange(len(items))
    states: Tensor | None = None
    log_normalizer = torch.empty(len(items), masks)

    @torch.inference_mode()  # each thread has a mode of its own
    def read(plan: BatchPlan) -> tuple[npt.NDArray[np.int64], Tensor, Tensor]:
        """Return a batch's items, their states and log normalizers."""
        batch = collate(
            prompts, plan, mask_id=model.tokenizer.mask_id, pad_id=model.tokenizer.pad_id
        )
        batch = batch.to(model.machine.device)
        rows = torch.cat([group.prompts[masks] for group in batch.groups])
        numbers = batch.items[torch.cat([group.items for group in batch.groups]).cpu().numpy()]
        with model.machine.autocast():
            found = model.backbone(batch.input_ids, batch.attention_mask, batch.slots)[rows]
            normalizer = model.backbone.head.log_normalizer(found)
        return numbers, found.cpu(), normalizer.cpu()

    plans = list(cut_batches(prompts, items, score_tokens(model.machine)))
    with in_threads(model.machine.device, len(plans)) as each:
        for numbers, found, normalizer in each(read, plans):
            if states is None:
                states = torch.empty(len(items), *found.shape[1:], dtype=found.dtype)
            at = place[numbers]
            states[at], log_normalizer[at] = found, normalizer
            on_batch(len(numbers))
    assert states is not None
    if not log_normalizer.isfinite().all():
        raise no_numbers()
    return SlotStates(states, log_normalizer)


def prompt_keys(prompts: Prompts, items: npt.NDArray[np.int64]) -> Keys:
    """Return a 64-bit hash for each prompt: of its token ids and of where its slot is."""
    size = prompts.ids.itemsize
    data = memoryview(prompts.ids.tobytes())
    starts, ends = prompts.starts[items] * size, prompts.starts[items + 1] * size
    slots = prompts.slot_at[items].astype("<i4").tobytes()
    digests = b"".join(
        blake2b(data[start:end], digest_size=8, salt=slots[4 * n : 4 * n + 4]).digest()
        for n, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True))
    )
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)
