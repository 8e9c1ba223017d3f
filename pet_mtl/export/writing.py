"""How a row's text becomes token ids, as plain values that need no code of ours to be followed."""

from collections.abc import Sequence
from typing import Any

from pet_mtl.cloze.form import Form, FormPart
from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.export.label_graph import prompt_places
from pet_mtl.kinds import kind_of
from pet_mtl.kinds.multi_label import MultiLabel
from pet_mtl.kinds.similarity import Similarity
from pet_mtl.suite.task import TaskSpec


def writing(
    task: TaskSpec,
    forms: Sequence[Form],
    tokenizer: PieceTokenizer,
    max_length: int,
) -> dict[str, Any]:
    """Return what `labels.json` holds: labels, what makes a decision of their log-probabilities,
    fields in the order in which `predict` takes them, and for each prompt its parts.

    A part is constant `ids`, a `field`, or a number of `masks`. A field is tokenised behind its
    `lead`, whose pieces are then taken off, and shortened with the other fields of its prompt to
    `room` tokens together.
    """
    prompts = []
    for place in prompt_places(forms):
        form = forms[place.form]
        prompts.append(
            {
                "room": form.room(max_length),
                "masks": place.masks,
                "parts": [_part(part, place.masks, tokenizer) for part in form.parts],
            }
        )
    return {
        "version": 1,
        "task": task.name,
        "labels": list(task.verbalizer.labels),
        **_decision(task),
        "fields": list(task.fields),
        "max_length": max_length,
        "pad": tokenizer.pad_id,
        "special": tokenizer.special_ids,
        "harmless": tokenizer.harmless_id,
        "prompts": prompts,
    }


def _decision(task: TaskSpec) -> dict[str, Any]:
    """Return of sets the probabilities from which labels are chosen, of numbers their range."""
    kind = kind_of(task)
    if isinstance(kind, MultiLabel):
        return {"thresholds": kind.thresholds.tolist()}
    return {"range": list(kind.spec.range)} if isinstance(kind, Similarity) else {}


def _part(part: FormPart, masks: int, tokenizer: PieceTokenizer) -> dict[str, Any]:
    if part.is_slot:
        return {"ids": [tokenizer.mask_id] * masks, "slot": True}
    if part.field is None:
        return {"ids": list(part.ids)}
    return {"field": part.field, **tokenizer.lead(space_before=part.space_before)}
