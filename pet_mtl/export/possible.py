"""Which tasks can be exported, and why others cannot."""

from typing import Any

from pet_mtl.errors import PetMtlError
from pet_mtl.model.methods import capabilities
from pet_mtl.model.mlm_head import SplitHead, split_head
from pet_mtl.scoring.loaded import LoadedModel
from pet_mtl.suite.task import TaskSpec

_SERVE = "`pet-mtl serve` takes every checkpoint"
_ONNX = (
    "`pet-mtl export --format onnx` takes several patterns, word lengths and aggregations; "
    f"{_SERVE}"
)


def require_graph(loaded: LoadedModel, task: TaskSpec) -> SplitHead:
    """Return the split head of a model whose scoring of a task is nothing but its masked language
    model and label words.

    Raises:
        PetMtlError: with all reasons why that is not so.
    """
    return _require(loaded, task, _graph_reasons(loaded, task), _SERVE)


def require_fold(loaded: LoadedModel, task: TaskSpec) -> SplitHead:
    """Return the split head of a model whose label words of a task fold into one token a label.

    Raises:
        PetMtlError: with all reasons why they do not.
    """
    never = _graph_reasons(loaded, task)
    return _require(loaded, task, never + _fold_reasons(loaded, task), _SERVE if never else _ONNX)


def _require(loaded: LoadedModel, task: TaskSpec, reasons: list[str], hint: str) -> SplitHead:
    if reasons:
        raise PetMtlError(
            f"task `{task.name}` cannot be exported so: {'; '.join(reasons)}", hint=hint
        )
    head = split_head(loaded.mlm)
    assert head is not None
    return head


def _graph_reasons(loaded: LoadedModel, task: TaskSpec) -> list[str]:
    able, method = capabilities(loaded.suite.method), loaded.suite.method.name
    reasons = []
    if not (able.reads_words and able.words_alone):
        reasons.append(f"method `{method}` scores with parts of its own")
    if task.long_text != "head":
        reasons.append(f"`long_text: {task.long_text}` is more than the start of a text")
    if task.learned_parts:
        reasons.append(f"it has learned parts: {', '.join(task.learned_parts)}")
    if task.reads:
        read = ", ".join(f"`{name}`" for name in task.reads)
        reasons.append(f"its pattern holds what {read} predicts, and a file scores one task alone")
    if loaded.tokenizer.causal:
        reasons.append("its model is causal: label words stand behind the text, not at masks")
    if split_head(loaded.mlm) is None:
        reasons.append(f"the head of a `{loaded.mlm.config.model_type}` model is not known")
    if getattr(loaded.tokenizer.tokenizer, "backend_tokenizer", None) is None:
        reasons.append("its tokenizer has no `tokenizer.json`")
    return reasons


def _fold_reasons(loaded: LoadedModel, task: TaskSpec) -> list[str]:
    compiled = loaded.compiled.of_task(task.name)
    form = compiled.forms[0]
    reasons = []
    if not task.kind_spec.facts.plain:
        reasons.append(f"`{task.told_kind}` is more than the likeliest label word")
    if len(task.patterns) > 1:
        reasons.append(f"it has {len(task.patterns)} patterns, and a text is written in one")
    if task.aggregation != "mean":
        reasons.append(f"`aggregation: {task.aggregation}` is not linear")
    if form.masks != (1,):
        lengths = " and ".join(map(str, form.masks))
        reasons.append(
            f"its label words have {lengths} pieces, and a token of the vocabulary is read at one "
            "mask"
        )
    fields = [part for part in form.parts if part.field is not None]
    if not 1 <= len(fields) <= 2 or len({part.field for part in fields}) != len(fields):
        reasons.append("its pattern must have one or two fields, each once")
    if len({part.space_before for part in fields}) > 1:
        reasons.append("a space stands before one of its fields only")
    head = split_head(loaded.mlm)
    if head is not None and (head.decoder()[1] is None or not _is_tied(loaded.mlm, head)):
        reasons.append("its head has no bias, or is not tied to the word embeddings")
    elif head is not None and loaded.mlm.get_output_embeddings().weight is not head.decoder()[0]:
        reasons.append("transformers takes another layer for its decoder, and cannot add tokens")
    return reasons


def _is_tied(mlm: Any, head: SplitHead) -> bool:
    return head.decoder()[0] is mlm.get_input_embeddings().weight
