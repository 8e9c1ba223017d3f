"""What tasks add to a cloze model: learned pieces, learned verbalizers, learned factors of their
patterns."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pet_mtl.cloze.form import Compiled, Form
from pet_mtl.cloze.label_words import LabelWords
from pet_mtl.model.backbone import Backbone
from pet_mtl.model.soft_pieces import SoftPieces, soft_ids
from pet_mtl.model.verbalizers.prototypical import Prototypical
from pet_mtl.model.verbalizers.reader import LabelReader, Reading
from pet_mtl.model.verbalizers.soft import Soft
from pet_mtl.model.verbalizers.weighted import Weighted
from pet_mtl.suite.task import TaskSpec


class OwnParts(nn.Module):
    """The learned parts of all tasks.

    Attributes:
        soft: learned pieces, where a pattern has some.
        readers: learned verbalizers, by task.
        factors: by task, the logs of what each pattern's scores are multiplied by.
    """

    def __init__(self, forms: Sequence[Form]) -> None:
        super().__init__()
        self.soft: SoftPieces | None = None
        self.readers = nn.ModuleDict()
        self.factors = nn.ParameterDict()
        self._forms = [(_key(form.task), form.pattern) for form in forms]

    def scores(self, form: int, reading: Reading) -> Tensor | None:
        """Return label scores `[b, K]` of a form; None where its verbalizer is manual."""
        key = self._forms[form][0]
        return self.readers[key](reading) if key in self.readers else None

    def scaled(self, form: int, scores: Tensor) -> Tensor:
        """Return label scores `[b, K]` times the pattern's factor."""
        key, pattern = self._forms[form]
        return scores * self.factors[key][pattern].exp() if key in self.factors else scores


def build_own_parts(
    backbone: Backbone, compiled: Compiled, tasks: Sequence[TaskSpec]
) -> OwnParts | None:
    """Return the learned parts that tasks ask for; None for plain tasks.

    Raises:
        PetMtlError: the model's family cannot have them.
    """
    forms = compiled.forms
    parts = OwnParts(forms)
    if any(map(soft_ids, forms)):
        parts.soft = SoftPieces(backbone.mlm, forms)
    for task in tasks:
        each = zip(forms, compiled.words, strict=True)
        words = [of_form for form, of_form in each if form.task == task.name]
        reader = _reader(task, backbone, words) if words else None
        if reader is not None:
            parts.readers[_key(task.name)] = reader
        if task.pattern_weights == "learned" and len(task.patterns) > 1:
            parts.factors[_key(task.name)] = nn.Parameter(torch.zeros(len(task.patterns)))
    return parts if any(True for _ in parts.parameters()) else None


def _reader(task: TaskSpec, backbone: Backbone, words: Sequence[LabelWords]) -> LabelReader | None:
    match task.verbalizer_kind.name:
        case "weighted" | "knowledgeable":
            return Weighted(words)
        case "soft":
            return Soft(backbone.head, words)
        case "prototypical":
            return Prototypical(backbone.head, words, task.verbalizer_kind.size)
        case _:
            return None


def _key(task: str) -> str:
    return f"task_{task}"  # a module cannot hold one of the name `keys` or `type`
