"""What the model would say at the slots of a prompt, of its whole vocabulary."""

import numpy as np
import torch

from pet_mtl.cloze.batch import BatchPlan, round_up
from pet_mtl.cloze.encode import Prompts
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.model.cloze_model import ClozeModel
from pet_mtl.model.hardware import Machine
from pet_mtl.scoring.chain import chained_batch


def top_pieces(
    model: ClozeModel,
    prompts: Prompts,
    item: int,
    length: int,
    machine: Machine,
    tokenizer: PieceTokenizer,
    most: int,
) -> list[list[tuple[str, float]]]:
    """Return, for each slot of a prompt with `length` masks, the likeliest pieces and their
    probabilities."""
    variants = prompts.forms[prompts.form[item]].masks
    plan = BatchPlan(np.array([item]), round_up(int(prompts.lengths[item])), len(variants))
    batch = chained_batch(model, prompts, plan, machine, tokenizer).to(machine.device)
    row, count = model.reader.shown(batch.groups[0], length)
    if model.training:
        model.eval()
    with torch.inference_mode(), machine.autocast():
        head = model.backbone.head
        states = model.states(batch)[row, :count]
        logits = head.piece_logits(
            states, torch.arange(tokenizer.vocab_size, device=machine.device)
        )[0]
    best = logits.softmax(-1).topk(most)
    return [
        list(zip(tokenizer.piece_texts(ids), values, strict=True))
        for ids, values in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]
