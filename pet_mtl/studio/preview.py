"""A row as the model sees it, and what the model would say at each slot."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from pet_mtl.cloze.form import compile_forms
from pet_mtl.cloze.shown import show_prompt
from pet_mtl.data.rows import Rows
from pet_mtl.suite.task import TaskSpec
from pet_mtl.words.read_tasks import encode_read
from pet_mtl.words.states import Model, compute_states

_TOP = 8


@torch.inference_mode()
def preview(
    model: Model, task: TaskSpec, fields: Mapping[str, str], max_length: int
) -> list[dict[str, Any]]:
    """Show a row in each pattern.

    Returns:
        For each pattern `{"pattern", "prompts": [{"masks", "pieces": [{"text", "kind"}], "slots":
        [[{"piece", "probability"}]]}]}`, one prompt for each length of its label words.

    Raises:
        PetMtlError: see `compile_forms`.
    """
    rows = {task.name: Rows.of({name: [fields[name]] for name in task.fields})}
    found = []
    for form in compile_forms(task, model.tokenizer, max_length).forms:
        prompts, said = encode_read(model, [form], rows, max_length)
        form = prompts.forms[0]
        shown = []
        for masks in form.masks:
            pieces = show_prompt(prompts, 0, model.tokenizer, masks, said[0])
            texts = model.tokenizer.piece_texts([i for i, _ in pieces])
            shown.append(
                {
                    "masks": masks,
                    "pieces": [
                        {"text": text, "kind": kind}
                        for text, (_, kind) in zip(texts, pieces, strict=True)
                    ],
                    "slots": _slots(model, prompts, masks),
                }
            )
        found.append({"pattern": task.patterns[form.pattern], "prompts": shown})
    return found


def _slots(model: Model, prompts: Any, masks: int) -> list[list[dict[str, Any]]]:
    """Return the likeliest pieces at each slot of the only prompt."""
    states = compute_states(model, prompts, np.array([0]), masks)
    every = torch.arange(model.tokenizer.vocab_size, device=model.machine.device)
    logits = states.piece_logits(model.backbone.head, every)[0]
    best = logits.float().softmax(-1).topk(_TOP)
    return [
        [
            {"piece": piece, "probability": p}
            for piece, p in zip(model.tokenizer.piece_texts(ids), values, strict=True)
        ]
        for ids, values in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]
