"""Load a model with its tokenizer; load a teacher and find what it teaches."""

from dataclasses import dataclass, replace
from typing import Any

from pet_mtl.cloze.tokenizer import PieceTokenizer
from pet_mtl.console import say
from pet_mtl.model.backbone import Backbone, check_length
from pet_mtl.model.hardware import Machine
from pet_mtl.pretraining.request import PretrainRequest
from pet_mtl.pretraining.settings import PretrainSettings
from pet_mtl.pretraining.teacher import Lesson, TaughtModel
from pet_mtl.pretraining.teacher_checks import check_same_vocabulary, find_lesson, weights_digest
from pet_mtl.pretraining.vocabulary import check_vocabulary
from pet_mtl.storage.pretrained import load_masked_lm, load_tokenizer, resolve_model


def whole_model(
    folder: str, settings: PretrainSettings, machine: Machine, dropout: float | None = None
) -> tuple[PieceTokenizer, Any]:
    """Return the tokenizer and the model of a folder, checked against each other and the rows."""
    tokenizer = PieceTokenizer(load_tokenizer(folder))
    rate = dropout if settings.dropout is None else settings.dropout
    mlm = load_masked_lm(folder, attention=machine.attention.value, dropout=rate)
    check_vocabulary(tokenizer.tokenizer, mlm, folder)
    check_length(mlm, settings.max_length, "set `-s max_length={}`")
    return tokenizer, mlm


@dataclass(frozen=True)
class Teaching:
    """A teacher and what is learned from it.

    Attributes:
        teacher: frozen, in evaluation mode, on the run's device.
        lesson: what is learned.
        digest: of its weights.
    """

    teacher: Backbone
    lesson: Lesson
    digest: str

    def model(self, backbone: Backbone) -> TaughtModel:
        """Return a model that learns from it."""
        return TaughtModel(backbone, self.teacher, self.lesson)


def suited(machine: Machine, mlm: Any, teaching: Teaching | None) -> Machine:
    """Return how a model and its teacher run, which share a number format.

    Raises:
        PetMtlError: bf16 was set, and one of them cannot.
    """
    machine = machine.for_model(mlm)
    if teaching is None:
        return machine
    return replace(machine, precision=machine.for_model(teaching.teacher.mlm).precision)


def load_teaching(
    request: PretrainRequest, tokenizer: PieceTokenizer, mlm: Any, machine: Machine
) -> Teaching | None:
    """Return the teacher of a run, if it has one.

    Raises:
        PetMtlError: it cannot be loaded, or cannot teach this model.
    """
    if request.teacher is None:
        return None
    where = f"--teacher {request.teacher}"
    its, teacher = whole_model(resolve_model(request.teacher), request.settings, machine, 0.0)
    check_same_vocabulary(tokenizer, its, where)
    lesson = find_lesson(request.settings.teacher, mlm, teacher, where)
    teacher.requires_grad_(False).eval()
    told = [
        f"{name} ({weight:g}"
        + "".join(f", {mine} from {its}" for mine, its in lesson.pairs.get(name, ()))
        + (f", {lesson.heads} heads)" if name == "relations" else ")")
        for name, weight in lesson.weights.items()
    ]
    say(f"teacher: {request.teacher}: {'; '.join(told)}")
    for line in request.settings.teacher.idle:
        say(f"warning: {line}")
    frozen = Backbone(teacher, machine.attention.value).to(machine.device)
    return Teaching(frozen, lesson, weights_digest(teacher))
